// Package outage is what a failure cost, counted in packets: the results of a lab as
// plain data, and the arithmetic on them.
//
// It guarantees that a result is a value: nothing here reads a clock, a file or a
// network, and the same packets give the same figures. Its JSON is stable: fields are
// added, not renamed, and [Report] carries a version.
//
// It does not send or count packets (package traffic does), and does not draw (package
// labreport does). Whoever makes, shows or judges a result may import it.
package outage

import (
	"encoding/json"
	"fmt"
	"time"
)

// Version is that of the JSON form of a [Report].
const Version = 1

// Seconds is a length of time that is a number of seconds in JSON, to the microsecond.
type Seconds time.Duration

// Duration returns it as the standard library has it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) }

// String returns it as the standard library prints it, to the millisecond.
func (s Seconds) String() string { return time.Duration(s).Round(time.Millisecond).String() }

// MarshalJSON writes a number of seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(s).Round(time.Microsecond)) / float64(time.Second))
}

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(data []byte) error {
	var n float64
	if err := json.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("%s: want a number of seconds", data)
	}
	*s = Seconds(time.Duration(n * float64(time.Second)).Round(time.Microsecond))
	return nil
}

// Report is all that one run of a lab has measured.
type Report struct {
	Version int       `json:"version"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	// Machine says on what, as in "Linux 6.18, 2 cores".
	Machine  string    `json:"machine"`
	Lab      Lab       `json:"lab"`
	Settings []Setting `json:"settings"`
	Modes    []Mode    `json:"modes"`
	Trials   []Trial   `json:"trials"`
	Soaks    []Soak    `json:"soaks,omitempty"`
	// Wanted is what the report is to be judged by.
	Wanted Wanted `json:"wanted,omitzero"`
}

// Lab is the scene, the same for all trials.
type Lab struct {
	// Tunnel is how the branch reaches the appliances, as in "vxlan".
	Tunnel string `json:"tunnel"`
	// Regions is the one-way latency between the regions, WAN that between the branch and an appliance.
	Regions Seconds `json:"regions"`
	WAN     Seconds `json:"wan"`
	// Branch is how long the branch's own failover takes to notice a dead tunnel.
	Branch Seconds `json:"branch"`
	// Profile is the name of the cloud's latencies; the next three are those on the way of a write.
	Profile string  `json:"profile"`
	Request Seconds `json:"request"`
	Write   Seconds `json:"write"`
	Fabric  Seconds `json:"fabric"`
	// Tables is how many route tables a failover moves.
	Tables int `json:"tables"`
	// Spacing is the time between two packets of a flow.
	Spacing Seconds `json:"spacing"`
}

// Setting is a program that moves routes, and how it is set.
type Setting struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Checks says in words what is asked, and how often.
	Checks string `json:"checks"`
	// Bound is the longest time that these settings allow from a failure to its detection; zero if nobody promises one.
	Bound Seconds `json:"bound,omitzero"`
	// Sees lists the modes that these checks can see, by name.
	Sees []string `json:"sees,omitempty"`
}

// Mode is a way to fail.
type Mode struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Moves says that traffic has to move; without it, it has to stay.
	Moves bool `json:"moves"`
}

// Trial is one failure under one setting.
type Trial struct {
	Setting string `json:"setting"`
	Mode    string `json:"mode"`
	// Number counts the trials of a setting and a mode, from 1.
	Number int       `json:"number"`
	Seed   uint64    `json:"seed"`
	Failed time.Time `json:"failed"` // when the failure began
	Line   Line      `json:"line"`
	Flows  []Flow    `json:"flows"`
	// Streams are long TCP connections, Connects series of short ones.
	Streams  []Stream   `json:"streams,omitempty"`
	Connects []Connects `json:"connects,omitempty"`
	// Moves is how often all routes were moved to the other appliance.
	Moves int `json:"moves"`
	// Extra is how much longer than usual ARM took because of the failure itself (an outage of it, throttling).
	Extra Seconds `json:"extra,omitzero"`
	// Trouble is what went wrong with the trial itself, or with the routes after it; a trial with trouble proves nothing good.
	Trouble []string `json:"trouble,omitempty"`
}

// Line is the time line of a transition, each from the beginning of the failure. What was
// not observed is nil. With several tables it is the last one that counts.
type Line struct {
	FirstLoss *Seconds `json:"firstLoss,omitempty"` // the first lost packet was sent
	Detected  *Seconds `json:"detected,omitempty"`  // the controller's verdict: down
	Decided   *Seconds `json:"decided,omitempty"`   // the new record was stored
	Accepted  *Seconds `json:"accepted,omitempty"`  // ARM has accepted the write
	Succeeded *Seconds `json:"succeeded,omitempty"` // its operation has succeeded
	Effective *Seconds `json:"effective,omitempty"` // the fabric forwards by it
	Through   *Seconds `json:"through,omitempty"`   // the first packet after the last lost one was sent
}

// Flow is a stream of numbered datagrams in one direction.
type Flow struct {
	// Name says from where to where, as in "app-1 to branch".
	Name string `json:"name"`
	// Outbound flows leave Azure by the route tables; the others come back by the branch's own choice.
	Outbound bool `json:"outbound"`
	// Expected is false if no routing could have saved this flow in this mode.
	Expected bool `json:"expected"`
	Sent     int  `json:"sent"`
	// Lost counts what was lost by the failure, Early what was lost before it, which is
	// trouble, and Undecided what may still have been on its way when the trial ended.
	// All others of Sent arrived.
	Lost      int `json:"lost"`
	Early     int `json:"early,omitzero"`
	Undecided int `json:"undecided,omitzero"`
	// Refused counts those that the sender's own host would not send, with the first
	// reason it gave; they are among Sent, and among the lost.
	Refused int    `json:"refused,omitzero"`
	Refusal string `json:"refusal,omitempty"`
	// Overrun counts those that arrived when the receiver's own buffer was full: they are
	// among the lost, and the lab's fault.
	Overrun int `json:"overrun,omitzero"`
	// Duplicates arrived more than once; Reordered ones after one that was sent later.
	Duplicates int `json:"duplicates"`
	Reordered  int `json:"reordered"`
	// Bursts is the number of runs of lost packets.
	Bursts int `json:"bursts"`
	// FirstLost and LastLost are when those were sent, from the beginning of the failure;
	// nil if none was lost. A packet that was on its way when the failure began was sent
	// a little before it.
	FirstLost *Seconds `json:"firstLost,omitempty"`
	LastLost  *Seconds `json:"lastLost,omitempty"`
	// Outage is from the sending of the first lost packet to that of the first one after the last lost.
	Outage Seconds `json:"outage"`
	// Delay is the usual (median) one-way delay, Worst the longest of a packet that arrived.
	Delay Seconds `json:"delay"`
	Worst Seconds `json:"worst"`
	// Open says that the last packets of the trial were lost: the outage had not ended.
	Open bool `json:"open,omitempty"`
}

// Stream is a long TCP connection.
type Stream struct {
	Name string `json:"name"`
	// Expected is false if no routing could have saved this stream in this mode.
	Expected bool `json:"expected"`
	// Survived says that the connection was still open, and moved bytes, at the end.
	Survived bool `json:"survived"`
	// Stall is the longest time in which no byte arrived, of those that ended after the failure.
	Stall Seconds `json:"stall"`
}

// Connects is a series of new TCP connections.
type Connects struct {
	Name string `json:"name"`
	// Expected is false if no routing could have saved these connections in this mode.
	Expected bool `json:"expected"`
	Tried    int  `json:"tried"`
	// Failed counts those that failed after the failure, Early those before it, which is trouble.
	Failed int `json:"failed"`
	Early  int `json:"early,omitzero"`
	// FirstFailed and LastFailed are when those began, from the beginning of the failure; nil if none failed.
	FirstFailed *Seconds `json:"firstFailed,omitempty"`
	LastFailed  *Seconds `json:"lastFailed,omitempty"`
	// Slowest is the longest time that a connection took which was made.
	Slowest Seconds `json:"slowest"`
}

// Soak is a long time in which nothing fails, or only what should not move anything.
type Soak struct {
	Setting string `json:"setting"`
	// Title says what was going on, as in "1 % random loss".
	Title string `json:"title"`
	// Loss is the share of packets that were dropped on purpose, each way.
	Loss float64 `json:"loss,omitzero"`
	// Length is how long it was watched.
	Length Seconds `json:"length"`
	// Moves is how often traffic was moved: false transitions.
	Moves int `json:"moves"`
	// Probes and Failed count the checks that were made, and those that failed; zero if the controller does not say.
	Probes int `json:"probes,omitzero"`
	Failed int `json:"failed,omitzero"`
}
