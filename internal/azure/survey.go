package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/appliance"
)

// surveyFrom is how many members of one subscription are read by their ids at a time;
// more of them are found in lists. A hundred members read by themselves are more reads
// than a subscription has at once.
const surveyFrom = 4

// surveys hold what is listed of each subscription while somebody needs it. The zero
// value is ready.
type surveys struct {
	mu    sync.Mutex
	lists map[string]*survey
}

// survey is what the lists of one subscription say of machines and interfaces.
type survey struct {
	turn   gate
	asking int // guarded by surveys; the survey goes when nobody asks any more

	// What follows is guarded by turn.
	began    time.Time
	machines map[string][]string // the keys of the interfaces of each, by its own key
	nics     map[string]wireNIC
	err      error
}

// Survey is Places for members towards which nothing is about to be written: what it
// says may be as old as a list is. When many are looked for at once, it finds them in
// two lists of each subscription, and those that are missing there by their ids; listed
// are the members that were found in lists.
func (c *Client) Survey(ctx context.Context, members []appliance.Member) (found []appliance.Place, listed []appliance.MemberName, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, placesWait, fmt.Errorf("no answer within %s", placesWait))
	defer cancel()
	places := make([]appliance.Place, len(members))
	inList := make([]bool, len(members))
	errs := make([]error, len(members))
	var g errgroup.Group
	for i, m := range members {
		g.Go(func() error {
			if places[i], inList[i], errs[i] = c.surveyed(ctx, m); errs[i] != nil {
				errs[i] = fmt.Errorf("find member %s: %w", m.Name, errs[i])
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for i, p := range places {
		if p.Member == "" {
			continue
		}
		found = append(found, p)
		if inList[i] {
			listed = append(listed, p.Member)
		}
	}
	return found, listed, errors.Join(errs...)
}

// surveyed finds one member, in a list or by its id.
func (c *Client) surveyed(ctx context.Context, m appliance.Member) (_ appliance.Place, listed bool, err error) {
	s, asking := c.surveys.enter(m.VM.Subscription())
	defer c.surveys.leave(m.VM.Subscription())
	if asking > surveyFrom {
		nics, ok, err := c.listedNICs(ctx, s, m.VM)
		if err != nil && ctx.Err() != nil {
			return appliance.Place{}, false, err
		}
		if ok {
			p, err := place(m, nics)
			return p, err == nil, err
		}
	}
	p, err := c.place(ctx, m)
	return p, false, err
}

// enter returns the survey of a subscription, and how many ask for it now.
func (s *surveys) enter(subscription string) (*survey, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lists == nil {
		s.lists = map[string]*survey{}
	}
	key := strings.ToLower(subscription)
	if s.lists[key] == nil {
		s.lists[key] = &survey{turn: newGate()}
	}
	s.lists[key].asking++
	return s.lists[key], s.lists[key].asking
}

// leave must follow each enter.
func (s *surveys) leave(subscription string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(subscription)
	if s.lists[key].asking--; s.lists[key].asking == 0 {
		delete(s.lists, key)
	}
}

// listedNICs returns the interfaces of a machine, or false if the lists do not have all
// of them. A list is good for those who have asked before it began, and for a second.
func (c *Client) listedNICs(ctx context.Context, s *survey, vm appliance.ResourceID) ([]wireNIC, bool, error) {
	asked := time.Now()
	if err := s.turn.enter(ctx); err != nil {
		return nil, false, err
	}
	defer s.turn.leave()
	if now := time.Now(); s.began.Before(asked) && now.Sub(s.began) >= shareFor {
		s.began = now
		s.err = c.survey(ctx, s, vm.Subscription())
	}
	if s.err != nil {
		return nil, false, s.err
	}
	var nics []wireNIC
	for _, key := range s.machines[vm.Key()] {
		nic, ok := s.nics[key]
		if !ok {
			return nil, false, nil
		}
		nics = append(nics, nic)
	}
	return nics, len(nics) > 0, nil
}

// survey reads both lists.
func (c *Client) survey(ctx context.Context, s *survey, subscription string) error {
	s.machines, s.nics = map[string][]string{}, map[string]wireNIC{}
	path := "/subscriptions/" + subscription + "/providers/"
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return c.stream(ctx, c.getInto, providerCompute, path+"Microsoft.Compute/virtualMachines", nil, func(int) {}, func(item []byte) error {
			var vm wireVM
			if err := json.Unmarshal(item, &vm); err != nil {
				return fmt.Errorf("decode virtual machine: %w", err)
			}
			var keys []string
			for _, ref := range vm.Properties.NetworkProfile.NetworkInterfaces {
				keys = append(keys, appliance.ResourceID(ref.ID).Key())
			}
			s.machines[appliance.ResourceID(vm.ID).Key()] = slices.Clip(keys)
			return nil
		})
	})
	g.Go(func() error {
		return c.stream(ctx, c.getInto, providerNetwork, path+"Microsoft.Network/networkInterfaces", nil, func(int) {}, func(item []byte) error {
			var nic wireNIC
			if err := json.Unmarshal(item, &nic); err != nil {
				return fmt.Errorf("decode network interface: %w", err)
			}
			s.nics[appliance.ResourceID(nic.ID).Key()] = nic
			return nil
		})
	})
	return g.Wait()
}
