package app_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/peering"
	"hopguard/internal/spoke"
)

const (
	spokeTag = "sdwan"
	firstSub = "/subscriptions/5b5c1a10-0000-4000-8000-000000000001"
	aPeering = "/virtualNetworkPeerings/"
)

// newSpokeWorld is a world without peerings whose workload networks are tagged, and in
// which hopguard may peer them.
func newSpokeWorld(t testing.TB, o azuresim.TwoRegionsOptions, change ...func(*azuresim.World)) world {
	t.Helper()
	w := newWorld(t, o)
	w.reference.Peerings = nil
	for i := range w.reference.VirtualNetworks[2:] {
		w.reference.VirtualNetworks[2+i].Tags = map[string]string{spokeTag: "emea"}
	}
	for i := range w.reference.Principals[0].Roles {
		r := &w.reference.Principals[0].Roles[i]
		r.Actions = append(r.Actions, "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/*", "Microsoft.Network/virtualNetworks/peer/action")
	}
	for _, f := range change {
		f(&w.reference)
	}
	var err error
	if w.Sim, err = azuresim.New(w.reference, azuresim.Options{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	w.dial = w.DialContext
	w.config.Groups[0].Spokes = config.Spokes{Tag: config.Tag{Name: spokeTag}}
	w.config = w.config.Complete()
	return w
}

// do makes a request as the owner of everything.
func (w world) do(t *testing.T, method, path, body string) string {
	t.Helper()
	token, _, err := w.Token("owner")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "https://sim.invalid"+path+"?api-version=2025-05-01", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
	}
	return string(text)
}

// addNetwork makes a new tagged network.
func (w world) addNetwork(t *testing.T, name, prefix string) {
	t.Helper()
	w.do(t, http.MethodPut, firstSub+"/resourceGroups/rg-spoke-1/providers/Microsoft.Network/virtualNetworks/"+name,
		`{"location":"westeurope","tags":{"`+spokeTag+`":"emea"},"properties":{"addressSpace":{"addressPrefixes":["`+prefix+`"]},"subnets":[{"name":"app","properties":{"addressPrefix":"`+prefix+`"}}]}}`)
}

// peered counts the halves that are Connected and in sync.
func (w world) peered(t *testing.T) int {
	t.Helper()
	n := 0
	for _, v := range w.networks(t) {
		for _, h := range v.Halves {
			if h.State == peering.Connected && h.Sync == peering.FullyInSync && h.Provisioning == "Succeeded" && h.Forwarded {
				n++
			}
		}
	}
	return n
}

// networks are all networks of the first subscription, as the owner reads them one by
// one: lists lag.
func (w world) networks(t *testing.T) []peering.Network {
	t.Helper()
	var out []peering.Network
	for _, v := range w.reference.VirtualNetworks {
		n, err := peering.Parse([]byte(w.do(t, http.MethodGet, v.ID(), "")))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// peeringCalls are the writes to peerings so far.
func (w world) peeringCalls() []azuresim.Call {
	return slices.DeleteFunc(w.Calls(), func(c azuresim.Call) bool {
		return c.Method == http.MethodGet || !strings.Contains(c.Path, aPeering)
	})
}

// shownSpokes is what the API shows of the spokes.
func (d *daemon) shownSpokes() *spoke.Report { return d.app.Shown("emea").Spokes }

// A network that appears while hopguard runs is in service within one scan, with two
// writes for each member, and nothing is written from then on.
func TestRunPeersANewNetworkWithinOneScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSpokeWorld(t, azuresim.TwoRegionsOptions{})
		d := w.run(t)
		if d.shownSpokes() != nil {
			t.Error("spokes are shown before the first scan")
		}
		time.Sleep(2 * time.Minute)
		if n := w.peered(t); n != 12 || len(w.peeringCalls()) != 12 {
			t.Fatalf("%d halves work after the first scan, %d writes, want 12", n, len(w.peeringCalls()))
		}
		w.addNetwork(t, "vnet-new", "10.99.0.0/16")
		w.reference.VirtualNetworks = append(w.reference.VirtualNetworks, azuresim.VirtualNetwork{
			Subscription: w.reference.VirtualNetworks[2].Subscription, ResourceGroup: "rg-spoke-1", Name: "vnet-new",
		})
		began := time.Now()
		for w.peered(t) < 16 && time.Since(began) < 5*time.Minute {
			time.Sleep(time.Second)
		}
		took := time.Since(began)
		if most := time.Minute + 40*time.Second; took > most {
			t.Errorf("in service after %v, want at most %v", took, most)
		}
		t.Logf("in service after %v", took)
		time.Sleep(3 * time.Minute)
		if n := len(w.peeringCalls()); n != 16 {
			t.Errorf("%d writes, want 16", n)
		}
		r := d.shownSpokes()
		if c := r.Counts(); r.State() != spoke.Agreed || c.Networks != 4 || c.Peerings != 8 || c.Agreed != 8 {
			t.Errorf("the newest scan is %s: %+v\n%s", r.State(), c, spoke.Text(r))
		}
		shows(t, metricsPage(t, d.app), `hopguard_spokes_state{group="emea",state="agreed"} 1`,
			`hopguard_spokes_peerings{group="emea"} 8`, `hopguard_peering_writes_total{group="emea",outcome="done"} 8`)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		log := d.log.String()
		if n := strings.Count(log, `"msg":"spokes"`); n < 2 || n > 6 {
			t.Errorf("%d lines about scans, want one for each that changed something:\n%s", n, log)
		}
		if n := strings.Count(log, `"msg":"peering"`); n != 16 {
			t.Errorf("%d lines about writes, want 16", n)
		}
		if strings.Contains(log, "took longer") {
			t.Errorf("a tick was delayed:\n%s", log)
		}
		starts := d.starts("emea")
		for i := 1; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-1]); gap > 11*time.Second {
				t.Errorf("two ticks are %v apart", gap)
			}
		}
	})
}

// What hopguard cannot mend is shown as degraded, once in the log, and does not keep
// the rest from being made.
func TestSpokesThatNeedAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSpokeWorld(t, azuresim.TwoRegionsOptions{}, func(w *azuresim.World) {
			v := w.VirtualNetworks[2]
			v.Name, v.Subnets, v.AddressPrefixes = "vnet-overlap", nil, []string{"10.2.128.0/17"} // a part of vnet-sdwan-b
			w.VirtualNetworks = append(w.VirtualNetworks, v)
		})
		d := w.run(t)
		time.Sleep(5 * time.Minute)
		r := d.shownSpokes()
		var lacks []string
		for _, l := range r.Lacks() {
			lacks = append(lacks, l.String())
		}
		want := []string{"vnet-overlap with vnet-sdwan-b: overlap: 10.2.128.0/17 of vnet-overlap overlaps 10.2.0.0/16 of vnet-sdwan-b"}
		if r.State() != spoke.Degraded || !slices.Equal(lacks, want) || w.peered(t) != 14 {
			t.Errorf("state %s, %d halves work, lacks %q", r.State(), w.peered(t), lacks)
		}
		if !d.app.Shown("emea").Ready(time.Now()) {
			t.Error("the group is not ready: spokes must not count for that")
		}
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(d.log.String(), `"level":"WARN","msg":"spokes"`); n < 1 || n > 2 {
			t.Errorf("%d warnings, want one or two:\n%s", n, d.log.String())
		}
	})
}

// A frozen group is not written, and one that is frozen in the middle of a scan is
// written no more.
func TestFrozenGroupsAreNotPeered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSpokeWorld(t, azuresim.TwoRegionsOptions{Spokes: 20})
		a := w.open(t)
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.Err() != nil {
			t.Fatal(r.Err())
		}
		frozen := make(chan struct{})
		go func() {
			defer close(frozen)
			time.Sleep(30 * time.Second)
			a.Tick(t.Context(), "emea", controller.Request{Order: &decide.Order{Kind: decide.OrderFreeze, For: time.Hour, By: "me"}})
		}()
		began := time.Now()
		r := a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{})
		<-frozen
		if took := time.Since(began); took > time.Minute || r.State() != spoke.Failed || !strings.Contains(r.Failures().Error(), "frozen until") {
			t.Errorf("the scan took %v and is %s: %v", took, r.State(), r.Failures())
		}
		before := len(w.peeringCalls())
		r = a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{})
		if n := len(w.peeringCalls()); n != before || !strings.HasPrefix(r.Held, "the group is frozen until") || r.State() != spoke.Degraded {
			t.Errorf("%d writes while frozen; held %q, %s", n-before, r.Held, r.State())
		}
		time.Sleep(time.Hour)
		if r = a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{}); r.State() != spoke.Agreed || w.peered(t) != 80 {
			t.Errorf("after the freeze: %s, %d halves work\n%s", r.State(), w.peered(t), spoke.Text(r))
		}
	})
}

// Several processes share the groups: only the one that leads a group peers for it.
func TestOnlyTheLeaderPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newShares(t)
		w.world = func() world {
			n := newSpokeWorld(t, azuresim.TwoRegionsOptions{})
			w.config.Groups[0].Spokes = n.config.Groups[0].Spokes
			n.config = w.config
			return n
		}()
		a, killA := w.start(t, "a")
		b, killB := w.start(t, "b")
		time.Sleep(4 * time.Minute) // before it may be handed on
		if n := len(w.peeringCalls()); n != 12 || w.peered(t) != 12 {
			t.Errorf("%d writes, %d halves work, want 12", n, w.peered(t))
		}
		shown := 0
		for _, d := range []*daemon{a, b} {
			if d.shownSpokes() != nil {
				shown++
			}
		}
		if shown != 1 {
			t.Errorf("%d processes show spokes, want the leader", shown)
		}
		killA()
		killB()
	})
}

func TestScanSpokesOfAGroupWithoutSpokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newWorld(t, azuresim.TwoRegionsOptions{}).open(t)
		for _, name := range []appliance.GroupName{"emea", "apac"} {
			if r := a.ScanSpokes(t.Context(), name, app.SpokesRequest{}); a.HasSpokes(name) || r.State() != spoke.Failed || r.Failures() == nil {
				t.Errorf("ScanSpokes(%s) is %s: %v", name, r.State(), r.Failures())
			}
		}
	})
}

// A dry run writes nothing, and says what is to do.
func TestDryScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSpokeWorld(t, azuresim.TwoRegionsOptions{})
		a := w.open(t)
		r := a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{DryRun: true})
		if c := r.Counts(); r.State() != spoke.Degraded || r.Planned() != spoke.Agreed || c.Planned != 12 || len(w.peeringCalls()) != 0 {
			t.Errorf("%s, as a plan %s, %+v, %v, %d writes", r.State(), r.Planned(), c, r.Failures(), len(w.peeringCalls()))
		}
		if text := fmt.Sprint(r.Lacks()); !strings.Contains(text, "vnet-spoke-1 with vnet-sdwan-a: pending: 2 writes: there is none") {
			t.Errorf("lacks = %s", text)
		}
	})
}

// Networks that are deleted, or are not selected any more, in the middle of a scan cost
// no write from then on, and are no failure. What was half-made for them is left over,
// and is removed when that is asked for.
func TestSpokesThatDisappearInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSpokeWorld(t, azuresim.TwoRegionsOptions{Spokes: 12}, func(w *azuresim.World) {
			w.VirtualMachines = w.VirtualMachines[:2] // a network in use cannot be deleted
		})
		a := w.open(t)
		deleted, untagged := w.reference.VirtualNetworks[11].ID(), w.reference.VirtualNetworks[12].ID()
		var after time.Time
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			time.Sleep(40 * time.Second) // their own halves are there, those of the members hardly
			w.do(t, http.MethodDelete, deleted, "")
			w.do(t, http.MethodPut, untagged, strings.Replace(w.do(t, http.MethodGet, untagged, ""), `"`+spokeTag+`"`, `"was"`, 1))
			after = time.Now()
		}()
		r := a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{})
		<-gone
		if c := r.Counts(); r.State() != spoke.Agreed || c.Agreed != 20 {
			t.Errorf("the scan is %s: %+v %v", r.State(), c, r.Failures())
		}
		for _, c := range w.peeringCalls() {
			for _, id := range []string{deleted, untagged} {
				if c.Time.After(after) && (strings.Contains(c.Path, id) || strings.Contains(string(c.Body), id)) {
					t.Errorf("%s %s was asked for after the network was gone", c.Method, c.Path)
				}
			}
		}
		time.Sleep(time.Minute)
		r = a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{})
		if c := r.Counts(); r.State() != spoke.Agreed || c.Networks != 10 || c.Unwanted < 2 || c.Unwanted > 4 || c.Writes != 0 {
			t.Errorf("then %s: %+v\n%s", r.State(), c, spoke.Text(r))
		}
		unwanted := r.Counts().Unwanted // the halves that were there by then
		r = a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{Remove: true})
		if c := r.Counts(); r.State() != spoke.Agreed || c.Unwanted != 0 || c.Writes != unwanted {
			t.Errorf("after the removal %s: %+v\n%s", r.State(), c, spoke.Text(r))
		}
	})
}

// Peerings that fail each time neither make hopguard scan without a pause nor keep those
// that come after them from being made.
func TestSpokesThatFailDoNotStarveTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const peer = "Microsoft.Network/virtualNetworks/peer/action"
		w := newSpokeWorld(t, azuresim.TwoRegionsOptions{Spokes: 60}, func(w *azuresim.World) {
			p := &w.Principals[0]
			p.Roles[0].Actions = slices.DeleteFunc(p.Roles[0].Actions, func(a string) bool { return a == peer })
			last := slices.MaxFunc(w.VirtualNetworks, func(a, b azuresim.VirtualNetwork) int { return strings.Compare(a.ID(), b.ID()) })
			for _, id := range []string{w.VirtualNetworks[0].ID(), w.VirtualNetworks[1].ID(), last.ID()} {
				p.Roles = append(p.Roles, azuresim.Assignment{Scope: id, Actions: []string{peer}})
			}
		})
		d := w.run(t)
		time.Sleep(time.Hour)
		lists := 0
		for _, c := range w.Calls() {
			if c.Method == http.MethodGet && strings.HasSuffix(c.Path, "/providers/Microsoft.Network/virtualNetworks") {
				lists++
			}
		}
		if lists > 62 {
			t.Errorf("%d scans in an hour, want one a minute at most", lists)
		}
		if n := w.peered(t); n != 4 {
			t.Errorf("%d halves work, want the four of the network that may be peered", n)
		}
		if r := d.shownSpokes(); r.State() != spoke.Failed || !strings.Contains(r.Failures().Error(), peer) {
			t.Errorf("the newest scan is %s: %.500s", r.State(), spoke.Text(r))
		}
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
}
