package app_test

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// metricsPage is what Prometheus reads.
func metricsPage(t *testing.T, a *app.App) string {
	t.Helper()
	w := httptest.NewRecorder()
	a.MetricsHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("GET /metrics = %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// shows reports an error for each line that is not on the page.
func shows(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(page, "\n"+l+"\n") {
			name, _, _ := strings.Cut(l, "{")
			t.Errorf("the page lacks %q; it has %q", l, regexp.MustCompile("(?m)^"+name+".*$").FindAllString(page, -1))
		}
	}
}

func TestMetricsBeforeTheFirstTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newWorld(t, azuresim.TwoRegionsOptions{}).open(t)
		shows(t, metricsPage(t, a),
			`hopguard_ready{group="emea"} 0`,
			`hopguard_member_verdict{group="emea",member="vmx-a",verdict="unknown"} 1`,
			`hopguard_transitions_total{group="emea",origin="automatic",reason="active-down"} 0`,
			`hopguard_schedule_lateness_worst_seconds{group="emea"} 0`)
	})
}

// The whole way: what is observed, decided and written by the daemon is on the page.
func TestMetricsOfAFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		g := &w.config.Groups[0]
		g.Vote = config.VoteAny
		w.config.Events.Meraki.Secret = "of the webhook"
		d := w.run(t)
		time.Sleep(time.Minute)
		shows(t, metricsPage(t, d.app),
			`hopguard_ready{group="emea"} 1`,
			`hopguard_tick_state{group="emea",state="agreed"} 1`,
			`hopguard_member_active{group="emea",member="vmx-a"} 1`,
			`hopguard_managed_tables{group="emea"} 3`,
			`hopguard_managed_routes{group="emea"} 15`)
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/events/meraki", strings.NewReader(`{"sharedSecret":"guess"}`))
		req.Header.Set("Content-Type", "application/json")
		d.app.EventHandler().ServeHTTP(httptest.NewRecorder(), req)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		page := metricsPage(t, d.app)
		last := d.reports[len(d.reports)-1]
		shows(t, page,
			`hopguard_transitions_total{group="emea",origin="automatic",reason="active-down"} 1`,
			`hopguard_member_active{group="emea",member="vmx-b"} 1`,
			`hopguard_member_verdict{group="emea",member="vmx-a",verdict="down"} 1`,
			`hopguard_table_writes_total{group="emea",outcome="done"} 3`,
			`hopguard_table_writes_total{group="emea",outcome="failed"} 0`,
			`hopguard_switch_duration_seconds_count{group="emea"} 1`,
			`hopguard_events_total{outcome="forged",source="meraki"} 1`,
			fmt.Sprintf(`hopguard_tick_duration_seconds_count{group="emea"} %d`, len(d.reports)),
			fmt.Sprintf(`hopguard_epoch{group="emea"} %d`, last.Standing().Epoch))
		n := map[string]int{}
		for _, e := range d.events {
			if o := e.Observation; e.Kind == controller.EventObserved {
				n[fmt.Sprintf(`hopguard_check_outcomes_total{check="%s",group="emea",member="%s",outcome="%s"}`, o.Check, o.Member, o.Outcome)]++
			}
		}
		if len(n) < 5 {
			t.Errorf("the daemon observed %v, want both checks of both members, and failures", n)
		}
		for series, count := range n {
			shows(t, page, fmt.Sprint(series, " ", count))
		}
		for _, secret := range []string{"of the webhook", "guess", azuresim.DefaultTenant, "10.1.0.4", string(g.Members[0].VM)} {
			if strings.Contains(page, secret) {
				t.Errorf("the page shows %q", secret)
			}
		}
	})
}

// The group is ready as long as /readyz says so, and its witness is counted apart.
func TestMetricsOfAnObserverThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		fast(&w.config, time.Second)
		g := &w.config.Groups[0]
		g.Witness = config.Witness{Targets: []string{"tcp://192.0.2.1:443"}, Timeout: 300 * time.Millisecond}
		d := w.run(t)
		time.Sleep(40 * time.Second)
		page := metricsPage(t, d.app)
		shows(t, page, `hopguard_observer_suspect{group="emea"} 1`, `hopguard_ready{group="emea"} 1`, `hopguard_witness_outcomes_total{group="emea",outcome="pass"} 0`)
		witnessed := 0
		d.mu.Lock()
		for _, e := range d.events {
			if e.Kind == controller.EventObserved && e.Observation.Check == decide.WitnessCheck {
				witnessed++
			}
		}
		d.mu.Unlock()
		if counted := regexp.MustCompile(`(?m)^hopguard_witness_outcomes_total\{.*"(fail|unknown)"\} [1-9]`).FindAllString(page, -1); witnessed == 0 || len(counted) == 0 {
			t.Errorf("the witness was asked %d times, and counted %q", witnessed, counted)
		}
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		shows(t, metricsPage(t, d.app), `hopguard_ready{group="emea"} 0`)
	})
}
