package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hopguard/internal/appliance"
)

const (
	// shareStates is how long one list of power states serves all members of a
	// subscription that ask for theirs.
	shareStates = 900 * time.Millisecond
	// Reading the instance view of one VM is limited to a bucket of 36 with 12 more
	// a minute, for all callers together. This is our share of it.
	viewBurst = 6
	viewEvery = 5 * time.Second
	// listless is how long a subscription whose list has no states is not asked
	// for it again.
	listless = 5 * time.Minute
)

// powerLists holds the newest list of power states of each subscription. The
// zero value is ready.
type powerLists struct {
	mu    sync.Mutex
	lists map[string]*powerList
	views map[string]*rate.Limiter
}

type powerList struct {
	turn gate // guards what follows
	// began is when the list was asked for; states are by the VM's key.
	began  time.Time
	states map[string]string
	err    error
	// read is what was read for states, by the digest of its text.
	read map[digest]listedVM
	// noStates is until when the list is known to have no states.
	noStates time.Time
}

func (p *powerLists) of(subscription string) *powerList {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lists == nil {
		p.lists = map[string]*powerList{}
	}
	key := strings.ToLower(subscription)
	if p.lists[key] == nil {
		p.lists[key] = &powerList{turn: newGate()}
	}
	return p.lists[key]
}

// mayView takes from our share of a VM's bucket.
func (p *powerLists) mayView(vm appliance.ResourceID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.views == nil {
		p.views = map[string]*rate.Limiter{}
	}
	if p.views[vm.Key()] == nil {
		p.views[vm.Key()] = rate.NewLimiter(rate.Every(viewEvery), viewBurst)
	}
	return p.views[vm.Key()].AllowN(now, 1)
}

// PowerState returns the word after "PowerState/" that Azure has for a VM, ""
// if it has none, and "deleted" if there is no such VM. One list of the
// subscription's states answers all who ask within the same second; only where
// it has no answer is the VM itself read.
func (c *Client) PowerState(ctx context.Context, vm appliance.ResourceID) (string, error) {
	state, ok, listErr := c.listedState(ctx, vm)
	if ok {
		return state, nil
	}
	if !c.power.mayView(vm, time.Now()) {
		return "", errors.Join(fmt.Errorf("read power state of %s: asked too often", vm), listErr)
	}
	a, err := c.glance(ctx, providerCompute, string(vm), url.Values{"$expand": {"instanceView"}})
	// A managed application's resource group goes with its machine.
	if e, ok := errors.AsType[*APIError](err); ok && e.Status == http.StatusNotFound && e.has("ResourceNotFound", "ResourceGroupNotFound") {
		return "deleted", nil
	}
	if err != nil {
		return "", fmt.Errorf("read power state: %w", errors.Join(err, listErr))
	}
	var v wireVM
	if err := json.Unmarshal(a.Body, &v); err != nil {
		return "", fmt.Errorf("read power state of %s: %w", vm, err)
	}
	state, _ = v.state()
	return state, nil
}

// listedState returns the state that the subscription's list has for the VM.
func (c *Client) listedState(ctx context.Context, vm appliance.ResourceID) (string, bool, error) {
	l, asked := c.power.of(vm.Subscription()), time.Now()
	if err := l.turn.enter(ctx); err != nil {
		return "", false, err
	}
	defer l.turn.leave()
	now := time.Now()
	if now.Before(l.noStates) {
		return "", false, nil
	}
	// One that began while this one waited is good, however long it took: otherwise all
	// who wait would list one after the other as soon as a list takes longer than that.
	if l.began.Before(asked) && now.Sub(l.began) >= shareStates {
		l.began = now
		l.err = c.listStates(ctx, vm.Subscription(), l)
		if l.err == nil && len(l.states) == 0 {
			l.noStates = now.Add(listless)
		}
	}
	state, ok := l.states[vm.Key()]
	return state, ok, l.err
}

// listedVM is what a list says of one VM; without a key nothing.
type listedVM struct{ key, state string }

// listStates reads the power states of all VMs of a subscription; l.states is nil after
// an error. It is not repeated: the next check is soon enough, and sooner than a wait.
// The text of a VM that has not changed is not decoded again.
func (c *Client) listStates(ctx context.Context, subscription string, l *powerList) error {
	path := "/subscriptions/" + subscription + "/providers/Microsoft.Compute/virtualMachines"
	known := l.read
	l.states, l.read = nil, nil
	states, read := make(map[string]string, len(known)), make(map[digest]listedVM, len(known))
	err := c.stream(ctx, c.glanceInto, providerCompute, path, url.Values{"statusOnly": {"true"}}, func(int) {}, func(item []byte) error {
		sum := digestOf(item)
		vm, ok := known[sum]
		if !ok {
			var v wireVM
			if err := json.Unmarshal(item, &v); err != nil {
				return fmt.Errorf("decode virtual machine: %w", err)
			}
			if state, ok := v.state(); ok {
				vm = listedVM{key: appliance.ResourceID(v.ID).Key(), state: strings.Clone(state)}
			}
		}
		read[sum] = vm
		if vm.key != "" {
			states[vm.key] = vm.state
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list power states of subscription %s: %w", subscription, err)
	}
	l.states, l.read = states, read
	return nil
}

type wireVM struct {
	ID         string `json:"id"`
	Properties struct {
		NetworkProfile struct {
			NetworkInterfaces []struct {
				ID string `json:"id"`
			} `json:"networkInterfaces"`
		} `json:"networkProfile"`
		InstanceView *wireView `json:"instanceView"`
		Extended     struct {
			InstanceView *wireView `json:"instanceView"`
		} `json:"extended"`
	} `json:"properties"`
}

type wireView struct {
	Statuses []struct {
		Code string `json:"code"`
	} `json:"statuses"`
}

// state finds the power state by its prefix, wherever it stands. It reports
// false if the answer has no statuses at all, so that another question may help.
func (v wireVM) state() (string, bool) {
	view := v.Properties.InstanceView
	if view == nil || len(view.Statuses) == 0 {
		view = v.Properties.Extended.InstanceView
	}
	if view == nil || len(view.Statuses) == 0 {
		return "", false
	}
	for _, s := range view.Statuses {
		if prefix, word, ok := strings.Cut(s.Code, "/"); ok && strings.EqualFold(prefix, "PowerState") {
			return strings.ToLower(word), true
		}
	}
	return "", true
}
