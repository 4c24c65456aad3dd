package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// tableVersion is the api-version that people use, newer than production code's.
const tableVersion = "2025-05-01"

// document is a table as a person edits it.
type document map[string]any

func (d document) properties() map[string]any { return member(d, "properties") }

// member returns an object inside an object, which it makes if it is not there.
func member(m map[string]any, name string) map[string]any {
	inner, ok := m[name].(map[string]any)
	if !ok {
		inner = map[string]any{}
		m[name] = inner
	}
	return inner
}

func (d document) routes() []map[string]any {
	var out []map[string]any
	list, _ := d.properties()["routes"].([]any)
	for _, r := range list {
		if m, ok := r.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// request is one by the owner of the cloud, who is no production code.
func (w *world) request(method, id string, doc document, etag string) (int, document) {
	var body []byte
	if doc != nil {
		var err error
		if body, err = json.Marshal(doc); err != nil {
			w.broken(err)
			return 0, nil
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), method, inMemory+id+"?api-version="+tableVersion, bytes.NewReader(body))
	if err != nil {
		w.broken(err)
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+w.owner)
	req.Header.Set("Content-Type", "application/json")
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	resp, err, ok := send(w.azure.Transport(), req, body, false)
	if err != nil || !ok {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		return resp.StatusCode, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var got document
	if err := dec.Decode(&got); err != nil {
		return 0, nil
	}
	return resp.StatusCode, got
}

// change reads a table, edits it and writes it, with or without a condition.
func (w *world) change(id, what string, edit func(document)) bool {
	status, doc := w.request(http.MethodGet, id, nil, "")
	if doc == nil {
		w.say("HAND %s of %s: cannot read, %d", what, short(id), status)
		return false
	}
	etag := ""
	if w.rng.IntN(2) == 0 {
		etag, _ = doc["etag"].(string)
	}
	edit(doc)
	status, _ = w.request(http.MethodPut, id, doc, etag)
	w.say("HAND %s of %s: %d", what, short(id), status)
	return status == http.StatusOK || status == http.StatusCreated
}

// dress gives every table what production code has never heard of, before it looks.
func (w *world) dress() error {
	w.judge.look(nil) // a list that lags may show what was before
	for i, id := range w.azure.RouteTables() {
		done := w.change(id, "dress", func(d document) {
			d["laterMember"] = map[string]any{"list": []any{json.Number("1.50"), json.Number("12345678901234567890"), true}}
			member(d, "tags")["costs"] = fmt.Sprintf("cc-%d", i)
			for _, r := range d.routes() {
				member(r, "properties")["hasBgpOverride"] = false
				member(r, "properties")["laterNumber"] = json.Number("0.10")
			}
		})
		if !done {
			return fmt.Errorf("dress %s", id)
		}
		w.judge.look(nil)
	}
	return nil
}

// anyTable is the id of a table; ours says that it must be one of the group.
func (w *world) anyTable(ours bool) string {
	ids := w.judge.ids
	if ours {
		ids = w.judge.own
	}
	return ids[w.rng.IntN(len(ids))]
}

// edit is what somebody does by hand, for reasons of their own.
func (w *world) edit() {
	id := w.anyTable(w.rng.IntN(4) > 0)
	switch w.rng.IntN(5) {
	case 0, 1:
		hop := w.judge.someHop(w.rng)
		which := w.rng.IntN(8)
		w.change(id, "next hop "+hop, func(d document) {
			if all := d.routes(); len(all) > 0 {
				r := all[which%len(all)]
				member(r, "properties")["nextHopIpAddress"] = hop
			}
		})
	case 2:
		n := w.rng.IntN(1000)
		w.change(id, "tag", func(d document) { member(d, "tags")["env"] = fmt.Sprintf("env-%d", n) })
	case 3:
		n := w.rng.IntN(1000)
		w.change(id, "properties", func(d document) {
			d.properties()["disableBgpRoutePropagation"] = n%2 == 0
			member(d, "laterMember")["number"] = n
		})
	default:
		hop, n := w.judge.someHop(w.rng), w.rng.IntN(200)
		w.change(id, "routes", func(d document) {
			all := d.routes()
			if n%2 == 0 && len(all) > 2 {
				d.properties()["routes"] = d.properties()["routes"].([]any)[:len(all)-1]
				return
			}
			list, _ := d.properties()["routes"].([]any)
			d.properties()["routes"] = append(list, map[string]any{
				"name": fmt.Sprintf("added-%d", n),
				"properties": map[string]any{
					"addressPrefix": fmt.Sprintf("172.20.%d.0/24", n), "nextHopType": "VirtualAppliance", "nextHopIpAddress": hop,
				},
			})
		})
	}
}

// overwrite is what a tool does that has read long ago and writes all it knows.
func (w *world) overwrite(length time.Duration) {
	id := w.anyTable(w.rng.IntN(4) > 0)
	_, doc := w.request(http.MethodGet, id, nil, "")
	if doc == nil {
		return
	}
	w.say("HAND a tool reads %s", short(id))
	w.after(length, func() {
		status, _ := w.request(http.MethodPut, id, doc, "")
		w.say("HAND a tool overwrites %s as it was %s ago: %d", short(id), length.Round(time.Millisecond), status)
	})
}

// disturbTable takes a table away from the group for a time.
func (w *world) disturbTable(length time.Duration) {
	id := w.anyTable(true)
	switch w.rng.IntN(4) {
	case 0, 1:
		value := []any{nil, "EMEA", "apac"}[w.rng.IntN(3)]
		done := w.change(id, fmt.Sprintf("tag becomes %v", value), func(d document) {
			if value == nil {
				delete(member(d, "tags"), tagName)
				return
			}
			member(d, "tags")[tagName] = value
		})
		if done {
			w.after(length, func() { w.tagAgain(id) })
		}
	default:
		id = w.judge.loose
		_, doc := w.request(http.MethodGet, id, nil, "")
		if doc == nil {
			return
		}
		status, _ := w.request(http.MethodDelete, id, nil, "")
		w.say("HAND delete %s: %d", short(id), status)
		if status == http.StatusAccepted || status == http.StatusOK || status == http.StatusNoContent {
			w.after(max(length, 4*time.Second), func() {
				status, _ := w.request(http.MethodPut, id, doc, "")
				w.say("HAND make %s again: %d", short(id), status)
			})
		}
	}
}

// tagAgain gives a table back to the group, however often that must be tried.
func (w *world) tagAgain(id string) {
	if !w.change(id, "tag again", func(d document) { member(d, "tags")[tagName] = tagValue }) {
		w.after(3*time.Second, func() { w.tagAgain(id) })
	}
}
