package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"hopguard/internal/decide"
)

// Damage is what a round did that it should not have done.
type Damage struct {
	// Wrong and Lost are managed routes that point elsewhere than they should, or are
	// gone. Other are changes of anything else.
	Wrong, Lost, Other int
	// Record are contradictions in the record's history.
	Record int
	// Claims are reports of what never was so.
	Claims int
	// Late are writes of a controller that was paused, accepted after another one had
	// finished; Back are those that moved a route.
	Late, Back int
	Details    []string
}

// Any reports whether there is any.
func (d Damage) Any() bool {
	return d.Wrong+d.Lost+d.Other+d.Record+d.Claims+d.Late+d.Back > 0
}

// Add adds the damage of another round.
func (d *Damage) Add(o Damage) {
	d.Wrong, d.Lost, d.Other, d.Record = d.Wrong+o.Wrong, d.Lost+o.Lost, d.Other+o.Other, d.Record+o.Record
	d.Claims, d.Late, d.Back = d.Claims+o.Claims, d.Late+o.Late, d.Back+o.Back
	d.Details = append(d.Details, o.Details...)
}

func (d *Damage) add(n *int, format string, args ...any) {
	*n++
	d.Details = append(d.Details, fmt.Sprintf(format, args...))
}

// Group is whose routes are whose.
type Group struct {
	// Members are the next hops of all members.
	Members []string
	// Want is the one to which all routes shall point that point to a member.
	Want string
}

// Table compares a table of the group with what it was at first. Everything but the
// next hops must be as it was.
func (d *Damage) Table(id string, before, now []byte, g Group) {
	was, err := decode(before)
	is, isErr := decode(now)
	if err != nil || isErr != nil {
		d.add(&d.Other, "%s: %v %v", id, err, isErr)
		return
	}
	old, fresh := routesOf(was), routesOf(is)
	for _, name := range slices.Sorted(maps.Keys(old)) {
		a, b := old[name], fresh[name]
		if b == nil {
			d.add(&d.Lost, "%s: route %s is gone", id, name)
			continue
		}
		from, to := hop(a), hop(b)
		if slices.Contains(g.Members, from) {
			if to != g.Want {
				d.add(&d.Wrong, "%s: route %s is at %s, want %s", id, name, to, g.Want)
			}
			setHop(a, "")
			setHop(b, "")
		}
		if !reflect.DeepEqual(a, b) {
			d.add(&d.Other, "%s: route %s is %v, was %v", id, name, b, a)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fresh)) {
		if old[name] == nil {
			d.add(&d.Other, "%s: route %s is new", id, name)
		}
	}
	dropRoutes(was)
	dropRoutes(is)
	if !reflect.DeepEqual(was, is) {
		d.add(&d.Other, "%s is %v, was %v", id, is, was)
	}
}

// Foreign compares a table that is not the group's: nobody may have written it.
func (d *Damage) Foreign(id string, before, now []byte) {
	if string(before) != string(now) {
		d.add(&d.Other, "%s is not the group's and was written", id)
	}
}

// History compares the transitions of a record with those of the round before. Since
// then traffic moved to each of the members in turn, and not once more.
func (d *Damage) History(before, now decide.Record, moves ...string) {
	for i := 1; i < len(now.History); i++ {
		if a, b := now.History[i-1], now.History[i]; b.Epoch != a.Epoch+1 || b.From != a.To {
			d.add(&d.Record, "transition %d to %s is followed by %d from %s", a.Epoch, a.To, b.Epoch, b.From)
		}
	}
	if n := before.Epoch + uint64(len(moves)); now.Epoch != n {
		d.add(&d.Record, "the record is of epoch %d, want %d", now.Epoch, n)
	}
	last, ok := now.Last()
	if !ok || last.Epoch != now.Epoch || last.To != now.Active {
		d.add(&d.Record, "the last transition is %d to %s, and the record says %d and %s", last.Epoch, last.To, now.Epoch, now.Active)
	}
	for _, t := range now.History {
		for _, o := range before.History {
			if t.Epoch == o.Epoch && (t.To != o.To || !t.At.Equal(o.At)) {
				d.add(&d.Record, "transition %d was to %s at %s, and is to %s at %s", t.Epoch, o.To, o.At, t.To, t.At)
			}
		}
		if i := int(t.Epoch) - int(before.Epoch) - 1; i >= 0 && i < len(moves) && string(t.To) != moves[i] {
			d.add(&d.Record, "transition %d is to %s, want %s", t.Epoch, t.To, moves[i])
		}
	}
}

// decode reads a table without its etags.
func decode(raw []byte) (map[string]any, error) {
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	dropETags(doc)
	return doc, nil
}

func dropETags(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "etag")
		for _, inner := range v {
			dropETags(inner)
		}
	case []any:
		for _, inner := range v {
			dropETags(inner)
		}
	default: // has no members
	}
}

func properties(doc map[string]any) map[string]any {
	p, _ := doc["properties"].(map[string]any)
	return p
}

// routesOf returns a table's routes by their names.
func routesOf(doc map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	list, _ := properties(doc)["routes"].([]any)
	for _, v := range list {
		if r, ok := v.(map[string]any); ok {
			name, _ := r["name"].(string)
			all[name] = r
		}
	}
	return all
}

func dropRoutes(doc map[string]any) { delete(properties(doc), "routes") }

const hopMember = "nextHopIpAddress"

func hop(route map[string]any) string {
	text, _ := properties(route)[hopMember].(string)
	return text
}

func setHop(route map[string]any, to string) {
	if p := properties(route); p != nil {
		p[hopMember] = to
	}
}
