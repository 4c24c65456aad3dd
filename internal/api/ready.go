package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
)

// readiness is whether one group is looked after, and if not, why.
type readiness struct {
	Group appliance.GroupName `json:"group"`
	Ready bool                `json:"ready"`
	// Leader is the process that looks after the group, if it is another one.
	Leader string `json:"leader,omitempty"`
	// Why is empty when the group is ready.
	Why string `json:"why,omitempty"`
	// State is the newest report's: agreed, degraded or failed.
	State controller.State `json:"state,omitempty"`
	// LastTick is when the newest tick ended.
	LastTick time.Time `json:"lastTick,omitzero"`
}

// Ready reports whether the group is looked after, in the sense of /readyz.
func (g Group) Ready(now time.Time) bool { return readyOf(g, now).Ready }

// readyOf judges one group. A degraded group is ready: it is looked after, and a
// restart would not help it.
func readyOf(g Group, now time.Time) readiness {
	r := readiness{Group: g.Name}
	if g.Elsewhere != nil {
		r.Leader, r.Why = g.Elsewhere.Leader.Name, g.Elsewhere.why(now)
		r.Ready = r.Why == ""
		return r
	}
	if g.Report == nil {
		r.Why = "no tick has ended yet"
		return r
	}
	r.State, r.LastTick = g.Report.State(), g.Report.Ended
	switch oldest := readyIntervals * g.Interval; {
	case now.Sub(g.Report.Ended) >= oldest:
		r.Why = fmt.Sprintf("the last tick ended %s ago, which is %d intervals or more (%s)", now.Sub(g.Report.Ended).Round(time.Millisecond), readyIntervals, oldest)
	case r.State == controller.Failed:
		r.Why = fmt.Sprintf("the last tick failed: %v", g.Report.Err())
	default:
		r.Ready = true
	}
	return r
}

// why says why nobody may be looking after the group; "" if another process does.
func (e Elsewhere) why(now time.Time) string {
	switch {
	case e.Seen.IsZero() && e.Err == nil:
		return "the other processes were not looked for yet"
	case e.Seen.IsZero() || now.Sub(e.Seen) >= e.Fresh:
		return fmt.Sprintf("the other processes cannot be seen: %v", e.Err)
	case e.Leader.Name == "":
		return "no process looks after it"
	default:
		return ""
	}
}

// ready is 200 only if every group is.
func (s Server) ready(w http.ResponseWriter, _ *http.Request) {
	now := s.Now()
	var groups []readiness
	var why []string
	for _, g := range s.Groups() {
		r := readyOf(g, now)
		groups = append(groups, r)
		if !r.Ready {
			why = append(why, fmt.Sprintf("%s: %s", r.Group, r.Why))
		}
	}
	if len(why) > 0 {
		problem{Title: "not ready", Status: http.StatusServiceUnavailable, Detail: strings.Join(why, "; "), Groups: groups}.write(w)
		return
	}
	write(w, http.StatusOK, "application/json", struct {
		Status string      `json:"status"`
		Groups []readiness `json:"groups"`
	}{"ready", groups})
}
