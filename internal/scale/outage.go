package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// What docs/benchmarks.md promises of an outage of so many groups or more.
const (
	mostOfFloor   = 1.2
	floorPromised = 5000
)

// slowFloor is from which floor on members are checked every ten seconds and not every
// second: hours of the world would take as long to compute.
const slowFloor = 20 * time.Minute

// outages plays an outage of half of all groups in each world, and prints what came of
// it; it reports whether all promises hold. Each is a process of its own, because only a
// test has virtual time (docs/adr/0002-virtual-time-outside-tests.md), and so that
// memory and processor time are of one.
func outages(ctx context.Context, sizes []size, stdout, stderr io.Writer) (bool, error) {
	folder, err := os.MkdirTemp("", "hopguard-outage-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	var results []outageResult
	for _, z := range sizes {
		fmt.Fprintf(stderr, "outage of %d of %d groups, %d subscriptions\n", (z.Groups+1)/2, z.Groups, z.Subscriptions)
		child, err := start(ctx, stderr, "outage", "-file", folder, "-groups", strconv.Itoa(z.Groups), "-subscriptions", strconv.Itoa(z.Subscriptions),
			"-tables", strconv.Itoa(z.Tables), "-routes", strconv.Itoa(z.Routes))
		if err != nil {
			return false, err
		}
		var r outageResult
		if err := errors.Join(child.read(&r), child.stop()); err != nil {
			return false, fmt.Errorf("outage of %d groups in %d subscriptions: %w", z.Groups, z.Subscriptions, err)
		}
		results = append(results, r)
	}
	return tellOutages(stdout, results), nil
}

// outageSizes are the worlds of -outage without others: 10, 100, 1,000 and 5,000 groups
// that fail. Thousands in a single subscription take hours of its time, so they are not
// among them.
func (o options) outageSizes() []size {
	var list []size
	for _, w := range [][]int{{20, 1, 10}, {200, 1, 10, 50}, {2000, 1, 10, 50, 200}, {10000, 50, 200}} {
		for _, s := range w[1:] {
			list = append(list, size{Groups: w[0], Subscriptions: s, Tables: o.tables, Routes: o.routes})
		}
	}
	return list
}

// outageMain plays one outage and prints its result as JSON. It ends the process.
func outageMain(ctx context.Context, z size, folder string, stdout, stderr io.Writer) {
	c := outageCase{size: z, Check: time.Second, Seed: 1}
	if c.floor(outageProfile().WriteTime) > slowFloor {
		c.Check = 10 * time.Second
	}
	os.Args = os.Args[:1] // package testing would read them
	anything := func(string, string) (bool, error) { return true, nil }
	testing.Main(anything, []testing.InternalTest{{Name: "outage", F: func(t *testing.T) {
		t.Helper()
		var r outageResult
		var err error
		synctest.Test(t, func(*testing.T) {
			// The signals' context is not of the bubble, and its end is that of the process.
			r, err = runOutage(context.WithoutCancel(ctx), c, folder, func(format string, args ...any) { fmt.Fprintf(stderr, "  "+format+"\n", args...) })
		})
		if err == nil {
			err = json.NewEncoder(stdout).Encode(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}}}, nil, nil)
}

// ratio is what the promise is about: from the first write until the last table agrees,
// to the least that Azure allows for so many writes.
func (r outageResult) ratio() float64 { return (r.Last - r.First).Seconds() / r.Azure.Seconds() }

// whole is the same from the failure on.
func (r outageResult) whole() float64 { return r.Last.Seconds() / r.Azure.Seconds() }

// known is from the failure on, to the least that Azure allows if nothing can be written
// before its group was found down.
func (r outageResult) known() float64 { return r.Last.Seconds() / r.Known.Seconds() }

func (r outageResult) failing() int { return r.Moved / r.Tables }

// tellOutages prints the results, and reports whether all promises hold.
func tellOutages(out io.Writer, results []outageResult) bool {
	fmt.Fprintln(out, "Half of all groups lose their active member at once; virtual seconds since then:")
	fmt.Fprintln(out)
	fmt.Fprintln(out, "| failing groups | subscriptions | tables | found down | first write | last table agrees | floor | ratio | with detection | to the floor from detection on |")
	fmt.Fprintln(out, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, r := range results {
		fmt.Fprintf(out, "| %d | %d | %d | %s to %s | %s | %s | %s | %.2f | %.2f | %.2f |\n", r.failing(), r.Subscriptions, r.Moved,
			seconds(r.Down[0]), seconds(r.Down[1]), seconds(r.First), seconds(r.Last), seconds(r.Azure), r.ratio(), r.whole(), r.known())
	}
	fmt.Fprintln(out, "\nWhen groups were done: the first, the median, the last.")
	fmt.Fprintln(out)
	fmt.Fprintln(out, "| failing groups | subscriptions | critical tables | all tables | table reads per write | lists and other reads | refused | ticks that failed | CPU | heap | peak memory |")
	fmt.Fprintln(out, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, r := range results {
		others, refused := 0, 0
		for kind, n := range r.Calls {
			if kind != "table write" && kind != "table read" {
				others += n
			}
		}
		for _, n := range r.Refused {
			refused += n
		}
		fmt.Fprintf(out, "| %d | %d | %s | %s | %.2f | %d | %d | %d of %d | %.0f s | %d MiB | %d MiB |\n", r.failing(), r.Subscriptions, three(r.Critical), three(r.Group),
			float64(r.Calls["table read"])/float64(max(1, r.Calls["table write"])), others, refused, r.FailedTicks, r.Ticks, r.CPU.Seconds(), r.Heap>>20, r.Peak>>20)
	}
	fmt.Fprintln(out, "\nCPU and memory are hopguard's and the simulated Azure's together.")
	held := true
	broken := func(r outageResult, format string, args ...any) {
		held = false
		fmt.Fprintf(out, "NOT HELD: %d groups fail, %d subscriptions: %s\n", r.failing(), r.Subscriptions, fmt.Sprintf(format, args...))
	}
	for _, r := range results {
		if r.Wrong > 0 {
			broken(r, "%d tables are not as they must be", r.Wrong)
		}
		if r.failing() >= floorPromised && r.ratio() > mostOfFloor {
			broken(r, "%.2f of the floor, more than %.1f", r.ratio(), mostOfFloor)
		}
		if r.known() > mostOfFloor {
			broken(r, "%.2f of the floor from detection on, more than %.1f", r.known(), mostOfFloor)
		}
	}
	if held {
		fmt.Fprintln(out, "All promises hold.")
	}
	return held
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func three(d [3]time.Duration) string {
	return fmt.Sprintf("%.1f, %.1f, %.1f s", d[0].Seconds(), d[1].Seconds(), d[2].Seconds())
}
