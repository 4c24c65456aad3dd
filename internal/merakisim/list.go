package merakisim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list describes one operation that gives a list.
type list struct {
	perPage int      // the most, and what is given when nobody asks
	arrays  []string // parameters that select rows, without their brackets
	words   map[string][]string
	rows    func(s *Sim, o *organization, t time.Time) []row
}

// row is one item: the id that orders the list, the values that filters look at,
// and what is sent.
type row struct {
	id     string
	values map[string][]string
	item   any
}

// lists are the operations, by their path below an organization.
func lists() map[string]list {
	return map[string]list{
		"appliance/vpn/statuses": {perPage: 300, arrays: []string{"networkIds"}, rows: (*Sim).vpnRows},
		"devices/availabilities": {
			perPage: 1000, arrays: []string{"networkIds", "productTypes", "serials", "tags", "statuses"},
			words: map[string][]string{
				"tagsFilterType": {"withAllTags", "withAnyTags"},
				"statuses":       {"alerting", "dormant", "offline", "online"},
				"productTypes": {
					"appliance", "camera", "campusGateway", "cellularGateway", "secureConnect", "sensor", "switch",
					"systemsManager", "wireless", "wirelessController",
				},
			},
			rows: (*Sim).availabilityRows,
		},
	}
}

// parameters are all query parameters that the operation knows, as they are sent.
func (l list) parameters() []string {
	names := []string{"perPage", "startingAfter", "endingBefore"}
	for _, a := range l.arrays {
		names = append(names, a+"[]")
	}
	if l.words["tagsFilterType"] != nil {
		names = append(names, "tagsFilterType")
	}
	return names
}

// list answers with one page.
func (s *Sim) list(rq *request, o *organization, l list) *reply {
	if text := l.refuse(rq.query); text != "" {
		return problem(http.StatusBadRequest, text)
	}
	if !s.opts.IgnoreUnknownIDs {
		for _, id := range rq.query["networkIds[]"] {
			if n := s.networks[id]; n == nil || n.org != o {
				return problem(http.StatusBadRequest, "Invalid network ID: "+id) // [U]
			}
		}
		for _, id := range rq.query["serials[]"] {
			if d := s.devices[id]; d == nil || d.network.org != o {
				return problem(http.StatusBadRequest, "Invalid serial: "+id) // [U]
			}
		}
	}
	rows := slices.DeleteFunc(l.rows(s, o, rq.now), func(r row) bool { return !l.selects(r, rq.query) })
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.id, b.id) })
	page, first, last := cut(rows, rq.query, l.size(rq.query))
	items := make([]any, len(page))
	for i, r := range page {
		items[i] = r.item
	}
	rep := answer(http.StatusOK, items)
	rep.header.Set("Link", links(rq, page, first, last))
	return rep
}

// refuse says what is wrong with a query. The texts are [U], and so is whether a
// parameter that nobody knows is refused or ignored.
func (l list) refuse(q url.Values) string {
	for _, name := range sortedKeys(q) {
		switch {
		case slices.Contains(l.arrays, name):
			return fmt.Sprintf("'%s' must be an array", name)
		case !slices.Contains(l.parameters(), name):
			return fmt.Sprintf("'%s' is not a parameter of this operation", name)
		}
		for _, v := range q[name] {
			if allowed, ok := l.words[strings.TrimSuffix(name, "[]")]; ok && !slices.Contains(allowed, v) {
				return fmt.Sprintf("'%s' must be one of: %s", name, strings.Join(allowed, ", "))
			}
		}
	}
	if text := q.Get("perPage"); text != "" {
		if n, err := strconv.Atoi(text); err != nil || n < 3 || n > l.perPage {
			return fmt.Sprintf("'perPage' must be between 3 and %d", l.perPage)
		}
	}
	if q.Get("startingAfter") != "" && q.Get("endingBefore") != "" {
		return "'startingAfter' and 'endingBefore' must not be used together"
	}
	return ""
}

func (l list) size(q url.Values) int {
	n, err := strconv.Atoi(q.Get("perPage"))
	if err != nil {
		return l.perPage
	}
	return n
}

// selects reports whether a row passes all filters: inside one filter any value
// does, except for tags, where all must by default.
func (l list) selects(r row, q url.Values) bool {
	for _, name := range l.arrays {
		wanted := q[name+"[]"]
		if len(wanted) == 0 {
			continue
		}
		matches := 0
		for _, w := range wanted {
			if slices.Contains(r.values[name], w) {
				matches++
			}
		}
		all := name == "tags" && q.Get("tagsFilterType") != "withAnyTags"
		if matches == 0 || all && matches < len(wanted) {
			return false
		}
	}
	return true
}

// cut takes a page out of rows that are in order, and says whether it is the first
// and the last one.
func cut(rows []row, q url.Values, size int) (page []row, first, last bool) {
	var from, to int
	switch before := q.Get("endingBefore"); before {
	case "":
		after := q.Get("startingAfter")
		from = countIf(rows, func(r row) bool { return r.id <= after })
		to = min(len(rows), from+size)
	case "0": // names the end of the list in the link "last"
		to = len(rows)
		from = max(0, to-size)
	default:
		to = countIf(rows, func(r row) bool { return r.id < before })
		from = max(0, to-size)
	}
	return rows[from:to], from == 0, to == len(rows)
}

func countIf(rows []row, holds func(row) bool) int {
	n := 0
	for _, r := range rows {
		if holds(r) {
			n++
		}
	}
	return n
}

// links is the header of page Pagination: relations are not quoted, a page without
// "next" is the last, and the first has no "prev".
func links(rq *request, page []row, first, last bool) string {
	link := func(rel, name, token string) string {
		q := url.Values{}
		for k, v := range rq.query {
			if k != "startingAfter" && k != "endingBefore" {
				q[k] = v
			}
		}
		q.Set(name, token)
		u := url.URL{Path: rq.http.URL.Path, RawPath: rq.http.URL.RawPath, RawQuery: q.Encode()}
		return "<" + origin(rq.http) + u.RequestURI() + ">; rel=" + rel
	}
	out := []string{link("first", "startingAfter", "0")}
	if !first && len(page) > 0 {
		out = append(out, link("prev", "endingBefore", page[0].id))
	}
	if !last && len(page) > 0 {
		out = append(out, link("next", "startingAfter", page[len(page)-1].id))
	}
	return strings.Join(append(out, link("last", "endingBefore", "0")), ", ")
}

// The items of the lists, with the members of the specification.
type (
	vpnItem struct {
		NetworkID          string           `json:"networkId"`
		NetworkName        string           `json:"networkName"`
		DeviceSerial       string           `json:"deviceSerial"`
		DeviceStatus       State            `json:"deviceStatus"`
		Uplinks            []uplinkItem     `json:"uplinks"`
		VPNMode            string           `json:"vpnMode"`
		ExportedSubnets    []subnetItem     `json:"exportedSubnets"`
		MerakiVPNPeers     []peerItem       `json:"merakiVpnPeers"`
		ThirdPartyVPNPeers []thirdPartyItem `json:"thirdPartyVpnPeers"`
	}
	uplinkItem struct {
		Interface string `json:"interface"`
		PublicIP  string `json:"publicIp"`
	}
	subnetItem struct {
		Subnet string `json:"subnet"`
		Name   string `json:"name"`
	}
	peerItem struct {
		NetworkID    string `json:"networkId"`
		NetworkName  string `json:"networkName"`
		Reachability string `json:"reachability"`
		Priority     int    `json:"priority,omitempty"` // of the hubs of a spoke only
	}
	thirdPartyItem struct {
		Name         string `json:"name"`
		PublicIP     string `json:"publicIp"`
		Reachability string `json:"reachability"`
	}
	availabilityItem struct {
		MAC         string            `json:"mac"`
		Name        string            `json:"name"`
		Network     map[string]string `json:"network"`
		ProductType string            `json:"productType"`
		Serial      string            `json:"serial"`
		Status      State             `json:"status"`
		Tags        []string          `json:"tags"`
	}
)

func (s *Sim) vpnRows(o *organization, t time.Time) []row {
	var rows []row
	for _, n := range o.networks {
		state := s.cloudState(n.device, t)
		item := vpnItem{
			NetworkID: n.ID, NetworkName: n.Name, DeviceSerial: n.Device.Serial, DeviceStatus: state, VPNMode: n.Mode,
			Uplinks: []uplinkItem{}, ExportedSubnets: []subnetItem{}, MerakiVPNPeers: s.peers(n, t), ThirdPartyVPNPeers: []thirdPartyItem{},
		}
		for _, u := range n.Uplinks {
			item.Uplinks = append(item.Uplinks, uplinkItem{Interface: u.Interface, PublicIP: u.Public.String()})
		}
		for _, net := range n.Subnets {
			item.ExportedSubnets = append(item.ExportedSubnets, subnetItem{Subnet: net.Prefix.String(), Name: net.Name})
		}
		for _, p := range n.ThirdParty {
			item.ThirdPartyVPNPeers = append(item.ThirdPartyVPNPeers,
				thirdPartyItem{Name: p.Name, PublicIP: p.Public.String(), Reachability: working(state.answers())})
		}
		rows = append(rows, row{id: n.ID, values: map[string][]string{"networkIds": {n.ID}}, item: item})
	}
	return rows
}

// ends are the other ends of a network's tunnels: the hubs of a spoke in its order;
// then, for a hub, its spokes and the other hubs of the organization.
func (s *Sim) ends(n *network) []*network {
	var list []*network
	for _, id := range n.Hubs {
		list = append(list, s.networks[id])
	}
	for _, other := range n.org.networks {
		if slices.Contains(other.Hubs, n.ID) || n.Mode == "hub" && other.Mode == "hub" && other != n {
			list = append(list, other)
		}
	}
	return list
}

func (s *Sim) peers(n *network, t time.Time) []peerItem {
	items := []peerItem{}
	for i, other := range s.ends(n) {
		item := peerItem{NetworkID: other.ID, NetworkName: other.Name, Reachability: s.reachability(n, other, t)}
		if i < len(n.Hubs) {
			item.Priority = i + 1
		}
		items = append(items, item)
	}
	return items
}

func (s *Sim) availabilityRows(o *organization, t time.Time) []row {
	var rows []row
	for _, n := range o.networks {
		d := n.device
		status := s.availability(d, t)
		tags := d.Tags
		if tags == nil {
			tags = []string{}
		}
		rows = append(rows, row{
			id: d.Serial,
			values: map[string][]string{
				"networkIds": {n.ID}, "productTypes": {"appliance"}, "serials": {d.Serial}, "tags": tags, "statuses": {string(status)},
			},
			item: availabilityItem{
				MAC: d.MAC, Name: d.Name, Network: map[string]string{"id": n.ID}, ProductType: "appliance", Serial: d.Serial,
				Status: status, Tags: tags,
			},
		})
	}
	return rows
}
