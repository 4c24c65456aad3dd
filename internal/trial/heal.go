package trial

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/merakisim"
)

// branch is where the workloads' packets go.
const branch = "172.16.0.10"

const (
	// orderBound is how long after the last fault everything is in order at the latest:
	// a lease may have to end and another replica to step in, one that could not work
	// rests for a minute, and a transition may have to wait as long for the budget.
	orderBound = 100 * time.Second
	// unseenBound is the same when a member has got another address: one that changed
	// unseen is noticed after ten minutes.
	unseenBound = 13 * time.Minute
	// calm is for how many seconds everything must stay in order.
	calm = 8
)

// heal ends all trouble, but for one member perhaps, and then waits for order.
func (w *world) heal() {
	w.azure.ClearFaults()
	w.blobs.SetFault(nil)
	w.azure.SetOutage(regionA, false)
	w.azure.SetOutage(regionB, false)
	w.dashboard.Heal()
	w.must(w.dashboard.SetOthers(merakisim.ExampleOrganization, 0))
	w.tail = [sides]bool{}
	w.events = nil // what would still happen does not
	for _, vm := range w.appliances() {
		w.must(w.azure.PowerOn(vm))
		w.must(w.azure.Unhang(vm))
		w.must(w.azure.SetForwarding(vm, true))
		w.must(w.azure.SetTunnel(vm, true))
		w.must(w.azure.SetLink(vm, azuresim.Link{}))
	}
	for _, m := range w.azure.Machines() {
		if w.dashboard.lies[m.Name] {
			w.dashboard.lies[m.Name] = false
			w.must(w.dashboard.tell(m.Name))
		}
		if m.Panicked {
			w.must(w.azure.Reboot(m.ID, 0))
		}
	}
	lost := ""
	if w.rng.IntN(4) == 0 {
		vm := w.member()
		w.must(w.azure.PowerOff(vm))
		lost = ", but for " + short(vm)
	}
	for _, r := range w.replicas {
		r.clock.right()
		if r.now == nil {
			w.start(r)
			continue
		}
		a := r.now
		a.paused, a.cut, a.crash.in = false, [sides]way{}, 0
		w.judge.sees(a)
	}
	for _, id := range w.judge.own {
		p := w.judge.tables[id]
		if w.judge.look(nil); p.now().absent {
			w.say("HAND %s is not made again", short(id))
		} else if !p.now().tagged && w.rng.IntN(2) == 0 {
			w.tagAgain(id)
		}
	}
	w.healed = time.Now()
	w.say("HEALED%s", lost)
	w.after(time.Second, w.await)
}

// await ends the world when everything is in order, or when that takes too long.
func (w *world) await() {
	why := w.disorder()
	after := time.Since(w.healed)
	bound := orderBound
	if w.judge.redeployed {
		bound = unseenBound
	}
	switch {
	case why == "" && w.calm < calm:
		w.calm++
		w.after(time.Second, w.await)
	case why == "":
		w.order = after - calm*time.Second
		w.over = true
	case after > bound:
		w.violated("P7: %s after the last fault: %s", after.Round(time.Second), why)
	default:
		w.calm = 0
		w.after(time.Second, w.await)
	}
}

// disorder says what is not as it should be in the end; "" if nothing is.
func (w *world) disorder() string {
	j := w.judge
	if len(j.store) == 0 {
		return "no record is stored"
	}
	record := j.store[len(j.store)-1].Record
	active := j.member(record.Active)
	if !active.forwards {
		if record.Mode == decide.Pinned || record.Forced {
			return "" // a person wants it so
		}
		return fmt.Sprintf("%s is active and forwards nothing", record.Active)
	}
	if record.Mode == decide.Frozen {
		return "the group is frozen"
	}
	for _, id := range j.own {
		if why := j.astray(j.tables[id].now(), active); why != "" {
			return short(id) + ": " + why
		}
	}
	if r, ok := j.newest[j.leading]; !ok || !j.newsAt.After(w.healed) {
		return "nobody has reported since"
	} else if r.State() == controller.Failed {
		return fmt.Sprintf("the newest report of %s is failed: %v", r.actor.name, r.Err())
	}
	return w.lostPackets()
}

// astray says what of a table does not go to the active member.
func (j *judge) astray(v version, active *truth) string {
	if v.absent || !v.tagged {
		return ""
	}
	for _, h := range v.hops {
		if slices.Contains(j.recorded, h.addr) && !slices.Contains(active.now, h.addr) {
			return fmt.Sprintf("%s goes to %s, and %s is active", h.route, h.addr, active.name)
		}
	}
	if v.state != "Succeeded" {
		return "it is " + v.state
	}
	return ""
}

// lostPackets says whose packets to the branch do not arrive although their route goes
// to a member.
func (w *world) lostPackets() string {
	for _, vm := range w.spec.VirtualMachines {
		if vm.Appliance {
			continue
		}
		hop, err := w.azure.Forward(vm.NICID(0), netip.MustParseAddr(branch))
		switch {
		case err != nil:
			w.broken(err)
		case hop.Delivered || !hop.NextHop.IsValid() || !slices.Contains(w.judge.recorded, hop.NextHop):
		case w.unmanaged(vm.Name):
		default:
			return fmt.Sprintf("packets of %s are lost: %s", vm.Name, hop.Reason)
		}
	}
	return ""
}

// unmanaged reports whether the table of a workload is not the group's any more.
func (w *world) unmanaged(workload string) bool {
	n := strings.TrimPrefix(workload, "app-")
	for _, id := range w.judge.own {
		if strings.HasSuffix(id, "rt-spoke-00"+n) {
			return !w.judge.tables[id].now().tagged
		}
	}
	return false
}
