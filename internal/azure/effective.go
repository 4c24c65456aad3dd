package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

// Effective asks Azure for the effective routes of an interface, which is what
// the fabric uses. It takes seconds, needs the right
// Microsoft.Network/networkInterfaces/effectiveRouteTable/action, and works only
// while the interface's machine runs.
func (c *Client) Effective(ctx context.Context, nic appliance.ResourceID) ([]route.EffectiveRoute, error) {
	a, err := c.send(ctx, http.MethodPost, providerNetwork, string(nic)+"/effectiveRouteTable", nil, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("read effective routes: %w", err)
	}
	link := ""
	for a.Status == http.StatusAccepted {
		// A poll may say where to ask next, and need not.
		link = cmp.Or(a.Header.Get("Location"), link)
		if !c.ours(link) {
			return nil, fmt.Errorf("read effective routes of %s: 202 without a usable Location (%q)", nic, link)
		}
		if err := sleep(ctx, cmp.Or(retryAfter(a.Header, time.Now()), pollEvery)); err != nil {
			return nil, fmt.Errorf("read effective routes: %w", err)
		}
		if a, err = c.get(ctx, "", link, nil); err != nil {
			return nil, fmt.Errorf("read effective routes: %w", err)
		}
	}
	var w struct {
		Value []struct {
			State    string   `json:"state"`
			Prefixes []string `json:"addressPrefix"`
			HopType  string   `json:"nextHopType"`
			Hops     []string `json:"nextHopIpAddress"`
		} `json:"value"`
	}
	if err := json.Unmarshal(a.Body, &w); err != nil {
		return nil, fmt.Errorf("decode effective routes of %s: %w", nic, err)
	}
	var routes []route.EffectiveRoute
	for _, v := range w.Value {
		r := route.EffectiveRoute{Prefix: strings.Join(v.Prefixes, ","), HopType: v.HopType, Active: strings.EqualFold(v.State, "Active")}
		for _, h := range v.Hops {
			addr, err := netip.ParseAddr(h)
			if err != nil {
				return nil, fmt.Errorf("decode effective routes of %s: next hop %q: want an IP address", nic, h)
			}
			r.Hops = append(r.Hops, addr)
		}
		routes = append(routes, r)
	}
	return routes, nil
}
