package azure

import (
	"cmp"
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

// tableLists holds the newest list of route tables of each subscription, and the newest
// look at all of them. The zero value is ready.
type tableLists struct {
	mu    sync.Mutex
	lists map[string]*tableList
	// tags are the names by which tables are selected; of others only a digest is kept.
	tags []string
	// look is the newest one; nil if the next caller shall make one.
	look *tableLook
	// joined is what the newest look has found.
	joined   *joinedTables
	squeezer squeezer
}

// tableLook is one look at all subscriptions, for all who want one in the same second.
type tableLook struct {
	began time.Time
	// done is closed when what follows is set.
	done  chan struct{}
	found *joinedTables
	// failed are the errors of subscriptions, and cut says that whoever looked had no
	// more time, so that it says nothing.
	failed []error
	cut    bool
}

// joinedTables are the tables of all subscriptions. They are not changed.
type joinedTables struct {
	lists []*listedTables // nil for one that was not read
	// byValue has, for each value of a tag, the tables of each list.
	byValue map[string][][]*listedTable
}

// tableList is the newest list of one subscription.
type tableList struct {
	turn  gate
	mu    sync.Mutex // guards what follows
	began time.Time
	list  *listedTables
}

// listedTables are the tables of one subscription. They are not changed.
type listedTables struct {
	all []*listedTable
	// byValue has the tables by the values of those of their tags that select tables.
	byValue map[string][]*listedTable
	// byDigest finds a table that has another place than in the list before.
	byDigest func() map[digest]*listedTable
}

// listedTable is a table as a list has shown it. It is not changed: one that a list
// shows as the list before did is the same.
type listedTable struct {
	packed
	// table is parsed, and without its raw JSON, which is packed. Tables that nobody
	// could select are not parsed.
	table route.Table
	tags  map[string]string
	err   error // of parsing
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
	t.began = time.Time{}
	t.mu.Unlock()
	l.mu.Lock()
	l.look = nil
	l.mu.Unlock()
}

// join returns the look that is young enough to be shared, or a new one, which the
// caller must make.
func (l *tableLists) join(selection route.Selection, now time.Time) (look *tableLook, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.ContainsFunc(l.tags, func(known string) bool { return strings.EqualFold(known, selection.TagName) }) {
		// What was not parsed before may be selected now.
		l.tags = append(slices.Clip(l.tags), selection.TagName)
		l.lists, l.look, l.joined = nil, nil, nil
	}
	if l.look != nil && now.Sub(l.look.began) < shareFor {
		return l.look, false
	}
	l.look = &tableLook{began: now, done: make(chan struct{})}
	return l.look, true
}

// end tells those who wait what was found. One that failed serves only them.
func (l *tableLists) end(look *tableLook, lists []*listedTables, failed []error, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look.failed, look.cut = failed, cut
	if l.joined == nil || !slices.Equal(l.joined.lists, lists) {
		l.joined = joinTables(lists)
	}
	look.found = l.joined
	if l.look == look && (cut || errors.Join(failed...) != nil) {
		l.look = nil
	}
	close(look.done)
}

func joinTables(lists []*listedTables) *joinedTables {
	j := &joinedTables{lists: lists, byValue: map[string][][]*listedTable{}}
	for _, l := range lists {
		if l == nil {
			continue
		}
		for value, tables := range l.byValue {
			j.byValue[value] = append(j.byValue[value], tables)
		}
	}
	return j
}

// Tables returns the route tables that the selection's tag selects, in all
// subscriptions in question, without their raw JSON: Apply knows it. It costs one list
// per subscription, shared by all callers of the same second. What could be read is
// returned together with an error for the rest: a subscription that does not answer, a
// malformed table.
func (c *Client) Tables(ctx context.Context, selection route.Selection) ([]route.Table, error) {
	subscriptions, err := c.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	for {
		look, mine := c.tables.join(selection, time.Now())
		if mine {
			c.lookAtTables(ctx, look, subscriptions)
		}
		select {
		case <-look.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("list route tables: %w", context.Cause(ctx))
		}
		if mine || !look.cut || ctx.Err() != nil {
			return look.selected(selection)
		}
	}
}

// selected returns the tables of a selection.
func (l *tableLook) selected(selection route.Selection) ([]route.Table, error) {
	var tables []route.Table
	errs := l.failed
	for _, list := range l.found.byValue[selection.TagValue] {
		for _, t := range list {
			switch {
			case !selection.Table(t.tags):
			case t.err != nil:
				errs = append(slices.Clip(errs), t.err)
			default:
				tables = append(tables, t.table)
			}
		}
	}
	return tables, errors.Join(errs...)
}

// lookAtTables reads the lists that are not young.
func (c *Client) lookAtTables(ctx context.Context, look *tableLook, subscriptions []string) {
	lists := make([]*listedTables, len(subscriptions))
	failed := make([]error, len(subscriptions))
	var g errgroup.Group
	for i, s := range subscriptions {
		g.Go(func() error {
			if lists[i], failed[i] = c.listTables(ctx, s); failed[i] != nil {
				failed[i] = fmt.Errorf("list route tables of subscription %s: %w", s, failed[i])
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed
	c.tables.end(look, lists, few(slices.DeleteFunc(failed, func(err error) bool { return err == nil })), ctx.Err() != nil)
}

// mostNamed is how many subscriptions are named that could not be read: each group says
// so in each tick.
const mostNamed = 5

// few returns not more than mostNamed errors, the last of which counts the rest.
func few(failed []error) []error {
	if len(failed) <= mostNamed {
		return failed
	}
	rest := fmt.Errorf("and %d more subscriptions, the last: %w", len(failed)-mostNamed+1, failed[len(failed)-1])
	return append(slices.Clone(failed[:mostNamed-1]), rest)
}

func (c *Client) listTables(ctx context.Context, subscription string) (*listedTables, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tablesWait, fmt.Errorf("not complete within %s", tablesWait))
	defer cancel()
	l, asked := c.tables.of(subscription), time.Now()
	if err := l.turn.enter(ctx); err != nil {
		return nil, err
	}
	defer l.turn.leave()
	now := time.Now()
	known, young := l.newest(asked, now)
	if young {
		return known, nil
	}
	path := "/subscriptions/" + subscription + "/providers/Microsoft.Network/routeTables"
	r := tableReader{known: known, tags: c.tables.wanted(), pack: packer{squeeze: &c.tables.squeezer}}
	err := c.stream(ctx, c.getInto, providerNetwork, path, nil, r.restart, r.read)
	list, closing := r.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err = cmp.Or(err, closing); err != nil {
		if closing == nil && (l.list == nil || len(l.list.all) < len(list.all)) {
			l.list = list // not for anybody, but what was decoded is not decoded again
		}
		l.began = time.Time{}
		return nil, err
	}
	l.began, l.list = now, list
	return list, nil
}

// newest returns the newest list, and whether it will do for somebody who has asked then:
// one that began while he waited does, however long it took. Otherwise all who wait would
// list one after the other as soon as a list takes longer than shareFor.
func (l *tableList) newest(asked, now time.Time) (*listedTables, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list, !l.began.IsZero() && (!l.began.Before(asked) || now.Sub(l.began) < shareFor)
}

// wanted returns the names of the tags that select tables.
func (l *tableLists) wanted() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tags
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
