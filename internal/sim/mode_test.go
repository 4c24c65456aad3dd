package sim_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/merakisim"
	"hopguard/internal/sim"
)

// scene is one run of hopguard's daemon in the simulated Azure and the simulated
// Meraki cloud, in which something happens. It is in a bubble of its own.
type scene struct {
	*sim.Cloud
	t      *testing.T
	meraki *merakisim.Sim
	// jump is what the observer's clock is ahead.
	jump atomic.Int64
	// began is when it happened.
	began time.Time

	mu      sync.Mutex
	reports []*controller.Report
	events  []controller.Event
	// lost and back are when the packets of a workload were first lost, and when those
	// of all arrived again for good.
	lost, back time.Time
}

// must ends the test if something of the scene itself fails.
func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// device sets what a member's device does, as its cloud will notice some time later.
func (s *scene) device(serial string, state merakisim.State) {
	s.t.Helper()
	s.must(s.meraki.Set(serial, state))
}

// fault puts Azure's API out of order.
func (s *scene) fault(f azuresim.Fault) {
	s.t.Helper()
	_, err := s.Inject(f)
	s.must(err)
}

func (s *scene) saw(e controller.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *scene) reported(r *controller.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, r)
}

// scenes have settled when something happens, at one of several moments between two
// rounds of the checks.
const (
	settleTime = 25 * time.Second
	modePhases = 5
	// Packets are followed closely after each step, and loosely in between.
	sampleEvery, sampleLoosely = 50 * time.Millisecond, 5 * time.Second
	sampleClosely              = 30 * time.Second
)

// play runs one mode with one setting at one moment.
func play(t *testing.T, m mode, change func(*config.Config), phase int) *scene {
	t.Helper()
	s := &scene{t: t}
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		var err error
		s.Cloud, err = sim.New(sim.Options{Seed: uint64(phase) + 1})
		s.must(err)
		s.meraki, err = merakisim.New(merakisim.Example(), merakisim.Options{Seed: uint64(phase) + 1})
		s.must(err)
		conf, err := s.Config("https://azuresim.invalid")
		s.must(err)
		conf.Meraki.Organization, conf.Meraki.Key = merakisim.ExampleOrganization, merakisim.ExampleKey
		change(&conf)
		if m.change != nil {
			m.change(&conf)
		}
		conf = conf.Complete()
		a, err := s.Connect(conf, app.Options{
			Saw: s.saw, Reported: s.reported, Meraki: s.meraki.Transport(), Rand: rand.New(rand.NewPCG(7, uint64(phase))),
			Now: func() time.Time { return time.Now().Add(time.Duration(s.jump.Load())) },
		})
		s.must(err)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var runErr error
		running.Go(func() { runErr = a.Run(ctx) })
		time.Sleep(settleTime + time.Duration(phase)*longest(conf)/modePhases)
		s.begin()
		running.Go(func() { s.traffic(ctx, m.steps) })
		for _, step := range m.steps {
			time.Sleep(time.Until(s.began.Add(step.at)))
			step.do(s)
		}
		time.Sleep(time.Until(s.began.Add(m.watch)))
		stop()
		running.Wait()
		s.must(runErr)
		s.must(s.Close())
	})
	return s
}

// longest is the greatest interval of the checks.
func longest(c config.Config) time.Duration {
	var d time.Duration
	for _, k := range c.Groups[0].Checks {
		d = max(d, k.Interval)
	}
	return d
}

// begin forgets how the scene has come to be.
func (s *scene) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = time.Now()
	s.reports = s.reports[len(s.reports)-1:] // the newest says how it is
	s.events = nil
}

// traffic follows the packets of the workloads to a branch behind both appliances.
func (s *scene) traffic(ctx context.Context, steps []step) {
	branch := netip.MustParseAddr("172.16.0.10")
	for {
		lost := slices.ContainsFunc(s.World.VirtualMachines, func(vm azuresim.VirtualMachine) bool {
			if vm.Appliance {
				return false
			}
			hop, err := s.Forward(vm.NICID(0), branch)
			return err != nil || !hop.Delivered
		})
		now := time.Now()
		switch {
		case lost && s.lost.IsZero():
			s.lost = now
		case lost:
			s.back = time.Time{}
		case !s.lost.IsZero() && s.back.IsZero():
			s.back = now
		}
		wait := sampleLoosely
		for _, step := range steps {
			if since := now.Sub(s.began.Add(step.at)); since >= 0 && since < sampleClosely {
				wait = sampleEvery
			} else if since < 0 {
				wait = min(wait, -since)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// outcome is what came of a scene.
type outcome struct {
	// decided is how long after the beginning the record first changed its active
	// member; below zero if it did not.
	decided time.Duration
	// verdict is how long after the beginning the member that was struck was first
	// not up; below zero if it was always.
	verdict time.Duration
	// back is how long after the beginning the workloads' packets arrived again; below
	// zero if they never did, and 0 if none was lost.
	back time.Duration
	// moves counts the changes of the active member, and writes the tables written.
	moves, writes int
	// last is the newest report.
	last *controller.Report
	// reasons are those of all decisions.
	reasons []decide.Reason
	// failed says that a tick did.
	failed bool
}

const never time.Duration = -1

func (s *scene) outcome(struck appliance.MemberName) outcome {
	o := outcome{decided: never, verdict: never, back: never, last: s.reports[len(s.reports)-1]}
	for _, e := range s.events {
		switch e.Kind {
		case controller.EventDecided:
			if e.Decision.Moved() && o.decided < 0 {
				o.decided = s.after(e.At)
			}
		case controller.EventJudged:
			if e.Health.Member == struck && e.Health.Verdict == appliance.Down && o.verdict < 0 {
				o.verdict = s.after(e.At)
			}
		case controller.EventObserved, controller.EventCommitted, controller.EventProgress:
		default:
			panic("event " + string(e.Kind))
		}
	}
	for _, r := range s.reports[1:] {
		o.reasons = append(o.reasons, r.Decision.Reason)
		o.failed = o.failed || r.State() == controller.Failed
		o.writes += len(r.Outcomes)
		if r.Decision.Moved() {
			o.moves++
		}
	}
	switch {
	case s.lost.IsZero():
		o.back = 0
	case !s.back.IsZero():
		o.back = s.back.Sub(s.began)
	}
	return o
}

// after is how long after the beginning something was, by the observer's clock.
func (s *scene) after(at time.Time) time.Duration {
	return at.Add(-time.Duration(s.jump.Load())).Sub(s.began)
}
