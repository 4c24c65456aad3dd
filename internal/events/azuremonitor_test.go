package events_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/events"
)

const machine = "/subscriptions/5/resourcegroups/hub/providers/microsoft.compute/virtualmachines/vmx-a"

// commonAlert is an alert in the common schema, with changes to its essentials.
func commonAlert(changes map[string]any) string {
	essentials := map[string]any{
		"alertId": "/subscriptions/5/providers/Microsoft.AlertsManagement/alerts/a1", "alertRule": "machine unavailable",
		"severity": "Sev1", "signalType": "Activity Log", "monitorCondition": "Fired", "monitoringService": "Resource Health",
		"alertTargetIDs": []string{machine}, "configurationItems": []string{"vmx-a"}, "originAlertId": "o1",
		"firedDateTime": at(-2 * time.Second), "description": "", "essentialsVersion": "1.0", "alertContextVersion": "1.0",
	}
	return `{"schemaId":"azureMonitorCommonAlertSchema","data":{"essentials":` + object(essentials, changes) +
		`,"alertContext":{"eventSource":"ResourceHealth"},"customProperties":null}}`
}

// activityLog is an alert in the older schema, with changes to its log entry.
func activityLog(changes map[string]any) string {
	entry := map[string]any{
		"channels": "Operation", "correlationId": "c1", "eventSource": "ResourceHealth", "eventTimestamp": at(-4 * time.Minute),
		"eventDataId": "e1", "level": "Critical", "operationName": "Microsoft.Resourcehealth/healthevent/Activated/action",
		"operationId": "p1", "resourceId": machine, "status": "Active", "subStatus": "", "subscriptionId": "5",
		"submissionTimestamp": at(-time.Minute),
		"properties":          map[string]any{"currentHealthStatus": "Unavailable", "previousHealthStatus": "Available"},
	}
	return `{"schemaId":"Microsoft.Insights/activityLogs","data":{"status":"Activated","context":{"activityLog":` +
		object(entry, changes) + `},"properties":{}}}`
}

func TestAzureMonitorEvents(t *testing.T) {
	fired := events.Event{
		Source: events.AzureMonitor, Kind: "Resource Health Fired", Subjects: []string{machine},
		ID: "/subscriptions/5/providers/Microsoft.AlertsManagement/alerts/a1", Occurred: morning().Add(-2 * time.Second),
	}
	entry := events.Event{
		Source: events.AzureMonitor, Kind: "ResourceHealth Activated", Subjects: []string{machine},
		ID: "e1", Occurred: morning().Add(-4 * time.Minute),
	}
	with := func(e events.Event, change func(*events.Event)) events.Event {
		change(&e)
		return e
	}
	for _, tt := range []struct {
		name    string
		body    string
		outcome events.Outcome
		want    events.Event
	}{
		{"fired", commonAlert(nil), events.Nudged, fired},
		{"resolved-counts-from-its-own-time", commonAlert(map[string]any{
			"monitorCondition": "Resolved", "firedDateTime": at(-time.Hour), "resolvedDateTime": at(-3 * time.Second)}), events.Nudged,
			with(fired, func(e *events.Event) {
				e.Kind, e.Occurred = "Resource Health Resolved", morning().Add(-3*time.Second)
			})},
		{"operation", commonAlert(map[string]any{"monitoringService": "Activity Log - Administrative"}), events.Nudged,
			with(fired, func(e *events.Event) { e.Kind = "Activity Log - Administrative Fired" })},
		{"metric", commonAlert(map[string]any{"monitoringService": "Platform", "signalType": "Metric"}), events.Nudged,
			with(fired, func(e *events.Event) { e.Kind = "Platform Fired" })},
		{"unknown-service-nudges", commonAlert(map[string]any{"monitoringService": "CostAlerts"}), events.UnknownKind,
			with(fired, func(e *events.Event) { e.Kind = "CostAlerts Fired" })},
		{"several-targets", commonAlert(map[string]any{"alertTargetIDs": []string{machine, "", machine + "2"}}), events.Nudged,
			with(fired, func(e *events.Event) { e.Subjects = []string{machine, machine + "2"} })},
		{"no-targets-no-id", commonAlert(map[string]any{"alertTargetIDs": nil, "alertId": nil}), events.Nudged,
			with(fired, func(e *events.Event) { e.Subjects, e.ID = nil, "" })},
		{"no-condition", commonAlert(map[string]any{"monitorCondition": nil}), events.Nudged,
			with(fired, func(e *events.Event) { e.Kind = "Resource Health" })},
		{"older-schema", activityLog(nil), events.Nudged, entry},
		{"older-schema-long-in-coming", activityLog(map[string]any{"eventTimestamp": at(-20 * time.Minute)}), events.Nudged,
			with(entry, func(e *events.Event) { e.Occurred = morning().Add(-20 * time.Minute) })},
		{"older-schema-without-submission", activityLog(map[string]any{"submissionTimestamp": nil}), events.Nudged, entry},
		{"older-schema-operation", activityLog(map[string]any{"eventSource": "Administrative"}), events.Nudged,
			with(entry, func(e *events.Event) { e.Kind = "Administrative Activated" })},
		{"older-schema-unknown", activityLog(map[string]any{"eventSource": "Recommendation"}), events.UnknownKind,
			with(entry, func(e *events.Event) { e.Kind = "Recommendation Activated" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.want(t, request(t, events.AzureMonitor, tt.body), http.StatusOK, tt.outcome)
			if diff := cmp.Diff([]events.Event{tt.want}, w.nudges()); diff != "" {
				t.Errorf("nudged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAzureMonitorEventsThatDiffer(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		commonAlert(nil),
		commonAlert(map[string]any{"alertId": "a2"}),
		commonAlert(map[string]any{"originAlertId": "o2"}),
		commonAlert(map[string]any{"monitorCondition": "Resolved"}),
		commonAlert(map[string]any{"firedDateTime": at(-time.Second)}),
		commonAlert(map[string]any{"resolvedDateTime": at(0)}),
		activityLog(nil),
		activityLog(map[string]any{"eventDataId": "e2"}),
		activityLog(map[string]any{"correlationId": "c2"}),
		activityLog(map[string]any{"operationId": "p2"}),
		activityLog(map[string]any{"status": "Resolved"}),
		activityLog(map[string]any{"eventTimestamp": at(-3 * time.Minute)}),
		activityLog(map[string]any{"resourceId": machine + "2"}),
	} {
		w.want(t, request(t, events.AzureMonitor, body), http.StatusOK, events.Nudged)
		w.want(t, request(t, events.AzureMonitor, body), http.StatusOK, events.Replayed)
	}
}

func TestAzureMonitorMalformed(t *testing.T) {
	for name, body := range map[string]string{
		"no-schema":           `{}`,
		"null":                `null`,
		"another-schema":      `{"schemaId":"AzureMonitorMetricAlert","data":{"status":"Activated","context":{"timestamp":"2026-03-14T09:00:00Z"}}}`,
		"no-data":             `{"schemaId":"azureMonitorCommonAlertSchema"}`,
		"null-data":           `{"schemaId":"azureMonitorCommonAlertSchema","data":null}`,
		"data-of-a-list":      `{"schemaId":"azureMonitorCommonAlertSchema","data":[]}`,
		"older-without-data":  `{"schemaId":"Microsoft.Insights/activityLogs"}`,
		"older-with-a-text":   `{"schemaId":"Microsoft.Insights/activityLogs","data":"x"}`,
		"no-time":             commonAlert(map[string]any{"firedDateTime": nil}),
		"no-service":          commonAlert(map[string]any{"monitoringService": "", "monitorCondition": ""}),
		"targets-of-numbers":  commonAlert(map[string]any{"alertTargetIDs": []int{1}}),
		"escape-in-a-target":  commonAlert(map[string]any{"alertTargetIDs": []string{machine, "\x1b[2J"}}),
		"older-without-time":  activityLog(map[string]any{"eventTimestamp": nil, "submissionTimestamp": "soon"}),
		"older-long-resource": activityLog(map[string]any{"resourceId": string(make([]byte, 3000))}),
		"list":                "[" + commonAlert(nil) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			newWorld(t).want(t, request(t, events.AzureMonitor, body), http.StatusBadRequest, events.Malformed)
		})
	}
}
