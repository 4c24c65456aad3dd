package meraki_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"hopguard/internal/meraki"
)

const canary = "canary-0123456789-canary"

func TestKeySources(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := func(text string) meraki.KeySource {
		return meraki.EnvironmentKey(func(name string) string { return map[string]string{"MERAKI_KEY": text}[name] }, "MERAKI_KEY")
	}
	tests := []struct {
		name   string
		source meraki.KeySource
		want   string // the error, or ""
	}{
		{"fixed", meraki.FixedKey(canary), ""},
		{"environment", env(canary), ""},
		{"environment-with-space-around", env(" " + canary + "\n"), ""},
		{"environment-not-set", env(""), "environment variable MERAKI_KEY: no API key"},
		{"file", meraki.FileKey(file("key", canary+"\n")), ""},
		{"file-empty", meraki.FileKey(file("empty", "\n")), "file " + dir + "/empty: empty: no API key"},
		{"file-missing", meraki.FileKey(dir + "/none"), "open " + dir + "/none: no such file or directory"},
		{"file-is-a-folder", meraki.FileKey(dir), "read " + dir + ": is a directory"},
		{"too-short", meraki.FixedKey("short"), "5 characters, want at least 8: no API key"},
		{"too-long", meraki.FileKey(file("long", strings.Repeat("x", 9000))), "more than 8192 characters: no API key"},
		{"two-lines", meraki.FixedKey(canary + "\n" + canary), "character 25 cannot be part of a key: no API key"},
		{"not-ascii", meraki.FixedKey("clé-0123456789"), "character 3 cannot be part of a key: no API key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := ""
			c := newClient(t, server(func(r *http.Request) *http.Response {
				sent = r.Header.Get("Authorization")
				return says(200, "[]")
			}), meraki.Options{Key: tt.source})
			_, err := c.VPNStatuses(t.Context(), "1")
			if tt.want == "" {
				if err != nil || sent != "Bearer "+canary {
					t.Errorf("sent %q with error %v, want the key", sent, err)
				}
				return
			}
			wantError(t, err, "read appliance vpn statuses of organization 1: read the API key: "+tt.want)
			if sent != "" {
				t.Errorf("sent %q, want no request", sent)
			}
			if strings.Contains(fmt.Sprint(err), canary) {
				t.Errorf("error %v shows the key", err)
			}
		})
	}
}

func TestARotatedKeyIsUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key")
		var sent []string
		c := newClient(t, server(func(r *http.Request) *http.Response {
			sent = append(sent, r.Header.Get("Authorization"))
			return says(200, "[]")
		}), meraki.Options{Key: meraki.FileKey(path)})
		for i, key := range []string{"first-key-0123", "second-key-0123"} {
			if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := c.VPNStatuses(t.Context(), meraki.OrganizationID(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(sent, ", "); got != "Bearer first-key-0123, Bearer second-key-0123" {
			t.Errorf("sent %s, want each key once", got)
		}
	})
}

// TestP10TheKeyPrintsNowhere asks servers that send the whole request back, and looks
// for the key in everything that a program could print.
func TestP10TheKeyPrintsNowhere(t *testing.T) {
	key := meraki.Key(canary)
	text, err := json.MarshalIndent([]meraki.Key{key}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text)), key.String(), key.GoString(), key.LogValue().String()}
	for _, p := range printed {
		if !strings.Contains(p, "<secret>") {
			t.Errorf("a key prints as %q, want <secret>", p)
		}
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	logger.InfoContext(t.Context(), "key", "key", key, "nested", struct{ K meraki.Key }{key})
	show := func(v any) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
	}
	show(key)
	show(&key)
	show(struct{ K meraki.Key }{key})
	options := meraki.Options{Key: meraki.FixedKey(key), Log: logger}
	show(options)

	echo := func(r *http.Request) string { return r.Header.Get("Authorization") }
	servers := map[string]func(*http.Request) *http.Response{
		"errors": func(r *http.Request) *http.Response {
			return says(403, `{"errors":["`+echo(r)+`"]}`, "X-Request-Id", echo(r))
		},
		"page":     func(r *http.Request) *http.Response { return says(200, echo(r), "Content-Type", echo(r)) },
		"object":   func(r *http.Request) *http.Response { return says(201, `{"`+echo(r)+`":"`+echo(r)+`"}`) },
		"throttle": func(r *http.Request) *http.Response { return says(429, echo(r), "Retry-After", echo(r)) },
		"redirect": func(r *http.Request) *http.Response {
			return says(302, "", "Location", "http://"+strings.TrimPrefix(echo(r), "Bearer ")+"/")
		},
		"next": func(r *http.Request) *http.Response {
			return says(200, "[]", "Link", "<https://example.com/"+echo(r)+">; rel=next")
		},
		"rows": func(r *http.Request) *http.Response {
			return says(200, `[{"networkId":"N_1","deviceStatus":"`+echo(r)+`"}]`)
		},
		"ping": func(r *http.Request) *http.Response {
			return says(201, `{"pingId":"`+echo(r)+`","status":"failed `+echo(r)+`"}`)
		},
	}
	for name, s := range servers {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, server(s), options)
			status, err := c.VPNStatus(t.Context(), "1", "N_1")
			ping, pingErr := c.PingDevice(t.Context(), "1", "Q1", 1)
			if err == nil && pingErr == nil {
				t.Errorf("%s: want an error of one of both", name)
			}
			for _, v := range []any{c, status, ping, err, pingErr} {
				show(v)
			}
			for e := range causes(errors.Join(err, pingErr)) {
				show(e)
			}
		})
	}
	// A transport that quotes what the server sent.
	c := newClient(t, quoting{}, options)
	_, err = c.PingDevice(t.Context(), "1", "Q1", 1)
	wantError(t, err, `ping device Q1: POST /api/v1/devices/Q1/liveTools/pingDevice: send: malformed answer "Bearer <secret>"`)
	for e := range causes(err) {
		show(e)
	}
	printed = append(printed, log.String())
	if !strings.Contains(log.String(), "meraki request") {
		t.Error("nothing was logged")
	}
	for _, p := range printed {
		if strings.Contains(p, canary) || strings.Contains(strings.ToLower(p), fmt.Sprintf("%x", canary)) {
			t.Errorf("the key is in %q", p)
		}
	}
}

type quoting struct{}

func (quoting) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("malformed answer %q", r.Header.Get("Authorization"))
}

// causes yields an error and everything that it wraps.
func causes(err error) func(func(error) bool) {
	return func(yield func(error) bool) {
		for queue := []error{err}; len(queue) > 0; queue = queue[1:] {
			e := queue[0]
			if e == nil {
				continue
			}
			if !yield(e) {
				return
			}
			queue = append(queue, errors.Unwrap(e))
			if several, ok := e.(interface{ Unwrap() []error }); ok {
				queue = append(queue, several.Unwrap()...)
			}
		}
	}
}
