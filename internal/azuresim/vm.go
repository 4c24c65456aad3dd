package azuresim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Power states as the service writes them.
const (
	powerRunning      = "running"
	powerStarting     = "starting"
	powerStopping     = "stopping"
	powerStopped      = "stopped"
	powerDeallocating = "deallocating"
	powerDeallocated  = "deallocated"
)

// vmState is a machine: what Compute says of it, and what its guest does, which Compute does not know.
type vmState struct {
	power     string
	revision  int // the etag
	appliance bool
	hostname  string
	ports     []int
	nics      []string // keys

	behind []netip.Addr // what its tunnels lead to

	up       time.Time // the guest works from then on, if the machine runs
	hung     bool      // its programs stand still, its kernel does not
	panicked bool      // its kernel stands still too
	idle     bool      // it forwards nothing
	cut      bool      // its tunnels are down
	link     Link
	dice     *rand.Rand // decides what the link loses
	port     PortMode
	restart  bool // the guest is down for a restart
	forced   int  // how often the power was changed behind ARM's back
	changed  time.Time
}

// vmSnapshot is a machine's power at a time, for lists that lag.
type vmSnapshot struct {
	power    string
	updating bool
	changed  time.Time
	up       time.Time
}

func (v *vmState) snapshot() vmSnapshot {
	updating := v.restart || v.power == powerStarting || v.power == powerStopping || v.power == powerDeallocating
	return vmSnapshot{power: v.power, updating: updating, changed: v.changed, up: v.up}
}

func finishVM(r *resource) object {
	o := object{{"name", r.name}, {"id", r.id}, {"type", typeVM}, {"location", r.location}}
	if tags, ok := tagsOf(r.doc); ok {
		o = append(o, member{"tags", tags})
	}
	o = append(o, r.doc.without("tags", "properties")...)
	p := object{}
	in := r.doc.obj("properties")
	if hw, ok := in.get("hardwareProfile"); ok {
		p = append(p, member{"hardwareProfile", hw})
	}
	p = append(p, member{"provisioningState", r.state}, member{"vmId", r.guid})
	p = append(p, in.without("hardwareProfile")...)
	p = append(p, member{"timeCreated", r.created.UTC().Format("2006-01-02T15:04:05.9999999Z07:00")})
	return append(o, member{"properties", p}, member{"etag", r.etag})
}

// getVM answers with the model, or with the instance view inside it.
func (s *Sim) getVM(rq *request, r *resource) *reply {
	if r == nil {
		return s.notFound(rq)
	}
	if rep := s.throttleCompute(rq, lowCostGet(), r.key); rep != nil {
		return rep
	}
	body := s.show(rq, r)
	switch expand := rq.query.Get("$expand"); lower(expand) {
	case "", "userdata":
	case "instanceview":
		o, err := parseObject(body)
		if err != nil {
			panic("azuresim: a stored machine is not JSON: " + err.Error())
		}
		p := o.obj("properties")
		p.set("instanceView", s.instanceView(r, r.vm.snapshot(), rq.now))
		o.set("properties", p)
		body = encode(o)
	default:
		return rq.provider(http.StatusBadRequest, "InvalidParameter", "The value '"+expand+"' of parameter $expand is invalid.")
	}
	rep := rq.ok(http.StatusOK, body)
	rep.header.Set("ETag", r.etag)
	return rep
}

func (s *Sim) getInstanceView(rq *request, r *resource) *reply {
	if rep := s.throttleCompute(rq, lowCostGet(), r.key); rep != nil {
		return rep
	}
	return rq.ok(http.StatusOK, encode(s.instanceView(r, r.vm.snapshot(), rq.now)))
}

// instanceView tells power and agent. An appliance has no Azure agent, so its agent is never ready, also while it runs; a guest
// that hangs leaves the power state as it is.
func (s *Sim) instanceView(r *resource, v vmSnapshot, now time.Time) object {
	o := object{}
	agent := object{{"vmAgentVersion", "Unknown"}, {"statuses", []any{agentStatus("ProvisioningState/Unavailable", "Warning", "Not Ready", "VM Agent is unresponsive.", now)}}}
	switch {
	case v.power != powerRunning || r.vm.appliance || r.vm.panicked: // how soon the agent's silence is seen is [U]
	case now.Before(v.up):
		agent.set("statuses", []any{agentStatus("ProvisioningState/Unavailable", "Warning", "Not Ready", "VM status blob is found but not yet populated.", now)})
	default:
		os := r.doc.obj("properties").obj("osProfile")
		o = append(o, member{"computerName", os.str("computerName")}, member{"osName", "ubuntu"}, member{"osVersion", "22.04"})
		agent = object{{"vmAgentVersion", "2.9.1.1"}, {"statuses", []any{agentStatus("ProvisioningState/succeeded", "Info", "Ready", "Guest Agent is running", now)}}, {"extensionHandlers", []any{}}}
	}
	o = append(o, member{"vmAgent", agent})
	disk := r.doc.obj("properties").obj("storageProfile").obj("osDisk").str("name")
	o = append(o, member{"disks", []any{object{{"name", disk}, {"statuses", []any{object{
		{"code", "ProvisioningState/succeeded"}, {"level", "Info"}, {"displayStatus", "Provisioning succeeded"}, {"time", r.created.UTC().Format(computeTime)}}}}}}})
	return append(o, member{"hyperVGeneration", "V1"}, member{"statuses", s.powerStatuses(r, v)})
}

func agentStatus(code, level, display, message string, now time.Time) object {
	return object{{"code", code}, {"level", level}, {"displayStatus", display}, {"message", message}, {"time", now.UTC().Format("2006-01-02T15:04:05-07:00")}}
}

// powerStatuses are the two statuses of a machine; the power state has no time. In an outage of its region the power is not known,
// and the entry is missing.
func (s *Sim) powerStatuses(r *resource, v vmSnapshot) []any {
	provisioning := object{{"code", "ProvisioningState/succeeded"}, {"level", "Info"}, {"displayStatus", "Provisioning succeeded"}, {"time", v.changed.UTC().Format(computeTime)}}
	if v.updating {
		provisioning = object{{"code", "ProvisioningState/updating"}, {"level", "Info"}, {"displayStatus", "Updating"}}
	}
	if s.outages[lower(r.location)] {
		return []any{provisioning}
	}
	return []any{provisioning, object{{"code", "PowerState/" + v.power}, {"level", "Info"}, {"displayStatus", "VM " + v.power}}}
}

// listVMs answers the lists: of a group (ids as asked), of a subscription (groups in capitals), and statusOnly, whose real body was
// never seen: the form that five clients out of six read is sent, with little else [U].
func (s *Sim) listVMs(rq *request, _ *resource) *reply {
	if rep := s.throttleCompute(rq, highCostGet(), ""); rep != nil {
		return rep
	}
	t, at := rq.target, rq.asOf(s.profile.ListLag)
	statusOnly := strings.EqualFold(rq.query.Get("statusOnly"), "true") && t.group == ""
	return s.pageOf(rq, s.all(t.kind, t.sub), func(r *resource) []byte {
		if t.group != "" && !strings.EqualFold(t.group, r.group) {
			return nil
		}
		v := r.at(at)
		if v == nil {
			return nil
		}
		group := t.group
		if group == "" {
			group = strings.ToUpper(r.group)
		}
		body := v.body
		if statusOnly {
			body = encode(object{{"name", r.name}, {"id", r.id}, {"type", typeVM}, {"location", r.location}, {"properties", object{
				{"vmId", r.guid}, {"provisioningState", r.state}, {"instanceView", object{{"statuses", s.powerStatuses(r, v.power)}}}}}})
		}
		return recase(r, body, group)
	})
}

// vmAction is one of the power actions: 202 with both addresses and no body.
func (s *Sim) vmAction(name string) handler {
	during := map[string]string{"powerOff": powerStopping, "deallocate": powerDeallocating, "start": powerStarting, "restart": powerRunning}[name]
	after := map[string]string{"powerOff": powerStopped, "deallocate": powerDeallocated, "start": powerRunning, "restart": powerRunning}[name]
	return func(rq *request, r *resource) *reply {
		policy := updateVM()
		if name == "deallocate" {
			policy = deleteVM()
		}
		if rep := s.throttleCompute(rq, policy, r.key); rep != nil {
			return rep
		}
		if r.busy() {
			// Compute's answer to a second action is [U]; a conflict is the harshest.
			return rq.provider(http.StatusConflict, "Conflict", "The request failed due to conflict with a concurrent request. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.")
		}
		v := r.vm
		was, forced := v.power, v.forced
		if name == "restart" && was != powerRunning {
			return rq.provider(http.StatusConflict, "OperationNotAllowed", "Cannot restart VM '"+r.name+"' because it is not running.") // text [U]
		}
		if was != after || name == "restart" {
			s.setPower(r, during, rq.now)
			v.restart = name == "restart"
			s.commit(r, rq.now)
		}
		op := s.begin(rq, r, name, s.profile.VMActionTime, func(at time.Time) {
			if v.forced == forced && (was != after || name == "restart") {
				s.setPower(r, after, at)
				v.restart = false
				v.boot(at.Add(s.profile.BootTime))
				s.commit(r, at)
			}
		}, func(at time.Time) {
			if v.forced == forced {
				v.restart = false
				s.setPower(r, was, at)
				s.commit(r, at)
			}
		})
		rep := rq.ok(http.StatusAccepted, nil)
		op.announce(s, rq, rep, true)
		return rep
	}
}

// setPower changes the power state.
func (s *Sim) setPower(r *resource, power string, at time.Time) {
	r.vm.power, r.vm.changed = power, at
}

// putVM creates or changes a machine. Of the model only what a client can check is completed.
func (s *Sim) putVM(rq *request, r *resource) *reply {
	body := rq.object
	if rep := s.checkLocation(rq, r, body); rep != nil {
		return rep
	}
	if rep := s.throttleCompute(rq, putVM(), rq.target.canonicalID()); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	if r != nil && r.busy() {
		return rq.provider(http.StatusConflict, "Conflict", "The request failed due to conflict with a concurrent request. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.")
	}
	nics, rep := s.vmNICs(rq, r, body)
	if rep != nil {
		return rep
	}
	status, state := http.StatusOK, stateUpdating
	if r == nil {
		status, state = http.StatusCreated, stateCreating
		t := rq.target
		r = s.insert(t.kind, t.canonicalID(), s.subscription(t.sub).ID, s.groupOf(t.sub, t.group).name, t.name, body.str("location"), rq.now)
		r.vm = &vmState{power: powerStarting, port: PortOpen, changed: rq.now}
	}
	r.doc, r.state = vmDocument(body), state
	s.addDisk(r, rq.now)
	s.renew(r)
	s.attach(r, nics, rq.now)
	s.commit(r, rq.now)
	op := s.begin(rq, r, "PutVM", s.profile.VMActionTime, func(at time.Time) {
		r.state = stateSucceeded
		if r.vm.power == powerStarting {
			s.setPower(r, powerRunning, at)
			r.vm.up = at.Add(s.profile.BootTime)
		}
		s.renew(r)
		s.commit(r, at)
	}, func(at time.Time) {
		r.state = stateFailed
		s.renew(r)
		s.commit(r, at)
	})
	rep = rq.ok(status, s.show(rq, r))
	rep.header.Set("ETag", r.etag)
	op.announce(s, rq, rep, false)
	return rep
}

// vmNICs finds the NICs of a machine's body.
func (s *Sim) vmNICs(rq *request, r *resource, body object) (nics []*resource, rep *reply) {
	for _, v := range body.obj("properties").obj("networkProfile").list("networkInterfaces") {
		in, _ := v.(object)
		n := s.lookup(in.str("id"))
		switch {
		case n == nil || n.nic == nil:
			return nil, rq.provider(http.StatusNotFound, "NotFound", "Network interface '"+in.str("id")+"' was not found.")
		case n.nic.vm != "" && (r == nil || !strings.EqualFold(n.nic.vm, r.id)):
			return nil, rq.provider(http.StatusBadRequest, "NicInUse", "Network Interface "+n.id+" is used by existing resource "+n.nic.vm+".")
		}
		nics = append(nics, n)
	}
	if len(nics) == 0 {
		return nil, rq.provider(http.StatusBadRequest, "InvalidParameter", "Required parameter 'networkProfile.networkInterfaces' is missing (null).")
	}
	return nics, nil
}

// attach gives a machine its NICs; one of several is primary.
func (s *Sim) attach(r *resource, nics []*resource, at time.Time) {
	for _, key := range r.vm.nics {
		if n := s.resources[key]; !slices.Contains(nics, n) {
			n.nic.vm, n.nic.primary = "", false
			s.renew(n)
			s.commit(n, at)
		}
	}
	r.vm.nics = nil
	refs := r.doc.obj("properties").obj("networkProfile").list("networkInterfaces")
	for i, n := range nics {
		in, _ := refs[i].(object)
		n.nic.vm = r.id
		n.nic.primary = len(nics) == 1 || in.obj("properties").flag("primary")
		r.vm.nics = append(r.vm.nics, n.key)
		s.renew(n)
		s.commit(n, at)
	}
}

// deleteVM deletes a machine and leaves its NICs.
func (s *Sim) deleteVM(rq *request, r *resource) *reply {
	if r == nil {
		return rq.nothingToDelete()
	}
	if rep := s.throttleCompute(rq, deleteVM(), r.key); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	r.state = stateDeleting
	s.setPower(r, powerStopping, rq.now)
	s.commit(r, rq.now)
	op := s.begin(rq, r, "DeleteVM", s.profile.VMActionTime, func(at time.Time) {
		s.attach(r, nil, at)
		s.remove(r, at)
	}, func(at time.Time) {
		r.state = stateFailed
		s.commit(r, at)
	})
	rep := rq.ok(http.StatusAccepted, nil)
	op.announce(s, rq, rep, true)
	return rep
}

// vmName is a machine's name in messages of this package.
func vmName(r *resource) string { return fmt.Sprintf("%q", r.name) }
