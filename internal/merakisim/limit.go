package merakisim

import (
	"math"
	"strings"
	"time"
)

// The limits of page Rate Limit and of the live tools' descriptions.
const (
	organizationBurst, organizationRate = 10, 10.0
	sourceBurst, sourceRate             = 100, 100.0
	liveToolBurst, liveToolRate         = 5, 1.0 / 5
)

// bucket is a token bucket that refills by itself.
type bucket struct {
	tokens float64
	last   time.Time
}

// take removes one token. When there is none it says in how many whole seconds
// there is one.
func (s *Sim) take(t time.Time, size, refill float64, name ...string) (retryAfter int, ok bool) {
	key := strings.Join(name, "|")
	b := s.buckets[key]
	if b == nil {
		b = &bucket{tokens: size}
		s.buckets[key] = b
	} else {
		b.tokens = min(size, b.tokens+refill*t.Sub(b.last).Seconds())
	}
	b.last = t
	// A nanosecond of rounding must not cost a second.
	if b.tokens < 1-1e-6 {
		return max(1, int(math.Ceil((1-b.tokens)/refill))), false
	}
	b.tokens--
	return 0, true
}

// throttleSource counts a request against the address that it comes from.
func (s *Sim) throttleSource(rq *request) *reply {
	if _, ok := s.take(rq.now, sourceBurst, sourceRate, "source", rq.source); !ok {
		return frontThrottled() // that the front does this is [U]
	}
	return nil
}

// throttleOrganization counts a request against the limit that all applications share.
func (s *Sim) throttleOrganization(rq *request, o *organization) *reply {
	refill := max(0.1, organizationRate-o.others)
	if wait, ok := s.take(rq.now, organizationBurst, refill, "organization", o.id); !ok {
		return throttled(wait)
	}
	return nil
}

// throttleLiveTool counts the order of a ping against its device; both tools share
// one limit [U].
func (s *Sim) throttleLiveTool(rq *request, serial string) *reply {
	if wait, ok := s.take(rq.now, liveToolBurst, liveToolRate, "live tools", serial); !ok {
		return throttled(wait)
	}
	return nil
}
