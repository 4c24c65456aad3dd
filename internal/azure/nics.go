package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"hopguard/internal/appliance"
)

const (
	// fewPlaces is how many members of one subscription are read one by one within
	// shareFor. Beyond that one list of all interfaces serves them: two reads for each
	// member would take the whole budget for minutes.
	fewPlaces = 8
	// manyFor is how long more than a few are expected to go on.
	manyFor = 5 * time.Second
	// sharePage is how much longer a list of interfaces is shared for each page of it.
	sharePage = 500 * time.Millisecond
	// usualPage is how many items a page has.
	usualPage = 1000
)

// nicLists holds the newest list of interfaces of each subscription in which many
// members were looked for at once. The zero value is ready.
type nicLists struct {
	mu    sync.Mutex
	lists map[string]*nicList
}

type nicList struct {
	turn gate

	mu sync.Mutex // guards what follows
	// since and asks count those who have asked within shareFor.
	since time.Time
	asks  int
	// members are the machines that were ever asked for, by their keys.
	members map[string]bool
	began   time.Time
	pages   int // beyond the first
	// nics are those of the members, by the key of their machine.
	nics map[string][]wireNIC
	err  error
}

func (n *nicLists) of(subscription string) *nicList {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lists == nil {
		n.lists = map[string]*nicList{}
	}
	key := strings.ToLower(subscription)
	if n.lists[key] == nil {
		n.lists[key] = &nicList{turn: newGate(), members: map[string]bool{}}
	}
	return n.lists[key]
}

// many notes that somebody asks for a machine, and reports whether many do.
func (l *nicList) many(vm string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members[vm] = true
	window := shareFor
	if l.asks > fewPlaces {
		window = manyFor // so many do not come in one second when the machine is busy
	}
	if now.Sub(l.since) >= window {
		l.since, l.asks = now, 0
	}
	l.asks++
	return l.asks > fewPlaces
}

// newest returns the interfaces of a machine if the list will do for somebody who has
// asked then, as those of tables do.
func (l *nicList) newest(vm string, asked, now time.Time) (nics []wireNIC, err error, ok bool) { //nolint:revive // the error is the list's
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.began.Before(asked) {
		return l.nics[vm], l.err, true
	}
	nics = l.nics[vm]
	return nics, nil, len(nics) > 0 && now.Sub(l.began) < shareFor+time.Duration(l.pages)*sharePage
}

// listedNICs returns the interfaces of a machine from a list of all those of its
// subscription, if so many are asked for that this costs less. Without a result the
// machine is to be read itself: the list may not be allowed, or behind.
func (c *Client) listedNICs(ctx context.Context, vm appliance.ResourceID) []wireNIC {
	asked := time.Now()
	l := c.nics.of(vm.Subscription())
	if !l.many(vm.Key(), asked) || l.turn.enter(ctx) != nil {
		return nil
	}
	defer l.turn.leave()
	nics, err, ok := l.newest(vm.Key(), asked, time.Now())
	if !ok {
		c.listNICs(ctx, vm.Subscription(), l)
		nics, err, _ = l.newest(vm.Key(), asked, time.Now())
	}
	if err != nil {
		return nil
	}
	return nics
}

// listNICs reads the list and keeps the interfaces of members.
func (c *Client) listNICs(ctx context.Context, subscription string, l *nicList) {
	began := time.Now()
	var found []wireNIC // one for each item; zero for those of others
	path := "/subscriptions/" + subscription + "/providers/Microsoft.Network/networkInterfaces"
	err := c.stream(ctx, c.getInto, providerNetwork, path, nil, func(keep int) { found = found[:keep] }, func(item []byte) error {
		var nic wireNIC
		if err := json.Unmarshal(item, &nic); err != nil {
			return fmt.Errorf("decode network interface: %w", err)
		}
		if !l.wants(nic.machine()) {
			nic = wireNIC{}
		}
		found = append(found, nic)
		return nil
	})
	nics := map[string][]wireNIC{}
	for _, nic := range found {
		if nic.ID != "" {
			nics[nic.machine()] = append(nics[nic.machine()], nic)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.pages, l.nics, l.err = began, len(found)/usualPage, nics, err
}

// wants reports whether a machine was ever asked for.
func (l *nicList) wants(vm string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.members[vm]
}
