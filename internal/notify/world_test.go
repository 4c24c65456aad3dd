package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/notify"
)

// healthy is the situation of a group that is well, at a time after its start.
func healthy(at time.Duration) notify.Situation {
	return notify.Situation{
		Group: "emea", At: start().Add(at), Epoch: 1, Active: "vmx-a", Other: "vmx-b", Preferred: "vmx-a",
		Condition: notify.Healthy, Certain: true, Reason: "active-up", Because: "the active member is up",
		Last:    &notify.Transition{Epoch: 1, To: "vmx-a", Reason: "adopted", At: start()},
		Members: []notify.Member{{Name: "vmx-a", Verdict: appliance.Up, Since: start()}, {Name: "vmx-b", Verdict: appliance.Up, Since: start()}},
	}
}

// in is a situation in a condition that is certain.
func in(c notify.Condition, at time.Duration) notify.Situation {
	s := healthy(at)
	s.Condition = c
	return s
}

// moved is the tick that fails over from vmx-a.
func moved(at time.Duration) notify.Situation {
	s := in(notify.Degraded, at)
	s.Epoch, s.Active, s.Other, s.Moved = 2, "vmx-b", "vmx-a", true
	s.Reason, s.Because = "active-down", "the active member is down and the other one is up: traffic moves"
	s.Last = &notify.Transition{Epoch: 2, From: "vmx-a", To: "vmx-b", Reason: s.Reason, Because: s.Because, At: start().Add(at - 8*time.Second)}
	s.Members[0] = notify.Member{Name: "vmx-a", Verdict: appliance.Down, Since: start().Add(at - 9*time.Second)}
	s.Steps = []notify.Step{
		{At: start().Add(at - 13*time.Second), What: "first failure: vmx-a tcp: refused"}, {At: start().Add(at - 8*time.Second), What: "decided"},
		{At: start().Add(at - 7900*time.Millisecond), What: "committed, epoch 2"}, {At: start().Add(at), What: "all tables done"},
	}
	s.Tables = []notify.Table{
		{ID: table("spoke-1"), Routes: 5, Done: start().Add(at - time.Second)}, {ID: table("spoke-2"), Routes: 1, Done: start().Add(at)},
	}
	return s
}

func table(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/5b5c1a10-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.Network/routeTables/" + name)
}

func start() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) }

// notebook keeps notes in memory, and fails as it is told.
type notebook struct {
	mu     sync.Mutex
	raw    map[appliance.GroupName][]byte
	count  int
	down   error
	writes int
}

func newNotebook() *notebook { return &notebook{raw: map[appliance.GroupName][]byte{}} }

func (n *notebook) Load(_ context.Context, g appliance.GroupName) ([]byte, string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down != nil {
		return nil, "", n.down
	}
	if n.raw[g] == nil {
		return nil, "", nil
	}
	return n.raw[g], fmt.Sprint(n.count), nil
}

func (n *notebook) Swap(_ context.Context, g appliance.GroupName, raw []byte, version string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down != nil {
		return "", n.down
	}
	stored := ""
	if n.raw[g] != nil {
		stored = fmt.Sprint(n.count)
	}
	if stored != version {
		return "", fmt.Errorf("stored is %q, read was %q: %w", stored, version, notify.ErrChanged)
	}
	n.count++
	n.writes++
	n.raw[g] = raw
	return fmt.Sprint(n.count), nil
}

// text is what is kept of emea.
func (n *notebook) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.raw["emea"])
}

func (n *notebook) set(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = err
}

// target is a sender that does as it is told, and remembers what it got and when.
type target struct {
	mu   sync.Mutex
	got  []notify.Message
	at   []time.Duration
	does func(ctx context.Context, try int, m notify.Message) error
	try  int
}

func (t *target) Send(ctx context.Context, m notify.Message) error {
	t.mu.Lock()
	t.try++
	try, does := t.try, t.does
	t.mu.Unlock()
	if does != nil {
		if err := does(ctx, try, m); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got = append(t.got, m)
	t.at = append(t.at, time.Since(start()))
	return nil
}

// subjects are those of what arrived, without what all begin with.
func (t *target) subjects() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for _, m := range t.got {
		s := strings.TrimPrefix(m.Subject, "hopguard "+string(m.Group)+": ")
		if m.Folded > 0 {
			s += fmt.Sprintf(" +%d", m.Folded)
		}
		list = append(list, s)
	}
	return strings.Join(list, "; ")
}

func (t *target) messages() []notify.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]notify.Message(nil), t.got...)
}

// hang waits for the end of the try.
func hang(ctx context.Context, _ int, _ notify.Message) error {
	<-ctx.Done()
	return &notify.LaterError{Err: context.Cause(ctx)}
}

func later(after time.Duration) error {
	return &notify.LaterError{After: after, Err: errors.New("503 Service Unavailable")}
}

// desk is a desk over targets called a, b, c, … that want everything.
func desk(t *testing.T, n notify.Notebook, targets ...*target) *notify.Desk {
	t.Helper()
	return deskOf(t, "host/1", n, targets...)
}

func deskOf(t *testing.T, holder string, n notify.Notebook, targets ...*target) *notify.Desk {
	t.Helper()
	o := notify.Options{
		Policy: notify.Policy{Repeat: time.Hour}, GiveUp: time.Hour, Notebook: n, Holder: holder, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Rand: rand.New(rand.NewPCG(1, 1)),
	}
	for i, x := range targets {
		o.Targets = append(o.Targets, notify.Target{Name: string(rune('a' + i)), PerHour: 20, Sender: x})
	}
	return notify.NewDesk(o)
}

// until sleeps until a time after the start, and then until nobody does anything.
func until(at time.Duration) {
	time.Sleep(time.Until(start().Add(at)))
	synctest.Wait()
}
