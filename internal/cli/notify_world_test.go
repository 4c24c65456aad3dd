package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// mailbox is what the targets of a script have got.
type mailbox struct {
	mu  sync.Mutex
	got []string
}

// hook starts a server that takes messages, or says what it got since it was asked last:
//
//	hook start        $HOOK is its URL; below /broken it answers 503, and below /gone 404
//	hook got          nothing
//	hook got A B …    as many messages, in the order of their paths, each matching its expression
func hook(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: hook start|got ...")
	}
	s := ts.Value(slotKey{}).(*slot)
	if args[0] == "start" {
		s.mail = &mailbox{}
		server := httptest.NewServer(s.mail)
		ts.Defer(server.Close)
		ts.Setenv("HOOK", server.URL)
		return
	}
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	if len(s.mail.got) != len(args)-1 {
		ts.Fatalf("%d messages, want %d:\n%s", len(s.mail.got), len(args)-1, strings.Join(s.mail.got, "\n"))
	}
	slices.Sort(s.mail.got) // each target is told by itself
	for i, want := range args[1:] {
		if !regexp.MustCompile(want).MatchString(s.mail.got[i]) {
			ts.Fatalf("message %d is no %q:\n%s", i+1, want, s.mail.got[i])
		}
	}
	s.mail.got = nil
}

// ServeHTTP takes a message.
func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what was sent is looked at by the script
	switch {
	case strings.HasPrefix(r.URL.Path, "/broken"):
		http.Error(w, "try later", http.StatusServiceUnavailable)
	case strings.HasPrefix(r.URL.Path, "/gone"):
		http.Error(w, "no such hook "+r.URL.Path, http.StatusNotFound)
	default:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.got = append(m.got, fmt.Sprintf("%s %s %s", r.URL.Path, r.Header.Get("Webhook-Signature"), body))
		w.WriteHeader(http.StatusAccepted)
	}
}
