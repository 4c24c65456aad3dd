package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
)

const (
	// phases is how many moments of failure are measured, spread evenly over the
	// time between two ticks.
	phases = 9
	// measureLimit is how long after a failure its end is waited for, and
	// measureEvery how often it is looked for.
	measureLimit = time.Minute
	measureEvery = 50 * time.Millisecond
)

// Measured is what one setting took for one failure: each step is the median of
// several moments of failure.
type Measured struct {
	Setting string `json:"setting"`
	Runs    int    `json:"runs"`
	Times
}

// measure runs one setting through one failure at every phase. It takes virtual
// time: the caller is in a bubble of testing/synctest. run is told of each run, so
// that each gets a bubble of its own.
func measure(f Failure, s setting, seed uint64, run func(func() error) error) (Measured, error) {
	var all []Times
	for phase := range phases {
		err := run(func() error {
			t, err := measureOnce(f, s, seed, phase)
			all = append(all, t)
			return err
		})
		if err != nil {
			return Measured{}, fmt.Errorf("measure %q, phase %d: %w", s.name, phase, err)
		}
	}
	return Measured{Setting: s.name, Runs: phases, Times: medians(all)}, nil
}

// measureOnce lets the daemon settle, breaks the active appliance and waits until
// all is well again.
func measureOnce(f Failure, s setting, seed uint64, phase int) (Times, error) {
	cloud, err := New(Options{Seed: seed + uint64(phase)})
	if err != nil {
		return Times{}, err
	}
	conf, err := cloud.configure(s.change)
	if err != nil {
		return Times{}, err
	}
	flows, err := cloud.flows()
	if err != nil {
		return Times{}, err
	}
	rec := &recorder{}
	a, err := cloud.Connect(conf, app.Options{Saw: rec.saw, Rand: rand.New(rand.NewPCG(seed, uint64(phase)))})
	if err != nil {
		return Times{}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var runErr error
	running.Go(func() { runErr = a.Run(ctx) })
	every := conf.Groups[0].Checks[0].Interval
	for _, k := range conf.Groups[0].Checks {
		every = max(every, k.Interval)
	}
	time.Sleep(2*every + every*time.Duration(phase)/phases)
	active := conf.Groups[0].Preferred
	rec.fail(appliance.MemberName(active), time.Now())
	err = f.inflict(cloud, active)
	tables := cloud.managed()
	for end := time.Now().Add(measureLimit); err == nil && time.Now().Before(end); time.Sleep(measureEvery) {
		var seen []passage
		if seen, err = cloud.look(flows); err != nil {
			break
		}
		rec.traffic(time.Now(), seen)
		if t := rec.times(tables); t.Back >= 0 && t.Written >= 0 {
			break
		}
	}
	cancel()
	running.Wait()
	if err == nil {
		err = runErr
	}
	if err == nil {
		err = cloud.Close()
	}
	return rec.times(tables), err
}

// managed counts the tables with the group's tag.
func (c *Cloud) managed() int {
	name, value, _ := c.tag()
	n := 0
	for _, t := range c.World.RouteTables {
		if t.Tags[name] == value {
			n++
		}
	}
	return n
}

// medians takes each step by itself. A step that did not happen in most runs did
// not happen.
func medians(all []Times) Times {
	median := func(step func(Times) time.Duration) time.Duration {
		var list []time.Duration
		for _, t := range all {
			d := step(t)
			if d < 0 {
				d = measureLimit
			}
			list = append(list, d)
		}
		slices.Sort(list)
		if m := list[len(list)/2]; m < measureLimit {
			return m
		}
		return never
	}
	return Times{
		Detected: median(func(t Times) time.Duration { return t.Detected }),
		Decided:  median(func(t Times) time.Duration { return t.Decided }),
		Written:  median(func(t Times) time.Duration { return t.Written }),
		Back:     median(func(t Times) time.Duration { return t.Back }),
	}
}
