package probe_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// On Linux all of 127.0.0.0/8 is the machine itself, so a source address can be
// seen from the other side.
func TestFromOnTheLoopback(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "you are "+r.RemoteAddr)
	}))
	defer server.Close()
	here := server.Listener.Addr().String()
	tests := []struct {
		name    string
		from    probe.From
		outcome appliance.Outcome
		tcp     string // evidence
		http    string
		body    string // seen by the server
	}{
		{"anywhere", probe.From{}, appliance.Pass, here + ": connected", ": 200 OK", "you are 127.0.0.1:"},
		{"source", probe.From{Source: netip.MustParseAddr("127.0.0.2")}, appliance.Pass, here + " from 127.0.0.2: connected", " from 127.0.0.2: 200 OK", "you are 127.0.0.2:"},
		{"interface", probe.From{Interface: "lo"}, appliance.Pass, here + " by lo: connected", " by lo: 200 OK", "you are 127.0.0.1:"},
		{"both", probe.From{Source: netip.MustParseAddr("127.0.0.3"), Interface: "lo"}, appliance.Pass, " from 127.0.0.3 by lo: connected", " from 127.0.0.3 by lo: 200 OK", "you are 127.0.0.3:"},
		{"not-our-address", probe.From{Source: netip.MustParseAddr("192.0.2.1")}, appliance.Unknown, "cannot assign requested address", "cannot assign requested address", ""},
		{"another-family", probe.From{Source: netip.MustParseAddr("::1")}, appliance.Unknown, " from ::1: not asked: ", " from ::1: not asked: ", ""},
		{"no-such-interface", probe.From{Interface: "absent0"}, appliance.Unknown, `bind to interface "absent0": no such device`, `bind to interface "absent0": no such device`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantSeen(t, really(t, probe.TCP{Targets: map[appliance.MemberName]string{"a": here}, From: test.from}), test.outcome, test.tcp)
			got := really(t, probe.HTTP{Targets: map[appliance.MemberName]string{"a": server.URL}, From: test.from, Body: test.body})
			wantSeen(t, got, test.outcome, test.http)
		})
	}
}
