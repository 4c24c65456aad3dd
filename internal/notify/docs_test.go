package notify_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/notify"
)

const manual = "../../docs/notifications.md"

// The table of states is made from the code, and every member of the JSON is described.
func TestManualSaysWhatIsSent(t *testing.T) {
	raw, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	begin, end := "<!-- conditions: written by go test ./internal/notify -update -->\n", "<!-- end of conditions -->"
	before, rest, ok := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("the manual has no place for the states")
	}
	var b strings.Builder
	b.WriteString("\n| state | severity | what it means |\n|---|---|---|\n")
	for _, c := range notify.Conditions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c, c.Severity(), c.Sentence())
	}
	now := before + begin + b.String() + "\n" + end + after
	if *update {
		if err := os.WriteFile(manual, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(text, now); diff != "" {
		t.Errorf("the manual is not what the code says (-manual +code; -update writes it again):\n%s", diff)
	}
	_, table, _ := strings.Cut(text, "## What a webhook gets")
	for _, of := range []reflect.Type{
		reflect.TypeFor[notify.Message](), reflect.TypeFor[notify.Transition](), reflect.TypeFor[notify.Member](),
		reflect.TypeFor[notify.Step](), reflect.TypeFor[notify.Table](),
	} {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(table, "`"+name+"`") {
				t.Errorf("the manual does not say what %s is", name)
			}
		}
	}
	for _, kind := range []notify.Kind{
		notify.KindTransition, notify.KindState, notify.KindReminder, notify.KindFreezeEnds, notify.KindLeader, notify.KindRecordLost, notify.KindTest,
	} {
		if !strings.Contains(text, "\n| `"+string(kind)+"` |") {
			t.Errorf("the manual does not say what the kind %s is", kind)
		}
	}
}
