package merakisim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// The live tools.
const (
	toolPing       = "ping"       // from a device to a target
	toolPingDevice = "pingDevice" // from the cloud to a device
)

// mostPings is the most that one order may send, and what is sent when nobody says.
const mostPings = 5

// livePing is a ping that was ordered.
type livePing struct {
	id, tool string
	device   *device
	target   string
	count    int
	began    time.Time
	base     float64 // latency in milliseconds
}

type (
	pingItem struct {
		PingID  string       `json:"pingId"`
		URL     string       `json:"url"`
		Request pingRequest  `json:"request"`
		Status  string       `json:"status"`
		Results *pingResults `json:"results,omitempty"`
	}
	pingRequest struct {
		Serial string `json:"serial"`
		Target string `json:"target,omitempty"`
		Count  int    `json:"count"`
	}
	pingResults struct {
		Sent     int `json:"sent"`
		Received int `json:"received"`
		Loss     struct {
			Percentage float64 `json:"percentage"`
		} `json:"loss"`
		Latencies struct {
			Minimum *float64 `json:"minimum"`
			Average *float64 `json:"average"`
			Maximum *float64 `json:"maximum"`
		} `json:"latencies"` // null when nothing was received [U]
		Replies []pingReply `json:"replies"`
	}
	pingReply struct {
		SequenceID int     `json:"sequenceId"`
		Size       int     `json:"size"`
		Latency    float64 `json:"latency"`
	}
)

// orderPing begins a ping. The limit of the device comes before the body is looked at.
func (s *Sim) orderPing(rq *request, d *device, tool string) *reply {
	if rq.key.readOnly {
		return forbidden()
	}
	if rep := s.throttleLiveTool(rq, d.Serial); rep != nil {
		return rep
	}
	order := struct {
		Target *string `json:"target"`
		Count  *int    `json:"count"`
	}{}
	if len(rq.body) > 0 {
		dec := json.NewDecoder(bytes.NewReader(rq.body))
		dec.DisallowUnknownFields() // "callback" among them: it is not simulated
		if err := dec.Decode(&order); err != nil {
			return problem(http.StatusBadRequest, "The body is not understood: "+err.Error()) // the text is [U]
		}
	}
	p := &livePing{
		id: strconv.FormatInt(1_000_000_000_000+s.rng.Int64N(9_000_000_000_000), 10), tool: tool, device: d, count: mostPings,
		began: rq.now, base: 10 + 20*s.rng.Float64(),
	}
	if order.Count != nil {
		p.count = *order.Count
	}
	if order.Target != nil {
		p.target = *order.Target
	}
	switch {
	case p.count < 1 || p.count > mostPings:
		return problem(http.StatusBadRequest, "'count' must be between 1 and 5")
	case tool == toolPing && p.target == "":
		return problem(http.StatusBadRequest, "'target' is required")
	case tool == toolPingDevice && order.Target != nil:
		return problem(http.StatusBadRequest, "'target' is not a parameter of this operation")
	}
	s.pings[p.id] = p
	return answer(http.StatusCreated, p.item("new")) // that it is not "complete" at once is [U]
}

func (s *Sim) readPing(rq *request, d *device, tool, id string) *reply {
	p := s.pings[id]
	if p == nil || p.device != d || p.tool != tool {
		return notFound()
	}
	took := time.Duration(p.count) * s.profile.Ping
	if rq.now.Before(p.began.Add(took)) {
		return answer(http.StatusOK, p.item("running"))
	}
	results := s.results(p)
	if results.Received == 0 && !State(d.state.at(p.began)).answers() {
		switch s.opts.DeadPing {
		case DeadPingFails:
			return answer(http.StatusOK, p.item("failed"))
		case DeadPingHangs:
			return answer(http.StatusOK, p.item("running"))
		case DeadPingLost:
		default:
			panic("merakisim: dead ping " + strconv.Itoa(int(s.opts.DeadPing)))
		}
	}
	item := p.item("complete")
	item.Results = results
	return answer(http.StatusOK, item)
}

func (p *livePing) item(status string) pingItem {
	return pingItem{
		PingID: p.id, URL: "/devices/" + p.device.Serial + "/liveTools/" + p.tool + "/" + p.id,
		Request: pingRequest{Serial: p.device.Serial, Target: p.target, Count: p.count}, Status: status,
	}
}

// results asks the histories who answered each ping: the device, and then the target.
func (s *Sim) results(p *livePing) *pingResults {
	r := &pingResults{Sent: p.count, Replies: []pingReply{}}
	lowest, highest, sum := 0.0, 0.0, 0.0
	for i := range p.count {
		at := p.began.Add(time.Duration(i) * s.profile.Ping)
		answered := State(p.device.state.at(at)).answers()
		if h := s.targets[[2]string{p.device.Serial, p.target}]; h != nil {
			answered = answered && h.at(at) == intact
		}
		if !answered {
			continue
		}
		ms := p.base + float64(i)/10
		if r.Received == 0 {
			lowest = ms
		}
		highest, sum = ms, sum+ms
		r.Received++
		r.Replies = append(r.Replies, pingReply{SequenceID: i + 1, Size: 84, Latency: ms})
	}
	r.Loss.Percentage = 100 * float64(r.Sent-r.Received) / float64(r.Sent)
	if r.Received > 0 {
		average := sum / float64(r.Received)
		r.Latencies.Minimum, r.Latencies.Average, r.Latencies.Maximum = &lowest, &average, &highest
	}
	return r
}
