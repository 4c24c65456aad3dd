package azure_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

const (
	hopA = "10.1.0.4"
	hopB = "10.2.0.4"
)

// lab is a simulated Azure with its tagged tables at vmx-a, inside a bubble.
type lab struct {
	*azuresim.Sim
	world azuresim.World
	// managed are the ids of the tables that are to move; others must not change.
	managed, others []string
	before          map[string]string // of others
	// hook sees each request of clients of this lab before it is sent.
	hook func(*http.Request)
}

// newLab starts a simulated Azure.
func newLab(t *testing.T, w azuresim.TwoRegionsOptions, o azuresim.Options) *lab {
	t.Helper()
	return newLabOf(t, azuresim.TwoRegions(w), o)
}

func newLabOf(t *testing.T, w azuresim.World, o azuresim.Options) *lab {
	t.Helper()
	sim, err := azuresim.New(w, o)
	if err != nil {
		t.Fatalf("azuresim.New() = %v", err)
	}
	l := &lab{Sim: sim, world: w, before: map[string]string{}}
	for _, table := range w.RouteTables {
		id := table.ID()
		if table.Tags["nva_ha_udr"] == "emea" {
			l.managed = append(l.managed, id)
			continue
		}
		l.others = append(l.others, id)
		l.before[id] = string(l.table(t, id))
	}
	return l
}

// identity is a credential of the lab's world.
type identity struct {
	sim  *azuresim.Sim
	name string
}

// GetToken implements azcore.TokenCredential.
func (i identity) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, expires, err := i.sim.Token(i.name)
	return azcore.AccessToken{Token: token, ExpiresOn: expires}, err
}

// Do implements policy.Transporter.
func (l *lab) Do(r *http.Request) (*http.Response, error) {
	if l.hook != nil {
		l.hook(r)
	}
	return l.Transport().RoundTrip(r)
}

// client returns a client of the lab, as the principal with the least rights.
func (l *lab) client(t *testing.T, change ...func(*azure.Settings)) *azure.Client {
	t.Helper()
	var ids []string
	for _, s := range l.world.Subscriptions {
		ids = append(ids, s.ID)
	}
	return newClient(t, l, append([]func(*azure.Settings){func(s *azure.Settings) {
		s.TokenCredential, s.Subscriptions = identity{l.Sim, "hopguard"}, ids
	}}, change...)...)
}

// apply reads, plans towards vmx-b and writes, as a tick does.
func (l *lab) apply(ctx context.Context, t *testing.T, c *azure.Client, term lease.Term, saw func(route.Progress)) ([]route.Outcome, error) {
	t.Helper()
	tables, err := c.Tables(ctx, selection())
	return c.Apply(ctx, term, goalB(), goalB().Plan(tables), saw), err
}

// table returns what Azure has of a table now.
func (l *lab) table(t *testing.T, id string) json.RawMessage {
	t.Helper()
	raw, err := l.RouteTable(id)
	if err != nil {
		t.Errorf("RouteTable(%s) = %v", id, err)
	}
	return raw
}

// hops returns the state of a table and the next hops of its routes.
func (l *lab) hops(t *testing.T, id string) (state string, hops map[string]string) {
	t.Helper()
	var w struct {
		Properties struct {
			ProvisioningState string
			Routes            []struct {
				Name       string
				Properties struct{ NextHopIPAddress string }
			}
		}
	}
	if err := json.Unmarshal(l.table(t, id), &w); err != nil {
		t.Errorf("decode %s: %v", id, err)
	}
	hops = map[string]string{}
	for _, r := range w.Properties.Routes {
		hops[r.Name] = r.Properties.NextHopIPAddress
	}
	return w.Properties.ProvisioningState, hops
}

// at reports whether a table is Succeeded with all its routes at hop.
func (l *lab) at(t *testing.T, id, hop string) bool {
	t.Helper()
	state, hops := l.hops(t, id)
	for _, h := range hops {
		if h != hop {
			return false
		}
	}
	return state == "Succeeded" && len(hops) > 0
}

// mustHaveMoved fails unless all managed tables, and the fabric behind them, are
// at vmx-b, and no other table has changed.
func (l *lab) mustHaveMoved(t *testing.T) {
	t.Helper()
	for _, id := range l.managed {
		if !l.at(t, id, hopB) {
			state, hops := l.hops(t, id)
			t.Errorf("%s is %s at %v, want Succeeded at %s", id, state, hops, hopB)
		}
	}
	l.mustNotTouchOthers(t)
	time.Sleep(l.settled())
	for _, vm := range l.world.VirtualMachines {
		if vm.Appliance {
			continue
		}
		routes, err := l.Effective(vm.NICID(0))
		if err != nil {
			t.Errorf("Effective(%s) = %v", vm.Name, err)
		}
		for _, r := range routes {
			if r.Source == "User" && r.NextHop.String() != hopB {
				t.Errorf("the fabric sends %s from %s to %s, want %s", r.Prefix, vm.Name, r.NextHop, hopB)
			}
		}
	}
}

// settled is longer than the fabric takes.
func (l *lab) settled() time.Duration { return time.Minute }

func (l *lab) mustNotTouchOthers(t *testing.T) {
	t.Helper()
	for _, id := range l.others {
		if got := string(l.table(t, id)); got != l.before[id] {
			t.Errorf("%s has changed:\n%s\nwas\n%s", id, got, l.before[id])
		}
	}
	for _, call := range l.writes() {
		if slices.ContainsFunc(l.others, func(id string) bool { return strings.EqualFold(id, call.Path) }) {
			t.Errorf("%s was written", call.Path)
		}
	}
}

// writes are the PUTs of hopguard's principal so far.
func (l *lab) writes() []azuresim.Call {
	return slices.DeleteFunc(l.Calls(), func(c azuresim.Call) bool {
		return c.Method == http.MethodGet || c.Principal != "hopguard" && c.Principal != "" || strings.HasSuffix(c.Path, "/effectiveRouteTable")
	})
}

// mustBeHonest fails if an outcome says done and the table is not at vmx-b, or if
// one is not done and says no reason.
func (l *lab) mustBeHonest(t *testing.T, outcomes []route.Outcome) {
	t.Helper()
	for _, o := range outcomes {
		switch {
		case o.Done() && !l.at(t, string(o.Table), hopB):
			state, hops := l.hops(t, string(o.Table))
			t.Errorf("%s is reported as done, but is %s at %v", o.Table, state, hops)
		case !o.Done() && o.Err == nil:
			t.Errorf("%s is not done, and nothing says why: %+v", o.Table, o)
		case o.Err != nil && strings.Contains(o.Err.Error(), "%!"):
			t.Errorf("%s: error %q has no text", o.Table, o.Err)
		}
	}
}

// as makes one request as somebody else and returns the answer's body.
func (l *lab) as(t *testing.T, principal, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://management.azure.com"+path+"?api-version=2025-07-01", strings.NewReader(body))
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	token, _, err := l.Token(principal)
	if err != nil {
		t.Fatalf("Token(%s) = %v", principal, err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.Transport().RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := readAll(resp)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, text
}

// edit lets the owner change a table and waits until that is done.
func (l *lab) edit(t *testing.T, id string, old, replacement string) {
	t.Helper()
	_, text := l.as(t, "owner", http.MethodGet, id, "")
	if !strings.Contains(text, old) {
		t.Fatalf("%s is not in %s", old, text)
	}
	if status, answer := l.as(t, "owner", http.MethodPut, id, strings.ReplaceAll(text, old, replacement)); status != http.StatusOK {
		t.Fatalf("PUT %s: %d %s", id, status, answer)
	}
	time.Sleep(5 * time.Second)
}

// inject puts a fault in force.
func (l *lab) inject(t *testing.T, f azuresim.Fault) {
	t.Helper()
	if _, err := l.Inject(f); err != nil {
		t.Fatalf("Inject(%+v) = %v", f, err)
	}
}

func failures(outcomes []route.Outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		if o.Err != nil {
			fmt.Fprintf(&b, "%s: %v\n", o.Table.Name(), o.Err)
		}
	}
	return b.String()
}
