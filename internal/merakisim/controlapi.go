package merakisim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// DeviceView is one device: what it does, and what the cloud makes of it.
type DeviceView struct {
	Serial    string `json:"serial"`
	Name      string `json:"name"`
	NetworkID string `json:"networkId"`
	// State is what the device really does.
	State State `json:"state"`
	// Status and Availability are how the VPN statuses and the device availabilities
	// show it now.
	Status       State `json:"status"`
	Availability State `json:"availability"`
	// Broken are the names of the networks to which its tunnels are really broken.
	Broken []string `json:"broken,omitempty"`
}

// Devices gives all devices, ordered by their networks' ids.
func (s *Sim) Devices() []DeviceView {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	views := []DeviceView{}
	for _, n := range s.networks {
		d := n.device
		v := DeviceView{
			Serial: d.Serial, Name: d.Name, NetworkID: n.ID,
			State: State(d.state.at(now)), Status: s.cloudState(d, now), Availability: s.availability(d, now),
		}
		for _, other := range s.ends(n) {
			if pairOf(s.tunnels, pair(n.ID, other.ID)).at(now) == broken {
				v.Broken = append(v.Broken, other.Name)
			}
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b DeviceView) int { return strings.Compare(a.NetworkID, b.NetworkID) })
	return views
}

// ResetCalls forgets what was asked so far.
func (s *Sim) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

const controlPrefix = "/_sim/"

// isControl reports whether a path belongs to the control API.
func isControl(path string) bool { return strings.HasPrefix(path, controlPrefix) }

// command is the body of a POST: what each needs of it follows from the method of Sim
// that it calls. For faults the body is a Fault.
type command struct {
	Device       string  `json:"device,omitempty"`
	State        State   `json:"state,omitempty"`
	Network      string  `json:"network,omitempty"`
	Peer         string  `json:"peer,omitempty"`
	Target       string  `json:"target,omitempty"`
	On           bool    `json:"on,omitempty"`
	Organization string  `json:"organization,omitempty"`
	PerSecond    float64 `json:"perSecond,omitempty"`
	// Subnets are those that a network offers to the VPN.
	Subnets []netip.Prefix `json:"subnets,omitempty"`
}

// control is the methods of Sim as JSON over HTTP, without key, latency, limits or
// faults. It is for people at a terminal and listens wherever the API does, which
// should be a loopback address. It answers with a value, {} for none, or
// {"error": ...}.
func (s *Sim) control(r *http.Request) *reply {
	v, err := s.obey(r)
	switch {
	case errors.Is(err, errNoControl):
		return answer(http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		return answer(http.StatusBadRequest, map[string]string{"error": err.Error()})
	case v == nil:
		return answer(http.StatusOK, struct{}{})
	default:
		return answer(http.StatusOK, v)
	}
}

var errNoControl = errors.New("there is no such control")

func (s *Sim) obey(r *http.Request) (any, error) {
	var c command
	var f Fault
	read := func(into any) error {
		d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			return err
		}
		if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
			return errors.New("more than one value")
		}
		return nil
	}
	do := map[string]func() error{
		"device": func() error { return s.Set(c.Device, c.State) },
		"tunnel": func() error { return s.SetTunnel(c.Network, c.Peer, c.On) },
		"target": func() error { return s.SetTarget(c.Device, c.Target, c.On) },
		"others": func() error { return s.SetOthers(c.Organization, c.PerSecond) },
		"branch": func() error {
			if !c.On {
				return s.RemoveBranch(c.Network)
			}
			return s.SetBranch(c.Network, c.Subnets...)
		},
	}
	path := strings.TrimPrefix(r.URL.Path, controlPrefix)
	switch order := r.Method + " " + path; {
	case order == "GET now":
		return map[string]any{"now": time.Now().UTC()}, nil
	case order == "GET devices":
		return s.Devices(), nil
	case order == "GET calls":
		return append([]Call{}, s.Calls()...), nil
	case order == "DELETE faults":
		s.Heal()
		return nil, nil
	case order == "DELETE calls":
		s.ResetCalls()
		return nil, nil
	case order == "POST faults":
		if err := read(&f); err != nil {
			return nil, err
		}
		return nil, s.Inject(f)
	case r.Method == http.MethodPost && do[path] != nil:
		if err := read(&c); err != nil {
			return nil, err
		}
		return nil, do[path]()
	default:
		return nil, errNoControl
	}
}
