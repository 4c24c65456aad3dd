package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

const (
	network = "/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Network"

	a1, b1 = "10.1.0.4", "10.2.0.4" // where vmx-a and vmx-b are at first
)

func tableID(name string) appliance.ResourceID {
	return appliance.ResourceID(network + "/routeTables/" + name)
}

// world is what a tick sees: two appliances, a store and an Azure that keeps
// etags. It writes down every call, and every write that breaks a promise.
type world struct {
	mu     sync.Mutex
	log    []string
	broken []string
	events []controller.Event

	// see is what a check of a member sees now.
	see  func(m appliance.MemberName, check string) appliance.Outcome
	took time.Duration

	stored           []byte // the record as JSON; nil is none
	version          int
	loadErr, swapErr error
	beforeSwap       func() // somebody else, just before a swap
	beforeTables     func() // the same, just before the tables are read

	tables    map[appliance.ResourceID]json.RawMessage
	etags     int
	tablesErr error
	places    map[appliance.MemberName]appliance.Place
	placeErrs map[appliance.MemberName]error
	refuse    map[appliance.ResourceID]error // answers to a write
	mute      map[appliance.ResourceID]bool  // accepted, never read back
	beforePut func(appliance.ResourceID)     // somebody else, just before a write
	write     time.Duration
	effective func(nic appliance.ResourceID) ([]route.EffectiveRoute, error)
}

// newWorld has both members well and two tables that point at vmx-a.
func newWorld() *world {
	w := &world{
		see:   func(appliance.MemberName, string) appliance.Outcome { return appliance.Pass },
		write: 2 * time.Second, tables: map[appliance.ResourceID]json.RawMessage{},
		places: map[appliance.MemberName]appliance.Place{}, placeErrs: map[appliance.MemberName]error{},
		refuse: map[appliance.ResourceID]error{}, mute: map[appliance.ResourceID]bool{},
	}
	w.place("vmx-a", a1)
	w.place("vmx-b", b1)
	w.put("spoke-1", "emea", a1, "10.9.0.1")
	w.put("spoke-2", "emea", a1)
	return w
}

func (w *world) place(m appliance.MemberName, addr string) {
	w.places[m] = appliance.Place{
		Member: m, Hops: []appliance.Hop{{Role: "lan", Addr: netip.MustParseAddr(addr)}},
		Subnets: []appliance.ResourceID{appliance.ResourceID(network + "/virtualNetworks/hub/subnets/" + string(m))},
	}
}

// put makes or replaces a table with routes to the hops and a member that we do
// not know.
func (w *world) put(name, tag string, hops ...string) {
	var routes []string
	for i, h := range hops {
		routes = append(routes, fmt.Sprintf(`{"name":"r%d","properties":{"addressPrefix":"10.2%d.0.0/16","nextHopType":"VirtualAppliance","nextHopIpAddress":%q}}`, i, i, h))
	}
	w.etags++
	w.tables[tableID(name)] = fmt.Appendf(nil, `{"id":%q,"etag":"W/\"%d\"","tags":{"nva_ha_udr":%q},"future":{"n":9007199254740993},"properties":{"provisioningState":"Succeeded","routes":[%s]}}`,
		tableID(name), w.etags, tag, strings.Join(routes, ","))
}

// hops returns where the routes of a table point.
func (w *world) hops(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := route.Parse(w.tables[tableID(name)])
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, r := range t.Routes {
		out = append(out, r.Hop.String())
	}
	return strings.Join(out, " ")
}

func (w *world) note(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// calls returns the log, and forgets it.
func (w *world) calls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.log
	w.log = nil
	return out
}

// only returns the calls that begin with one of the words.
func only(calls []string, words ...string) []string {
	return slices.DeleteFunc(slices.Clone(calls), func(c string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(c, word) })
	})
}

// record returns the stored record.
func (w *world) record() decide.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	var r decide.Record
	if w.stored != nil {
		if err := json.Unmarshal(w.stored, &r); err != nil {
			panic(err)
		}
	}
	return r
}

// store puts a record there, as another controller would.
func (w *world) store(r decide.Record) {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored, w.version = b, w.version+1
}

func (w *world) Probe(ctx context.Context, checks []string) []appliance.Observation {
	w.mu.Lock()
	w.note("probe %s", strings.Join(checks, ","))
	w.mu.Unlock()
	began := time.Now()
	var out []appliance.Observation
	for _, m := range []appliance.MemberName{"vmx-a", "vmx-b"} {
		for _, c := range checks {
			o := w.see(m, c)
			if ctx.Err() != nil {
				o = appliance.Unknown
			}
			out = append(out, appliance.Observation{Member: m, Check: c, Outcome: o, At: began, Evidence: "seen"})
		}
	}
	time.Sleep(w.took)
	return out
}

func (w *world) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("load")
	switch {
	case errors.Is(w.loadErr, decide.ErrCorrupt):
		w.stored = nil // put aside
		err := w.loadErr
		w.loadErr = nil
		return decide.Record{}, "", err
	case w.loadErr != nil:
		return decide.Record{}, "", w.loadErr
	case ctx.Err() != nil:
		return decide.Record{}, "", ctx.Err()
	case w.stored == nil:
		return decide.Record{}, "", nil
	}
	var r decide.Record
	err := json.Unmarshal(w.stored, &r)
	return r, strconv.Itoa(w.version), err
}

func (w *world) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	if w.beforeSwap != nil {
		w.beforeSwap()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	current := strconv.Itoa(w.version)
	if w.stored == nil {
		current = ""
	}
	switch {
	case w.swapErr != nil:
		w.note("swap refused")
		return "", w.swapErr
	case ctx.Err() != nil:
		return "", ctx.Err()
	case version != current:
		w.note("swap lost")
		return "", fmt.Errorf("version %q is not %q: %w", version, current, decide.ErrLostRace)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	w.stored, w.version = b, w.version+1
	w.note("swap epoch %d active %s", r.Epoch, r.Active)
	return strconv.Itoa(w.version), nil
}

func (w *world) Tables(ctx context.Context, s route.Selection) ([]route.Table, error) {
	if w.beforeTables != nil {
		w.beforeTables()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("tables")
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []route.Table
	err := w.tablesErr
	for _, raw := range w.tables {
		t, bad := route.Parse(raw)
		switch {
		case !s.Table(t.Tags):
		case bad != nil:
			err = errors.Join(err, bad)
		default:
			out = append(out, t)
		}
	}
	return out, err
}

func (w *world) Places(ctx context.Context, members []appliance.Member) ([]appliance.Place, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	var out []appliance.Place
	err := ctx.Err()
	for _, m := range members {
		names = append(names, string(m.Name))
		if bad := w.placeErrs[m.Name]; bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		out = append(out, w.places[m.Name])
	}
	w.note("places %s", strings.Join(names, ","))
	return out, err
}

func (w *world) Effective(_ context.Context, nic appliance.ResourceID) ([]route.EffectiveRoute, error) {
	w.mu.Lock()
	w.note("effective %s", nic)
	w.mu.Unlock()
	return w.effective(nic)
}

func (w *world) saw(e controller.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// controller is one that ticks this world: one check, three failures two seconds
// apart, two passes.
func (w *world) controller() *controller.Controller {
	group := appliance.Group{Name: "emea", Preferred: "vmx-a", Members: []appliance.Member{{Name: "vmx-a", VM: "vm-a"}, {Name: "vmx-b", VM: "vm-b"}}}
	return &controller.Controller{
		Group: group,
		Policy: decide.Policy{
			Group: group, Failback: decide.FailbackManual, FailbackDelay: 5 * time.Minute, HoldDown: time.Minute, MaxTransitions: 4, Per: time.Hour,
		},
		Checks: []controller.Check{{Check: decide.Check{Name: "tcp", Fall: 3, Rise: 2}, Confirm: 2 * time.Second}}, Vote: decide.Vote{Down: 1},
		Selection: route.Selection{TagName: "nva_ha_udr", TagValue: "emea"},
		Prober:    w, Records: w, Cloud: w, Now: time.Now, Saw: w.saw,
	}
}

// down makes members fail every check.
func (w *world) down(members ...appliance.MemberName) {
	w.see = func(m appliance.MemberName, _ string) appliance.Outcome {
		if slices.Contains(members, m) {
			return appliance.Fail
		}
		return appliance.Pass
	}
}

// tick ticks once under a term that lasts, and fails the test if a write broke a
// promise.
func (w *world) tick(t *testing.T, req controller.Request) *controller.Report {
	t.Helper()
	return w.tickBy(t, w.controller(), term(t), req)
}

func (w *world) tickBy(t *testing.T, c *controller.Controller, term lease.Term, req controller.Request) *controller.Report {
	t.Helper()
	r := c.Tick(t.Context(), term, req)
	for _, b := range w.broken {
		t.Errorf("a write broke a promise: %s", b)
	}
	return r
}

func term(t *testing.T) lease.Term {
	t.Helper()
	term, err := lease.Local{Holder: "here"}.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return term
}

// settled is a world in which one tick has run: both members up, traffic at vmx-a.
func settled(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	if r := w.tick(t, controller.Request{}); r.State() != controller.Agreed {
		t.Fatalf("first tick is %s, want agreed: %v", r.State(), r.Err())
	}
	w.calls()
	w.events = nil
	return w
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// wait lets virtual time pass.
func wait(d time.Duration) { time.Sleep(d) }

// expect checks the sum of a report.
func expect(t *testing.T, r *controller.Report, state controller.State, reason decide.Reason) {
	t.Helper()
	if r.State() != state || r.Decision.Reason != reason {
		t.Errorf("tick is %s for %q, want %s for %q; %v; warnings %q", r.State(), r.Decision.Reason, state, reason, r.Err(), r.Warnings)
	}
}
