package app_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// daemon is an App that runs in a bubble until stop.
type daemon struct {
	mu      sync.Mutex
	reports []*controller.Report
	events  []controller.Event
	log     shared
	app     *app.App
	stop    func() error
}

// shared is a text that several goroutines write and read.
type shared struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// run starts the world's configuration as a daemon.
func (w world) run(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{}
	a, err := app.New(app.Options{
		Config: w.config, Transport: w.Transport(), Dial: w.dial, Meraki: w.meraki, Notify: w.notify, Rand: rand.New(rand.NewPCG(1, 1)),
		Logger: slog.New(slog.NewJSONHandler(&d.log, nil)),
		Saw: func(e controller.Event) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.events = append(d.events, e)
		},
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
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { ended <- a.Run(ctx) })
	d.stop = func() error {
		cancel(errors.New("told to end"))
		running.Wait()
		return <-ended
	}
	return d
}

// starts are when the ticks of a group began.
func (d *daemon) starts(group string) []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []time.Time
	for _, r := range d.reports {
		if string(r.Group) == group {
			list = append(list, r.Started)
		}
	}
	return list
}

// asked counts the observations of a check of vmx-a, and says how far apart they
// began.
func (d *daemon) asked(check string) (n int, gaps []time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var last time.Time
	for _, e := range d.events {
		o := e.Observation
		if e.Kind != controller.EventObserved || o.Check != check || o.Member != "vmx-a" || o.At.Equal(last) {
			continue
		}
		if n++; !last.IsZero() {
			gaps = append(gaps, o.At.Sub(last))
		}
		last = o.At
	}
	return n, gaps
}

func TestRunTicksWithoutDriftAndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		other := w.config.Groups[0]
		other.Name, other.Routes.Tag.Value = "apac", "apac"
		w.config.Groups = append(w.config.Groups, other)
		began := time.Now()
		d := w.run(t)
		time.Sleep(time.Minute)
		if err := d.stop(); err != nil {
			t.Errorf("Run() = %v, want nil after the context ended", err)
		}
		emea, apac := d.starts("emea"), d.starts("apac")
		if wait := emea[0].Sub(began); wait > time.Second {
			t.Errorf("the first tick began after %s, want at most a tenth of the interval", wait)
		}
		if len(emea) != 6 {
			t.Errorf("%d ticks in a minute, want 6", len(emea))
		}
		for i := range emea {
			if got, want := emea[i].Sub(emea[0]), time.Duration(i)*10*time.Second; got != want {
				t.Errorf("tick %d began %s after the first, want %s", i, got, want)
			}
		}
		if !slices.EqualFunc(emea, apac, time.Time.Equal) {
			t.Errorf("the groups began at %v and %v, want together", emea, apac)
		}
	})
}

// D5: a peer turns an interval of 60 seconds into one of a second, and others fire in
// each second of a minute. Here the time between two rounds is the interval, for any.
func TestD5AnyIntervalIsKept(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 7 * time.Second, 30 * time.Second, 45 * time.Second, 60 * time.Second, 90 * time.Second, 120 * time.Second, 17 * time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, azuresim.TwoRegionsOptions{})
			check := &w.config.Groups[0].Checks[0]
			check.Interval, check.Timeout = interval, interval/2
			d := w.run(t)
			time.Sleep(6*interval + interval/2)
			if err := d.stop(); err != nil {
				t.Error(err)
			}
			n, gaps := d.asked("vm-status")
			if n < 7 || n > 8 { // once by the first tick, and then by its own times
				t.Errorf("interval %s: asked %d times in six and a half, want 7 or 8", interval, n)
			}
			for i, gap := range gaps[1:] {
				if gap != interval {
					t.Errorf("interval %s: round %d began %s after the one before", interval, i+2, gap)
				}
			}
		})
	}
}

// A switch takes longer than the time between two comparisons here: no tick begins
// while one runs, the checks go on meanwhile, and afterwards the ticks are where they
// would have been.
func TestRunNeverOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		w.config.Groups[0].Reconcile = time.Second
		d := w.run(t)
		time.Sleep(5 * time.Second)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		var before, long *controller.Report
		for _, r := range d.reports {
			if before != nil && r.Started.Before(before.Ended) {
				t.Errorf("a tick began at %s, before the last one ended at %s", r.Started, before.Ended)
			}
			if r.Ended.Sub(r.Started) > time.Second {
				long = r
			}
			before = r
		}
		if long == nil || !strings.Contains(d.log.String(), "tick took longer than reconcile") {
			t.Fatal("no tick took longer than reconcile, or it was not said")
		}
		asked := 0
		for _, e := range d.events {
			if e.Kind == controller.EventObserved && e.Observation.Check == "tcp" && e.At.After(long.Decided) && e.At.Before(long.Ended) {
				asked++
			}
		}
		if took := long.Ended.Sub(long.Decided); asked < 2*int(took/time.Second) {
			t.Errorf("%d questions of two members in the %s of the write, want two each second", asked, took)
		}
		for _, r := range d.reports[len(d.reports)-5:] {
			if gap := r.Started.Sub(d.reports[0].Started); gap%time.Second != 0 {
				t.Errorf("a tick began %s after the first one, want whole seconds", gap)
			}
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
	})
}

// fast makes the group watch the data path.
func fast(c *config.Config, interval time.Duration) {
	k := config.DefaultCheck(config.KindTCP)
	k.Port, k.Interval, k.Timeout, k.ConfirmInterval = 443, interval, interval/2, interval/5
	c.Groups[0].Checks = append(c.Groups[0].Checks, k)
	*c = c.Complete()
}

// The power state is throttled: a quick check beside it must not ask it oftener
// than its own interval says, and a member must not become unknown in between.
func TestRunAsksEachCheckAtItsOwnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		d := w.run(t)
		time.Sleep(60 * time.Second)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		if n, gaps := d.asked("vm-status"); n != 7 || slices.Min(gaps[1:]) < 10*time.Second {
			t.Errorf("vm-status was asked %d times in a minute, gaps %v, want by the first tick and then every 10s", n, gaps)
		}
		if n, _ := d.asked("tcp"); n < 59 {
			t.Errorf("tcp was asked %d times in a minute, want every second", n)
		}
		for _, r := range d.reports {
			if r.State() != controller.Agreed {
				t.Errorf("tick at %s is %s: %v %v", r.Started, r.State(), r.Err(), r.Health)
			}
		}
	})
}

func TestRunEndsInTheMiddleOfATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		d := w.run(t)
		time.Sleep(5 * time.Second)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second) // three tries, two seconds apart, are under way
		lines := strings.Count(d.log.String(), "\n")
		began := time.Now()
		if err := d.stop(); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the end took %s", took)
		}
		if got := strings.Count(d.log.String(), "\n"); got != lines {
			t.Errorf("a tick that was cut short was logged:\n%s", d.log.String())
		}
		if got := w.hops(t); got["10.1.0.4"] != 15 {
			t.Errorf("next hops = %v, want none moved", got)
		}
	})
}

func TestAlertOfAnActiveMemberThatIsUnknownForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		d := w.run(t)
		time.Sleep(15 * time.Second)
		if _, err := w.Inject(azuresim.Fault{Kind: azuresim.Fault503, Path: "virtualMachines"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		var first, since time.Time
		for _, r := range d.reports {
			if since.IsZero() && r.Decision.Reason == decide.ReasonActiveUnknown {
				since = r.Health.Of("vmx-a").Since
			}
			if alerted := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "policy.unknownAlert (2m0s)") }); alerted && first.IsZero() {
				first = r.Ended
			}
		}
		if after := first.Sub(since); first.IsZero() || after < 2*time.Minute || after > 2*time.Minute+20*time.Second {
			t.Errorf("the alert came %s after the member became unknown, want policy.unknownAlert, 2m", after)
		}
		alerts := 0
		for l := range strings.Lines(d.log.String()) {
			if strings.Contains(l, "unknownAlert") {
				alerts++
			}
		}
		if alerts == 0 || alerts > 4 {
			t.Errorf("the alert is in %d log lines, want one and then one a minute", alerts)
		}
	})
}

// The first tick knows no addresses, and a check of the data path needs them.
func TestFirstTickFindsTheAddressesThatItsChecksNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		a := w.open(t)
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.State() != controller.Agreed {
			t.Errorf("first tick is %s: %v, %v", r.State(), r.Err(), r.Observations)
		}
		// After a redeployment it asks at the new address, once that is recorded.
		if err := w.Redeploy("vmx-b", netip.MustParseAddr("10.2.0.9")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Minute)
		a.Tick(t.Context(), "emea", controller.Request{})
		r := a.Tick(t.Context(), "emea", controller.Request{})
		seen := r.Observations[len(r.Observations)-1].Evidence
		if r.State() != controller.Agreed || !strings.HasPrefix(seen, "10.2.0.9:443") {
			t.Errorf("after the redeployment a tick is %s, evidence %q", r.State(), seen)
		}
	})
}

func TestTickAllTicksSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		broken := w.config.Groups[0]
		broken.Name, broken.Routes.Tag.Value = "none", "none"
		w.config.Groups = append([]config.Group{broken}, w.config.Groups...)
		reports := w.open(t).TickAll(t.Context(), controller.Request{})
		if len(reports) != 2 || reports[0].State() != controller.Failed || reports[1].State() != controller.Agreed {
			t.Errorf("TickAll() = %s, %s, want the first failed and the second agreed", reports[0].State(), reports[1].State())
		}
	})
}

func TestTickWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		a := w.open(t)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		var both sync.WaitGroup
		var reports [2]*controller.Report
		for i := range reports {
			both.Go(func() { reports[i] = a.Tick(t.Context(), "emea", controller.Request{}) })
		}
		both.Wait()
		if reports[0].Started.After(reports[1].Started) {
			reports[0], reports[1] = reports[1], reports[0]
		}
		if reports[1].Started.Before(reports[0].Ended) {
			t.Errorf("ticks overlap: %s to %s, and from %s", reports[0].Started, reports[0].Ended, reports[1].Started)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if r := a.Tick(ctx, "emea", controller.Request{}); r.State() != controller.Failed || !errors.Is(r.Err(), context.Canceled) {
			t.Errorf("Tick() with an ended context is %s: %v", r.State(), r.Err())
		}
	})
}
