package meraki_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"hopguard/internal/meraki"
)

func FuzzNextPage(f *testing.F) {
	for _, h := range []string{
		"", "<", "<>", "<a>", "<https://a/x?startingAfter=0>; rel=first, <https://a/x?startingAfter=105>; rel=next, <https://a/x>; rel=last",
		`<a>; rel="next"`, `<a,b>;rel=prev,<c>;REL="x next"`, `<a>; title="\"; rel=next`, "<a>; rel=next; rel=prev", "<é>; rel=next",
	} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := meraki.NextPage(header)
		if got == "" {
			return
		}
		if !strings.Contains(header, got) || strings.ContainsAny(got, ">") {
			t.Fatalf("NextPage(%q) = %q, want a part of it without brackets", header, got)
		}
		for _, h := range []string{"<" + got + ">; rel=next", "<x>; rel=prev, <" + got + `> ; rel="next"`} {
			if again := meraki.NextPage(h); !strings.Contains(got, "<") && again != got {
				t.Errorf("NextPage(%q) = %q, want %q", h, again, got)
			}
		}
	})
}

func FuzzStatuses(f *testing.F) {
	for _, body := range []string{
		"", "[]", "null", "{}", `[{}]`, `[null,1,"x",[[]]]`,
		`[{"networkId":"N_1","networkName":"a","deviceSerial":"Q","deviceStatus":"online","uplinks":[{"interface":"wan1","publicIp":"192.0.2.1"}],"vpnMode":"hub","exportedSubnets":[{"subnet":"10.0.0.0/8","name":"x"}],"merakiVpnPeers":[{"networkId":"L_1","networkName":"y","reachability":"reachable","priority":1}],"thirdPartyVpnPeers":[{"name":"z","publicIp":"2001:db8::1","reachability":"unreachable"}]}]`,
		`[{"networkId":1e400,"deviceStatus":-0,"merakiVpnPeers":[{"priority":"1"},{"priority":1e99}],"uplinks":{"interface":1}}]`,
		`[{"deviceStatus":"\u0000ONLINE\ud800"}]`, `[{"exportedSubnets":[{"subnet":"fe80::1%eth0/64"}]}]`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := meraki.DecodeStatuses(body)
		if err != nil && got != nil {
			t.Errorf("statuses %v beside error %v", got, err)
		}
		for _, s := range got {
			wantWord(t, s.Reachability)
			for _, p := range s.Peers {
				wantWord(t, p.Reachability)
				if p.Priority < 0 || p.ThirdParty && (p.Priority != 0 || p.Network != "") || !p.ThirdParty && p.Public != (netip.Addr{}) {
					t.Errorf("peer %+v", p)
				}
			}
		}
	})
}

func FuzzAvailabilities(f *testing.F) {
	for _, body := range []string{
		"", "[]", `{"errors":["x"]}`, `[{"mac":"a","name":"b","network":{"id":"N_1"},"productType":"appliance","serial":"Q","status":"alerting","tags":["t"]}]`,
		`[{"network":[],"serial":{},"status":null}]`, `[{"status":"Off\nline"}]`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := meraki.DecodeAvailabilities(body)
		if err != nil && got != nil {
			t.Errorf("availabilities %v beside error %v", got, err)
		}
		for _, a := range got {
			wantWord(t, a.Reachability)
		}
	})
}

// wantWord wants what fits into a log line.
func wantWord(t *testing.T, r meraki.Reachability) {
	t.Helper()
	if len([]rune(string(r))) > 50 || strings.ContainsFunc(string(r), unicode.IsControl) {
		t.Errorf("word %q", r)
	}
}

func FuzzPing(f *testing.F) {
	for _, body := range []string{
		"", "{}", `{"pingId":"1","status":"complete","results":{"sent":5,"received":5,"loss":{"percentage":0},"latencies":{"minimum":15.8,"average":15.8,"maximum":15.9},"replies":[{"sequenceId":1,"size":84,"latency":15.7}]}}`,
		`{"pingId":1284392014819,"results":{"sent":"5","received":"4","loss":"x","latencies":{"minimum":1e12,"average":-1}}}`,
		`{"url":"/devices/Q/liveTools/ping/../..","results":[]}`, `{"request":{"count":3},"results":{"replies":[null,null]}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		p, id, ok := meraki.DecodePing(body)
		if strings.ContainsFunc(id, unicode.IsControl) || len([]rune(id)) > 110 {
			t.Errorf("id %q", id)
		}
		if !ok {
			if p != (meraki.Ping{}) {
				t.Errorf("ping %+v, want none", p)
			}
			return
		}
		if p.Sent < 1 || p.Received < 0 || p.Received > p.Sent || !(p.Loss >= 0 && p.Loss <= 100) || min(p.Fastest, p.Average, p.Slowest) < 0 || max(p.Fastest, p.Average, p.Slowest) > time.Hour {
			t.Errorf("ping %+v", p)
		}
	})
}

func FuzzErrorTexts(f *testing.F) {
	for _, body := range []string{"", `{"errors":["a","b"]}`, `{"errors":"a","message":{}}`, `{"error":7}`, "<html>", `{"errors":[["x"],"\u202e\n"]}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got := meraki.ErrorTexts(body)
		if len(got) > 5 || slices.Contains(got, "") {
			t.Errorf("texts %q, want at most five and none empty", got)
		}
		for _, text := range got {
			if len([]rune(text)) > 203 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("text %q", text)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, h := range []string{"", "1", "-1", "1e9", "0x10", "NaN", "Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 9999 00:00:00 GMT"} {
		f.Add(h)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		if got := meraki.RetryAfter(header, now); got < 0 || got > 10*time.Minute {
			t.Errorf("RetryAfter(%q) = %s, want 0 to 10m", header, got)
		}
	})
}
