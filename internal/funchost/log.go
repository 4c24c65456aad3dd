package funchost

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// Level is that of a line in the host's log.
type Level string

// The levels that a handler can reach.
const (
	Information Level = "Information"
	Warning     Level = "Warning"
	Error       Level = "Error"
)

// Line is one line of the host's log.
type Line struct {
	Level Level
	Text  string
}

// journal keeps the lines. It is safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	list []Line
}

func (j *journal) add(level Level, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, Line{level, text})
}

func (j *journal) all() []Line {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Line(nil), j.list...)
}

// writer takes a stream of the handler, line by line. Of standard error the host makes
// errors, and warnings of lines that have the word in them.
func (j *journal) writer(stderr bool) io.Writer { return &stream{journal: j, stderr: stderr} }

type stream struct {
	journal *journal
	stderr  bool
	mu      sync.Mutex
	rest    []byte
}

// Write implements [io.Writer].
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		s.tell(string(line))
		s.rest = rest
	}
}

func (s *stream) tell(line string) {
	switch {
	case line == "" || strings.HasPrefix(line, "LanguageWorkerConsoleLog"): // not for the user
	case !s.stderr:
		s.journal.add(Information, line)
	case strings.Contains(strings.ToLower(line), "warn"):
		s.journal.add(Warning, line)
	default:
		s.journal.add(Error, line)
	}
}
