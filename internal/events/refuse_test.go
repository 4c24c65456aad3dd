package events_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/events"
)

// TestForged presents everything but the secret. All of it gets one answer.
func TestForged(t *testing.T) {
	wrong := []string{"", "x", secret[:len(secret)-1], secret + "x", secret[:len(secret)-1] + "2", strings.ToUpper(secret), " " + secret, secret + "\n", "<secret>"}
	requests := make(map[events.Source][]*http.Request)
	for _, text := range wrong {
		requests[events.Meraki] = append(requests[events.Meraki], request(t, events.Meraki, merakiAlert(map[string]any{"sharedSecret": text})))
	}
	for _, value := range []any{nil, 7, true, []string{secret}, map[string]any{"sharedSecret": secret}} {
		requests[events.Meraki] = append(requests[events.Meraki], request(t, events.Meraki, merakiAlert(map[string]any{"sharedSecret": value})))
	}
	// What is wrong besides is not told to a stranger, and a header does not count.
	requests[events.Meraki] = append(requests[events.Meraki], request(t, events.Meraki, "{}"), request(t, events.Meraki, "null"))
	header := request(t, events.Meraki, merakiAlert(map[string]any{"sharedSecret": nil}))
	header.Header.Set("Authorization", "Bearer "+secret)
	requests[events.Meraki] = append(requests[events.Meraki], header)

	for _, s := range []events.Source{events.AzureMonitor, events.EventGrid} {
		add := func(query string, headers ...string) {
			r := request(t, s, "what is in the body is not even looked at")
			r.Header["Content-Type"], r.Header["Authorization"] = []string{"image/png"}, headers
			r.URL.RawQuery = query
			requests[s] = append(requests[s], r)
		}
		quoted := url.QueryEscape(secret)
		add("")
		for _, text := range wrong {
			add("token="+url.QueryEscape(text), "Bearer "+strings.TrimSpace(text)+"?")
		}
		add("token=" + quoted + "&token=" + quoted) // which one?
		add("token=x&token=" + quoted)
		add("Token=" + quoted)
		add("token=%zz")
		add("tokenid=" + quoted)
		add("", "Basic "+secret)
		add("", secret)
		add("", "Bearer")
		add("", "Bearer "+secret, "Bearer "+secret)
	}
	for s, list := range requests {
		t.Run(string(s), func(t *testing.T) {
			w := newWorld(t)
			var first *httptest.ResponseRecorder
			for _, r := range list {
				rec := w.want(t, r, http.StatusUnauthorized, events.Forged)
				if first == nil {
					first = rec
				}
				if diff := cmp.Diff(first.Body.String(), rec.Body.String()) + cmp.Diff(first.Header(), rec.Header()); diff != "" {
					t.Errorf("two forged requests get two answers:\n%s", diff)
				}
			}
			if first.Header().Get("WWW-Authenticate") == "" {
				t.Error("the answer has no challenge")
			}
		})
	}
}

// TestTokens presents the token in every way that counts.
func TestTokens(t *testing.T) {
	for _, s := range []events.Source{events.AzureMonitor, events.EventGrid} {
		for i, tt := range []struct{ query, header string }{
			{"", "Bearer " + secret},
			{"", "bearer   " + secret},
			{"token=" + url.QueryEscape(secret), ""},
			{"a=b&token=" + url.QueryEscape(secret), "Bearer of.another.sign-in"},
			{"token=x", "Bearer " + secret},
		} {
			w := newWorld(t)
			r := request(t, s, fixture(s, "1"))
			r.URL.RawQuery = tt.query
			r.Header.Set("Authorization", tt.header)
			if rec := w.send(t, r); rec.Code != http.StatusOK || len(w.nudges()) != 1 {
				t.Errorf("%s, way %d: answer %d, want 200 and a nudge", s, i, rec.Code)
			}
		}
	}
}

func TestTheSecretOfNowCounts(t *testing.T) {
	for _, s := range events.Sources() {
		t.Run(string(s), func(t *testing.T) {
			w := newWorld(t)
			for _, none := range []events.Secret{"", " \n"} {
				w.rotate(none)
				w.want(t, request(t, s, fixture(s, "1")), http.StatusServiceUnavailable, events.Unready)
			}
			w.rotate("new")
			w.want(t, request(t, s, fixture(s, "1")), http.StatusUnauthorized, events.Forged)
			w.rotate(secret)
			w.want(t, request(t, s, fixture(s, "1")), http.StatusOK, events.Nudged)
		})
	}
}

// TestAnEmptySecretMatchesNothing presents nothing, and then the nothing itself.
func TestAnEmptySecretMatchesNothing(t *testing.T) {
	w := newWorld(t)
	w.rotate("")
	r := request(t, events.EventGrid, fixture(events.EventGrid, "1"))
	r.Header.Set("Authorization", "Bearer ")
	r.URL.RawQuery = "token="
	w.want(t, r, http.StatusServiceUnavailable, events.Unready)
	w.want(t, request(t, events.Meraki, merakiAlert(map[string]any{"sharedSecret": ""})), http.StatusServiceUnavailable, events.Unready)
	r = httptest.NewRequestWithContext(t.Context(), http.MethodOptions, events.EventGrid.Path()+"?token=", nil)
	r.Header.Set("WebHook-Request-Origin", "eventgrid.azure.net")
	w.want(t, r, http.StatusServiceUnavailable, events.Unready)
}

func TestOversized(t *testing.T) {
	for s, limit := range map[events.Source]int{events.Meraki: 64 << 10, events.AzureMonitor: 64 << 10, events.EventGrid: 1 << 20} {
		t.Run(string(s), func(t *testing.T) {
			w := newWorld(t)
			fits := fixture(s, "1")
			fits += strings.Repeat(" ", limit-len(fits))
			w.want(t, request(t, s, fits+" "), http.StatusRequestEntityTooLarge, events.Oversized)
			// Without an announced length, the bytes are counted.
			r := request(t, s, fits+" ")
			r.ContentLength = -1
			w.want(t, r, http.StatusRequestEntityTooLarge, events.Oversized)
			// An announced length is believed without reading.
			r = request(t, s, "")
			r.Body, r.ContentLength = io.NopCloser(unread{t}), int64(limit)+1
			w.want(t, r, http.StatusRequestEntityTooLarge, events.Oversized)

			w.want(t, request(t, s, fits), http.StatusOK, events.Nudged)
		})
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestUnsupported(t *testing.T) {
	for _, s := range events.Sources() {
		for _, header := range []string{
			"", "text/plain", "application/x-www-form-urlencoded", "application/xml", "application/json; charset=utf-16",
			"application/json; charset=iso-8859-1", "application", "application/json;;=", "application/jsonx",
		} {
			r := request(t, s, fixture(s, "1"))
			r.Header.Set("Content-Type", header)
			newWorld(t).want(t, r, http.StatusUnsupportedMediaType, events.Unsupported)
		}
		r := request(t, s, fixture(s, "1"))
		r.Header.Set("Content-Encoding", "gzip")
		newWorld(t).want(t, r, http.StatusUnsupportedMediaType, events.Unsupported)

		r = request(t, s, fixture(s, "1"))
		r.Header.Set("Content-Encoding", "Identity")
		newWorld(t).want(t, r, http.StatusOK, events.Nudged)
	}
	for _, s := range []events.Source{events.Meraki, events.AzureMonitor} { // CloudEvents are Event Grid's
		r := request(t, s, fixture(s, "1"))
		r.Header.Set("Content-Type", "application/cloudevents+json")
		newWorld(t).want(t, r, http.StatusUnsupportedMediaType, events.Unsupported)
	}
}

func TestMethods(t *testing.T) {
	for s, allow := range map[events.Source]string{events.Meraki: "POST", events.AzureMonitor: "POST", events.EventGrid: "OPTIONS, POST"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, "post"} {
			if method == http.MethodOptions && s == events.EventGrid {
				continue
			}
			r := request(t, s, fixture(s, "1"))
			r.Method = method
			rec := newWorld(t).want(t, r, http.StatusMethodNotAllowed, events.Unsupported)
			if got := rec.Header().Get("Allow"); got != allow {
				t.Errorf("%s %s allows %q, want %q", method, s.Path(), got, allow)
			}
		}
	}
}

func TestOtherPaths(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/v1/events", "/v1/events/", "/v1/events/other", "/v1/events/meraki/", "/v1//events/meraki", "/v1/events/Meraki", "/v1/events/../events/meraki"} {
		r := request(t, events.Meraki, fixture(events.Meraki, "1"))
		r.URL.Path, r.URL.RawQuery = path, "token="+url.QueryEscape(secret)
		w.want(t, r, http.StatusNotFound)
	}
}

// TestTruncated cuts every body at every byte, and every connection too.
func TestTruncated(t *testing.T) {
	bodies := []struct {
		source events.Source
		body   string
	}{
		{events.Meraki, merakiAlert(nil)},
		{events.AzureMonitor, commonAlert(nil)},
		{events.AzureMonitor, activityLog(nil)},
		{events.EventGrid, "[" + gridEvent(nil) + "," + cloudEvent(map[string]any{"id": "g2"}) + "]"},
		{events.EventGrid, cloudEvent(nil)},
		{events.EventGrid, "[" + validation(nil) + "]"},
	}
	for i, tt := range bodies {
		t.Run(fmt.Sprint(tt.source, i), func(t *testing.T) {
			w := newWorld(t)
			for n := range tt.body {
				if rec := w.send(t, request(t, tt.source, tt.body[:n])); rec.Code != http.StatusBadRequest {
					t.Fatalf("cut after %d bytes: answer %d, want 400", n, rec.Code)
				}
			}
			// The whole body, and then the connection breaks instead of ending.
			r := request(t, tt.source, tt.body)
			r.Body, r.ContentLength = io.NopCloser(brokenBody{strings.NewReader(tt.body)}), -1
			if rec := w.send(t, r); rec.Code != http.StatusBadRequest {
				t.Errorf("connection cut: answer %d, want 400", rec.Code)
			}
			if got := w.nudges(); len(got) > 0 {
				t.Errorf("nudged %v", got)
			}
			want := map[string]uint64{fmt.Sprintf("%s %s", tt.source, events.Malformed): uint64(len(tt.body)) + 1}
			got := w.counts()
			for k, n := range got {
				if n == 0 {
					delete(got, k)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
			// Nothing of all that was remembered.
			if rec := w.send(t, request(t, tt.source, tt.body)); rec.Code != http.StatusOK || strings.Contains(rec.Body.String(), `"nudged":0`) {
				t.Errorf("whole: answer %d %s", rec.Code, rec.Body)
			}
		})
	}
}

// TestMalformedSaysWhat helps the person who sets the sender up.
func TestMalformedSaysWhat(t *testing.T) {
	for _, tt := range []struct {
		source     events.Source
		body, want string
	}{
		{events.Meraki, "[]", "not a JSON object"},
		{events.Meraki, merakiAlert(map[string]any{"deviceSerial": 7}), "not the JSON that this source sends"},
		{events.Meraki, merakiAlert(map[string]any{"alertType": nil, "alertTypeId": nil}), "what happened"},
		{events.AzureMonitor, "[]", "not the JSON that this source sends"},
		{events.AzureMonitor, `{"schemaId":"AzureMonitorMetricAlert"}`, "turn the common alert schema on"},
		{events.AzureMonitor, commonAlert(map[string]any{"firedDateTime": nil}), "RFC 3339"},
		{events.EventGrid, "{", "not the JSON that this source sends"},
		{events.EventGrid, "[]", "between 1 and 5000 events"},
		{events.EventGrid, gridEvent(map[string]any{"id": nil}), "no id"},
		{events.EventGrid, gridEvent(map[string]any{"subject": "\n"}), "control characters"},
		{events.EventGrid, cloudEvent(map[string]any{"specversion": "2.0"}), "CloudEvents 1.0"},
		{events.EventGrid, validation(map[string]any{"validationCode": nil}), "with its code"},
	} {
		rec := newWorld(t).want(t, request(t, tt.source, tt.body), http.StatusBadRequest, events.Malformed)
		if !strings.Contains(rec.Body.String(), tt.want) {
			t.Errorf("%s: the answer to %s is %s, want it to say %q", tt.source, tt.body, rec.Body, tt.want)
		}
	}
}

func TestSecretMatches(t *testing.T) {
	for _, tt := range []struct {
		secret events.Secret
		texts  []string
		want   bool
	}{
		{"a", []string{"a"}, true},
		{"a", []string{"a", "b"}, true},
		{"a", []string{"b", "a"}, true},
		{"a", []string{"b", "aa", "", "A"}, false},
		{"a", nil, false},
		{"", []string{""}, false},
		{" ", []string{" "}, false},
	} {
		if got := tt.secret.Matches(tt.texts...); got != tt.want {
			t.Errorf("a secret of %d bytes matches %q: %t, want %t", len(tt.secret), tt.texts, got, tt.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	some := func() events.Secret { return secret }
	nudge, now := func(events.Event) {}, func() time.Time { return morning() }
	for _, tt := range []struct {
		name string
		in   events.Options
		want string
	}{
		{"nothing", events.Options{}, "events: there is no Nudge\nevents: there is no Now\nevents: there is no source"},
		{"no-source", events.Options{Nudge: nudge, Now: now}, "events: there is no source"},
		{"no-clock", events.Options{Meraki: some, Nudge: nudge}, "events: there is no Now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := events.New(tt.in)
			if h != nil || err == nil || err.Error() != tt.want {
				t.Fatalf("New() = %v, %v, want %q", h, err, tt.want)
			}
		})
	}
}

func TestASourceThatIsNotSetUpHasNoPath(t *testing.T) {
	h, err := events.New(events.Options{
		Meraki: func() events.Secret { return secret },
		Nudge:  func(events.Event) { t.Error("nudged") }, Now: morning,
	})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, request(t, events.EventGrid, fixture(events.EventGrid, "1")))
	if rec.Code != http.StatusNotFound {
		t.Errorf("answer %d, want 404", rec.Code)
	}
	for _, c := range h.Counts() {
		if c.Source != events.Meraki || c.N != 0 {
			t.Errorf("counted %v", c)
		}
	}
	if got, want := len(h.Counts()), len(events.Outcomes()); got != want {
		t.Errorf("%d counts, want all %d outcomes", got, want)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := events.Secret(secret)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", s, &struct{ Secret events.Secret }{s})
	}
	text, err := json.Marshal(map[string]any{"secret": s, "list": []events.Secret{s}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).InfoContext(t.Context(), "set up", "secret", s)
	fmt.Fprint(&out, s.String(), s.GoString())
	for _, bad := range []string{"horse", "battery", fmt.Sprintf("%x", "horse"), fmt.Sprintf("%X", "horse")} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("the output holds %q:\n%s", bad, &out)
		}
	}
}
