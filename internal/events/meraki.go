package events

import (
	"cmp"
	"encoding/json"
	"net/http"
)

func merakiDialect() dialect {
	return dialect{
		limit: 64 << 10, media: []string{jsonMedia},
		secretOf: sharedSecret, challenge: "SharedSecret", parse: parseMeraki,
	}
}

// sharedSecret finds the secret in a webhook of the Dashboard. Nothing else of the
// body is looked at, and a secret that is no text is none.
func sharedSecret(body []byte) (string, bool) {
	var head struct {
		SharedSecret any `json:"sharedSecret"`
	}
	if json.Unmarshal(body, &head) != nil {
		return "", false
	}
	text, _ := head.SharedSecret.(string)
	return text, true
}

// parseMeraki reads a webhook in the default template of the Dashboard. Fields that
// it does not need may be missing, and may be anything.
func parseMeraki(_ http.Header, body []byte) (delivery, error) {
	var alert struct {
		SentAt       string          `json:"sentAt"`
		OccurredAt   string          `json:"occurredAt"`
		NetworkID    string          `json:"networkId"`
		DeviceSerial string          `json:"deviceSerial"`
		AlertID      string          `json:"alertId"`
		AlertType    string          `json:"alertType"`
		AlertTypeID  string          `json:"alertTypeId"`
		AlertData    json.RawMessage `json:"alertData"`
	}
	if json.Unmarshal(body, &alert) != nil {
		return delivery{}, errNotJSON
	}
	kind := cmp.Or(alert.AlertTypeID, alert.AlertType)
	// The age is that of the message: an alert of a device that is down is held back
	// for as many minutes as the alert's settings say.
	sent, ok := instant(alert.SentAt, alert.OccurredAt)
	if !ok {
		return delivery{}, errTime
	}
	occurred, _ := instant(alert.OccurredAt, alert.SentAt)
	connectivity, peer := tunnel(alert.AlertData)
	event, err := check(Event{
		Source: Meraki, Kind: kind, ID: alert.AlertID, Occurred: occurred,
		// An alert about a tunnel may come from the branch at its other end.
		Subjects: []string{alert.DeviceSerial, alert.NetworkID, peer},
	})
	if err != nil {
		return delivery{}, err
	}
	return delivery{messages: []message{{
		Event: event, sent: sent, known: knownToMeraki(kind),
		// Down and up of a device share their alertId, and tests have all the same.
		key: keyOf(alert.AlertID, kind, alert.NetworkID, alert.DeviceSerial, alert.OccurredAt, connectivity, peer),
	}}}, nil
}

// tunnel returns what the data of vpn_connectivity_change say, and nothing of data
// that are something else. The connectivity is not interpreted: the official examples have a
// text where a boolean is meant.
func tunnel(data json.RawMessage) (connectivity, peer string) {
	var d struct {
		Connectivity  json.RawMessage `json:"connectivity"`
		PeerNetworkID any             `json:"peerNetworkId"`
	}
	_ = json.Unmarshal(data, &d)
	peer, _ = d.PeerNetworkID.(string)
	return string(d.Connectivity), peer
}

// knownToMeraki knows the alerts of an appliance that can mean a failover. Receivers
// in the field that see no id match the texts.
func knownToMeraki(kind string) bool {
	switch word(kind) {
	case "stopped_reporting", "started_reporting", "vpn_connectivity_change", "failover_event", "vrrp", "settings_changed",
		"applianceswentdown", "appliancescameup", "vpnconnectivitychanged", "uplinkstatuschanged":
		return true
	}
	return false
}
