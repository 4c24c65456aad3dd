package contender_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
	"hopguard/internal/contender"
)

const ms = time.Millisecond

func TestBoundIsThatOfTheManual(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	const formula = "at most `interval` + `fall` x `confirmInterval` + `timeout`"
	if !strings.Contains(strings.Join(strings.Fields(string(manual)), " "), formula) {
		t.Errorf("docs/configuration.md no longer says %q: Bound has to follow it", formula)
	}
	for _, c := range []struct {
		name  string
		check config.Check
		want  time.Duration
	}{
		{"of-the-formula", config.Check{Kind: config.KindTCP, Interval: time.Second, Timeout: 250 * ms, ConfirmInterval: 250 * ms, Fall: 3}, 2 * time.Second},
		{"fall-once", config.Check{Kind: config.KindHTTP, Interval: time.Second, Timeout: 100 * ms, ConfirmInterval: 200 * ms, Fall: 1}, 1300 * ms},
		{"confirmed-at-the-pace-of-its-timeout", config.Check{Kind: config.KindICMP, Interval: time.Second, Timeout: 400 * ms, ConfirmInterval: 100 * ms, Fall: 3}, 2600 * ms},
		{"azure-does-not-answer-late", config.Check{Kind: config.KindVMStatus, Interval: 30 * time.Second, Timeout: 5 * time.Second, ConfirmInterval: 2 * time.Second, Fall: 3}, 41 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := contender.Bound(c.check); got != c.want {
				t.Errorf("Bound() = %s, want %s", got, c.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	usual := config.DefaultCheck(config.KindTCP)
	path := usual.Interval + time.Duration(usual.Fall)*max(usual.ConfirmInterval, usual.Timeout) + usual.Timeout
	through := []string{"power-off", "panic", "guest-hang", "tunnel-cut", "region-cut", "arm-outage", "arm-throttle"}
	want := []struct {
		name  string
		bound time.Duration
		sees  []string
	}{
		{contender.Defaults, path, through},
		{contender.Fast, 400 * ms, slices.Insert(slices.Clone(through), 4, "delay")},
		{contender.Seed, 41 * time.Second, []string{"power-off", "arm-outage", "arm-throttle"}},
		{contender.Functions, 5*time.Second + path, through},
	}
	all := contender.All()
	if len(all) != len(want) {
		t.Fatalf("there are %d settings, want %d", len(all), len(want))
	}
	for i, w := range want {
		t.Run(w.name, func(t *testing.T) {
			s := all[i].Setting
			if s.Name != w.name || s.Title == "" || s.Bound.Duration() != w.bound {
				t.Errorf("%s, %q: bound %s; want %s with %s", s.Name, s.Title, s.Bound, w.name, w.bound)
			}
			if diff := cmp.Diff(w.sees, s.Sees); diff != "" {
				t.Errorf("modes that it sees (-want +got):\n%s", diff)
			}
			c, err := all[i].Config(contender.Place{})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range c.Groups[0].Checks {
				if !strings.Contains(s.Checks, string(k.Kind)+" every "+k.Interval.String()) {
					t.Errorf("%q does not say %s every %s", s.Checks, k.Kind, k.Interval)
				}
			}
		})
	}
}

func TestSeedDoesAsTheOldFunction(t *testing.T) {
	c, err := setting(t, contender.Seed).Config(contender.Place{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups[0].Checks) != 1 || c.Azure.Parallel != 1 {
		t.Fatalf("%d checks, %d tables at a time; want one of each", len(c.Groups[0].Checks), c.Azure.Parallel)
	}
	k := c.Groups[0].Checks[0]
	got := []any{k.Kind, k.Interval, k.ConfirmInterval, k.Fall}
	if diff := cmp.Diff([]any{config.KindVMStatus, 30 * time.Second, 2 * time.Second, 3}, got); diff != "" {
		t.Errorf("the check (-want +got):\n%s", diff)
	}
	if _, err := contender.Command("other", []string{"x"}).Config(contender.Place{}); err == nil {
		t.Error("the configuration of another program is known")
	}
}
