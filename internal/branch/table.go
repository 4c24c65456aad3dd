package branch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
	"hopguard/internal/route"
)

// Table is a route table as Azure answered it.
type Table struct {
	route.Table
	Location string
}

// Parse reads a route table.
func Parse(raw []byte) (Table, error) {
	t, err := route.Parse(raw)
	var w struct {
		Location string `json:"location"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &w)
	}
	return Table{Table: t, Location: w.Location}, err
}

// tagged reports whether a tag has that value. Azure ignores letter case in names.
func (t Table) tagged(name, value string) bool {
	got, ok := t.tag(name)
	return ok && got == value
}

func (t Table) tag(name string) (string, bool) {
	for k, v := range t.Tags {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// Owned reports whether the group has made the table.
func (w Want) Owned(t Table) bool { return t.tagged(OwnerTag, string(w.Group)) }

// RouteName is the name of the route to a prefix, and the mark of what hopguard may
// remove.
func RouteName(p netip.Prefix) string {
	return "hopguard-" + strings.NewReplacer(":", "_", "/", "-").Replace(p.String())
}

// Route is a route to be made, or to be removed.
type Route struct {
	Name   string       `json:"name"`
	Prefix netip.Prefix `json:"prefix"`
	Hop    netip.Addr   `json:"hop,omitzero"`
	// Source says who wants it.
	Source string `json:"source,omitempty"`
}

// TablePlan is what one table needs. It is one conditional write.
type TablePlan struct {
	Table appliance.ResourceID `json:"table"`
	// Location is where it is made.
	Location string `json:"location,omitempty"`
	// Create reports that it is not there.
	Create bool    `json:"create,omitzero"`
	Add    []Route `json:"add,omitempty"`
	// Remove are routes of hopguard's that nobody wants, after the delay.
	Remove []Route `json:"remove,omitempty"`
	// Unwanted are such routes that stay, Since when, and Until when at least.
	Unwanted []Route   `json:"unwanted,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	// Mark is the new value of UnwantedTag, and Unmark removes it.
	Mark    string           `json:"mark,omitempty"`
	Unmark  bool             `json:"unmark,omitzero"`
	Problem *peering.Problem `json:"problem,omitempty"`

	table Table
}

// Write reports whether the table needs a write.
func (p TablePlan) Write() bool {
	return p.Create || len(p.Add) > 0 || len(p.Remove) > 0 || p.Mark != "" || p.Unmark
}

// ETag is that of the table as it was read.
func (p TablePlan) ETag() string { return p.table.ETag }

// State is the provisioning state of the table as it was read.
func (p TablePlan) State() string { return p.table.State }

func refuse(code peering.Code, format string, args ...any) *peering.Problem {
	return &peering.Problem{Code: code, Refused: true, Text: fmt.Sprintf(format, args...)}
}

// The codes of problems beside those of package peering. They are only ever added to.
const (
	// CodeNoHop: the address of the active member is not known, or not in this family.
	CodeNoHop peering.Code = "no-hop"
	// CodeNoPrefix: no destination is wanted.
	CodeNoPrefix peering.Code = "no-prefix"
	// CodeTableTaken: a table of that name is somebody else's.
	CodeTableTaken peering.Code = "table-taken"
	// CodeTag: hopguard's table has lost the tag of the group.
	CodeTag peering.Code = "tag"
)

// Table compares a table with what it should be; nil is one that is not there.
func (w Want) Table(id appliance.ResourceID, location string, t *Table) TablePlan {
	p := TablePlan{Table: id, Location: location}
	switch {
	case len(id.Name()) > maxName:
		p.Problem = refuse(CodeTableTaken, "its name has %d characters, and Azure allows %d: shorten spokes.routeTable.name", len(id.Name()), maxName)
	case t == nil && len(w.Prefixes) == 0:
		p.Problem = refuse(CodeNoPrefix, "no destination is known: set branches.prefixes, or see why branches.meraki gives none")
	case t == nil:
		p.Create = true
		w.add(&p)
	case !w.Owned(*t) && !t.tagged(w.TagName, w.TagValue):
		p.Problem = refuse(CodeTableTaken, "hopguard has not made it, and it does not have the tag %s=%s", w.TagName, w.TagValue)
	case location != "" && !strings.EqualFold(t.Location, location):
		p.Problem = refuse(CodeTableTaken, "it is in %s, and the network in %s: spokes.routeTable.name must have {region} or {network} in it", t.Location, location)
	case !w.Owned(*t): // the group's, made by somebody else: its routes are theirs
		p.table = *t
	case !t.tagged(w.TagName, w.TagValue):
		p.Problem = refuse(CodeTag, "it has lost the tag %s=%s: no failover moves its routes", w.TagName, w.TagValue)
	default:
		p.table = *t
		w.add(&p)
		w.unwanted(&p)
	}
	if p.Problem != nil && p.Problem.Refused {
		p.Create, p.Add, p.Remove = false, nil, nil
	}
	return p
}

// add finds the routes that are missing. A route to the prefix that has another name,
// or another next hop, is as good: somebody wanted it so.
func (w Want) add(p *TablePlan) {
	have := map[string]bool{}
	for _, r := range p.table.Routes {
		if q, err := netip.ParsePrefix(r.Prefix); err == nil {
			have[q.Masked().String()] = true
		}
		have[strings.ToLower(r.Name)] = true
	}
	for _, want := range w.Prefixes {
		name := RouteName(want.Prefix)
		if have[want.Prefix.String()] || have[strings.ToLower(name)] {
			continue
		}
		hop, ok := w.Hops.To(want.Prefix)
		if !ok {
			p.Problem = refuse(CodeNoHop, "no next hop to %s: %s", want.Prefix, w.noHops())
			return
		}
		have[want.Prefix.String()] = true
		p.Add = append(p.Add, Route{Name: name, Prefix: want.Prefix, Hop: hop, Source: want.Source})
	}
	slices.SortFunc(p.Add, func(a, b Route) int { return a.Prefix.Compare(b.Prefix) })
	if n := len(p.table.Routes) + len(p.Add); n > maxRoutes {
		p.Problem = refuse(peering.CodeLimit, "it would have %d routes, and Azure allows %d: none of the new ones is added: %s", n, maxRoutes, some(p.Add))
	}
}

// some names the first of many routes.
func some(routes []Route) string {
	const most = 5
	var texts []string
	for i, r := range routes {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(routes)-most))
			break
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", r.Prefix, r.Source))
	}
	return strings.Join(texts, ", ")
}

func (w Want) noHops() string {
	if w.NoHops != "" {
		return w.NoHops
	}
	return "the active member has no address of that family"
}

// unwanted finds the routes that hopguard has made and nobody wants any more.
func (w Want) unwanted(p *TablePlan) {
	if w.Partial || len(w.Prefixes) == 0 {
		return
	}
	var list []Route
	for _, r := range p.table.Routes {
		q, err := netip.ParsePrefix(r.Prefix)
		if err != nil || !strings.EqualFold(r.Name, RouteName(q.Masked())) {
			continue
		}
		if !slices.ContainsFunc(w.Prefixes, func(x Prefix) bool { return x.Prefix == q.Masked() }) {
			list = append(list, Route{Name: r.Name, Prefix: q.Masked(), Hop: r.Hop})
		}
	}
	slices.SortFunc(list, func(a, b Route) int { return a.Prefix.Compare(b.Prefix) })
	mark, marked := p.table.tag(UnwantedTag)
	if len(list) == 0 {
		p.Unmark = marked
		return
	}
	since, ok := markedSince(mark, list)
	if !ok { // it begins now, and anew whenever the list changes
		since = w.Now
		p.Mark = markOf(since, list)
	}
	p.Since, p.Until = since, since.Add(w.RemoveAfter)
	if w.Remove && !w.Now.Before(p.Until) {
		p.Remove, p.Mark, p.Unmark = list, "", marked
		return
	}
	p.Unwanted = list
}

// markOf says since when which routes are unwanted, in the value of a tag.
func markOf(since time.Time, list []Route) string {
	var b strings.Builder
	for _, r := range list {
		b.WriteString(r.Prefix.String() + "\n")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return since.UTC().Format(time.RFC3339) + " " + hex.EncodeToString(sum[:])[:8]
}

func markedSince(mark string, list []Route) (time.Time, bool) {
	at, _, _ := strings.Cut(mark, " ")
	since, err := time.Parse(time.RFC3339, at)
	return since, err == nil && markOf(since, list) == mark
}

// Body returns the JSON of the table after the plan: of a new one, or of the one that
// was read with nothing else changed in it.
func (w Want) Body(p TablePlan) ([]byte, error) {
	if p.Create {
		return w.create(p), nil
	}
	var top, props map[string]json.RawMessage
	var routes []json.RawMessage
	err := errors.Join(json.Unmarshal(p.table.Raw, &top))
	if err == nil {
		err = json.Unmarshal(top["properties"], &props)
	}
	if err == nil && len(props["routes"]) > 0 {
		err = json.Unmarshal(props["routes"], &routes)
	}
	if err != nil || props == nil {
		return nil, fmt.Errorf("extend route table %.80q: %w", p.table.Raw, errors.Join(err))
	}
	routes = slices.DeleteFunc(routes, func(raw json.RawMessage) bool {
		var r struct {
			Name string `json:"name"`
		}
		return json.Unmarshal(raw, &r) == nil && slices.ContainsFunc(p.Remove, func(x Route) bool { return strings.EqualFold(x.Name, r.Name) })
	})
	for _, r := range p.Add {
		routes = append(routes, encode(wireRoute(r)))
	}
	props["routes"] = encode(routes)
	top["properties"] = encode(props)
	if p.Mark != "" || p.Unmark {
		tags := map[string]string{}
		for k, v := range p.table.Tags {
			if !strings.EqualFold(k, UnwantedTag) {
				tags[k] = v
			}
		}
		if p.Mark != "" {
			tags[UnwantedTag] = p.Mark
		}
		top["tags"] = encode(tags)
	}
	return encode(top), nil
}

func (w Want) create(p TablePlan) []byte {
	var routes []any
	for _, r := range p.Add {
		routes = append(routes, wireRoute(r))
	}
	return encode(map[string]any{
		"location":   p.Location,
		"tags":       map[string]string{w.TagName: w.TagValue, OwnerTag: string(w.Group)},
		"properties": map[string]any{"routes": routes},
	})
}

func wireRoute(r Route) any {
	return map[string]any{"name": r.Name, "properties": map[string]string{
		"addressPrefix": r.Prefix.String(), "nextHopType": route.TypeVirtualAppliance, "nextHopIpAddress": r.Hop.String(),
	}}
}

// Associate returns a subnet's JSON with the table in it. All other members stay as
// they were, known or not.
func Associate(raw []byte, table appliance.ResourceID) ([]byte, error) {
	var top, props map[string]json.RawMessage
	err := json.Unmarshal(raw, &top)
	if err == nil {
		err = json.Unmarshal(top["properties"], &props)
	}
	if err == nil && props == nil {
		err = errors.New("it has no properties")
	}
	if err != nil {
		return nil, fmt.Errorf("associate subnet %.80q: %w", raw, err)
	}
	props["routeTable"] = encode(map[string]string{"id": string(table)})
	top["properties"] = encode(props)
	return encode(top), nil
}

// encode encodes what always can be: strings, and JSON that was decoded.
func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("branch: encode %T: %v", v, err))
	}
	return text
}
