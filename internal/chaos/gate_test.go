package main_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	chaos "hopguard/internal/chaos"
)

// passage writes down, in order, what happens to requests at a gate.
type passage struct {
	gate    chaos.Gate
	happens []string
}

func (p *passage) note(what string) { p.happens = append(p.happens, what) }

// send makes a request; broken says that its connection broke.
func (p *passage) send(ctx context.Context, t *testing.T, method, path string) (broken bool) {
	t.Helper()
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.Context().Err(); err != nil {
			p.note("cut off: " + err.Error())
			return
		}
		p.note("server " + method)
		w.WriteHeader(http.StatusCreated)
	})
	carried := func(_ *http.Request, status int) {
		if status != http.StatusCreated {
			t.Errorf("status %d, want the server's", status)
		}
		p.note("carried " + method)
	}
	defer func() {
		if r := recover(); r != nil {
			err, ok := r.(error)
			broken = ok && errors.Is(err, http.ErrAbortHandler)
		}
	}()
	w := httptest.NewRecorder()
	p.gate.Guard(server, carried).ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, strings.NewReader("")))
	if w.Code != http.StatusCreated {
		t.Errorf("answered %d, want what the server answers", w.Code)
	}
	return false
}

const aTable = "/x/routeTables/rt-spoke-001"

func TestGate(t *testing.T) {
	for _, test := range []struct {
		name    string
		at      int
		writes  bool
		carry   chaos.Carry
		want    []string
		carried int // writes of tables
	}{
		{"no-trap", 0, false, chaos.CarryFirst, []string{"server GET", "server PUT", "carried PUT", "server PUT", "carried PUT"}, 1},
		{"lost", 2, false, chaos.CarryNever, []string{"server GET", "spring", "broken", "server PUT", "carried PUT"}, 1},
		{"lost-write", 1, true, chaos.CarryNever, []string{"server GET", "server PUT", "carried PUT", "spring", "broken"}, 0},
		{"carried-out-before", 1, true, chaos.CarryFirst, []string{"server GET", "server PUT", "carried PUT", "server PUT", "carried PUT", "spring"}, 1},
		{"read-carried-out-before", 1, false, chaos.CarryFirst, []string{"server GET", "carried GET", "spring", "server PUT", "carried PUT", "server PUT", "carried PUT"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &passage{}
			p.gate.Set(chaos.NewTrap(test.at, test.writes, test.carry, func() { p.note("spring") }, nil))
			for _, r := range [][2]string{{http.MethodGet, "/x"}, {http.MethodPut, "/records/emea.json"}, {http.MethodPut, aTable}} {
				if p.send(t.Context(), t, r[0], r[1]) {
					p.note("broken")
				}
			}
			if diff := cmp.Diff(test.want, p.happens); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := p.gate.Count(); got != 3 {
				t.Errorf("%d requests were counted, want 3", got)
			}
			if got := p.gate.CarriedWrites(); got != test.carried {
				t.Errorf("%d writes of tables were carried out, want %d", got, test.carried)
			}
			if got, want := p.gate.Disarm(), test.at == 0; got != want {
				t.Errorf("Disarm() = %t, want %t", got, want)
			}
		})
	}
}

// A late request is carried out after its release, also if its sender has gone.
func TestGateHoldsALateRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, release := &passage{}, make(chan struct{})
		p.gate.Set(chaos.NewTrap(1, true, chaos.CarryLate, func() { p.note("spring") }, release))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.send(ctx, t, http.MethodPut, aTable)
		}()
		synctest.Wait()
		if diff := cmp.Diff([]string{"spring"}, p.happens); diff != "" {
			t.Errorf("before the release (-want +got):\n%s", diff)
		}
		if got := p.gate.CarriedWrites(); got != 0 {
			t.Errorf("%d writes were carried out, want none", got)
		}
		cancel()
		close(release)
		<-done
		if diff := cmp.Diff([]string{"spring", "server PUT", "carried PUT"}, p.happens); diff != "" {
			t.Errorf("after it (-want +got):\n%s", diff)
		}
	})
}
