// Command mutants asks of each guard in the code whether a test would notice if it
// were gone: it changes one after the other and runs the tests each time.
//
//	go run ./internal/mutants [-run REGEXP] [-list] [-jobs N] [-limit D] [FOLDER...]
//
// It makes the mutants of the folders' files mechanically (see Generate; without
// folders: those that decide) and adds those that persons have written, in
// internal/mutants/deliberate.txt. The mutants that no test can find are in
// internal/mutants/equivalent.txt, each with the reason. It prints every other one
// that survives, and says at the end how many were found. Exit codes: 0 all were
// found, 1 not, or something failed, 2 usage.
//
// It changes nothing in the tree, and guarantees that the tests pass without a mutant,
// that a random test sees the same histories each time, and that both lists are true:
// a listed mutant that is found or no longer exists, and old lines that occur not
// exactly once, are failures. It does not prove that the tests are good: a mutant is
// a small slip, and only those that it can make are tried.
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
	"regexp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := Main(ctx, os.Args[1:], ".", os.Stdout, os.Stderr) //nolint:forbidigo // main knows the process
	stop()
	os.Exit(code) //nolint:forbidigo // main ends the process
}

// Main runs the command in the root of a module and returns its exit code.
func Main(ctx context.Context, args []string, root string, stdout, stderr io.Writer) int {
	c := Campaign{Root: root, Out: stdout}
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("run", "try only mutants whose name matches", func(s string) (err error) {
		c.Select, err = regexp.Compile(s)
		return err
	})
	list := flags.Bool("list", false, "print the mutants and try none")
	flags.IntVar(&c.Jobs, "jobs", 2, "how many are tried at a time")
	flags.StringVar(&c.Lists, "lists", "internal/mutants", "the folder of deliberate.txt and equivalent.txt")
	flags.DurationVar(&c.LeastLimit, "limit", leastLimit, "how long the tests may take at least")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case c.Jobs < 1:
		fmt.Fprintln(stderr, "mutants: -jobs must be at least 1")
		return 2
	}
	for _, arg := range flags.Args() {
		c.Folders = append(c.Folders, folderOf(arg))
	}
	if len(c.Folders) == 0 {
		c.Folders = []string{"internal/decide"}
	}
	act := c.Run
	if *list {
		act = c.List
	}
	if err := act(ctx); err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
		return 1
	}
	return 0
}
