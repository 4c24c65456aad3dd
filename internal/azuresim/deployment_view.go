package azuresim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// deploymentTime is how deployments write times.
const deploymentTime = "2006-01-02T15:04:05.9999999Z07:00"

// document is a deployment as a GET shows it: no template, and of secrets only that they were given.
func (d *deployment) document() object {
	p := object{
		{"templateHash", d.hash}, {"parameters", raw(d.plan.Given())}, {"mode", "Incremental"}, {"provisioningState", d.state},
		{"timestamp", d.latest().UTC().Format(deploymentTime)}, {"duration", isoDuration(d.latest().Sub(d.started))}, {"correlationId", d.correlation},
		{"providers", d.providers()}, {"dependencies", d.dependencies()},
	}
	if d.outputs != nil {
		p = append(p, member{"outputs", raw(d.outputs)})
	}
	if d.state == stateSucceeded {
		made := []any{}
		for _, r := range d.plan.Resources {
			made = append(made, object{{"id", r.ID}})
		}
		p = append(p, member{"outputResources", made})
	}
	if d.failure != nil {
		p = append(p, member{"error", d.failure})
	}
	o := object{{"id", d.id}, {"name", d.name}, {"type", typeDeployment}}
	if d.location != "" {
		o = append(o, member{"location", d.location})
	}
	return append(o, member{"properties", p})
}

// latest is when something was last seen to happen.
func (d *deployment) latest() time.Time {
	last := d.started
	for i := range d.steps {
		for _, at := range []time.Time{d.steps[i].started, d.steps[i].ended} {
			if at.After(last) {
				last = at
			}
		}
	}
	if d.ended.After(last) {
		return d.ended
	}
	return last
}

// providers lists the namespaces and types in use.
func (d *deployment) providers() []any {
	types := map[string][]string{}
	var namespaces []string
	for _, r := range d.plan.Resources {
		ns, typ, _ := strings.Cut(r.Type, "/")
		if types[ns] == nil {
			namespaces = append(namespaces, ns)
		}
		if !slices.Contains(types[ns], typ) {
			types[ns] = append(types[ns], typ)
		}
	}
	list := []any{}
	for _, ns := range namespaces {
		var of []any
		for _, typ := range types[ns] {
			of = append(of, object{{"resourceType", typ}, {"locations", []any{nil}}})
		}
		list = append(list, object{{"namespace", ns}, {"resourceTypes", of}})
	}
	return list
}

// dependencies lists what waits for what.
func (d *deployment) dependencies() []any {
	one := func(i int) object {
		r := d.plan.Resources[i]
		return object{{"id", r.ID}, {"resourceType", r.Type}, {"resourceName", r.Name}}
	}
	list := []any{}
	for i, r := range d.plan.Resources {
		if len(r.DependsOn) == 0 {
			continue
		}
		var on []any
		for _, j := range r.DependsOn {
			on = append(on, one(j))
		}
		list = append(list, append(object{{"dependsOn", on}}, one(i)...))
	}
	return list
}

// isoDuration writes a duration as PT1M2.5S.
func isoDuration(d time.Duration) string {
	minutes := d / time.Minute
	seconds := fmt.Sprintf("%g", (d % time.Minute).Seconds())
	if minutes == 0 {
		return "PT" + seconds + "S"
	}
	return fmt.Sprintf("PT%dM%sS", minutes, seconds)
}

// listSteps lists the operations of a deployment, in the order in which they began, or shows one.
func (s *Sim) listSteps(rq *request, d *deployment) *reply {
	var order []int
	for i := range d.steps {
		if d.steps[i].state != "" {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return d.steps[a].started.Compare(d.steps[b].started) })
	var items []item
	for n, i := range order {
		if body := encode(d.step(i)); len(rq.target.parents) == 0 {
			items = append(items, item{fmt.Sprintf("%04d", n), body})
		} else if d.steps[i].id == rq.target.parents[0] {
			return rq.ok(http.StatusOK, body)
		}
	}
	if len(rq.target.parents) > 0 {
		return rq.gateway(http.StatusNotFound, "DeploymentOperationNotFound", "The deployment operation '"+rq.target.parents[0]+"' could not be found.") // text [U]
	}
	return s.page(rq, items)
}

func (d *deployment) step(i int) object {
	st, r := &d.steps[i], d.plan.Resources[i]
	last := st.ended
	if last.IsZero() {
		last = st.started
	}
	p := object{
		{"provisioningOperation", "Create"}, {"provisioningState", st.state}, {"timestamp", last.UTC().Format(deploymentTime)}, {"duration", isoDuration(last.Sub(st.started))},
		{"trackingId", d.correlation}, {"statusCode", strings.ReplaceAll(http.StatusText(st.status), " ", "")},
	}
	if st.failure != nil {
		p = append(p, member{"statusMessage", object{{"error", st.failure}}})
	}
	p = append(p, member{"targetResource", object{{"id", r.ID}, {"resourceType", r.Type}, {"resourceName", r.Name}}})
	return object{{"id", d.id + "/operations/" + st.id}, {"operationId", st.id}, {"properties", p}}
}

func (s *Sim) listDeployments(rq *request) *reply {
	scope := "/subscriptions/" + rq.target.sub
	if rq.target.group != "" {
		scope += "/resourceGroups/" + rq.target.group
	}
	var items []item
	for _, d := range s.scopedDeployments(scope) {
		items = append(items, item{lower(d.id), encode(d.document())})
	}
	return s.page(rq, items)
}
