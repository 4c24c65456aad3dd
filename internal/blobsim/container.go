package blobsim

import (
	"encoding/base64"
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Sim) createContainer(r *request) *reply {
	name, now := r.call.Container, s.now()
	switch {
	case s.containers[name] != nil:
		return conflict("ContainerAlreadyExists")
	case now.Before(s.deleting[name]):
		return conflict("ContainerBeingDeleted")
	}
	c := &container{etag: s.touch(), modified: now, blobs: map[string]*blob{}}
	s.containers[name] = c
	return success(http.StatusCreated).headers("ETag", c.etag, "Last-Modified", stamp(c.modified))
}

// onContainer lists, looks at or deletes a container.
func (s *Sim) onContainer(r *request, c *container) *reply {
	if r.call.Op == OpListBlobs {
		return s.list(r, c)
	}
	if r.call.Op == OpHeadContainer {
		return success(http.StatusOK).headers("ETag", c.etag, "Last-Modified", stamp(c.modified),
			"x-ms-lease-state", "available", "x-ms-lease-status", "unlocked")
	}
	delete(s.containers, r.call.Container)
	s.deleting[r.call.Container] = s.now().Add(s.options.Deleting)
	return success(http.StatusAccepted)
}

// The elements of a list, in the service's order.
type (
	listXML struct {
		XMLName    xml.Name `xml:"EnumerationResults"`
		Endpoint   string   `xml:"ServiceEndpoint,attr"`
		Container  string   `xml:"ContainerName,attr"`
		Prefix     string   `xml:",omitempty"`
		Marker     string   `xml:",omitempty"`
		MaxResults int      `xml:",omitempty"`
		Blobs      struct{ Blob []blobXML }
		NextMarker string
	}
	blobXML struct {
		Name       string
		Properties propertiesXML
		Metadata   *metadataXML `xml:",omitempty"`
	}
	propertiesXML struct {
		CreationTime  string `xml:"Creation-Time"`
		LastModified  string `xml:"Last-Modified"`
		Etag          string
		ContentLength int    `xml:"Content-Length"`
		ContentType   string `xml:"Content-Type"`
		BlobType      string
		LeaseStatus   string
		LeaseState    string
		LeaseDuration string `xml:",omitempty"`
	}
	metadataXML struct {
		Items []itemXML `xml:",any"`
	}
	itemXML struct {
		XMLName xml.Name
		Value   string `xml:",chardata"`
	}
)

// list answers one page.
func (s *Sim) list(r *request, c *container) *reply {
	prefix, marker := r.query.Get("prefix"), r.query.Get("marker")
	size, out := s.options.PageSize, listXML{Endpoint: s.URL() + "/", Container: r.call.Container, Prefix: prefix, Marker: marker}
	if text := r.query.Get("maxresults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return failure(http.StatusBadRequest, "OutOfRangeQueryParameterValue")
		}
		out.MaxResults, size = n, min(size, n)
	}
	from, err := base64.RawURLEncoding.DecodeString(marker)
	if err != nil {
		return failure(http.StatusBadRequest, "InvalidQueryParameterValue")
	}
	withMetadata := slices.Contains(strings.Split(r.query.Get("include"), ","), "metadata")
	for _, name := range slices.Sorted(maps.Keys(c.blobs)) {
		switch {
		case !strings.HasPrefix(name, prefix) || name < string(from):
		case len(out.Blobs.Blob) == size:
			out.NextMarker = base64.RawURLEncoding.EncodeToString([]byte(name))
		default:
			out.Blobs.Blob = append(out.Blobs.Blob, c.blobs[name].listed(name, withMetadata, s.now()))
		}
		if out.NextMarker != "" {
			break
		}
	}
	rep := success(http.StatusOK).headers("Content-Type", "application/xml")
	rep.body = asXML(out)
	return rep
}

func (b *blob) listed(name string, withMetadata bool, now time.Time) blobXML {
	p := propertiesXML{
		CreationTime: stamp(b.created), LastModified: stamp(b.modified), Etag: strings.Trim(b.etag, `"`),
		ContentLength: len(b.content), ContentType: b.contentType, BlobType: "BlockBlob",
	}
	h := b.lease.headers(now)
	p.LeaseState, p.LeaseStatus = h[1], h[3]
	if len(h) > 4 {
		p.LeaseDuration = h[5]
	}
	out := blobXML{Name: name, Properties: p}
	if withMetadata {
		out.Metadata = &metadataXML{}
		for _, k := range slices.Sorted(maps.Keys(b.metadata)) {
			out.Metadata.Items = append(out.Metadata.Items, itemXML{XMLName: xml.Name{Local: k}, Value: b.metadata[k]})
		}
	}
	return out
}
