package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// leastLimit is how long a run of tests may take at least. Those of decide take a
// third of a second on an idle machine.
const leastLimit = 15 * time.Second

// Campaign tries all mutants of some folders.
type Campaign struct {
	Root    string
	Folders []string
	Lists   string         // the folder of the two lists, relative to the root
	Select  *regexp.Regexp // the names to try; nil means all
	Jobs    int
	// LeastLimit is how long a run of tests may take at least.
	LeastLimit time.Duration
	Out        io.Writer

	sources map[string][]byte // by path, as they were when the campaign began
	mutants []Mutant
	listed  map[string]bool // the names of the equivalent ones
}

// List prints the mutants.
func (c *Campaign) List(context.Context) error {
	if err := c.load(); err != nil {
		return err
	}
	for _, m := range c.selected() {
		fmt.Fprintln(c.Out, m)
	}
	return nil
}

// Run tries the mutants and reports. Its error says that one survived, that a list is
// not true, or that something failed.
func (c *Campaign) Run(ctx context.Context) error {
	if err := c.load(); err != nil {
		return err
	}
	todo := c.selected()
	if len(todo) == 0 {
		return errors.New("no mutant has such a name")
	}
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	root, err := filepath.Abs(c.Root)
	if err != nil {
		return err
	}
	lab := Lab{Root: root, Temp: temp, LeastLimit: c.LeastLimit}
	subjects := map[string]Subject{}
	for _, m := range todo {
		for _, folder := range m.Tests {
			if _, done := subjects[folder]; done {
				continue
			}
			if subjects[folder], err = lab.Prepare(ctx, folder); err != nil {
				return err
			}
			fmt.Fprintf(c.Out, "%s: the tests pass without a mutant, in %.1f s\n", folder, subjects[folder].Took.Seconds())
		}
	}
	return c.tryAll(ctx, lab, todo, subjects)
}

// trial is a mutant's turn; done is closed when the rest is set.
type trial struct {
	mutant Mutant
	fate   Fate
	err    error
	done   chan struct{}
}

// tryAll hands the mutants to the workers in order, and reports them in order.
func (c *Campaign) tryAll(ctx context.Context, lab Lab, todo []Mutant, subjects map[string]Subject) error {
	ctx, cancel := context.WithCancel(ctx)
	trials := make([]*trial, len(todo))
	queue := make(chan *trial, len(todo))
	for i, m := range todo {
		trials[i] = &trial{mutant: m, done: make(chan struct{})}
		queue <- trials[i]
	}
	close(queue)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for range c.Jobs {
		workers.Go(func() {
			for t := range queue {
				var of []Subject
				for _, folder := range t.mutant.Tests {
					of = append(of, subjects[folder])
				}
				t.fate, t.err = lab.Try(ctx, t.mutant, c.sources[t.mutant.File], of)
				close(t.done)
			}
		})
	}
	r := report{out: c.Out, listed: c.listed}
	for _, t := range trials {
		<-t.done
		if t.err != nil {
			return t.err
		}
		r.add(t.mutant, t.fate)
	}
	return r.end()
}

// selected returns the mutants to try.
func (c *Campaign) selected() []Mutant {
	return slices.DeleteFunc(slices.Clone(c.mutants), func(m Mutant) bool { return c.Select != nil && !c.Select.MatchString(m.Name) })
}

// load generates the mutants, reads the lists and compares them.
func (c *Campaign) load() error {
	c.sources, c.listed = map[string][]byte{}, map[string]bool{}
	for _, folder := range c.Folders {
		if err := c.generate(folder); err != nil {
			return err
		}
	}
	if err := c.list("deliberate.txt", c.addDeliberate); err != nil {
		return err
	}
	slices.SortStableFunc(c.mutants, func(a, b Mutant) int { return strings.Compare(a.File, b.File) })
	return c.list("equivalent.txt", c.addEquivalent)
}

func (c *Campaign) addDeliberate(text string) error {
	list, err := ParseDeliberate(text)
	if err != nil {
		return err
	}
	for _, d := range list {
		src, err := c.source(path.Clean(d.File))
		if err != nil {
			return err
		}
		m, err := d.Mutant(src)
		if err != nil {
			return err
		}
		c.mutants = append(c.mutants, m)
	}
	return nil
}

func (c *Campaign) addEquivalent(text string) error {
	list, err := ParseEquivalent(text)
	if err != nil {
		return err
	}
	var wrong []error
	for _, e := range list {
		c.listed[e.Name] = true
		i := slices.IndexFunc(c.mutants, func(m Mutant) bool { return m.Name == e.Name })
		switch {
		case i < 0:
			wrong = append(wrong, fmt.Errorf("%s does not exist", e.Name))
		case c.mutants[i].Change != e.Change:
			wrong = append(wrong, fmt.Errorf("%s is another change now: %s", e.Name, c.mutants[i].Change))
		}
	}
	return errors.Join(wrong...)
}

func (c *Campaign) generate(folder string) error {
	files, err := os.ReadDir(filepath.Join(c.Root, filepath.FromSlash(folder)))
	if err != nil {
		return err
	}
	for _, f := range files {
		if path.Ext(f.Name()) != ".go" || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file := path.Join(folder, f.Name())
		src, err := c.source(file)
		if err != nil {
			return err
		}
		ms, err := Generate(file, src)
		if err != nil {
			return err
		}
		c.mutants = append(c.mutants, ms...)
	}
	return nil
}

func (c *Campaign) source(file string) ([]byte, error) {
	if src, ok := c.sources[file]; ok {
		return src, nil
	}
	src, err := os.ReadFile(filepath.Join(c.Root, filepath.FromSlash(file)))
	c.sources[file] = src
	return src, err
}

// list hands the text of a list to its parser.
func (c *Campaign) list(name string, parse func(string) error) error {
	file := path.Join(c.Lists, name)
	text, err := os.ReadFile(filepath.Join(c.Root, filepath.FromSlash(file)))
	if err != nil {
		return err
	}
	if err := parse(string(text)); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
