package decide

import (
	"fmt"
	"time"

	"hopguard/internal/appliance"
)

// OrderKind is what a human wants.
type OrderKind string

// The orders.
const (
	// OrderSwitch makes To active.
	OrderSwitch OrderKind = "switch"
	// OrderPin makes To active (or keeps the active one) and keeps it so.
	OrderPin OrderKind = "pin"
	// OrderFreeze stops all writes for a time.
	OrderFreeze OrderKind = "freeze"
	// OrderThaw ends a freeze or a pin.
	OrderThaw OrderKind = "thaw"
)

// Order is a human's wish. It goes through the same record, plan and apply as
// an automatic decision.
type Order struct {
	Kind OrderKind
	// To is the member to make active. For OrderPin empty means the active one.
	To appliance.MemberName
	// For is how long a freeze lasts.
	For time.Duration
	// Force allows a member that is not up, by name and loudly.
	Force bool
	By    string
	Note  string
}

// OnRecordOnly reports whether the order changes the record and nothing in Azure: a
// freeze does. A thaw does not count, because what waited is written with it.
func (o Order) OnRecordOnly() bool { return o.Kind == OrderFreeze }

// obey returns the record after the order. Refused orders change nothing.
func (p Policy) obey(r Record, in Input, o Order) (Record, Decision) {
	switch o.Kind {
	case OrderFreeze:
		if o.For <= 0 {
			return r, refuse(r, "a freeze needs a duration above zero")
		}
		if r.Mode == Pinned {
			r.Resume = Pinned
		}
		r.Mode, r.FrozenUntil, r.Note = Frozen, in.Now.Add(o.For), o.Note
		return r, Decision{Reason: ReasonOrderFreeze, Active: r.Active}
	case OrderThaw:
		if r.Mode == Auto {
			return r, Decision{Reason: ReasonOrderNothing, Active: r.Active, Write: mayWrite(r, in)}
		}
		r.Mode, r.FrozenUntil, r.Resume, r.Note = Auto, time.Time{}, "", o.Note
		return r, Decision{Reason: ReasonOrderThaw, Active: r.Active, Write: mayWrite(r, in)}
	case OrderSwitch, OrderPin:
		return p.obeyMove(r, in, o)
	default:
		panic(fmt.Sprintf("decide: order %q", string(o.Kind)))
	}
}

func (p Policy) obeyMove(r Record, in Input, o Order) (Record, Decision) {
	to := o.To
	if to == "" && o.Kind == OrderPin {
		to = r.Active
	}
	if _, ok := p.Group.Member(to); !ok {
		return r, refuse(r, fmt.Sprintf("%q is not a member of group %q", to, p.Group.Name))
	}
	if r.Mode == Frozen {
		return r, refuse(r, "the group is frozen: thaw it first")
	}
	if r.Mode == Pinned && o.Kind == OrderSwitch && to != r.Active {
		return r, refuse(r, fmt.Sprintf("the group is pinned to %q: thaw it first", r.Active))
	}
	up := in.Health.Of(to).Verdict == appliance.Up
	if !up && !o.Force && (to != r.Active || o.Kind == OrderSwitch) {
		return r, refuse(r, fmt.Sprintf("%q is %s, not up; --force moves traffic there all the same", to, in.Health.Of(to).Verdict))
	}
	moved := to != r.Active
	pinned := o.Kind == OrderPin && r.Mode != Pinned
	forced := o.Force && !up && !r.Forced
	if !moved && !pinned && !forced {
		return r, Decision{Reason: ReasonOrderNothing, Active: r.Active, Write: mayWrite(r, in)}
	}
	from := r.Active
	if moved {
		r = r.transition(to, ReasonOrdered, in.Now, o.By)
	}
	if o.Kind == OrderPin {
		r.Mode = Pinned
	}
	r.Forced, r.Note = o.Force && !up, o.Note
	d := Decision{Reason: ReasonOrdered, Active: to, Write: mayWrite(r, in)}
	if moved {
		d.From = from
	} else if o.Kind == OrderPin {
		d.Reason = ReasonOrderPin
	}
	return r, d
}

func refuse(r Record, why string) Decision {
	return Decision{Reason: ReasonOrderRefused, Active: r.Active, Refused: why}
}
