package azuresim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hopguard/internal/armtemplate"
)

// deploymentDelay is from the PUT of a deployment to its first resource. How long it takes is not published [U].
const deploymentDelay = time.Second

// newInner is a request that never was on a wire.
func newInner(base, method, id, version string, body []byte, at time.Time) *request {
	scheme, host, _ := strings.Cut(base, "://")
	u := &url.URL{Scheme: scheme, Host: host, Path: id, RawQuery: "api-version=" + url.QueryEscape(version)}
	return &request{
		http: &http.Request{Method: method, URL: u, Host: host, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody},
		now:  at, body: body, query: u.Query(), apiVersion: version,
	}
}

// advance sends every resource whose dependencies are there, and ends the deployment when nothing is left to wait for. A resource
// that depends on one that has failed is never sent; the others are.
func (s *Sim) advance(d *deployment, at time.Time) {
	for sent := true; sent; {
		sent = false
		for i := range d.steps {
			if st := &d.steps[i]; st.state == "" && d.ready(i) {
				s.send(d, i, at)
				sent = sent || st.state != stateRunning
			}
		}
	}
	for i := range d.steps {
		if d.steps[i].state == stateRunning {
			return
		}
	}
	s.finishDeployment(d, at)
}

// ready reports whether all that a resource depends on has succeeded.
func (d *deployment) ready(i int) bool {
	for _, on := range d.plan.Resources[i].DependsOn {
		if d.steps[on].state != stateSucceeded {
			return false
		}
	}
	return true
}

// send PUTs one resource, through all the checks that a client's request goes through.
func (s *Sim) send(d *deployment, i int, at time.Time) {
	st, r := &d.steps[i], &d.plan.Resources[i]
	if st.id == "" {
		st.id, st.started = strings.ToUpper(strings.ReplaceAll(s.guid(), "-", "")[:16]), at
	}
	st.state = stateRunning
	body, err := d.plan.Body(i, s.reference(d, at))
	if err != nil {
		s.failStep(d, i, http.StatusBadRequest, templateError(err), at)
		return
	}
	rq := s.inner(d, http.MethodPut, r.ID, r.APIVersion, body, at)
	rep := s.admit(rq, nil)
	st.status = rep.status
	switch {
	case rep.status == http.StatusTooManyRequests:
		s.timeline.plan(at.Add(rep.patience()), func(at time.Time) {
			s.send(d, i, at)
			s.advance(d, at)
		})
	case rep.status >= 300:
		s.failStep(d, i, rep.status, errorOf(rep), at)
	case rq.target.special == "deployments":
		inside := s.deployments[lower(rq.target.scope)]
		inside.over = func(at time.Time) {
			if inside.failure != nil {
				s.failStep(d, i, http.StatusConflict, inside.failure, at)
			} else {
				st.state, st.ended = stateSucceeded, at
			}
			s.advance(d, at)
		}
	default:
		s.follow(d, i, rq, at)
	}
}

// follow waits for the operation that a PUT has begun, if it has.
func (s *Sim) follow(d *deployment, i int, rq *request, at time.Time) {
	st := &d.steps[i]
	var op *operation
	if rq.target.kind != nil {
		if r := s.resourceOf(rq.target); r != nil {
			op = r.op
		}
	}
	if op == nil {
		st.state, st.ended = stateSucceeded, at
		return
	}
	s.timeline.plan(op.end, func(at time.Time) {
		if op.status == stateFailed {
			s.failStep(d, i, http.StatusConflict, object{
				{"code", "ResourceDeploymentFailure"}, {"message", "The resource write operation failed to complete successfully, because it reached terminal provisioning state 'Failed'."},
				{"details", []any{object{{"code", op.code}, {"message", op.message}}}},
			}, at)
		} else {
			st.state, st.ended = stateSucceeded, at
		}
		s.advance(d, at)
	})
}

func (s *Sim) failStep(d *deployment, i, status int, failure object, at time.Time) {
	st := &d.steps[i]
	st.state, st.ended, st.status, st.failure = stateFailed, at, status, failure
}

// patience is how long an answer asks to wait.
func (r *reply) patience() time.Duration {
	if after, err := time.ParseDuration(r.header.Get("Retry-After") + "s"); err == nil && after > 0 {
		return after
	}
	return time.Second
}

// referenceError is a refused reading of a resource that a template refers to.
type referenceError struct{ failure object }

func (e *referenceError) Error() string { return e.failure.str("message") }

// reference reads a resource for the template language.
func (s *Sim) reference(d *deployment, at time.Time) armtemplate.Reference {
	return func(id, version string) (json.RawMessage, error) {
		rep := s.admit(s.inner(d, http.MethodGet, id, version, nil, at), nil)
		if rep.status != http.StatusOK {
			return nil, &referenceError{errorOf(rep)}
		}
		return rep.body, nil
	}
}

// templateError is the error of an expression that could not be evaluated.
func templateError(err error) object {
	if e, ok := errors.AsType[*referenceError](err); ok {
		return e.failure
	}
	return object{{"code", "InvalidTemplate"}, {"message", "Unable to process template language expressions: '" + err.Error() + "'"}}
}

// finishDeployment evaluates the outputs, or says what has failed.
func (s *Sim) finishDeployment(d *deployment, at time.Time) {
	var details []any
	for i := range d.steps {
		if f := d.steps[i].failure; f != nil {
			details = append(details, f)
		}
	}
	if len(details) == 0 {
		var err error
		if d.outputs, err = d.plan.Outputs(s.reference(d, at)); err != nil {
			details = append(details, object{{"code", "DeploymentOutputEvaluationFailed"}, {"message", "Unable to evaluate template outputs: '" + err.Error() + "'. Please see error details and deployment operations."}})
		}
	}
	d.state, d.ended = stateSucceeded, at
	if len(details) > 0 {
		d.state = stateFailed
		d.failure = object{
			{"code", "DeploymentFailed"}, {"target", d.id},
			{"message", "At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details."},
			{"details", details},
		}
	}
	if d.over != nil {
		d.over(at)
	}
}
