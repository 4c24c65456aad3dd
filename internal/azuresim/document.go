package azuresim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// head starts a document with the members that every Network resource has first.
func head(r *resource) object {
	return object{{"name", r.name}, {"id", r.id}, {"etag", r.etag}, {"type", r.kind.name}, {"location", r.location}}
}

// readOnly are the members that the service makes; a client may send them back, and they are ignored.
func readOnly() []string {
	return []string{"name", "id", "etag", "type", "location", "provisioningState", "resourceGuid"}
}

// show gives the document with the id's resource group in the casing that the client used, as the service does.
func (s *Sim) show(rq *request, r *resource) []byte {
	return recase(r, r.body, rq.target.group)
}

// recase writes another casing of the resource group into the document's own id and the ids below it.
func recase(r *resource, body []byte, group string) []byte {
	if group == "" || group == r.group {
		return body
	}
	from := `"/subscriptions/` + r.sub + `/resourceGroups/` + r.group + `/`
	tail := strings.TrimPrefix(r.id, strings.TrimPrefix(from, `"`))
	to := `"/subscriptions/` + r.sub + `/resourceGroups/` + group + `/`
	return bytes.ReplaceAll(body, []byte(from+tail), []byte(to+tail))
}

// getResource answers a GET of a stored resource; Network repeats the etag as a header, on nothing but this.
func (s *Sim) getResource(rq *request, r *resource) *reply {
	if r == nil {
		return s.notFound(rq)
	}
	rep := rq.ok(http.StatusOK, s.show(rq, r))
	rep.header.Set("ETag", r.etag)
	return rep
}

// precondition checks If-Match and If-None-Match. A Network etag may be given without its W/ and quotes, which the service adds.
func (s *Sim) precondition(rq *request, r *resource) *reply {
	if m := rq.http.Header.Get("If-None-Match"); m == "*" && r != nil {
		// The text for If-None-Match is [U].
		return rq.provider(http.StatusPreconditionFailed, "PreconditionFailed", "Precondition failed.",
			detail{code: "PreconditionFailedResourceExists", message: "Resource " + r.id + " already exists."})
	}
	given := rq.http.Header.Get("If-Match")
	if given == "" || (given == "*" && r != nil) {
		return nil
	}
	etag, id := "", rq.target.canonicalID()
	if r != nil {
		etag, id = r.etag, recaseID(r, rq.target.group)
	}
	if rq.target.kind.compute {
		if full := `"` + strings.Trim(given, `"`) + `"`; full != etag {
			rep := rq.provider(http.StatusPreconditionFailed, "PreconditionFailed", "Etag provided in if-match header "+full+" does not match etag "+etag+" of resource.")
			rep.operation = true
			return rep
		}
		return nil
	}
	if full := weakEtag(given); full != etag {
		return rq.preconditionFailed(full, etag, id)
	}
	return nil
}

func (rq *request) preconditionFailed(given, etag, id string) *reply {
	return rq.provider(http.StatusPreconditionFailed, "PreconditionFailed", "Precondition failed.",
		detail{code: "PreconditionFailedEtagMismatch", message: "Etag provided in if-match header " + given + " does not match etag " + etag + " of resource " + id + " in NRP data store."})
}

// weakEtag completes an etag the way the service does before it compares.
func weakEtag(given string) string {
	if strings.HasPrefix(given, "W/") {
		return given
	}
	return `W/"` + strings.Trim(given, `"`) + `"`
}

// recaseID is the id of r with the client's casing of the group.
func recaseID(r *resource, group string) string {
	if group == "" {
		return r.id
	}
	return strings.Replace(r.id, "/resourceGroups/"+r.group+"/", "/resourceGroups/"+group+"/", 1)
}

// anotherWrite refuses a second write while one runs on the same resource: 429, not 409. The Retry-After value was not seen on
// real answers; it repeats the seconds of the text [U].
func (s *Sim) anotherWrite(rq *request, r *resource) *reply {
	if !r.busy() {
		return nil
	}
	left := max(r.op.end.Sub(rq.now), s.profile.RetryAfter, time.Second)
	return busyReply(rq, r.op.name, r.op.id, r.id, left)
}

func busyReply(rq *request, operation, operationID, id string, left time.Duration) *reply {
	seconds := int((left + time.Second - 1) / time.Second)
	rep := rq.provider(http.StatusTooManyRequests, "RetryableError", "A retryable error occurred.",
		detail{code: "RetryableErrorDueToAnotherOperation", message: fmt.Sprintf("Operation %s (%s) is updating resource %s. The call can be retried in %d seconds.", operation, operationID, id, seconds)})
	rep.retryAfter(time.Duration(seconds) * time.Second)
	return rep
}

// checkLocation refuses a new resource without a location and an existing one in another.
func (s *Sim) checkLocation(rq *request, r *resource, body object) *reply {
	location := strings.ReplaceAll(lower(body.str("location")), " ", "")
	switch {
	case location == "":
		return rq.gateway(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
	case r != nil && !strings.EqualFold(location, r.location):
		return rq.gateway(http.StatusConflict, "InvalidResourceLocation", "The resource '"+r.name+"' already exists in location '"+r.location+"' in resource group '"+r.group+
			"'. A resource with the same name cannot be created in location '"+location+"'. Please select a new resource name.")
	default:
		return nil
	}
}

// patchTags replaces the tags, at once, without an operation. Everything else in the body is ignored.
func (s *Sim) patchTags(rq *request, r *resource) *reply {
	if r == nil {
		return s.notFound(rq)
	}
	if rep := s.anotherWrite(rq, r); rep != nil && !r.kind.compute {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	body := rq.object
	if r.kind.compute {
		if rep := s.throttleCompute(rq, updateVM(), r.key); rep != nil {
			return rep
		}
	}
	doc := r.doc.clone()
	if tags, ok := body.get("tags"); ok {
		doc.drop("tags")
		if o, isObject := tags.(object); isObject && len(o) > 0 {
			doc = slices.Insert(doc, 0, member{"tags", o})
		}
	}
	r.doc = doc
	s.renew(r)
	s.commit(r, rq.now)
	rep := rq.ok(http.StatusOK, s.show(rq, r))
	return rep
}

// renew gives a resource another etag.
func (s *Sim) renew(r *resource) {
	if r.vm != nil {
		r.vm.revision++
		r.etag = fmt.Sprintf(`"%d"`, r.vm.revision)
		return
	}
	if r.kind.name != typeGroup {
		r.etag = s.newEtag()
	}
}

// tagsOf takes the tags of a request body; an empty set is no tags.
func tagsOf(body object) (object, bool) {
	tags := body.obj("tags")
	return tags, len(tags) > 0
}

// deletion starts the deletion of a Network resource: 202 with both addresses, then gone.
func (s *Sim) deletion(rq *request, r *resource, name string, length time.Duration, gone func(at time.Time)) *reply {
	r.state = stateDeleting
	s.renew(r)
	s.commit(r, rq.now)
	op := s.begin(rq, r, name, length, func(at time.Time) {
		gone(at)
		s.remove(r, at)
		if r.parent != nil {
			s.renew(r.parent)
			s.commit(r.parent, at)
		}
	}, func(at time.Time) {
		r.state = stateFailed
		s.renew(r)
		s.commit(r, at)
	})
	rep := rq.ok(http.StatusAccepted, nil)
	op.announce(s, rq, rep, true)
	return rep
}

// nothingToDelete answers a DELETE of something that is not there.
func (rq *request) nothingToDelete() *reply { return rq.ok(http.StatusNoContent, nil) }
