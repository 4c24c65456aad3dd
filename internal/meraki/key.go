package meraki

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

const (
	// hidden is printed instead of a key.
	hidden = "<secret>"
	// shortestKey refuses what cannot be a key, and what could not be struck out
	// of a text without harm to the text. Keys have 40 digits.
	shortestKey = 8
	// longestKey bounds what is read from a file; tokens of OAuth are longer than keys.
	longestKey = 8 << 10
)

// ErrNoKey says that there is no key, or that what is there cannot be one.
var ErrNoKey = errors.New("no API key")

// Key is an API key, or an access token, that nothing prints: fmt with every verb,
// slog, JSON and text all give "<secret>".
type Key string

// String hides the key.
func (Key) String() string { return hidden }

// GoString hides the key from %#v.
func (Key) GoString() string { return hidden }

// Format hides the key from every verb, also from those that would print its bytes.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue hides the key from slog.
func (Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the key from JSON and other text forms.
func (Key) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// KeySource gives the key before every request, so that a rotated key is used at
// once; a source that is slow keeps what it gave. It is safe for concurrent use,
// ends with ctx, and its error does not contain the key.
type KeySource func(ctx context.Context) (Key, error)

// FixedKey is a source of a key that is known.
func FixedKey(k Key) KeySource {
	return func(context.Context) (Key, error) { return k, nil }
}

// EnvironmentKey is a source that looks a variable up with getenv, such as os.Getenv.
func EnvironmentKey(getenv func(string) string, name string) KeySource {
	return func(context.Context) (Key, error) {
		k := Key(strings.TrimSpace(getenv(name)))
		if k == "" {
			return "", fmt.Errorf("environment variable %s: %w", name, ErrNoKey)
		}
		return k, nil
	}
}

// FileKey is a source that reads a file, without the white space around the key.
func FileKey(path string) KeySource {
	return func(context.Context) (Key, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", err // names the path
		}
		defer func() { _ = f.Close() }()
		text, err := io.ReadAll(io.LimitReader(f, longestKey+1))
		if err != nil {
			return "", err // names the path
		}
		k := Key(strings.TrimSpace(string(text)))
		if k == "" {
			return "", fmt.Errorf("file %s: empty: %w", path, ErrNoKey)
		}
		return k, nil
	}
}

// readKey asks the source and refuses what must not go into a header.
func (c *Client) readKey(ctx context.Context) (Key, error) {
	k, err := c.key(ctx)
	if err == nil {
		err = k.check()
	}
	if err != nil {
		return "", fmt.Errorf("read the API key: %w", err)
	}
	return k, nil
}

// check says what is wrong with a key without showing any of it. The characters
// are those that RFC 6750 allows after "Bearer".
func (k Key) check() error {
	switch {
	case len(k) < shortestKey:
		return fmt.Errorf("%d characters, want at least %d: %w", len(k), shortestKey, ErrNoKey)
	case len(k) > longestKey:
		return fmt.Errorf("more than %d characters: %w", longestKey, ErrNoKey)
	}
	for i, r := range k {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-._~+/=", r):
		default:
			return fmt.Errorf("character %d cannot be part of a key: %w", i+1, ErrNoKey)
		}
	}
	return nil
}

// strike removes the key from what a server sent: an answer that echoes a request
// must not carry the key into an error or a log.
func (k Key) strike(text string) string { return strings.ReplaceAll(text, string(k), hidden) }
