package main

import (
	"fmt"
	"io"
	"time"
)

// What docs/benchmarks.md promises.
const (
	mostMemory = 512 << 20
	// mostGrowth is how much more than at a hundred groups one group may cost at ten
	// thousand.
	mostGrowth = 2
)

// tell prints the results, and reports whether all promises hold.
func tell(out io.Writer, results []result) bool {
	fmt.Fprintln(out, "Of one round of ticks, in which nothing happens, checks of the same 10 s included:")
	fmt.Fprintln(out)
	fmt.Fprintln(out, "| groups | subscriptions | all ticks | CPU | calls | further pages | MB read | peak memory | heap | Azure's CPU |")
	fmt.Fprintln(out, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, r := range results {
		n := float64(r.rounds)
		fmt.Fprintf(out, "| %d | %d | %.2f s | %.3f s | %.0f | %.0f | %.1f | %.0f MiB | %.0f MiB | %.2f s |\n", r.Groups, r.Subscriptions, r.took.Seconds(),
			r.cpu.Seconds()/n, float64(r.asked.calls())/n, float64(r.asked.Pages)/n, float64(r.asked.Bytes)/n/1e6, mib(r.peak), mib(r.live), r.asked.CPU.Seconds()/n)
	}
	fmt.Fprintln(out, "\nOf one group, and how much that is of what it is at 100 groups:")
	fmt.Fprintln(out)
	fmt.Fprintln(out, "| groups | subscriptions | CPU | | memory allocated | | peak memory | | calls | |")
	fmt.Fprintln(out, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	base, has := hundred(results)
	held := true
	for _, r := range results {
		row := r.each()
		fmt.Fprintf(out, "| %d | %d |", r.Groups, r.Subscriptions)
		for i, cost := range row {
			ratio := "-"
			if has {
				ratio = fmt.Sprintf("%.2f", cost.n/base.each()[i].n)
			}
			fmt.Fprintf(out, " %s | %s |", cost.text, ratio)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, "\nUntil all groups agreed for the first time:")
	fmt.Fprintln(out)
	fmt.Fprintln(out, "| groups | subscriptions | file | read | wired | all agree |")
	fmt.Fprintln(out, "|---:|---:|---:|---:|---:|---:|")
	for _, r := range results {
		fmt.Fprintf(out, "| %d | %d | %.0f kB | %.2f s | %.2f s | %.1f s |\n", r.Groups, r.Subscriptions, float64(r.ready.File)/1e3,
			r.ready.Load.Seconds(), r.ready.New.Seconds(), r.cold.Seconds())
	}
	fmt.Fprintln(out)
	broken := func(r result, format string, args ...any) {
		held = false
		fmt.Fprintf(out, "NOT HELD: %d groups, %d subscriptions: %s\n", r.Groups, r.Subscriptions, fmt.Sprintf(format, args...))
	}
	for _, r := range results {
		if r.took >= interval {
			broken(r, "ticks took %.1f s, longer than the %s between them", r.took.Seconds(), interval)
		}
		if r.peak > mostMemory {
			broken(r, "%.0f MiB, more than %.0f", mib(r.peak), mib(mostMemory))
		}
		if r.asked.Writes > 0 {
			broken(r, "%d writes while nothing happened", r.asked.Writes)
		}
		for i, cost := range r.each() {
			if has && r.Groups > base.Groups && cost.n > mostGrowth*base.each()[i].n {
				broken(r, "%s of one group: %.1f times what it is at %d groups, more than %d", cost.what, cost.n/base.each()[i].n, base.Groups, mostGrowth)
			}
		}
	}
	if held {
		fmt.Fprintln(out, "All promises hold.")
	}
	return held
}

// hundred is the measurement that others are compared with.
func hundred(results []result) (result, bool) {
	for _, r := range results {
		if r.Groups == 100 && r.Subscriptions <= 2 {
			return r, true
		}
	}
	return result{}, false
}

// cost is what one group costs in a round.
type cost struct {
	what string
	n    float64
	text string
}

func (r result) each() []cost {
	groups, n := float64(r.Groups), float64(r.Groups*r.rounds)
	cpu := float64(r.cpu) / n
	allocated, memory, calls := float64(r.allocated)/n/1024, float64(r.peak)/groups/1024, float64(r.asked.calls())/n
	return []cost{
		{"processor time", cpu, fmt.Sprintf("%.0f µs", cpu/float64(time.Microsecond))},
		{"memory allocated", allocated, fmt.Sprintf("%.1f KiB", allocated)},
		{"peak memory", memory, fmt.Sprintf("%.0f KiB", memory)},
		{"calls", calls, fmt.Sprintf("%.3f", calls)},
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
