package funchost

import (
	"sync"
	"time"
)

// Queues are the queues of a storage account. The zero value has none. They are safe
// for concurrent use.
type Queues struct {
	mu     sync.Mutex
	byName map[string][]*message
}

// message is in a queue until it is deleted.
type message struct {
	id, text string
	inserted time.Time
	visible  time.Time
	dequeues int
}

// Put adds a message.
func (q *Queues) Put(queue, text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byName == nil {
		q.byName = map[string][]*message{}
	}
	now := time.Now()
	q.byName[queue] = append(q.byName[queue], &message{id: newID(), text: text, inserted: now, visible: now})
}

// Len counts the messages of a queue, also those that are not visible.
func (q *Queues) Len(queue string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.byName[queue])
}

// hidden is how long a message that was taken out is not seen, unless it comes back
// before: the host renews it in time.
const hidden = 10 * time.Minute

// take takes up to most visible messages out, and hides them.
func (q *Queues) take(queue string, most int) []message {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var list []message
	for _, m := range q.byName[queue] {
		if len(list) < most && !m.visible.After(now) {
			m.dequeues++
			m.visible = now.Add(hidden)
			list = append(list, *m)
		}
	}
	return list
}

// drop deletes a message.
func (q *Queues) drop(queue, id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.byName[queue]
	for i, m := range list {
		if m.id == id {
			q.byName[queue] = append(list[:i:i], list[i+1:]...)
			return
		}
	}
}

// giveBack makes a message visible again after a while.
func (q *Queues) giveBack(queue, id string, after time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.byName[queue] {
		if m.id == id {
			m.visible = time.Now().Add(after)
		}
	}
}
