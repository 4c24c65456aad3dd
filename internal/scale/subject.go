package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/controller"
)

// ready is the first line of the process that is measured.
type ready struct {
	// File is the length of the configuration, Load how long it took to read it, and New
	// to wire it.
	File int           `json:"file"`
	Load time.Duration `json:"load"`
	New  time.Duration `json:"new"`
	Peak int64         `json:"peak"`
}

// round is the line about one round of ticks: one of each group.
type round struct {
	// N counts the intervals since the first tick.
	N int `json:"n"`
	// Took is from the start of the first tick to the end of the last.
	Took time.Duration `json:"took"`
	// Ended is when that was, since the process began.
	Ended time.Duration `json:"ended"`
	// Agreed, Degraded and Failed count the groups, by their newest reports.
	Agreed   int    `json:"agreed"`
	Degraded int    `json:"degraded"`
	Failed   int    `json:"failed"`
	Why      string `json:"why,omitempty"`
	// CPU, Peak and Allocated are of the process up to the end; Live is its heap.
	CPU       time.Duration `json:"cpu"`
	Peak      int64         `json:"peak"`
	Live      int64         `json:"live"`
	Allocated int64         `json:"allocated"`

	begun, over time.Time
	last        map[appliance.GroupName]controller.State // of the newest report of each
	closed      bool
}

// String is for a person who waits.
func (r round) String() string {
	text := fmt.Sprintf("%.2f s, %d agreed", r.Took.Seconds(), r.Agreed)
	if r.Degraded+r.Failed > 0 {
		text += fmt.Sprintf(", %d degraded, %d failed (%.300s)", r.Degraded, r.Failed, r.Why)
	}
	return text + fmt.Sprintf("; %d MiB", r.Peak>>20)
}

// watch is the process that is measured: a whole hopguard, as run by its command, with
// the configuration in a file and everything but the answers to TCP checks real. It
// writes a line for each round until its input ends.
func watch(ctx context.Context, path string, profiled bool, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	began := time.Now()
	conf, err := config.Load(path, os.Getenv)
	if err != nil {
		return err
	}
	first := ready{Load: time.Since(began)}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	first.File = int(info.Size())
	log, err := os.Create(filepath.Join(filepath.Dir(path), "hopguard.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	r := &rounds{began: began, groups: len(conf.Groups), tell: json.NewEncoder(out)}
	wiring := time.Now()
	a, err := app.New(app.Options{
		Config: conf, Dial: connected, Reported: r.report, Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return err
	}
	first.New = time.Since(wiring)
	if _, first.Peak, err = used(); err != nil {
		return err
	}
	if err := r.tell.Encode(first); err != nil {
		return err
	}
	finish := func() error { return nil }
	if profiled {
		if finish, err = profile(filepath.Dir(path)); err != nil {
			return err
		}
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, _ = io.Copy(io.Discard, in)
		err = finish() // while all of it still runs
		stop()
	})
	running := a.Run(ctx)
	waiting.Wait()
	return errors.Join(running, err)
}

// connected is a dialer whom everybody answers.
func connected(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	return here, there.Close()
}

// rounds counts the reports. It is safe for concurrent use.
type rounds struct {
	began  time.Time
	groups int
	tell   *json.Encoder

	mu sync.Mutex
	// first is when the first tick began; the regular ones follow whole intervals later.
	first time.Time
	now   *round
}

// report takes one. A round is over when each group has reported in it, or when the
// next one has begun.
func (r *rounds) report(report *controller.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first.IsZero() {
		r.first = report.Started.Add(-interval / 10) // a timer may be late, and another one early
	}
	n := int(report.Started.Sub(r.first) / interval)
	if r.now != nil && n > r.now.N {
		r.close()
	}
	if r.now == nil {
		r.now = &round{N: n, begun: report.Started, last: map[appliance.GroupName]controller.State{}}
	}
	now := r.now
	if n < now.N || now.closed {
		return // one that took longer than a round, or that was repeated in it
	}
	if report.Started.Before(now.begun) {
		now.begun = report.Started
	}
	if report.Ended.After(now.over) {
		now.over = report.Ended
	}
	now.last[report.Group] = report.State()
	if report.State() == controller.Degraded {
		now.Why = fmt.Sprint(report.Warnings)
	}
	if err := report.Err(); err != nil {
		now.Why = err.Error()
	}
	if len(now.last) == r.groups {
		r.close()
	}
}

// close tells of the round, once.
func (r *rounds) close() {
	now := r.now
	if now.closed {
		r.now = nil
		return
	}
	now.closed = true
	for _, s := range now.last {
		switch s {
		case controller.Agreed:
			now.Agreed++
		case controller.Degraded:
			now.Degraded++
		case controller.Failed:
			now.Failed++
		}
	}
	now.Took, now.Ended = now.over.Sub(now.begun), time.Since(r.began)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	now.Live, now.Allocated = int64(m.HeapAlloc), int64(m.TotalAlloc)
	var err error
	if now.CPU, now.Peak, err = used(); err != nil {
		now.Why = err.Error()
	}
	_ = r.tell.Encode(now) // whoever reads it has gone, and input ends
	if now.Agreed+now.Degraded+now.Failed < r.groups {
		r.now = nil
	}
}
