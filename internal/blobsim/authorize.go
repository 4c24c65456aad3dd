package blobsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// authorize returns nil if the request may be carried out.
func (s *Sim) authorize(r *request) *reply {
	sent := r.header.Get("Authorization")
	kind, value, _ := strings.Cut(sent, " ")
	switch {
	case r.query.Get("sig") != "":
		return s.authorizeSAS(r)
	case sent == "":
		return failure(http.StatusUnauthorized, "NoAuthenticationInformation").
			headers("WWW-Authenticate", "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=https://storage.azure.com")
	case kind == "SharedKey":
		if want := s.options.Account + ":" + s.signature(r); !hmac.Equal([]byte(value), []byte(want)) {
			return failure(http.StatusForbidden, "AuthenticationFailed")
		}
		return nil
	case kind == "Bearer" && s.options.Token != "" && value == s.options.Token:
		if s.options.ReadOnly && !r.reads() {
			return failure(http.StatusForbidden, "AuthorizationPermissionMismatch")
		}
		return nil
	default:
		return failure(http.StatusForbidden, "AuthenticationFailed")
	}
}

// authorizeSAS compares the query's parameters with those of the known SAS.
func (s *Sim) authorizeSAS(r *request) *reply {
	known, err := url.ParseQuery(s.options.SAS)
	if err != nil || s.options.SAS == "" {
		return failure(http.StatusForbidden, "AuthenticationFailed")
	}
	for name := range known {
		if r.query.Get(name) != known.Get(name) {
			return failure(http.StatusForbidden, "AuthenticationFailed")
		}
	}
	if end, err := time.Parse(time.RFC3339, known.Get("se")); err != nil || s.now().After(end) {
		return failure(http.StatusForbidden, "AuthenticationFailed")
	}
	if s.options.ReadOnly && !r.reads() || !strings.Contains(known.Get("sp"), r.permission()) {
		return failure(http.StatusForbidden, "AuthorizationPermissionMismatch")
	}
	return nil
}

func (r *request) reads() bool {
	return r.method == http.MethodGet || r.method == http.MethodHead
}

// permission is the letter that a SAS must have for the operation.
func (r *request) permission() string {
	letters := map[Op]string{
		OpListBlobs: "l", OpGetBlob: "r", OpHeadBlob: "r", OpHeadContainer: "r",
		OpDeleteBlob: "d",
		// The signature of a container is good for what is in it, and for nothing more.
		OpCreateContainer: "none", OpDeleteContainer: "none",
	}
	if letter, ok := letters[r.call.Op]; ok {
		return letter
	}
	return "w"
}

// signature is the Shared Key signature of a request.
func (s *Sim) signature(r *request) string {
	h := r.header
	length := h.Get("Content-Length")
	if length == "0" {
		length = ""
	}
	lines := []string{
		r.method, h.Get("Content-Encoding"), h.Get("Content-Language"), length, h.Get("Content-MD5"), h.Get("Content-Type"),
		"", // the date is in x-ms-date
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"), h.Get("Range"),
	}
	own := map[string]string{}
	for name, values := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-ms-") {
			own[name] = strings.Join(values, ",")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		lines = append(lines, name+":"+own[name])
	}
	lines = append(lines, "/"+s.options.Account+r.signed)
	for _, name := range slices.Sorted(maps.Keys(r.query)) {
		values := slices.Sorted(slices.Values(r.query[name]))
		lines = append(lines, strings.ToLower(name)+":"+strings.Join(values, ","))
	}
	mac := hmac.New(sha256.New, s.options.Key)
	mac.Write([]byte(strings.Join(lines, "\n")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
