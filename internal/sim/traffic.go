package sim

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"hopguard/internal/azuresim"
)

// sampleEvery is between two looks at what packets meet.
const sampleEvery = 20 * time.Millisecond

// flow is the packets of one workload to a branch.
type flow struct {
	// name is the workload's machine.
	name string
	nic  string
	dst  netip.Addr
}

// flows are those of all workloads, to an address behind the first managed route.
func (c *Cloud) flows() ([]flow, error) {
	dst, err := c.branch()
	if err != nil {
		return nil, err
	}
	var list []flow
	for _, vm := range c.World.VirtualMachines {
		if !vm.Appliance {
			list = append(list, flow{name: vm.Name, nic: vm.NICID(0), dst: dst})
		}
	}
	return list, nil
}

// branch is an address behind the first managed route.
func (c *Cloud) branch() (netip.Addr, error) {
	for _, r := range c.firstTable().Routes {
		if p, err := netip.ParsePrefix(r.AddressPrefix); err == nil && r.NextHopType == "VirtualAppliance" {
			return p.Addr().Next(), nil
		}
	}
	return netip.Addr{}, errNoGroup
}

// passage is what a flow met when it was looked at.
type passage struct {
	flow
	azuresim.Hop
}

// through is the name of the machine that the packets reached, or where they were
// lost.
func (p passage) through() string { return p.VM[strings.LastIndexByte(p.VM, '/')+1:] }

// look asks the fabric what the packets of all flows meet now.
func (c *Cloud) look(flows []flow) ([]passage, error) {
	seen := make([]passage, len(flows))
	for i, f := range flows {
		hop, err := c.Forward(f.nic, f.dst)
		if err != nil {
			return nil, fmt.Errorf("follow a packet of %s: %w", f.name, err)
		}
		seen[i] = passage{f, hop}
	}
	return seen, nil
}

// watch looks at the flows until ctx ends or changed returns false. changed gets
// all flows at first, and then those that are lost or back since the last look.
func (c *Cloud) watch(ctx context.Context, flows []flow, changed func(at time.Time, news, all []passage) bool) error {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	var before []passage
	for {
		now := time.Now()
		seen, err := c.look(flows)
		if err != nil {
			return err
		}
		var news []passage
		for i, p := range seen {
			if before == nil || before[i].Delivered != p.Delivered {
				news = append(news, p)
			}
		}
		if before = seen; len(news) > 0 && !changed(now, news, seen) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// delivered reports whether the packets of all flows arrive.
func delivered(all []passage) bool {
	for _, p := range all {
		if !p.Delivered {
			return false
		}
	}
	return true
}

// nicOf is the interface of a workload whose subnet uses a table, or "".
func (c *Cloud) nicOf(table string) string {
	for _, v := range c.World.VirtualNetworks {
		for _, subnet := range v.Subnets {
			if !strings.EqualFold(subnet.RouteTable, table) {
				continue
			}
			for _, vm := range c.World.VirtualMachines {
				for i, nic := range vm.NICs {
					if strings.EqualFold(nic.IPConfigurations[0].Subnet, v.SubnetID(subnet.Name)) {
						return vm.NICID(i)
					}
				}
			}
		}
	}
	return ""
}
