package azuresim

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const typeApplication = "Microsoft.Solutions/applications"

// applicationKinds are the managed applications of the marketplace, of which one is known: Cisco's vMX. Its deployment makes a resource
// group that its publisher manages, with the appliance in it; a deny assignment keeps everybody else from changing anything there.
func (s *Sim) applicationKinds() []*plain {
	return []*plain{{
		name: typeApplication, versions: []string{"2017-09-01", "2018-06-01", "2019-07-01", "2020-08-21-preview", "2021-02-01-preview", "2021-07-01"}, time: s.profile.VMActionTime,
		fill: s.fillApplication, made: s.deployApplication, gone: s.dropApplication,
	}}
}

// applicationParameters are what the vMX's template takes, as seen in deployments of it, and whether it must be given, which is [U].
func applicationParameters() map[string]bool {
	return map[string]bool{
		"location": false, "vmName": true, "merakiAuthToken": true, "zone": false, "virtualNetworkName": true, "virtualNetworkNewOrExisting": false,
		"virtualNetworkAddressPrefix": false, "virtualNetworkResourceGroup": true, "virtualMachineSize": false, "subnetName": true,
		"subnetAddressPrefix": false, "applicationResourceName": false, "managedResourceGroupId": false,
	}
}

// value is the value of a parameter, in the form that a template's parameters have.
func (o object) value(name string) string { return o.obj(name).str("value") }

// fillApplication checks kind, plan, terms and parameters. A secure parameter is never shown again.
func (s *Sim) fillApplication(rq *request, r *resource, doc object) (object, *reply) {
	plan, p := doc.obj("plan"), doc.obj("properties")
	switch {
	case !strings.EqualFold(doc.str("kind"), "MarketPlace"):
		return nil, rq.invalid("ApplicationKindNotSupported", "The application kind '"+doc.str("kind")+"' is not simulated. The supported kinds are 'MarketPlace'.") // code [U]
	case plan.str("publisher") != "cisco" || plan.str("product") != "cisco-meraki-vmx" || plan.str("name") != "cisco-meraki-vmx":
		return nil, rq.provider(http.StatusNotFound, "PlanNotFound", "The plan '"+plan.str("name")+"' of offer '"+plan.str("product")+"' and publisher '"+plan.str("publisher")+"' was not found.") // code [U]
	case plan.str("version") == "":
		return nil, rq.invalid("InvalidRequestContent", "The property 'plan.version' is missing.") // text [U]
	}
	if rep := s.termsMissing(rq, plan); rep != nil {
		return nil, rep
	}
	group := p.str("managedResourceGroupId")
	if r == nil && (group == "" || s.lookup(group) != nil) {
		return nil, rq.provider(http.StatusConflict, "ApplicationManagedResourceGroupExists", "The managed resource group '"+group+"' is missing or exists already.") // code [U]
	}
	params := p.obj("parameters")
	known := applicationParameters()
	for _, m := range params {
		if _, ok := known[m.name]; !ok {
			return nil, rq.invalid("InvalidTemplate", "Deployment template validation failed: 'The template parameters '"+m.name+"' in the parameters file are not valid; they are not present in the original template and can therefore not be provided at deployment time.'.")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if known[name] && r == nil && params.value(name) == "" {
			return nil, rq.invalid("InvalidTemplate", "Deployment template validation failed: 'The value for the template parameter '"+name+"' is not provided.'.")
		}
	}
	if r == nil {
		if rep := s.applicationSubnet(rq, params); rep != nil {
			return nil, rep
		}
	}
	shown := object{}
	for _, m := range params {
		o := object{{"type", "String"}, {"value", params.value(m.name)}}
		if m.name == "merakiAuthToken" {
			o = object{{"type", "SecureString"}}
		}
		shown = append(shown, member{m.name, o})
	}
	p.set("parameters", shown)
	p.setDefault("publisherTenantId", "5ae1af62-9505-4097-a69a-c1553ef7840e")
	p.setDefault("managementMode", "Managed")
	doc.set("properties", p)
	return doc, nil
}

// applicationSubnet refuses networks that are not there; making a new one is not simulated.
func (s *Sim) applicationSubnet(rq *request, params object) *reply {
	if choice := params.value("virtualNetworkNewOrExisting"); !strings.EqualFold(choice, "existing") {
		return rq.invalid("InvalidTemplate", "virtualNetworkNewOrExisting: '"+choice+"' is not simulated; 'existing' is.")
	}
	if id := s.applicationSubnetID(rq, params); s.lookup(id) == nil {
		return rq.networkError(http.StatusBadRequest, "InvalidResourceReference", "Resource "+id+" referenced by resource "+params.value("vmName")+
			" was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.")
	}
	return nil
}

func (s *Sim) applicationSubnetID(rq *request, params object) string {
	return resourceID(rq.target.sub, params.value("virtualNetworkResourceGroup"), typeNetwork, params.value("virtualNetworkName")) + "/subnets/" + params.value("subnetName")
}

// deployApplication makes the managed group and the appliance: one NIC that forwards, a running machine of the publisher's.
func (s *Sim) deployApplication(rq *request, r *resource, at time.Time) {
	p := r.doc.obj("properties")
	if s.lookup(p.str("managedResourceGroupId")) != nil {
		return
	}
	params := p.obj("parameters")
	parts := strings.Split(p.str("managedResourceGroupId"), "/")
	name := parts[len(parts)-1]
	group := s.insert(s.kinds[lower(typeGroup)], "/subscriptions/"+r.sub+"/resourceGroups/"+name, r.sub, name, name, r.location, at)
	group.state, group.managedBy = stateSucceeded, r.id
	s.commit(group, at)
	subnet := s.lookup(s.applicationSubnetID(rq, params))
	address := netip.Addr{}
	if subnet != nil {
		address, _ = s.pickAddress(rq, nil, subnet, object{}, nil)
	}
	if !address.IsValid() {
		return // the subnet is gone or full: the application stays without a machine, and nobody is told [U]
	}
	vm := params.value("vmName")
	b := &seeder{s: s, now: at}
	b.machine(&VirtualMachine{Subscription: r.sub, ResourceGroup: name, Name: vm, Location: r.location, Appliance: true,
		NICs: []NetworkInterface{{Name: vm + "-nic", Primary: true, EnableIPForwarding: true,
			IPConfigurations: []IPConfiguration{{Name: "ipconfig1", Address: address.String(), Subnet: subnet.id, Primary: true}}}}})
	if machine := s.lookup(resourceID(r.sub, name, typeVM, vm)); machine != nil {
		s.commit(machine, at)
	}
}

// dropApplication deletes the managed group with all in it.
func (s *Sim) dropApplication(r *resource, at time.Time) {
	if group := s.lookup(r.doc.obj("properties").str("managedResourceGroupId")); group != nil {
		for _, c := range s.below(group) {
			s.forget(c, at)
		}
		s.remove(group, at)
	}
}

// managedGroup gives the group at or above a scope that an application's publisher manages, nil if there is none.
func (s *Sim) managedGroup(scope string) *resource {
	parts := strings.Split(scope, "/")
	if len(parts) < 5 || lower(parts[3]) != "resourcegroups" {
		return nil
	}
	if g := s.groupOf(parts[2], parts[4]); g != nil && g.managedBy != "" {
		return g
	}
	return nil
}

// denied refuses what the deny assignment of a managed application forbids: everything but reading.
func (s *Sim) denied(rq *request, action, scope string) *reply {
	g := s.managedGroup(scope)
	if g == nil || strings.HasSuffix(lower(action), "/read") {
		return nil
	}
	oid := rq.principal.ObjectID
	return rq.gateway(http.StatusForbidden, "DenyAssignmentAuthorizationFailed", "The client '"+oid+"' with object id '"+oid+"' has permission to perform action '"+action+"' on scope '"+scope+
		"'; however, the access is denied because of the deny assignment with name 'System deny assignment created by managed application "+g.managedBy+"' and Id '"+g.guid+"' at scope '"+g.id+"'.")
}
