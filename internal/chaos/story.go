package main

import (
	"maps"
	"sync"
	"time"
)

// Story is where the managed routes pointed, and when. It is safe for concurrent use.
type Story struct {
	mu     sync.Mutex
	scenes []scene
}

// scene is in force until the next one.
type scene struct {
	at    time.Time
	count map[string]int // routes by their next hops
}

// Add tells where the routes point from at on; scenes are told in their order.
func (s *Story) Add(at time.Time, count map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scenes = append(s.scenes, scene{at, count})
}

// Was reports whether all routes pointed to one next hop at some moment between from
// and to.
func (s *Story) Was(hop string, from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.scenes {
		over := i+1 < len(s.scenes) && !s.scenes[i+1].at.After(from)
		if !over && !c.at.After(to) && len(c.count) == 1 && c.count[hop] > 0 {
			return true
		}
	}
	return false
}

// Is reports whether the routes point there now.
func (s *Story) Is(count map[string]int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.scenes)
	return n > 0 && maps.Equal(s.scenes[n-1].count, count)
}

// Total is how many routes there were at first.
func (s *Story) Total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	if len(s.scenes) > 0 {
		for _, n := range s.scenes[0].count {
			total += n
		}
	}
	return total
}
