package merakisim_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/merakisim"
)

// status is what both lists say of the primary.
func (c client) status() string {
	c.t.Helper()
	vpn := c.get(vpnPath+"?networkIds[]="+merakisim.ExamplePrimaryNet).items(c.t, "deviceStatus")
	av := c.get(availabilityPath+"?serials[]="+merakisim.ExamplePrimary).items(c.t, "status")
	return strings.Join(vpn, "") + "/" + strings.Join(av, "")
}

func TestTheCloudNoticesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := newClient(t, merakisim.Options{})
		var story []string
		note := func(want string) {
			t.Helper()
			got := c.status()
			story = append(story, fmt.Sprintf("%s %s", time.Since(start).Truncate(time.Second), got))
			if got != want {
				t.Errorf("status = %s, want %s, after:\n%s", got, want, strings.Join(story, "\n"))
			}
		}
		set := func(s merakisim.State) {
			t.Helper()
			if err := c.sim.Set(merakisim.ExamplePrimary, s); err != nil {
				t.Fatal(err)
			}
		}
		at := func(d time.Duration) { time.Sleep(time.Until(start.Add(d))) }
		note("online/online")
		at(time.Minute)
		set(merakisim.Offline)
		at(5*time.Minute + 50*time.Second)
		note("online/online")
		at(6 * time.Minute) // five minutes after it went silent
		note("offline/online")
		at(10 * time.Minute) // the next time availabilities are renewed
		note("offline/offline")
		set(merakisim.Alerting)
		at(11*time.Minute - 2*time.Second)
		note("offline/offline")
		at(11*time.Minute + time.Second)
		note("alerting/offline")
		at(15 * time.Minute)
		note("alerting/alerting")
		set(merakisim.Offline)
		at(16 * time.Minute)
		set(merakisim.Online) // before anybody noticed
		at(17*time.Minute + time.Second)
		note("online/alerting")
		at(21 * time.Minute) // what is learned late does not undo what is newer
		note("online/online")
	})
}

func TestTunnelsFallWithTheirEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: instant()})
		peers := func() []string {
			var out []string
			row := c.get(vpnPath + "?networkIds[]=N_2001").json(t).([]any)[0].(map[string]any)
			for _, p := range row["merakiVpnPeers"].([]any) {
				p := p.(map[string]any)
				out = append(out, fmt.Sprintf("%v %v %v", p["networkId"], p["priority"], p["reachability"]))
			}
			return out
		}
		check := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, peers()); diff != "" {
				t.Errorf("peers of a branch differ (-want +got):\n%s", diff)
			}
			time.Sleep(time.Second)
		}
		check("N_1001 1 reachable", "N_1002 2 reachable")
		if err := c.sim.SetTunnel("N_1001", "N_2001", false); err != nil {
			t.Fatal(err)
		}
		check("N_1001 1 unreachable", "N_1002 2 reachable")
		if err := c.sim.SetTunnel("N_2001", "N_1001", true); err != nil {
			t.Fatal(err)
		}
		if err := c.sim.Set(merakisim.ExampleSecondary, merakisim.Dormant); err != nil {
			t.Fatal(err)
		}
		check("N_1001 1 reachable", "N_1002 2 unreachable")
		hub := c.get(vpnPath + "?networkIds[]=N_1001").json(t).([]any)[0].(map[string]any)
		got := []string{}
		for _, p := range hub["merakiVpnPeers"].([]any) {
			p := p.(map[string]any)
			if _, has := p["priority"]; has {
				t.Errorf("a hub's peer %v has a priority, want none", p)
			}
			got = append(got, fmt.Sprintf("%v %v", p["networkId"], p["reachability"]))
		}
		want := []string{"N_1002 unreachable", "N_2001 reachable", "N_2002 reachable", "N_2003 reachable"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("peers of a hub differ (-want +got):\n%s", diff)
		}
	})
}

func TestChangesOfWhatDoesNotExist(t *testing.T) {
	sim := newClient(t, merakisim.Options{}).sim
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"device", sim.Set("Q9", merakisim.Online), `device "Q9" does not exist`},
		{"state", sim.Set(merakisim.ExamplePrimary, "up"), `device "Q2XX-AAAA-0001": state "up": want online, alerting, offline or dormant`},
		{"tunnel", sim.SetTunnel("N_1001", "N_9", false), `network "N_9" does not exist`},
		{"target", sim.SetTarget("Q9", "10.0.0.1", false), `device "Q9" does not exist`},
		{"others", sim.SetOthers("9", 1), `organization "9" does not exist`},
		{"fault", sim.Inject(merakisim.Fault{Kind: "418"}), `fault "418": want one of [401 403 404 429 429-bare 500 502 503 504 garbage truncated empty quirks slow slow-body hang reset redirect]`},
		{"probability", sim.Inject(merakisim.Fault{Kind: "500", Probability: 1.5}), `fault "500": probability 1.5: want 0 to 1`},
		{"path", sim.Inject(merakisim.Fault{Kind: "500", Path: "("}), "fault \"500\": path: error parsing regexp: missing closing ): `(`"},
		{"delay", sim.Inject(merakisim.Fault{Kind: "slow", Params: map[string]string{"delay": "soon"}}), `fault "slow": delay: time: invalid duration "soon"`},
		{"retry-after", sim.Inject(merakisim.Fault{Kind: "429", Params: map[string]string{"retryAfter": "x"}}), `fault "429": retryAfter: strconv.Atoi: parsing "x": invalid syntax`},
	}
	for _, tt := range tests {
		if tt.err == nil || tt.err.Error() != tt.want {
			t.Errorf("%s: error = %v, want %s", tt.name, tt.err, tt.want)
		}
	}
}

func TestWorldsThatCannotBe(t *testing.T) {
	network := func(id, mode, serial string, state merakisim.State, hubs ...string) merakisim.Network {
		return merakisim.Network{ID: id, Mode: mode, Device: merakisim.Device{Serial: serial, State: state}, Hubs: hubs}
	}
	w := merakisim.World{
		Organizations: []merakisim.Organization{
			{ID: "1", Networks: []merakisim.Network{
				network("N_1", "hub", "Q1", ""),
				network("N_1", "hub", "Q2", ""),
				network("N_2", "mesh", "Q1", "up"),
				network("N_3", "spoke", "Q3", "", "N_1", "N_3", "N_9"),
			}},
			{ID: "1"}, {},
		},
		Keys: []merakisim.Key{{}, {Text: "one-key", Organizations: []string{"7"}}, {Text: "one-key"}},
	}
	_, err := merakisim.New(w, merakisim.Options{})
	want := strings.Join([]string{
		`network "N_1": want an id of its own`,
		`network "N_2": mode "mesh": want hub or spoke`,
		`network "N_2": device "Q1": want a serial of its own`,
		`network "N_2": device "Q1": state "up": want online, alerting, offline or dormant`,
		`organization "1": want an id of its own`,
		`organization "": want an id of its own`,
		`network "N_3": hub "N_3": want another network with mode hub`,
		`network "N_3": hub "N_9": want another network with mode hub`,
		`key 0: want a text of its own`,
		`key 1: organization "7" does not exist`,
		`key 2: want a text of its own`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("New() error differs (-want +got):\n%s", cmp.Diff(want, fmt.Sprint(err)))
	}
}

func TestKeysArePrintedByNobody(t *testing.T) {
	const canary = "canary0123456789canary"
	w := merakisim.Example()
	w.Keys[0].Text = canary
	sim, err := merakisim.New(w, merakisim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{w, &w, w.Keys[0], sim} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T shows the key", format, v)
			}
		}
	}
}
