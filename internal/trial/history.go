package trial

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"time"
)

// version is what a table was from a time on, until the next one.
type version struct {
	at   time.Time
	etag string
	// absent says that there was no such table.
	absent bool
	state  string
	tagged bool
	// rest is the table without etags, states and the next hops of appliances: what
	// production code may never change.
	rest string
	hops []hop
}

// hop is one route through an appliance.
type hop struct {
	route string
	addr  netip.Addr
}

// past is all that a table has been.
type past struct {
	id       string
	raw      []byte
	versions []version
}

func (p *past) now() version { return p.versions[len(p.versions)-1] }

// byEtag returns the newest version with an etag.
func (p *past) byEtag(etag string) (version, bool) {
	for i := len(p.versions) - 1; i >= 0; i-- {
		if v := p.versions[i]; v.etag == etag && !v.absent {
			return v, true
		}
	}
	return version{}, false
}

// between returns the versions that were true at some time from one to another.
func (p *past) between(from, to time.Time) []version {
	var out []version
	for i, v := range p.versions {
		ended := i+1 < len(p.versions) && p.versions[i+1].at.Before(from)
		if !ended && !v.at.After(to) {
			out = append(out, v)
		}
	}
	return out
}

// always reports whether something was true of the table all the time.
func (p *past) always(from, to time.Time, is func(version) bool) bool {
	for _, v := range p.between(from, to) {
		if !is(v) {
			return false
		}
	}
	return true
}

// read makes a version of a document.
func read(raw []byte, at time.Time) (version, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var doc document
	if err := dec.Decode(&doc); err != nil {
		return version{}, err
	}
	v := version{at: at}
	v.etag, _ = doc["etag"].(string)
	props := doc.properties()
	v.state, _ = props["provisioningState"].(string)
	tags, _ := doc["tags"].(map[string]any)
	for name, value := range tags {
		v.tagged = v.tagged || strings.EqualFold(name, tagName) && value == tagValue
	}
	delete(doc, "etag")
	delete(props, "provisioningState")
	for _, r := range doc.routes() {
		delete(r, "etag")
		p := member(r, "properties")
		delete(p, "provisioningState")
		if kind, _ := p["nextHopType"].(string); !strings.EqualFold(kind, "VirtualAppliance") {
			continue
		}
		name, _ := r["name"].(string)
		text, _ := p["nextHopIpAddress"].(string)
		addr, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		v.hops = append(v.hops, hop{strings.ToLower(name), addr})
		p["nextHopIpAddress"] = "*"
	}
	rest, err := json.Marshal(doc)
	v.rest = string(rest)
	return v, err
}

// difference is a next hop that one version has otherwise than another.
type difference struct {
	route    string
	from, to netip.Addr
}

// changed compares two versions with the same rest.
func changed(before, after version) []difference {
	var out []difference
	for i, h := range after.hops {
		if i < len(before.hops) && before.hops[i].addr != h.addr {
			out = append(out, difference{h.route, before.hops[i].addr, h.addr})
		}
	}
	return out
}
