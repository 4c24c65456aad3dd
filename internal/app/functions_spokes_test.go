package app_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/funchost"
)

// On Azure Functions a timer of its own keeps the spokes, beside the one that ticks.
func TestFunctionsKeepSpokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handling(newSpokeWorld(t, azuresim.TwoRegionsOptions{}), config.Functions{})
		host := h.host(t, appFolder(t), nil)
		defer host.Close()
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		if err := host.Timer(t.Context(), "Spokes"); err != nil {
			t.Fatal(err)
		}
		if n := h.world.peered(t); n != 12 || len(h.world.peeringCalls()) != 12 {
			t.Errorf("%d halves work after %d writes, want 12", n, len(h.world.peeringCalls()))
		}
		if !slices.ContainsFunc(logged(host, funchost.Information), func(s string) bool {
			return strings.Contains(s, `"function":"Spokes"`) && strings.Contains(s, `"peerings":6`)
		}) {
			t.Errorf("the log %v has no line of the scan", host.Log())
		}
		time.Sleep(time.Minute)
		if _, err := h.world.Inject(azuresim.Fault{Kind: azuresim.FaultForbidden, Type: "Microsoft.Network/virtualNetworks"}); err != nil {
			t.Fatal(err)
		}
		if err := host.Timer(t.Context(), "Spokes"); err == nil {
			t.Error("an invocation whose scan has failed has succeeded")
		}
	})
}

// Without spokes the timer does nothing.
func TestFunctionsWithoutSpokes(t *testing.T) {
	hosted(t, config.Functions{}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
		before := len(h.world.Calls())
		if err := host.Timer(t.Context(), "Spokes"); err != nil {
			t.Fatal(err)
		}
		if n := len(h.world.Calls()); n != before {
			t.Errorf("%d requests, want none", n-before)
		}
	})
}
