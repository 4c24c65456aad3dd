package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hopguard/internal/cli"
)

// TestMain lets the test program be hopguard: for scripts, and for tests that
// start processes.
func TestMain(m *testing.M) {
	hopguard := func() {
		out, err := os.Stdout, os.Stderr //nolint:forbidigo // this is the main of a process
		os.Exit(cli.Main(os.Args[1:], cli.Env{Program: "hopguard", Stdin: os.Stdin, Stdout: out, Stderr: err, Getenv: os.Getenv}))
	}
	testscript.Main(m, map[string]func(){
		"hopguard": hopguard,
		"handler":  hopguard, // as the package of the Azure Functions app calls it
		"launch":   launch,
	})
}

// TestScripts runs what people type, as processes, against a simulated Azure that
// the script starts over TLS in this process. HOPGUARD_UPDATE=1 writes what
// scripts compare with.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("HOPGUARD_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Values[slotKey{}] = &slot{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"sim":    simulate,
			"serve":  serveSim,
			"routes": routes,
			"writes": writes,
			"web":    web,
			"spoke":  changeSpoke,
			"halves": halves,
			"hook":   hook,
		},
	})
}

// exits runs a program that must end with an exit code: exits 3 hopguard tick.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
