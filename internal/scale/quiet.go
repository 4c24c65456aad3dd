package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// interval is from one tick of a group to the next: groups[].reconcile as it usually is.
const interval = 10 * time.Second

// result is what one world has cost.
type result struct {
	size

	ready ready
	// cold is until all groups agreed for the first time.
	cold time.Duration
	// took is the longest round of those measured; the rest is of all of them together.
	took      time.Duration
	cpu       time.Duration
	allocated int64
	asked     tally
	rounds    int
	// live is the heap at the end of a round, peak the resident memory at worst since
	// the process began.
	live, peak int64
}

// quiet measures all sizes and prints what they cost; it reports whether all promises
// hold.
func (o options) quiet(ctx context.Context, sizes []size, stdout, stderr io.Writer) (bool, error) {
	folder, err := os.MkdirTemp(o.keep, "hopguard-scale-")
	if err != nil {
		return false, err
	}
	if o.keep == "" {
		defer func() { _ = os.RemoveAll(folder) }()
	}
	var results []result
	for i, z := range sizes {
		fmt.Fprintf(stderr, "%d groups, %d subscriptions\n", z.Groups, z.Subscriptions)
		r, err := o.measure(ctx, z, filepath.Join(folder, strconv.Itoa(i)), stderr)
		if err != nil {
			return false, fmt.Errorf("%d groups, %d subscriptions: %w", z.Groups, z.Subscriptions, err)
		}
		results = append(results, r)
	}
	return tell(stdout, results), nil
}

// measure watches one world.
func (o options) measure(ctx context.Context, z size, folder string, stderr io.Writer) (r result, err error) {
	r.size, r.rounds = z, o.rounds
	if err := os.Mkdir(folder, 0o700); err != nil {
		return r, err
	}
	cloud, err := start(ctx, stderr, "azure", "-file", folder, "-groups", strconv.Itoa(z.Groups), "-subscriptions", strconv.Itoa(z.Subscriptions),
		"-tables", strconv.Itoa(z.Tables), "-routes", strconv.Itoa(z.Routes))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, cloud.stop()) }()
	var at started
	if err := cloud.read(&at); err != nil {
		return r, err
	}
	fmt.Fprintf(stderr, "  azure serves after %.1f s\n", at.Took.Seconds())
	file := filepath.Join(folder, "hopguard.yaml")
	text := z.configuration(at.Endpoint, filepath.Join(folder, "ca.pem"), o.store, filepath.Join(folder, "records"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return r, err
	}
	subject, err := start(ctx, stderr, "hopguard", "-file", file, fmt.Sprintf("-profile=%t", o.profile))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, subject.stop()) }()
	if err := subject.read(&r.ready); err != nil {
		return r, err
	}
	fmt.Fprintf(stderr, "  hopguard read %d bytes in %.2f s, wired them in %.2f s, %d MiB\n",
		r.ready.File, r.ready.Load.Seconds(), r.ready.New.Seconds(), r.ready.Peak>>20)
	return r, o.follow(&r, cloud, subject, stderr)
}

// follow waits until all groups agree, leaves out one round more, and measures the next.
func (o options) follow(r *result, cloud, subject *process, stderr io.Writer) error {
	var before round
	var then tally
	quiet := -1 // rounds since all groups agreed; a first tick that is longer than a round leaves the next one incomplete
	for n := 0; quiet < 1+o.rounds; n++ {
		var now round
		if err := subject.read(&now); err != nil {
			return err
		}
		var calls tally
		if err := cloud.ask(&calls); err != nil {
			return err
		}
		since := calls.minus(then)
		fmt.Fprintf(stderr, "  interval %d: %s; %d calls, %d refused; azure %.1f s\n", now.N, now, since.calls(), since.Refused, since.CPU.Seconds())
		all := now.Agreed == r.Groups
		switch {
		case !all && quiet >= 1:
			return fmt.Errorf("of a quiet round %s", now)
		case !all && n >= o.patience:
			return fmt.Errorf("after %d rounds %s", n, now)
		case !all:
			quiet = -1
		case all:
			quiet++
		}
		if quiet == 0 && r.cold == 0 {
			r.cold = now.Ended
		}
		if quiet > 1 {
			r.took = max(r.took, now.Took)
			r.cpu += now.CPU - before.CPU
			r.allocated += now.Allocated - before.Allocated
			r.asked = r.asked.plus(since)
			r.live, r.peak = max(r.live, now.Live), now.Peak
		}
		before, then = now, calls
	}
	return nil
}
