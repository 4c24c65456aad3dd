package azuresim

import (
	"net/http"
	"strconv"
	"time"
)

// reply is an answer before it gets its common headers.
type reply struct {
	status    int
	header    http.Header
	body      []byte
	requestID string // x-ms-request-id; "" draws one
	gateway   bool   // ARM itself made it: an error says so, and carries no budget
	list      bool   // came through the gateway's aggregation
	operation bool   // a write or a poll: carries x-ms-operation-identifier
	pieces    time.Duration
	abort     abortKind
}

// abortKind says that no whole answer is given.
type abortKind int

const (
	abortNone abortKind = iota
	abortReset
	abortSilence
)

// retryAfter sets the header in whole seconds, at least one; 0 leaves it out.
func (r *reply) retryAfter(d time.Duration) {
	if d > 0 {
		r.header.Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
	}
}

// ok is an answer of the provider.
func (rq *request) ok(status int, body []byte) *reply {
	return &reply{status: status, header: http.Header{}, body: body}
}

// gateway is an error made by ARM itself.
func (rq *request) gateway(status int, code, message string) *reply {
	return &reply{status: status, header: http.Header{}, gateway: true, body: errorBody(code, message)}
}

// provider is an error made by the resource provider.
func (rq *request) provider(status int, code, message string, details ...detail) *reply {
	return &reply{status: status, header: http.Header{}, body: errorBody(code, message, details...)}
}

// networkError is a provider error with the empty details that Network sends.
func (rq *request) networkError(status int, code, message string) *reply {
	body := object{{"error", object{{"code", code}, {"message", message}, {"details", []any{}}}}}
	return &reply{status: status, header: http.Header{}, body: encode(body)}
}

// detail is one entry of an error's details.
type detail struct{ code, target, message string }

// errorBody is the common error envelope.
func errorBody(code, message string, details ...detail) []byte {
	e := object{{"code", code}, {"message", message}}
	if len(details) > 0 {
		list := make([]any, 0, len(details))
		for _, d := range details {
			o := object{{"code", d.code}}
			if d.target != "" {
				o.set("target", d.target)
			}
			o.set("message", d.message)
			list = append(list, o)
		}
		e.set("details", list)
	}
	return encode(object{{"error", e}})
}

// decorate puts on the headers that every ARM answer has.
func (s *Sim) decorate(rq *request, rep *reply) {
	h := rep.header
	set := func(name, value string) {
		if h.Get(name) == "" {
			h.Set(name, value)
		}
	}
	correlation := rq.http.Header.Get("x-ms-correlation-request-id")
	if correlation == "" {
		correlation = s.guid()
	}
	utc := rq.now.UTC()
	stamp := utc.Format("20060102T150405Z")
	set("Cache-Control", "no-cache")
	set("Pragma", "no-cache")
	set("Expires", "-1")
	set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	set("X-Content-Type-Options", "nosniff")
	set("X-Cache", "CONFIG_NOCACHE")
	set("X-MSEdge-Ref", "Ref A: "+s.ref()+" Ref B: "+s.frontRegion()[:3]+"01EDGE0101 Ref C: "+utc.Format(time.RFC3339))
	set("x-ms-correlation-request-id", correlation)
	set("x-ms-routing-request-id", s.frontRegion()+":"+stamp+":"+correlation)
	set("Date", utc.Format(http.TimeFormat))
	if len(rep.body) > 0 {
		set("Content-Type", "application/json; charset=utf-8")
	}
	if rq.http.Header.Get("x-ms-return-client-request-id") == "true" {
		set("x-ms-client-request-id", rq.http.Header.Get("x-ms-client-request-id"))
	}
	switch {
	case rep.gateway && rep.status >= 400:
		set("x-ms-failure-cause", "gateway")
		set("x-ms-request-id", correlation)
		return
	case rep.list:
		set("x-ms-request-id", correlation)
		set("x-ms-original-request-ids", s.guid())
	case rep.requestID != "":
		set("x-ms-request-id", rep.requestID)
	default:
		set("x-ms-request-id", s.guid())
	}
	rq.budget.headers(h)
	if rq.target == nil || rep.gateway {
		return
	}
	switch rq.target.namespace {
	case "Microsoft.Network":
		set("x-ms-arm-service-request-id", s.guid())
		set("x-ms-throttle-levels", s.throttleLevels(rq))
	case "Microsoft.Compute":
		set("x-ms-need-to-refresh-epl-cache", "False")
	default:
		return
	}
	if rep.operation && rq.principal != nil {
		set("x-ms-operation-identifier", "tenantId="+s.tenant+",objectId="+rq.principal.ObjectID+"/"+lower(s.frontRegion())+"/"+s.guid())
	}
}
