package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/decide"
	"hopguard/internal/store"
)

// The exit codes that a crashed failover may show.
const (
	killedBySignal = -1
	degraded       = 3
)

// atOnce is how many worlds are served at a time: most of a case is waiting for Azure.
const atOnce = 12

// step is how far a failover had come when its process died.
type step string

const (
	beforeCommit step = "before the record was stored"
	beforeWrites step = "after the record was stored, before the first write"
	amongWrites  step = "after some tables were written, not all"
	afterWrites  step = "after the last write, before the end"
)

// A process is killed with SIGKILL at each request of a failover, before the request
// is carried out, and after each write was carried out, before its answer. The next
// process finishes what it finds, and the one after that has nothing to do.
func TestKilledAtEveryRequestTheNextTickFinishes(t *testing.T) {
	for name, kind := range map[string]storeKind{"file": inFiles, "blob": inBlobs} {
		t.Run(name, func(t *testing.T) {
			before := recordOfNormality(t, kind)
			reads, writes := countRequests(t, kind, before)
			var mu sync.Mutex
			met := map[step]int{}
			var all errgroup.Group
			all.SetLimit(atOnce)
			crash := func(d *door, mustDie bool) {
				w := startCrashWorld(t, d, kind)
				all.Go(func() error {
					at, err := w.crash(t.Context(), t, before)
					mu.Lock()
					defer mu.Unlock()
					met[at]++
					switch {
					case err != nil:
						t.Errorf("killed at request %d (%s), carried out %t, %s: %v", d.at, d.last, d.carried, at, err)
					case at == "" && mustDie:
						t.Errorf("a failover made less than %d requests, and %d before", d.at, reads+writes)
					}
					return nil
				})
			}
			for n := range reads + writes {
				// The last of them may be saved: two that ask for the same share the answer.
				crash(&door{at: n + 1}, n < reads+writes-2)
			}
			for n := range writes {
				crash(&door{at: n + 1, carried: true}, true)
			}
			_ = all.Wait() // the errors are told
			t.Logf("%d requests, %d of them writes; killed: %v", reads+writes, writes, met)
			for _, s := range []step{beforeCommit, beforeWrites, amongWrites, afterWrites} {
				if met[s] == 0 {
					t.Errorf("no process was killed %s", s)
				}
			}
		})
	}
}

// recordOfNormality is what a tick stores while all is well.
func recordOfNormality(t *testing.T, kind storeKind) []byte {
	t.Helper()
	w := startCrashWorld(t, &door{}, kind)
	if code, out, err := w.tick(t.Context(), t); code != 0 || err != nil {
		t.Fatalf("tick: code %d, %v\n%s", code, err, out)
	}
	raw, err := w.records.read()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// countRequests makes a failover that nobody disturbs.
func countRequests(t *testing.T, kind storeKind, before []byte) (reads, writes int) {
	t.Helper()
	d := &door{}
	w := startCrashWorld(t, d, kind)
	if err := w.fail(before); err != nil {
		t.Fatal(err)
	}
	if code, out, err := w.tick(t.Context(), t); code != degraded || err != nil {
		t.Fatalf("tick: code %d, %v\n%s", code, err, out)
	}
	if err := w.complete(); err != nil {
		t.Fatal(err)
	}
	for _, r := range d.passed {
		if r.Method == http.MethodPut {
			writes++
		} else {
			reads++
		}
	}
	return reads, writes
}

// fail stores the record of normality and switches vmx-a off.
func (w *crashWorld) fail(before []byte) error {
	return errors.Join(w.records.write(before), w.cloud.PowerOff("vmx-a"))
}

// crash kills one process in the middle of a failover and lets the next ones do the
// rest. It returns where the first one died; "" if it did not.
func (w *crashWorld) crash(ctx context.Context, tb testing.TB, before []byte) (at step, err error) {
	if err := w.fail(before); err != nil {
		return "", err
	}
	code, out, err := w.tick(ctx, tb)
	if err != nil {
		return "", err
	}
	if code != killedBySignal {
		if code != degraded {
			return "", fmt.Errorf("code %d of a process that was not killed\n%s", code, out)
		}
		return "", w.finished(before)
	}
	if at, err = w.step(); err != nil {
		return at, err
	}
	if code, out, err = w.tick(ctx, tb); code != degraded || err != nil {
		return at, fmt.Errorf("the next tick: code %d, want %d, %w\n%s", code, degraded, err, out)
	}
	if err := w.finished(before); err != nil {
		return at, fmt.Errorf("after the next tick: %w", err)
	}
	return at, w.quiet(ctx, tb)
}

// step finds out how far a failover has come.
func (w *crashWorld) step() (step, error) {
	record, err := w.record()
	if err != nil {
		return "", err
	}
	moved, err := w.moved()
	switch {
	case err != nil:
		return "", err
	case record.Active == "vmx-a" && moved > 0:
		return beforeCommit, errors.New("routes were written before the record that orders it")
	case record.Active == "vmx-a":
		return beforeCommit, nil
	case moved == 0:
		return beforeWrites, nil
	case moved < 3:
		return amongWrites, nil
	default:
		return afterWrites, nil
	}
}

// finished says what is wrong after a failover that somebody has finished.
func (w *crashWorld) finished(before []byte) error {
	errs := []error{w.complete()}
	now, err := w.record()
	old, _, oldErr := store.Decode(before, "emea")
	if err := errors.Join(err, oldErr); err != nil {
		return err
	}
	if now.Active != "vmx-b" || now.Epoch != old.Epoch+1 {
		errs = append(errs, fmt.Errorf("the record says %s in epoch %d, want vmx-b in epoch %d", now.Active, now.Epoch, old.Epoch+1))
	}
	n := len(old.History)
	if len(now.History) != n+1 || now.History[n].Epoch != now.Epoch || now.History[n].Reason != decide.ReasonActiveDown || now.History[n].To != "vmx-b" {
		errs = append(errs, fmt.Errorf("the history is %+v, want one transition after %+v", now.History, old.History))
	}
	aside, err := w.records.aside()
	if len(aside) > 0 || err != nil {
		errs = append(errs, fmt.Errorf("records were put aside: %v, %w", aside, err))
	}
	return errors.Join(errs...)
}

// quiet says what one more tick does that it should not do: it has nothing to do.
func (w *crashWorld) quiet(ctx context.Context, tb testing.TB) error {
	stored, err := w.records.read()
	if err != nil {
		return err
	}
	tables, err := w.look()
	if err != nil {
		return err
	}
	from := len(w.cloud.Calls())
	code, out, err := w.tick(ctx, tb)
	if code != degraded || err != nil {
		return fmt.Errorf("one more tick: code %d, want %d, %w\n%s", code, degraded, err, out)
	}
	var errs []error
	for _, c := range w.cloud.Calls()[from:] {
		if c.Method != http.MethodGet && c.Method != http.MethodPost { // a token is asked for by POST
			errs = append(errs, fmt.Errorf("one more tick asked for %s %s", c.Method, c.Path))
		}
	}
	again, err := w.records.read()
	if !bytes.Equal(stored, again) || err != nil {
		errs = append(errs, fmt.Errorf("one more tick stored %s, %w\nwhere there was %s", again, err, stored))
	}
	now, err := w.look()
	errs = append(errs, err)
	for id, raw := range tables {
		if !bytes.Equal(now[id], raw) {
			errs = append(errs, fmt.Errorf("one more tick changed %s", id))
		}
	}
	return errors.Join(errs...)
}

// A record that was torn by a failing disk, or overwritten by a hand, is put aside and
// told of; what Azure's routes say takes its place, and the failover goes on.
func TestTornRecordIsKeptAsideAndTheRoutesAreBelieved(t *testing.T) {
	for name, kind := range map[string]storeKind{"file": inFiles, "blob": inBlobs} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := recordOfNormality(t, kind)
			torn := before[:len(before)/2]
			w := startCrashWorld(t, &door{}, kind)
			if err := w.fail(torn); err != nil {
				t.Fatal(err)
			}
			code, out, err := w.tick(t.Context(), t)
			if code != degraded || err != nil || !bytes.Contains([]byte(out), []byte("corrupt")) {
				t.Errorf("tick: code %d, %v, want %d and a word of the corrupt record\n%s", code, err, degraded, out)
			}
			if err := w.complete(); err != nil {
				t.Error(err)
			}
			record, err := w.record()
			if err != nil || record.Active != "vmx-b" || len(record.History) != 2 || record.History[0].Reason != decide.ReasonAdopted || record.History[0].To != "vmx-a" {
				t.Errorf("the record is %+v, %v, want vmx-a adopted and left for vmx-b", record, err)
			}
			aside, err := w.records.aside()
			if err != nil || len(aside) != 1 {
				t.Errorf("put aside were %v, %v, want the torn record", aside, err)
			}
			if err := w.quiet(t.Context(), t); err != nil {
				t.Error(err)
			}
			if again, err := w.records.aside(); err != nil || !slices.Equal(again, aside) {
				t.Errorf("one more tick put aside %v, %v", again, err)
			}
		})
	}
}
