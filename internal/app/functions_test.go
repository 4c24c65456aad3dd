package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/funchost"
)

// hosted runs a test with a host and what it hosts, in a bubble.
func hosted(t *testing.T, s config.Functions, change func(*world), run func(t *testing.T, host *funchost.Host, h *handlers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		h := handling(newWorld(t, azuresim.TwoRegionsOptions{}), s)
		if change != nil {
			change(&h.world)
		}
		host := h.host(t, appFolder(t), nil)
		defer host.Close()
		run(t, host, h)
	})
}

// With no watch an invocation is one pass: the seed's way.
func TestFunctionsTimerIsOnePass(t *testing.T) {
	hosted(t, config.Functions{}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
		began := time.Now()
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a pass took %s", took)
		}
		if err := h.world.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // the list of power states lags
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		if got := h.world.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		if !slices.ContainsFunc(logged(host, funchost.Information), func(s string) bool {
			return strings.Contains(s, `"function":"Tick"`) && strings.Contains(s, `"state":"agreed"`)
		}) {
			t.Errorf("the log %v has no line of the first tick", host.Log())
		}
		if !slices.ContainsFunc(logged(host, funchost.Warning), func(s string) bool { return strings.Contains(s, `"reason":"active-down"`) }) {
			t.Errorf("the log %v has no warning of the failover", host.Log())
		}
	})
}

// An invocation watches, and sees a failure in its middle.
func TestFunctionsTimerGoesOnWatching(t *testing.T) {
	change := func(w *world) { fast(&w.config, time.Second) }
	hosted(t, config.Functions{Watch: 25 * time.Second}, change, func(t *testing.T, host *funchost.Host, h *handlers) {
		began := time.Now()
		var failing sync.WaitGroup
		failing.Go(func() {
			time.Sleep(10 * time.Second)
			if err := h.world.PowerOff("vmx-a"); err != nil {
				t.Error(err)
			}
		})
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		failing.Wait()
		if took := time.Since(began); took < 25*time.Second || took > 29*time.Second {
			t.Errorf("the invocation took %s, want 25s and less than the timer's 30s", took)
		}
		if got := h.world.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		// A check whose timeout is longer than its confirmInterval confirms at the pace of
		// the timeout: 1 s + 3 x 0.5 s, and what the decision reads of Azure.
		history := h.record(t, "emea").History
		if last := history[len(history)-1]; last.At.Sub(began) > 12700*time.Millisecond {
			t.Errorf("the failover was decided %s after the beginning, want 2.7s after the failure at most", last.At.Sub(began))
		}
	})
}

// Of two invocations at once one watches, and the other makes its pass: they wait for
// each other, and nothing is written twice.
func TestFunctionsOverlappingInvocations(t *testing.T) {
	hosted(t, config.Functions{Watch: 25 * time.Second}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
		if err := h.world.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		var both sync.WaitGroup
		took := make([]time.Duration, 2)
		began := time.Now()
		for i := range took {
			both.Go(func() {
				if err := host.Timer(t.Context(), "Tick"); err != nil {
					t.Error(err)
				}
				took[i] = time.Since(began)
			})
		}
		both.Wait()
		slices.Sort(took)
		if took[0] > 15*time.Second || took[1] < 25*time.Second {
			t.Errorf("they took %v, want one pass and one watch", took)
		}
		if got, n := h.world.hops(t), h.world.writes(); got["10.2.0.4"] != 15 || n != 3 {
			t.Errorf("next hops = %v after %d writes, want all at vmx-b after one for each of 3 tables", got, n)
		}
	})
}

// Two instances of the app tick one group at the same time: the record's
// compare-and-swap and the tables' etags make one switch of it.
func TestFunctionsOnTwoInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handling(newWorld(t, azuresim.TwoRegionsOptions{}), config.Functions{Watch: 25 * time.Second})
		dir := appFolder(t)
		one, two := h.host(t, dir, nil), h.host(t, dir, nil)
		defer one.Close()
		defer two.Close()
		if err := one.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		if err := h.world.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		var both sync.WaitGroup
		for _, host := range []*funchost.Host{one, two} {
			both.Go(func() {
				if err := host.Timer(t.Context(), "Tick"); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if got := h.world.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		if r := h.record(t, "emea"); r.Epoch != 2 || len(r.History) != 2 {
			t.Errorf("the record has epoch %d and %d transitions, want one switch", r.Epoch, len(r.History))
		}
	})
}

// A tick that failed fails its invocation, and the next one makes it good.
func TestFunctionsFailedTickFailsTheInvocation(t *testing.T) {
	hosted(t, config.Functions{}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
		if _, err := h.world.Inject(azuresim.Fault{Kind: azuresim.FaultForbidden, Path: "routeTables"}); err != nil {
			t.Fatal(err)
		}
		err := host.Timer(t.Context(), "Tick")
		if e, ok := errors.AsType[*funchost.InvocationError](err); !ok || e.Function != "Tick" {
			t.Fatalf("Timer() = %v, want a failed invocation", err)
		}
		if lines := logged(host, funchost.Error); !slices.ContainsFunc(lines, func(s string) bool {
			return strings.Contains(s, `"msg":"invocation failed"`) && strings.Contains(s, "AuthorizationFailed")
		}) {
			t.Errorf("the errors in the log are %q, want the cause", lines)
		}
		h.world.ClearFaults()
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Error(err)
		}
	})
}

// A handler that cannot be configured is ready all the same, and says what is wrong
// with every invocation, until it can.
func TestFunctionsWithoutAConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handling(newWorld(t, azuresim.TwoRegionsOptions{}), config.Functions{})
		h.broken = errors.New("groups[0].members: want two")
		queues := &funchost.Queues{}
		host := h.host(t, appFolder(t), queues)
		defer host.Close()
		if err := host.Timer(t.Context(), "Tick"); err == nil {
			t.Error("the timer succeeds without a configuration")
		}
		if status, body := call(t, host, "GET", "/api/status", ""); status != 503 || strings.Contains(body, "groups[0]") {
			t.Errorf("GET /api/status = %d %s, want 503 without the details", status, body)
		}
		if lines := logged(host, funchost.Error); !slices.ContainsFunc(lines, func(s string) bool { return strings.Contains(s, "groups[0].members: want two") }) {
			t.Errorf("the errors in the log are %q, want what is wrong", lines)
		}
		queues.Put("hopguard-ticks-poison", "x") // is told of all the same
		if n, err := host.Deliver(t.Context()); n != 1 || err != nil {
			t.Errorf("Deliver() = %d, %v", n, err)
		}
		h.broken = nil
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Error(err)
		}
		if n := len(host.Starts()); n != 1 {
			t.Errorf("the handler was started %d times, want once", n)
		}
	})
}

// An Azure that never answers does not hold the invocation beyond the handler's own
// limit, which is below the host's: the host kills nobody.
func TestFunctionsEndBeforeTheHostKillsThem(t *testing.T) {
	change := func(w *world) { w.config.Azure.Timeout = 20 * time.Minute }
	hosted(t, config.Functions{}, change, func(t *testing.T, host *funchost.Host, h *handlers) {
		if _, err := h.world.Inject(azuresim.Fault{Kind: azuresim.FaultTimeout, Path: "routeTables"}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := host.Timer(t.Context(), "Tick"); err == nil || errors.Is(err, funchost.ErrTimeout) {
			t.Errorf("Timer() = %v, want a failure of the handler's own", err)
		}
		if took := time.Since(began); took > app.FunctionsLimit+5*time.Second {
			t.Errorf("the invocation took %s", took)
		}
		if n := len(host.Starts()); n != 1 {
			t.Errorf("the handler was started %d times", n)
		}
	})
}

// Where a host gives less time than the handler takes, it kills it, and the next
// invocation finishes what was begun.
func TestFunctionsKilledByTheirTimeoutAreFinishedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handling(newWorld(t, azuresim.TwoRegionsOptions{}), config.Functions{})
		h.world.config.Azure.Parallel = 1
		dir := appFolder(t)
		host := h.host(t, dir, nil)
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		host.Close()
		if err := h.world.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		hasty, err := funchost.Start(t.Context(), funchost.Options{
			Root: dir, Worker: h, Timeout: 8 * time.Second,
			Settings: map[string]string{"AzureWebJobsStorage": "x", "HOPGUARD_FUNCTIONS_SCHEDULE": "*/30 * * * * *"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer hasty.Close()
		if err := hasty.Timer(t.Context(), "Tick"); !errors.Is(err, funchost.ErrTimeout) {
			t.Errorf("Timer() = %v, want the time-out", err)
		}
		half := h.world.hops(t)
		if half["10.1.0.4"] == 0 || half["10.2.0.4"] == 0 {
			t.Errorf("next hops = %v, want a switch that was cut off in its middle", half)
		}
		next := h.host(t, dir, nil)
		defer next.Close()
		if err := next.Timer(t.Context(), "Tick"); err != nil {
			t.Error(err)
		}
		if got := h.world.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		if r := h.record(t, "emea"); r.Epoch != 2 {
			t.Errorf("the record is of epoch %d, want 2: one switch", r.Epoch)
		}
	})
}

// The folders of the package and the functions of the handler are the same, and the
// handler gives up before the host does.
func TestFunctionsAreThoseOfThePackage(t *testing.T) {
	folder := filepath.Join("..", "..", "deploy", "functions")
	files, err := filepath.Glob(filepath.Join(folder, "*", "function.json"))
	if err != nil {
		t.Fatal(err)
	}
	var packed, served []string
	for _, f := range files {
		packed = append(packed, filepath.Base(filepath.Dir(f)))
	}
	f := &app.Functions{}
	for _, f := range f.Handler().Functions {
		served = append(served, f.Name)
		if f.HTTP == nil {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(folder, f.Name, "function.json"))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%q: %q", "route", f.Route); !strings.Contains(string(raw), want) {
			t.Errorf("function.json of %s has no %s", f.Name, want)
		}
	}
	slices.Sort(served)
	if diff := cmp.Diff(packed, served); diff != "" {
		t.Errorf("functions (-package +handler):\n%s", diff)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "host.json"))
	if err != nil {
		t.Fatal(err)
	}
	var host struct{ FunctionTimeout string }
	if err := json.Unmarshal(raw, &host); err != nil {
		t.Fatal(err)
	}
	limit, err := time.Parse(time.TimeOnly, host.FunctionTimeout)
	if err != nil {
		t.Fatal(err)
	}
	if d := limit.Sub(limit.Truncate(24 * time.Hour)); d < app.FunctionsLimit+20*time.Second {
		t.Errorf("functionTimeout is %s, want 20s more than the handler's %s", d, app.FunctionsLimit)
	}
}

// A timer that is late says so, if the host knows it.
func TestFunctionsPastDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handling(newWorld(t, azuresim.TwoRegionsOptions{}), config.Functions{})
		var told shared
		i, err := h.Start(funchost.Command{Stdout: &told, Stderr: &told})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/Tick", strings.NewReader(`{"Data":{"timer":{"IsPastDue":true}}}`))
		resp, err := i.RoundTrip(r)
		if err != nil || resp.StatusCode != 200 || !strings.Contains(told.String(), `"msg":"timer past due"`) {
			t.Errorf("answer = %v, %v; told: %s", resp, err, told.String())
		}
		i.Kill()
		i.Wait()
		if got := h.record(t, "emea").History[0].Reason; got != decide.ReasonAdopted {
			t.Errorf("reason = %s", got)
		}
	})
}
