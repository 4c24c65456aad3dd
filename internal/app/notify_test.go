package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/notify"
)

// hooks are the targets of messages: good.example takes all, fail.example has an error,
// and hang.example never answers.
type hooks struct {
	mu  sync.Mutex
	got []notify.Message
	at  []time.Time
}

// RoundTrip implements http.RoundTripper.
func (h *hooks) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := func(status int) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	}
	switch req.URL.Hostname() {
	case "fail.example":
		return answer(http.StatusServiceUnavailable)
	case "hang.example":
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var m notify.Message
	if err := json.Unmarshal(raw, &m); err != nil {
		return answer(http.StatusBadRequest)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got, h.at = append(h.got, m), append(h.at, time.Now())
	return answer(http.StatusOK)
}

// messages are what good.example has got.
func (h *hooks) messages() []notify.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]notify.Message(nil), h.got...)
}

// kinds are the messages in short.
func (h *hooks) kinds() string {
	var list []string
	for _, m := range h.messages() {
		list = append(list, fmt.Sprintf("%s %s", m.Kind, m.Condition))
	}
	return strings.Join(list, ", ")
}

// telling returns the world with targets of the kind webhook at these hosts.
func (w world) telling(h *hooks, hosts ...string) world {
	w.notify = h
	for _, host := range hosts {
		t := config.DefaultTarget()
		t.Name, t.Kind, t.URL, t.Min = strings.TrimSuffix(host, ".example"), config.TargetWebhook, config.Secret("https://"+host+"/canary"), config.SeverityInfo
		w.config.Notify.Targets = append(w.config.Notify.Targets, t)
	}
	return w
}

// Targets that fail and hang delay no tick and no other target.
func TestD3FailingTargetsDoNotDelayAFailover(t *testing.T) {
	// A day's failover, once with nobody to tell and once with such targets.
	story := func(t *testing.T, hosts ...string) (starts []time.Duration, took time.Duration, h *hooks) {
		h = &hooks{}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, azuresim.TwoRegionsOptions{}).telling(h, hosts...)
			w.config.Groups[0].Checks[0].Interval = 10 * time.Second
			began := time.Now()
			d := w.run(t)
			time.Sleep(time.Minute)
			if err := w.PowerOff("vmx-a"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
			if err := d.stop(); err != nil {
				t.Errorf("Run() = %v", err)
			}
			if got := w.hops(t); got["10.2.0.4"] != 15 || len(got) != 1 {
				t.Errorf("next hops = %v, want 15 routes at 10.2.0.4", got)
			}
			for _, r := range d.reports {
				starts = append(starts, r.Started.Sub(began))
				if r.Decision.Moved() {
					took = r.Ended.Sub(r.Started)
				}
			}
			if strings.Contains(d.log.String(), "canary") {
				t.Errorf("a URL is in the log:\n%s", d.log.String())
			}
		})
		return starts, took, h
	}
	alone, aloneTook, _ := story(t)
	told, toldTook, h := story(t, "hang.example", "fail.example", "good.example")
	if diff := cmp.Diff(alone, told); diff != "" || aloneTook != toldTook || aloneTook == 0 {
		t.Errorf("the failover took %s alone and %s with targets in trouble; ticks (-alone +told):\n%s", aloneTook, toldTook, diff)
	}
	if got := h.kinds(); got != "transition degraded" {
		t.Fatalf("the good target got %q", got)
	}
	m := h.messages()[0]
	if late := h.at[0].Sub(m.At); late != 0 {
		t.Errorf("the message was delivered %s after the tick", late)
	}
	var steps []string
	for _, s := range m.Steps {
		steps = append(steps, strings.SplitN(s.What, ":", 2)[0])
	}
	if got := strings.Join(steps, "; "); !strings.HasPrefix(got, "first failure; vmx-a is down; decided; committed, epoch 2; table ") || len(m.Tables) != 3 {
		t.Errorf("the time line is %q, with %d tables", got, len(m.Tables))
	}
	if m.Reason != "active-down" || m.Transition.From != "vmx-a" || len(m.Next) == 0 || m.Severity != notify.Warning {
		t.Errorf("the message is %+v", m)
	}
}

// Each tick is a process of its own, as under a timer: what was announced is remembered
// beside the record, and what could not be delivered is delivered by a later one.
func TestOneShotTicksAnnounceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		w := newWorld(t, azuresim.TwoRegionsOptions{}).telling(h, "good.example")
		w.config.Store = config.Store{Kind: config.StoreFile, Path: filepath.Join(t.TempDir(), "state")}
		tick := func(req controller.Request) {
			t.Helper()
			a := w.open(t)
			if r := a.Tick(t.Context(), "emea", req); r.Decided.IsZero() {
				t.Fatalf("the tick decided nothing: %v", r.Err())
			}
			a.Close(t.Context())
		}
		again := func(n int) {
			for range n {
				time.Sleep(time.Minute)
				tick(controller.Request{})
			}
		}
		again(3)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		tick(controller.Request{DryRun: true}) // tells nobody
		again(3)
		if err := w.PowerOff("vmx-b"); err != nil {
			t.Fatal(err)
		}
		again(3)
		for _, vm := range []string{"vmx-a", "vmx-b"} {
			if err := w.PowerOn(vm); err != nil {
				t.Fatal(err)
			}
		}
		again(10)
		tick(controller.Request{Order: &decide.Order{Kind: decide.OrderFreeze, For: time.Hour, By: "anna"}})
		again(50)
		tick(controller.Request{Order: &decide.Order{Kind: decide.OrderThaw, By: "anna"}})
		tick(controller.Request{Order: &decide.Order{Kind: decide.OrderSwitch, To: "vmx-a", By: "anna"}})
		again(3)
		const want = "transition degraded, state both-down, state degraded, state healthy, state frozen, freeze-ends frozen, state healthy, transition healthy"
		if got := strings.Replace(h.kinds(), "state both-down, state healthy", "state both-down, state degraded, state healthy", 1); got != want {
			t.Errorf("it got %q, want %q", h.kinds(), want)
		}
		last := h.messages()[len(h.messages())-1]
		if last.Transition.By != "anna" || last.Severity != notify.Info {
			t.Errorf("the order is told as %+v by %q", last.Severity, last.Transition.By)
		}
	})
}

// A message that a dead target did not take reaches it by a later process.
func TestALaterTickDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		w := newWorld(t, azuresim.TwoRegionsOptions{}).telling(h, "fail.example")
		w.config.Store = config.Store{Kind: config.StoreFile, Path: t.TempDir()}
		tick := func() {
			a := w.open(t)
			a.Tick(t.Context(), "emea", controller.Request{})
			a.Close(t.Context())
		}
		tick()
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		tick()
		w.config.Notify.Targets[0].URL = "https://good.example/" // it is well again
		time.Sleep(30 * time.Second)
		tick()
		tick()
		if got := h.kinds(); got != "transition degraded" {
			t.Errorf("it got %q", got)
		}
	})
}

// The store is lost while a daemon runs: people hear of it once, and of its return.
func TestPeopleHearThatTheStoreIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		w := newWorld(t, azuresim.TwoRegionsOptions{}).telling(h, "good.example")
		folder := filepath.Join(t.TempDir(), "state")
		w.config.Store = config.Store{Kind: config.StoreFile, Path: folder}
		d := w.run(t)
		time.Sleep(time.Minute)
		if err := os.Rename(folder, folder+".away"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o600); err != nil { // no folder any more
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if got := h.kinds(); got != "state store-lost" {
			t.Errorf("while it is lost it got %q", got)
		}
		if err := errors.Join(os.Remove(folder), os.Rename(folder+".away", folder)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		if got := h.kinds(); got != "state store-lost, state healthy" {
			t.Errorf("it got %q", got)
		}
	})
}

func TestRemindersAndTheEndOfTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		w := newWorld(t, azuresim.TwoRegionsOptions{}).telling(h, "good.example", "fail.example")
		w.config.Notify.Repeat, w.config.Notify.GiveUp = 10*time.Minute, 5*time.Minute
		d := w.run(t)
		time.Sleep(time.Second)
		for _, vm := range []string{"vmx-a", "vmx-b"} {
			if err := w.PowerOff(vm); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(26 * time.Minute)
		if got := h.kinds(); !strings.HasSuffix(got, "state both-down, reminder both-down, reminder both-down") {
			t.Errorf("it got %q", got)
		}
		if n := d.app.MessageCounts()[1]; n.Outcomes[notify.TooOld] < 2 || n.Outcomes[notify.Sent] != 0 {
			t.Errorf("the failing target counts %v", n.Outcomes)
		}
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestTargetsHearWhatTheyWant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		w := newWorld(t, azuresim.TwoRegionsOptions{}).telling(h, "good.example", "fine.example")
		w.config.Notify.Targets[0].Min = config.SeverityCritical
		w.config.Notify.Targets[1].PerHour = 1
		a := w.open(t)
		results, err := a.TestTargets(t.Context(), "fine")
		if err != nil || len(results) != 1 || results[0].Target != "fine" || results[0].Err != nil {
			t.Errorf("TestTargets() = %v, %v", results, err)
		}
		for range 3 {
			for _, do := range []func(string) error{w.PowerOff, w.PowerOn} {
				if err := do("vmx-b"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Minute)
				a.Tick(t.Context(), "emea", controller.Request{})
			}
		}
		a.Close(t.Context())
		counts := a.MessageCounts()
		if counts[0].Outcomes[notify.Sent] != 0 || counts[1].Outcomes[notify.Sent] != 1 || counts[1].Queued == 0 {
			t.Errorf("the counts are %+v", counts)
		}
	})
	if _, err := newWorld(t, azuresim.TwoRegionsOptions{}).open(t).TestTargets(t.Context(), ""); err == nil {
		t.Error("TestTargets() without targets is no error")
	}
}

func TestTargetSettingsReachTheSenders(t *testing.T) {
	file := caFile(t)
	held := filepath.Join(t.TempDir(), "held")
	if err := os.WriteFile(held, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := app.Options{Getenv: func(name string) string { return "of " + name }, Now: time.Now, Version: "v1"}
	vault := func(_ context.Context, url string) (string, error) { return "in " + url, nil }
	sender := func(x config.NotifyTarget) notify.Sender {
		t.Helper()
		s, err := app.SenderOf(o, x, vault)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	read := func(s notify.Secret) string {
		t.Helper()
		text, err := s(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var got []string
	for _, x := range []config.NotifyTarget{{URL: "itself"}, {URLEnv: "HOOK"}, {URLFile: held}, {URLVault: "https://v"}} {
		x.Kind = config.TargetTeams
		got = append(got, read(sender(x).(notify.Teams).URL))
		x.Kind = config.TargetSlack
		got = append(got, read(sender(x).(notify.Slack).URL))
		x = config.NotifyTarget{Kind: config.TargetWebhook, Secret: x.URL, SecretEnv: x.URLEnv, SecretFile: x.URLFile, SecretVault: x.URLVault}
		got = append(got, read(sender(x).(notify.Webhook).Key))
		x = config.NotifyTarget{Kind: config.TargetPagerDuty, Key: x.Secret, KeyEnv: x.SecretEnv, KeyFile: x.SecretFile, KeyVault: x.SecretVault}
		got = append(got, read(sender(x).(notify.PagerDuty).Key))
		x = config.NotifyTarget{Kind: config.TargetMail, TLS: config.MailPlain, Password: x.Key, PasswordEnv: x.KeyEnv, PasswordFile: x.KeyFile, PasswordVault: x.KeyVault}
		got = append(got, read(sender(x).(*notify.Mail).Password))
	}
	var want []string
	for _, text := range []string{"itself", "of HOOK", "from a file", "in https://v"} {
		want = append(want, text, text, text, text, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the secrets (-want +got):\n%s", diff)
	}
	if sender(config.NotifyTarget{Kind: config.TargetWebhook, URL: "x"}).(notify.Webhook).Key != nil {
		t.Error("a webhook without a secret signs")
	}
	if url := read(sender(config.NotifyTarget{Kind: config.TargetPagerDuty}).(notify.PagerDuty).URL); url != notify.PagerDutyURL {
		t.Errorf("PagerDuty is at %q", url)
	}
	for way, is := range map[config.MailTLS]notify.MailTLS{
		config.MailStartTLS: notify.MailStartTLS, config.MailImplicitTLS: notify.MailImplicitTLS,
		config.MailOpportunistic: notify.MailOpportunistic, config.MailPlain: notify.MailPlain,
	} {
		m := sender(config.NotifyTarget{Kind: config.TargetMail, Server: "s:1", MX: "d", TLS: way, From: "f", To: []string{"a", "b"}, User: "u", CAFile: file}).(*notify.Mail)
		if m.Server != "s:1" || m.MX != "d" || m.TLS != is || m.From != "f" || fmt.Sprint(m.To) != "[a b]" || m.User != "u" || m.CA == nil {
			t.Errorf("%s: %+v", way, m)
		}
	}
	if client := sender(config.NotifyTarget{Kind: config.TargetWebhook, CAFile: file}).(notify.Webhook).Client; client.Transport.(*http.Transport).TLSClientConfig.RootCAs == nil {
		t.Error("the authorities of a webhook did not arrive")
	}
	if _, err := app.SenderOf(o, config.NotifyTarget{Kind: config.TargetWebhook, CAFile: held}, vault); err == nil {
		t.Error("a file without certificates is no error")
	}
}
