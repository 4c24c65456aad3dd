package events

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

var errSchema = errors.New("the schemaId is neither azureMonitorCommonAlertSchema nor Microsoft.Insights/activityLogs: " +
	"turn the common alert schema on in the action group")

func azureMonitorDialect() dialect {
	return dialect{limit: 64 << 10, media: []string{jsonMedia}, challenge: "Bearer", parse: parseAzureMonitor}
}

// parseAzureMonitor reads an alert of an action group.
func parseAzureMonitor(_ http.Header, body []byte) (delivery, error) {
	var alert struct {
		SchemaID string          `json:"schemaId"`
		Data     json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &alert) != nil {
		return delivery{}, errNotJSON
	}
	switch strings.ToLower(alert.SchemaID) {
	case "azuremonitorcommonalertschema":
		return parseCommonAlert(alert.Data)
	case "microsoft.insights/activitylogs":
		return parseActivityLog(alert.Data)
	}
	return delivery{}, errSchema
}

// parseCommonAlert reads the common alert schema.
func parseCommonAlert(data json.RawMessage) (delivery, error) {
	var alert struct {
		Essentials struct {
			AlertID           string   `json:"alertId"`
			OriginAlertID     string   `json:"originAlertId"`
			AlertTargetIDs    []string `json:"alertTargetIDs"`
			MonitorCondition  string   `json:"monitorCondition"`
			MonitoringService string   `json:"monitoringService"`
			FiredDateTime     string   `json:"firedDateTime"`
			ResolvedDateTime  string   `json:"resolvedDateTime"`
		} `json:"essentials"`
	}
	if json.Unmarshal(data, &alert) != nil {
		return delivery{}, errNotJSON
	}
	a := alert.Essentials
	// An alert that is resolved still says when it was fired.
	occurred, ok := instant(a.ResolvedDateTime, a.FiredDateTime)
	if !ok {
		return delivery{}, errTime
	}
	event, err := check(Event{
		Source: AzureMonitor, Kind: strings.TrimSpace(a.MonitoringService + " " + a.MonitorCondition),
		ID: a.AlertID, Occurred: occurred, Subjects: a.AlertTargetIDs,
	})
	if err != nil {
		return delivery{}, err
	}
	return delivery{messages: []message{{
		Event: event, sent: occurred, known: knownToAzureMonitor(a.MonitoringService),
		// Fired and resolved share their id, and some alerts have their rule's.
		key: keyOf("common", a.AlertID, a.OriginAlertID, a.MonitorCondition, a.FiredDateTime, a.ResolvedDateTime),
	}}}, nil
}

// parseActivityLog reads the older schema of activity log alerts.
func parseActivityLog(data json.RawMessage) (delivery, error) {
	var alert struct {
		Status  string `json:"status"`
		Context struct {
			ActivityLog struct {
				EventSource         string `json:"eventSource"`
				EventTimestamp      string `json:"eventTimestamp"`
				SubmissionTimestamp string `json:"submissionTimestamp"`
				EventDataID         string `json:"eventDataId"`
				CorrelationID       string `json:"correlationId"`
				OperationID         string `json:"operationId"`
				ResourceID          string `json:"resourceId"`
				Status              string `json:"status"`
			} `json:"activityLog"`
		} `json:"context"`
	}
	if json.Unmarshal(data, &alert) != nil {
		return delivery{}, errNotJSON
	}
	a := alert.Context.ActivityLog
	// The log is written minutes after the event, and the alert is sent after that.
	sent, ok := instant(a.SubmissionTimestamp, a.EventTimestamp)
	if !ok {
		return delivery{}, errTime
	}
	occurred, _ := instant(a.EventTimestamp, a.SubmissionTimestamp)
	event, err := check(Event{
		Source: AzureMonitor, Kind: strings.TrimSpace(a.EventSource + " " + alert.Status),
		ID: a.EventDataID, Occurred: occurred, Subjects: []string{a.ResourceID},
	})
	if err != nil {
		return delivery{}, err
	}
	return delivery{messages: []message{{
		Event: event, sent: sent, known: knownToAzureMonitor(a.EventSource),
		// Each step of one operation is an event of its own.
		key: keyOf("activity log", a.EventDataID, a.CorrelationID, a.OperationID, a.Status, alert.Status, a.EventTimestamp, a.ResourceID),
	}}}, nil
}

// knownToAzureMonitor knows the services whose alerts can be about a machine, its
// network or its metrics, as either schema writes them.
func knownToAzureMonitor(service string) bool {
	switch word(service) {
	case "resourcehealth", "servicehealth", "administrative", "activitylog-administrative",
		"platform", "loganalytics", "logalertsv2":
		return true
	}
	return false
}
