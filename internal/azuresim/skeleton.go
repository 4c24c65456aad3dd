package azuresim

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"
)

var errUnbuilt = errors.New("azuresim: not built yet")

func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.Error(w, "unbuilt", 501) }
func (s *Sim) Transport() http.RoundTripper                     { return nil }

// Serve serves HTTPS (ARM, token endpoints, control) until ctx ends; CA and certificate are made in tlsDir (ca.pem).
func (s *Sim) Serve(ctx context.Context, ln net.Listener, tlsDir string) error { return errUnbuilt }

// ServeIdentity serves the managed-identity endpoints over plain HTTP until ctx ends: /msi/token, /metadata/identity/oauth2/token.
func (s *Sim) ServeIdentity(ctx context.Context, ln net.Listener) error { return errUnbuilt }

// Close ends the connections of the data plane and waits for them.
func (s *Sim) Close() error { return nil }

// Now is the simulation's clock.
func (s *Sim) Now() time.Time { return time.Now() }

// Token issues an access token for the principal with that name (or object id, or app id), audience https://management.azure.com.
func (s *Sim) Token(principal string) (token string, expires time.Time, err error) {
	return "", time.Time{}, errUnbuilt
}

// PortMode is how a machine's TCP ports behave.
type PortMode string

// The modes of SetPort.
const (
	PortOpen    PortMode = "open"
	PortRefused PortMode = "refused"
	PortSilent  PortMode = "silent"
	PortHang    PortMode = "hang"
)

// A vm is named by its ARM id or, when unique, by its name. These act at once, as a failure does, not as an ARM operation.
func (s *Sim) PowerOff(vm string) error                         { return errUnbuilt }
func (s *Sim) PowerOn(vm string) error                          { return errUnbuilt }
func (s *Sim) Deallocate(vm string) error                       { return errUnbuilt }
func (s *Sim) Hang(vm string) error                             { return errUnbuilt }
func (s *Sim) Unhang(vm string) error                           { return errUnbuilt }
func (s *Sim) SetPort(vm string, mode PortMode) error           { return errUnbuilt }
func (s *Sim) Redeploy(vm string, address netip.Addr) error     { return errUnbuilt }
func (s *Sim) SetOutage(location string, on bool)               {}
func (s *Sim) Inject(f Fault) (id int, err error)               { return 0, errUnbuilt }
func (s *Sim) ClearFaults()                                     {}
func (s *Sim) RouteTable(id string) (json.RawMessage, error)    { return nil, errUnbuilt }
func (s *Sim) Effective(nicID string) ([]EffectiveRoute, error) { return nil, errUnbuilt }
func (s *Sim) Forward(nicID string, dst netip.Addr) (Hop, error) {
	return Hop{}, errUnbuilt
}
func (s *Sim) Calls() []Call { return nil }

// DialContext is the data plane for probes.
func (s *Sim) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return nil, errUnbuilt
}

// ExposePorts opens one loopback TCP listener per appliance that behaves as DialContext does; wait returns after ctx has ended.
func (s *Sim) ExposePorts(ctx context.Context) (addrs map[string]netip.AddrPort, wait func(), err error) {
	return nil, nil, errUnbuilt
}

// EffectiveRoute is one route that the fabric applies to a NIC now.
type EffectiveRoute struct {
	Name        string       `json:"name,omitempty"`
	Source      string       `json:"source"` // Default, User, VirtualNetworkGateway
	State       string       `json:"state"`  // Active, Invalid
	Prefix      netip.Prefix `json:"addressPrefix"`
	NextHopType string       `json:"nextHopType"`
	NextHop     netip.Addr   `json:"nextHopIpAddress,omitzero"`
}

// Hop is what a packet meets now.
type Hop struct {
	Delivered bool           `json:"delivered"`
	VM        string         `json:"vm,omitempty"`     // id of the machine that the packet reaches or would have reached
	NextHop   netip.Addr     `json:"nextHop,omitzero"` // next hop address, for an appliance
	Reason    string         `json:"reason,omitempty"` // why it was dropped; empty when delivered
	Route     EffectiveRoute `json:"route"`
}

// Call is one request that was served.
type Call struct {
	Time      time.Time     `json:"time"`
	Elapsed   time.Duration `json:"elapsed"`
	Method    string        `json:"method"`
	Path      string        `json:"path"`
	Query     string        `json:"query,omitempty"`
	Status    int           `json:"status"` // 0: no answer (reset, timeout)
	Principal string        `json:"principal,omitempty"`
	Body      []byte        `json:"body,omitempty"` // of writes
	Action    string        `json:"action,omitempty"`
	Fault     FaultKind     `json:"fault,omitempty"`
}
