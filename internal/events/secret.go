package events

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// hidden is printed instead of a secret.
const hidden = "<secret>"

// Secret is what a sender proves itself with. Nothing prints it: fmt with every
// verb, slog, JSON and text all give "<secret>". It is compared as it is, so whoever
// reads it from a file takes the line's end away.
type Secret string

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return hidden }

// Format hides the secret from every verb, also from those that would print its bytes.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret from JSON and other text forms.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// empty reports whether there is no secret, or none but white space.
func (s Secret) empty() bool { return strings.TrimSpace(string(s)) == "" }

// matches reports whether one of the texts is the secret. The time it takes depends
// on the texts alone: the digests have one length, and all of them are compared
// whole. An empty secret matches nothing.
func (s Secret) matches(texts ...string) bool {
	want := sha256.Sum256([]byte(s))
	equal := 0
	for _, text := range texts {
		got := sha256.Sum256([]byte(text))
		equal |= subtle.ConstantTimeCompare(want[:], got[:])
	}
	return equal == 1 && !s.empty()
}
