package config

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is printed instead of a secret.
const hidden = "<secret>"

// Secret is a text that nothing prints: fmt with every verb, slog, JSON, YAML and text all give "<secret>". Only Reveal
// gives the text.
type Secret string

// Reveal returns the secret text, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return hidden }

// Format hides the secret from every verb, also those that would print its bytes.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret from JSON and other text forms.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalYAML hides the secret from YAML.
func (Secret) MarshalYAML() (any, error) { return hidden, nil }
