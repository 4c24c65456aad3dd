// Package route holds route tables as data and compares them with what they
// should be: Parse, Goal.Diff, Patch, and the text form of a Plan.
//
// Everything here is pure: no clock, context, log or I/O. A Diff only ever
// changes a next hop from one member's address to another member's address of
// the same group and role; Patch changes nothing else in a table, also not
// members that are younger than this program. controller, azure, journal, api
// and peers of the tick import it.
package route

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"hopguard/internal/appliance"
)

// TypeVirtualAppliance is the only next hop type that a Diff looks at.
const TypeVirtualAppliance = "VirtualAppliance"

// Table is a route table as Azure answered it.
type Table struct {
	ID appliance.ResourceID
	// ETag is the complete header value, such as W/"…"; "" if there was none.
	ETag  string
	State string
	Tags  map[string]string
	// Subnets are the subnets that use the table.
	Subnets []appliance.ResourceID
	Routes  []Route
	// Raw is the complete answer; Patch works on it.
	Raw json.RawMessage
}

// Route is one user-defined route.
type Route struct {
	Name string
	// Prefix is the address prefix as written: a CIDR or a service tag.
	Prefix  string
	HopType string
	// Hop is the next hop; invalid for types without one.
	Hop netip.Addr
}

// MalformedError says which member of a route table is not as Azure documents
// it. Such a table is never written.
type MalformedError struct {
	Table appliance.ResourceID
	// Path is the member, such as routes[2].properties.nextHopIpAddress.
	Path  string
	Value string
	Want  string
}

// Error names the table, the place, the value and what was expected.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("route table %s: %s: %s: want %s", e.Table, e.Path, e.Value, e.Want)
}

type wireTable struct {
	ID         string            `json:"id"`
	ETag       string            `json:"etag"`
	Tags       map[string]string `json:"tags"`
	Properties struct {
		ProvisioningState string `json:"provisioningState"`
		Subnets           []struct {
			ID string `json:"id"`
		} `json:"subnets"`
		Routes []wireRoute `json:"routes"`
	} `json:"properties"`
}

type wireRoute struct {
	Name       string `json:"name"`
	Properties struct {
		AddressPrefix    string `json:"addressPrefix"`
		NextHopType      string `json:"nextHopType"`
		NextHopIPAddress string `json:"nextHopIpAddress"`
	} `json:"properties"`
}

// Parse reads a route table. On a *MalformedError the returned table has its ID,
// tags and the routes that could be read, so that it can be reported.
func Parse(raw []byte) (Table, error) {
	var w wireTable
	if err := json.Unmarshal(raw, &w); err != nil {
		return Table{}, fmt.Errorf("decode route table: %w", err)
	}
	if w.ID == "" {
		return Table{}, fmt.Errorf("decode route table: no id in %.80q", raw)
	}
	t := Table{
		ID: appliance.ResourceID(w.ID), ETag: w.ETag, State: w.Properties.ProvisioningState,
		Tags: w.Tags, Raw: raw,
	}
	for _, s := range w.Properties.Subnets {
		t.Subnets = append(t.Subnets, appliance.ResourceID(s.ID))
	}
	seen := map[string]bool{}
	var bad *MalformedError
	complain := func(i int, member, value, want string) {
		if bad == nil {
			bad = &MalformedError{
				Table: t.ID, Value: fmt.Sprintf("%q", value), Want: want,
				Path: fmt.Sprintf("routes[%d] (%s).%s", i, w.Properties.Routes[i].Name, member),
			}
		}
	}
	for i, r := range w.Properties.Routes {
		p := r.Properties
		route := Route{Name: r.Name, Prefix: p.AddressPrefix, HopType: p.NextHopType}
		switch {
		case r.Name == "":
			complain(i, "name", "", "a name")
		case seen[strings.ToLower(r.Name)]:
			complain(i, "name", r.Name, "a name that no other route has")
		case p.AddressPrefix == "":
			complain(i, "properties.addressPrefix", "", "a CIDR or a service tag")
		case p.NextHopType == "":
			complain(i, "properties.nextHopType", "", "a next hop type")
		}
		seen[strings.ToLower(r.Name)] = true
		if strings.EqualFold(p.NextHopType, TypeVirtualAppliance) && p.NextHopIPAddress != "" {
			hop, err := netip.ParseAddr(p.NextHopIPAddress)
			if err != nil {
				complain(i, "properties.nextHopIpAddress", p.NextHopIPAddress, "an IP address")
			}
			route.Hop = hop
		}
		t.Routes = append(t.Routes, route)
	}
	if bad != nil {
		return t, bad
	}
	return t, nil
}

// Patch returns the table's JSON with the next hops of changes replaced. All
// other members stay as they were, known or not. It fails if a change no longer
// fits the JSON.
func Patch(raw []byte, changes []Change) ([]byte, error) {
	var top, props map[string]json.RawMessage
	var routes []json.RawMessage
	if err := json.Unmarshal(raw, &top); err != nil {
		return nil, fmt.Errorf("patch route table: %w", err)
	}
	if err := json.Unmarshal(top["properties"], &props); err != nil {
		return nil, fmt.Errorf("patch route table: properties: %w", err)
	}
	if err := json.Unmarshal(props["routes"], &routes); err != nil {
		return nil, fmt.Errorf("patch route table: routes: %w", err)
	}
	left := make(map[string]Change, len(changes))
	for _, c := range changes {
		left[strings.ToLower(c.Route)] = c
	}
	for i, r := range routes {
		var name struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(r, &name); err != nil {
			return nil, fmt.Errorf("patch route table: routes[%d]: %w", i, err)
		}
		c, ok := left[strings.ToLower(name.Name)]
		if !ok {
			continue
		}
		delete(left, strings.ToLower(name.Name))
		patched, err := patchRoute(r, c)
		if err != nil {
			return nil, fmt.Errorf("patch route table: routes[%d] (%s): %w", i, name.Name, err)
		}
		routes[i] = patched
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("patch route table: %d of %d changed routes are not in the table", len(left), len(changes))
	}
	if err := put(props, "routes", routes); err != nil {
		return nil, err
	}
	if err := put(top, "properties", props); err != nil {
		return nil, err
	}
	return json.Marshal(top)
}

func patchRoute(raw json.RawMessage, c Change) (json.RawMessage, error) {
	var route, props map[string]json.RawMessage
	if err := json.Unmarshal(raw, &route); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(route["properties"], &props); err != nil {
		return nil, err
	}
	var old string
	if err := json.Unmarshal(props["nextHopIpAddress"], &old); err != nil {
		return nil, err
	}
	if addr, err := netip.ParseAddr(old); err != nil || addr != c.From {
		return nil, fmt.Errorf("next hop is %q, not %s", old, c.From)
	}
	if err := put(props, "nextHopIpAddress", c.To.String()); err != nil {
		return nil, err
	}
	if err := put(route, "properties", props); err != nil {
		return nil, err
	}
	return json.Marshal(route)
}

func put(object map[string]json.RawMessage, name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	object[name] = b
	return nil
}
