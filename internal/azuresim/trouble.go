package azuresim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Link is what happens to packets on their way to a machine and through it. The zero value is a good one.
type Link struct {
	// Loss is the probability that a packet or its answer is lost, 0 to 1: what a ping shows.
	Loss float64
	// Delay is added to every packet and its answer together.
	Delay time.Duration
}

// linkJSON is the form of a Link outside.
type linkJSON struct {
	Loss  float64 `json:"loss,omitempty"`
	Delay string  `json:"delay,omitempty"`
}

// MarshalJSON writes the delay as a text such as "300ms".
func (l Link) MarshalJSON() ([]byte, error) {
	out := linkJSON{Loss: l.Loss}
	if l.Delay != 0 {
		out.Delay = l.Delay.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads a link whose delay is a text such as "300ms"; an unknown member is an error.
func (l *Link) UnmarshalJSON(data []byte) error {
	var in linkJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	*l = Link{Loss: in.Loss}
	if in.Delay == "" {
		return nil
	}
	var err error
	if l.Delay, err = time.ParseDuration(in.Delay); err != nil {
		return fmt.Errorf("link: delay: %w", err)
	}
	return nil
}

// SetLink changes what happens to packets to the machine and through it. It is the machine's network: a restart changes nothing.
// Which packets are lost follows from the seed, the machine and their order.
func (s *Sim) SetLink(vm string, l Link) error {
	if !(l.Loss >= 0 && l.Loss <= 1) || l.Delay < 0 { // also refuses NaN
		return fmt.Errorf("azuresim: link: loss %v, delay %v: want 0 to 1, and no time before now", l.Loss, l.Delay)
	}
	return s.change(vm, func(r *resource, _ time.Time) {
		r.vm.link = l
		if r.vm.dice == nil {
			h := fnv.New64a()
			_, _ = h.Write([]byte(r.key)) // never fails
			r.vm.dice = rand.New(rand.NewPCG(s.opts.Seed, h.Sum64()))
		}
	})
}

// lost decides about one packet and its answer.
func (v *vmState) lost() bool { return v.link.Loss > 0 && v.dice.Float64() < v.link.Loss }

// Panic stops a machine's guest for good, its kernel and its VM agent too, while Compute goes on saying that it runs. A reboot, or a
// stop and a start, brings it back.
func (s *Sim) Panic(vm string) error {
	return s.change(vm, func(r *resource, _ time.Time) { r.vm.panicked = true })
}

// Reboot restarts a machine's guest from inside, as a firmware upgrade does: Compute goes on saying that it runs. It takes d; 0 is
// the profile's BootTime.
func (s *Sim) Reboot(vm string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("azuresim: reboot: %v: want no time before now", d)
	}
	return s.change(vm, func(r *resource, now time.Time) {
		if d == 0 {
			d = s.profile.BootTime
		}
		r.vm.boot(now.Add(d))
	})
}

// SetForwarding stops or resumes the machine's forwarding; it answers pings and on its ports all the same. A restart resumes it.
func (s *Sim) SetForwarding(vm string, on bool) error {
	return s.change(vm, func(r *resource, _ time.Time) { r.vm.idle = !on })
}

// SetTunnel breaks or mends the machine's tunnels: what lies behind it, outside of Azure, is not reached, while it works and forwards
// between networks of Azure. A restart changes nothing.
func (s *Sim) SetTunnel(vm string, up bool) error {
	return s.change(vm, func(r *resource, _ time.Time) { r.vm.cut = !up })
}

// Observer is what is wrong with whoever probes by DialContext and Ping. Calls of the control plane are not affected.
type Observer struct {
	// CutOff observers reach nothing: no packet of theirs is answered, and no name is resolved.
	CutOff bool `json:"cutOff,omitempty"`
	// DNSBroken observers get no address for any name.
	DNSBroken bool `json:"dnsBroken,omitempty"`
}

// SetObserver changes what is wrong with the observer. Real ports (ExposePorts) are silent while it is cut off.
func (s *Sim) SetObserver(o Observer) {
	defer s.followGates()
	s.enter()
	defer s.mu.Unlock()
	s.observer = o
}

// Observer says what is wrong with the observer.
func (s *Sim) Observer() Observer {
	s.enter()
	defer s.mu.Unlock()
	return s.observer
}
