package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/events"
	"hopguard/internal/journal"
)

const (
	// usualWrite is how long Azure takes for one route table, as recorded in 2026.
	usualWrite = 2 * time.Second
	// maxOrder is the longest order, in bytes.
	maxOrder = 16 << 10
)

// status shows every group, or the one of ?group=: it asks all checks, and stores and
// writes nothing.
func (f *Functions) status(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	names, err := a.named(r.URL.Query().Get("group"))
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return nil
	}
	page := struct {
		Groups []journal.JSON `json:"groups"`
	}{}
	for _, report := range a.tickNamed(r, names, controller.Request{DryRun: true}) {
		page.Groups = append(page.Groups, journal.Wire(report))
	}
	respond(w, http.StatusOK, "application/json", page)
	return nil
}

// plan shows what a tick would change or, with ?active=MEMBER, what making that
// member active would, and how long it takes.
func (f *Functions) plan(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	q := r.URL.Query()
	req := controller.Request{DryRun: true}
	names, err := a.named(q.Get("group"))
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return nil
	}
	if active := q.Get("active"); active != "" {
		c, err := a.one(q.Get("group"))
		if err == nil {
			_, err = memberOf(c, active)
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return nil
		}
		req.Order = &decide.Order{Kind: decide.OrderSwitch, To: appliance.MemberName(active), Force: true, By: callerName}
	}
	page := struct {
		Groups []journal.JSON `json:"groups"`
	}{}
	for _, report := range a.tickNamed(r, names, req) {
		wire := journal.Wire(report)
		wire.Predicted = a.Predict(report, usualWrite).String()
		page.Groups = append(page.Groups, wire)
	}
	respond(w, http.StatusOK, "application/json", page)
	return nil
}

// named returns the group of that name; all groups without a name.
func (a *App) named(name string) ([]appliance.GroupName, error) {
	if name == "" {
		return a.Groups(), nil
	}
	if a.group(appliance.GroupName(name)) == nil {
		return nil, fmt.Errorf("no group is called %q", short(name))
	}
	return []appliance.GroupName{appliance.GroupName(name)}, nil
}

func (a *App) tickNamed(r *http.Request, names []appliance.GroupName, req controller.Request) []*controller.Report {
	if len(names) == len(a.groups) {
		return a.TickAll(r.Context(), req)
	}
	return []*controller.Report{a.Tick(r.Context(), names[0], req)}
}

// events hands a request to the events' own handler. One that nudges has every group
// looked after at once: by the invocation that watches it here, if there is one, and
// through the queue by whatever instance the platform chooses.
func (f *Functions) events(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	if a.listener == nil {
		refuse(w, http.StatusNotFound, errors.New("no sender of events is believed: see the section events of the configuration"))
		return nil
	}
	f.renew(a, r)
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = events.Source(r.PathValue("source")).Path(), ""
	heard := &heard{ResponseWriter: w}
	a.listener.handler.ServeHTTP(heard, inner)
	var answer struct{ Nudged int }
	if err := json.Unmarshal(heard.body.Bytes(), &answer); err != nil || answer.Nudged == 0 {
		return nil // refused, or nothing to do
	}
	return a.enqueue("event").Outputs
}

// heard keeps what is written.
type heard struct {
	http.ResponseWriter
	body bytes.Buffer
}

// Write implements [http.ResponseWriter].
func (h *heard) Write(p []byte) (int, error) {
	h.body.Write(p)
	return h.ResponseWriter.Write(p)
}

// renew reads the secrets of the senders again when they are old.
func (f *Functions) renew(a *App, r *http.Request) {
	f.mu.Lock()
	due := f.renewed.IsZero() || a.now().Sub(f.renewed) >= secretEvery
	if due {
		f.renewed = a.now()
	}
	f.mu.Unlock()
	if !due {
		return
	}
	for _, s := range a.listener.sources {
		if err := s.renew(r.Context()); err != nil {
			a.log.WarnContext(r.Context(), "secret not read", "err", err)
			f.mu.Lock()
			f.renewed = time.Time{}
			f.mu.Unlock()
		}
	}
}

// respond answers with v as JSON.
func respond(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("app: " + err.Error()) // it is made of texts
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader may have gone
}

// refuse answers with a problem as RFC 9457 has it.
func refuse(w http.ResponseWriter, status int, why error) {
	respond(w, status, "application/problem+json", struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, why.Error()})
}
