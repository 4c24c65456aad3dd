package cli

import (
	"sync"

	"hopguard/internal/controller"
	"hopguard/internal/journal"
)

// live shows events on standard error while they happen, if that is a terminal.
// It can be ended and begun again, so that other texts stand between.
type live struct {
	g      *global
	groups bool
	// dry leaves out decisions: those of a dry run are not carried out.
	dry bool

	mu   sync.Mutex
	line *journal.Timeline
}

// begin shows events from now on.
func (l *live) begin() {
	if !terminal(l.g.env.Stderr) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = journal.StartTimeline(l.g.env.Stderr, journal.TimelineOptions{Groups: l.groups, Color: l.g.color(l.g.env.Stderr)})
}

// end prints what is waiting, and shows no more.
func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line != nil {
		_ = l.line.Close() // nobody is left to tell
		l.line = nil
	}
}

// saw takes an event.
func (l *live) saw(e controller.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line != nil && (!l.dry || e.Kind != controller.EventDecided) {
		l.line.Saw(e)
	}
}
