package peering

import (
	"encoding/json"
	"errors"
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
	return encode(body)
}

// Patch returns a half's JSON with the flags set to true. All other members stay as
// they were, known or not.
func Patch(raw []byte, flags []string) ([]byte, error) {
	var top, props map[string]json.RawMessage
	err := json.Unmarshal(raw, &top)
	if err == nil {
		err = json.Unmarshal(top["properties"], &props)
	}
	if err == nil && props == nil {
		err = errors.New("it has no properties")
	}
	if err != nil {
		return nil, fmt.Errorf("patch peering %.80q: %w", raw, err)
	}
	for _, f := range flags {
		props[f] = json.RawMessage("true")
	}
	top["properties"] = encode(props)
	return encode(top), nil
}

// encode encodes what always can be: strings, booleans, and JSON that was decoded.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("peering: encode %T: %v", v, err))
	}
	return text
}
