package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
)

// callerName is who gives an order that names nobody: the holder of a function key.
const callerName = "functions"

// wireOrder is the body of an order. What an order has no use for must be left out.
type wireOrder struct {
	// Group is needed if there are several.
	Group string `json:"group"`
	// To is the member, of failover and pin.
	To string `json:"to"`
	// For is how long a freeze lasts, like "1h".
	For string `json:"for"`
	// Force, of failover and pin with To, is for a member that is not up.
	Force bool `json:"force"`
	// By and Note are for the record.
	By   string `json:"by"`
	Note string `json:"note"`
	// DryRun shows the plan, and stores and writes nothing.
	DryRun bool `json:"dryRun"`
}

// errActive says that an order needs to know who is active.
var errActive = errors.New("who is active is not known")

// failover makes To active, or the member that is not.
func (f *Functions) failover(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	a.give(w, r, "to force", func(body wireOrder, c *controller.Controller) (decide.Order, error) {
		if body.To == "" {
			if body.Force {
				return decide.Order{}, errors.New(`"force" needs "to": say by name who gets the traffic`)
			}
			other, err := a.standby(r, c)
			return decide.Order{Kind: decide.OrderSwitch, To: other}, err
		}
		to, err := memberOf(c, body.To)
		return decide.Order{Kind: decide.OrderSwitch, To: to, Force: body.Force}, err
	})
	return nil
}

// failback makes the preferred member active.
func (f *Functions) failback(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	a.give(w, r, "", func(_ wireOrder, c *controller.Controller) (decide.Order, error) {
		return decide.Order{Kind: decide.OrderSwitch, To: c.Group.Preferred}, nil
	})
	return nil
}

// pin makes To active and keeps it so.
func (f *Functions) pin(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	a.give(w, r, "to force", func(body wireOrder, c *controller.Controller) (decide.Order, error) {
		to, err := memberOf(c, body.To)
		return decide.Order{Kind: decide.OrderPin, To: to, Force: body.Force}, err
	})
	return nil
}

// freeze stops all writes for a time.
func (f *Functions) freeze(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	a.give(w, r, "for", func(body wireOrder, _ *controller.Controller) (decide.Order, error) {
		length, err := time.ParseDuration(body.For)
		if err != nil || length <= 0 {
			return decide.Order{}, fmt.Errorf(`"for" is %q: want a duration above zero, like "1h"`, short(body.For))
		}
		return decide.Order{Kind: decide.OrderFreeze, For: length}, nil
	})
	return nil
}

// thaw ends a freeze or a pin.
func (f *Functions) thaw(a *App, w http.ResponseWriter, r *http.Request) map[string]any {
	a.give(w, r, "", func(wireOrder, *controller.Controller) (decide.Order, error) {
		return decide.Order{Kind: decide.OrderThaw}, nil
	})
	return nil
}

// give carries out an order through an ordinary tick, and answers with its report: 409
// if the order was refused, 502 if what it wants was not done.
func (a *App) give(w http.ResponseWriter, r *http.Request, uses string, wish func(wireOrder, *controller.Controller) (decide.Order, error)) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, errors.New("an order is given by POST"))
		return
	}
	body, err := readOrder(w, r, uses)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	c, err := a.one(body.Group)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	want, err := wish(body, c)
	switch {
	case errors.Is(err, errActive):
		refuse(w, http.StatusBadGateway, err)
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, err)
		return
	}
	want.By, want.Note = body.By, body.Note
	if want.By == "" {
		want.By = callerName
	}
	report := a.Tick(r.Context(), c.Group.Name, controller.Request{Order: &want, DryRun: body.DryRun})
	if !body.DryRun {
		a.flush(r.Context())
		a.log.InfoContext(r.Context(), "order", "group", report.Group, "kind", string(want.Kind), "to", want.To, "by", short(want.By), "refused", short(report.Decision.Refused))
		a.journal.Tick(r.Context(), report)
	}
	status := http.StatusOK
	switch {
	case report.Decision.Refused != "":
		status = http.StatusConflict
	case report.State() == controller.Failed:
		status = http.StatusBadGateway
	}
	wire := journal.Wire(report)
	if body.DryRun {
		wire.Predicted = a.Predict(report, usualWrite).String()
	}
	respond(w, status, "application/json", wire)
}

// readOrder reads a body; none is an order without any words.
func readOrder(w http.ResponseWriter, r *http.Request, uses string) (wireOrder, error) {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder))
	dec.DisallowUnknownFields()
	var body wireOrder
	if err := dec.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return wireOrder{}, fmt.Errorf("the order is malformed: %w", err)
	}
	if dec.More() {
		return wireOrder{}, errors.New("the order is malformed: something follows it")
	}
	for _, unused := range []struct {
		name  string
		given bool
	}{{"to", body.To != ""}, {"force", body.Force}, {"for", body.For != ""}} {
		if unused.given && !slices.Contains(strings.Fields(uses), unused.name) {
			return wireOrder{}, fmt.Errorf("%q has no meaning in this order", unused.name)
		}
	}
	if len(body.By) > maxWords || len(body.Note) > maxWords {
		return wireOrder{}, fmt.Errorf(`"by" and "note" have at most %d bytes each`, maxWords)
	}
	return body, nil
}

// maxWords bounds what an order puts into the record.
const maxWords = 500

// one returns the controller of the group that an order is for.
func (a *App) one(name string) (*controller.Controller, error) {
	names, err := a.named(name)
	switch {
	case err != nil:
		return nil, err
	case len(names) > 1:
		return nil, fmt.Errorf("there are several groups: want one of %v in \"group\"", names)
	}
	c, _ := a.Controller(names[0]) // it was just listed
	return c, nil
}

// memberOf finds a member by its name.
func memberOf(c *controller.Controller, name string) (appliance.MemberName, error) {
	m, ok := c.Group.Member(appliance.MemberName(name))
	if !ok {
		var names []appliance.MemberName
		for _, m := range c.Group.Members {
			names = append(names, m.Name)
		}
		return "", fmt.Errorf("group %s has no member %q: want one of %v", c.Group.Name, short(name), names)
	}
	return m.Name, nil
}

// standby asks who is active, and returns the other member.
func (a *App) standby(r *http.Request, c *controller.Controller) (appliance.MemberName, error) {
	now := a.Tick(r.Context(), c.Group.Name, controller.Request{DryRun: true})
	if now.Decided.IsZero() {
		return "", fmt.Errorf("%w: %w", errActive, now.Err())
	}
	for _, m := range c.Group.Members {
		if m.Name != now.Standing().Active {
			return m.Name, nil
		}
	}
	return "", fmt.Errorf("group %s has one member only", c.Group.Name)
}
