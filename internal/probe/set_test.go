package probe_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// prober is what the tick wants of a Set, in the tick's own words.
type prober interface {
	Probe(ctx context.Context, checks []string) []appliance.Observation
}

var _ prober = probe.Set{}

// question is a Question made of a function.
type question func(ctx context.Context, m appliance.Member) (appliance.Outcome, string)

func (q question) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	return q(ctx, m)
}

// slow passes after a time.
func slow(d time.Duration) question {
	return func(ctx context.Context, _ appliance.Member) (appliance.Outcome, string) {
		select {
		case <-ctx.Done():
			return appliance.Fail, context.Cause(ctx).Error()
		case <-time.After(d):
			return appliance.Pass, "after " + d.String()
		}
	}
}

func members(names ...appliance.MemberName) []appliance.Member {
	var out []appliance.Member
	for _, n := range names {
		out = append(out, appliance.Member{Name: n, VM: appliance.ResourceID("/vm/" + n)})
	}
	return out
}

func TestSetAsksAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := probe.Set{Members: members("a", "b"), Checks: []probe.Check{
			{Name: "first", Timeout: 3 * time.Second, Question: slow(2 * time.Second)},
			{Name: "second", Timeout: 3 * time.Second, Question: slow(time.Second)},
			{Name: "late", Timeout: 3 * time.Second, Question: slow(time.Hour)},
			{Name: "left out", Timeout: 3 * time.Second, Question: slow(time.Hour)},
		}}
		began := time.Now()
		got := set.Probe(t.Context(), []string{"late", "second", "first", "first"})
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Probe() took %s, want 3s", took)
		}
		var want []appliance.Observation
		for _, m := range set.Members {
			at := began.UTC()
			want = append(want,
				appliance.Observation{Member: m.Name, Check: "first", Outcome: appliance.Pass, At: at, Took: 2 * time.Second, Evidence: "after 2s"},
				appliance.Observation{Member: m.Name, Check: "second", Outcome: appliance.Pass, At: at, Took: time.Second, Evidence: "after 1s"},
				appliance.Observation{Member: m.Name, Check: "late", Outcome: appliance.Fail, At: at, Took: 3 * time.Second, Evidence: "no answer within 3s"},
			)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Probe() (-want +got):\n%s", diff)
		}
	})
}

func TestSetCallerEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := probe.Set{Members: members("a", "b"), Checks: []probe.Check{{Name: "c", Timeout: time.Minute, Question: slow(time.Hour)}}}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(errors.New("shutting down")) })
		for _, o := range set.Probe(ctx, []string{"c"}) {
			if o.Took != 5*time.Second || o.Evidence != "shutting down" {
				t.Errorf("Probe() = %+v, want an end after 5s because of shutting down", o)
			}
		}
	})
}

func TestSetSaysWhatItCannotAsk(t *testing.T) {
	never := question(func(context.Context, appliance.Member) (appliance.Outcome, string) {
		return appliance.Fail, "was asked"
	})
	set := probe.Set{Members: members("a"), Checks: []probe.Check{
		{Name: "endless", Question: never},
		{Name: "backwards", Timeout: -time.Second, Question: never},
	}}
	var got []string
	for _, o := range set.Probe(t.Context(), []string{"missing", "backwards", "endless"}) {
		got = append(got, fmt.Sprintf("%s %s: %s", o.Check, o.Outcome, o.Evidence))
	}
	want := []string{
		"endless unknown: the check has no timeout",
		"backwards unknown: the check has no timeout",
		`missing unknown: no check is called "missing"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Probe() (-want +got):\n%s", diff)
	}
}

// The order of the results is that of the members and checks, however long each
// test takes and in whatever order the checks are named.
func TestSetOrderIsNotThatOfFinishing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var set probe.Set
		var names, want []string
		delays := map[string]time.Duration{}
		checks := rapid.IntRange(1, 4).Draw(rt, "checks")
		for i := range rapid.IntRange(1, 4).Draw(rt, "members") {
			set.Members = append(set.Members, members(appliance.MemberName(fmt.Sprint("m", i)))...)
			for j := range checks {
				key := fmt.Sprintf("m%d c%d", i, j)
				want = append(want, key)
				delays[key] = rapid.SampledFrom([]time.Duration{0, 1, time.Millisecond, time.Second, time.Minute}).Draw(rt, key)
			}
		}
		for j := range checks {
			name := fmt.Sprint("c", j)
			names = append(names, name)
			set.Checks = append(set.Checks, probe.Check{Name: name, Timeout: 2 * time.Second, Question: question(
				func(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
					return slow(delays[string(m.Name)+" "+name])(ctx, m)
				})})
		}
		names = rapid.Permutation(names).Draw(rt, "names")
		var got []string
		synctest.Test(t, func(t *testing.T) {
			for _, o := range set.Probe(t.Context(), names) {
				got = append(got, string(o.Member)+" "+o.Check)
			}
		})
		if !slices.Equal(got, want) {
			rt.Fatalf("Probe() = %v, want %v", got, want)
		}
	})
}
