package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// BenchmarkTickProcess runs `hopguard tick` as it is built for release, as a whole
// process, against a simulated Azure on loopback that answers after a
// millisecond: TLS, sign-in, probes and reads included. It reports
//
//	ms-to-decision   from the start of the process to its decision
//	ms-to-exit       to its end
//	peak-MiB         the most memory that it held
//	binary-MiB       the program
func BenchmarkTickProcess(b *testing.B) {
	program, size := buildRelease(b)
	for _, tables := range []int{3, 100, 1000} {
		b.Run(fmt.Sprintf("%d-tables", tables), func(b *testing.B) {
			_, conf, env := serveWorld(b, azuresim.TwoRegionsOptions{Tables: tables, RoutesPerTable: 50})
			tickProcess(b, program, conf, env) // the first one records who is active
			var decision, exit time.Duration
			peak := 0
			for b.Loop() {
				p := tickProcess(b, program, conf, env)
				decision, exit, peak = decision+p.decision, exit+p.exit, max(peak, p.peak)
			}
			b.ReportMetric(0, "ns/op") // it would count the launcher too
			b.ReportMetric(milliseconds(decision)/float64(b.N), "ms-to-decision")
			b.ReportMetric(milliseconds(exit)/float64(b.N), "ms-to-exit")
			b.ReportMetric(float64(peak)/1024, "peak-MiB")
			b.ReportMetric(float64(size)/(1<<20), "binary-MiB")
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// buildRelease builds the program as the Makefile does.
func buildRelease(b *testing.B) (program string, size int64) {
	b.Helper()
	program = filepath.Join(b.TempDir(), "hopguard")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "hopguard/cmd/hopguard")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	return program, info.Size()
}

// process is what one run took; peak is in KiB.
type process struct {
	decision, exit time.Duration
	peak           int
}

// tickProcess runs one tick below a launcher: Linux counts what a process was
// before it became the program, and this one is large.
func tickProcess(b *testing.B, program, conf string, env []string) process {
	b.Helper()
	launcher, err := exec.LookPath("launch")
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), launcher, program, "tick", "--config", conf, "--json")
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		b.Fatalf("tick: %v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	var report struct{ Decided time.Time }
	if err := json.NewDecoder(&stdout).Decode(&report); err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(stderr.String())
	if len(fields) != 3 {
		b.Fatalf("launcher: %s", stderr.Bytes())
	}
	numbers := make([]int64, 3)
	for i, f := range fields {
		if numbers[i], err = strconv.ParseInt(f, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Unix(0, numbers[0])
	return process{decision: report.Decided.Sub(began), exit: time.Duration(numbers[1]), peak: int(numbers[2])}
}

// launch runs a program and prints, on standard error, when it began (Unix time in
// nanoseconds), how long it ran (nanoseconds) and its peak memory (KiB).
func launch() {
	out, report := os.Stdout, os.Stderr //nolint:forbidigo // this is the main of a process
	cmd := exec.Cmd{Path: os.Args[1], Args: os.Args[1:], Stdout: out, Stderr: report}
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if err != nil || !ok {
		panic(fmt.Sprintf("launch %s: %v", os.Args[1], err))
	}
	_, err = fmt.Fprintln(report, began.UnixNano(), took.Nanoseconds(), usage.Maxrss)
	if err != nil {
		panic(err)
	}
}
