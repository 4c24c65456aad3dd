package events_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/events"
)

const vm = "/subscriptions/5/resourceGroups/hub/providers/Microsoft.Compute/virtualMachines/vmx-a"

// gridEvent is an event in Event Grid's schema.
func gridEvent(changes map[string]any) string {
	return object(map[string]any{
		"topic": "/subscriptions/5", "subject": vm, "eventType": "Microsoft.Resources.ResourceActionSuccess",
		"eventTime": at(-3 * time.Second), "id": "g1", "dataVersion": "2", "metadataVersion": "1",
		"data": map[string]any{"operationName": "Microsoft.Compute/virtualMachines/deallocate/action", "resourceUri": vm},
	}, changes)
}

// cloudEvent is the same in CloudEvents.
func cloudEvent(changes map[string]any) string {
	return object(map[string]any{
		"specversion": "1.0", "source": "/subscriptions/5", "subject": vm, "type": "Microsoft.Resources.ResourceActionSuccess",
		"time": at(-3 * time.Second), "id": "g1", "data": map[string]any{"status": "Succeeded"},
	}, changes)
}

// health is the data of a health event.
func health(target, occurred any) map[string]any {
	return map[string]any{"resourceInfo": map[string]any{"properties": map[string]any{
		"targetResourceId": target, "occurredTime": occurred, "availabilityState": "Unavailable"}}}
}

// validation is the event that asks to confirm a subscription.
func validation(changes map[string]any) string {
	return gridEvent(map[string]any{
		"subject": "", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
		"data": json.RawMessage(object(map[string]any{
			"validationCode": "11AA-22", "validationUrl": "https://eventgrid.example:553/validate?id=1"}, changes)),
	})
}

func notification(tb testing.TB, body string) *http.Request {
	tb.Helper()
	r := request(tb, events.EventGrid, body)
	r.Header.Set("Aeg-Event-Type", "Notification")
	r.Header.Set("Aeg-Subscription-Name", "HOPGUARD")
	return r
}

func TestEventGridEvents(t *testing.T) {
	const available = "Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged"
	action := events.Event{
		Source: events.EventGrid, Kind: "Microsoft.Resources.ResourceActionSuccess", Subjects: []string{vm},
		ID: "g1", Occurred: morning().Add(-3 * time.Second),
	}
	with := func(change func(*events.Event)) []events.Event {
		e := action
		change(&e)
		return []events.Event{e}
	}
	kind := func(k string) []events.Event { return with(func(e *events.Event) { e.Kind = k }) }
	occurred := morning().Add(-20 * time.Minute)
	for _, tt := range []struct {
		name, body string
		outcomes   []events.Outcome
		want       []events.Event
	}{
		{"action", "[" + gridEvent(nil) + "]", []events.Outcome{events.Nudged}, []events.Event{action}},
		{"action-without-a-list", gridEvent(nil), []events.Outcome{events.Nudged}, []events.Event{action}},
		{"cloud-event", cloudEvent(nil), []events.Outcome{events.Nudged}, []events.Event{action}},
		{"cloud-event-in-a-list", " \n[" + cloudEvent(nil) + "]\n", []events.Outcome{events.Nudged}, []events.Event{action}},
		{"data-in-base64", cloudEvent(map[string]any{"data": nil, "data_base64": "AAEC"}), []events.Outcome{events.Nudged}, []events.Event{action}},
		{"write-by-somebody", gridEvent(map[string]any{"eventType": "Microsoft.Resources.ResourceWriteSuccess"}),
			[]events.Outcome{events.Nudged}, kind("Microsoft.Resources.ResourceWriteSuccess")},
		{"delete-cancelled", gridEvent(map[string]any{"eventType": "Microsoft.Resources.ResourceDeleteCancel"}),
			[]events.Outcome{events.Nudged}, kind("Microsoft.Resources.ResourceDeleteCancel")},
		{"action-failed", gridEvent(map[string]any{"eventType": "Microsoft.Resources.ResourceActionFailure"}),
			[]events.Outcome{events.Nudged}, kind("Microsoft.Resources.ResourceActionFailure")},
		{"health", gridEvent(map[string]any{"eventType": available, "subject": vm + "/else", "data": health(vm, at(-20*time.Minute))}),
			[]events.Outcome{events.Nudged}, with(func(e *events.Event) { e.Kind, e.Occurred = available, occurred })},
		{"health-in-cloud-events", cloudEvent(map[string]any{"type": available, "data": health(vm, at(-20*time.Minute))}),
			[]events.Outcome{events.Nudged}, with(func(e *events.Event) { e.Kind, e.Occurred = available, occurred })},
		{"health-without-a-target", gridEvent(map[string]any{"eventType": available, "data": health("", "later")}),
			[]events.Outcome{events.Nudged}, kind(available)},
		{"health-at-no-time", gridEvent(map[string]any{"eventType": available, "subject": "", "data": health(vm, 7)}),
			[]events.Outcome{events.Nudged}, kind(available)},
		{"health-of-another-shape", gridEvent(map[string]any{"eventType": available, "data": health(7, 7)}),
			[]events.Outcome{events.Nudged}, kind(available)},
		{"annotation", gridEvent(map[string]any{"eventType": "Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated"}),
			[]events.Outcome{events.Nudged}, kind("Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated")},
		{"unknown-health-nudges", gridEvent(map[string]any{"eventType": "Microsoft.ResourceNotifications.HealthResources.New"}),
			[]events.Outcome{events.UnknownKind}, kind("Microsoft.ResourceNotifications.HealthResources.New")},
		{"unknown-resource-event-nudges", gridEvent(map[string]any{"eventType": "Microsoft.Resources.ResourceActionPending"}),
			[]events.Outcome{events.UnknownKind}, kind("Microsoft.Resources.ResourceActionPending")},
		{"unknown-verb-nudges", gridEvent(map[string]any{"eventType": "Microsoft.Resources.ResourceMoveSuccess"}),
			[]events.Outcome{events.UnknownKind}, kind("Microsoft.Resources.ResourceMoveSuccess")},
		{"unknown-kind-nudges", gridEvent(map[string]any{"eventType": "Microsoft.Storage.BlobCreated", "subject": "", "data": "text"}),
			[]events.Outcome{events.UnknownKind}, with(func(e *events.Event) { e.Kind, e.Subjects = "Microsoft.Storage.BlobCreated", []string{} })},
		{"batch-of-both-schemas",
			fmt.Sprintf("[%s,%s,%s,%s]", gridEvent(nil), cloudEvent(map[string]any{"id": "g2"}),
				gridEvent(map[string]any{"id": "g3", "eventTime": at(-time.Hour)}), gridEvent(nil)),
			[]events.Outcome{events.Nudged, events.Nudged, events.Stale, events.Replayed},
			append(with(func(*events.Event) {}), with(func(e *events.Event) { e.ID = "g2" })...)},
		{"one-id-in-two-topics", fmt.Sprintf("[%s,%s]", gridEvent(nil), gridEvent(map[string]any{"topic": "/subscriptions/6"})),
			[]events.Outcome{events.Nudged, events.Nudged}, []events.Event{action, action}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.want(t, notification(t, tt.body), http.StatusOK, tt.outcomes...)
			if diff := cmp.Diff(tt.want, w.nudges()); diff != "" {
				t.Errorf("nudged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventGridContentTypes(t *testing.T) {
	for _, media := range []string{"application/cloudevents+json", "application/cloudevents-batch+json; charset=UTF-8", "application/json"} {
		w := newWorld(t)
		r := notification(t, cloudEvent(nil))
		r.Header.Set("Content-Type", media)
		w.want(t, r, http.StatusOK, events.Nudged)
	}
}

func TestEventGridMalformed(t *testing.T) {
	many := make([]string, 5001)
	for i := range many {
		many[i] = fmt.Sprintf(`{"id":"%d","eventType":"a","eventTime":%q}`, i, at(0))
	}
	for name, body := range map[string]string{
		"empty":                "",
		"white-space":          "  \n",
		"null":                 "null",
		"number":               "7",
		"empty-list":           "[]",
		"list-of-null":         "[null]",
		"list-of-numbers":      "[1]",
		"too-many":             "[" + strings.Join(many, ",") + "]",
		"two-bodies":           gridEvent(nil) + gridEvent(nil),
		"second-one-broken":    "[" + gridEvent(nil) + "," + gridEvent(map[string]any{"id": "g2", "eventTime": "now"}) + "]",
		"no-id":                gridEvent(map[string]any{"id": nil}),
		"no-type":              gridEvent(map[string]any{"eventType": nil}),
		"no-time":              gridEvent(map[string]any{"eventTime": nil}),
		"number-for-an-id":     gridEvent(map[string]any{"id": 7}),
		"number-for-a-subject": gridEvent(map[string]any{"subject": 7}),
		"number-in-a-list":     "[" + gridEvent(map[string]any{"subject": 7}) + "]",
		"control-in-id":        gridEvent(map[string]any{"id": "g\u202e1"}),
		"broken-utf-8":         gridEvent(map[string]any{"subject": "g\xff"}),
		"long-subject":         gridEvent(map[string]any{"subject": strings.Repeat("x", 2049)}),
		"cloud-0.3":            cloudEvent(map[string]any{"specversion": "0.3"}),
		"cloud-no-source":      cloudEvent(map[string]any{"source": nil}),
		"cloud-no-type":        cloudEvent(map[string]any{"type": nil}),
		"cloud-no-time":        cloudEvent(map[string]any{"time": nil}),
		"cloud-mixed-fields":   gridEvent(map[string]any{"specversion": "1.0", "source": "/s"}),
		"custom-schema":        `{"myId":"1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			newWorld(t).want(t, notification(t, body), http.StatusBadRequest, events.Malformed)
		})
	}
	t.Run("largest-batch-is-fine", func(t *testing.T) {
		w := newWorld(t)
		w.send(t, notification(t, "["+strings.Join(many[1:], ",")+"]"))
		if c := w.counts(); c["event-grid unknown-kind"]+c["event-grid limited"] != 5000 {
			t.Errorf("counts %v, want 5000 events", c)
		}
	})
}

func TestEventGridValidation(t *testing.T) {
	for _, tt := range []struct {
		name, header, body string
		ok                 bool
	}{
		{"as-sent", "SubscriptionValidation", "[" + validation(nil) + "]", true},
		{"header-lost-on-the-way", "", "[" + validation(nil) + "]", true},
		{"not-in-a-list", "subscriptionvalidation", validation(nil), true},
		{"without-the-address", "SubscriptionValidation", validation(map[string]any{"validationUrl": nil}), true},
		{"another-header", "Notification", "[" + validation(nil) + "]", false},
		{"header-alone", "SubscriptionValidation", "[" + gridEvent(nil) + "]", false},
		{"no-code", "SubscriptionValidation", validation(map[string]any{"validationCode": nil}), false},
		{"number-for-a-code", "SubscriptionValidation", validation(map[string]any{"validationCode": 11}), false},
		{"long-code", "SubscriptionValidation", validation(map[string]any{"validationCode": strings.Repeat("1", 2049)}), false},
		{"control-in-code", "SubscriptionValidation", validation(map[string]any{"validationCode": "1\r\n2"}), false},
		{"beside-an-event", "SubscriptionValidation", "[" + gridEvent(nil) + "," + validation(nil) + "]", false},
		{"two", "SubscriptionValidation", "[" + validation(nil) + "," + validation(nil) + "]", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			r := request(t, events.EventGrid, tt.body)
			if tt.header != "" {
				r.Header.Set("aeg-event-type", tt.header)
			}
			if !tt.ok {
				w.want(t, r, http.StatusBadRequest, events.Malformed)
				return
			}
			rec := w.want(t, r, http.StatusOK, events.Handshake)
			if got, want := strings.TrimSpace(rec.Body.String()), `{"validationResponse":"11AA-22"}`; got != want {
				t.Errorf("answered %s, want %s", got, want)
			}
		})
	}
	t.Run("not-without-the-token", func(t *testing.T) {
		r := request(t, events.EventGrid, "["+validation(nil)+"]")
		r.Header.Del("Authorization")
		newWorld(t).want(t, r, http.StatusUnauthorized, events.Forged)
	})
	t.Run("type-in-cloud-events-is-an-event", func(t *testing.T) {
		const validate = "Microsoft.EventGrid.SubscriptionValidationEvent"
		w := newWorld(t)
		w.want(t, request(t, events.EventGrid, cloudEvent(map[string]any{"type": validate})), http.StatusOK, events.UnknownKind)
		w.want(t, request(t, events.EventGrid, cloudEvent(map[string]any{"eventType": validate, "id": "g2"})), http.StatusOK, events.Nudged)
	})
}

func TestCloudEventsHandshake(t *testing.T) {
	options := func(origin string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, events.EventGrid.Path()+"?token="+url.QueryEscape(secret), nil)
		if origin != "" {
			r.Header.Set("WebHook-Request-Origin", origin)
		}
		return r
	}
	t.Run("as-sent", func(t *testing.T) {
		r := options("eventgrid.azure.net")
		r.Header.Set("WebHook-Request-Callback", "https://callback.example/x")
		r.Header.Set("WebHook-Request-Rate", "120")
		rec := newWorld(t).want(t, r, http.StatusOK, events.Handshake)
		for name, want := range map[string]string{"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*", "Allow": "OPTIONS, POST"} {
			if got := rec.Header().Get(name); got != want {
				t.Errorf("header %s is %q, want %q", name, got, want)
			}
		}
		if rec.Body.Len() > 0 {
			t.Errorf("body %q", rec.Body)
		}
	})
	for _, origin := range []string{"", "*", "a b", "https://eventgrid.azure.net", "eventgrid.azure.net\u00e9", strings.Repeat("a", 254)} {
		t.Run("origin "+origin, func(t *testing.T) {
			rec := newWorld(t).want(t, options(origin), http.StatusBadRequest, events.Malformed)
			if got := rec.Header().Values("WebHook-Allowed-Origin"); len(got) > 0 {
				t.Errorf("leave was given to %q", got)
			}
		})
	}
	t.Run("not-without-the-token", func(t *testing.T) {
		r := options("eventgrid.azure.net")
		r.URL.RawQuery = ""
		rec := newWorld(t).want(t, r, http.StatusUnauthorized, events.Forged)
		if got := rec.Header().Values("WebHook-Allowed-Origin"); len(got) > 0 {
			t.Errorf("leave was given to %q", got)
		}
	})
}
