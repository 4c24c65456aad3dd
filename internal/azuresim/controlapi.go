package azuresim

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// isControl reports whether a path belongs to the control API.
func isControl(path string) bool { return path == "/_sim" || strings.HasPrefix(path, "/_sim/") }

// newControl is the control API: the methods of Sim as JSON over HTTP, without latency, faults or permissions. It is for people at
// a terminal and for tests in other languages; it listens wherever ARM does, which should be a loopback address.
func (s *Sim) newControl() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, answer func(r *http.Request) (any, error)) {
		mux.HandleFunc("GET /_sim/"+path, func(w http.ResponseWriter, r *http.Request) {
			v, err := answer(r)
			controlAnswer(w, v, err)
		})
	}
	get("now", func(*http.Request) (any, error) { return map[string]any{"now": s.Now().UTC()}, nil })
	get("calls", func(*http.Request) (any, error) { return s.Calls(), nil })
	get("machines", func(*http.Request) (any, error) { return s.Machines(), nil })
	get("routetables", func(*http.Request) (any, error) { return s.RouteTables(), nil })
	get("routetable", func(r *http.Request) (any, error) { return s.RouteTable(r.URL.Query().Get("id")) })
	get("effective", func(r *http.Request) (any, error) { return s.Effective(r.URL.Query().Get("nic")) })
	get("forward", func(r *http.Request) (any, error) {
		dst, err := netip.ParseAddr(r.URL.Query().Get("dst"))
		if err != nil {
			return nil, err
		}
		return s.Forward(r.URL.Query().Get("nic"), dst)
	})
	get("observer", func(*http.Request) (any, error) { return s.Observer(), nil })
	get("ping", s.controlPing)
	for path, do := range map[string]func(c command) (any, error){
		"poweroff":   func(c command) (any, error) { return nil, s.PowerOff(c.VM) },
		"poweron":    func(c command) (any, error) { return nil, s.PowerOn(c.VM) },
		"deallocate": func(c command) (any, error) { return nil, s.Deallocate(c.VM) },
		"hang":       func(c command) (any, error) { return nil, s.Hang(c.VM) },
		"unhang":     func(c command) (any, error) { return nil, s.Unhang(c.VM) },
		"panic":      func(c command) (any, error) { return nil, s.Panic(c.VM) },
		"reboot":     func(c command) (any, error) { return nil, s.Reboot(c.VM, time.Duration(c.Time)) },
		"forwarding": func(c command) (any, error) { return nil, s.SetForwarding(c.VM, c.On) },
		"tunnel":     func(c command) (any, error) { return nil, s.SetTunnel(c.VM, c.On) },
		"link":       func(c command) (any, error) { return nil, s.SetLink(c.VM, c.Link) },
		"observer":   func(c command) (any, error) { s.SetObserver(c.Observer); return nil, nil },
		"port":       func(c command) (any, error) { return nil, s.SetPort(c.VM, c.Mode) },
		"redeploy":   func(c command) (any, error) { return nil, s.Redeploy(c.VM, c.Address) },
		"outage":     func(c command) (any, error) { s.SetOutage(c.Location, c.On); return nil, nil },
		"faults":     func(c command) (any, error) { id, err := s.Inject(c.Fault); return map[string]int{"id": id}, err },
	} {
		mux.HandleFunc("POST /_sim/"+path, func(w http.ResponseWriter, r *http.Request) {
			var c command
			dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
			dec.DisallowUnknownFields()
			var into any = &c
			switch path {
			case "faults":
				into = &c.Fault
			case "observer":
				into = &c.Observer
			}
			if err := dec.Decode(into); err != nil {
				controlAnswer(w, nil, err)
				return
			}
			v, err := do(c)
			controlAnswer(w, v, err)
		})
	}
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) { s.ClearFaults(); controlAnswer(w, nil, nil) })
	mux.HandleFunc("DELETE /_sim/calls", func(w http.ResponseWriter, _ *http.Request) { s.ResetCalls(); controlAnswer(w, nil, nil) })
	return mux
}

// command is the body of a POST: what each needs of it follows from the method of Sim of the same name. For faults the body is a
// Fault, for observer an Observer.
type command struct {
	VM       string     `json:"vm,omitempty"`
	Mode     PortMode   `json:"mode,omitempty"`
	Address  netip.Addr `json:"address,omitzero"`
	Location string     `json:"location,omitempty"`
	On       bool       `json:"on,omitempty"`
	Time     period     `json:"time,omitzero"`
	Link     Link       `json:"link,omitzero"`
	Fault    Fault      `json:"-"`
	Observer Observer   `json:"-"`
}

// period is a duration as a text such as "3m".
type period time.Duration

// UnmarshalText reads the text.
func (p *period) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*p = period(d)
	return err
}

// pingWithin is how long a ping of the control API waits.
const pingWithin = 2 * time.Second

// controlPing pings the query's target, from its source if it has one.
func (s *Sim) controlPing(r *http.Request) (any, error) {
	target, err := netip.ParseAddr(r.URL.Query().Get("target"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), pingWithin)
	defer cancel()
	took, err := s.Ping(ctx, target, r.URL.Query().Get("source"))
	if err != nil {
		return nil, err
	}
	return map[string]string{"took": took.String()}, nil
}

// controlAnswer writes a value, {} for none, or {"error": …} with status 400.
func controlAnswer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	switch {
	case err != nil:
		status, v = http.StatusBadRequest, map[string]string{"error": err.Error()}
	case v == nil:
		v = struct{}{}
	}
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone is its own business
}
