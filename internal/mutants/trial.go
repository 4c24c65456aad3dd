package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fate is what became of a mutant.
type Fate int

const (
	// Survived: all tests passed, so nothing looks at what was changed.
	Survived Fate = iota
	// Found: a test failed.
	Found
	// Hung: the tests did not end in time, which is a way to be found.
	Hung
	// Uncompilable: the compiler refused it, so there was nothing to find.
	Uncompilable
)

// String returns the fate in a word.
func (f Fate) String() string {
	switch f {
	case Survived:
		return "survived"
	case Found:
		return "found"
	case Hung:
		return "hung"
	case Uncompilable:
		return "does not compile"
	default:
		panic("fate " + strconv.Itoa(int(f)))
	}
}

const (
	// A run may take this many times as long as the unmutated one, and no less than
	// the least limit: the machine may have other things to do.
	limitFactor = 10
	// A test binary by itself has no limit at all; go test gives it this one.
	unmutatedLimit = "-test.timeout=10m"
	// memory bounds a run, in KiB of address space: a loop that appends without end
	// is faster than any limit of time.
	memory = 8 << 20
	// changedFile is the name under which the compiler sees a mutant.
	changedFile = "mutant.go"
)

// Lab runs the tests of a module's packages, changed or not.
type Lab struct {
	// Root is the folder of go.mod, Temp one for what is built.
	Root, Temp string
	// LeastLimit is how long a run may take at least.
	LeastLimit time.Duration
}

// Subject is a package whose unmutated tests pass.
type Subject struct {
	Folder string // relative to the root
	// Flags are for its test binary.
	Flags []string
	Took  time.Duration
}

// Prepare builds and runs the unmutated tests of a folder. It is an error when they
// fail, because then they would seem to find everything.
func (l Lab) Prepare(ctx context.Context, folder string) (Subject, error) {
	dir, err := os.MkdirTemp(l.Temp, "unmutated-")
	if err != nil {
		return Subject{}, err
	}
	binary := filepath.Join(dir, "test.bin")
	if out, err := l.build(ctx, folder, binary, ""); err != nil {
		return Subject{}, fmt.Errorf("build the tests of %s: %w\n%s", folder, err, out)
	}
	s := Subject{Folder: folder, Flags: []string{"-test.failfast"}}
	help, err := l.run(ctx, folder, binary, "-h")
	if err != nil {
		return Subject{}, fmt.Errorf("ask the tests of %s for their flags: %w", folder, err)
	}
	if bytes.Contains(help, []byte("-rapid.seed")) {
		// The same histories for each mutant and each time; a file of the failing one
		// would be left in the tree, and nobody reads the smallest one.
		s.Flags = append(s.Flags, "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=0s")
	}
	began := time.Now()
	if out, err := l.run(ctx, folder, binary, append(slices.Clone(s.Flags), unmutatedLimit)...); err != nil {
		return Subject{}, fmt.Errorf("the tests of %s fail without any mutant: %w\n%s", folder, err, out)
	}
	s.Took = time.Since(began)
	return s, nil
}

// Try runs the tests of the subjects, one after the other, until one finds the
// mutant. src is the unmutated source of the mutant's file.
func (l Lab) Try(ctx context.Context, m Mutant, src []byte, subjects []Subject) (Fate, error) {
	dir, err := os.MkdirTemp(l.Temp, "mutant-")
	if err != nil {
		return Survived, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // all of Temp goes in the end
	overlay, err := l.overlay(dir, m, src)
	if err != nil {
		return Survived, err
	}
	for _, s := range subjects {
		if fate, err := l.try(ctx, m, s, filepath.Join(dir, "test.bin"), overlay); err != nil || fate != Survived {
			return fate, err
		}
	}
	return Survived, nil
}

func (l Lab) try(ctx context.Context, m Mutant, s Subject, binary, overlay string) (Fate, error) {
	if out, err := l.build(ctx, s.Folder, binary, overlay); err != nil {
		switch {
		case ctx.Err() != nil:
			return Survived, context.Cause(ctx)
		case bytes.Contains(out, []byte(changedFile+":")):
			return Uncompilable, nil
		}
		// No word about the mutant: a full disk, say.
		return Survived, fmt.Errorf("build the tests of %s: %w\n%s", s.Folder, err, out)
	}
	limit := max(l.LeastLimit, limitFactor*s.Took)
	out, err := l.run(ctx, s.Folder, binary, append(s.Flags, "-test.timeout="+limit.String())...)
	switch {
	case ctx.Err() != nil:
		return Survived, context.Cause(ctx)
	case err == nil:
		return Survived, nil
	case bytes.Contains(out, []byte("panic: test timed out after")):
		return Hung, nil
	}
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		return Survived, fmt.Errorf("run the tests of %s: %w", s.Folder, err)
	}
	return Found, nil
}

// overlay writes the changed file, and the list that shows it to the compiler in
// the place of the real one. Nothing in the tree is touched.
func (l Lab) overlay(dir string, m Mutant, src []byte) (string, error) {
	changed := filepath.Join(dir, changedFile)
	if err := os.WriteFile(changed, m.Apply(src), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(l.Root, filepath.FromSlash(m.File)): changed},
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// build compiles the tests of a folder into a binary, so that the time limit is for
// the run alone.
func (l Lab) build(ctx context.Context, folder, binary, overlay string) ([]byte, error) {
	// What is built is run once: without debug information and optimization it is
	// built in half the time.
	args := []string{"test", "-c", "-vet=off", "-gcflags=-dwarf=false -N -l", "-ldflags=-s -w", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+folder)...)
	cmd.Dir = l.Root
	return cmd.CombinedOutput()
}

// run starts a test binary where go test would. A shell sets the limit of memory,
// which it may not be able to do everywhere.
func (l Lab) run(ctx context.Context, folder, binary string, flags ...string) ([]byte, error) {
	script := fmt.Sprintf(`ulimit -v %d 2>/dev/null; exec "$@"`, memory)
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, "sh", binary}, flags...)...)
	cmd.Dir = filepath.Join(l.Root, filepath.FromSlash(folder))
	// What a test has started may hold the output open after the test was killed.
	cmd.WaitDelay = time.Second
	return cmd.CombinedOutput()
}

// folderOf cleans a folder that a person named.
func folderOf(arg string) string {
	return strings.TrimPrefix(filepath.ToSlash(filepath.Clean(arg)), "./")
}
