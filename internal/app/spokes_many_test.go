package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/spoke"
)

// Two hundred new networks at once, through the daemon's own loop: all of them are
// peered with both members and routed, with hardly a write more than there are halves,
// tables and subnets; and a failover that starts in the middle is not slower than alone
// by more than 10 %.
func TestTwoHundredNewNetworksBesideAFailover(t *testing.T) {
	const count = 200
	failover := func(t *testing.T, spokes bool) (time.Duration, string) {
		var took time.Duration
		var text string
		synctest.Test(t, func(t *testing.T) {
			w := newManyWorld(t, map[bool]int{true: count, false: 1}[spokes])
			d := w.run(t)
			time.Sleep(begun)
			off := time.Now()
			if err := w.PowerOff("vmx-a"); err != nil {
				t.Fatal(err)
			}
			took = w.moved(t, off)
			if spokes {
				text = w.allRouted(t, d, count, off)
			}
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		})
		return took, text
	}
	alone, _ := failover(t, false)
	beside, text := failover(t, true)
	t.Logf("a failover of 100 tables takes %v alone and %v beside 200 new networks\n%s", alone, beside, text)
	if beside > alone*11/10 {
		t.Errorf("a failover takes %v beside new networks, %v alone", beside, alone)
	}
}

// begun is how long after the start the failover begins: the first networks are routed
// then.
const begun = 12 * time.Minute

// newManyWorld has so many networks without peerings, and none but the first with a
// table; and 100 tables more to fail over.
func newManyWorld(t *testing.T, count int) world {
	t.Helper()
	w := newRoutedWorld(t, count, func(w *azuresim.World) {
		for i := range 99 {
			rt := w.RouteTables[0]
			rt.Name = fmt.Sprintf("rt-more-%03d", i)
			w.RouteTables = append(w.RouteTables, rt)
		}
	})
	w.config.Groups[0].Reconcile = time.Minute // the test is not about ticks without news
	// All networks of a region share a table: 200 tables more would be 200 writes more.
	w.config.Groups[0].Spokes.RouteTable.ResourceGroup = "rg-spoke-1"
	return w
}

// moved waits until no route of the group points at vmx-a, and says how long after off.
func (w world) moved(t *testing.T, off time.Time) time.Duration {
	t.Helper()
	for time.Since(off) < 10*time.Minute {
		if w.hops(t)["10.1.0.4"] == 0 {
			return time.Since(off)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the routes have not moved")
	return 0
}

// allRouted waits until all networks are in service, and says what that took.
func (w world) allRouted(t *testing.T, d *daemon, count int, off time.Time) string {
	t.Helper()
	began := off.Add(-begun)
	for {
		time.Sleep(time.Minute)
		r := d.shownSpokes()
		if r != nil && r.State() == spoke.Agreed || time.Since(began) > 3*time.Hour {
			break
		}
	}
	took := time.Since(began)
	r := d.shownSpokes()
	if c := r.Counts(); c.Agreed != 2*count || c.Routed != count-1 || w.peered(t) != 4*count {
		t.Errorf("after %v: %+v\n%.2000s", took, c, spoke.Text(r))
	}
	writes, refused, tables := 0, 0, 0
	for _, c := range w.Calls() {
		switch {
		case c.Method == http.MethodGet || c.Principal != "hopguard":
			continue
		case strings.Contains(c.Path, aPeering), strings.Contains(c.Path, "/subnets/"), strings.Contains(c.Path, "rt-hopguard-") && c.Time.Before(off):
		case strings.Contains(c.Path, "rt-hopguard-"):
			tables++
			continue
		default:
			continue // the failover
		}
		writes++
		if c.Status > 299 {
			refused++
		}
	}
	least := 4*count + (count - 1) + 2
	text := "  " + spoke.Text(r) + "  " + took.Round(time.Second).String()
	t.Logf("%d writes, %d of them refused; the fewest possible are %d; %d writes to the new tables after the failover began", writes, refused, least, tables)
	if writes > least*21/20 {
		t.Errorf("%d writes, want at most 5 %% more than %d", writes, least)
	}
	return text
}
