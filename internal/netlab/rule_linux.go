package netlab

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddRule adds a rule. It is an error if there is the same one already.
func (h *Host) AddRule(r Rule) error {
	return h.eachFamily("add", r, h.handle.RuleAdd)
}

// DropRule removes a rule. It is an error if there is none that is the same.
func (h *Host) DropRule(r Rule) error {
	return h.eachFamily("drop", r, h.handle.RuleDel)
}

// eachFamily does something with a rule for the family of its prefix, or for both.
func (h *Host) eachFamily(verb string, r Rule, do func(*netlink.Rule) error) error {
	fail := func(err error) error { return fmt.Errorf("%s rule %q of host %q: %w", verb, r, h.name, err) }
	if r.Priority <= 0 || r.Table < 0 {
		return fail(fmt.Errorf("want a priority above 0 and a table"))
	}
	families := []int{unix.AF_INET, unix.AF_INET6}
	rule := netlink.NewRule()
	rule.Priority, rule.Table, rule.IifName = r.Priority, table(r.Table), r.In
	if r.From.IsValid() {
		if r.From.Masked() != r.From {
			return fail(fmt.Errorf("prefix %s: want a network, without bits of a host", r.From))
		}
		rule.Src = ipNet(r.From)
		families = []int{unix.AF_INET}
		if r.From.Addr().Is6() {
			families = []int{unix.AF_INET6}
		}
	}
	for _, family := range families {
		rule.Family = family
		if err := do(rule); err != nil {
			return fail(err)
		}
	}
	return nil
}
