package lease

import (
	"context"
	"sync/atomic"
	"time"
)

// TermUntil returns a term that ends by the clock, as an elector gives it.
func TermUntil(ctx context.Context, until time.Time) Term {
	t := Term{number: 7, holder: "here", ctx: ctx, until: new(atomic.Pointer[time.Time])}
	t.until.Store(&until)
	return t
}
