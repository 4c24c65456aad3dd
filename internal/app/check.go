package app

import (
	"fmt"
	"net/netip"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/probe"
)

// trait is what a kind of check is, whatever its settings say.
type trait struct {
	// dataPath: it asks the member itself, or something behind it.
	dataPath bool
	// second: it is somebody else's word, which adds to another failure and begins none.
	second bool
	// address: without targets, it needs the member's next-hop address.
	address bool
}

func traitOf(k config.Kind) trait {
	switch k {
	case config.KindVMStatus:
		return trait{}
	case config.KindTCP, config.KindHTTP, config.KindICMP, config.KindExec:
		return trait{dataPath: true, address: true}
	case config.KindMeraki:
		return trait{second: true}
	default:
		panic(fmt.Sprintf("app: check kind %q", string(k)))
	}
}

// counted are the checks as far as a tick counts them.
func counted(list []config.Check) []controller.Check {
	var checks []controller.Check
	for _, c := range list {
		t := traitOf(c.Kind)
		checks = append(checks, controller.Check{
			Check:   decide.Check{Name: c.Name, Fall: c.Fall, Rise: c.Rise, DataPath: t.dataPath, Second: t.second, Fresh: c.Fresh},
			Confirm: c.ConfirmInterval,
		})
	}
	return checks
}

// timings are the checks as far as they are made again and again.
func timings(list []config.Check) []probe.Timing {
	var out []probe.Timing
	for _, c := range list {
		out = append(out, probe.Timing{Name: c.Name, Interval: c.Interval, Confirm: c.ConfirmInterval})
	}
	return out
}

// lacking are the checks that cannot be made before the members' addresses are known.
func lacking(list []config.Check) []string {
	var names []string
	for _, c := range list {
		if traitOf(c.Kind).address && len(c.Targets) == 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

// asker makes questions of settings.
type asker struct {
	Options
	world
	known *addresses
}

// checks are the checks as far as they are asked of members.
func (a asker) checks(list []config.Check) []probe.Check {
	var checks []probe.Check
	for _, c := range list {
		checks = append(checks, probe.Check{
			Name: c.Name, Timeout: c.Timeout, Question: a.question(c), DataPath: traitOf(c.Kind).dataPath,
		})
	}
	return checks
}

// witness are the questions of targets that depend on no member: they are asked of
// the member without a name.
func (a asker) witness(c config.Witness) []probe.Check {
	var checks []probe.Check
	for _, target := range c.Targets {
		kind, where, ok := config.SplitWitness(target)
		if !ok {
			panic(fmt.Sprintf("app: witness %q", target))
		}
		k := config.Check{Kind: kind, Targets: map[string]string{string(decide.Witness): where}}
		checks = append(checks, probe.Check{Name: target, Timeout: c.Timeout, Question: a.question(k), DataPath: true})
	}
	return checks
}

func (a asker) question(c config.Check) probe.Question {
	targets := map[appliance.MemberName]string{}
	for name, target := range c.Targets {
		targets[appliance.MemberName(name)] = target
	}
	from := probe.From{Source: c.Source, Interface: c.Interface}
	switch c.Kind {
	case config.KindVMStatus:
		return probe.VMStatus{Power: a.cloud}
	case config.KindTCP:
		return probe.TCP{Targets: targets, Port: uint16(c.Port), Address: a.known.of, From: from, Dial: a.Dial}
	case config.KindHTTP:
		return probe.HTTP{
			Targets: targets, URL: c.URL, Port: uint16(c.Port), Address: a.known.of, Status: c.Status, Body: c.Body,
			ServerName: c.ServerName, CAFile: c.CAFile, InsecureSkipVerify: c.InsecureSkipVerify, From: from, Dial: a.Dial,
		}
	case config.KindICMP:
		return probe.ICMP{Targets: pingable(targets), Address: a.known.of, From: from, Ping: a.Ping}
	case config.KindExec:
		return probe.Exec{Command: c.Command[0], Args: c.Command[1:], Address: a.known.of}
	case config.KindMeraki:
		return probe.Meraki{Devices: a.devices, Serials: targets, Ping: c.Ping}
	default:
		panic(fmt.Sprintf("app: check kind %q", string(c.Kind)))
	}
}

// pingable are targets that the configuration has found to be addresses.
func pingable(targets map[appliance.MemberName]string) map[appliance.MemberName]netip.Addr {
	out := map[appliance.MemberName]netip.Addr{}
	for name, target := range targets {
		out[name] = netip.MustParseAddr(target)
	}
	return out
}

// shortest is the smallest interval of the checks of all groups.
func shortest(groups []config.Group) time.Duration {
	var least time.Duration
	for _, g := range groups {
		for _, c := range g.Checks {
			if least == 0 || c.Interval < least {
				least = c.Interval
			}
		}
	}
	return least
}
