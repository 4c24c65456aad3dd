package labreport

import "hopguard/internal/outage"

// scene describes the lab.
func scene(l outage.Lab) []fact {
	time := func(s outage.Seconds) string { return configured(s.Duration()) }
	facts := []fact{
		{"Between the regions, one way", time(l.Regions)},
		{"Between the branch and an appliance, one way", time(l.WAN)},
		{"Tunnel between the branch and the appliances", l.Tunnel},
		{"The branch notices a dead tunnel after", time(l.Branch)},
		{"Profile of the simulated Azure", l.Profile},
		{"A request to ARM takes", time(l.Request)},
		{"A write of a route table takes", time(l.Write)},
		{"The fabric follows a write after", time(l.Fabric)},
		{"Route tables that a failover moves", number(l.Tables)},
		{"Time between two packets of a flow", time(l.Spacing)},
	}
	for i, f := range facts {
		if f.Value == "" {
			facts[i].Value = absent
		}
	}
	return facts
}

// soakView is a long watch, ready to be read.
type soakView struct {
	Title, Setting, Length, Probes, Failed, Moves string
	// Still says that traffic was never moved.
	Still bool
}

// soaks shows the long watches.
func soaks(r outage.Report) []soakView {
	var out []soakView
	for _, s := range r.Soaks {
		v := soakView{Title: s.Title, Setting: s.Setting, Length: long(s.Length.Duration()),
			Probes: absent, Failed: absent, Moves: number(s.Moves), Still: s.Moves == 0}
		if s.Probes > 0 {
			v.Probes, v.Failed = number(s.Probes), number(s.Failed)
		}
		out = append(out, v)
	}
	return out
}
