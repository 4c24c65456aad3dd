package cli_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
)

// door is what a process must pass with each request to its servers, one after the
// other. At one of them it kills the process with SIGKILL, and what is still at the door
// then is lost. So it is known what the process has done.
type door struct {
	// at is the request that the process dies at, from 1; 0 is none.
	at int
	// carried counts writes only, and the one is carried out before the process dies.
	// Otherwise every request counts, and the one is never carried out.
	carried bool

	inside sync.Mutex // held by the request that is carried out
	mu     sync.Mutex
	passed []*http.Request // for their methods and addresses
	counts int
	now    *life
	last   string // the request at which a process was killed
}

// life is that of one process.
type life struct {
	process *os.Process
	ended   chan struct{} // closed when it has been waited for
	dead    bool          // killed at the door
}

// guard puts a server behind the door.
func (d *door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := d.living()
		d.inside.Lock()
		defer d.inside.Unlock()
		pass, caught := d.pass(l, r)
		if pass && !caught {
			next.ServeHTTP(w, r)
			return
		}
		if caught {
			if d.carried {
				next.ServeHTTP(httptest.NewRecorder(), r)
			}
			_ = l.process.Kill() // nothing else ends it, so it is there to be killed
			<-l.ended
		}
		panic(http.ErrAbortHandler)
	})
}

// living is the process that runs now.
func (d *door) living() *life {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// pass counts a request. It does not pass if its process is dead; caught says that the
// process shall die here.
func (d *door) pass(l *life, r *http.Request) (pass, caught bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.dead {
		return false, false
	}
	d.passed = append(d.passed, r)
	if d.carried && r.Method != http.MethodPut {
		return true, false
	}
	if d.counts++; d.counts != d.at {
		return true, false
	}
	l.dead, d.last = true, r.Method+" "+r.URL.Path
	return true, true
}

// run starts the process, and returns when it has ended: its exit code, or -1 if it
// was killed here.
func (d *door) run(cmd *exec.Cmd) (code int, err error) {
	l := &life{ended: make(chan struct{})}
	d.mu.Lock()
	d.now = l
	err = cmd.Start()
	l.process = cmd.Process
	d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	err = cmd.Wait()
	close(l.ended)
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}
