package contender_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hopguard/internal/config"
	"hopguard/internal/contender"
)

// Real processes of hopguard against an Azure that is served on the loopback: a machine dies,
// the routes move, and the contender says when it saw that.
func TestHopguard(t *testing.T) {
	program := build(t)
	quick := func(c *config.Config) {
		k := &c.Groups[0].Checks[0]
		k.Interval, k.ConfirmInterval, k.Timeout, k.Fresh = 2*time.Second, time.Second, time.Second, 0
		*c = c.Complete()
	}
	for name, c := range map[string]contender.Contender{
		contender.Defaults: setting(t, contender.Defaults),
		contender.Fast:     setting(t, contender.Fast),
		// The same programs at a shorter pace: nobody waits 30 s for a test.
		contender.Seed: contender.Hurried(setting(t, contender.Seed), 0, quick),
		contender.Functions: contender.Hurried(setting(t, contender.Functions), 5*time.Second, func(c *config.Config) {
			c.Functions.Watch = 4 * time.Second
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, program)
			r := w.run(t, c)
			w.ready(t, r)
			if n, err := r.Moves(t.Context()); n != 0 || err != nil {
				t.Errorf("Moves() = %d, %v, want none", n, err)
			}
			began := time.Now()
			if got, err := r.Moments(t.Context(), began); got != (contender.Moments{}) || err != nil {
				t.Errorf("Moments() = %+v, %v, want none", got, err)
			}
			w.fails(t, r)
			w.switches(t, r)
			if made, failed, err := r.Probes(t.Context()); made <= failed || failed == 0 || err != nil {
				t.Errorf("Probes() = %d, %d, %v, want some that failed and more that did not", made, failed, err)
			}
			if err := r.Stop(); err != nil {
				t.Error(err)
			}
			w.leavesNothing(t)
			if err := r.Stop(); err != nil {
				t.Errorf("a second Stop() = %v", err)
			}
			keptSecret(t, w.place)
		})
	}
}

// fails powers the active member off, and on again when traffic has left it.
func (w *world) fails(t *testing.T, r *contender.Running) {
	t.Helper()
	failed := time.Now()
	if err := w.PowerOff("vmx-a"); err != nil {
		t.Fatal(err)
	}
	over := w.moved(t, hops()[1])
	m, err := r.Moments(t.Context(), failed)
	if err != nil {
		t.Fatal(err)
	}
	inOrder(t, failed, m.Detected, m.Decided, over)
	if n, err := r.Moves(t.Context()); n != 1 || err != nil {
		t.Errorf("Moves() = %d, %v, want 1", n, err)
	}
	if err := w.PowerOn("vmx-a"); err != nil {
		t.Fatal(err)
	}
	// The tick ends after the last table was read back, and tells the rest then.
	w.ready(t, r)
	whole, err := r.Moments(t.Context(), failed)
	if err != nil {
		t.Fatal(err)
	}
	if !whole.Detected.Equal(m.Detected) {
		t.Errorf("detected at %s, and later at %s", m.Detected, whole.Detected)
	}
	inOrder(t, failed, whole.Detected, whole.Decided, whole.Accepted, whole.Succeeded, time.Now())
	if !whole.Effective.IsZero() {
		t.Errorf("Effective = %s, but no interface is watched", whole.Effective)
	}
	if late, err := r.Moments(t.Context(), time.Now()); late != (contender.Moments{}) || err != nil {
		t.Errorf("Moments() since now = %+v, %v, want none", late, err)
	}
}

// switches orders traffic back to the first member.
func (w *world) switches(t *testing.T, r *contender.Running) {
	t.Helper()
	ordered := time.Now()
	if err := r.Switch(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("Switch(nobody) = %v, want an error that names the member", err)
	}
	if err := r.Switch(t.Context(), "vmx-a"); err != nil {
		t.Fatal(err)
	}
	over := w.moved(t, hops()[0])
	m, err := r.Moments(t.Context(), ordered)
	if err != nil {
		t.Fatal(err)
	}
	inOrder(t, ordered, m.Decided, m.Accepted, m.Succeeded, over)
	if !m.Detected.IsZero() {
		t.Errorf("Detected = %s, but nothing has failed", m.Detected)
	}
	if n, err := r.Moves(t.Context()); n != 2 || err != nil {
		t.Errorf("Moves() = %d, %v, want 2", n, err)
	}
}

// inOrder fails the test if a time is not there, or before the one before it.
func inOrder(t *testing.T, times ...time.Time) {
	t.Helper()
	for i := 1; i < len(times); i++ {
		if times[i].IsZero() || times[i].Before(times[i-1]) {
			t.Errorf("time %d of %v is out of order", i, times)
		}
	}
}

// keptSecret fails the test if the secret is in a file of the place.
func keptSecret(t *testing.T, p contender.Place) {
	t.Helper()
	logs := 0
	err := filepath.WalkDir(p.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if strings.Contains(string(raw), string(p.Secret)) {
			t.Errorf("the secret is in %s", path)
		}
		if filepath.Ext(path) == ".log" && len(raw) > 0 {
			logs++
		}
		return err
	})
	if err != nil || logs == 0 {
		t.Errorf("%d logs in %s, %v, want some", logs, p.Dir, err)
	}
}
