package sim

import (
	"fmt"
	"strings"

	"hopguard/internal/azuresim"
)

// picture draws the reference world: branches above, the two appliances in their
// regions, the workloads below.
func (c *Cloud) picture() string {
	a, b := c.appliances()[0], c.appliances()[1]
	first := c.firstTable()
	prefixes := first.Routes[0].AddressPrefix + " .. " + first.Routes[len(first.Routes)-1].AddressPrefix
	var names, addresses, tables []string
	for _, vm := range c.World.VirtualMachines {
		if !vm.Appliance {
			names = append(names, vm.Name)
			addresses = append(addresses, vm.NICs[0].IPConfigurations[0].Address)
		}
	}
	for _, t := range c.World.RouteTables[:len(names)] {
		tables = append(tables, t.Name)
	}
	row := func(texts []string) string {
		var out []string
		for _, t := range texts {
			out = append(out, fmt.Sprintf("| %-13s |", t))
		}
		return "    " + strings.Join(out, "     ")
	}
	edge := "    " + strings.TrimSuffix(strings.Repeat("+---------------+     ", len(names)), "     ")
	pair := func(left, l, r, right string) string {
		return strings.TrimRight(fmt.Sprintf("%14s %s   %s %s", left, l, r, right), " ")
	}
	box := func(text string) string { return "|" + center(text, 17) + "|" }
	lid := "+-----------------+"
	return strings.Join([]string{
		"          branches  " + prefixes,
		"                        |                     |",
		pair("", center("SD-WAN", 19), center("SD-WAN", 19), ""),
		"                        |                     |",
		pair("", lid, lid, ""),
		pair(a.Location, box(a.Name+"  active"), box(b.Name+"  standby"), b.Location),
		pair("", box(address(a)), box(address(b)), ""),
		pair("", lid, lid, ""),
		"                        |  every spoke is     |",
		"                        |  peered with both   |",
		"            +-----------+---------+-----------+---------+",
		"            |                     |                     |",
		edge, row(names), row(addresses), row(tables), edge,
		fmt.Sprintf("    in each table: %d routes to branches, next hop %s", len(first.Routes), address(a)),
	}, "\n")
}

// firstTable is the first with the group's tag.
func (c *Cloud) firstTable() azuresim.RouteTable {
	name, value, _ := c.tag()
	for _, t := range c.World.RouteTables {
		if t.Tags[name] == value {
			return t
		}
	}
	return azuresim.RouteTable{}
}

// address is a machine's first.
func address(vm azuresim.VirtualMachine) string { return vm.NICs[0].IPConfigurations[0].Address }

// center puts a text into the middle of a width.
func center(text string, width int) string {
	return fmt.Sprintf("%-*s", width, strings.Repeat(" ", max(width-len(text), 0)/2)+text)
}
