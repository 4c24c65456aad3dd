package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// With nothing to compare for an hour, a verdict alone starts the tick that moves.
func TestRunTicksWhenAVerdictChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		w.config.Groups[0].Vote = config.VoteAny
		w.config.Groups[0].Reconcile = time.Hour
		d := w.run(t)
		time.Sleep(time.Minute)
		if n := len(d.starts("emea")); n != 1 {
			t.Errorf("%d ticks while all was well, want the first alone", n)
		}
		failed := time.Now()
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		r := d.reports[1]
		if r.Decision.Reason != decide.ReasonActiveDown || r.Err() != nil {
			t.Fatalf("second tick decided %s: %v", r.Decision.Reason, r.Err())
		}
		// interval + fall x confirmInterval + timeout
		if took, bound := r.Decided.Sub(failed), time.Second+3*200*time.Millisecond+500*time.Millisecond+100*time.Millisecond; took > bound {
			t.Errorf("decided %s after the failure, want at most %s", took, bound)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		if len(r.Observations) != 4 {
			t.Errorf("the report has %d observations, want the newest of two checks and two members: %v", len(r.Observations), r.Observations)
		}
	})
}

// A tick that fails is made again soon, and less and less often, but never less often
// than usual.
func TestRunTriesAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		w.config.Groups[0].Reconcile = 10 * time.Second
		d := w.run(t)
		time.Sleep(25 * time.Second)
		if _, err := w.Inject(azuresim.Fault{Kind: azuresim.FaultForbidden, Path: "routeTables", Duration: 31 * time.Second}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		var ticks []string
		for _, r := range d.reports {
			ticks = append(ticks, fmt.Sprint(r.Started.Sub(d.reports[0].Started).Round(time.Second).Seconds(), " ", r.State()))
		}
		want := []string{
			"0 agreed", "10 agreed", "20 agreed",
			"30 failed", "31 failed", "33 failed", "37 failed", "40 failed", "50 failed", "60 agreed",
			"70 agreed", "80 agreed",
		}
		if diff := cmp.Diff(want, ticks); diff != "" {
			t.Errorf("ticks (-want +got):\n%s", diff)
		}
	})
}

// While traffic waits, the wait for the next try does not grow: routes move as soon as
// Azure is back.
func TestRunTriesEachSecondWhileTrafficWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		w.config.Groups[0].Vote = config.VoteAny
		w.config.Groups[0].Reconcile = time.Minute
		d := w.run(t)
		time.Sleep(10 * time.Second)
		const outage = 25 * time.Second
		if _, err := w.Inject(azuresim.Fault{Kind: azuresim.Fault503, Duration: outage}); err != nil {
			t.Fatal(err)
		}
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		back := time.Now().Add(outage)
		time.Sleep(outage + time.Minute)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		first := time.Time{}
		for _, c := range w.Calls() {
			if c.Method == "PUT" && c.Status == 200 && first.IsZero() {
				first = c.Time
			}
		}
		// The pause between two tries: a second, or that between a tick's own tries.
		if late, most := first.Sub(back), 2*time.Second; first.IsZero() || late > most {
			t.Errorf("the first write was accepted %s after Azure was back, want at most %s", late, most)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
	})
}

// An event starts the checks, and a tick with them: here the power state would be
// read in ten minutes only.
func TestEventsStartTheNextTickAndDecideNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		check := &w.config.Groups[0].Checks[0]
		check.Interval, check.Timeout, check.ConfirmInterval, check.Fresh = 10*time.Minute, 2*time.Second, 2*time.Second, time.Hour
		w.config.Groups[0].Reconcile = time.Hour
		w.config.Events.Meraki.Secret = "of the webhook"
		w.config.API.Listen = "" // a real listener cannot be in a bubble
		d := w.run(t)
		time.Sleep(11 * time.Minute)
		send := func(secret string) int {
			body := `{"version":"0.1","sharedSecret":"` + secret + `","sentAt":"` + time.Now().UTC().Format(time.RFC3339) +
				`","alertId":"1","alertTypeId":"stopped_reporting","occurredAt":"` + time.Now().UTC().Format(time.RFC3339) + `"}`
			req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/events/meraki", strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			d.app.EventHandler().ServeHTTP(answer, req)
			return answer.Code
		}
		ticks := len(d.starts("emea"))
		if got := send("guess"); got != 401 {
			t.Errorf("a forged event is answered %d, want 401", got)
		}
		time.Sleep(time.Second)
		if got := len(d.starts("emea")); got != ticks {
			t.Errorf("a forged event made %d ticks", got-ticks)
		}
		if got := send("of the webhook"); got != 200 {
			t.Fatalf("a genuine event is answered %d, want 200", got)
		}
		time.Sleep(time.Second)
		if got := len(d.starts("emea")); got != ticks+1 {
			t.Errorf("an event made %d ticks, want one", got-ticks)
		}
		if got := w.hops(t); got["10.1.0.4"] != 15 {
			t.Errorf("next hops = %v: an event has decided something", got)
		}
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		d.app.Nudge()
		time.Sleep(20 * time.Second)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b after the nudge", got)
		}
	})
}

// While the witness is silent too, nothing moves; afterwards a real failure does.
func TestRunHoldsWhileTheObserverIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		g := &w.config.Groups[0]
		g.Checks = g.Checks[1:]
		g.Witness = config.Witness{Targets: []string{"tcp://192.0.2.7:443"}, Timeout: time.Second}
		w.config = w.config.Complete()
		var cut atomic.Bool
		dial := w.dial
		w.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if cut.Load() {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			if address == "192.0.2.7:443" {
				near, far := net.Pipe()
				return near, far.Close()
			}
			return dial(ctx, network, address)
		}
		d := w.run(t)
		time.Sleep(30 * time.Second)
		cut.Store(true)
		time.Sleep(5 * time.Minute)
		cut.Store(false)
		time.Sleep(10 * time.Second)
		if got := w.hops(t); got["10.1.0.4"] != 15 {
			t.Errorf("next hops = %v, want none moved while the observer was cut off", got)
		}
		if err := w.Hang("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		reasons := map[decide.Reason]int{}
		for _, r := range d.reports {
			reasons[r.Decision.Reason]++
		}
		if reasons[decide.ReasonObserverSuspect] == 0 || reasons[decide.ReasonBothDown] != 0 {
			t.Errorf("reasons = %v, want the observer suspected and no member down", reasons)
		}
	})
}

// What is unsettled and brings nothing but unknown outcomes is repeated a few times
// only: a provider in trouble is not asked in a hurry for hours.
func TestRunDoesNotHurryAProviderInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		check := &w.config.Groups[0].Checks[0]
		check.Interval, check.Timeout, check.ConfirmInterval, check.Fall, check.Rise, check.Fresh = time.Minute, 2*time.Second, 2*time.Second, 3, 2, time.Hour
		d := w.run(t)
		time.Sleep(3 * time.Minute)
		// One failure, and then the API is gone.
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		for len(d.failures("vmx-a")) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if _, err := w.Inject(azuresim.Fault{Kind: azuresim.Fault503, Path: "virtualMachines"}); err != nil {
			t.Fatal(err)
		}
		before, _ := d.asked("vm-status")
		time.Sleep(10 * time.Minute)
		after, _ := d.asked("vm-status")
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		// Each minute its round, and after it at most fall + rise - 1 repetitions.
		if n := after - before; n < 10 || n > 11*5 {
			t.Errorf("asked %d times in ten minutes, want 10 to 55", n)
		}
		if got := w.hops(t); got["10.1.0.4"] != 15 {
			t.Errorf("next hops = %v, want none moved on one failure and silence", got)
		}
	})
}

// failures are the observations of a member that failed.
func (d *daemon) failures(member appliance.MemberName) []appliance.Observation {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []appliance.Observation
	for _, e := range d.events {
		if o := e.Observation; e.Kind == controller.EventObserved && o.Member == member && o.Outcome == appliance.Fail {
			out = append(out, o)
		}
	}
	return out
}
