package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// says is a Question with one answer.
func says(o appliance.Outcome, evidence string) question {
	return func(context.Context, appliance.Member) (appliance.Outcome, string) { return o, evidence }
}

func TestWitness(t *testing.T) {
	tests := []struct {
		name     string
		answers  string // of the targets, in their order
		outcome  appliance.Outcome
		evidence string
	}{
		{"all-answer", "p", appliance.Pass, "w0 pass, seen"},
		{"one-of-them-answers", "f?p", appliance.Pass, "w0 fail, seen; w1 unknown, seen; w2 pass, seen"},
		{"none-answers", "ff", appliance.Fail, "w0 fail, seen; w1 fail, seen"},
		{"one-cannot-be-asked", "f?", appliance.Unknown, "w0 fail, seen; w1 unknown, seen"},
		{"none-can-be-asked", "??", appliance.Unknown, "w0 unknown, seen; w1 unknown, seen"},
	}
	outcomes := map[rune]appliance.Outcome{'p': appliance.Pass, 'f': appliance.Fail, '?': appliance.Unknown}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set := probe.Set{Members: members("a"), Checks: []probe.Check{{Name: "tcp", Timeout: time.Second, Question: says(appliance.Fail, "refused"), DataPath: true}}}
			for i, letter := range test.answers {
				set.Witness = append(set.Witness, probe.Check{Name: fmt.Sprint("w", i), Timeout: time.Second, Question: says(outcomes[letter], "seen")})
			}
			synctest.Test(t, func(t *testing.T) {
				now := time.Now().UTC()
				want := []appliance.Observation{
					{Member: "a", Check: "tcp", Outcome: appliance.Fail, At: now, Evidence: "refused"},
					{Member: "", Check: "witness", Outcome: test.outcome, At: now, Evidence: test.evidence},
				}
				if diff := cmp.Diff(want, set.Probe(t.Context(), []string{"tcp"})); diff != "" {
					t.Errorf("Probe() (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// The witness is asked in the same instant as the members, of a member without a
// name, and only by a round that needs it.
func TestWitnessIsAskedWithTheDataPath(t *testing.T) {
	tests := []struct {
		name  string
		names []string
		asked int
	}{
		{"data-path", []string{"tcp"}, 1},
		{"both", []string{"vm", "tcp"}, 1},
		{"provider-alone", []string{"vm"}, 0},
		{"nothing-that-exists", []string{"missing"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				asked := 0
				witness := question(func(_ context.Context, m appliance.Member) (appliance.Outcome, string) {
					if asked++; m.Name != "" || !time.Now().Equal(began) {
						t.Errorf("the witness was asked as %q after %s, want as nobody and at once", m.Name, time.Since(began))
					}
					return appliance.Pass, ""
				})
				set := probe.Set{
					Members: members("a", "b"),
					Checks: []probe.Check{
						{Name: "tcp", Timeout: 3 * time.Second, Question: slow(2 * time.Second), DataPath: true},
						{Name: "vm", Timeout: 3 * time.Second, Question: slow(time.Second)},
					},
					Witness: []probe.Check{{Name: "gateway", Timeout: time.Second, Question: witness}},
				}
				got := set.Probe(t.Context(), test.names)
				if want := 2*len(test.names) + test.asked; asked != test.asked || len(got) != want {
					t.Errorf("asked the witness %d times in a round of %d observations, want %d of %d", asked, len(got), test.asked, want)
				}
			})
		})
	}
}

// Without a witness nobody says that the observer is cut off.
func TestSetWithoutAWitness(t *testing.T) {
	set := probe.Set{Members: members("a"), Checks: []probe.Check{{Name: "tcp", Timeout: time.Second, Question: says(appliance.Fail, ""), DataPath: true}}}
	if got := set.Probe(t.Context(), []string{"tcp"}); len(got) != 1 || got[0].Member != "a" {
		t.Errorf("Probe() = %+v, want one observation of a", got)
	}
}

// A target that answers is enough: the round does not wait for one that is dead.
func TestWitnessEndsWithTheFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := probe.Set{
			Checks: []probe.Check{{Name: "tcp", Timeout: time.Second, Question: says(appliance.Pass, ""), DataPath: true}},
			Witness: []probe.Check{
				{Name: "dead", Timeout: time.Minute, Question: probe.TCP{Targets: map[appliance.MemberName]string{"": "10.0.0.1:53"}, Dial: silentDrop}},
				{Name: "alive", Timeout: time.Minute, Question: slow(time.Second)},
			},
		}
		got := set.Probe(t.Context(), []string{"tcp"})
		want := "dead unknown, 10.0.0.1:53: the probe was ended early: another target has answered; alive pass, after 1s"
		if len(got) != 1 || got[0].Outcome != appliance.Pass || got[0].Took != time.Second || got[0].Evidence != want {
			t.Errorf("Probe() = %+v, want pass after 1s, %s", got, want)
		}
	})
}

// A target behind a member, one for each, sees that the member forwards: the
// member itself answers, and what is behind it does not.
func TestProbeThroughAMember(t *testing.T) {
	dial := func(_ context.Context, _, address string) (net.Conn, error) {
		if address == "10.9.2.10:443" {
			return nil, errno(syscall.EHOSTUNREACH)
		}
		ours, theirs := net.Pipe()
		return ours, theirs.Close()
	}
	set := probe.Set{Members: members("a", "b"), Checks: []probe.Check{
		{Name: "at", Timeout: time.Second, Question: probe.TCP{Port: 443, Dial: dial, Address: func(m appliance.MemberName) (addr netip.Addr, ok bool) {
			return map[appliance.MemberName]netip.Addr{"a": netip.MustParseAddr("10.1.0.4"), "b": netip.MustParseAddr("10.2.0.4")}[m], true
		}}},
		{Name: "through", Timeout: time.Second, Question: probe.TCP{Dial: dial, Targets: map[appliance.MemberName]string{"a": "10.9.1.10:443", "b": "10.9.2.10:443"}}},
	}}
	var got []string
	for _, o := range set.Probe(t.Context(), []string{"at", "through"}) {
		got = append(got, fmt.Sprintf("%s %s %s: %s", o.Member, o.Check, o.Outcome, o.Evidence))
	}
	want := []string{
		"a at pass: 10.1.0.4:443: connected", "a through pass: 10.9.1.10:443: connected",
		"b at pass: 10.2.0.4:443: connected", "b through fail: 10.9.2.10:443: no route to host",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Probe() (-want +got):\n%s", diff)
	}
}
