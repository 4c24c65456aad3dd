package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"hopguard/internal/azuresim"
)

// watch keeps the fabric's host up to the simulated Azure, and notes when each of the
// managed tables came how far on its way to another appliance.
type watch struct {
	lab  *Lab
	sim  *azuresim.Sim
	nics []string // of a machine in a subnet of each managed table

	mu      sync.Mutex
	active  netip.Addr    // the appliance that all tables lead to in effect
	moves   []move        // complete ones
	present move          // the one under way
	changed chan struct{} // closed when a move is complete
	err     error
}

// move is when the last of the managed tables had come that far, in leading all its
// routes to one appliance.
type move struct {
	to                             netip.Addr
	accepted, succeeded, effective time.Time
}

func newWatch(l *Lab) *watch {
	w := &watch{lab: l, sim: l.cloud.Load(), active: l.guests[vmxA].addr(), changed: make(chan struct{})}
	for i := range tables {
		w.nics = append(w.nics, l.hosts[fmt.Sprintf("app-%d", i+1)].nic)
	}
	return w
}

// look is called whenever the simulated fabric may have changed.
func (w *watch) look(time.Time) {
	err := w.lab.fabric.sync(w.sim)
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.err = err
		return
	}
	for _, g := range w.lab.guests {
		w.follow(g.addr(), now)
	}
}

// follow notes how far all tables have come on their way to an appliance.
func (w *watch) follow(to netip.Addr, now time.Time) {
	if to == w.active {
		return
	}
	accepted, succeeded, effective := 0, 0, 0
	for i, id := range w.tables() {
		wanted, state := w.state(id, to)
		if !wanted {
			continue
		}
		accepted++
		if state == "Succeeded" {
			succeeded++
		}
		if list, err := w.sim.Effective(w.nics[i]); err == nil && leads(list, to) {
			effective++
		}
	}
	if accepted == tables && w.present.to != to {
		w.present = move{to: to, accepted: now}
	}
	if w.present.to != to {
		return
	}
	if succeeded == tables && w.present.succeeded.IsZero() {
		w.present.succeeded = now
	}
	if effective == tables && succeeded == tables {
		w.present.effective = now
		w.moves, w.active, w.present = append(w.moves, w.present), to, move{}
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

// tables are the managed ones.
func (w *watch) tables() []string {
	var list []string
	for _, id := range w.sim.RouteTables() {
		if strings.Contains(strings.ToLower(id), "/rt-spoke-") {
			list = append(list, id)
		}
	}
	return list
}

// state is whether all routes of a table lead to an appliance by the control plane's
// word, and how far the table's last write is.
func (w *watch) state(id string, to netip.Addr) (wanted bool, state string) {
	raw, err := w.sim.RouteTable(id)
	if err != nil {
		return false, ""
	}
	var doc struct {
		Properties struct {
			ProvisioningState string
			Routes            []struct {
				Properties struct{ NextHopType, NextHopIPAddress string }
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return false, ""
	}
	for _, r := range doc.Properties.Routes {
		if r.Properties.NextHopType == "VirtualAppliance" && r.Properties.NextHopIPAddress != to.String() {
			return false, doc.Properties.ProvisioningState
		}
	}
	return true, doc.Properties.ProvisioningState
}

// leads reports whether all user routes lead to an appliance.
func leads(list []azuresim.EffectiveRoute, to netip.Addr) bool {
	for _, r := range list {
		if r.NextHopType == "VirtualAppliance" && r.NextHop != to {
			return false
		}
	}
	return true
}

// seen returns the complete moves so far, a channel that is closed by the next one, and what went wrong.
func (w *watch) seen() ([]move, <-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moves, w.changed, w.err
}

// untouched returns a fingerprint of what no controller may change: all other tables, and
// of the managed ones everything but next hops.
func untouched(s *azuresim.Sim) (string, error) {
	var b strings.Builder
	for _, id := range s.RouteTables() {
		raw, err := s.RouteTable(id)
		if err != nil {
			return "", err
		}
		var doc struct {
			Tags       map[string]string
			Location   string
			Properties struct {
				DisableBGPRoutePropagation bool
				Routes                     []struct {
					Name       string
					Properties struct{ AddressPrefix, NextHopType, NextHopIPAddress string }
				}
			}
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			return "", fmt.Errorf("table %s: %w", id, err)
		}
		fmt.Fprintln(&b, id, doc.Location, doc.Tags, doc.Properties.DisableBGPRoutePropagation)
		for _, r := range doc.Properties.Routes {
			hop := r.Properties.NextHopIPAddress
			if strings.Contains(strings.ToLower(id), "/rt-spoke-") {
				hop = "-"
			}
			fmt.Fprintln(&b, " ", r.Name, r.Properties.AddressPrefix, r.Properties.NextHopType, hop)
		}
	}
	return b.String(), nil
}
