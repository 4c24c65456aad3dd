package events_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/events"
)

// sample reads a file of the folder of samples beside the checkout. Where there is
// none the test ends, except in CI; the fixtures of the other tests state the same.
func sample(t *testing.T, path ...string) []byte {
	t.Helper()
	file := filepath.Join(append([]string{"..", "..", "..", "shared", "facts"}, path...)...)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the samples are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// merakiSample is what of a sample decides about it.
type merakiSample struct {
	SharedSecret string
	SentAt       time.Time
	OccurredAt   time.Time
	AlertTypeID  string
	NetworkID    string
	DeviceSerial string
	AlertID      string
	AlertData    map[string]any
}

// take sends a sample just after it was sent, and returns what became of it. The
// samples have their own secrets, and repeat their ids.
func take(t *testing.T, raw json.RawMessage) (merakiSample, events.Event, events.Outcome) {
	t.Helper()
	var s merakiSample
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.rotate(events.Secret(s.SharedSecret))
	w.pass(s.SentAt.Sub(morning()) + time.Second)
	if rec := w.send(t, request(t, events.Meraki, string(raw))); rec.Code != http.StatusOK {
		t.Fatalf("answer %d: %s", rec.Code, rec.Body)
	}
	got := w.nudges()
	if len(got) != 1 {
		t.Fatalf("%d nudges, want 1: %v", len(got), w.counts())
	}
	for _, o := range events.Outcomes() {
		if w.counts()["meraki "+string(o)] == 1 {
			return s, got[0], o
		}
	}
	t.Fatalf("counted %v", w.counts())
	return merakiSample{}, events.Event{}, ""
}

func (s merakiSample) event() events.Event {
	e := events.Event{Source: events.Meraki, Kind: s.AlertTypeID, ID: s.AlertID, Occurred: s.OccurredAt, Subjects: []string{}}
	for _, id := range []any{s.DeviceSerial, s.NetworkID, s.AlertData["peerNetworkId"]} {
		if id, _ := id.(string); id != "" {
			e.Subjects = append(e.Subjects, id)
		}
	}
	return e
}

func TestMerakiSamplesOfAppliances(t *testing.T) {
	var samples map[string]json.RawMessage
	if err := json.Unmarshal(sample(t, "meraki-samples", "webhook-constructed-for-simulator.json"), &samples); err != nil {
		t.Fatal(err)
	}
	delete(samples, "_note")
	if len(samples) == 0 {
		t.Fatal("no samples")
	}
	for name, raw := range samples {
		t.Run(name, func(t *testing.T) {
			s, got, outcome := take(t, raw)
			if outcome != events.Nudged {
				t.Errorf("%s, want %s", outcome, events.Nudged)
			}
			if diff := cmp.Diff(s.event(), got); diff != "" {
				t.Errorf("nudged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMerakiSamplesOfAllKinds(t *testing.T) {
	var samples []struct{ Example json.RawMessage }
	if err := json.Unmarshal(sample(t, "meraki-samples", "webhook-alerttypes-official.json"), &samples); err != nil {
		t.Fatal(err)
	}
	outcomes := make(map[events.Outcome]int)
	for _, raw := range samples {
		s, got, outcome := take(t, raw.Example)
		outcomes[outcome]++
		if diff := cmp.Diff(s.event(), got); diff != "" {
			t.Errorf("%s nudged (-want +got):\n%s", s.AlertTypeID, diff)
		}
	}
	if outcomes[events.Nudged] == 0 || outcomes[events.UnknownKind] == 0 {
		t.Errorf("outcomes %v, want kinds of both sorts", outcomes)
	}
}

func TestAzureSamples(t *testing.T) {
	// The samples have marks where the times are.
	text := strings.ReplaceAll(string(sample(t, "azure-samples", "eventgrid-and-alerts.json")), "<iso>", at(0))
	var samples struct {
		Validation struct {
			RequestHeaders map[string]string `json:"request_headers"`
			RequestBody    json.RawMessage   `json:"request_body"`
			ResponseStatus int               `json:"response_status"`
			ResponseBody   map[string]string `json:"response_body"`
		} `json:"webhook_validation"`
		CloudEvents struct {
			Request struct {
				Method  string
				Headers map[string]string
			}
			ResponseHeaders map[string]string `json:"response_headers"`
		} `json:"cloudevents_validation"`
		Action json.RawMessage `json:"resource_action_success"`
		Health json.RawMessage `json:"health_availability_status_changed"`
		Alert  json.RawMessage `json:"common_alert_schema"`
	}
	if err := json.Unmarshal([]byte(text), &samples); err != nil {
		t.Fatal(err)
	}
	t.Run("validation", func(t *testing.T) {
		v := samples.Validation
		r := request(t, events.EventGrid, string(v.RequestBody))
		for name, value := range v.RequestHeaders {
			r.Header.Set(name, value)
		}
		rec := newWorld(t).want(t, r, v.ResponseStatus, events.Handshake)
		var sent []struct {
			Data struct{ ValidationCode string }
		}
		var got map[string]string
		if err := errors.Join(json.Unmarshal(v.RequestBody, &sent), json.Unmarshal(rec.Body.Bytes(), &got)); err != nil {
			t.Fatal(err)
		}
		want := v.ResponseBody // a mark stands for the code
		want["validationResponse"] = sent[0].Data.ValidationCode
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})
	t.Run("cloud-events", func(t *testing.T) {
		r := httptest.NewRequestWithContext(t.Context(), samples.CloudEvents.Request.Method, events.EventGrid.Path(), nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		for name, value := range samples.CloudEvents.Request.Headers {
			r.Header.Set(name, value)
		}
		rec := newWorld(t).want(t, r, http.StatusOK, events.Handshake)
		for name, want := range samples.CloudEvents.ResponseHeaders {
			if got := rec.Header().Get(name); got != want {
				t.Errorf("header %s is %q, want %q", name, got, want)
			}
		}
	})
	const vm = "/subscriptions/<s>/resourceGroups/<rg>/providers/Microsoft.Compute/virtualMachines/<vm>"
	for _, tt := range []struct {
		name string
		r    *http.Request
		want events.Event
	}{
		{"action", notification(t, string(samples.Action)), events.Event{Source: events.EventGrid,
			Kind: "Microsoft.Resources.ResourceActionSuccess", Subjects: []string{vm}, ID: "<guid>", Occurred: morning()}},
		{"health", notification(t, string(samples.Health)), events.Event{Source: events.EventGrid,
			Kind: "Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged", Subjects: []string{"<vm id>"}, ID: "<guid>", Occurred: morning()}},
		{"alert", request(t, events.AzureMonitor, string(samples.Alert)), events.Event{Source: events.AzureMonitor,
			Kind: "Resource Health Fired", Subjects: []string{"<lower-case resource id>"},
			ID: "/subscriptions/<s>/providers/Microsoft.AlertsManagement/alerts/<guid>", Occurred: morning()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.want(t, tt.r, http.StatusOK, events.Nudged)
			if diff := cmp.Diff([]events.Event{tt.want}, w.nudges()); diff != "" {
				t.Errorf("nudged (-want +got):\n%s", diff)
			}
		})
	}
}
