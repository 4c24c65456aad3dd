package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/blobsim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
)

// shares is a world whose records are in a blob store that several processes share.
type shares struct {
	world
	blobs *blobsim.Sim
	mu    sync.Mutex
	cut   map[string]bool // processes that do not reach the blobs
	noARM map[string]bool // processes that do not reach Azure
}

func newShares(t *testing.T) *shares {
	t.Helper()
	w := &shares{world: newWorld(t, azuresim.TwoRegionsOptions{}), blobs: blobsim.New(blobsim.Options{}), cut: map[string]bool{}, noARM: map[string]bool{}}
	fast(&w.config, time.Second)
	g := &w.config.Groups[0]
	g.Checks = g.Checks[1:] // the data path alone
	w.config.Store = config.Store{Kind: config.StoreBlob, ConnectionString: config.Secret(w.blobs.ConnectionString()), Container: "hopguard", Create: true}
	w.config = w.config.Complete()
	return w
}

// way is a process's way to Azure and to the blobs.
type way struct {
	*shares
	name string
	blob http.RoundTripper
}

func (w way) RoundTrip(req *http.Request) (*http.Response, error) {
	blob := strings.Contains(req.URL.Host, ".blob.")
	w.mu.Lock()
	cut := w.cut[w.name] && blob || w.noARM[w.name] && !blob
	w.mu.Unlock()
	switch {
	case cut:
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	case blob:
		return w.blob.RoundTrip(req)
	default:
		return w.Transport().RoundTrip(req)
	}
}

// set changes one of the maps.
func (w *shares) set(m map[string]bool, name string, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m[name] = on
}

// start runs one process until stop, which is a clean end, or kill, after which
// nothing that it does has an effect.
func (w *shares) start(t *testing.T, name string) (d *daemon, kill func()) {
	t.Helper()
	d = &daemon{}
	c := w.config
	c.Replicas.Name = name
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(app.Options{
		Config: c, Transport: way{w, name, w.blobs.Transport(name)}, Dial: w.dial, Notify: teller{w, name},
		Logger: slog.New(slog.NewJSONHandler(&d.log, nil)),
		Reported: func(r *controller.Report) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.reports = append(d.reports, r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.app = a
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	d.stop = func() error {
		cancel()
		return <-ended
	}
	return d, func() {
		w.set(w.cut, name, true)
		w.set(w.noARM, name, true)
		_ = d.stop()
	}
}

func (d *daemon) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.reports)
}

// One of two looks after the group; when it is killed the other does within the time
// of a lease, and moves what must be moved; when it comes back it gets its share.
func TestReplicasTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newShares(t)
		one, kill := w.start(t, "one")
		time.Sleep(2 * time.Second)
		if one.count() == 0 {
			t.Error("a process that is alone has made no tick after two seconds")
		}
		time.Sleep(time.Minute)
		two, _ := w.start(t, "two")
		time.Sleep(time.Minute)
		const first = "one"
		leader, other := one, two
		if two.count() > 0 {
			t.Fatal("two leads: which of both should follows from the names, so choose others")
		}
		if other.count() > 0 {
			t.Errorf("the other one made %d ticks", other.count())
		}
		if s := other.app.Shown("emea"); s.Elsewhere == nil || s.Elsewhere.Leader.Name != first || !s.Ready(time.Now()) {
			t.Errorf("the other one shows %+v, want that %s leads, and ready", s.Elsewhere, first)
		}
		if s := leader.app.Shown("emea"); s.Elsewhere != nil || s.Report == nil || s.Report.Leader.Name != first || !s.Ready(time.Now()) {
			t.Errorf("the leader shows %+v", s)
		}

		killed := time.Now()
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		kill()
		for other.count() == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		t.Logf("took over after %s", time.Since(killed))
		if took := time.Since(killed); took > 15*time.Second+3*time.Second+5*time.Second {
			t.Errorf("the other one's first tick ended %s after, want at most a lease, a look and a switch", took)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}

		w.set(w.cut, "one", false)
		w.set(w.noARM, "one", false)
		again, _ := w.start(t, "one")
		time.Sleep(10 * time.Minute)
		if n := again.count(); n == 0 {
			t.Error("the one that came back leads nothing again")
		}
		before := w.writes()
		if err := again.stop(); err != nil {
			t.Error(err)
		}
		stopped := time.Now()
		for ticks := other.count(); other.count() == ticks; {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(stopped); took > 10*time.Second {
			t.Errorf("after a clean end the other one took over after %s, want at once", took)
		}
		if w.writes() != before {
			t.Error("a handover wrote routes")
		}
		if err := other.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A leader that does not reach Azure lets another one lead.
func TestReplicaThatCanDoNothingStandsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newShares(t)
		one, _ := w.start(t, "one")
		time.Sleep(time.Minute)
		two, _ := w.start(t, "two")
		time.Sleep(time.Minute)
		if two.count() > 0 {
			t.Fatal("two leads")
		}
		w.set(w.noARM, "one", true)
		time.Sleep(2 * time.Minute)
		if two.count() == 0 {
			t.Error("nobody else leads two minutes after the leader has lost Azure")
		}
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		if !strings.Contains(one.log.String(), "stands back") {
			t.Errorf("the first one does not say that it stands back:\n%s", one.log.String())
		}
		for _, d := range []*daemon{one, two} {
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Without the store nothing moves, or what must be moves all the same: as the policy
// says, and only if nobody else is known.
func TestStoreOutage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy config.StoreOutage
		others bool
		want   string
	}{
		{"hold", config.StoreOutageHold, false, "10.1.0.4"},
		{"act", config.StoreOutageAct, false, "10.2.0.4"},
		{"act-with-others", config.StoreOutageAct, true, "10.1.0.4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newShares(t)
				w.config.Groups[0].Policy.StoreOutage = tt.policy
				one, _ := w.start(t, "one")
				daemons := []*daemon{one}
				time.Sleep(time.Minute)
				if tt.others {
					two, _ := w.start(t, "two")
					daemons = append(daemons, two)
					time.Sleep(time.Minute)
				}
				w.set(w.cut, "one", true)
				w.set(w.cut, "two", true)
				time.Sleep(2 * time.Minute)
				if got := w.hops(t); got["10.1.0.4"] != 15 {
					t.Errorf("next hops = %v, want none moved while all was well", got)
				}
				if err := w.Hang("vmx-a"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute)
				if got := w.hops(t); got[tt.want] != 15 {
					t.Errorf("next hops = %v during the outage, want all at %s", got, tt.want)
				}
				if tt.want == "10.2.0.4" && !one.app.Shown("emea").Ready(time.Now()) {
					t.Error("a controller that acts alone is not ready")
				}
				if tt.want == "10.1.0.4" && one.app.Shown("emea").Ready(time.Now()) {
					t.Error("a controller that holds without its store is ready")
				}
				w.set(w.cut, "one", false)
				w.set(w.cut, "two", false)
				time.Sleep(time.Minute)
				if got := w.hops(t); got["10.2.0.4"] != 15 {
					t.Errorf("next hops = %v after the outage, want all at vmx-b", got)
				}
				r := one.app.Tick(t.Context(), "emea", controller.Request{DryRun: true})
				if last, _ := r.Standing().Last(); last.To != "vmx-b" || last.Alone != (tt.want == "10.2.0.4") {
					t.Errorf("last transition = %+v", last)
				}
				if r.Leader.Name == "" {
					t.Errorf("nobody leads after the outage: %v", r.Warnings)
				}
				for _, d := range daemons {
					if err := d.stop(); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
