package merakisim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// SetBranch says what a network, given by its id or its name, offers to the VPN from now
// on. A name that no network has becomes a new spoke, with tunnels to all hubs of the
// organization; that needs a world with one organization.
func (s *Sim) SetBranch(name string, subnets ...netip.Prefix) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Subnet
	for _, p := range subnets {
		if !p.IsValid() {
			return fmt.Errorf("network %q: a subnet that is none", name)
		}
		list = append(list, Subnet{Prefix: p, Name: "office"})
	}
	if n, err := s.network(name); err == nil {
		n.Subnets = list
		return nil
	}
	if len(s.organizations) != 1 || name == "" {
		return fmt.Errorf("network %q does not exist, and it is not known which organization is to have it", name)
	}
	for _, o := range s.organizations {
		return s.addBranch(o, name, list)
	}
	return nil
}

// addBranch makes a spoke with an id and a serial that are free.
func (s *Sim) addBranch(o *organization, name string, subnets []Subnet) error {
	n := Network{Name: name, Mode: "spoke", Subnets: subnets}
	for i := 1; n.ID == "" || s.networks[n.ID] != nil || s.devices[n.Device.Serial] != nil; i++ {
		n.ID, n.Device = fmt.Sprintf("N_%d", 9000+i), Device{Serial: fmt.Sprintf("Q2ZZ-CCCC-%04d", i), Name: name}
	}
	for _, other := range o.networks {
		if other.Mode == "hub" {
			n.Hubs = append(n.Hubs, other.ID)
		}
	}
	err := errors.Join(s.seedNetwork(o, n)...)
	slices.SortFunc(o.networks, func(a, b *network) int { return strings.Compare(a.ID, b.ID) })
	return err
}

// RemoveBranch deletes a spoke, given by its id or its name, with its device.
func (s *Sim) RemoveBranch(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.network(name)
	if err != nil {
		return err
	}
	if n.Mode != "spoke" {
		return fmt.Errorf("network %q is a %s: want a spoke", name, n.Mode)
	}
	delete(s.networks, n.ID)
	delete(s.devices, n.device.Serial)
	n.org.networks = slices.DeleteFunc(n.org.networks, func(o *network) bool { return o == n })
	return nil
}
