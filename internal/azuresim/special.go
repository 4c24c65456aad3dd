package azuresim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// special serves what is no stored resource.
func (s *Sim) special(rq *request) *reply {
	t := rq.target
	if t.special == "operations" || t.special == "operationResults" {
		if rq.write() {
			return s.refuseMethod(rq)
		}
		switch t.namespace {
		case "Microsoft.Compute":
			if op := s.operations[t.name]; op != nil {
				if rep := s.throttleCompute(rq, getOperation(), op.target.key); rep != nil {
					return rep
				}
			}
		case "Microsoft.Network":
			if rep := s.throttleNetwork(rq, t.location); rep != nil {
				return rep
			}
		default: // how others limit polls is not modelled
		}
		return s.poll(rq, t.special)
	}
	switch {
	case t.special == "locks":
		return s.lock(rq)
	case t.special == "roleDefinitions":
		return s.role(rq)
	case t.special == "roleAssignments":
		return s.assignment(rq)
	case t.special == "deployments":
		return s.deploy(rq)
	case t.special == "agreements":
		return s.agreement(rq)
	case t.special == "deletedWorkspaces":
		return s.deletedWorkspaces(rq)
	case t.special == "checkName" && rq.http.Method == http.MethodPost:
		return s.checkName(rq)
	case t.special == "graph" && rq.http.Method == http.MethodPost:
		return s.graph(rq)
	case t.special == "providers" && t.action == "register":
		return s.register(rq)
	case rq.http.Method != http.MethodGet:
		return s.refuseMethod(rq)
	}
	switch t.special {
	case "groupJob":
		return s.pollGroup(rq)
	case "subscriptions":
		return s.listSubscriptions(rq)
	case "tenants":
		return s.page(rq, []item{{"", encode(object{{"id", "/tenants/" + s.tenant}, {"tenantId", s.tenant}, {"tenantCategory", "Home"}, {"displayName", "azuresim"}})}})
	case "locations":
		return s.listLocations(rq)
	case "providers":
		return s.providers(rq)
	case "resources":
		return s.listAny(rq)
	default:
		return s.refuseMethod(rq)
	}
}

// listSubscriptions lists those in which the caller has any assignment, or shows one.
func (s *Sim) listSubscriptions(rq *request) *reply {
	body := func(su *Subscription) []byte {
		return encode(object{
			{"id", "/subscriptions/" + su.ID}, {"authorizationSource", "RoleBased"}, {"managedByTenants", []any{}}, {"subscriptionId", su.ID}, {"tenantId", s.tenant},
			{"displayName", su.DisplayName}, {"state", "Enabled"},
			{"subscriptionPolicies", object{{"locationPlacementId", "Public_2014-09-01"}, {"quotaId", "EnterpriseAgreement_2014-09-01"}, {"spendingLimit", "Off"}}},
		})
	}
	if !rq.target.coll {
		return rq.ok(http.StatusOK, body(s.subscription(rq.target.sub)))
	}
	var items []item
	for _, su := range s.subscriptions {
		for i := range rq.principal.Roles {
			scope := lower(rq.principal.Roles[i].Scope)
			if own := "/subscriptions/" + lower(su.ID); covers(scope, own) || covers(own, scope) {
				items = append(items, item{lower(su.ID), body(su)})
				break
			}
		}
	}
	return s.page(rq, items)
}

func (s *Sim) listLocations(rq *request) *reply {
	var items []item
	for _, l := range s.locations() {
		items = append(items, item{l, encode(object{{"id", "/subscriptions/" + rq.target.sub + "/locations/" + l}, {"name", l}, {"type", "Region"}, {"displayName", l}, {"regionalDisplayName", l}})})
	}
	return s.page(rq, items)
}

// provider describes one namespace: its types, their api-versions and locations.
func (s *Sim) provider(su *Subscription, namespace string) object {
	types := []any{}
	for _, key := range slices.Sorted(maps.Keys(s.kinds)) {
		k := s.kinds[key]
		if k.namespace() != namespace {
			continue
		}
		_, typ, _ := strings.Cut(k.name, "/")
		var versions []string
		for i := len(k.versions) - 1; i >= 0; i-- {
			versions = append(versions, k.versions[i]) // newest first
		}
		types = append(types, object{{"resourceType", typ}, {"locations", words(s.locations())}, {"apiVersions", words(versions)}, {"capabilities", "SupportsTags, SupportsLocation"}})
	}
	state := "Registered"
	for _, ns := range su.Unregistered {
		if strings.EqualFold(ns, namespace) {
			state = "NotRegistered"
		}
	}
	return object{{"id", "/subscriptions/" + su.ID + "/providers/" + namespace}, {"namespace", namespace}, {"resourceTypes", types}, {"registrationState", state}, {"registrationPolicy", "RegistrationRequired"}}
}

func (s *Sim) providers(rq *request) *reply {
	su := s.subscription(rq.target.sub)
	if rq.target.name != "" {
		if s.namespace(rq.target.name) != rq.target.name {
			return rq.gateway(http.StatusNotFound, "InvalidResourceNamespace", "The resource namespace '"+rq.target.name+"' is invalid.")
		}
		return rq.ok(http.StatusOK, encode(s.provider(su, rq.target.name)))
	}
	var items []item
	for _, ns := range namespaces() {
		items = append(items, item{ns, encode(s.provider(su, ns))})
	}
	return s.page(rq, items)
}

// register registers a provider at once; the service takes minutes [U].
func (s *Sim) register(rq *request) *reply {
	su := s.subscription(rq.target.sub)
	var left []string
	for _, ns := range su.Unregistered {
		if !strings.EqualFold(ns, rq.target.name) {
			left = append(left, ns)
		}
	}
	su.Unregistered = left
	return rq.ok(http.StatusOK, encode(s.provider(su, rq.target.name)))
}

// finishGroup is a resource group's document; it has no etag.
func finishGroup(r *resource) object {
	o := object{{"id", r.id}, {"name", r.name}, {"type", typeGroup}, {"location", r.location}}
	if tags, ok := tagsOf(r.doc); ok {
		o = append(o, member{"tags", tags})
	}
	if r.managedBy != "" {
		o = append(o, member{"managedBy", r.managedBy})
	}
	return append(o, member{"properties", object{{"provisioningState", r.state}}})
}

// groupOf finds a living resource group.
func (s *Sim) groupOf(sub, name string) *resource {
	return s.lookup("/subscriptions/" + sub + "/resourceGroups/" + name)
}

// getGroup answers GET, and HEAD with 204 or 404 and no body.
func (s *Sim) getGroup(rq *request, r *resource) *reply {
	if rq.http.Method == http.MethodHead {
		if r == nil {
			return &reply{status: http.StatusNotFound, header: http.Header{}, gateway: true}
		}
		return rq.ok(http.StatusNoContent, nil)
	}
	if r == nil {
		return s.groupNotFound(rq)
	}
	return rq.ok(http.StatusOK, r.body)
}

func (s *Sim) groupNotFound(rq *request) *reply {
	return rq.gateway(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '"+rq.target.name+"' could not be found.")
}

// putGroup is synchronous.
func (s *Sim) putGroup(rq *request, r *resource) *reply {
	body := rq.object
	if rep := s.checkLocation(rq, r, body); rep != nil {
		return rep
	}
	status := http.StatusOK
	if r == nil {
		status = http.StatusCreated
		t := rq.target
		r = s.insert(t.kind, t.canonicalID(), s.subscription(t.sub).ID, t.name, t.name, lower(body.str("location")), rq.now)
	} else if r.busy() {
		return rq.gateway(http.StatusConflict, "ResourceGroupBeingDeleted", "The resource group '"+r.name+"' is in deprovisioning state and cannot perform this operation.")
	}
	r.doc, r.state = nil, stateSucceeded
	if tags, ok := tagsOf(body); ok {
		r.doc = object{{"tags", tags}}
	}
	s.commit(r, rq.now)
	return rq.ok(status, r.body)
}

// groupDeletion is how long ARM takes to delete a group, and the Retry-After that was recorded with it.
const groupDeletion = 15 * time.Second

// deleteGroup deletes a group and all in it: 202 with Location only.
func (s *Sim) deleteGroup(rq *request, r *resource) *reply {
	if r == nil {
		return s.groupNotFound(rq)
	}
	if !r.busy() {
		r.state = stateDeleting
		s.commit(r, rq.now)
		s.begin(rq, r, "DeleteResourceGroup", groupDeletion, func(at time.Time) {
			prefix := r.key + "/"
			for _, name := range slices.Sorted(maps.Keys(s.indexes)) {
				for _, c := range s.indexes[name] {
					if !c.gone && strings.HasPrefix(c.key, prefix) {
						s.forget(c, at)
					}
				}
			}
			s.forgetDeployments(r.key)
			s.remove(r, at)
		}, func(at time.Time) {
			r.state = stateSucceeded
			s.commit(r, at)
		})
	}
	return s.groupJob(rq, r.op)
}

// groupJob is the answer of a running group deletion; each has another Location.
func (s *Sim) groupJob(rq *request, op *operation) *reply {
	rep := rq.ok(http.StatusAccepted, nil)
	rep.header.Set("Location", rq.base()+"/subscriptions/"+op.sub+"/operationresults/"+op.id+s.guid()[:8]+"?api-version="+rq.apiVersion)
	rep.retryAfter(groupDeletion)
	return rep
}

// pollGroup answers at the Location of a group deletion: 202 until it is done, then 200.
func (s *Sim) pollGroup(rq *request) *reply {
	const guidLength = 36
	if _, ok := s.undeploying[rq.target.name]; ok {
		return s.deploymentJob(rq, rq.target.name)
	}
	op := s.operations[rq.target.name[:min(guidLength, len(rq.target.name))]]
	switch {
	case op == nil || op.kind.name != typeGroup || !strings.EqualFold(op.sub, rq.target.sub):
		return rq.gateway(http.StatusNotFound, "NotFound", "The operation '"+rq.target.name+"' was not found.")
	case op.status == "InProgress":
		return s.groupJob(rq, op)
	default:
		return rq.ok(http.StatusOK, nil)
	}
}

// forget removes a resource with its group.
func (s *Sim) forget(r *resource, at time.Time) {
	switch {
	case r.nic != nil:
		s.detachAddresses(r, at)
	case r.table != nil:
		delete(s.fabric.tables, r.key)
	case r.peering != nil:
		s.disconnect(r, at)
	case r.kind.plain != nil && r.kind.plain.gone != nil:
		r.kind.plain.gone(r, at)
	}
	s.remove(r, at)
}

func (s *Sim) listGroups(rq *request, _ *resource) *reply {
	var items []item
	at := rq.asOf(s.profile.ListLag)
	filter, rep := rq.filter()
	if rep != nil {
		return rep
	}
	for _, r := range s.all(rq.target.kind, rq.target.sub) {
		if v := r.at(at); v != nil && filter.matches(r, v) {
			items = append(items, item{r.key, v.body})
		}
	}
	return s.page(rq, items)
}
