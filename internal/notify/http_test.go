package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/notify"
)

var update = flag.Bool("update", false, "write the golden files again")

// canary is a part of every secret of these tests.
const canary = "c4n4ry-value-that"

// server answers as it is told, and keeps what it got.
type server struct {
	*httptest.Server
	bodies  [][]byte
	headers []http.Header
	paths   []string
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.bodies, s.headers, s.paths = append(s.bodies, body), append(s.headers, r.Header), append(s.paths, r.URL.RequestURI())
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// url is where a secret webhook of the server is.
func (s *server) url() string { return s.URL + "/hook/" + canary + "?sig=" + canary + "-sig" }

func secret(text string) notify.Secret {
	return func(context.Context) (string, error) { return text, nil }
}

// failover is the message of a failover of which one table is not done.
func failover(t *testing.T) notify.Message {
	t.Helper()
	m, _ := notify.Policy{}.News(notify.Memory{}, healthy(0))
	s := moved(time.Minute)
	s.Tables[1].Done, s.Tables[1].Error = time.Time{}, "write route table: 403 AuthorizationFailed <no & right> to *spoke_2*"
	s.Problems = []string{"route table spoke-2: 403 AuthorizationFailed"}
	_, out := notify.Policy{}.News(m, s)
	return out[0]
}

// recovery is the message after it.
func recovery(t *testing.T) notify.Message {
	t.Helper()
	m, _ := notify.Policy{}.News(notify.Memory{}, in(notify.BothDown, 0))
	_, out := notify.Policy{}.News(m, healthy(time.Minute))
	return out[0]
}

// senders are all that post, to one URL.
func senders(url string) map[string]notify.Sender {
	c := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Transport: c}
	now := func() time.Time { return start().Add(2 * time.Minute) }
	return map[string]notify.Sender{
		"webhook":   notify.Webhook{Client: client, URL: secret(url), Key: secret(canary + "-key"), Agent: "hopguard/1", Now: now},
		"teams":     notify.Teams{Client: client, URL: secret(url), Agent: "hopguard/1"},
		"slack":     notify.Slack{Client: client, URL: secret(url), Agent: "hopguard/1"},
		"pagerduty": notify.PagerDuty{Client: client, URL: secret(url), Key: secret(canary + "-key\n"), Agent: "hopguard/1"},
	}
}

// What goes over the wire, for people to look at.
func TestBodies(t *testing.T) {
	for name := range senders("") {
		for what, m := range map[string]notify.Message{"failover": failover(t), "recovery": recovery(t)} {
			t.Run(name+"-"+what, func(t *testing.T) {
				s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
				if err := senders(s.url())[name].Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				if len(s.bodies) != 1 || s.headers[0].Get("Content-Type") != "application/json" || s.headers[0].Get("User-Agent") != "hopguard/1" || !strings.HasPrefix(s.paths[0], "/hook/"+canary+"?sig=") {
					t.Errorf("it got %v at %v", s.headers, s.paths)
				}
				golden(t, name+"-"+what+".json", s.bodies[0])
			})
		}
	}
}

func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	compare(t, name, b.String())
}

func compare(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got; -update writes it again):\n%s", name, diff)
	}
}

// A receiver finds the signature as Standard Webhooks says it.
func TestSignature(t *testing.T) {
	raw := []byte("a key of some bytes")
	for name, key := range map[string]string{"text": string(raw), "standard": "whsec_" + base64.StdEncoding.EncodeToString(raw)} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(http.ResponseWriter, *http.Request) {})
			w := notify.Webhook{Client: s.Client(), URL: secret(s.url()), Key: secret(key), Now: time.Now}
			m := failover(t)
			if err := w.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			h := s.headers[0]
			mac := hmac.New(sha256.New, raw)
			fmt.Fprintf(mac, "%s.%s.%s", m.ID, h.Get("Webhook-Timestamp"), s.bodies[0])
			if got, want := h.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want || h.Get("Webhook-Id") != m.ID {
				t.Errorf("Webhook-Signature = %q of %q, want %q", got, h.Get("Webhook-Id"), want)
			}
		})
	}
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	if err := (notify.Webhook{Client: s.Client(), URL: secret(s.url()), Now: time.Now}).Send(t.Context(), failover(t)); err != nil || s.headers[0].Get("Webhook-Signature") != "" {
		t.Errorf("without a key: %v, %q", err, s.headers[0].Get("Webhook-Signature"))
	}
}

// What may pass is told from what is final, and nothing of the URL but its host is shown.
func TestP10AnswersAndSecrets(t *testing.T) {
	for _, test := range []struct {
		status int
		header string
		after  time.Duration
		passes bool
	}{
		{status: 200}, {status: 202}, {status: 204}, {status: 302}, {status: 400}, {status: 401}, {status: 403}, {status: 404}, {status: 410},
		{status: 408, passes: true}, {status: 425, passes: true}, {status: 429, passes: true}, {status: 500, passes: true}, {status: 503, passes: true},
		{status: 429, header: "7", after: 7 * time.Second, passes: true}, {status: 429, header: "99999", after: 10 * time.Minute, passes: true},
		{status: 503, header: "-5", passes: true}, {status: 503, header: "soon", passes: true},
	} {
		for name := range senders("") {
			t.Run(fmt.Sprintf("%s-%d-%s", name, test.status, test.header), func(t *testing.T) {
				s := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if test.header != "" {
						w.Header().Set("Retry-After", test.header)
					}
					w.Header().Set("Location", r.URL.String())
					w.WriteHeader(test.status)
					if test.status >= 300 {
						fmt.Fprintf(w, "no such hook: %s\n\x1b[31m", r.URL.RequestURI())
					}
				})
				err := senders(s.url())[name].Send(t.Context(), failover(t))
				late, passes := errors.AsType[*notify.LaterError](err)
				if (err == nil) != (test.status < 300) || passes != test.passes || passes && late.After != test.after {
					t.Errorf("Send() = %v, after %v", err, late)
				}
				if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, canary) || strings.Contains(text, "\x1b") {
					t.Errorf("the error shows a secret: %s", text)
				} else if err != nil && !strings.Contains(text, "post to "+s.URL+": ") {
					t.Errorf("the error does not say where: %s", text)
				}
				if len(s.bodies) != 1 {
					t.Errorf("%d requests, want 1", len(s.bodies))
				}
			})
		}
	}
}

func TestP10NoAnswerShowsNoSecret(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	closes := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	broken := func(context.Context) (string, error) { return "", errors.New("the vault does not answer") }
	for name := range senders("") {
		for what, url := range map[string]string{
			"refused": dead.URL + "/" + canary + "?sig=" + canary, "closed": closes.url(),
			"no-scheme": "hooks.example/" + canary, "no-host": "https:///" + canary, "odd": "https://exa mple/" + canary, "other": "ftp://example/" + canary,
		} {
			t.Run(name+"-"+what, func(t *testing.T) {
				err := senders(url)[name].Send(t.Context(), failover(t))
				if err == nil || strings.Contains(err.Error(), canary) {
					t.Errorf("Send() = %v", err)
				}
			})
		}
	}
	c := &http.Client{}
	for _, s := range []notify.Sender{
		notify.Teams{Client: c, URL: broken}, notify.Webhook{Client: c, URL: secret("http://127.0.0.1:1/"), Key: broken, Now: time.Now},
		notify.PagerDuty{Client: c, URL: secret("http://127.0.0.1:1/"), Key: broken},
	} {
		if err := s.Send(t.Context(), failover(t)); err == nil || !strings.Contains(err.Error(), "the vault does not answer") {
			t.Errorf("Send() = %v, want why there is no secret", err)
		} else if _, ok := errors.AsType[*notify.LaterError](err); !ok {
			t.Errorf("%T: a secret that cannot be read now may be read later: %v", s, err)
		}
	}
}

// A hanging server costs the time that the caller gives, and no more.
func TestAServerThatHangs(t *testing.T) {
	cause := errors.New("the time is over")
	for name := range senders("") {
		ctx, cancel := context.WithCancelCause(t.Context())
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel(cause)
			<-r.Context().Done()
		})
		if err := senders(s.url())[name].Send(ctx, failover(t)); err == nil || !strings.HasSuffix(err.Error(), cause.Error()) {
			t.Errorf("%s: Send() = %v", name, err)
		}
	}
}

// A test of PagerDuty opens an incident of its own and closes it.
func TestPagerDutyTest(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	if err := senders(s.url())["pagerduty"].Send(t.Context(), notify.TestMessage("emea", start())); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range s.bodies {
		var e struct {
			Action string `json:"event_action"`
			Key    string `json:"dedup_key"`
			Routes string `json:"routing_key"`
		}
		if err := json.Unmarshal(b, &e); err != nil || e.Routes != canary+"-key" {
			t.Errorf("%s: %v", b, err)
		}
		got = append(got, e.Action+" "+e.Key)
	}
	if fmt.Sprint(got) != "[trigger hopguard/emea/test resolve hopguard/emea/test]" {
		t.Errorf("it got %v", got)
	}
}

// What a message can hold at most fits into what the chats take.
func TestLongMessagesFit(t *testing.T) {
	m, _ := notify.Policy{}.News(notify.Memory{}, healthy(0))
	s := moved(time.Minute)
	for i := range 300 {
		s.Tables = append(s.Tables, notify.Table{ID: table(strings.Repeat("name", 20) + fmt.Sprint(i)), Error: strings.Repeat("\"<&ä", 300)})
		s.Steps = append(s.Steps, notify.Step{At: start(), What: strings.Repeat("step_", 60)})
		s.Problems = append(s.Problems, strings.Repeat("problem ", 100))
	}
	_, out := notify.Policy{}.News(m, s)
	for name, most := range map[string]int{"teams": 28 << 10, "slack": 40 << 10, "pagerduty": 512 << 10} {
		server := serve(t, func(http.ResponseWriter, *http.Request) {})
		if err := senders(server.url())[name].Send(t.Context(), out[0]); err != nil {
			t.Fatal(err)
		}
		if n := len(server.bodies[0]); n > most {
			t.Errorf("%s: %d bytes, want at most %d", name, n, most)
		}
		if name != "slack" {
			continue
		}
		var body struct {
			Blocks []struct{ Text struct{ Text string } }
		}
		if err := json.Unmarshal(server.bodies[0], &body); err != nil {
			t.Fatal(err)
		}
		for i, b := range body.Blocks {
			if n := len([]rune(b.Text.Text)); n > 3000 || i == 0 && n > 150 {
				t.Errorf("block %d has %d letters", i, n)
			}
		}
	}
}
