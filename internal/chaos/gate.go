package main

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// carry says what becomes of the request at which a trap springs.
type carry int

const (
	// carryNever: the request is lost.
	carryNever carry = iota
	// carryFirst: it is carried out, and the trap springs before its answer is sent.
	carryFirst
	// carryLate: it is on its way until the trap's release, and carried out then.
	carryLate
)

// trap does something to a controller at one of its requests.
type trap struct {
	// at is which request, from 1, since the trap was set; 0 is none. If writes is
	// set, only writes of route tables count.
	at     int
	writes bool
	carry  carry
	// spring does it, and returns when it is done.
	spring func()
	// release ends the way of a request that is carried late.
	release <-chan struct{}
}

// gate stands before the servers of one controller. It is safe for concurrent use.
type gate struct {
	mu       sync.Mutex
	requests int
	writes   int
	trap     trap
	kept     bool // a write of a table is not carried out, or not yet
}

// set sets a trap, and begins to count.
func (g *gate) set(t trap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests, g.writes, g.trap, g.kept = 0, 0, t, false
}

// count is how many requests came since the last set.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests
}

// pass counts a request; true if the trap springs at it.
func (g *gate) pass(r *http.Request) (trap, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests++
	if writesTable(r) {
		g.writes++
	} else if g.trap.writes {
		return g.trap, false
	}
	caught := g.seen() == g.trap.at
	g.kept = g.kept || caught && writesTable(r) && g.trap.carry != carryFirst
	return g.trap, caught
}

// carriedWrites is how many writes of tables arrived since the last set, without one
// that was lost or is late.
func (g *gate) carriedWrites() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept {
		return g.writes - 1
	}
	return g.writes
}

// seen is how many requests came that count for the trap. The caller holds the gate.
func (g *gate) seen() int {
	if g.trap.writes {
		return g.writes
	}
	return g.requests
}

func writesTable(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/routeTables/")
}

// guard puts a server behind the gate. carried is told of each request that changes
// something, with the answer's status, before the answer is sent.
func (g *gate) guard(next http.Handler, carried func(r *http.Request, status int)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, caught := g.pass(r)
		if r.Method == http.MethodGet && !caught {
			next.ServeHTTP(w, r)
			return
		}
		if caught && t.carry == carryNever {
			t.spring()
			panic(http.ErrAbortHandler)
		}
		if caught && t.carry == carryLate {
			t.spring()
			<-t.release
		}
		a := &answer{header: http.Header{}, status: http.StatusOK}
		// What has arrived is carried out, also if its sender is gone by then.
		next.ServeHTTP(a, r.WithContext(context.WithoutCancel(r.Context())))
		carried(r, a.status)
		if caught && t.carry == carryFirst {
			t.spring()
		}
		a.send(w)
	})
}

// answer keeps an answer until it is sent.
type answer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

// Header, Write and WriteHeader are http.ResponseWriter.
func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *answer) WriteHeader(status int)      { a.status = status }

func (a *answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // who was killed does not read it
}

// disarm takes the trap away; false if it has sprung or springs now.
func (g *gate) disarm() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trap.at > 0 && g.seen() >= g.trap.at {
		return false
	}
	g.trap = trap{}
	return true
}
