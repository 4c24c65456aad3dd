package journal_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
	"hopguard/internal/route"
)

func encode(t *testing.T, r *controller.Report) string {
	t.Helper()
	raw, err := journal.Encode(r)
	if err != nil {
		t.Fatalf("Encode() = %v, want no error", err)
	}
	return string(raw)
}

// The JSON is a promise to programs.
func TestEncodeForm(t *testing.T) {
	frozen := quiet()
	frozen.Record.Mode, frozen.Record.FrozenUntil, frozen.Record.Note = decide.Frozen, after(3600_000), "change <42>"
	frozen.Decision = decide.Decision{Reason: decide.ReasonFrozen, Active: "vmx-a", Until: after(3600_000)}
	for name, r := range map[string]*controller.Report{
		"quiet.json": quiet(), "failover.json": failover(), "planned.json": planned(), "unread.json": unread(), "frozen.json": frozen,
	} {
		golden(t, name, encode(t, r))
	}
}

// Programs in typed languages must not meet null for a list.
func TestEncodeHasNoNull(t *testing.T) {
	for _, r := range []*controller.Report{quiet(), failover(), planned(), unread(), {}} {
		if got := encode(t, r); strings.Contains(got, "null") {
			t.Errorf("Encode() has null:\n%s", got)
		}
	}
}

// A table's raw JSON, its etag and the times' zones do not leave the process.
func TestEncodeLeavesOut(t *testing.T) {
	r := quiet()
	r.Started = r.Started.In(time.FixedZone("here", 2*3600))
	got := encode(t, r)
	for _, word := range []string{"secret", "etag", "W/", "+02:00"} {
		if strings.Contains(got, word) {
			t.Errorf("Encode() has %q:\n%s", word, got)
		}
	}
}

func TestEncodeIsReadBack(t *testing.T) {
	want := journal.Wire(failover())
	var got journal.JSON
	if err := json.Unmarshal([]byte(encode(t, failover())), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %+v, want %+v", got, want)
	}
}

// A record of a later program may hold reasons that this one does not know.
func TestEncodeUnknownReason(t *testing.T) {
	r := quiet()
	r.Record.History[0].Reason = "phase-of-the-moon"
	r.Decision.Reason = "phase-of-the-moon"
	if w := journal.Wire(r); w.Reason != "phase-of-the-moon" || w.Sentence != "" || w.LastTransition.Reason != "phase-of-the-moon" {
		t.Errorf("Wire() = %+v, want the reason without a sentence", w)
	}
}

// Each of several errors is a string of its own, and nothing is said twice.
func TestEncodeErrorsOneByOne(t *testing.T) {
	r := failover()
	r.Errors = []error{errors.New("first"), errors.Join(errors.New("second"), errors.New("third"))}
	r.Decision.Refused = "the group is frozen"
	got := journal.Wire(r).Errors
	if len(got) != 4 || got[0] != "first" || got[1] != "second\nthird" || !strings.Contains(got[2], "403") || got[3] != "order refused: the group is frozen" {
		t.Errorf("Errors = %q, want the two, the table's, the refusal", got)
	}
}

// The stage is the last one that was observed, and never more.
func TestWireStages(t *testing.T) {
	r := failover()
	o := &r.Outcomes[0]
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"read-back", func() {}, "read back"},
		{"not-read-back", func() { o.ReadBack = time.Time{} }, "succeeded"},
		{"not-succeeded", func() { o.Succeeded = time.Time{} }, "accepted"},
		{"not-accepted", func() { o.Accepted = time.Time{} }, ""},
		{"failed", func() { o.Accepted, o.Err = after(1), errors.New("412") }, "failed"},
	}
	for _, step := range steps {
		step.do()
		if got := journal.Wire(r).Tables[0].Stage; string(got) != step.want {
			t.Errorf("%s: stage is %q, want %q", step.name, got, step.want)
		}
	}
}

// A table that was read and planned again is shown as it was written.
func TestWireShowsWhatWasWritten(t *testing.T) {
	r := failover()
	r.Outcomes[0].Changes = r.Outcomes[0].Changes[1:]
	r.Outcomes[0].Table = appliance.ResourceID(strings.ToUpper(string(r.Outcomes[0].Table)))
	got := journal.Wire(r).Tables[0]
	if len(got.Changes) != 1 || got.Changes[0].Route != "to-branch-b" || got.Stage != route.StageReadBack {
		t.Errorf("table is %+v, want the one change that was written", got)
	}
}

func TestEncodeNamesTheGroupOfAnError(t *testing.T) {
	r := quiet()
	r.Started = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	if raw, err := journal.Encode(r); err == nil || !strings.Contains(err.Error(), "encode report of group emea") {
		t.Errorf("Encode() = %q, %v, want an error that names the group", raw, err)
	}
}
