package controller_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
)

// trouble is a world in which things go wrong at random.
type trouble struct {
	*world
	addresses int  // given to members so far
	redeploys bool // else records are lost: an old address is known to the record only
}

// something goes wrong, or right again.
func (w *trouble) something(t *rapid.T) {
	name := rapid.SampledFrom([]string{"spoke-1", "spoke-2", "spoke-3"}).Draw(t, "table")
	member := rapid.SampledFrom([]appliance.MemberName{"vmx-a", "vmx-b"}).Draw(t, "member")
	switch rapid.IntRange(0, 9).Draw(t, "trouble") {
	case 0, 1, 2:
		a := rapid.SampledFrom([]appliance.Outcome{appliance.Pass, appliance.Fail, appliance.Unknown}).Draw(t, "vmx-a sees")
		b := rapid.SampledFrom([]appliance.Outcome{appliance.Pass, appliance.Pass, appliance.Fail, appliance.Unknown}).Draw(t, "vmx-b sees")
		w.see = func(m appliance.MemberName, _ string) appliance.Outcome {
			return map[appliance.MemberName]appliance.Outcome{"vmx-a": a, "vmx-b": b}[m]
		}
	case 3:
		w.refuse[tableID(name)] = errors.New("500 InternalServerError")
	case 4:
		w.mute[tableID(name)] = true
	case 5:
		w.swapErr = errors.New("the store does not answer")
	case 6:
		w.tablesErr = errors.New("one subscription does not answer")
	case 7: // somebody changes a table by hand
		if known := w.record().AddressesOf(member).Hops; len(known) > 0 {
			w.put(name, "emea", known[0].Addr.String())
		}
	case 8:
		if w.redeploys {
			w.addresses++
			w.place(member, fmt.Sprintf("10.100.0.%d", w.addresses))
		} else {
			w.loadErr = decide.ErrCorrupt
		}
	default:
		w.heal()
	}
}

func (w *trouble) heal() {
	w.down()
	clear(w.refuse)
	clear(w.mute)
	w.swapErr, w.tablesErr, w.loadErr = nil, nil, nil
}

// tickOnce ticks, now and then with an order or with a host that dies in the
// middle, and checks what must hold after every tick.
func (w *trouble) tickOnce(t *rapid.T, wild bool) *controller.Report {
	ctx, req := t.Context(), controller.Request{}
	if wild && rapid.IntRange(0, 3).Draw(t, "dies") == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rapid.IntRange(1, 12).Draw(t, "after"))*time.Second)
		defer cancel()
	}
	if wild && rapid.IntRange(0, 5).Draw(t, "order") == 0 {
		req = switchTo(rapid.SampledFrom([]appliance.MemberName{"vmx-a", "vmx-b"}).Draw(t, "to"), rapid.Bool().Draw(t, "force"))
	}
	term, err := lease.Local{}.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := w.controller()
	c.Policy.HoldDown = 10 * time.Second
	r := c.Tick(ctx, term, req)
	if len(w.broken) > 0 {
		t.Fatalf("writes broke promises:\n%s", strings.Join(w.broken, "\n"))
	}
	for _, o := range r.Outcomes {
		if !o.Done() && r.State() != controller.Failed {
			t.Fatalf("tick is %s although %s was not read back", r.State(), o.Table)
		}
	}
	if stray := w.astray(); r.State() == controller.Agreed && len(stray) > 0 {
		t.Fatalf("tick is agreed although %q", stray)
	}
	return r
}

// astray returns the routes that are not where the stored record wants them,
// by Azure and not by the report.
func (w *trouble) astray() []string {
	record := w.record()
	var out []string
	for _, name := range []string{"spoke-1", "spoke-2", "spoke-3"} {
		first, _, _ := strings.Cut(w.hops(name), " ")
		recorded := record.AddressesOf(record.Active).Hops
		if !slices.ContainsFunc(recorded, func(h appliance.Hop) bool { return h.Addr.String() == first }) {
			out = append(out, fmt.Sprintf("%s is at %s and %s at %v", name, first, record.Active, recorded))
		}
	}
	return out
}

// TestP1P2P3P4P7P8P9AnyTrouble: whatever goes wrong, in whatever order, no write
// breaks a promise (each is checked when it happens), no report says agreed when
// Azure is not, and one tick after the last trouble all tables agree with the
// record: two where a member's address changed unseen, which is noticed after ten
// minutes.
func TestP1P2P3P4P7P8P9AnyTrouble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			w := &trouble{world: newWorld(), redeploys: rapid.Bool().Draw(t, "redeploys")}
			w.put("spoke-3", "emea", b1)
			w.put("other", "apac", a1)
			if w.redeploys {
				w.tickOnce(t, false) // an address that was never seen is nobody's
			}
			for range rapid.IntRange(0, 12).Draw(t, "ticks") {
				w.something(t)
				wait(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
				w.tickOnce(t, true)
			}
			w.heal()
			r := w.tickOnce(t, false)
			if w.redeploys {
				wait(10*time.Minute + time.Second)
				r = w.tickOnce(t, false)
			}
			if stray := w.astray(); r.State() != controller.Agreed || len(stray) > 0 {
				t.Fatalf("after the last trouble the tick is %s: %v, warnings %q; astray: %q", r.State(), r.Err(), r.Warnings, stray)
			}
			if want := w.places[r.Record.Active].Hops[0]; r.Record.AddressesOf(r.Record.Active).Hops[0] != want {
				t.Fatalf("recorded address of %s is %v, want %v", r.Record.Active, r.Record.AddressesOf(r.Record.Active).Hops, want)
			}
			if got := w.hops("other"); got != a1 {
				t.Fatalf("table of another group is at %s, want %s", got, a1)
			}
		})
	})
}
