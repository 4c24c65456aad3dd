package events_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"hopguard/internal/events"
)

// shapes are bodies that every source gets, and that none sends.
func shapes() []string {
	return []string{
		"", " ", "null", "true", "0", `""`, "[]", "{}", "[{}]", "[[]]", "[null]", "{", "[", `{"`, `{"a":`, "{}{}", "\ufeff{}",
		strings.Repeat("[", 200), strings.Repeat(`{"data":`, 200), `{"sharedSecret":null}`, `{"SHAREDSECRET":"x","sharedSecret":"y"}`,
		`{"id":1e999}`, "{\"id\":\"\xff\"}", `{"id":"\ud800"}`, `{"id":"\u0000"}`,
	}
}

// fuzz sends a body twice, and checks what holds for every body.
func fuzz(t *testing.T, r func() *http.Request) {
	t.Helper()
	w := newWorld(t)
	first := w.send(t, r())
	nudged := w.nudges()
	if !slices.Contains([]int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge}, first.Code) {
		t.Errorf("answer %d", first.Code)
	}
	if first.Code != http.StatusOK && len(nudged) > 0 {
		t.Errorf("answer %d, and nudged %v", first.Code, nudged)
	}
	var nudges, events200 uint64
	for _, c := range w.h.Counts() {
		switch c.Outcome {
		case events.Nudged, events.UnknownKind:
			nudges += c.N
			events200 += c.N
		case events.Replayed, events.Stale, events.Early, events.Limited, events.Handshake:
			events200 += c.N
		case events.Forged, events.Oversized, events.Malformed, events.Unsupported, events.Unready:
			if c.N > 0 && first.Code == http.StatusOK {
				t.Errorf("counted %v, and answered 200", c)
			}
		default:
			t.Errorf("counted %v", c)
		}
	}
	if nudges != uint64(len(nudged)) || (events200 > 0) != (first.Code == http.StatusOK) {
		t.Errorf("counts %v, answer %d, nudges %d", w.counts(), first.Code, len(nudged))
	}
	for _, e := range nudged {
		if e.Kind == "" || e.Occurred.IsZero() || e.Occurred.Location() != time.UTC {
			t.Errorf("nudged %+v", e)
		}
		for _, text := range append([]string{e.Kind, e.ID}, e.Subjects...) {
			if len(text) > 2048 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("nudged by the text %q", text)
			}
		}
	}
	// The same again says the same and nudges nothing.
	second := w.send(t, r())
	if again := w.nudges(); second.Code != first.Code || len(again) > 0 {
		t.Errorf("the second time: answer %d after %d, nudged %v", second.Code, first.Code, again)
	}
	// A stranger gets nothing out of it.
	w.rotate("another")
	if rec := w.send(t, r()); rec.Code == http.StatusOK || len(w.nudges()) > 0 {
		t.Errorf("a stranger gets %d", rec.Code)
	}
}

func FuzzMeraki(f *testing.F) {
	for _, body := range append(shapes(),
		merakiAlert(nil),
		merakiAlert(map[string]any{"alertTypeId": "vpn_connectivity_change", "alertData": map[string]any{"connectivity": "true", "peerNetworkId": "N_2"}}),
		merakiAlert(map[string]any{"alertTypeId": nil, "alertId": ""}),
		merakiAlert(map[string]any{"sentAt": at(time.Hour)}),
		merakiAlert(map[string]any{"sentAt": at(-time.Hour)}),
		merakiAlert(map[string]any{"sharedSecret": "wrong"}),
		merakiAlert(map[string]any{"occurredAt": "2026-03-14T10:59:00+02:00"}),
	) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		fuzz(t, func() *http.Request { return request(t, events.Meraki, body) })
	})
}

func FuzzAzureMonitor(f *testing.F) {
	for _, body := range append(shapes(),
		commonAlert(nil),
		commonAlert(map[string]any{"monitorCondition": "Resolved", "resolvedDateTime": at(0)}),
		commonAlert(map[string]any{"alertTargetIDs": nil, "monitoringService": "x"}),
		activityLog(nil),
		activityLog(map[string]any{"submissionTimestamp": nil, "eventTimestamp": at(-time.Hour)}),
		`{"schemaId":"AzureMonitorMetricAlert","data":{}}`,
	) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		fuzz(t, func() *http.Request { return request(t, events.AzureMonitor, body) })
	})
}

func FuzzEventGrid(f *testing.F) {
	for _, body := range append(shapes(),
		gridEvent(nil),
		"["+gridEvent(nil)+","+cloudEvent(nil)+","+gridEvent(nil)+"]",
		cloudEvent(map[string]any{"data": "x"}),
		gridEvent(map[string]any{"eventType": "Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged", "data": health(vm, at(0))}),
		"["+validation(nil)+"]",
		"["+validation(nil)+","+gridEvent(nil)+"]",
		batchOf(0, 40),
	) {
		f.Add(body, "")
		f.Add(body, "SubscriptionValidation")
		f.Add(body, "Notification")
	}
	f.Fuzz(func(t *testing.T, body, kind string) {
		fuzz(t, func() *http.Request {
			r := request(t, events.EventGrid, body)
			r.Header["Aeg-Event-Type"] = []string{kind}
			return r
		})
	})
}
