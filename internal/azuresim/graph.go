package azuresim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The part of Resource Graph's language that is understood; everything else is refused by name:
//
//	resources
//	| where type =~ 'microsoft.network/routetables'       (also ==, and: tags['k'], tags.k, subscriptionId, resourceGroup, location, name, id)
//	| where isnotnull(tags['k']) or isnotempty(tags['k'])  (one of them)
//	| where a and b
//	| project id, name, tags                              (column names, no expressions)
var (
	graphWhere    = regexp.MustCompile(`(?i)^\s*([a-z]+(?:\['[^']*'\]|\.[a-z0-9_-]+)?)\s*(=~|==)\s*(?:'([^']*)'|"([^"]*)")\s*$`)
	graphNotNull  = regexp.MustCompile(`(?i)^\s*isnot(?:null|empty)\(\s*([a-z]+(?:\['[^']*'\]|\.[a-z0-9_-]+)?)\s*\)\s*$`)
	graphProject  = regexp.MustCompile(`(?i)^\s*project\s+([a-z]+(?:\s*,\s*[a-z]+)*)\s*$`)
	graphTagIndex = regexp.MustCompile(`(?i)^tags(?:\['([^']*)'\]|\.([a-z0-9_-]+))$`)
)

// graphColumns are the columns of the table resources.
func graphColumns() []string {
	return []string{"id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy", "sku", "plan", "properties", "tags", "identity", "zones", "extendedLocation"}
}

// graphQuery is a query that was understood.
type graphQuery struct {
	conditions []func(row object) bool
	columns    []string
}

// parseGraph reads a query.
func parseGraph(text string) (graphQuery, error) {
	q := graphQuery{columns: graphColumns()}
	stages := strings.Split(text, "|")
	if lower(strings.TrimSpace(stages[0])) != "resources" {
		return q, fmt.Errorf("the table %q", strings.TrimSpace(stages[0]))
	}
	for _, stage := range stages[1:] {
		stage = strings.TrimSpace(stage)
		if m := graphProject.FindStringSubmatch(stage); m != nil {
			q.columns = nil
			for name := range strings.SplitSeq(m[1], ",") {
				name = strings.TrimSpace(name)
				i := slices.IndexFunc(graphColumns(), func(c string) bool { return strings.EqualFold(c, name) })
				if i < 0 {
					return q, fmt.Errorf("the column %q", name)
				}
				q.columns = append(q.columns, graphColumns()[i])
			}
			continue
		}
		ok := strings.HasPrefix(lower(stage), "where ")
		if !ok {
			return q, fmt.Errorf("the operator %q", stage)
		}
		for _, term := range splitAnd(stage[len("where "):]) {
			c, err := graphCondition(term)
			if err != nil {
				return q, err
			}
			q.conditions = append(q.conditions, c)
		}
	}
	return q, nil
}

// graphCondition reads one term of a where.
func graphCondition(term string) (func(row object) bool, error) {
	if m := graphNotNull.FindStringSubmatch(term); m != nil {
		return func(row object) bool { return graphValue(row, m[1]) != "" }, nil
	}
	m := graphWhere.FindStringSubmatch(term)
	if m == nil {
		return nil, fmt.Errorf("the condition %q", strings.TrimSpace(term))
	}
	want := m[3] + m[4]
	if m[2] == "==" {
		return func(row object) bool { return graphValue(row, m[1]) == want }, nil
	}
	return func(row object) bool { return strings.EqualFold(graphValue(row, m[1]), want) }, nil
}

// graphValue is a text column or one tag.
func graphValue(row object, column string) string {
	if m := graphTagIndex.FindStringSubmatch(column); m != nil {
		tags := row.obj("tags")
		for i := range tags {
			if tags[i].name == m[1]+m[2] { // unlike elsewhere, tag names are case-sensitive here
				v, _ := tags[i].value.(string)
				return v
			}
		}
		return ""
	}
	return row.str(column)
}

// graphQuota is Resource Graph's limit: requests per window for each caller.
const (
	graphQuota  = 15
	graphWindow = 5 * time.Second
)

// graph answers a query over all subscriptions that the request names, or all that exist. It filters rows by what the caller may
// read; types and resource groups are lower-cased; the state is behind.
func (s *Sim) graph(rq *request) *reply {
	w := s.window("graph", rq.principal.ObjectID, "")
	if rq.now.Sub(w.start) >= graphWindow {
		w.start, w.used = rq.now, 0
	}
	if w.used >= graphQuota {
		wait := w.start.Add(graphWindow).Sub(rq.now)
		rep := rq.provider(http.StatusTooManyRequests, "RateLimiting", "Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed.") // code and text [U]
		rep.retryAfter(wait)
		rq.budget.graph = "0"
		return rep
	}
	w.used++
	rq.budget.graph = fmt.Sprint(graphQuota - w.used)
	body, err := parseObject(rq.body)
	if err != nil {
		return rq.provider(http.StatusBadRequest, "BadRequest", "The request body is not JSON.")
	}
	q, err := parseGraph(body.str("query"))
	if err != nil {
		return rq.provider(http.StatusBadRequest, "BadRequest", "Please provide below info when asking for support.", detail{code: "InvalidQuery", message: "Query is invalid: this simulator does not understand " + err.Error() + "."})
	}
	rows := s.graphRows(rq, body, q)
	return s.graphPage(rq, body, q, rows)
}

// graphRows are the rows that a query selects.
func (s *Sim) graphRows(rq *request, body object, q graphQuery) []object {
	subs := texts(body.list("subscriptions"))
	at := rq.asOf(s.profile.IndexLag)
	var rows []object
	for _, su := range s.subscriptions {
		if len(subs) > 0 && !slices.ContainsFunc(subs, func(id string) bool { return strings.EqualFold(id, su.ID) }) {
			continue
		}
		for _, r := range s.visible(rq, su.ID, func(*resource, *version) bool { return true }) {
			row := graphRow(s.tenant, r, r.at(at))
			if !slices.ContainsFunc(q.conditions, func(c func(object) bool) bool { return !c(row) }) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func graphRow(tenant string, r *resource, v *version) object {
	doc, err := parseObject(v.body)
	if err != nil {
		panic("azuresim: a stored document is not JSON: " + err.Error())
	}
	zones, _ := doc.get("zones")
	var tags any
	if len(v.tags) > 0 {
		tags = v.tags
	}
	return object{
		{"id", r.id}, {"name", r.name}, {"type", lower(r.kind.name)}, {"tenantId", tenant}, {"kind", lower(doc.str("kind"))}, {"location", r.location}, {"resourceGroup", lower(r.group)},
		{"subscriptionId", r.sub}, {"managedBy", ""}, {"sku", nil}, {"plan", nil}, {"properties", doc.obj("properties")}, {"tags", tags}, {"identity", nil}, {"zones", zones}, {"extendedLocation", nil},
	}
}

// graphPage writes one page, as a table or as objects; which is the default depends on the api-version.
func (s *Sim) graphPage(rq *request, body object, q graphQuery, rows []object) *reply {
	options := body.obj("options")
	size := min(s.opts.PageSize, 1000)
	if v, ok := options.get("$top"); ok {
		var n int
		if number, isNumber := v.(json.Number); isNumber && json.Unmarshal([]byte(number), &n) == nil && n > 0 {
			size = min(size, n)
		}
	}
	total, first := len(rows), 0
	if token := options.str("$skipToken"); token != "" {
		b, err := base64.RawURLEncoding.DecodeString(token)
		if _, scanErr := fmt.Sscan(string(b), &first); err != nil || scanErr != nil || first < 0 || first > total {
			return rq.provider(http.StatusBadRequest, "BadRequest", "The skip token is not valid.")
		}
	}
	end := min(first+size, total)
	rows = rows[first:end]
	format := options.str("resultFormat")
	if format == "" {
		format = "objectArray"
		if rq.apiVersion < "2021-03-01" {
			format = "table"
		}
	}
	var data any
	if strings.EqualFold(format, "table") {
		data = graphTable(q.columns, rows)
	} else {
		list := []any{}
		for _, row := range rows {
			o := object{}
			for _, c := range q.columns {
				v, _ := row.get(c)
				o = append(o, member{c, v})
			}
			list = append(list, o)
		}
		data = list
	}
	o := object{{"totalRecords", number(total)}, {"count", number(len(rows))}, {"data", data}, {"facets", []any{}}, {"resultTruncated", "false"}}
	if end < total {
		o = append(o, member{"$skipToken", base64.RawURLEncoding.EncodeToString(fmt.Append(nil, end))})
	}
	return rq.ok(http.StatusOK, encode(o))
}

// graphTable is the table form of rows.
func graphTable(columns []string, rows []object) object {
	heads, list := []any{}, []any{}
	for _, c := range columns {
		typ := "string"
		if slices.Contains([]string{"properties", "tags", "sku", "plan", "identity", "zones", "extendedLocation"}, c) {
			typ = "object"
		}
		heads = append(heads, object{{"name", c}, {"type", typ}})
	}
	for _, row := range rows {
		cells := []any{}
		for _, c := range columns {
			v, _ := row.get(c)
			cells = append(cells, v)
		}
		list = append(list, cells)
	}
	return object{{"columns", heads}, {"rows", list}}
}
