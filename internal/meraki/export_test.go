package meraki

import (
	"context"
	"time"
)

// What fuzz targets and tests of small parts reach without a request.

// NextPage is nextPage.
func NextPage(headers ...string) string { return nextPage(headers) }

// RetryAfter is retryAfter.
func RetryAfter(header string, t time.Time) time.Duration { return retryAfter(header, t) }

// ErrorTexts is errorTexts.
func ErrorTexts(body string) []string { return errorTexts(body) }

// DecodeStatuses reads the rows of a body as VPNStatuses does.
func DecodeStatuses(body string) ([]Status, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	var out []Status
	for _, o := range objects(v) {
		out = append(out, readStatus(o, time.Time{}))
	}
	return out, nil
}

// DecodeAvailabilities reads the rows of a body as Availabilities does.
func DecodeAvailabilities(body string) ([]Availability, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	var out []Availability
	for _, o := range objects(v) {
		out = append(out, readAvailability(o, time.Time{}))
	}
	return out, nil
}

// DecodeExports reads the rows of a body as Exports does.
func DecodeExports(body string) ([]Export, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	var out []Export
	for _, o := range objects(v) {
		out = append(out, readExport(o))
	}
	return out, nil
}

// DecodePing reads the id and the results of a body as PingDevice does.
func DecodePing(body string) (Ping, string, bool) {
	v, err := parse(body)
	if err != nil {
		return Ping{}, "", false
	}
	root, _ := v.(map[string]any)
	p, ok := readPing(root)
	return p, pingID(v), ok
}

// Distrust is distrust.
func (c *Client) Distrust(address string) (string, error) {
	u, err := c.base.Parse(address)
	if err != nil {
		return "", err
	}
	return c.distrust(u), nil
}

// Gate is a gate.
type Gate struct{ g gate }

// NewGate makes one.
func NewGate() Gate { return Gate{newGate()} }

// Enter is enter.
func (g Gate) Enter(ctx context.Context) error { return g.g.enter(ctx) }

// Leave is leave.
func (g Gate) Leave() { g.g.leave() }
