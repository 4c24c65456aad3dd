package appliance_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
)

func TestGroupMember(t *testing.T) {
	g := appliance.Group{Members: []appliance.Member{{Name: "vmx-1", VM: "one"}, {Name: "vmx-10", VM: "ten"}}}
	if got, ok := g.Member("vmx-10"); !ok || got.VM != "ten" {
		t.Errorf("Member(vmx-10) = %v, %v, want the tenth", got, ok)
	}
	for _, name := range []appliance.MemberName{"vmx", "VMX-1", ""} {
		if got, ok := g.Member(name); ok {
			t.Errorf("Member(%q) = %v, true, want none", name, got)
		}
	}
}

func TestPlaceHop(t *testing.T) {
	p := appliance.Place{Hops: []appliance.Hop{
		{Role: "wan", Addr: netip.MustParseAddr("10.1.1.4")}, {Role: "lan", Addr: netip.MustParseAddr("10.1.0.4")},
	}}
	if got, ok := p.Hop("lan"); !ok || got != p.Hops[1].Addr {
		t.Errorf("Hop(lan) = %v, %v, want 10.1.0.4", got, ok)
	}
	if got, ok := p.Hop("dmz"); ok || got.IsValid() {
		t.Errorf("Hop(dmz) = %v, %v, want none", got, ok)
	}
	if got, want := p.Hops[1].String(), "lan=10.1.0.4"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

// The words are an interface: records and reports on disk hold them.
func TestWordsOfOutcomesAndVerdicts(t *testing.T) {
	type words struct {
		Outcomes []appliance.Outcome
		Verdicts []appliance.Verdict
	}
	in := words{
		[]appliance.Outcome{appliance.Unknown, appliance.Pass, appliance.Fail},
		[]appliance.Verdict{appliance.Undecided, appliance.Up, appliance.Down},
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatalf("Marshal() = %v", err)
	}
	const want = `{"Outcomes":["unknown","pass","fail"],"Verdicts":["unknown","up","down"]}`
	if string(b) != want {
		t.Errorf("Marshal() = %s, want %s", b, want)
	}
	var out words
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("Unmarshal() = %v", err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("Unmarshal() differs (-want +got):\n%s", diff)
	}
}

// An unread word must not become the zero value: "unknown" is a statement.
func TestUnknownWordsAreRefused(t *testing.T) {
	for _, word := range []string{"", "Up", "PASS", "healthy"} {
		var o appliance.Outcome
		if err, want := o.UnmarshalText([]byte(word)), `outcome "`+word+`": want pass, fail or unknown`; err == nil || err.Error() != want {
			t.Errorf("Outcome.UnmarshalText(%q) = %v, want %s", word, err, want)
		}
		var v appliance.Verdict
		if err, want := v.UnmarshalText([]byte(word)), `verdict "`+word+`": want up, down or unknown`; err == nil || err.Error() != want {
			t.Errorf("Verdict.UnmarshalText(%q) = %v, want %s", word, err, want)
		}
	}
}

func TestImpossibleValuesPanic(t *testing.T) {
	for name, call := range map[string]func(){
		"outcome": func() { _ = appliance.Outcome(3).String() },
		"verdict": func() { _ = appliance.Verdict(-1).String() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("String() returned, want a panic that names the value")
				}
			}()
			call()
		})
	}
}

// The zero values are the safe ones.
func TestZeroValuesSayNothing(t *testing.T) {
	var o appliance.Outcome
	var v appliance.Verdict
	if o != appliance.Unknown || v != appliance.Undecided {
		t.Errorf("zero outcome, verdict = %v, %v, want unknown, unknown", o, v)
	}
}
