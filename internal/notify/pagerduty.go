package notify

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// PagerDutyURL is where events go if nothing else is said. The service region of the
// European Union has another one.
const PagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// PagerDuty sends events of the Events API v2. All messages about a group share one
// deduplication key, so they are one incident: it is triggered while the condition of
// the group is bad, and resolved when it is healthy.
type PagerDuty struct {
	Client *http.Client
	URL    Secret
	// Key is the routing key of the integration.
	Key   Secret
	Agent string
}

// pageSummary is how long the summary of an event may be.
const pageSummary = 1024

// Send implements Sender. A test is triggered and resolved at once, under a key of its
// own.
func (p PagerDuty) Send(ctx context.Context, m Message) error {
	key, err := p.Key(ctx)
	if err != nil {
		return &LaterError{Err: err}
	}
	events := []map[string]any{pageOf(m, strings.TrimSpace(key))}
	if m.Kind == KindTest {
		resolve := map[string]any{"routing_key": events[0]["routing_key"], "event_action": "resolve", "dedup_key": events[0]["dedup_key"]}
		events = append(events, resolve)
	}
	for _, e := range events {
		if err := (post{p.Client, p.URL, p.Agent}).send(ctx, encode(e), nil); err != nil {
			return err
		}
	}
	return nil
}

// pageOf is the event of a message.
func pageOf(m Message, key string) map[string]any {
	e := map[string]any{
		"routing_key": key, "event_action": "trigger", "dedup_key": "hopguard/" + string(m.Group), "client": "hopguard",
		"payload": map[string]any{
			"summary": cut(m.Subject, pageSummary), "source": "hopguard", "severity": m.Severity.String(),
			"timestamp": m.At.Format(time.RFC3339Nano), "component": string(m.Group), "group": string(m.Group), "class": string(m.Condition),
			"custom_details": m,
		},
	}
	switch {
	case m.Kind == KindTest:
		e["dedup_key"] = "hopguard/" + string(m.Group) + "/test"
	case m.Condition == Healthy:
		e["event_action"] = "resolve"
	}
	return e
}
