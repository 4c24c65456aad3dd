package azuresim

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// isIdentity reports whether a path is one of the managed-identity endpoints, which are plain HTTP:
// /msi/token (App Service and Functions in both forms, and Cloud Shell) and /metadata/identity/oauth2/token (the VM's metadata service).
func isIdentity(path string) bool {
	p := strings.TrimSuffix(lower(path), "/")
	return p == "/msi/token" || p == "/token" || p == "/metadata/identity/oauth2/token"
}

// identity serves a managed-identity request.
func (s *Sim) identity(r *http.Request) *reply {
	if sleep(r.Context(), s.profile.RequestLatency) != nil {
		return &reply{header: http.Header{}, abort: abortSilence}
	}
	query := r.URL.Query()
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
		form, formErr := url.ParseQuery(string(body))
		if err == nil && formErr == nil {
			query = form
		}
	}
	now := s.enter()
	defer s.mu.Unlock()
	rq := &request{http: r, now: now, query: query}
	call := s.logCall(rq)
	f := s.match(rq)
	var rep *reply
	switch {
	case f != nil && f.breaks():
		call.Fault = f.Kind
		rep = s.broken(rq, f)
	case strings.HasPrefix(lower(r.URL.Path), "/metadata/"):
		rep = s.vmIdentity(rq)
	case r.Method == http.MethodPost:
		rep = s.shellIdentity(rq)
	default:
		rep = s.appServiceIdentity(rq)
	}
	if rep.abort == abortNone {
		call.Status = rep.status
	}
	if rq.principal != nil {
		call.Principal = rq.principal.Name
	}
	return rep
}

// appServiceIdentity answers api-version 2019-08-01 with X-IDENTITY-HEADER, and 2017-09-01 with secret as az asks.
func (s *Sim) appServiceIdentity(rq *request) *reply {
	old := false
	switch v := rq.query.Get("api-version"); v {
	case "2019-08-01":
	case "2017-09-01":
		old = true
	default:
		return rq.identityError(http.StatusBadRequest, "invalid_request", "The api-version '"+v+"' is not supported.")
	}
	given := rq.http.Header.Get("X-IDENTITY-HEADER")
	if old {
		given = rq.http.Header.Get("secret")
	}
	if given != string(s.opts.IdentityHeader) {
		return rq.identityError(http.StatusUnauthorized, "unauthorized", "The identity header does not match.")
	}
	p, rep := s.managedPrincipal(rq)
	if rep != nil {
		return rep
	}
	resource := rq.query.Get("resource")
	token, c := s.issue(p, resource, rq.now)
	expires := strconv.FormatInt(c.Expires, 10)
	if old {
		expires = time.Unix(c.Expires, 0).UTC().Format("01/02/2006 15:04:05 -07:00")
	}
	o := object{{"access_token", token}, {"expires_on", expires}, {"resource", resource}, {"token_type", "Bearer"}}
	if !old {
		o.set("client_id", p.AppID)
	}
	return rq.document(o)
}

// shellIdentity answers the POST that az makes to MSI_ENDPOINT outside App Service, as Cloud Shell does: a form and Metadata: true.
func (s *Sim) shellIdentity(rq *request) *reply {
	if !strings.EqualFold(rq.http.Header.Get("Metadata"), "true") {
		return rq.identityError(http.StatusBadRequest, "invalid_request", "Required metadata header not specified")
	}
	p, rep := s.managedPrincipal(rq)
	if rep != nil {
		return rep
	}
	return s.metadataToken(rq, p)
}

// vmIdentity answers as the metadata service of a machine.
func (s *Sim) vmIdentity(rq *request) *reply {
	if !strings.EqualFold(rq.http.Header.Get("Metadata"), "true") {
		return rq.identityError(http.StatusBadRequest, "invalid_request", "Required metadata header not specified")
	}
	if rq.query.Get("api-version") == "" {
		return rq.identityError(http.StatusBadRequest, "invalid_request", "Required query variable 'api-version' is missing")
	}
	p, rep := s.managedPrincipal(rq)
	if rep != nil {
		return rep
	}
	return s.metadataToken(rq, p)
}

// metadataToken is a token in the metadata service's form.
func (s *Sim) metadataToken(rq *request, p *Principal) *reply {
	resource := rq.query.Get("resource")
	token, c := s.issue(p, resource, rq.now)
	life := strconv.FormatInt(c.Expires-rq.now.Unix(), 10)
	return rq.document(object{
		{"access_token", token}, {"client_id", p.AppID}, {"expires_in", life}, {"expires_on", strconv.FormatInt(c.Expires, 10)}, {"ext_expires_in", life},
		{"not_before", strconv.FormatInt(c.NotBefor, 10)}, {"resource", resource}, {"token_type", "Bearer"},
	})
}

// managedPrincipal picks the identity that the request names, or the system-assigned one.
func (s *Sim) managedPrincipal(rq *request) (*Principal, *reply) {
	if rq.query.Get("resource") == "" {
		return nil, rq.identityError(http.StatusBadRequest, "invalid_request", "Required query variable 'resource' is missing")
	}
	q := rq.query
	client, object, resource := q.Get("client_id")+q.Get("clientid"), q.Get("object_id"), q.Get("mi_res_id")+q.Get("msi_res_id")
	for _, p := range s.principals {
		if !p.ManagedIdentity {
			continue
		}
		if (client == "" || strings.EqualFold(client, p.AppID)) && (object == "" || strings.EqualFold(object, p.ObjectID)) && (resource == "" || strings.EqualFold(resource, p.ResourceID)) {
			rq.principal = p
			return p, nil
		}
	}
	return nil, rq.identityError(http.StatusBadRequest, "invalid_request", "Identity not found")
}

func (rq *request) identityError(status int, code, text string) *reply {
	rep := rq.document(object{{"error", code}, {"error_description", text}})
	rep.status = status
	return rep
}
