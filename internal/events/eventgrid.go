package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

const (
	// maxBatch is the most events that a subscription can be set to send at once.
	maxBatch = 5000
	// validationType is the event that asks to confirm a subscription.
	validationType = "Microsoft.EventGrid.SubscriptionValidationEvent"
	// healthTypes are the events that name the machine in their data.
	healthTypes = "Microsoft.ResourceNotifications.HealthResources."
)

var (
	errBatch      = errors.New("a delivery has between 1 and 5000 events")
	errID         = errors.New("an event has no id")
	errVersion    = errors.New("an event is not of CloudEvents 1.0, or lacks its source")
	errValidation = errors.New("a validation is one event in Event Grid's schema, with its code and the fitting aeg-event-type")
)

func eventGridDialect() dialect {
	return dialect{
		limit:     1 << 20,
		media:     []string{jsonMedia, "application/cloudevents+json", "application/cloudevents-batch+json"},
		challenge: "Bearer", handshake: true, parse: parseEventGrid,
	}
}

// gridEvent has the fields of both schemas: CloudEvents if there is a specversion.
type gridEvent struct {
	ID      string          `json:"id"`
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`

	Topic     string `json:"topic"`
	EventType string `json:"eventType"`
	EventTime string `json:"eventTime"`

	SpecVersion string `json:"specversion"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Time        string `json:"time"`
}

// parseEventGrid reads a delivery: one event, or a batch, in either schema.
func parseEventGrid(h http.Header, body []byte) (delivery, error) {
	events, err := batch(body)
	if err != nil {
		return delivery{}, err
	}
	for _, e := range events {
		if e.SpecVersion == "" && e.EventType == validationType {
			return validation(h, events)
		}
	}
	if validating(h) {
		return delivery{}, errValidation
	}
	d := delivery{messages: make([]message, 0, len(events))}
	for _, e := range events {
		m, err := e.message()
		if err != nil {
			return delivery{}, err
		}
		d.messages = append(d.messages, m)
	}
	return d, nil
}

// batch splits a body into its events. They are decoded one by one, so that a body
// of many small values cannot ask for more memory than the largest batch.
func batch(body []byte) ([]gridEvent, error) {
	if !json.Valid(body) {
		return nil, errNotJSON
	}
	body = bytes.TrimLeft(body, " \t\r\n")
	d := json.NewDecoder(bytes.NewReader(body))
	if body[0] != '[' {
		var e gridEvent
		if d.Decode(&e) != nil {
			return nil, errNotJSON
		}
		return []gridEvent{e}, nil
	}
	_, _ = d.Token() // the bracket that was just seen
	var events []gridEvent
	for d.More() {
		var e gridEvent
		if len(events) == maxBatch {
			return nil, errBatch
		}
		if d.Decode(&e) != nil {
			return nil, errNotJSON
		}
		events = append(events, e)
	}
	if len(events) == 0 {
		return nil, errBatch
	}
	return events, nil
}

// validation returns the code that confirms the subscription. The address beside it
// is for people who cannot answer the code; it is not read.
func validation(h http.Header, events []gridEvent) (delivery, error) {
	var data struct {
		ValidationCode string `json:"validationCode"`
	}
	announced := h.Get("Aeg-Event-Type")
	if len(events) != 1 || announced != "" && !validating(h) {
		return delivery{}, errValidation
	}
	_ = json.Unmarshal(events[0].Data, &data) // data of another shape have no code
	code := data.ValidationCode
	if code == "" || len(code) > maxText || strings.ContainsFunc(code, unprintable) {
		return delivery{}, errValidation
	}
	return delivery{validation: code}, nil
}

// validating reports whether the headers announce a validation.
func validating(h http.Header) bool {
	return strings.EqualFold(h.Get("Aeg-Event-Type"), "SubscriptionValidation")
}

func (g gridEvent) message() (message, error) {
	kind, origin, at := g.EventType, g.Topic, g.EventTime
	if g.SpecVersion != "" {
		kind, origin, at = g.Type, g.Source, g.Time
		if g.SpecVersion != "1.0" || origin == "" {
			return message{}, errVersion
		}
	}
	if g.ID == "" {
		return message{}, errID
	}
	sent, ok := instant(at)
	if !ok {
		return message{}, errTime
	}
	event := Event{Source: EventGrid, Kind: kind, ID: g.ID, Occurred: sent, Subjects: []string{g.Subject}}
	if strings.HasPrefix(kind, healthTypes) {
		g.health(&event)
	}
	event, err := check(event)
	if err != nil {
		return message{}, err
	}
	return message{Event: event, sent: sent, known: knownToEventGrid(kind), key: keyOf(origin, g.ID)}, nil
}

// health puts what the data of a health event say into the event, as far as they are
// what is expected.
func (g gridEvent) health(event *Event) {
	var data struct {
		ResourceInfo struct {
			Properties struct {
				TargetResourceID string `json:"targetResourceId"`
				OccurredTime     string `json:"occurredTime"`
			} `json:"properties"`
		} `json:"resourceInfo"`
	}
	_ = json.Unmarshal(g.Data, &data)
	p := data.ResourceInfo.Properties
	if p.TargetResourceID != "" {
		event.Subjects = []string{p.TargetResourceID}
	}
	if t, ok := instant(p.OccurredTime); ok {
		event.Occurred = t
	}
}

// knownToEventGrid knows what ARM and Resource Health say about a machine or a route
// table. Other types can be subscribed to, and mean nothing here.
func knownToEventGrid(kind string) bool {
	if rest, ok := strings.CutPrefix(kind, healthTypes); ok {
		return rest == "AvailabilityStatusChanged" || rest == "ResourceAnnotated"
	}
	rest, ok := strings.CutPrefix(kind, "Microsoft.Resources.Resource")
	if !ok {
		return false
	}
	for _, verb := range []string{"Write", "Delete", "Action"} {
		if end, ok := strings.CutPrefix(rest, verb); ok {
			return end == "Success" || end == "Failure" || end == "Cancel"
		}
	}
	return false
}
