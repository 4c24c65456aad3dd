package app_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/funchost"
)

// The timer enqueues, and each group is ticked by an invocation of its own.
func TestFunctionsFanOut(t *testing.T) {
	change := func(w *world) { twoGroups(&w.config) }
	hosted(t, config.Functions{FanOut: true, Watch: 25 * time.Second}, change, func(t *testing.T, host *funchost.Host, h *handlers) {
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		if got := h.record(t, "emea").Epoch; got != 0 {
			t.Errorf("the timer has ticked a group by itself, epoch %d", got)
		}
		began := time.Now()
		if n, err := host.Deliver(t.Context()); n != 2 || err != nil {
			t.Errorf("Deliver() = %d, %v, want a message for each of two groups", n, err)
		}
		if took := time.Since(began); took < 25*time.Second || took > 29*time.Second {
			t.Errorf("both took %s, want a watch of 25s, side by side", took)
		}
		for _, group := range []string{"emea", "apac"} {
			if r := h.record(t, group); r.Active != "vmx-a" {
				t.Errorf("the record of %s is %+v", group, r)
			}
		}
	})
}

// A late message is worth a pass, and the rest of its time: late messages do not make
// a queue.
func TestFunctionsLateMessageWatchesForTheRest(t *testing.T) {
	for late, want := range map[time.Duration]time.Duration{0: 25 * time.Second, 10 * time.Second: 15 * time.Second, time.Hour: 0} {
		hosted(t, config.Functions{FanOut: true, Watch: 25 * time.Second}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
			if err := host.Timer(t.Context(), "Tick"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(late)
			began := time.Now()
			if _, err := host.Deliver(t.Context()); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took < want || took > want+4*time.Second {
				t.Errorf("a message that is %s late took %s, want %s", late, took, want)
			}
			if got := h.record(t, "emea").Active; got != "vmx-a" {
				t.Errorf("a message that is %s late made no tick", late)
			}
		})
	}
}

// What nobody can make sense of is tried as often as any message, and then told.
func TestFunctionsPoisonMessageEndsInAnError(t *testing.T) {
	for name, text := range map[string]string{
		"no-json": "tick!", "no-group": `{}`, "unknown-group": `{"group":"latam","at":"2026-11-22T12:00:00Z"}`, "long": `{"group":"` + strings.Repeat("x", 5000) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			queues := &funchost.Queues{}
			synctest.Test(t, func(t *testing.T) {
				h := handling(newWorld(t, azuresim.TwoRegionsOptions{}), config.Functions{})
				host := h.host(t, appFolder(t), queues)
				defer host.Close()
				queues.Put("hopguard-ticks", text)
				for range 10 {
					_, err := host.Deliver(t.Context())
					if _, ok := errors.AsType[*funchost.InvocationError](err); err != nil && !ok {
						t.Error(err)
					}
					time.Sleep(5 * time.Second)
				}
				if n := queues.Len("hopguard-ticks") + queues.Len("hopguard-ticks-poison"); n != 0 {
					t.Errorf("%d messages are left", n)
				}
				told := 0
				for _, line := range logged(host, funchost.Error) {
					if strings.Contains(line, "message given up") {
						told++
						if len(line) > 2500 {
							t.Errorf("the line has %d bytes", len(line))
						}
					}
				}
				if told != 1 {
					t.Errorf("the log says %d times that a message was given up, want once: %v", told, host.Log())
				}
			})
		})
	}
}
