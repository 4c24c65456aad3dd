package azuresim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// operationLife is how long the result of an operation can be asked for. "Hours" is all that is known [U].
const operationLife = 24 * time.Hour

// operation is one long-running operation.
type operation struct {
	id           string
	kind         *kind
	name         string // PutRouteTableOperation and the like: error messages show it
	sub          string
	location     string
	target       *resource
	apiVersion   string
	start, end   time.Time
	status       string
	code         string // of a failure
	message      string
	result       []byte // body of the final answer at Location, for actions that have one
	polls        int
	ticks        int64
	compute      bool
	monitorParam string
}

// begin starts an operation of that length on r. done runs when it has succeeded; when a failure was ordered it does not, and
// failed runs instead.
func (s *Sim) begin(rq *request, r *resource, name string, length time.Duration, done func(at time.Time), failed func(at time.Time)) *operation {
	op := &operation{
		id: s.guid(), kind: r.kind, name: name, sub: rq.target.sub, location: r.location, target: r, apiVersion: rq.apiVersion,
		start: rq.now, end: rq.now.Add(length), status: "InProgress", ticks: dotNetTicks(rq.now), compute: r.kind.compute,
	}
	if op.compute {
		op.monitorParam = s.guid()
	}
	code, message := rq.failOperation(s, op)
	r.op = op
	s.operations[op.id] = op
	s.timeline.plan(op.end, func(at time.Time) {
		if r.op == op {
			r.op = nil
		}
		if code != "" {
			op.status, op.code, op.message = stateFailed, code, message
			failed(at)
			return
		}
		op.status = stateSucceeded
		done(at)
	})
	s.timeline.plan(op.end.Add(operationLife), func(time.Time) { delete(s.operations, op.id) })
	return op
}

// finished makes an operation that is over before it began: an unchanged PUT names one all the same.
func (s *Sim) finished(rq *request, r *resource, name string) *operation {
	op := &operation{
		id: s.guid(), kind: r.kind, name: name, sub: rq.target.sub, location: r.location, target: r, apiVersion: rq.apiVersion,
		start: rq.now, end: rq.now, status: stateSucceeded, ticks: dotNetTicks(rq.now), compute: r.kind.compute,
	}
	s.operations[op.id] = op
	s.timeline.plan(op.end.Add(operationLife), func(time.Time) { delete(s.operations, op.id) })
	return op
}

// dotNetTicks is the t parameter: 100 ns since year 1.
func dotNetTicks(t time.Time) int64 {
	const unixEpoch = 621355968000000000
	return unixEpoch + t.UnixNano()/100
}

// url is the address under which the operation is polled; collection is operations or operationResults.
func (op *operation) url(s *Sim, rq *request, collection string, monitor bool) string {
	namespace := op.kind.namespace()
	extra := ""
	if op.compute {
		extra = "p=" + op.monitorParam + "&"
	}
	m := ""
	if monitor {
		m = "&monitor=true"
	}
	c, sig, h := s.signature(op, collection)
	return fmt.Sprintf("%s/subscriptions/%s/providers/%s/locations/%s/%s/%s?%sapi-version=%s%s&t=%d&c=%s&s=%s&h=%s",
		rq.base(), op.sub, namespace, op.location, collection, op.id, extra, op.apiVersion, m, op.ticks, c, sig, h)
}

// signature gives the c, s and h parameters: a certificate of about 2 KB, 256 bytes and 32 bytes, base64url. They are checked on
// use, so a rebuilt URL does not work.
func (s *Sim) signature(op *operation, collection string) (c, sig, h string) {
	mac := hmac.New(sha256.New, s.signKey)
	fmt.Fprintf(mac, "%s|%s|%d", op.id, collection, op.ticks)
	sum := mac.Sum(nil)
	return s.signCert, base64.RawURLEncoding.EncodeToString(expand(sum, 256)), base64.RawURLEncoding.EncodeToString(sum)
}

// expand stretches a key to n bytes.
func expand(key []byte, n int) []byte {
	out := make([]byte, 0, n+sha256.Size)
	for i := uint32(0); len(out) < n; i++ {
		block := sha256.Sum256(binary.BigEndian.AppendUint32(append([]byte(nil), key...), i))
		out = append(out, block[:]...)
	}
	return out[:n]
}

// signed reports whether a poll carries the parameters it was given.
func (s *Sim) signed(op *operation, collection string, q url.Values) bool {
	c, sig, h := s.signature(op, collection)
	return q.Get("t") == strconv.FormatInt(op.ticks, 10) && q.Get("c") == c && q.Get("s") == sig && q.Get("h") == h &&
		(!op.compute || q.Get("p") == op.monitorParam)
}

// announce puts the headers of a started operation on its answer.
func (op *operation) announce(s *Sim, rq *request, rep *reply, withLocation bool) {
	rep.header.Set("Azure-AsyncOperation", op.url(s, rq, "operations", false))
	if !op.kind.quiet {
		rep.header.Set("Azure-AsyncNotification", "Enabled")
	}
	rep.requestID = op.id
	rep.operation = true
	retry := s.profile.RetryAfter
	if op.compute {
		retry = s.profile.ComputeRetryAfter
	}
	rep.retryAfter(retry)
	if withLocation {
		if op.compute {
			rep.header.Set("Location", op.url(s, rq, "operations", true))
		} else {
			rep.header.Set("Location", op.url(s, rq, "operationResults", false))
		}
	}
}

// poll answers a GET on an operation's address. Network says only its status; Compute also when, and its name.
func (s *Sim) poll(rq *request, collection string) *reply {
	op := s.operations[rq.target.name]
	if op == nil || op.kind.namespace() != rq.target.namespace || op.sub != rq.target.sub {
		// An expired or unknown operation is a 404 [U].
		return rq.gateway(http.StatusNotFound, "NotFound", "The operation '"+rq.target.name+"' was not found.")
	}
	if !s.signed(op, collection, rq.query) {
		// What a tampered URL gets is [U].
		return rq.gateway(http.StatusForbidden, "AuthorizationFailed", "The signature of the operation URL is not valid.")
	}
	op.polls++
	if collection == "operationResults" || rq.query.Get("monitor") == "true" {
		return s.pollResult(rq, op)
	}
	rep := rq.ok(http.StatusOK, nil)
	rep.operation = true
	body := object{}
	if op.compute {
		body.set("startTime", op.start.UTC().Format(computeTime))
		if op.status != "InProgress" {
			body.set("endTime", op.end.UTC().Format(computeTime))
		}
	}
	body.set("status", op.status)
	if op.compute {
		body.set("name", op.id)
	}
	if op.status == stateFailed {
		body.set("error", object{{"code", op.code}, {"message", op.message}, {"details", []any{}}})
	}
	if op.status == "InProgress" {
		switch {
		case !op.compute:
			// Whether Network polls carry Retry-After today is [U]; with it the client waits longer.
			rep.retryAfter(s.profile.RetryAfter)
		case op.polls == 1:
			rep.retryAfter(s.profile.ComputePollRetryAfter)
		}
	}
	rep.body = encode(body)
	return rep
}

// computeTime is how Compute writes times in operations and statuses.
const computeTime = "2006-01-02T15:04:05.9999999-07:00"

// pollResult answers at Location: 202 while it runs, then the result.
func (s *Sim) pollResult(rq *request, op *operation) *reply {
	switch {
	case op.status == "InProgress":
		rep := rq.ok(http.StatusAccepted, nil)
		rep.header.Set("Location", rq.base()+rq.http.URL.RequestURI())
		rep.retryAfter(s.profile.RetryAfter)
		return rep
	case op.status == stateFailed:
		return rq.provider(http.StatusConflict, op.code, op.message)
	case op.result != nil:
		return rq.ok(http.StatusOK, op.result)
	case op.compute:
		return rq.ok(http.StatusOK, nil)
	default:
		return rq.ok(http.StatusNoContent, nil)
	}
}

// failOperation says how an operation that a fault has condemned will end; code is "" when none has.
func (rq *request) failOperation(s *Sim, op *operation) (code, message string) {
	if rq.doomed == nil {
		return "", ""
	}
	code, message = rq.doomed.Params["code"], rq.doomed.Params["message"]
	if code == "" {
		code = "AnotherOperationInProgress"
	}
	if message == "" {
		message = s.anotherOperation(rq, s.guid(), op.location)
	}
	return code, message
}

// anotherOperation is the message of AnotherOperationInProgress.
func (s *Sim) anotherOperation(rq *request, id, location string) string {
	return fmt.Sprintf("Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: "+
		"%s/subscriptions/%s/providers/Microsoft.Network/locations/%s/operations/%s?api-version=%s.",
		rq.base(), rq.target.sub, location, id, rq.apiVersion)
}
