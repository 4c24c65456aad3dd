package blobsim

import (
	"bytes"
	"time"
)

// View is a blob as nobody but the service knows it.
type View struct {
	Content []byte
	ETag    string
	// Held says that a lease is in force; then LeaseID has it and Until is its end, zero
	// if it has none.
	Held    bool
	LeaseID string
	Until   time.Time
}

// Look shows a blob, without a request; false if there is none.
func (s *Sim) Look(container, name string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrive()
	c := s.containers[container]
	if c == nil || c.blobs[name] == nil {
		return View{}, false
	}
	b := c.blobs[name]
	v := View{Content: bytes.Clone(b.content), ETag: b.etag}
	if st := b.lease.at(s.now()); st == leased || st == breaking {
		v.Held, v.LeaseID = true, b.lease.id
		if b.lease.duration >= 0 || st == breaking {
			v.Until = b.lease.ends
		}
	}
	return v, true
}
