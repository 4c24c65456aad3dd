package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hopguard/internal/appliance"
)

const (
	// claimFor is how long a process may be silent about a message that it has taken on
	// before another one delivers it.
	claimFor = 2 * time.Minute
	// mostRaces bounds how often a note is written again that others change too.
	mostRaces = 5
)

// page is what the scribe knows of a group.
type page struct {
	memory Memory
	// raw and version are as stored; fresh says that they are believed to be still so.
	raw     []byte
	version string
	fresh   bool
	// unsaved says that memory has what could not be stored.
	unsaved bool
	said    string // the last trouble that was logged
}

// order asks a courier for a delivery.
type order struct {
	message Message
	targets []string
}

// scribe reads the mail until there is none.
func (d *Desk) scribe(ctx context.Context) {
	for {
		d.mu.Lock()
		if len(d.order) == 0 || d.closed {
			d.writes = false
			d.mu.Unlock()
			return
		}
		group := d.order[0]
		mail := d.inbox[group]
		d.order = d.order[1:]
		delete(d.inbox, group)
		d.mu.Unlock()
		d.write(ctx, group, func(m Memory) (Memory, []order) { return d.read(m, *mail) })
	}
}

// read makes the next memory of mail, and what is to be delivered.
func (d *Desk) read(m Memory, mail letters) (Memory, []order) {
	var orders []order
	for _, s := range mail.settled {
		m = m.settled(s.id, s.target)
	}
	for _, s := range mail.situations {
		var messages []Message
		m, messages = d.options.Policy.News(m, s)
		for _, msg := range messages {
			if targets := d.wanting(msg); len(targets) > 0 {
				m = m.put(msg, targets, d.options.Holder)
				orders = append(orders, order{msg, targets})
			}
		}
		var adopted []order
		m, adopted = d.adopt(m, s.At)
		orders = append(orders, adopted...)
	}
	if mail.giveBack {
		m = m.givenBack(d.options.Holder)
		orders = nil
	}
	return m, orders
}

// wanting names the targets that a message is for.
func (d *Desk) wanting(m Message) []string {
	var names []string
	for _, c := range d.couriers {
		if m.Wanted(c.Min) {
			names = append(names, c.Name)
		}
	}
	return names
}

// adopt takes over what another process has left, and renews what is ours.
func (d *Desk) adopt(m Memory, now time.Time) (Memory, []order) {
	var orders []order
	m.Outbox = slices.Clone(m.Outbox)
	for i := range m.Outbox {
		e := &m.Outbox[i]
		age := now.Sub(e.Claimed)
		switch mine := e.Holder == d.options.Holder; {
		case mine && age >= claimFor/2:
			e.Claimed = now.UTC()
		case !mine && age >= claimFor:
			e.Holder, e.Claimed = d.options.Holder, now.UTC()
			e.Left = slices.DeleteFunc(slices.Clone(e.Left), func(name string) bool { return d.courier(name) == nil })
			orders = append(orders, order{e.Message, e.Left})
		}
	}
	m.Outbox = slices.DeleteFunc(m.Outbox, func(e Entry) bool { return len(e.Left) == 0 })
	return m, orders
}

func (d *Desk) courier(name string) *courier {
	for _, c := range d.couriers {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// write changes what is remembered of a group, stores it, and then lets deliver. What
// cannot be stored is delivered all the same: that the store is lost is a message too.
func (d *Desk) write(ctx context.Context, group appliance.GroupName, change func(Memory) (Memory, []order)) {
	p := d.pages[group]
	if p == nil {
		p = &page{memory: Memory{Format: memoryFormat}}
		d.pages[group] = p
	}
	var trouble error
	for range mostRaces {
		if trouble = d.refresh(ctx, group, p); trouble != nil {
			break
		}
		next, orders := change(p.memory)
		raw := next.encode()
		if !bytes.Equal(raw, p.raw) {
			trouble = d.store(ctx, group, p, raw)
			if errors.Is(trouble, ErrChanged) {
				p.fresh = false
				continue
			}
		}
		if trouble == nil {
			p.memory, p.said = next, ""
			d.deliver(ctx, orders)
			return
		}
		break
	}
	next, orders := change(p.memory)
	p.memory, p.unsaved, p.fresh = next, true, false
	if text := trouble.Error(); text != p.said && ctx.Err() == nil {
		p.said = text
		d.options.Log.WarnContext(ctx, "announcements not remembered: another process may repeat them", "group", group, "err", trouble)
	}
	d.deliver(ctx, orders)
}

// refresh reads the notes if they may have changed.
func (d *Desk) refresh(ctx context.Context, group appliance.GroupName, p *page) error {
	if p.fresh || d.options.Notebook == nil {
		return nil
	}
	raw, version, err := d.options.Notebook.Load(ctx, group)
	if err != nil {
		return fmt.Errorf("load the notes: %w", err)
	}
	stored, err := decodeMemory(raw)
	if err != nil {
		return err
	}
	if p.unsaved {
		stored = p.memory.merged(stored)
	}
	p.memory, p.raw, p.version, p.fresh, p.unsaved = stored, raw, version, true, false
	return nil
}

// store writes the notes.
func (d *Desk) store(ctx context.Context, group appliance.GroupName, p *page, raw []byte) error {
	if d.options.Notebook == nil {
		return nil
	}
	version, err := d.options.Notebook.Swap(ctx, group, raw, p.version)
	if err != nil {
		return fmt.Errorf("store the notes: %w", err)
	}
	p.raw, p.version = raw, version
	return nil
}

// deliver gives messages to the couriers.
func (d *Desk) deliver(ctx context.Context, orders []order) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range orders {
		for _, c := range d.couriers {
			if slices.Contains(o.targets, c.Name) {
				c.take(ctx, o.message)
			}
		}
	}
}
