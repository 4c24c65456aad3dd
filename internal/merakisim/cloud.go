package merakisim

import (
	"fmt"
	"time"
)

// history is what happened to one thing, in order. The cloud sees it late.
type history struct {
	first  string // before all events
	events []event
}

type event struct {
	at   time.Time
	word string
}

// set notes that something changed now.
func (h *history) set(word string, t time.Time) {
	if h.at(t) != word {
		h.events = append(h.events, event{at: t, word: word})
	}
}

// at returns what was true at a time.
func (h *history) at(t time.Time) string { return h.seen(t, func(string) time.Duration { return 0 }) }

// seen returns what an observer who learns of each event after a lag knows at a
// time: the newest event of those that it has learned of. An event that it learns of
// after a newer one changes nothing.
func (h *history) seen(t time.Time, lag func(word string) time.Duration) string {
	for i := len(h.events) - 1; i >= 0; i-- {
		if e := h.events[i]; !e.at.Add(lag(e.word)).After(t) {
			return e.word
		}
	}
	return h.first
}

// The words of a tunnel and of a target.
const (
	intact = "reachable"
	broken = "unreachable"
)

func working(ok bool) string {
	if ok {
		return intact
	}
	return broken
}

// lag is how long the cloud takes to learn that something became word.
func (p Profile) lag(word string) time.Duration {
	switch word {
	case string(Offline), string(Dormant), broken:
		return p.Offline
	case string(Alerting):
		return p.Alerting
	default:
		return p.Online
	}
}

// Set says what a device, given by its serial or by its name if only one has it, does
// from now on.
func (s *Sim) Set(name string, st State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.device(name)
	if err != nil {
		return err
	}
	if !st.known() {
		return fmt.Errorf("device %q: state %q: want online, alerting, offline or dormant", name, st)
	}
	d.state.set(string(st), time.Now())
	return nil
}

// SetTunnel breaks or mends the tunnel between two networks, given as devices are,
// while both devices work. An empty b is all that a has tunnels to.
func (s *Sim) SetTunnel(a, b string, works bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, err := s.network(a)
	if err != nil {
		return err
	}
	peers := s.ends(from)
	if b != "" {
		to, err := s.network(b)
		if err != nil {
			return err
		}
		peers = []*network{to}
	}
	for _, to := range peers {
		pairOf(s.tunnels, pair(from.ID, to.ID)).set(working(works), time.Now())
	}
	return nil
}

// SetTarget says whether a target answers the pings of a device.
func (s *Sim) SetTarget(name, target string, answers bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.device(name)
	if err != nil {
		return err
	}
	if target == "" {
		return fmt.Errorf("device %q: no target", name)
	}
	pairOf(s.targets, [2]string{d.Serial, target}).set(working(answers), time.Now())
	return nil
}

// network finds a network by its id or its name.
func (s *Sim) network(name string) (*network, error) {
	return one(s.networks, "network", name, func(n *network) string { return n.Name })
}

// device finds a device by its serial or its name.
func (s *Sim) device(name string) (*device, error) {
	return one(s.devices, "device", name, func(d *device) string { return d.Name })
}

func one[T any](all map[string]*T, what, id string, name func(*T) string) (*T, error) {
	if v := all[id]; v != nil {
		return v, nil
	}
	var found *T
	for _, v := range all {
		if name(v) != id {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("more than one %s is called %q", what, id)
		}
		found = v
	}
	if found == nil {
		return nil, fmt.Errorf("%s %q does not exist", what, id)
	}
	return found, nil
}

// SetOthers says how many requests per second the other applications of an
// organization take from the limit that all share.
func (s *Sim) SetOthers(organization string, perSecond float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.organizations[organization]
	if o == nil {
		return fmt.Errorf("organization %q does not exist", organization)
	}
	o.others = perSecond
	return nil
}

func pairOf(m map[[2]string]*history, k [2]string) *history {
	h := m[k]
	if h == nil {
		h = &history{first: intact}
		m[k] = h
	}
	return h
}

// pair is the key of a tunnel, the same from both ends.
func pair(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

// cloudState is how the VPN statuses show a device.
func (s *Sim) cloudState(d *device, t time.Time) State {
	return State(d.state.seen(t, s.profile.lag))
}

// availability is how the availabilities show a device: as the cloud saw it when
// they were last renewed.
func (s *Sim) availability(d *device, t time.Time) State {
	if r := s.profile.Refresh; r > 0 {
		t = s.began.Add(t.Sub(s.began).Truncate(r))
	}
	return s.cloudState(d, t)
}

// reachability is how the VPN statuses show the tunnel between two networks.
func (s *Sim) reachability(a, b *network, t time.Time) string {
	if !s.cloudState(a.device, t).answers() || !s.cloudState(b.device, t).answers() {
		return broken
	}
	return pairOf(s.tunnels, pair(a.ID, b.ID)).seen(t, s.profile.lag)
}
