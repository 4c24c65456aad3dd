package blobsim

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
)

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	code   string // of an error
}

func success(status int) *reply { return &reply{status: status, header: http.Header{}} }

// failure is an answer with an error of the service.
func failure(status int, code string) *reply {
	rep := &reply{status: status, header: http.Header{}, code: code}
	rep.header.Set("x-ms-error-code", code)
	return rep
}

// headers sets pairs of name and value.
func (r *reply) headers(pairs ...string) *reply {
	for i := 0; i+1 < len(pairs); i += 2 {
		r.header.Set(pairs[i], pairs[i+1])
	}
	return r
}

// complete adds what every answer has. The caller holds the Sim.
func (s *Sim) complete(req *request, r *reply) *reply {
	s.requests++
	id := fmt.Sprintf("00000000-001e-0000-0000-%012x", s.requests)
	now := s.now()
	r.headers("Server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0", "x-ms-request-id", id, "Date", stamp(now))
	if v := req.header.Get("x-ms-version"); v != "" {
		r.header.Set("x-ms-version", v)
	}
	if v := req.header.Get("x-ms-client-request-id"); v != "" {
		r.header.Set("x-ms-client-request-id", v)
	}
	if r.code != "" && r.status != http.StatusNotModified {
		text := fmt.Sprintf("%s\nRequestId:%s\nTime:%s", message(r.code), id, now.Format("2006-01-02T15:04:05.0000000Z"))
		r.header.Set("Content-Type", "application/xml")
		r.body = asXML(struct {
			XMLName xml.Name `xml:"Error"`
			Code    string
			Message string
		}{Code: r.code, Message: text})
	}
	if req.method == http.MethodHead {
		if r.code == "" {
			r.header.Set("Content-Length", strconv.Itoa(len(r.body)))
		}
		r.body = nil
	}
	return r
}

func asXML(v any) []byte {
	text, err := xml.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("blobsim: %v", err)) // the types here are ours
	}
	return append([]byte("\xef\xbb\xbf"+`<?xml version="1.0" encoding="utf-8"?>`), text...)
}

// message is the text that the service documents for an error code.
func message(code string) string {
	texts := map[string]string{
		"AuthenticationFailed":               "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
		"AuthorizationPermissionMismatch":    "This request is not authorized to perform this operation using this permission.",
		"AuthorizationFailure":               "This request is not authorized to perform this operation.",
		"NoAuthenticationInformation":        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
		"BlobAlreadyExists":                  "The specified blob already exists.",
		"BlobNotFound":                       "The specified blob does not exist.",
		"ConditionNotMet":                    "The condition specified using HTTP conditional header(s) is not met.",
		"ContainerAlreadyExists":             "The specified container already exists.",
		"ContainerBeingDeleted":              "The specified container is being deleted. Try operation later.",
		"ContainerNotFound":                  "The specified container does not exist.",
		"InternalError":                      "The server encountered an internal error. Please retry the request.",
		"InvalidHeaderValue":                 "The value for one of the HTTP headers is not in the correct format.",
		"InvalidMetadata":                    "The metadata specified is invalid. It has characters that are not permitted.",
		"LeaseAlreadyPresent":                "There is already a lease present.",
		"LeaseIdMismatchWithBlobOperation":   "The lease ID specified did not match the lease ID for the blob.",
		"LeaseIdMismatchWithLeaseOperation":  "The lease ID specified did not match the lease ID for the blob.",
		"LeaseIdMissing":                     "There is currently a lease on the blob and no lease ID was specified in the request.",
		"LeaseIsBreakingAndCannotBeAcquired": "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.",
		"LeaseIsBreakingAndCannotBeChanged":  "The lease ID matched, but the lease is currently in breaking state and cannot be changed.",
		"LeaseIsBrokenAndCannotBeRenewed":    "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.",
		"LeaseLost":                          "A lease ID was specified, but the lease for the blob has expired.",
		"LeaseNotPresentWithBlobOperation":   "There is currently no lease on the blob.",
		"LeaseNotPresentWithLeaseOperation":  "There is currently no lease on the blob.",
		"MissingRequiredHeader":              "An HTTP header that's mandatory for this request is not specified.",
		"OperationTimedOut":                  "Operation could not be completed within the specified time.",
		"ServerBusy":                         "The server is busy.",
		"TooManyRequests":                    "Too many requests.",
	}
	if text, ok := texts[code]; ok {
		return text
	}
	return code
}
