// Package events takes the webhooks of Meraki, Azure Monitor and Event Grid, and
// makes of each event one nudge: start the next tick now. An event decides nothing;
// the tick that it starts asks the members itself.
//
// It guarantees that nothing nudges without the source's secret, which is compared
// in constant time; that an event nudges at most once within a day, and only while
// it is young; that a source cannot nudge without end; that every outcome is counted;
// that no secret gets into an answer; and that it calls nobody: an address inside an
// event is never visited. It does not keep events, does not know groups, does not
// say whether a nudge was followed, and does no TLS.
//
// The senders are no browsers. They may not be sent through
// [http.CrossOriginProtection], because CloudEvents puts an Origin into every
// delivery; a secret that no browser adds by itself does its work.
//
// It imports nothing of this module. app imports it.
package events

import (
	"errors"
	"net/http"
	"time"
)

// Source is a sender of events. Its text is a part of the path, and a label.
type Source string

// The sources.
const (
	// Meraki is the Dashboard's webhook, with its secret in the body.
	Meraki Source = "meraki"
	// AzureMonitor is the webhook of an action group: the common alert schema, and
	// the older one of activity log alerts.
	AzureMonitor Source = "azure-monitor"
	// EventGrid is a webhook subscription of Azure Event Grid, in its own schema or
	// in CloudEvents 1.0.
	EventGrid Source = "event-grid"
)

// Sources returns every source, in the order in which they are shown.
func Sources() []Source { return []Source{Meraki, AzureMonitor, EventGrid} }

// Path is where the source's events are taken.
func (s Source) Path() string { return "/v1/events/" + string(s) }

// Event is what is known of one accepted event. Its texts are the sender's, without
// control characters and of bounded length.
type Event struct {
	Source Source
	// Kind is the sender's word for what happened, such as "stopped_reporting",
	// "Resource Health Fired" or "Microsoft.Resources.ResourceActionSuccess".
	Kind string
	// Subjects is what it happened to, the most telling first: ARM ids, in the
	// sender's case, or the device's serial and the networks. It may be empty.
	Subjects []string
	// ID is the sender's id of the event. It may be empty.
	ID string
	// Occurred is when it happened, by the sender's clock, in UTC.
	Occurred time.Time
}

// Options is what a [Handler] needs: Nudge, Now, and at least one source.
type Options struct {
	// The sources that are listened to, each with its secret as it is now; nil is not
	// listened to. The function answers from memory, by several goroutines at once.
	// While it gives an empty secret, which anybody could guess, nothing is accepted
	// from that source: one that is kept elsewhere need not be known at once.
	Meraki, AzureMonitor, EventGrid func() Secret
	// Nudge is called once for each event that shall start a tick. It must not
	// block and is called by several goroutines at once: whoever gives it unites
	// what comes at the same time.
	Nudge func(Event)
	Now   func() time.Time
}

// Handler is an [http.Handler] of the paths of its sources. It is safe for
// concurrent use.
type Handler struct {
	endpoints map[string]*endpoint // by path
}

// New returns a handler, or an error that names everything that Options lacks.
func New(o Options) (*Handler, error) {
	var errs []error
	if o.Nudge == nil {
		errs = append(errs, errors.New("events: there is no Nudge"))
	}
	if o.Now == nil {
		errs = append(errs, errors.New("events: there is no Now"))
	}
	if o.Meraki == nil && o.AzureMonitor == nil && o.EventGrid == nil {
		errs = append(errs, errors.New("events: there is no source"))
	}
	h := &Handler{endpoints: map[string]*endpoint{}}
	for _, e := range []*endpoint{
		{source: Meraki, dialect: merakiDialect(), secret: o.Meraki},
		{source: AzureMonitor, dialect: azureMonitorDialect(), secret: o.AzureMonitor},
		{source: EventGrid, dialect: eventGridDialect(), secret: o.EventGrid},
	} {
		if e.secret != nil {
			e.nudge, e.now, e.inbox = o.Nudge, o.Now, newInbox()
			h.endpoints[e.source.Path()] = e
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return h, nil
}

// ServeHTTP takes events. Whatever it refuses is answered with problem JSON of
// RFC 9457; an event that is taken and nudges nothing is answered 200, because a
// sender that is refused comes again, or gives up for good.
//
// The paths are compared by hand: a ServeMux would answer one with "//" by a
// redirection, and repeat the token of the query in it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, ok := h.endpoints[r.URL.Path]
	if !ok {
		problem{Status: http.StatusNotFound, Detail: "no events are taken here"}.write(w)
		return
	}
	e.serve(w, r)
}

// Counts returns how often each outcome was seen since the start, zeros included,
// in a fixed order.
func (h *Handler) Counts() []Count {
	var out []Count
	for _, s := range Sources() {
		if e, ok := h.endpoints[s.Path()]; ok {
			out = append(out, e.inbox.counts(s)...)
		}
	}
	return out
}
