package app_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/config"
	"hopguard/internal/funchost"
	"hopguard/internal/notify"
)

// teller is a process's way to the targets. That of one that is cut off from everything
// is closed too.
type teller struct {
	*shares
	name string
}

// RoundTrip implements http.RoundTripper.
func (w teller) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	cut := w.cut[w.name] && w.noARM[w.name]
	w.mu.Unlock()
	if cut {
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	}
	return w.notify.RoundTrip(req)
}

// The process that takes over announces nothing again, and says that it has taken over.
func TestATakeoverIsNotAnnouncedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newShares(t), &hooks{}
		w.world = w.telling(h, "good.example")
		_, kill := w.start(t, "one")
		time.Sleep(time.Minute)
		two, _ := w.start(t, "two")
		time.Sleep(time.Minute)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := h.kinds(); got != "transition degraded" {
			t.Fatalf("the first process announced %q", got)
		}
		kill()
		time.Sleep(2 * time.Minute)
		if got := h.kinds(); got != "transition degraded, leader degraded" {
			t.Errorf("after the takeover it is %q", got)
		}
		if err := two.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What a process that was killed has announced and not delivered is delivered by the one
// that takes over.
func TestATakeoverDeliversWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newShares(t), &hooks{}
		w.world = w.telling(h, "hang.example")
		_, kill := w.start(t, "one")
		time.Sleep(time.Minute)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		kill()
		w.config.Notify.Targets[0].URL = "https://good.example/"
		two, _ := w.start(t, "two")
		time.Sleep(5 * time.Minute)
		if err := two.stop(); err != nil {
			t.Error(err)
		}
		if got := h.kinds(); !strings.Contains(got, "transition degraded") || strings.Count(got, "transition") != 1 {
			t.Errorf("it got %q, want the transition, once", got)
		}
	})
}

// A process that lives and has lost its group delivers nothing about it any more: the
// one that has it does.
func TestALostGroupIsToldByItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newShares(t), &hooks{}
		w.world = w.telling(h, "fail.example")
		one, _ := w.start(t, "one")
		time.Sleep(time.Minute)
		w.config.Notify.Targets = nil
		w.world = w.telling(h, "good.example")
		w.config.Notify.Targets[0].Name = "fail" // the same target, which only the second one reaches
		two, _ := w.start(t, "two")
		time.Sleep(time.Minute)
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := one.app.MessageCounts()[0].Queued; n != 1 {
			t.Fatalf("%d messages wait at the first process, want the one about the failover", n)
		}
		w.set(w.cut, "one", true)
		time.Sleep(time.Minute)
		w.set(w.cut, "one", false)
		if n := one.app.MessageCounts()[0].Queued; n != 0 {
			t.Errorf("%d messages wait at a process that does not lead", n)
		}
		time.Sleep(4 * time.Minute)
		for _, d := range []*daemon{one, two} {
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		}
		if got := h.kinds(); strings.Count(got, "transition degraded") != 1 {
			t.Errorf("it got %q, want the transition, once", got)
		}
	})
}

// An invocation that watches tells at once, not when it ends; and the next one does not
// tell again.
func TestFunctionsTellAtOnce(t *testing.T) {
	var h hooks
	change := func(w *world) {
		fast(&w.config, time.Second)
		*w = w.telling(&h, "fail.example", "good.example")
	}
	hosted(t, config.Functions{Watch: 25 * time.Second}, change, func(t *testing.T, host *funchost.Host, hs *handlers) {
		began := time.Now()
		var failing sync.WaitGroup
		failing.Go(func() {
			time.Sleep(5 * time.Second)
			if err := hs.world.PowerOff("vmx-a"); err != nil {
				t.Error(err)
			}
		})
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		failing.Wait()
		if took := time.Since(began); took > 29*time.Second {
			t.Errorf("the invocation took %s with a failing target, want less than the timer's 30s", took)
		}
		if got := h.kinds(); got != "transition degraded" {
			t.Fatalf("it got %q", got)
		}
		if at := h.at[0].Sub(began); at > 15*time.Second {
			t.Errorf("it was told %s after the beginning, 10 s after the failure at most", at)
		}
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		if got := h.kinds(); got != "transition degraded" || h.messages()[0].Severity != notify.Warning {
			t.Errorf("after the second invocation it is %q", got)
		}
	})
}
