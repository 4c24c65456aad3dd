package traffic

import "time"

// shortest is the length below which spans are not remembered one by one.
const shortest = 20 * time.Millisecond

// spans are lengths of time, each with its end, of which the longest is wanted that ended
// after a moment which is only known later. The zero value has none.
type spans struct {
	long []span
	// usual is the longest of all the short ones, whenever it ended.
	usual time.Duration
}

type span struct {
	length time.Duration
	ended  time.Time
}

func (s *spans) add(length time.Duration, ended time.Time) {
	if length < shortest {
		s.usual = max(s.usual, length)
		return
	}
	s.long = append(s.long, span{length, ended})
}

// longest returns the longest span that ended after a moment. A short one counts always.
func (s *spans) longest(after time.Time) time.Duration {
	longest := s.usual
	for _, l := range s.long {
		if l.ended.After(after) {
			longest = max(longest, l.length)
		}
	}
	return longest
}
