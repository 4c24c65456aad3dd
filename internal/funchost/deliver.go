package funchost

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// batch is how many messages of one queue are handled at a time.
const batch = 16

// Deliver hands each message that is visible now to its function, all at once, and
// waits until they have been handled. It returns how many there were, and the errors of
// those that failed: they become visible again, until they were handed out too often
// and are put among the poison messages.
func (h *Host) Deliver(ctx context.Context) (int, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	n := 0
	for _, name := range slices.Sorted(maps.Keys(h.app.functions)) {
		f := h.app.functions[name]
		if f.trigger.Type != "queueTrigger" {
			continue
		}
		for _, m := range h.options.Queues.take(f.trigger.QueueName, batch) {
			n++
			all.Go(func() {
				if err := h.handle(ctx, f, m); err != nil {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				}
			})
		}
	}
	all.Wait()
	return n, errors.Join(errs...)
}

// handle hands out one message.
func (h *Host) handle(ctx context.Context, f function, m message) error {
	q, queue := h.options.Queues, f.trigger.QueueName
	_, err := h.invoke(ctx, f, map[string]any{f.trigger.Name: asText(m.text)}, map[string]any{
		"DequeueCount": strconv.Itoa(m.dequeues), "Id": asText(m.id), "PopReceipt": asText(newID()),
		"InsertionTime": m.inserted.UTC().Format(time.RFC3339), "ExpirationTime": m.inserted.Add(7 * 24 * time.Hour).UTC().Format(time.RFC3339),
		"NextVisibleTime": time.Now().Add(hidden).UTC().Format(time.RFC3339),
	})
	switch {
	case err == nil:
		q.drop(queue, m.id)
	case m.dequeues >= h.app.mostDequeues:
		q.drop(queue, m.id)
		if !strings.HasSuffix(queue, "-poison") {
			q.Put(queue+"-poison", m.text)
		}
	default:
		q.giveBack(queue, m.id, h.app.invisible)
	}
	return err
}

// asText is JSON of a text, as a text: the host encodes texts once more before they go
// into an envelope, which encodes them again.
func asText(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic("funchost: " + err.Error()) // a text always can be
	}
	return string(raw)
}

// Run fires the timers at their schedules and delivers messages until ctx ends or the
// host stops. An invocation that ctx ends is cut off by the client, not by the handler.
// The invocations of one timer do not overlap: a tick that has passed meanwhile is made
// up for at once, and only once. Failed invocations are in the log.
func (h *Host) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, f := range h.app.functions {
		if f.trigger.Type == "timerTrigger" {
			all.Go(func() { h.runTimer(ctx, f) })
		}
	}
	all.Go(func() { h.runQueues(ctx) })
	all.Go(func() {
		for {
			h.mu.Lock()
			stopped, changed := h.stopped, h.changed
			h.mu.Unlock()
			if stopped != nil {
				cancel(stopped)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	})
	all.Wait()
	return context.Cause(ctx)
}

func (h *Host) runTimer(ctx context.Context, f function) {
	span, err := every(f.trigger.Schedule)
	if err != nil {
		panic("funchost: " + err.Error()) // load has checked it
	}
	for due := time.Now().Truncate(span).Add(span); ; {
		if !wait(ctx, time.Until(due)) {
			return
		}
		_ = h.Timer(ctx, f.name) // it is in the log
		if next := due.Add(span); next.Before(time.Now()) {
			due = time.Now()
		} else {
			due = next.Truncate(span)
		}
	}
}

func (h *Host) runQueues(ctx context.Context) {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	for wait(ctx, h.app.poll) {
		handlers.Go(func() { _, _ = h.Deliver(ctx) }) // it is in the log
	}
}

// wait returns after a time; false if ctx has ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
