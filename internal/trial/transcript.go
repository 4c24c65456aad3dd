package trial

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"
)

// kept is how many lines of a transcript are kept.
const kept = 600

// transcript is what happened, line by line. All of it goes into the sum; only the
// newest lines are kept.
type transcript struct {
	sum   hash.Hash
	lines []string
	count int
}

func (t *transcript) add(at time.Duration, text string) {
	if t.sum == nil {
		t.sum = sha256.New()
	}
	line := fmt.Sprintf("%12.6f %s", at.Seconds(), text)
	t.sum.Write([]byte(line))
	t.sum.Write([]byte{'\n'})
	t.count++
	if len(t.lines) >= 2*kept {
		t.lines = append(t.lines[:0:0], t.lines[kept:]...)
	}
	t.lines = append(t.lines, line)
}

// digest is the same for two transcripts that are the same.
func (t *transcript) digest() string { return hex.EncodeToString(t.sum.Sum(nil)) }

// tail returns the newest lines.
func (t *transcript) tail() string {
	lines := t.lines[max(0, len(t.lines)-kept):]
	return strings.Join(lines, "\n")
}
