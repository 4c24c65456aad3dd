// Command scale measures what thousands of groups cost.
//
//	go run ./internal/scale [-groups N,N] [-subscriptions N,N] [-store memory|file] [-rounds N]
//	go run ./internal/scale -outage [-groups N,N] [-subscriptions N,N]
//
// It starts a simulated Azure and a hopguard, each in a process of its own, and lets
// the one watch the other over HTTPS on the loopback while nothing happens: so memory
// and processor time are hopguard's alone. It prints what a tick of all groups costs,
// also for each group, and exits with 1 if a promise of docs/benchmarks.md does not
// hold, or if nothing could be measured; 2 is for usage.
//
// With -outage half of all groups lose their active member at once, in virtual time, and
// it prints how long it takes until the last route table is right, compared with the
// least that Azure's limits allow.
//
// It guarantees that what is measured is the whole program as run by its command, with
// nothing taken away but the network behind TCP checks. It does not measure a busy
// machine: both processes share its processors, so whatever else runs adds to times.
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
	"os/signal"
	"strconv"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr) //nolint:forbidigo // main knows the process
	stop()
	os.Exit(code) //nolint:forbidigo // main ends the process
}

// options are what the command line says.
type options struct {
	groups, subscriptions string
	tables, routes        int
	rounds, patience      int
	store                 string
	outage                bool
	keep                  string
	profile               bool
	// as is the part of a process that this command has started, and file what it reads.
	as, file string
}

const usualGroups = "10,100,1000,10000"

// Main runs the command and returns its exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.groups, "groups", usualGroups, "how many groups there are")
	flags.StringVar(&o.subscriptions, "subscriptions", "", "over how many subscriptions, for each number of groups; usually several")
	flags.IntVar(&o.tables, "tables", 10, "route tables of a group")
	flags.IntVar(&o.routes, "routes", 5, "routes of a table")
	flags.IntVar(&o.rounds, "rounds", 3, "how many rounds of ticks are measured, ten seconds each")
	flags.IntVar(&o.patience, "patience", 30, "after how many rounds all groups must have agreed once")
	flags.BoolVar(&o.outage, "outage", false, "let half of all groups lose their active member at once, instead of nothing")
	flags.StringVar(&o.store, "store", "memory", "where records are: memory or file")
	flags.StringVar(&o.keep, "keep", "", "a folder for what is left of the processes; usually it goes with them")
	flags.BoolVar(&o.profile, "profile", false, "write profiles of hopguard into the folder that is kept")
	flags.StringVar(&o.as, "as", "", "what a process is that this command starts")
	flags.StringVar(&o.file, "file", "", "what it reads")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	sizes, err := o.sizes()
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q: want options only", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "scale:", err)
		return 2
	}
	held := false
	switch o.as {
	case "azure":
		held, err = true, serveCloud(ctx, sizes[0], o.file, stdin, stdout)
	case "hopguard":
		held, err = true, watch(ctx, o.file, o.profile, stdin, stdout)
	case "outage":
		outageMain(ctx, sizes[0], o.file, stdout, stderr)
	default:
		if o.outage {
			if o.groups+o.subscriptions == usualGroups {
				sizes = o.outageSizes()
			}
			held, err = outages(ctx, sizes, stdout, stderr)
			break
		}
		held, err = o.quiet(ctx, sizes, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "scale:", err)
	}
	if err != nil || !held {
		return 1
	}
	return 0
}

// sizes are the worlds that the command line asks for.
func (o options) sizes() ([]size, error) {
	if o.tables < 1 || o.routes < 1 || o.rounds < 1 {
		return nil, errors.New("-tables, -routes and -rounds: want numbers above zero")
	}
	if o.store != "memory" && o.store != "file" {
		return nil, fmt.Errorf("-store %q: want memory or file", o.store)
	}
	groups, err := numbers("-groups", o.groups)
	if err != nil {
		return nil, err
	}
	spread, err := numbers("-subscriptions", o.subscriptions)
	if err != nil {
		return nil, err
	}
	var list []size
	for _, g := range groups {
		over := spread
		if len(over) == 0 {
			over = usualSpread(g)
		}
		for _, s := range over {
			if s > g {
				return nil, fmt.Errorf("-subscriptions %d: want no more than the groups, %d", s, g)
			}
			list = append(list, size{Groups: g, Subscriptions: s, Tables: o.tables, Routes: o.routes})
		}
	}
	return list, nil
}

// usualSpread are the numbers of subscriptions for a number of groups: fifty groups and
// five hundred tables in each, and what an organization with fewer or more would have.
func usualSpread(groups int) []int {
	switch {
	case groups <= 100:
		return []int{1, max(1, groups/50)}[:1+groups/100]
	case groups <= 1000:
		return []int{1, 10, 20}
	default:
		return []int{50, 200}
	}
}

func numbers(name, text string) ([]int, error) {
	var list []int
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 100_000 {
			return nil, fmt.Errorf("%s: %q: want numbers from 1 to 100000, separated by commas", name, word)
		}
		list = append(list, n)
	}
	return list, nil
}
