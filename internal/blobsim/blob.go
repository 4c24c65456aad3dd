package blobsim

import (
	"bytes"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// onBlob does one operation on a blob.
func (s *Sim) onBlob(r *request, c *container) *reply {
	b := c.blobs[r.call.Blob]
	if r.call.Op == OpPutBlob {
		return s.putBlob(r, c, b)
	}
	if b == nil {
		return failure(http.StatusNotFound, "BlobNotFound")
	}
	if rep := conditions(r, b); rep != nil {
		return rep
	}
	if r.query.Get("comp") == "lease" {
		return s.onLease(r, b)
	}
	if rep := b.lease.mayUse(r, s.now()); rep != nil {
		return rep
	}
	switch op := r.call.Op; {
	case r.reads():
		return s.read(b)
	case op == OpSetMetadata:
		metadata, rep := r.metadata()
		if rep != nil {
			return rep
		}
		b.metadata, b.etag, b.modified = metadata, s.touch(), s.now()
		return b.written(http.StatusOK)
	case op == OpDeleteBlob:
		delete(c.blobs, r.call.Blob)
		return success(http.StatusAccepted).headers("x-ms-delete-type-permanent", "true")
	default:
		panic("blobsim: " + string(op) + " is no operation on a blob")
	}
}

func (s *Sim) putBlob(r *request, c *container, b *blob) *reply {
	if kind := r.header.Get("x-ms-blob-type"); kind != "BlockBlob" {
		if kind == "" {
			return failure(http.StatusBadRequest, "MissingRequiredHeader")
		}
		return failure(http.StatusNotImplemented, "BlobTypeNotInStandIn")
	}
	metadata, rep := r.metadata()
	if rep != nil {
		return rep
	}
	now := s.now()
	switch {
	case b == nil && r.header.Get("If-Match") != "":
		return failure(http.StatusPreconditionFailed, "ConditionNotMet")
	case b == nil && r.header.Get("x-ms-lease-id") != "":
		return failure(http.StatusPreconditionFailed, "LeaseNotPresentWithBlobOperation")
	case b == nil:
		b = &blob{created: now}
		c.blobs[r.call.Blob] = b
	case r.header.Get("If-None-Match") == "*":
		return conflict("BlobAlreadyExists")
	default:
		if rep := conditions(r, b); rep != nil {
			return rep
		}
		if rep := b.lease.mayUse(r, now); rep != nil {
			return rep
		}
	}
	b.content, b.metadata, b.etag, b.modified = bytes.Clone(r.body), metadata, s.touch(), now
	b.contentType = r.header.Get("x-ms-blob-content-type")
	if b.contentType == "" {
		b.contentType = "application/octet-stream"
	}
	return b.written(http.StatusCreated)
}

func (b *blob) written(status int) *reply {
	return success(status).headers("ETag", b.etag, "Last-Modified", stamp(b.modified), "x-ms-request-server-encrypted", "true")
}

func (s *Sim) read(b *blob) *reply {
	rep := success(http.StatusOK).headers("ETag", b.etag, "Last-Modified", stamp(b.modified), "x-ms-creation-time", stamp(b.created),
		"Content-Type", b.contentType, "Content-Length", strconv.Itoa(len(b.content)), "Accept-Ranges", "bytes",
		"x-ms-blob-type", "BlockBlob", "x-ms-server-encrypted", "true").headers(b.lease.headers(s.now())...)
	for name, value := range b.metadata {
		rep.header.Set("x-ms-meta-"+name, value)
	}
	rep.body = bytes.Clone(b.content)
	return rep
}

// conditions compares If-Match and If-None-Match with a blob that exists.
func conditions(r *request, b *blob) *reply {
	if match := r.header.Get("If-Match"); match != "" && match != "*" && match != b.etag {
		return failure(http.StatusPreconditionFailed, "ConditionNotMet")
	}
	if none := r.header.Get("If-None-Match"); none == "*" || none != "" && none == b.etag {
		if r.reads() {
			return failure(http.StatusNotModified, "ConditionNotMet")
		}
		return failure(http.StatusPreconditionFailed, "ConditionNotMet")
	}
	return nil
}

// The names of metadata are identifiers of C#; values are the letters of a header.
var (
	metadataName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	metadataValue = regexp.MustCompile(`^[\x20-\x7e]*$`)
)

// maxMetadata is the most bytes of all names and values.
const maxMetadata = 8 << 10

// metadata reads what the request wants to keep beside the blob.
func (r *request) metadata() (map[string]string, *reply) {
	out, size := map[string]string{}, 0
	for name, values := range r.header {
		name, ok := strings.CutPrefix(strings.ToLower(name), "x-ms-meta-")
		if !ok {
			continue
		}
		value := strings.Join(values, ",")
		if !metadataName.MatchString(name) || !metadataValue.MatchString(value) {
			return nil, failure(http.StatusBadRequest, "InvalidMetadata")
		}
		if size += len(name) + len(value); size > maxMetadata {
			return nil, failure(http.StatusBadRequest, "MetadataTooLarge")
		}
		out[name] = value
	}
	return maps.Clone(out), nil
}
