package lease

import (
	"context"
	"time"
)

// TermUntil returns a term that ends by the clock, as an elector will give it.
func TermUntil(ctx context.Context, until time.Time) Term {
	return Term{number: 7, holder: "here", ctx: ctx, until: until}
}
