package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/appliance"
)

// placesWait bounds the search for one member: a region that does not answer
// must not hold up the move away from it.
const placesWait = 8 * time.Second

// Places reads the members' machines and interfaces and returns the addresses
// that routes can name them by. Members whose place cannot be found are missing
// from the result and named in the error.
func (c *Client) Places(ctx context.Context, members []appliance.Member) ([]appliance.Place, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, placesWait, fmt.Errorf("no answer within %s", placesWait))
	defer cancel()
	found := make([]appliance.Place, len(members))
	errs := make([]error, len(members))
	var g errgroup.Group
	for i, m := range members {
		g.Go(func() error {
			if found[i], errs[i] = c.place(ctx, m); errs[i] != nil {
				errs[i] = fmt.Errorf("find member %s: %w", m.Name, errs[i])
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	found = slices.DeleteFunc(found, func(p appliance.Place) bool { return p.Member == "" })
	return found, errors.Join(errs...)
}

func (c *Client) place(ctx context.Context, m appliance.Member) (appliance.Place, error) {
	if nics := c.listedNICs(ctx, m.VM); len(nics) > 0 {
		return place(m, nics)
	}
	a, err := c.get(ctx, providerCompute, string(m.VM), nil)
	if err != nil {
		return appliance.Place{}, err
	}
	var vm wireVM
	if err := json.Unmarshal(a.Body, &vm); err != nil {
		return appliance.Place{}, fmt.Errorf("decode virtual machine %s: %w", m.VM, err)
	}
	refs := vm.Properties.NetworkProfile.NetworkInterfaces
	if len(refs) == 0 {
		return appliance.Place{}, fmt.Errorf("virtual machine %s has no network interface", m.VM)
	}
	nics := make([]wireNIC, len(refs))
	g, ctx := errgroup.WithContext(ctx)
	for i, ref := range refs {
		g.Go(func() error {
			a, err := c.get(ctx, providerNetwork, ref.ID, nil)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(a.Body, &nics[i]); err != nil {
				return fmt.Errorf("decode network interface %s: %w", ref.ID, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return appliance.Place{}, err
	}
	return place(m, nics)
}

type wireNIC struct {
	ID         string `json:"id"`
	Properties struct {
		Machine struct {
			ID string `json:"id"`
		} `json:"virtualMachine"`
		IPConfigurations []struct {
			Name       string `json:"name"`
			Properties struct {
				PrivateIPAddress string `json:"privateIPAddress"`
				Primary          bool   `json:"primary"`
				Subnet           struct {
					ID string `json:"id"`
				} `json:"subnet"`
			} `json:"properties"`
		} `json:"ipConfigurations"`
	} `json:"properties"`
}

// machine is the key of the machine that the interface is attached to.
func (n wireNIC) machine() string { return appliance.ResourceID(n.Properties.Machine.ID).Key() }

// address is one address of one interface.
type address struct {
	nic, subnet appliance.ResourceID
	config      string
	primary     bool
	addr        netip.Addr
}

// place maps a member's addresses to roles: by the explicit mapping, or else by
// the name of the interface's subnet. The order in which Azure lists interfaces
// and configurations has no effect.
func place(m appliance.Member, nics []wireNIC) (appliance.Place, error) {
	p := appliance.Place{Member: m.Name}
	var all []address
	for _, nic := range nics {
		for _, ip := range nic.Properties.IPConfigurations {
			if ip.Properties.PrivateIPAddress == "" {
				continue
			}
			addr, err := netip.ParseAddr(ip.Properties.PrivateIPAddress)
			if err != nil {
				return appliance.Place{}, fmt.Errorf("network interface %s: privateIPAddress: %q: want an IP address", nic.ID, ip.Properties.PrivateIPAddress)
			}
			a := address{
				nic: appliance.ResourceID(nic.ID), subnet: appliance.ResourceID(ip.Properties.Subnet.ID),
				config: ip.Name, primary: ip.Properties.Primary, addr: addr,
			}
			all = append(all, a)
			if !slices.ContainsFunc(p.Subnets, a.subnet.Equal) {
				p.Subnets = append(p.Subnets, a.subnet)
			}
		}
	}
	var err error
	if len(m.Hops) > 0 {
		p.Hops, err = mapped(m, all)
	} else {
		p.Hops, err = named(m, all, len(nics) > 1)
	}
	if err == nil && len(p.Hops) == 0 {
		err = errors.New("no network interface has a private address")
	}
	if err != nil {
		return appliance.Place{}, err
	}
	slices.SortFunc(p.Hops, func(a, b appliance.Hop) int { return strings.Compare(a.Role, b.Role) })
	slices.SortFunc(p.Subnets, func(a, b appliance.ResourceID) int { return strings.Compare(a.Key(), b.Key()) })
	return p, nil
}

// named gives each address the role of its subnet's name; a single interface has
// the role "nic" whatever its subnet is called. Secondary addresses add the name
// of their configuration.
func named(m appliance.Member, all []address, several bool) ([]appliance.Hop, error) {
	var hops []appliance.Hop
	taken := map[string]address{}
	for _, a := range all {
		role := "nic"
		if several {
			role = strings.ToLower(a.subnet.Name())
		}
		if !a.first(all) {
			role += "." + strings.ToLower(a.config)
		}
		role = ofFamily(role, a.addr)
		if b, ok := taken[role]; ok {
			return nil, fmt.Errorf("interfaces %s and %s are both in a subnet called %q: members[%s].hops must map them to roles", b.nic.Name(), a.nic.Name(), a.subnet.Name(), m.Name)
		}
		taken[role] = a
		hops = append(hops, appliance.Hop{Role: role, Addr: a.addr})
	}
	return hops, nil
}

// first reports whether the address is its interface's main one of its family:
// the primary one or, in a family without a primary, the first by name.
func (a address) first(all []address) bool {
	for _, b := range all {
		if b.nic != a.nic || b.addr.Is4() != a.addr.Is4() || b == a {
			continue
		}
		if b.primary && !a.primary {
			return false
		}
		if b.primary == a.primary && strings.ToLower(b.config) < strings.ToLower(a.config) {
			return false
		}
	}
	return true
}

// mapped gives the addresses that the configuration names their roles.
func mapped(m appliance.Member, all []address) ([]appliance.Hop, error) {
	var hops []appliance.Hop
	for _, source := range m.Hops {
		if source.Addr.IsValid() {
			if !slices.ContainsFunc(all, func(a address) bool { return a.addr == source.Addr }) {
				return nil, fmt.Errorf("members[%s].hops: role %q: no interface has the address %s", m.Name, source.Role, source.Addr)
			}
			hops = append(hops, appliance.Hop{Role: ofFamily(source.Role, source.Addr), Addr: source.Addr})
			continue
		}
		n := len(hops)
		for _, a := range all {
			id, want := a.nic, source.NIC
			if source.Subnet != "" {
				id, want = a.subnet, source.Subnet
			}
			if (strings.EqualFold(id.Name(), want) || appliance.ResourceID(want).Equal(id)) && a.first(all) {
				hops = append(hops, appliance.Hop{Role: ofFamily(source.Role, a.addr), Addr: a.addr})
			}
		}
		if len(hops) == n {
			return nil, fmt.Errorf("members[%s].hops: role %q: no interface is %q", m.Name, source.Role, source.Subnet+source.NIC)
		}
	}
	return hops, ambiguous(m, hops)
}

// ambiguous finds a role with two addresses: which of them is meant must not
// depend on the order in which Azure lists the interfaces.
func ambiguous(m appliance.Member, hops []appliance.Hop) error {
	for i, h := range hops {
		for _, other := range hops[i+1:] {
			if h.Role == other.Role && h.Addr != other.Addr {
				low, high := h.Addr, other.Addr
				if high.Less(low) {
					low, high = high, low
				}
				return fmt.Errorf("members[%s].hops: role %q is both %s and %s: name the interface or the address", m.Name, h.Role, low, high)
			}
		}
	}
	return nil
}

// ofFamily keeps IPv6 roles apart from IPv4 ones: a route never changes family.
func ofFamily(role string, addr netip.Addr) string {
	if addr.Is6() {
		return role + appliance.IPv6Suffix
	}
	return role
}
