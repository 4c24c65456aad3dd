package labreport

import (
	"time"

	"hopguard/internal/outage"
)

// phase is a part of a transition: from the moment before to the one that it is named
// after.
type phase struct {
	// Key is its number in pictures, and with "phase" before it its class.
	Key string
	// Name is what happens in it, Moment what ends it.
	Name   string
	Moment string
	Means  string
	of     func(outage.Line) *outage.Seconds
}

// phases are those of the program and of Azure, in their order. What is lost meanwhile
// is drawn apart, because it begins and ends at other moments.
func phases() []phase {
	return []phase{
		{"1", "detection", "detected", "the program's verdict on the appliance: down",
			func(l outage.Line) *outage.Seconds { return l.Detected }},
		{"2", "decision", "decided", "the new record is stored: which appliance shall carry the traffic",
			func(l outage.Line) *outage.Seconds { return l.Decided }},
		{"3", "request", "accepted", "the simulated ARM has accepted the last write of a route table",
			func(l outage.Line) *outage.Seconds { return l.Accepted }},
		{"4", "operation", "succeeded", "the operation of the last write has succeeded",
			func(l outage.Line) *outage.Seconds { return l.Succeeded }},
		{"5", "fabric", "effective", "the simulated fabric forwards by all new routes",
			func(l outage.Line) *outage.Seconds { return l.Effective }},
	}
}

// span is a part of a bar.
type span struct {
	Key      string
	From, To time.Duration
}

// spans are the phases of a line whose end was observed. One whose beginning was not
// begins where the last that was observed ended.
func spans(l outage.Line) []span {
	var out []span
	at := time.Duration(0)
	for _, p := range phases() {
		m := p.of(l)
		if m == nil {
			continue
		}
		if d := m.Duration(); d > at {
			out = append(out, span{p.Key, at, d})
			at = d
		}
	}
	return out
}

// lost is the part of the bar in which packets were lost; false if none were.
func lost(l outage.Line, longest time.Duration) (span, bool) {
	if l.FirstLoss == nil {
		return span{}, false
	}
	s := span{"lost", l.FirstLoss.Duration(), longest}
	if l.Through != nil {
		s.To = l.Through.Duration()
	}
	return s, s.To > s.From
}

// last is the latest moment of a line.
func last(l outage.Line) time.Duration {
	end := time.Duration(0)
	for _, p := range phases() {
		if m := p.of(l); m != nil {
			end = max(end, m.Duration())
		}
	}
	for _, m := range []*outage.Seconds{l.FirstLoss, l.Through} {
		if m != nil {
			end = max(end, m.Duration())
		}
	}
	return end
}

// lineRow is a row with the phases of a transition and, below them, the time in which
// packets were lost. A tall one has the numbers of its phases in it.
func lineRow(label, note string, l outage.Line, sc scale, tall bool) row {
	height, bar := 22, 8
	if tall {
		height, bar = 52, 17
	}
	return row{Label: label, Note: note, Height: height, draw: func(c canvas) {
		end := sc.marks[len(sc.marks)-1]
		top := c.middle() - bar - 1
		for _, s := range spans(l) {
			from, to := c.x(sc.at(sc.within(s.From))), c.x(sc.at(sc.within(s.To)))
			c.rect(from, max(to, from+1), top, top+bar, "phase"+s.Key)
			if tall && to-from >= 11 {
				c.text(s.Key, (from+to)/2-3, top+bar-4, "key"+s.Key)
			}
		}
		if s, ok := lost(l, end); ok {
			from, to := c.x(sc.at(sc.within(s.From))), c.x(sc.at(sc.within(s.To)))
			c.rect(from, max(to, from+1), c.middle()+1, c.middle()+1+bar, "lost")
			if words := "packets lost"; tall && to-from >= 90 {
				c.text(words, from+6, c.middle()+bar-3, "keylost")
			}
		} else if tall {
			c.text("no packet lost", c.box.Left+6, c.middle()+bar-2, "note")
		}
	}}
}

// legend is a row that says what the colours and numbers of time lines mean.
func legend() row {
	return row{Height: 26, draw: func(c canvas) {
		const swatch = 16
		ps := phases()
		slot := (c.box.Right - c.box.Left + rightMargin) / (len(ps) + 1)
		for i, p := range ps {
			x := c.box.Left + i*slot
			c.rect(x, x+swatch, c.top+3, c.top+17, "phase"+p.Key)
			c.text(p.Key, x+5, c.top+14, "key"+p.Key)
			c.text(p.Name, x+swatch+4, c.top+14, "label")
		}
		x := c.box.Left + len(ps)*slot
		c.rect(x, x+swatch, c.top+3, c.top+17, "lost")
		c.text("packets lost", x+swatch+4, c.top+14, "label")
	}}
}
