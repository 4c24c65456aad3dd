package trial

import (
	"fmt"
	"net/netip"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
	"hopguard/internal/blobsim"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// family is a kind of trouble.
type family int

const (
	members family = iota
	both
	region
	azureAPI
	storeAPI
	partitions
	tails
	crashes
	pauses
	clocks
	hands
	overwrites
	tables
	orders
	redeploys
	merakiAPI
	eventsHeard
	eclipses
)

// families are all of them.
func families() []family {
	return []family{members, both, region, azureAPI, storeAPI, partitions, tails, crashes, pauses, clocks, hands, overwrites, tables, orders, redeploys, merakiAPI, eventsHeard, eclipses}
}

// String returns the word of the transcript.
func (f family) String() string {
	return [...]string{
		"members", "both", "region", "azure", "store", "partitions", "tails", "crashes", "pauses", "clocks", "hands", "overwrites",
		"tables", "orders", "redeploys", "meraki", "events", "eclipses",
	}[f]
}

// firstFault is when the first fault may begin: the group has been adopted by then.
const firstFault = 12 * time.Second

// plan draws the faults. A member fails in every scene, and most other trouble comes
// around that time: nothing happens where nothing is to be moved.
func (w *world) plan() {
	moment := firstFault + w.span(w.disturbed-firstFault)
	w.after(moment, func() { w.strikeMember(w.member(), 8*time.Second+w.span(20*time.Second)) })
	for range w.scene.faults {
		begin := firstFault + w.span(w.disturbed-firstFault)
		if w.rng.IntN(2) == 0 {
			begin = moment - 2*time.Second + w.span(12*time.Second)
		}
		kind := w.kinds[w.rng.IntN(len(w.kinds))]
		length := min(time.Second+w.span(25*time.Second), max(w.disturbed-begin, 0)+10*time.Second)
		w.after(begin, func() { w.strike(kind, length) })
	}
	if w.voice != unheard {
		w.after(firstFault+w.span(w.disturbed-firstFault), func() { w.strikeMeraki(5*time.Second + w.span(20*time.Second)) })
	}
	w.after(w.disturbed+11*time.Second, w.heal)
}

// fault tells of one, and of its end.
func (w *world) fault(length time.Duration, undo func(), format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.say("FAULT %s for %s", text, length.Round(time.Millisecond))
	if undo != nil {
		w.after(length, func() {
			w.say("end of %s", text)
			undo()
		})
	}
}

// strike makes one fault of a family.
func (w *world) strike(kind family, length time.Duration) {
	switch kind {
	case members:
		w.strikeMember(w.member(), length)
	case both:
		for _, vm := range w.appliances() {
			w.strikeMember(vm, length)
		}
	case region:
		at := []string{regionA, regionB}[w.rng.IntN(2)]
		w.azure.SetOutage(at, true)
		w.fault(length, func() { w.azure.SetOutage(at, false) }, "outage of %s", at)
	case azureAPI:
		w.strikeAzure(length)
	case storeAPI:
		w.strikeStore(length)
	case partitions:
		w.strikeWay(length)
	case tails:
		s := w.side()
		w.tail[s] = true
		w.judge.blur(nil, length)
		w.fault(length, func() { w.tail[s] = false }, "slow %s", s)
	case crashes:
		if a := w.process(); a != nil {
			a.crash = crash{in: 1 + w.rng.IntN(12), side: side(w.rng.IntN(2)), applied: w.rng.IntN(2) == 0, do: a.crash.do}
			w.say("FAULT %s will crash at call %d to %s, applied %t", a.name, a.crash.in, a.crash.side, a.crash.applied)
		}
	case pauses:
		if a := w.process(); a != nil {
			if w.rng.IntN(2) == 0 {
				length += leaseTTL
			}
			a.paused = true
			w.judge.blur(a, length)
			w.fault(length, func() { a.paused = false }, "%s stands still", a.name)
		}
	case clocks:
		r := w.replicas[w.rng.IntN(len(w.replicas))]
		jump, rate := w.skew()*3, 0.9+w.rng.Float64()*0.2
		r.clock.set(jump, rate)
		w.judge.jumped(r, jump)
		w.fault(length, func() { r.clock.set(-jump, 1); w.judge.jumped(r, -jump) }, "clock of r%d jumps %s, rate %.3f", r.number, jump, rate)
	case hands:
		w.edit()
	case overwrites:
		w.overwrite(length)
	case tables:
		w.disturbTable(length)
	case orders:
		w.command(controller.Request{Order: w.drawOrder()})
	case redeploys:
		w.redeploy(length)
	case merakiAPI:
		w.strikeMeraki(length)
	case eventsHeard:
		w.event()
	case eclipses:
		w.eclipse(length)
	default:
		panic(fmt.Sprintf("trial: family %d", int(kind)))
	}
}

// appliances are the ids of the members' machines.
func (w *world) appliances() []string {
	var ids []string
	for _, vm := range w.spec.VirtualMachines {
		if vm.Appliance {
			ids = append(ids, vm.ID())
		}
	}
	return ids
}

func (w *world) member() string {
	ids := w.appliances()
	return ids[w.rng.IntN(len(ids))]
}

// side is one that is asked in this scene.
func (w *world) side() side {
	if w.voice == unheard {
		return side(w.rng.IntN(int(toMeraki)))
	}
	return side(w.rng.IntN(sides))
}

// process is one of those that run; nil if none does.
func (w *world) process() *actor {
	r := w.replicas[w.rng.IntN(len(w.replicas))]
	return r.now
}

func short(id string) string { return appliance.ResourceID(id).Name() }

// must ends the world if the simulated cloud refuses what only a mistake can ask.
func (w *world) must(err error) {
	if err != nil {
		w.broken(err)
	}
}

// strikeMember makes an appliance fail in one of the ways in which they do.
func (w *world) strikeMember(vm string, length time.Duration) {
	switch w.rng.IntN(8) {
	case 0:
		w.must(w.azure.PowerOff(vm))
		w.fault(length, func() { w.must(w.azure.PowerOn(vm)) }, "%s is off", short(vm))
	case 1:
		w.must(w.azure.Deallocate(vm))
		w.fault(length, func() { w.must(w.azure.PowerOn(vm)) }, "%s is deallocated", short(vm))
	case 2:
		w.must(w.azure.Hang(vm))
		w.fault(length, func() { w.must(w.azure.Unhang(vm)) }, "%s hangs", short(vm))
	case 3:
		w.must(w.azure.Panic(vm))
		w.fault(length, func() { w.must(w.azure.Reboot(vm, 0)) }, "%s panics", short(vm))
	case 4:
		w.must(w.azure.Reboot(vm, length))
		w.fault(length, nil, "%s reboots", short(vm))
	case 5:
		w.must(w.azure.SetForwarding(vm, false))
		w.fault(length, func() { w.must(w.azure.SetForwarding(vm, true)) }, "%s does not forward", short(vm))
	case 6:
		w.must(w.azure.SetTunnel(vm, false))
		w.fault(length, func() { w.must(w.azure.SetTunnel(vm, true)) }, "%s has no tunnel", short(vm))
	default:
		w.judge.blur(nil, length)
		loss := 0.2 + 0.6*w.rng.Float64()
		w.must(w.azure.SetLink(vm, azuresim.Link{Loss: loss}))
		w.fault(length, func() { w.must(w.azure.SetLink(vm, azuresim.Link{})) }, "the way to %s loses %.0f %%", short(vm), loss*100)
	}
}

// strikeAzure puts Azure's API out of order.
func (w *world) strikeAzure(length time.Duration) {
	kinds := []azuresim.FaultKind{
		azuresim.FaultExpiredToken, azuresim.FaultForbidden, azuresim.FaultNotFound, azuresim.FaultLocked, azuresim.FaultPrecondition,
		azuresim.FaultARM429, azuresim.FaultNetwork429, azuresim.FaultCompute429, azuresim.FaultBusy429,
		azuresim.Fault500, azuresim.Fault502, azuresim.Fault503, azuresim.Fault504, azuresim.FaultReset, azuresim.FaultTimeout,
		azuresim.FaultSlowBody, azuresim.FaultGarbage, azuresim.FaultLaggingList,
		azuresim.FaultFailedPoll, azuresim.FaultFailedPoll, azuresim.FaultFailedPoll, azuresim.FaultFailedPoll, // only writes can meet it
	}
	f := azuresim.Fault{Kind: kinds[w.rng.IntN(len(kinds))], Duration: length, Path: "^/subscriptions", Params: map[string]string{}}
	f.Method = []string{"", "", "PUT", "GET"}[w.rng.IntN(4)]
	if w.rng.IntN(2) == 0 {
		f.Probability = 0.2 + 0.6*w.rng.Float64()
	}
	switch f.Kind {
	case azuresim.FaultFailedPoll:
		f.Method = "PUT"
		f.Params["content"] = []string{"old", "new"}[w.rng.IntN(2)]
	case azuresim.FaultLaggingList, azuresim.FaultCompute429:
		f.Method, f.Params["lag"] = "", "20s"
	case azuresim.FaultPrecondition:
		f.Method = "PUT"
	case azuresim.FaultReset, azuresim.FaultTimeout, azuresim.Fault500, azuresim.Fault502, azuresim.Fault503, azuresim.Fault504, azuresim.FaultGarbage:
		f.Params["applied"] = []string{"true", "false"}[w.rng.IntN(2)]
	case azuresim.FaultExpiredToken, azuresim.FaultForbidden, azuresim.FaultNotFound, azuresim.FaultLocked, azuresim.FaultSlowBody:
	case azuresim.FaultARM429, azuresim.FaultNetwork429, azuresim.FaultBusy429:
	default:
		panic("trial: fault " + string(f.Kind))
	}
	if w.rng.IntN(3) == 0 {
		f.Type = "Microsoft.Network/routeTables"
	}
	if w.rng.IntN(2) == 0 {
		f.Params["retryAfter"] = "3"
	}
	if f.Kind == azuresim.FaultNetwork429 {
		f.Params["retryAfter"] = "6" // the default is five minutes
	}
	_, err := w.azure.Inject(f)
	w.must(err)
	w.fault(length, nil, "azure %s on %s %s, probability %.2f, applied %s, content %s", f.Kind, f.Method, f.Type, f.Probability, f.Params["applied"], f.Params["content"])
}

// strikeStore puts the store out of order.
func (w *world) strikeStore(length time.Duration) {
	f := []blobsim.Fault{
		{Kind: blobsim.Refuse, Status: 503, Code: "ServerBusy"},
		{Kind: blobsim.Refuse, Status: 500, Code: "InternalError"},
		{Kind: blobsim.Refuse, Status: 403, Code: "AuthorizationFailure"},
		{Kind: blobsim.Reset},
		{Kind: blobsim.Hang},
		{Kind: blobsim.LoseAnswer},
		{Kind: blobsim.HangAnswer},
		{Kind: blobsim.Late, Delay: w.span(10 * time.Second)},
		{Kind: blobsim.FailAfter, Status: 500, Code: "OperationTimedOut"},
	}[w.rng.IntN(9)]
	share := 0.2 + 0.8*w.rng.Float64()
	if w.rng.IntN(4) == 0 {
		share = 1
	}
	w.faults++
	mine := w.faults
	dice := w.fork()
	w.blobs.SetFault(func(blobsim.Call) blobsim.Fault {
		if dice.Float64() < share {
			return f
		}
		return blobsim.Fault{}
	})
	w.fault(length, func() {
		if mine == w.faults { // otherwise another one has taken its place
			w.blobs.SetFault(nil)
		}
	}, "store %d %d %s of %.0f %%", f.Kind, f.Status, f.Code, share*100)
}

// strikeWay cuts a process off from one side of the world, or all of them.
func (w *world) strikeWay(length time.Duration) {
	a := w.process()
	if a == nil {
		return
	}
	to := []side{w.side()}
	if w.rng.IntN(4) == 0 {
		to = []side{toAzure, toStore, toMembers, toMeraki}
	}
	w.cutOff(a, length, to...)
}

// eclipse cuts a process off from the members, and turns one of them off meanwhile: what
// Azure says of that one is all that the process gets to know.
func (w *world) eclipse(length time.Duration) {
	a := w.process()
	if a == nil {
		return
	}
	w.cutOff(a, length, toMembers)
	w.after(w.span(5*time.Second), func() {
		vm := w.member()
		w.must(w.azure.PowerOff(vm))
		w.fault(length, func() { w.must(w.azure.PowerOn(vm)) }, "%s is off", short(vm))
	})
}

// cutOff takes the ways of a process to some sides of the world away.
func (w *world) cutOff(a *actor, length time.Duration, to ...side) {
	how := []way{dropped, dropped, refused}[w.rng.IntN(3)]
	for _, s := range to {
		a.cut[s] = how
		if s == toMembers {
			w.judge.blinded(a)
			w.judge.blur(a, length)
		}
		w.fault(length, func() {
			a.cut[s] = connected
			if s == toMembers {
				w.judge.sees(a)
			}
		}, "no way from %s to %s (%d)", a.name, s, how)
	}
}

// drawOrder draws what a person wants.
func (w *world) drawOrder() *decide.Order {
	o := &decide.Order{By: "somebody", To: appliance.MemberName(short(w.member()))}
	switch w.rng.IntN(5) {
	case 0, 1:
		o.Kind, o.Force = decide.OrderSwitch, w.rng.IntN(5) == 0
	case 2:
		o.Kind, o.Force = decide.OrderPin, w.rng.IntN(5) == 0
	case 3:
		o.Kind, o.For, o.To = decide.OrderFreeze, 3*time.Second+w.span(20*time.Second), ""
	default:
		o.Kind, o.To = decide.OrderThaw, ""
	}
	return o
}

// event tells the process that leads that something is said to have happened, true or
// not: checks and a tick begin at once. Of two reasons for a tick that wait together
// chance takes one first, so this waits until none is under way; and what is answered
// without a call to the world would be seen by that tick or by the next one.
func (w *world) event() {
	a := w.judge.leading
	switch {
	case a == nil || !w.judge.leads(a) || !a.sight.tick.IsZero() || time.Since(w.judge.newsAt) > reconcile,
		time.Since(a.sight.told) < 2*time.Second, time.Since(a.sight.throttled) < memory:
		w.after(time.Second, w.event)
	default:
		w.say("EVENT for %s", a.name)
		a.nudge()
	}
}

// redeploy makes a member anew, with another address.
func (w *world) redeploy(length time.Duration) {
	n := w.rng.IntN(2)
	vm := w.appliances()[n]
	w.faults++
	address := netip.AddrFrom4([4]byte{10, byte(n + 1), 0, byte(10 + w.faults)})
	if w.rng.IntN(4) == 0 {
		w.must(w.azure.Redeploy(vm, address))
		w.judge.moved(short(vm), address)
		w.say("FAULT %s has the address %s now", short(vm), address)
		return
	}
	w.must(w.azure.PowerOff(vm))
	w.after(length/2, func() {
		w.must(w.azure.Redeploy(vm, address))
		w.judge.moved(short(vm), address)
	})
	w.fault(length, func() { w.must(w.azure.PowerOn(vm)) }, "%s is made anew with the address %s", short(vm), address)
}
