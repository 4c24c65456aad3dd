package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

const (
	// shareFor is how long the answer to a list serves others that want the same:
	// groups that tick together cost one list.
	shareFor = time.Second
	// tablesWait bounds the list of one subscription, repetitions included: one that
	// does not answer must not hold up the move in the others.
	tablesWait = 20 * time.Second
	// visibleFor is how long the list of visible subscriptions is believed.
	visibleFor = 10 * time.Minute
)

// tableLists holds the newest list of route tables of each subscription. The
// zero value is ready.
type tableLists struct {
	mu    sync.Mutex
	lists map[string]*tableList
}

type tableList struct {
	turn  gate
	mu    sync.Mutex // guards what follows
	began time.Time
	items []tableItem
}

// tableItem is a table that is parsed only if its tags select it.
type tableItem struct {
	tags map[string]string
	raw  json.RawMessage
}

func (l *tableLists) of(subscription string) *tableList {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists == nil {
		l.lists = map[string]*tableList{}
	}
	key := strings.ToLower(subscription)
	if l.lists[key] == nil {
		l.lists[key] = &tableList{turn: newGate()}
	}
	return l.lists[key]
}

// forget makes the next list a new one, after a write.
func (l *tableLists) forget(subscription string) {
	t := l.of(subscription)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = time.Time{}
}

// Tables returns the route tables that the selection's tag selects, in all
// subscriptions in question. It costs one list per subscription, shared by all
// callers of the same second. What could be read is returned together with an
// error for the rest: a subscription that does not answer, a malformed table.
func (c *Client) Tables(ctx context.Context, selection route.Selection) ([]route.Table, error) {
	subscriptions, err := c.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	items := make([][]tableItem, len(subscriptions))
	failed := make([]error, len(subscriptions))
	var g errgroup.Group
	for i, s := range subscriptions {
		g.Go(func() error {
			if items[i], failed[i] = c.listTables(ctx, s); failed[i] != nil {
				failed[i] = fmt.Errorf("list route tables of subscription %s: %w", s, failed[i])
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed
	var tables []route.Table
	var malformed []error
	for _, list := range items {
		for _, item := range list {
			if !selection.Table(item.tags) {
				continue
			}
			t, err := route.Parse(item.raw)
			if err != nil {
				malformed = append(malformed, err)
				continue
			}
			tables = append(tables, t)
		}
	}
	return tables, errors.Join(slices.Concat(failed, malformed)...)
}

func (c *Client) listTables(ctx context.Context, subscription string) ([]tableItem, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tablesWait, fmt.Errorf("not complete within %s", tablesWait))
	defer cancel()
	l, asked := c.tables.of(subscription), time.Now()
	if err := l.turn.enter(ctx); err != nil {
		return nil, err
	}
	defer l.turn.leave()
	now := time.Now()
	if items, ok := l.young(asked, now); ok {
		return items, nil
	}
	var items []tableItem
	path := "/subscriptions/" + subscription + "/providers/Microsoft.Network/routeTables"
	err := c.list(ctx, c.get, providerNetwork, path, nil, func(raw json.RawMessage) error {
		var head struct {
			Tags map[string]string `json:"tags"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return fmt.Errorf("decode route table: %w", err)
		}
		items = append(items, tableItem{tags: head.Tags, raw: raw})
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.items = now, items
	return items, nil
}

// young returns the newest list if it will do for somebody who has asked then: one
// that began while he waited does, however long it took. Otherwise all who wait would
// list one after the other as soon as a list takes longer than shareFor.
func (l *tableList) young(asked, now time.Time) ([]tableItem, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.items, !l.began.IsZero() && (!l.began.Before(asked) || now.Sub(l.began) < shareFor)
}

// Table reads one route table by its id, which is what to trust after a write.
func (c *Client) Table(ctx context.Context, id appliance.ResourceID) (route.Table, error) {
	a, err := c.get(ctx, providerNetwork, string(id), nil)
	if err != nil {
		return route.Table{}, err
	}
	t, err := route.Parse(a.Body)
	if t.ETag == "" {
		t.ETag = a.Header.Get("ETag")
	}
	return t, err
}

// Subscriptions returns the configured subscriptions or, if none are, those that
// the credential can see.
func (c *Client) Subscriptions(ctx context.Context) ([]string, error) {
	if len(c.subscriptions) > 0 {
		return c.subscriptions, nil
	}
	if err := c.visibleTurn.enter(ctx); err != nil {
		return nil, err
	}
	defer c.visibleTurn.leave()
	if now := time.Now(); !c.seen.IsZero() && now.Sub(c.seen) < visibleFor {
		return c.visible, nil
	}
	var ids []string
	err := c.list(ctx, c.get, providerResources, "/subscriptions", nil, func(raw json.RawMessage) error {
		var s struct {
			ID    string `json:"subscriptionId"`
			State string `json:"state"`
		}
		if err := json.Unmarshal(raw, &s); err != nil || s.ID == "" {
			return fmt.Errorf("decode subscription: %.80q", raw)
		}
		// A deleted one is listed for a while yet, and answers nothing but errors.
		if !strings.EqualFold(s.State, "Deleted") {
			ids = append(ids, s.ID)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	if len(ids) == 0 {
		return nil, errors.New("list subscriptions: the identity can see none; give it Reader on one, or name them in azure.subscriptions")
	}
	c.visible, c.seen = ids, time.Now()
	return ids, nil
}
