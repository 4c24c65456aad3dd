package azure

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// Azure runs one operation on the peerings of a network at a time; another one is
// accepted and fails afterwards with AnotherOperationInProgress. What counts as "this
// or dependent resource" is not documented. So the network that has the half is held
// alone, the one that it leads to is shared with others that lead there, and by how
// many is found out: two at first, twice as many after a success, and one again after
// a collision. After each collision four times as many successes in a row are needed.
const (
	firstShare = 2
	mostShare  = 64
	mostNeeded = 256
)

// halfLocks are the networks in use. Make one with newHalfLocks.
type halfLocks struct {
	mu       sync.Mutex
	networks map[string]*networkUse
	waiting  []*halfRequest // by order
}

func newHalfLocks() *halfLocks { return &halfLocks{networks: map[string]*networkUse{}} }

// networkUse is who uses a network now.
type networkUse struct {
	alone  bool
	shared int
	share  int // how many may share it
	// clean counts the successes since the share was changed, needed is how many of
	// them double it.
	clean, needed int
}

// halfRequest waits for both networks of a half. Requests with a smaller order come
// first.
type halfRequest struct {
	order         int
	local, remote string
	granted       chan struct{}
}

func (l *halfLocks) use(network string) *networkUse {
	if l.networks[network] == nil {
		l.networks[network] = &networkUse{share: firstShare, needed: 1}
	}
	return l.networks[network]
}

// acquire waits for both networks. Every success must be followed by one release.
func (l *halfLocks) acquire(ctx context.Context, order int, local, remote string) error {
	r := &halfRequest{order: order, local: local, remote: remote, granted: make(chan struct{})}
	l.mu.Lock()
	i, _ := slices.BinarySearchFunc(l.waiting, order, func(w *halfRequest, order int) int { return cmp.Compare(w.order, order) })
	l.waiting = slices.Insert(l.waiting, i, r)
	l.grant()
	l.mu.Unlock()
	select {
	case <-r.granted:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, r); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	} else {
		l.free(local, remote) // it was granted in the same moment
	}
	l.grant()
	return context.Cause(ctx)
}

// release gives both networks back. collided says that Azure had another operation on
// one of them, clean that it had none.
func (l *halfLocks) release(local, remote string, collided, clean bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free(local, remote)
	switch u := l.use(remote); {
	case collided:
		u.share, u.clean, u.needed = 1, 0, min(4*u.needed, mostNeeded)
	case clean:
		if u.clean++; u.clean >= u.needed {
			u.share, u.clean = min(2*u.share, mostShare), 0
		}
	}
	l.grant()
}

func (l *halfLocks) free(local, remote string) {
	l.use(local).alone = false
	l.use(remote).shared--
}

// grant lets those in whose networks are free. Nobody overtakes one who waits for a
// network alone, who would wait for ever beside many who share it.
func (l *halfLocks) grant() {
	claimed := map[string]bool{}
	l.waiting = slices.DeleteFunc(l.waiting, func(r *halfRequest) bool {
		local, remote := l.use(r.local), l.use(r.remote)
		busy := local.alone || local.shared > 0 || remote.alone || remote.shared >= remote.share
		if busy || claimed[r.local] || claimed[r.remote] {
			claimed[r.local] = true
			return false
		}
		local.alone = true
		remote.shared++
		close(r.granted)
		return true
	})
}
