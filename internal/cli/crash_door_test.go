package cli_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
)

// door is what a process must pass with each request to its servers. At one of them it
// kills the process with SIGKILL.
type door struct {
	// at is the request that the process dies at, from 1; 0 is none.
	at int
	// carried counts writes only, and the one is carried out before the process dies.
	// Otherwise every request counts, and the one is never carried out.
	carried bool

	mu      sync.Mutex
	passed  []*http.Request // for their methods and addresses
	counted int
	process *os.Process
	ended   chan struct{} // closed when the process has been waited for
	last    string        // the request at which it was killed
}

// guard puts a server behind the door.
func (d *door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		process := d.passing(r)
		if process == nil {
			next.ServeHTTP(w, r)
			return
		}
		if d.carried {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		_ = process.Kill() // nothing else ends it, so it is there to be killed
		<-d.ended
		panic(http.ErrAbortHandler)
	})
}

// passing counts a request, and returns the process if it shall die here.
func (d *door) passing(r *http.Request) *os.Process {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.passed = append(d.passed, r)
	if d.carried && r.Method != http.MethodPut {
		return nil
	}
	if d.counted++; d.counted != d.at {
		return nil
	}
	d.last = r.Method + " " + r.URL.Path
	return d.process
}

// run starts the process, and returns when it has ended: its exit code, or -1 if it
// was killed here.
func (d *door) run(cmd *exec.Cmd) (code int, err error) {
	d.mu.Lock()
	d.ended = make(chan struct{})
	err = cmd.Start()
	d.process = cmd.Process
	d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	err = cmd.Wait()
	close(d.ended)
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}
