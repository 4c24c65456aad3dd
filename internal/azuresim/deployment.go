package azuresim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hopguard/internal/armtemplate"
)

const typeDeployment = "Microsoft.Resources/deployments"

// States of a deployment beside those of resources.
const (
	stateAccepted = "Accepted"
	stateRunning  = "Running"
)

// deployment is one deployment of a template to a resource group or a subscription: the last with its name there.
type deployment struct {
	id, name    string
	scope       armtemplate.Scope
	location    string // of one to a subscription
	plan        *armtemplate.Deployment
	hash        string
	operation   string // the name of its operation
	correlation string
	base        string // scheme and authority of the client
	principal   *Principal
	state       string
	started     time.Time
	ended       time.Time
	steps       []deploymentStep
	outputs     json.RawMessage
	failure     object             // the error that it ended with
	over        func(at time.Time) // tells the deployment that it is nested in
}

// deploymentStep is one resource on its way.
type deploymentStep struct {
	state   string // "" until it is sent
	id      string // of the operation in the list
	started time.Time
	ended   time.Time
	status  int    // of the answer
	failure object // the resource's own error
}

// cutDeployment splits a path at the deployments of a scope; tail is what follows the name. The operations of a deployment to a group
// have an address without a provider, too.
func cutDeployment(segs []string) (scope []string, name string, tail []string, ok bool) {
	if len(segs) > 6 && lower(segs[2]) == "resourcegroups" && lower(segs[4]) == "deployments" && lower(segs[6]) == "operations" {
		return segs[:4], segs[5], segs[6:], true
	}
	for i := len(segs) - 3; i >= 0; i-- {
		if lower(segs[i]) == "providers" && lower(segs[i+1]) == "microsoft.resources" && lower(segs[i+2]) == "deployments" {
			if rest := segs[i+3:]; len(rest) > 0 {
				name, tail = rest[0], rest[1:]
			}
			return segs[:i], name, tail, true
		}
	}
	return nil, "", nil, false
}

// parseDeployment reads a path that cutDeployment has split; nil is one that ARM has not.
func parseDeployment(t *target, scope []string, name string, tail []string) *target {
	if len(scope) < 2 || lower(scope[0]) != "subscriptions" || len(scope) == 3 || len(scope) > 4 || len(scope) == 4 && lower(scope[2]) != "resourcegroups" || len(tail) > 2 {
		return nil
	}
	t.special, t.namespace, t.name, t.coll = "deployments", "Microsoft.Resources", name, name == ""
	t.sub, t.scope = scope[1], "/"+strings.Join(scope, "/")+"/providers/"+typeDeployment
	if name != "" {
		t.scope += "/" + name
	}
	if len(scope) == 4 {
		t.group = scope[3]
	}
	if len(tail) > 0 {
		t.action = lower(tail[0])
	}
	if len(tail) == 2 {
		t.parents = []string{tail[1]}
	}
	return t
}

// deploymentPermission is the action that a request on deployments needs.
func deploymentPermission(t *target, verb string) string {
	switch t.action {
	case "":
		return typeDeployment + "/" + verb
	case "operations":
		return typeDeployment + "/operations/" + verb
	case "operationstatuses":
		return typeDeployment + "/operationstatuses/" + verb
	default:
		return typeDeployment + "/" + t.action + "/" + verb
	}
}

// deploymentName is the form of a name.
var deploymentName = regexp.MustCompile(`^[-\w._()]{1,64}$`)

// deploy serves deployments: PUT, GET, HEAD, DELETE, the list; validate; operations; the status of an operation.
func (s *Sim) deploy(rq *request) *reply {
	t, method := rq.target, rq.http.Method
	if t.group != "" && s.groupOf(t.sub, t.group) == nil {
		return rq.gateway(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '"+t.group+"' could not be found.")
	}
	d := s.deployments[lower(t.scope)]
	switch {
	case t.coll && method == http.MethodGet:
		return s.listDeployments(rq)
	case t.coll:
		return s.refuseMethod(rq)
	case t.action == "" && method == http.MethodPut:
		return s.putDeployment(rq, d)
	case t.action == "validate" && method == http.MethodPost && len(t.parents) == 0:
		return s.validateDeployment(rq)
	case t.action == "operationstatuses" && method == http.MethodGet && len(t.parents) == 1:
		return s.pollDeployment(rq)
	case t.action != "" && t.action != "operations" || t.action == "operations" && method != http.MethodGet:
		return rq.gateway(http.StatusNotFound, "InvalidResourceType", "The resource type 'deployments/"+t.action+"' could not be found in the namespace 'Microsoft.Resources' for api version '"+rq.apiVersion+"'.")
	case method == http.MethodDelete:
		return s.deleteDeployment(rq, d)
	case d == nil:
		return rq.gateway(http.StatusNotFound, "DeploymentNotFound", "Deployment '"+t.name+"' could not be found.")
	case t.action == "operations":
		return s.listSteps(rq, d)
	case method == http.MethodHead:
		return rq.ok(http.StatusNoContent, nil)
	case method == http.MethodGet:
		return rq.ok(http.StatusOK, encode(d.document()))
	default:
		return s.refuseMethod(rq)
	}
}

// propose reads and checks a deployment without starting it.
func (s *Sim) propose(rq *request) (*deployment, *reply) {
	t := rq.target
	if !deploymentName.MatchString(t.name) {
		return nil, rq.gateway(http.StatusBadRequest, "InvalidDeploymentName", "The deployment name '"+t.name+"' is invalid: 1 to 64 letters, digits, hyphens, underscores, periods and parentheses.") // text [U]
	}
	body, err := parseObject(plainJSON(rq.body))
	if err != nil {
		return nil, rq.gateway(http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '"+err.Error()+"'.")
	}
	p := body.obj("properties")
	for _, m := range p {
		if m.value != nil && !slices.Contains([]string{"mode", "template", "parameters", "expressionEvaluationOptions"}, m.name) {
			return nil, rq.gateway(http.StatusBadRequest, "InvalidRequestContent", "The property 'properties."+m.name+"' of a deployment is not simulated.")
		}
	}
	if !strings.EqualFold(p.str("mode"), "Incremental") {
		return nil, rq.gateway(http.StatusBadRequest, "InvalidRequestContent", "The deployment mode '"+p.str("mode")+"' is not simulated. The supported mode is 'Incremental'.")
	}
	d := &deployment{
		name: t.name, operation: deploymentOperation(rq.now), correlation: s.guid(), base: rq.base(), principal: rq.principal, state: stateAccepted, started: rq.now,
		scope: armtemplate.Scope{Tenant: s.tenant, Subscription: s.subscription(t.sub).ID},
	}
	location := strings.ReplaceAll(lower(body.str("location")), " ", "")
	if t.group != "" {
		g := s.groupOf(t.sub, t.group)
		d.scope.Group, d.scope.Location = g.name, g.location
	} else if d.location = location; location == "" {
		return nil, rq.gateway(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
	}
	d.id = d.scope.ID() + "/providers/" + typeDeployment + "/" + t.name
	if t.group != "" && location != "" {
		return nil, rq.gateway(http.StatusBadRequest, "InvalidDeployment", "The 'location' property is not allowed for '"+t.name+"' at resource group scope. Please see https://aka.ms/deploy-to-subscription for usage details.")
	}
	template, _ := p.get("template")
	text := encode(template)
	sum := sha256.Sum256(text)
	d.hash = strconv.FormatUint(binary.BigEndian.Uint64(sum[:]), 10)
	parsed, err := armtemplate.Parse(text)
	if err == nil {
		parameters, _ := p.get("parameters")
		d.plan, err = parsed.Bind(d.scope, encode(parameters))
	}
	if err != nil {
		return nil, rq.gateway(http.StatusBadRequest, "InvalidTemplate", "Deployment template validation failed: '"+err.Error()+"'.")
	}
	d.steps = make([]deploymentStep, len(d.plan.Resources))
	return d, s.preflight(rq, d)
}

// preflight refuses, before anything is made, types and api-versions that nobody knows and resources that the caller may not make.
// The codes are known, which of several comes first is [U].
func (s *Sim) preflight(rq *request, d *deployment) *reply {
	var details []detail
	var forbidden []string
	for _, r := range d.plan.Resources {
		one := s.inner(d, http.MethodPut, r.ID, r.APIVersion, nil, rq.now)
		if one.target == nil || one.target.coll {
			details = append(details, detail{code: "InvalidResourceType", target: r.ID, message: "The resource type '" + r.Type + "' could not be found."})
			continue
		}
		if s.subscription(one.target.sub) == nil {
			details = append(details, detail{code: "SubscriptionNotFound", target: r.ID, message: "The subscription '" + one.target.sub + "' could not be found."})
			continue
		}
		if rep := s.checkVersion(one); rep != nil {
			e := errorOf(rep)
			details = append(details, detail{code: e.str("code"), target: r.ID, message: e.str("message")})
			continue
		}
		if action := one.permission(); action != "" && !allowed(rq.principal, action, one.target.scope) {
			oid := rq.principal.ObjectID
			forbidden = append(forbidden, fmt.Sprintf("Authorization failed for template resource '%s' of type '%s'. The client '%s' with object id '%s' does not have permission to perform action '%s' at scope '%s'.",
				r.Name, r.Type, oid, oid, action, one.target.scope))
		}
	}
	switch {
	case len(details) > 0:
		return rq.provider(http.StatusBadRequest, "InvalidTemplateDeployment", "The template deployment '"+d.name+"' is not valid according to the validation procedure. The tracking id is '"+d.correlation+"'. See inner errors for details.", details...)
	case len(forbidden) > 0:
		return rq.gateway(http.StatusForbidden, "InvalidTemplateDeployment", "Deployment failed with multiple errors: '"+strings.Join(forbidden, ":")+"'")
	default:
		return nil
	}
}

// deploymentOperation names an operation: a number that falls with time, as the service's do.
func deploymentOperation(at time.Time) string {
	const latest = 3155378975999999999 // ticks at the end of year 9999
	return "0858" + strconv.FormatInt(latest-dotNetTicks(at), 10)
}

// errorOf is the error in an answer.
func errorOf(rep *reply) object {
	body, err := parseObject(rep.body)
	if err != nil {
		return object{{"code", "InternalServerError"}, {"message", http.StatusText(rep.status)}}
	}
	return body.obj("error")
}

func (s *Sim) validateDeployment(rq *request) *reply {
	d, rep := s.propose(rq)
	if rep != nil {
		return rep
	}
	doc := d.document()
	p := doc.obj("properties").without("outputs", "outputResources", "error", "duration")
	p.set("provisioningState", stateSucceeded)
	var validated []any
	for _, r := range d.plan.Resources {
		validated = append(validated, object{{"id", r.ID}})
	}
	p.set("validatedResources", validated)
	doc.set("properties", p)
	return rq.ok(http.StatusOK, encode(doc))
}

// putDeployment starts one. A name that is in use is free again when its deployment has ended.
func (s *Sim) putDeployment(rq *request, old *deployment) *reply {
	if rep := s.checkLocks(rq); rep != nil {
		return rep
	}
	if old != nil && old.active() {
		return rq.gateway(http.StatusConflict, "DeploymentActive", "Unable to edit or replace deployment '"+old.name+"': previous deployment from '"+old.started.UTC().Format("1/2/2006 3:04:05 PM")+
			"' is still active (expiration time is '"+old.started.Add(7*24*time.Hour).UTC().Format("1/2/2006 3:04:05 PM")+"'). Please see https://aka.ms/arm-deploy for usage details.")
	}
	d, rep := s.propose(rq)
	if rep != nil {
		return rep
	}
	if old != nil && old.location != d.location {
		return rq.gateway(http.StatusConflict, "InvalidDeploymentLocation", "Invalid deployment location '"+d.location+"'. The deployment '"+d.name+"' already exists in location '"+old.location+"'.")
	}
	s.deployments[lower(d.id)] = d
	s.timeline.plan(rq.now.Add(deploymentDelay), func(at time.Time) {
		d.state = stateRunning
		s.advance(d, at)
	})
	status := http.StatusCreated
	if old != nil {
		status = http.StatusOK
	}
	rep = rq.ok(status, encode(d.document()))
	rep.header.Set("Azure-AsyncOperation", rq.base()+d.id+"/operationStatuses/"+d.operation+"?api-version="+rq.apiVersion)
	return rep
}

func (d *deployment) active() bool { return d.state == stateAccepted || d.state == stateRunning }

// pollDeployment answers at the address of a deployment's operation; no Retry-After.
func (s *Sim) pollDeployment(rq *request) *reply {
	d := s.deployments[lower(rq.target.scope)]
	if d == nil || d.operation != rq.target.parents[0] {
		return rq.gateway(http.StatusNotFound, "DeploymentOperationNotFound", "The deployment operation '"+rq.target.parents[0]+"' could not be found.") // text [U]
	}
	o := object{{"status", d.state}}
	if d.failure != nil {
		o.set("error", d.failure)
	}
	return rq.ok(http.StatusOK, encode(o))
}

// deletionTime is how long the deletion of a deployment takes; what it has made stays.
const deletionTime = 2 * time.Second

// deleteDeployment forgets a deployment: 202 with Location until it is done, then 204.
func (s *Sim) deleteDeployment(rq *request, d *deployment) *reply {
	if d == nil {
		return rq.nothingToDelete()
	}
	if d.active() {
		return rq.gateway(http.StatusConflict, "DeploymentBeingExecuted", "The deployment '"+d.name+"' is running and cannot be deleted.") // code [U]
	}
	job := s.guid()
	s.undeploying[job] = rq.now.Add(deletionTime)
	s.timeline.plan(rq.now.Add(deletionTime), func(time.Time) {
		if s.deployments[lower(d.id)] == d {
			delete(s.deployments, lower(d.id))
		}
	})
	s.timeline.plan(rq.now.Add(operationLife), func(time.Time) { delete(s.undeploying, job) })
	return s.deploymentJob(rq, job)
}

// deploymentJob answers while and after a deployment is deleted.
func (s *Sim) deploymentJob(rq *request, job string) *reply {
	if !rq.now.Before(s.undeploying[job]) {
		return rq.ok(http.StatusNoContent, nil)
	}
	rep := rq.ok(http.StatusAccepted, nil)
	rep.header.Set("Location", rq.base()+"/subscriptions/"+rq.target.sub+"/operationresults/"+job+"?api-version="+rq.apiVersion)
	rep.retryAfter(deletionTime)
	return rep
}

// forgetDeployments forgets the deployments to a group, by its key, that is deleted.
func (s *Sim) forgetDeployments(group string) {
	for key, d := range s.deployments {
		if lower(d.scope.ID()) == group && !d.active() {
			delete(s.deployments, key)
		}
	}
}

// scopedDeployments are the deployments at a scope, ordered.
func (s *Sim) scopedDeployments(scope string) []*deployment {
	var list []*deployment
	for _, d := range s.deployments {
		if strings.EqualFold(d.scope.ID(), scope) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *deployment) int { return strings.Compare(lower(a.id), lower(b.id)) })
	return list
}

// inner makes the request that a deployment sends for itself, as the one who has started it.
func (s *Sim) inner(d *deployment, method, id, version string, body []byte, at time.Time) *request {
	rq := newInner(d.base, method, id, version, body, at)
	rq.principal = d.principal
	rq.target = s.parse(id, method)
	return rq
}
