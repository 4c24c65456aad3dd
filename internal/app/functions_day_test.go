package app_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/funchost"
)

const (
	// day is how long the handler is watched.
	day = 24 * time.Hour
	// schedule is how often the timer fires, and recycled how long the longest silence is
	// when the platform moves the app: what is left of the timer's lock, and the time
	// until another instance looks for it.
	schedule, recycled = 30 * time.Second, 31 * time.Second
	// promised is how long a failover takes while the handler is not disturbed, from the
	// failure until every route has moved: at worst 15 s until the next check of an
	// interval of 10 s, because none begins in the 5 s between the end of a watch and the
	// next timer, 1 s that the list of power states lags, 4 s for two confirmations, and
	// the reads and writes.
	promised = 24 * time.Second
)

// A day in virtual time, in which the handler is killed at random moments, some of them
// in the middle of a switch, and the host with it when that has happened too often. A
// member fails every hour or so.
func TestFunctionsSurviveADayOfKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disturbed{
			t: t, rng: rand.New(rand.NewPCG(7, 11)), dir: appFolder(t),
			handlers: handling(newWorld(t, azuresim.TwoRegionsOptions{Spokes: 1}), config.Functions{Watch: 25 * time.Second}),
		}
		g := &d.handlers.world.config.Groups[0]
		g.Policy.MaxTransitions = 100 // it is a bad day
		g.Reconcile = schedule        // once an invocation, so that a day is over soon
		d.begin()
		began := time.Now()
		var calm, rough []time.Duration
		for time.Since(began) < day {
			d.rest()
			took, killed := d.failover()
			if killed {
				rough = append(rough, took)
			} else {
				calm = append(calm, took)
			}
		}
		d.end()
		t.Logf("%d timers, %d kills, %d moves of the app; failover, undisturbed: %d, at most %s; killed meanwhile: %d, at most %s",
			len(d.handlers.ticks), d.kills, d.moves, len(calm), slices.Max(calm), len(rough), slices.Max(rough))
		if slices.Max(calm) > promised {
			t.Errorf("an undisturbed failover took %s, want at most %s", slices.Max(calm), promised)
		}
		if most := promised + schedule + recycled; slices.Max(rough) > most {
			t.Errorf("a failover in which the handler was killed took %s, want at most %s", slices.Max(rough), most)
		}
		d.judgeTimers(began)
		if r := d.handlers.record(t, "emea"); r.Epoch != uint64(1+len(calm)+len(rough)) {
			t.Errorf("the record is of epoch %d, want one transition for each of %d failures", r.Epoch, len(calm)+len(rough))
		}
	})
}

// disturbed is an app whose handler is killed.
type disturbed struct {
	t        *testing.T
	rng      *rand.Rand
	dir      string
	handlers *handlers

	host         *funchost.Host
	stop         context.CancelFunc
	running      sync.WaitGroup
	kills, moves int
	gone         []time.Time // when the app was moved
}

func (d *disturbed) begin() {
	d.host = d.handlers.host(d.t, d.dir, nil)
	ctx, stop := context.WithCancel(d.t.Context())
	d.stop = stop
	d.running.Go(func() {
		if err := d.host.Run(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, funchost.ErrStopped) {
			d.t.Error(err)
		}
	})
}

func (d *disturbed) end() {
	d.stop()
	d.host.Close()
	d.running.Wait()
}

// kill ends the handler; when the host has had enough, the platform starts the app
// elsewhere, after the silence that its locks make.
func (d *disturbed) kill() {
	d.kills++
	d.host.Kill()
	synctest.Wait()
	if d.host.Stopped() == nil {
		return
	}
	d.moves++
	d.gone = append(d.gone, time.Now())
	d.end()
	time.Sleep(time.Duration(d.rng.Int64N(int64(recycled))))
	d.begin()
}

// rest lets time go by, with a kill now and then.
func (d *disturbed) rest() {
	for range 4 {
		time.Sleep(time.Duration(d.rng.Int64N(int64(25 * time.Minute))))
		if d.rng.IntN(2) == 0 {
			d.kill()
		}
	}
	time.Sleep(2 * time.Minute) // and then all is well again
}

// failover switches the active member off, and returns how long it took until all
// routes had moved. In every second one the handler is killed within seconds.
func (d *disturbed) failover() (took time.Duration, killed bool) {
	w := d.handlers.world
	from, to, hop := "vmx-a", "vmx-b", "10.2.0.4"
	if d.handlers.record(d.t, "emea").Active == "vmx-b" {
		from, to, hop = to, from, "10.1.0.4"
	}
	time.Sleep(time.Duration(d.rng.Int64N(int64(schedule))))
	began := time.Now()
	if err := w.PowerOff(from); err != nil {
		d.t.Error(err)
	}
	killAt := began.Add(time.Duration(d.rng.Int64N(int64(16 * time.Second))))
	killed = d.rng.IntN(2) == 0
	for pending := killed; w.hops(d.t)[hop] != 5; time.Sleep(500 * time.Millisecond) {
		if pending && !time.Now().Before(killAt) {
			pending = false
			d.kill()
		}
		if time.Since(began) > 10*time.Minute {
			d.t.Errorf("no failover %s after %s was switched off: %v", time.Since(began), from, w.hops(d.t))
			break
		}
	}
	took = time.Since(began)
	if got := d.handlers.record(d.t, "emea").Active; string(got) != to {
		d.t.Errorf("the record says %s, want %s", got, to)
	}
	if err := w.PowerOn(from); err != nil {
		d.t.Error(err)
	}
	return took, killed
}

// judgeTimers compares the invocations with the schedule: each tick of it is there, but
// those while the app was moved.
func (d *disturbed) judgeTimers(began time.Time) {
	last := began
	for _, at := range append(slices.Clone(d.handlers.ticks), time.Now()) {
		most := schedule + time.Second // one that was late is made up for at once
		for _, gone := range d.gone {
			if !gone.Before(last) && gone.Before(at) {
				most += recycled
			}
		}
		if gap := at.Sub(last); gap > most {
			d.t.Errorf("no timer between %s and %s, %s, want at most %s", last.Sub(began), at.Sub(began), gap, most)
		}
		last = at
	}
	if n, least := len(d.handlers.ticks), int(day/schedule)-2*len(d.gone)-2; n < least {
		d.t.Errorf("%d timers in a day, want at least %d", n, least)
	}
}
