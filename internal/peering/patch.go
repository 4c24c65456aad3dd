package peering

import (
	"encoding/json"
	"fmt"

	"hopguard/internal/appliance"
)

// Create returns the JSON of a new half towards remote. Gateway transit is off, as it
// is by default: who needs it sets it, and it stays.
func Create(remote appliance.ResourceID) []byte {
	type id struct {
		ID appliance.ResourceID `json:"id"`
	}
	var body struct {
		Properties struct {
			Remote         id   `json:"remoteVirtualNetwork"`
			Access         bool `json:"allowVirtualNetworkAccess"`
			Forwarded      bool `json:"allowForwardedTraffic"`
			GatewayTransit bool `json:"allowGatewayTransit"`
			RemoteGateways bool `json:"useRemoteGateways"`
		} `json:"properties"`
	}
	body.Properties.Remote, body.Properties.Access, body.Properties.Forwarded = id{remote}, true, true
	text, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("peering: %v", err)) // strings and booleans always encode
	}
	return text
}

// Patch returns a half's JSON with the flags set to true. All other members stay as
// they were, known or not.
func Patch(raw []byte, flags []string) ([]byte, error) {
	var top, props map[string]json.RawMessage
	if err := json.Unmarshal(raw, &top); err != nil {
		return nil, fmt.Errorf("patch peering: %w", err)
	}
	if err := json.Unmarshal(top["properties"], &props); err != nil {
		return nil, fmt.Errorf("patch peering: properties: %w", err)
	}
	if props == nil {
		return nil, fmt.Errorf("patch peering: no properties in %.80q", raw)
	}
	for _, f := range flags {
		props[f] = json.RawMessage("true")
	}
	inner, err := json.Marshal(props)
	if err != nil {
		return nil, fmt.Errorf("patch peering: %w", err)
	}
	top["properties"] = inner
	return json.Marshal(top)
}
