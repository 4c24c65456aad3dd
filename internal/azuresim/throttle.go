package azuresim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// bucket is a token bucket that refills by itself.
type bucket struct {
	tokens float64
	last   time.Time
}

// rate is the size of a bucket and its refill per second.
type rate struct {
	size, refill float64
}

// take removes one token. When there is none it says how long one takes to come.
func (b *bucket) take(r rate, now time.Time) (left int, wait time.Duration, ok bool) {
	if b.last.IsZero() {
		b.tokens = r.size
	} else {
		b.tokens = min(r.size, b.tokens+r.refill*now.Sub(b.last).Seconds())
	}
	b.last = now
	if b.tokens < 1 {
		return 0, time.Duration((1 - b.tokens) / r.refill * float64(time.Second)), false
	}
	b.tokens--
	return int(b.tokens), 0, true
}

// window counts requests in fixed periods: Network's limits are given so.
type window struct {
	start time.Time
	used  int
}

const windowLength = 5 * time.Minute

// take counts one request against a limit. When the limit is reached it says how long the period lasts.
func (w *window) take(limit int, now time.Time) (wait time.Duration, ok bool) {
	if now.Sub(w.start) >= windowLength {
		w.start, w.used = now, 0
	}
	if w.used >= limit {
		return w.start.Add(windowLength).Sub(now), false
	}
	w.used++
	return 0, true
}

// budget is what is left for the caller, as the headers of its answer say.
type budget struct {
	scope, verb     string // subscription or tenant; reads, writes or deletes
	left, global    int
	known           bool
	resource, graph string
}

func (b *budget) headers(h http.Header) {
	if b.known {
		h.Set("x-ms-ratelimit-remaining-"+b.scope+"-"+b.verb, strconv.Itoa(b.left))
		if b.scope == "subscription" {
			h.Set("x-ms-ratelimit-remaining-subscription-global-"+b.verb, strconv.Itoa(b.global))
		}
	}
	if b.resource != "" {
		h.Set("x-ms-ratelimit-remaining-resource", b.resource)
	}
	if b.graph != "" {
		h.Set("x-ms-user-quota-remaining", b.graph)
		h.Set("x-ms-user-quota-resets-after", "00:00:05")
	}
}

// The rates of ARM: per principal, and 15 times that for all principals together.
const (
	readSize, readRefill   = 250, 25
	writeSize, writeRefill = 200, 10
	globalFactor           = 15
)

// throttleARM takes from ARM's buckets. They are kept per principal, scope and verb; one ARM region serves the whole simulation.
func (s *Sim) throttleARM(rq *request) *reply {
	verb, word := "reads", "read"
	r := rate{readSize, readRefill}
	switch {
	case rq.http.Method == http.MethodDelete:
		verb, word, r = "deletes", "delete", rate{writeSize, writeRefill}
	case rq.write():
		verb, word, r = "writes", "write", rate{writeSize, writeRefill}
	}
	scope, id := "subscription", lower(rq.target.sub)
	if id == "" {
		scope, id = "tenant", s.tenant
	}
	rq.budget.scope, rq.budget.verb = scope, verb
	left, wait, ok := s.bucket("arm", id, rq.principal.ObjectID, verb).take(r, rq.now)
	if ok {
		rq.budget.left = left
		rq.budget.global, wait, ok = s.bucket("arm-global", id, verb).take(rate{r.size * globalFactor, r.refill * globalFactor}, rq.now)
	}
	if !ok {
		return s.armThrottled(rq, word, wait)
	}
	rq.budget.known = true
	return nil
}

func (s *Sim) armThrottled(rq *request, word string, wait time.Duration) *reply {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	scope, code, id := "subscription", "SubscriptionRequestsThrottled", rq.target.sub
	if id == "" {
		scope, code, id = "tenant", "TenantRequestsThrottled", s.tenant // the tenant's code is [U]
	}
	rep := rq.gateway(http.StatusTooManyRequests, code, fmt.Sprintf("Number of '%s' requests for %s actor '%s:%s' exceeded. "+
		"Please try again after '%d' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
		word, scope, id, rq.principal.ObjectID, seconds))
	rep.retryAfter(time.Duration(seconds) * time.Second)
	return rep
}

func (s *Sim) bucket(parts ...string) *bucket {
	key := strings.Join(parts, "|")
	b := s.buckets[key]
	if b == nil {
		b = &bucket{}
		s.buckets[key] = b
	}
	return b
}

// The limits of Microsoft.Network per subscription and region in five minutes.
const (
	networkWrites = 1000
	networkReads  = 10000
)

// throttleNetwork counts a request to Microsoft.Network. The region is that of the resource; lists count against the front's.
func (s *Sim) throttleNetwork(rq *request, location string) *reply {
	limit, verb := networkReads, "read"
	if rq.write() {
		limit, verb = networkWrites, "write"
	}
	w := s.window(rq.target.sub, location, verb)
	wait, ok := w.take(limit, rq.now)
	if !ok {
		return networkThrottled(rq, limit, wait)
	}
	return nil
}

func networkThrottled(rq *request, limit int, wait time.Duration) *reply {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	rep := rq.gateway(http.StatusTooManyRequests, "ResourceRequestsThrottled", fmt.Sprintf("Number of requests for action '%s' exceeded the limit of '%d' "+
		"for time interval '00:05:00'. Please try again after '%d' seconds.", rq.permission(), limit, seconds))
	rep.retryAfter(time.Duration(seconds) * time.Second)
	return rep
}

func (s *Sim) window(sub, location, verb string) *window {
	key := strings.Join([]string{lower(sub), lower(location), verb}, "|")
	w := s.windows[key]
	if w == nil {
		w = &window{}
		s.windows[key] = w
	}
	return w
}

// throttleLevels is the header by which Network tells how full its counters are. Its exact meaning is undocumented.
func (s *Sim) throttleLevels(rq *request) string {
	if rq.target.special != "" { // a poll
		return "operationConcurrencyPct=0.7, etc"
	}
	location := ""
	if r := s.lookup(rq.target.id); r != nil {
		location = r.location
	}
	if rq.write() {
		pct := float64(s.window(rq.target.sub, location, "write").used) / networkWrites * 100
		return fmt.Sprintf("operationRatePct=%.1f, operationConcurrencyPct=0.3, subscriptionWriteRatePct=%.1f, etc", pct, pct)
	}
	pct := float64(s.window(rq.target.sub, location, "read").used) / networkReads * 100
	return fmt.Sprintf("operationConcurrencyPct=0.7, subscriptionReadRatePct=%.1f, etc", pct)
}

// computePolicy is one of Compute's throttling policies; refills are per minute.
type computePolicy struct {
	name                       string
	resource, resourceRefill   float64 // 0: no limit per resource
	subscription, subscrRefill float64
}

func lowCostGet() computePolicy   { return computePolicy{"LowCostGet", 36, 12, 24000, 8000} }
func highCostGet() computePolicy  { return computePolicy{"HighCostGet", 0, 0, 900, 300} }
func getOperation() computePolicy { return computePolicy{"GetOperation", 45, 15, 15000, 5000} }
func putVM() computePolicy        { return computePolicy{"PutVM", 12, 4, 1500, 500} }
func updateVM() computePolicy     { return computePolicy{"UpdateVM", 12, 4, 1500, 500} }
func deleteVM() computePolicy     { return computePolicy{"DeleteVM", 12, 4, 1500, 500} }

// throttleCompute takes from the buckets of a machine and of its subscription; everybody shares them.
func (s *Sim) throttleCompute(rq *request, p computePolicy, vm string) *reply {
	// The service counts per subscription and region; here a subscription is one region for Compute, which is harsher.
	left, wait, ok := s.bucket("compute", p.name, "subscription", lower(rq.target.sub)).take(rate{p.subscription, p.subscrRefill / 60}, rq.now)
	name, size := p.name+"SubscriptionMaximum", p.subscription
	header := fmt.Sprintf("Microsoft.Compute/%sSubscriptionMaximum;%d", p.name, left)
	if ok && p.resource > 0 {
		left, wait, ok = s.bucket("compute", p.name, lower(vm)).take(rate{p.resource, p.resourceRefill / 60}, rq.now)
		name, size = p.name+"Resource", p.resource
		resource := fmt.Sprintf("Microsoft.Compute/%sResource;%d", p.name, left)
		if p.name == "GetOperation" {
			header = resource + "," + header // seen in this order for polls, in the other for reads
		} else {
			header += "," + resource
		}
	}
	if !ok {
		return computeThrottled(rq, name, int(size), wait)
	}
	rq.budget.resource = header
	return nil
}

// computeThrottled is Compute's 429: the detail's message is JSON inside a string.
func computeThrottled(rq *request, name string, allowed int, wait time.Duration) *reply {
	message := encode(object{
		{"operationGroup", name}, {"startTime", rq.now.UTC().Format(computeTime)}, {"endTime", rq.now.Add(wait).UTC().Format(computeTime)},
		{"allowedRequestCount", raw([]byte(strconv.Itoa(allowed)))}, {"measuredRequestCount", raw([]byte(strconv.Itoa(allowed + 1)))},
	})
	rep := rq.provider(http.StatusTooManyRequests, "OperationNotAllowed",
		"The server rejected the request because too many requests have been received for this subscription.",
		detail{code: "TooManyRequests", target: name, message: string(message)})
	rep.retryAfter(max(wait, time.Second))
	return rep
}
