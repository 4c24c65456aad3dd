package meraki

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// interest is how long what somebody asked for is part of every call.
	interest = 10 * time.Minute
	// atOnce is how many ids go into one call; with more its address would grow
	// beyond the 8 kB that servers take.
	atOnce = 100
	// unfiltered is how long the whole list is read after a filter was refused.
	unfiltered = 5 * time.Minute
)

// operation is a list of the API that a feed reads.
type operation struct {
	path    []string // below the organization
	filter  string   // the array parameter that selects rows; arrays end in []
	perPage int      // the most that the API allows
	spare   bool     // takes only what nobody else needs of the budgets
	id      func(object) string
}

func vpnStatuses() operation {
	return operation{
		path: []string{"appliance", "vpn", "statuses"}, filter: "networkIds[]", perPage: 300,
		id: func(o object) string { return o.text("networkId") },
	}
}

// exports is the operation of VPN statuses for those who can wait.
func exports() operation {
	op := vpnStatuses()
	op.spare = true
	return op
}

func availabilities() operation {
	return operation{
		path: []string{"devices", "availabilities"}, filter: "serials[]", perPage: 1000,
		id: func(o object) string { return o.text("serial") },
	}
}

// feed holds the newest answer of one operation of one organization. It is safe for
// concurrent use. Make one with newFeed.
type feed struct {
	op operation

	mu     sync.Mutex           // guards wanted; never held while waiting
	wanted map[string]time.Time // when each id was asked for, last

	round round // its turn guards what follows
	whole time.Time
	held  reply
}

// reply is what a call brought. Nobody changes it after that.
type reply struct {
	sent  time.Time       // before the first question went out
	all   bool            // the whole organization was asked for
	asked map[string]bool // else these ids
	rows  []object
	byID  map[string][]object
}

func newFeed(op operation) *feed {
	return &feed{op: op, wanted: map[string]time.Time{}, round: newRound()}
}

// capitals writes an id as Meraki does. People write serials in any case.
func capitals(id string) string { return strings.ToUpper(strings.TrimSpace(id)) }

// ask returns the rows of some ids, which are in capitals, in the order of asking, or
// all rows in the order of the answer, and the time before which they were asked for.
func (f *feed) ask(ctx context.Context, c *Client, o *organization, ids []string) ([]object, time.Time, error) {
	if o.id == "" || slices.Contains(ids, "") {
		return nil, time.Time{}, errors.New("ask for statuses: an id is empty")
	}
	f.want(ids, now())
	var rows []object
	var seen time.Time
	err := f.round.join(ctx,
		func() bool { return f.held.covers(ids) },
		func(began time.Time) error {
			var err error
			f.held, err = f.fetch(ctx, c, o, len(ids) == 0, began)
			return err
		},
		func() { rows, seen = f.held.pick(ids), f.held.sent })
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read %s of organization %s: %w", strings.Join(f.op.path, " "), o.id, err)
	}
	return rows, seen, nil
}

// want notes that somebody asked.
func (f *feed) want(ids []string, t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.wanted[id] = t
	}
}

// all returns the ids that are wanted, in an order of their own, and forgets those
// that nobody asks for any more.
func (f *feed) all(t time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.wanted, func(_ string, last time.Time) bool { return t.Sub(last) > interest })
	return slices.Sorted(maps.Keys(f.wanted))
}

// fetch reads the rows of all ids that are wanted. If the API refuses the filter,
// the whole organization is read for a while: one id that it does not know must not
// hide the others. What it really does with such an id is not documented.
func (f *feed) fetch(ctx context.Context, c *Client, o *organization, whole bool, began time.Time) (reply, error) {
	var ids []string
	if !whole && !began.Before(f.whole) {
		ids = f.all(began)
	}
	r := reply{all: len(ids) == 0, asked: map[string]bool{}}
	for _, id := range ids {
		r.asked[id] = true
	}
	rows, sent, err := f.read(ctx, c, o, ids)
	if len(ids) > 0 && refusedFilter(err) {
		f.whole = began.Add(unfiltered)
		r.all = true
		rows, sent, err = f.read(ctx, c, o, nil)
	}
	r.sent = sent
	r.fill(rows, f.op.id)
	return r, err
}

// read reads the rows of some ids, or all rows, and returns the time before which
// the first of them was asked for.
func (f *feed) read(ctx context.Context, c *Client, o *organization, ids []string) ([]object, time.Time, error) {
	page := request{method: http.MethodGet, budgets: []*budget{o.budget, c.source}, spare: f.op.spare}
	first := func(some []string) request {
		query := url.Values{"perPage": {strconv.Itoa(f.op.perPage)}}
		if len(some) > 0 {
			query[f.op.filter] = some
		}
		page.url = c.url(query, append([]string{"organizations", string(o.id)}, f.op.path...)...)
		return page
	}
	if len(ids) == 0 {
		return c.list(ctx, first(nil))
	}
	var rows []object
	var began time.Time
	for some := range slices.Chunk(ids, atOnce) {
		part, sent, err := c.list(ctx, first(some))
		if err != nil {
			return nil, time.Time{}, err
		}
		if began.IsZero() {
			began = sent
		}
		rows = append(rows, part...)
	}
	return rows, began, nil
}

// refusedFilter reports whether an answer may be due to an id in the filter.
func refusedFilter(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound)
}

func (r *reply) fill(rows []object, id func(object) string) {
	r.rows, r.byID = rows, map[string][]object{}
	for _, row := range rows {
		key := capitals(id(row))
		r.byID[key] = append(r.byID[key], row)
	}
}

// covers reports whether the call asked for all of ids.
func (r *reply) covers(ids []string) bool {
	if r.all {
		return true
	}
	for _, id := range ids {
		if !r.asked[id] {
			return false
		}
	}
	return len(ids) > 0
}

func (r *reply) pick(ids []string) []object {
	if len(ids) == 0 {
		return r.rows
	}
	var rows []object
	for _, id := range ids {
		rows = append(rows, r.byID[id]...)
	}
	return rows
}
