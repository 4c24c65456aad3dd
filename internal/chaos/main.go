// Command chaos kills real controllers in the middle of what they do, and looks
// whether the routes come out right.
//
//	go run ./internal/chaos [-mode kill|pause] [-kills N] [-worlds N] [-seed N]
//
// Each world is a simulated Azure with two `hopguard run` processes that share a
// container of a real Azurite. Again and again the active appliance fails, and the
// process that leads is killed (or stopped for longer than its lease) at a random
// moment between the failure and the end of the switch. Afterwards every table is
// compared with what it was, the record with what it must be, and every report with
// what was so. Exit codes: 0 nothing wrong, 1 something, or nothing could be done, 2
// usage.
//
// It guarantees that what it judges by is the simulated Azure, not what a controller
// says, and that the processes it starts end with it. Which moments it takes follows
// from the seed; what else happens at that moment does not.
//
// It is run, not used: nothing may import it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/azurite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := Main(ctx, os.Args[1:], os.Stdout, os.Stderr) //nolint:forbidigo // main knows the process
	stop()
	os.Exit(code) //nolint:forbidigo // main ends the process
}

// options are what the command line says.
type options struct {
	mode          string
	kills, worlds int
	seed          uint64
}

// Main runs the command and returns its exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.mode, "mode", "kill", "kill, or pause")
	flags.IntVar(&o.kills, "kills", 50, "how often a leader is caught")
	flags.IntVar(&o.worlds, "worlds", 6, "how many worlds there are at a time")
	flags.Uint64Var(&o.seed, "seed", 1, "which moments")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case o.mode != "kill" && o.mode != "pause" || o.kills < 1 || o.worlds < 1 || flags.NArg() > 0:
		fmt.Fprintln(stderr, "chaos: want -mode kill or pause, -kills and -worlds above zero, and nothing else")
		return 2
	}
	ok, err := o.run(ctx, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
	}
	if err != nil || !ok {
		return 1
	}
	return 0
}

// run makes all rounds, in all worlds at once.
func (o options) run(ctx context.Context, out io.Writer) (ok bool, err error) {
	folder, err := os.MkdirTemp("", "hopguard-chaos-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	program := filepath.Join(folder, "hopguard")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "hopguard/cmd/hopguard")
	if text, err := build.CombinedOutput(); err != nil {
		return false, fmt.Errorf("build hopguard: %w\n%s", err, text)
	}
	if err := os.Mkdir(filepath.Join(folder, "azurite"), 0o700); err != nil {
		return false, err
	}
	store, stop, err := azurite.Launch(ctx, filepath.Join(folder, "azurite"))
	if err != nil {
		return false, err
	}
	defer stop()
	began := time.Now()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%6.1f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	s := setup{program: program, folder: folder, store: store, seed: o.seed, say: say}
	worlds := min(o.worlds, o.kills)
	rounds, usual := make([][]Round, worlds), make([]time.Duration, worlds)
	var all errgroup.Group
	for n := range worlds {
		share := o.kills / worlds
		if n < o.kills%worlds {
			share++
		}
		all.Go(func() (err error) {
			rounds[n], usual[n], err = o.world(ctx, s, n, share)
			return err
		})
	}
	err = all.Wait()
	var flat []Round
	for _, list := range rounds {
		flat = append(flat, list...)
	}
	return Summary(out, o.kills, flat, usual), err
}

// world makes the rounds of one world. A round that does not come to its end ends it.
func (o options) world(ctx context.Context, s setup, n, count int) (rounds []Round, usual time.Duration, err error) {
	w, err := newWorld(ctx, s, n)
	if err != nil {
		return nil, 0, fmt.Errorf("world %d: %w", n, err)
	}
	defer w.close()
	fail := func(err error) error { return fmt.Errorf("%s: %w\n%s", w.name, err, w.logs()) }
	if err := w.start(ctx); err != nil {
		return nil, 0, fail(err)
	}
	if err := w.calibrate(ctx); err != nil {
		return nil, 0, fail(err)
	}
	s.say("%s: nobody disturbed: routes right after %.2f s, reported after %.2f s and %d requests", w.name, w.usual.right.Seconds(), w.usual.took.Seconds(), w.usual.requests)
	round := w.killRound
	if o.mode == "pause" {
		round = w.pauseRound
	}
	if d, _ := w.taken(); d.Any() { // of the switch that nobody disturbed
		rounds = append(rounds, Round{What: "nobody disturbed", Damage: d})
		return rounds, w.usual.right, fail(fmt.Errorf("a switch that nobody disturbed went wrong: %v", d.Details))
	}
	for range count {
		r, err := round(ctx)
		r.Damage, r.Refused = w.taken()
		if err != nil {
			return rounds, w.usual.right, fail(fmt.Errorf("%s: %w: %v", r.What, err, r.Damage.Details))
		}
		rounds = append(rounds, r)
		s.say("%s: %s: %s; led again after %.2f s, right after %.2f s", w.name, r.What, r.Stage, r.Takeover.Seconds(), r.Right.Seconds())
		if r.Damage.Any() {
			return rounds, w.usual.right, fail(fmt.Errorf("%s: damage: %v", r.What, r.Damage.Details))
		}
	}
	return rounds, w.usual.right, nil
}
