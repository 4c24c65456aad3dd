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

const (
	// batch is how many messages of one queue are handled at a time.
	batch = 16
	// hidden is how long a message that was received is not seen, unless it is released
	// before. A function that takes longer has it renewed; no function here may.
	hidden = 10 * time.Minute
)

// Deliver hands each message that is visible now to its function, all at once, and
// waits until they have been handled. It returns how many there were, and the errors of
// those that failed: they become visible again, until they were handed out too often
// and are put among the poison messages.
func (h *Host) Deliver(ctx context.Context) (int, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	note := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	n := 0
	for _, name := range slices.Sorted(maps.Keys(h.app.functions)) {
		f := h.app.functions[name]
		if f.trigger.Type != "queueTrigger" {
			continue
		}
		list, err := h.options.Queues.Receive(ctx, f.trigger.QueueName, batch, hidden)
		if err != nil {
			h.log.add(Error, err.Error())
			note(err)
		}
		for _, m := range list {
			n++
			all.Go(func() {
				if err := h.handle(ctx, f, m); err != nil {
					note(err)
				}
			})
		}
	}
	all.Wait()
	return n, errors.Join(errs...)
}

// handle hands out one message. One that was received too often already, by hosts that
// died with it, is not handed out again.
func (h *Host) handle(ctx context.Context, f function, m Message) error {
	if m.Dequeues > h.app.mostDequeues {
		return h.giveUp(ctx, f, m)
	}
	_, err := h.invoke(ctx, f, map[string]any{f.trigger.Name: asText(m.Text)}, map[string]any{
		"DequeueCount": strconv.Itoa(m.Dequeues), "Id": asText(m.ID), "PopReceipt": asText(m.Receipt),
		"InsertionTime": m.Inserted.UTC().Format(time.RFC3339), "ExpirationTime": m.Expires.UTC().Format(time.RFC3339),
		"NextVisibleTime": m.Visible.UTC().Format(time.RFC3339),
	})
	q, queue := h.options.Queues, f.trigger.QueueName
	switch {
	case err == nil:
		return q.Delete(ctx, queue, m)
	case m.Dequeues >= h.app.mostDequeues:
		return errors.Join(err, h.giveUp(ctx, f, m))
	case strings.HasSuffix(queue, poisonSuffix):
		return err // it stays hidden for long: nothing else slows it down
	default:
		return errors.Join(err, q.Release(ctx, queue, m, h.app.invisible))
	}
}

// poisonSuffix ends the names of queues of poison messages. They have none of their
// own: a message stays in there until its function succeeds.
const poisonSuffix = "-poison"

// giveUp puts a message among the poison messages.
func (h *Host) giveUp(ctx context.Context, f function, m Message) error {
	q, queue := h.options.Queues, f.trigger.QueueName
	if strings.HasSuffix(queue, poisonSuffix) {
		return nil
	}
	if err := q.Send(ctx, queue+poisonSuffix, m.Text); err != nil {
		return err
	}
	return q.Delete(ctx, queue, m)
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
