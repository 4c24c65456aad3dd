package route_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"hopguard/internal/route"
)

// TestP9DoneOnlyAfterReadBack: accepted and succeeded are not done (D12).
func TestP9DoneOnlyAfterReadBack(t *testing.T) {
	when := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		outcome route.Outcome
		want    bool
	}{
		{"read-back", route.Outcome{Accepted: when, Succeeded: when, ReadBack: when}, true},
		{"D12-accepted-only", route.Outcome{Accepted: when}, false},
		{"D12-succeeded-only", route.Outcome{Accepted: when, Succeeded: when}, false},
		{"read-back-with-an-error", route.Outcome{ReadBack: when, Err: errors.New("another hop")}, false},
		{"nothing-observed", route.Outcome{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.outcome.Done(); got != tt.want {
				t.Errorf("Done() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestEffectiveAgrees(t *testing.T) {
	to := func(active bool, prefix string, hops ...string) route.EffectiveRoute {
		r := route.EffectiveRoute{Prefix: prefix, HopType: "VirtualAppliance", Active: active}
		for _, h := range hops {
			r.Hops = append(r.Hops, netip.MustParseAddr(h))
		}
		return r
	}
	redeployed := emea()
	redeployed.Members[1].Former = hops("lan", "10.2.0.9")
	tests := []struct {
		name   string
		goal   route.Goal
		routes []route.EffectiveRoute
		want   bool
		note   string
	}{
		{"all-at-the-active-member", emea(), []route.EffectiveRoute{to(true, "10.20.0.0/16", "10.2.0.4"), to(true, "0.0.0.0/0")}, true, ""},
		{"one-still-at-the-other", emea(), []route.EffectiveRoute{to(true, "10.20.0.0/16", "10.2.0.4"), to(true, "10.21.0.0/16", "10.1.0.4")}, false, "10.21.0.0/16 still goes to 10.1.0.4 (a)"},
		{"one-still-at-the-other-after-one-of-somebody-else", emea(), []route.EffectiveRoute{to(true, "10.21.0.0/16", "10.9.0.4", "10.1.0.4")}, false, "10.21.0.0/16 still goes to 10.1.0.4 (a)"},
		{"inactive-routes-do-not-count", emea(), []route.EffectiveRoute{to(false, "10.20.0.0/16", "10.1.0.4"), to(true, "10.20.0.0/16", "10.2.0.4")}, true, ""},
		{"inactive-routes-prove-nothing", emea(), []route.EffectiveRoute{to(false, "10.20.0.0/16", "10.2.0.4")}, false, "no effective route goes to a member"},
		{"routes-of-others-prove-nothing", emea(), []route.EffectiveRoute{to(true, "10.20.0.0/16", "10.9.0.4")}, false, "no effective route goes to a member"},
		{"none", emea(), nil, false, "no effective route goes to a member"},
		{"a-former-address-of-the-active-member-is-not-its-address", redeployed, []route.EffectiveRoute{to(true, "10.20.0.0/16", "10.2.0.9")}, false, "10.20.0.0/16 still goes to 10.2.0.9 (b)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, note := tt.goal.EffectiveAgrees(tt.routes)
			if got != tt.want || note != tt.note {
				t.Errorf("EffectiveAgrees() = %v, %q, want %v, %q", got, note, tt.want, tt.note)
			}
		})
	}
}
