package contender_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/contender"
	"hopguard/internal/decide"
	"hopguard/internal/probe"
)

// roundTrip is how long an answer takes that was not lost.
const roundTrip = 30 * time.Millisecond

// lossy are two members whose probes are lost at random. Safe for concurrent use.
type lossy struct {
	mu   sync.Mutex
	rng  *rand.Rand
	loss float64 // of a probe
	dead bool    // the first member answers nothing
}

// lost draws whether the next probe of a member is.
func (l *lossy) lost(m appliance.MemberName) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead && m == "vmx-a" || l.rng.Float64() < l.loss
}

func (l *lossy) set(dead bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = dead
}

// pathProbe is a ping or a connection: what is lost is noticed by the timeout.
type pathProbe struct{ *lossy }

// Ask implements [probe.Question].
func (p pathProbe) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	if p.lost(m.Name) {
		<-ctx.Done()
		return appliance.Fail, "no answer"
	}
	time.Sleep(roundTrip)
	return appliance.Pass, ""
}

// powerState says that the machine runs, as it does in all that is tried here.
type powerState struct{}

// Ask implements [probe.Question].
func (powerState) Ask(context.Context, appliance.Member) (appliance.Outcome, string) {
	return appliance.Pass, "running"
}

// watcher judges what a schedule sees, as the program does. Safe for concurrent use.
type watcher struct {
	rules decide.Rules

	mu     sync.Mutex
	health decide.Health
	downs  int // how often the first member was found down
	found  chan struct{}
}

func (w *watcher) saw(round []appliance.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.health.Of("vmx-a").Verdict
	w.health = decide.Judge(w.rules, w.health, round, time.Now())
	if now := w.health.Of("vmx-a").Verdict; now == appliance.Down && before != now {
		w.downs++
		select {
		case w.found <- struct{}{}:
		default:
		}
	}
}

func (w *watcher) unsettled(check string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.health.Unsettled(check)
}

func (w *watcher) verdict() appliance.Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.health.Of("vmx-a").Verdict
}

// watch runs the schedule of a group in virtual time while during lasts.
func watch(t *testing.T, g config.Group, l *lossy, during func(*watcher)) {
	t.Helper()
	members := []appliance.Member{{Name: "vmx-a"}, {Name: "vmx-b"}}
	w := &watcher{found: make(chan struct{}, 1)}
	w.rules = decide.Rules{Group: appliance.Group{Name: "emea", Members: members}, Vote: decide.Vote{Down: g.Quorum}}
	s := probe.Schedule{Set: probe.Set{Members: members}, Rand: rand.New(rand.NewPCG(7, 7))}
	for _, k := range g.Checks {
		path := k.Kind != config.KindVMStatus
		var q probe.Question = powerState{}
		if path {
			q = pathProbe{l}
		}
		w.rules.Checks = append(w.rules.Checks, decide.Check{Name: k.Name, Fall: k.Fall, Rise: k.Rise, DataPath: path, Fresh: k.Fresh})
		s.Set.Checks = append(s.Set.Checks, probe.Check{Name: k.Name, Timeout: k.Timeout, Question: q, DataPath: path})
		s.Checks = append(s.Checks, probe.Timing{Name: k.Name, Interval: k.Interval, Confirm: k.ConfirmInterval})
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx, w.unsettled, w.saw) })
	during(w)
	cancel()
	running.Wait()
}

// fastGroup is the group of the fast profile.
func fastGroup(t *testing.T) config.Group {
	t.Helper()
	c, err := setting(t, contender.Fast).Config(contender.Place{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Groups[0]
}

// 200 failures at random moments, while 2 % of all probes are lost.
func TestFastDetectsWithinItsBound(t *testing.T) {
	g, limit := fastGroup(t), setting(t, contender.Fast).Setting.Bound.Duration()
	if limit > 400*time.Millisecond {
		t.Errorf("the bound is %s, want 400ms at most", limit)
	}
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 3))
		l := &lossy{rng: rand.New(rand.NewPCG(1, 1)), loss: 0.02}
		var took []time.Duration
		watch(t, g, l, func(w *watcher) {
			for range 200 {
				time.Sleep(2*time.Second + time.Duration(rng.Int64N(int64(time.Second))))
				if v := w.verdict(); v != appliance.Up {
					t.Fatalf("before the failure the member is %s, want up", v)
				}
				began := time.Now()
				l.set(true)
				<-w.found
				took = append(took, time.Since(began))
				l.set(false)
			}
		})
		slices.Sort(took)
		median, p95, worst := took[len(took)/2], took[len(took)*95/100], took[len(took)-1]
		t.Logf("detected after %s (median), %s (95 %%), %s (worst)", median, p95, worst)
		if worst > limit || median < 200*time.Millisecond {
			t.Errorf("detected after %s (median) to %s (worst), want 200ms to %s", median, worst, limit)
		}
	})
}

// The arithmetic of false alarms holds where they are frequent enough to be counted, so it
// holds for the loss of real life, of which years would bring none.
func TestFastFalseAlarms(t *testing.T) {
	g := fastGroup(t)
	const soak = 30 * time.Minute
	for _, p := range []float64{0.0199, 0.04} {
		if n := contender.FalseAlarms(g.Checks[1], p, soak); n >= 0.01 {
			t.Errorf("%v false alarms in 30 minutes at %v, want less than 0.01", n, p)
		}
	}
	for _, c := range []struct {
		loss float64
		in   time.Duration
	}{{0.04, 20 * time.Minute}, {0.4, 2 * time.Hour}, {0.5, 30 * time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			l := &lossy{rng: rand.New(rand.NewPCG(1, 1)), loss: c.loss}
			watch(t, g, l, func(w *watcher) {
				time.Sleep(c.in)
				w.mu.Lock()
				defer w.mu.Unlock()
				got, want := float64(w.downs), contender.FalseAlarms(g.Checks[1], c.loss, c.in)
				t.Logf("%v false alarms in %s at %v, reckoned %v", got, c.in, c.loss, want)
				if want < 0.1 && got > 0 || want >= 0.1 && (got < want/2 || got > 3*want) {
					t.Errorf("%v false alarms in %s at %v, want about %v", got, c.in, c.loss, want)
				}
			})
		})
	}
}
