package funchost

import (
	"context"
	"sync"
	"time"
)

// Account is the queue service of a storage account, as far as the host uses it. All
// methods are safe for concurrent use.
type Account interface {
	// Send adds a message to a queue, which is made if it is not there.
	Send(ctx context.Context, queue, text string) error
	// Receive takes up to most visible messages out, and hides them for a time. A queue
	// that is not there has none.
	Receive(ctx context.Context, queue string, most int, hidden time.Duration) ([]Message, error)
	// Release makes a message that was received visible again after a time.
	Release(ctx context.Context, queue string, m Message, after time.Duration) error
	// Delete deletes a message that was received.
	Delete(ctx context.Context, queue string, m Message) error
}

// Message is one that was received.
type Message struct {
	ID, Text string
	// Receipt shows that it was this reader who has received it last.
	Receipt string
	// Inserted and Expires are when it came and when it goes, and Visible when it is seen
	// again.
	Inserted, Expires, Visible time.Time
	// Dequeues is how often it was received.
	Dequeues int
}

// kept is how long the service keeps a message.
const kept = 7 * 24 * time.Hour

var _ Account = (*Queues)(nil)

// Queues are the queues of an account, in memory. The zero value has none. They are
// safe for concurrent use.
type Queues struct {
	mu     sync.Mutex
	byName map[string][]*Message
}

// Put adds a message.
func (q *Queues) Put(queue, text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byName == nil {
		q.byName = map[string][]*Message{}
	}
	now := time.Now()
	q.byName[queue] = append(q.byName[queue], &Message{ID: newID(), Text: text, Inserted: now, Expires: now.Add(kept), Visible: now})
}

// Len counts the messages of a queue, also those that are not visible.
func (q *Queues) Len(queue string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.byName[queue])
}

// Send implements [Account].
func (q *Queues) Send(_ context.Context, queue, text string) error {
	q.Put(queue, text)
	return nil
}

// Receive implements [Account].
func (q *Queues) Receive(_ context.Context, queue string, most int, hidden time.Duration) ([]Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var list []Message
	for _, m := range q.byName[queue] {
		if len(list) < most && !m.Visible.After(now) {
			m.Dequeues++
			m.Visible, m.Receipt = now.Add(hidden), newID()
			list = append(list, *m)
		}
	}
	return list, nil
}

// Release implements [Account].
func (q *Queues) Release(_ context.Context, queue string, m Message, after time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, in := range q.byName[queue] {
		if in.ID == m.ID && in.Receipt == m.Receipt {
			in.Visible = time.Now().Add(after)
		}
	}
	return nil
}

// Delete implements [Account].
func (q *Queues) Delete(_ context.Context, queue string, m Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.byName[queue]
	for i, in := range list {
		if in.ID == m.ID && in.Receipt == m.Receipt {
			q.byName[queue] = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	return nil
}
