// Package lease makes leadership a value that one must hold: every write to
// Azure takes a Term. An Elector takes a lease from a store of leases and turns it
// into a Term; Rank and Move say which replica should lead what.
//
// A Term is valid until its holder loses it, by the local monotonic clock only,
// measured from before the last request that the store granted. The package gives
// no fencing: a holder that is paused between the check and the write can still
// write late, and on a machine that was suspended the monotonic clock stood still.
// Safety then comes from the compare-and-swap of the record and from the etag of
// each table. It is a leaf; everybody may import it.
package lease

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// ErrLost says that the term is over: its holder must not write any more.
var ErrLost = errors.New("leadership lost")

// Term is proof of leadership. The zero value proves nothing: Err returns
// ErrLost. It is safe for concurrent use and may be copied; the copies end
// together.
type Term struct {
	number uint64
	holder string
	ctx    context.Context            //nolint:containedctx // the life of the term, not of a call
	until  *atomic.Pointer[time.Time] // moved by each renewal; nil for a term without an end
	order  *order                     // nil without one
}

// order is what a term carries out.
type order struct {
	ask       func(context.Context) error
	overruled atomic.Pointer[error] // what ask has once returned
}

// Number orders the terms of one key. It orders terms, it does not fence.
func (t Term) Number() uint64 { return t.number }

// Holder names who holds the term.
func (t Term) Holder() string { return t.holder }

// Err returns nil while the term is valid, and an error that wraps ErrLost and the
// cause once it is not, or that of Stands once its order does not stand. Writers call it
// at the last moment before each write.
func (t Term) Err() error {
	switch {
	case t.ctx == nil:
		return fmt.Errorf("%w: no term was taken", ErrLost)
	case t.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrLost, context.Cause(t.ctx))
	case t.until != nil && !time.Now().Before(*t.until.Load()):
		return fmt.Errorf("%w: term %d of %s: %w", ErrLost, t.number, t.holder, ErrExpired)
	}
	if t.order != nil {
		if err := t.order.overruled.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// Carrying returns the same term, carrying out an order that somebody may overrule
// meanwhile: ask returns an error if so. Leadership alone does not tell, as two may
// believe that they lead. All copies of the term that is returned carry the same order.
func (t Term) Carrying(ask func(context.Context) error) Term {
	t.order = &order{ask: ask}
	return t
}

// Stands asks whether the order that the term carries out, if any, is still the newest,
// and returns an error if it is not, or if the term is no longer valid. From then on Err
// says so too. Writers call it before they write again what somebody has changed
// meanwhile; ctx bounds the asking.
func (t Term) Stands(ctx context.Context) error {
	if err := t.Err(); err != nil || t.order == nil {
		return err
	}
	err := t.order.ask(ctx)
	if err != nil {
		t.order.overruled.Store(&err)
	}
	return err
}

// Local is leadership inside a single process: whoever runs it leads until it
// steps down. It is the form for one controller; nothing keeps a second process
// from leading too.
type Local struct {
	// Holder names the process in reports.
	Holder string
}

// Acquire returns a term that ends when ctx does.
func (l Local) Acquire(ctx context.Context) (Term, error) {
	if err := ctx.Err(); err != nil {
		return Term{}, fmt.Errorf("acquire term: %w", err)
	}
	return Term{number: 1, holder: l.Holder, ctx: ctx}, nil
}

// Lead calls work with a term that ends when work returns, as Elector.Lead does.
func (l Local) Lead(ctx context.Context, work func(context.Context, Term) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(ErrReleased)
	term, err := l.Acquire(ctx)
	if err != nil {
		return err
	}
	return work(ctx, term)
}
