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
	// width is that of the terminal; 0 is no limit.
	width int
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

// Write prints a line of the time line.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.w, s.fit(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

const (
	// textColumn is where the text of a line begins: after its time and kind.
	textColumn = 18
	// maxRows is how many rows of the terminal one line may take.
	maxRows = 3
	// cut marks a line that takes more.
	cut = " ..."
)

// fit breaks a line between words where the terminal ends, and cuts it where it
// would take too many rows: evidence quotes whole answers of Azure.
func (s *screen) fit(line string) string {
	if s.width <= 2*textColumn || visible(line) <= s.width {
		return line
	}
	var b strings.Builder
	b.WriteString(line[:textColumn])
	used, rows := textColumn, 1
	for word := range strings.FieldsSeq(shortIDs(line[textColumn:])) {
		room := s.width
		if rows == maxRows {
			room -= len(cut)
		}
		switch n := visible(word); {
		case used == textColumn:
		case used+1+n <= room:
			b.WriteByte(' ')
			used++
		case rows == maxRows:
			b.WriteString(cut + reset(line) + "\n")
			return b.String()
		default:
			b.WriteString("\n" + strings.Repeat(" ", textColumn))
			used, rows = textColumn, rows+1
		}
		b.WriteString(word)
		used += visible(word)
	}
	return b.String() + "\n"
}

// shortIDs leaves of resource ids what a viewer looks at.
func shortIDs(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if before, _, ok := strings.Cut(w, "/subscriptions/"); ok {
			words[i] = before + "..." + w[strings.LastIndexByte(w, '/'):]
		}
	}
	return strings.Join(words, " ")
}

// visible counts the columns of a text: all but its colours.
func visible(text string) int {
	n, code := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			code = true
		case code:
			code = r != 'm'
		case r != '\n':
			n++
		}
	}
	return n
}

// reset ends the colour of a line that was cut, if it has one.
func reset(line string) string {
	if strings.Contains(line, "\x1b[") {
		return "\x1b[0m"
	}
	return ""
}

// paint colours a text, if colours are on.
func (s *screen) paint(code, text string) string {
	if !s.color || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// say prints a text of its own, as it is.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// event prints a line in the form of the time line.
func (s *screen) event(at time.Time, kind, code, format string, args ...any) {
	line := fmt.Sprintf("%-7s %-9s %s\n", fmt.Sprintf("%+.2fs", at.Sub(s.start).Seconds()), kind, s.paint(code, fmt.Sprintf(format, args...)))
	_, _ = io.WriteString(s, line) // nobody is left to tell
}

// heading prints a title with a line under it.
func (s *screen) heading(text string) {
	s.say("\n%s\n%s", s.paint(bold, text), strings.Repeat("-", len(text)))
}
