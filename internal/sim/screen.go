package sim

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// screen prints the demo's own lines among those of the time line, one at a time.
type screen struct {
	w     io.Writer
	color bool
	start time.Time

	mu sync.Mutex
}

// The colours of lines.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
)

// Write prints lines of the time line.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// paint colours a text, if colours are on.
func (s *screen) paint(code, text string) string {
	if !s.color || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// say prints a text of its own.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// event prints a line in the form of the time line.
func (s *screen) event(at time.Time, kind, code, format string, args ...any) {
	s.say("%-7s %-9s %s", fmt.Sprintf("%+.2fs", at.Sub(s.start).Seconds()), kind, s.paint(code, fmt.Sprintf(format, args...)))
}

// heading prints a title with a line under it.
func (s *screen) heading(text string) {
	s.say("\n%s\n%s", s.paint(bold, text), strings.Repeat("-", len(text)))
}
