package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/journal"
)

// The scenes of the demo, in real time. All together they stay below demoLimit.
const (
	// healthyTime is how long all is well at first, quietTime at the end.
	healthyTime, quietTime = 2500 * time.Millisecond, 1500 * time.Millisecond
	// blindTime is how long the power state alone is watched after GuestHang.
	blindTime = 4 * time.Second
	// demoLimit is when the demo gives up, and shows what is missing.
	demoLimit = 26 * time.Second
)

// Demo is a scripted failure. Failure and Out are required.
type Demo struct {
	Failure Failure
	// Measure measures the settings beside the demo; nil leaves that out.
	Measure func(context.Context, Failure, uint64) ([]Measured, error)
	Seed    uint64
	// Out gets the story.
	Out io.Writer
	// Color allows ANSI colours, and Width breaks lines; 0 breaks none.
	Color bool
	Width int
	// Hold keeps the world served, and hopguard watching, until the context ends.
	// It needs Dir and Program.
	Hold bool
	// Program is how this program is called, for commands to copy.
	Program string
	// Dir gets the files of a world that is served.
	Dir string
}

// Result is what became of a demo, as the simulated Azure has it.
type Result struct {
	Failure Failure `json:"failure"`
	Seed    uint64  `json:"seed"`
	// OK says that every managed route has moved, nothing else has changed, and all
	// packets arrive.
	OK bool `json:"ok"`
	// From and To are the appliance that failed and the one that took over.
	From string `json:"from"`
	To   string `json:"to"`
	comparison
	// Outage is how long packets of workloads were lost.
	Outage time.Duration `json:"outage"`
	Times
	// Measured are the settings side by side, in virtual time.
	Measured []Measured `json:"measured"`
}

// show is a demo that is under way.
type show struct {
	Demo
	*screen
	cloud    *Cloud
	flows    []flow
	from, to string
	line     *journal.Timeline
	rec      *recorder
	moved    chan struct{} // closed by the report of the failover
	once     sync.Once
	back     chan struct{} // closed when packets arrive again
}

// Run plays the demo. The result says whether all went well; the error says why
// the demo itself could not be played.
func (d Demo) Run(ctx context.Context) (Result, error) {
	s, err := d.open()
	if err != nil {
		return Result{}, err
	}
	defer s.cloud.Close() //nolint:errcheck // it only waits
	limited, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	var measured []Measured
	var measureErr error
	var measuring sync.WaitGroup
	if d.Measure != nil {
		measuring.Go(func() { measured, measureErr = d.Measure(limited, d.Failure, d.Seed) })
		defer measuring.Wait()
	}
	before, err := s.cloud.snapshot()
	if err != nil {
		return Result{}, err
	}
	s.prologue()
	err = s.play(ctx, limited)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return Result{}, err
	}
	after, err := s.cloud.snapshot()
	if err != nil {
		return Result{}, err
	}
	result := s.result(before, after)
	s.epilogue(result)
	measuring.Wait()
	if measureErr != nil {
		return result, measureErr
	}
	result.Measured = measured
	s.compared(measured)
	if d.Hold {
		return result, s.hold(ctx)
	}
	return result, nil
}

// open builds the world.
func (d Demo) open() (*show, error) {
	cloud, err := New(Options{Seed: d.Seed})
	if err != nil {
		return nil, err
	}
	flows, err := cloud.flows()
	if err != nil {
		return nil, err
	}
	members := cloud.appliances()
	s := &show{
		Demo: d, cloud: cloud, flows: flows, from: members[0].Name, to: members[1].Name,
		screen: &screen{w: d.Out, color: d.Color, width: d.Width}, rec: &recorder{},
		moved: make(chan struct{}), back: make(chan struct{}),
	}
	return s, nil
}

// play is the story, from the first healthy tick until all is well again.
func (s *show) play(ctx, limited context.Context) error {
	s.start = time.Now()
	s.line = journal.StartTimeline(s.screen, journal.TimelineOptions{Start: s.start, Color: s.Color})
	traffic, stop := context.WithCancel(limited)
	var watching sync.WaitGroup
	var watchErr error
	watching.Go(func() { watchErr = s.cloud.watch(traffic, s.flows, s.packets) })
	err := s.scenes(limited)
	stop()
	watching.Wait()
	return errors.Join(err, watchErr, s.line.Close())
}

// scenes are what happens, one after the other.
func (s *show) scenes(ctx context.Context) error {
	if s.Failure == GuestHang {
		if err := s.blind(ctx); err != nil {
			return err
		}
	}
	return s.while(ctx, demoSetting, func(ctx context.Context) error {
		if s.Failure != GuestHang {
			if err := s.strike(ctx); err != nil {
				return err
			}
		}
		if s.Failure == NVAAndAPI {
			s.outOfOrder(ctx)
		}
		for _, done := range []chan struct{}{s.moved, s.back} {
			select {
			case <-done:
			case <-ctx.Done():
				return nil // the result says what is missing
			}
		}
		pause(ctx, quietTime)
		return nil
	})
}

// blind shows that the power state says nothing of a guest that hangs.
func (s *show) blind(ctx context.Context) error {
	s.event(time.Now(), "watching", bold, "only the power state (vm-status), every %s", demoInterval)
	return s.while(ctx, statusOnlySetting, func(ctx context.Context) error {
		if err := s.strike(ctx); err != nil {
			return err
		}
		pause(ctx, blindTime)
		asked, last := s.rec.asked()
		s.event(time.Now(), "BLIND", yellow, "asked %d times since, the last answer: %s. So nothing is done, and packets are lost.", asked, last)
		s.event(time.Now(), "watching", bold, "a check of the data path is added: tcp port 443, every %s", demoInterval)
		return nil
	})
}

// strike waits a while and then breaks the active appliance.
func (s *show) strike(ctx context.Context) error {
	pause(ctx, healthyTime)
	now := time.Now()
	s.rec.fail(appliance.MemberName(s.from), now)
	if err := s.Failure.inflict(s.cloud, s.from); err != nil {
		return err
	}
	s.event(now, "FAILURE", red, "%s", s.Failure.sentence(s.from))
	return nil
}

// outOfOrder tells when the API's trouble changes and ends.
func (s *show) outOfOrder(ctx context.Context) {
	pause(ctx, apiDown)
	s.event(time.Now(), "ARM", yellow, "answers no longer 503, but 429 to everything")
	pause(ctx, apiThrottled-apiDown)
	s.event(time.Now(), "ARM", green, "answers again")
}

// while runs hopguard's daemon with a setting as long as the scene lasts.
func (s *show) while(ctx context.Context, change func(*config.Config), scene func(context.Context) error) error {
	conf, err := s.cloud.configure(change)
	if err != nil {
		return err
	}
	conf.Groups[0].Verify.NICs = []config.ResourceID{config.ResourceID(s.flows[0].nic)}
	conf.Store = s.records()
	a, err := s.cloud.Connect(conf, app.Options{Saw: s.saw, Reported: s.reported, Rand: rand.New(rand.NewPCG(s.Seed, 1))})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var daemon sync.WaitGroup
	var runErr error
	daemon.Go(func() { runErr = a.Run(running) })
	err = scene(ctx)
	stop()
	daemon.Wait()
	return errors.Join(err, runErr)
}

// records says where hopguard keeps its records: in the folder of the files if
// other programs are to share them.
func (s *show) records() config.Store {
	if s.Hold {
		return config.Store{Kind: config.StoreFile, Path: filepath.Join(s.Dir, stateFolder)}
	}
	return config.Store{Kind: config.StoreMemory}
}

func (s *show) saw(e controller.Event) {
	s.rec.saw(e)
	s.line.Saw(e)
}

// reported notes the report of the failover.
func (s *show) reported(r *controller.Report) {
	if len(r.Outcomes) > 0 && r.Err() == nil {
		s.once.Do(func() { close(s.moved) })
	}
}

// packets shows what the workloads' packets meet, when that changes.
func (s *show) packets(at time.Time, news, all []passage) bool {
	s.rec.traffic(at, all)
	who := news[0].name
	if len(news) == len(all) {
		who = fmt.Sprintf("all %d workloads", len(all))
	} else if len(news) > 1 {
		who = fmt.Sprintf("%s and %d more", who, len(news)-1)
	}
	p := news[0]
	switch outage := s.rec.outage(at); {
	case !p.Delivered:
		s.event(at, "traffic", red, "lost: packets of %s to %s end at %s (%s)", who, p.dst, p.through(), p.Reason)
	case outage > 0:
		s.event(at, "traffic", green, "back: packets of %s to %s go through %s, after %.2fs", who, p.dst, p.through(), outage.Seconds())
	default:
		s.event(at, "traffic", "", "packets of %s to %s go through %s", who, p.dst, p.through())
	}
	if s.rec.outage(at) > 0 && delivered(all) {
		close(s.back)
		return false // the story of the traffic is told
	}
	return true
}

// pause waits. An end of ctx is no error: the demo goes on to its end.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
