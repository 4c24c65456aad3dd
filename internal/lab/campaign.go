package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/contender"
	"hopguard/internal/netlab"
	"hopguard/internal/outage"
)

// Campaign is many trials, and soaks beside them.
type Campaign struct {
	// Options are those of every lab; Name and Dir are made unique.
	Options Options
	// Labs is how many there are side by side; 0 is one.
	Labs  int
	Cells []Cell
	Soaks []Soak
	Seed  uint64
	// Capture is a folder for packets; "" keeps none.
	Capture string
	// Machine describes where this runs, and Wanted what the report is to be judged by; both are handed on.
	Machine string
	Wanted  outage.Wanted
	// Progress is told of each trial and soak that has ended, with the report so far; one
	// call at a time. Nil if nobody listens.
	Progress func(done, all int, last string, sofar outage.Report)
}

// Cell is one failure mode under one setting.
type Cell struct {
	Contender contender.Contender
	Mode      string
	Runs      int
	// Patience is that of [Trial].
	Patience time.Duration
}

// Soak is a long time in which nothing fails.
type Soak struct {
	Contender contender.Contender
	// Loss is the probability that a packet to an appliance is lost.
	Loss float64
	// Length is how long it is watched.
	Length time.Duration
}

// task is one thing that a lab does.
type task struct {
	cell   *Cell
	soak   *Soak
	number int
}

// tasks are all there is to do: soaks first, because they are long, then the trials, each
// cell's first ones before any cell's later ones.
func (c Campaign) tasks() []task {
	var list []task
	for i := range c.Soaks {
		list = append(list, task{soak: &c.Soaks[i]})
	}
	most := 0
	for _, cell := range c.Cells {
		most = max(most, cell.Runs)
	}
	for n := range most {
		for i := range c.Cells {
			if n < c.Cells[i].Runs {
				list = append(list, task{cell: &c.Cells[i], number: n + 1})
			}
		}
	}
	return list
}

// Run makes all trials and soaks. The report holds what was measured also when there is
// an error, which says that a lab did not work or that ctx has ended.
func (c Campaign) Run(ctx context.Context) (outage.Report, error) {
	r := &record{campaign: c, report: outage.Report{Version: outage.Version, Began: time.Now().UTC(), Machine: c.Machine, Wanted: c.Wanted, Modes: c.modes(), Settings: c.settings()}}
	list := c.tasks()
	r.all = len(list)
	todo := make(chan task, len(list))
	for _, t := range list {
		todo <- t
	}
	close(todo)
	group, ctx := errgroup.WithContext(ctx)
	for n := range min(max(c.Labs, 1), len(list)) {
		group.Go(func() error { return c.work(ctx, n, todo, r) })
	}
	err := group.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Ended = time.Now().UTC()
	r.sort()
	return r.report, err
}

// work does what there is to do in a lab of its own. A lab that does not work is made
// anew once for each task.
func (c Campaign) work(ctx context.Context, n int, todo <-chan task, r *record) (err error) {
	o := c.Options
	o.Name, o.Dir = fmt.Sprintf("%s%d", c.Options.withDefaults().Name, n+1), filepath.Join(c.Options.Dir, fmt.Sprintf("lab%d", n+1))
	l, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r.scene(l.Scene())
	for t := range todo {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		first := c.do(ctx, l, t, r)
		if first == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.o.Log.WarnContext(ctx, "the lab is made anew", "err", first)
		if err := l.Close(); err != nil {
			return errors.Join(first, err)
		}
		if l, err = Open(ctx, o); err != nil {
			return errors.Join(first, err)
		}
		if err := c.do(ctx, l, t, r); err != nil {
			return errors.Join(first, err)
		}
	}
	return nil
}

// do does one thing.
func (c Campaign) do(ctx context.Context, l *Lab, t task, r *record) error {
	if t.soak != nil {
		s, err := l.Soak(ctx, *t.soak)
		if err != nil {
			return err
		}
		r.add(func(p *outage.Report) { p.Soaks = append(p.Soaks, s) }, fmt.Sprintf("%s: %s for %s: %d moves", s.Setting, s.Title, s.Length, s.Moves))
		return nil
	}
	trial, err := l.Run(ctx, Trial{
		Contender: t.cell.Contender, Mode: t.cell.Mode, Number: t.number, Seed: c.Seed + uint64(t.number), Patience: t.cell.Patience, Capture: c.Capture,
	})
	if err != nil {
		return err
	}
	r.add(func(p *outage.Report) { p.Trials = append(p.Trials, trial) }, line(trial))
	return nil
}

// line says in a line what a trial has shown.
func line(t outage.Trial) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s, %d:", t.Setting, t.Mode, t.Number)
	for _, outbound := range []bool{true, false} {
		if worst, ok := t.Worst(outbound); ok {
			fmt.Fprintf(&text, " %s out for %s (%d lost);", worst.Name, worst.Outage, worst.Lost)
		}
	}
	fmt.Fprintf(&text, " moves: %d", t.Moves)
	for _, trouble := range t.Trouble {
		text.WriteString("; TROUBLE: " + trouble)
	}
	return text.String()
}

func (c Campaign) modes() []outage.Mode {
	var list []outage.Mode
	for _, m := range Modes() {
		if slices.ContainsFunc(c.Cells, func(cell Cell) bool { return cell.Mode == m.Name }) {
			list = append(list, m)
		}
	}
	return list
}

func (c Campaign) settings() []outage.Setting {
	var list []outage.Setting
	add := func(s outage.Setting) {
		if !slices.ContainsFunc(list, func(o outage.Setting) bool { return o.Name == s.Name }) {
			list = append(list, s)
		}
	}
	for _, cell := range c.Cells {
		add(cell.Contender.Setting)
	}
	for _, s := range c.Soaks {
		add(s.Contender.Setting)
	}
	return list
}

// record is the report that grows.
type record struct {
	campaign Campaign
	all      int

	mu     sync.Mutex
	done   int
	report outage.Report
}

func (r *record) scene(s outage.Lab) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Lab = s
}

func (r *record) add(change func(*outage.Report), last string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
	r.done++
	if r.campaign.Progress != nil {
		r.report.Ended = time.Now().UTC()
		r.campaign.Progress(r.done, r.all, last, r.report)
	}
}

// sort brings the trials into the order of the cells, whichever lab was first.
func (r *record) sort() {
	place := func(t outage.Trial) int {
		return slices.IndexFunc(r.campaign.Cells, func(c Cell) bool { return c.Contender.Setting.Name == t.Setting && c.Mode == t.Mode })
	}
	slices.SortStableFunc(r.report.Trials, func(a, b outage.Trial) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return a.Number - b.Number
	})
}

// Soak watches a controller while nothing fails for long, and counts what it moves all
// the same. There is no other traffic: what matters is what the controller sees.
func (l *Lab) Soak(ctx context.Context, o Soak) (outage.Soak, error) {
	result := outage.Soak{Setting: o.Contender.Setting.Name, Loss: o.Loss, Title: fmt.Sprintf("%.3g %% of the packets to both appliances are lost at random", 100*o.Loss)}
	s, err := l.begin(ctx, Trial{Contender: o.Contender, Mode: "soak", Number: 1, Seed: 1}, failure{})
	if err != nil {
		return result, errors.Join(fmt.Errorf("begin the soak: %w", err), s.end())
	}
	s.meter.stop()
	for _, g := range l.guests {
		g.impair(netlab.Impairment{Loss: o.Loss})
	}
	began := time.Now()
	if !sleep(ctx, o.Length) {
		return result, errors.Join(ctx.Err(), s.end())
	}
	result.Length = outage.Seconds(time.Since(began))
	moves, _, err := s.watch.seen()
	result.Moves = len(moves)
	made, failed, asked := s.running.Probes(ctx)
	if asked == nil {
		result.Probes, result.Failed = made, failed
	} else if errors.Is(asked, contender.ErrUnsupported) {
		asked = nil
	}
	return result, errors.Join(err, asked, s.end())
}

// SideBySide is how many labs this machine carries without disturbing each other's
// figures: one for every two processors.
func SideBySide() int { return max(1, runtime.NumCPU()/2) }
