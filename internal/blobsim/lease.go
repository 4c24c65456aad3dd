package blobsim

import (
	"cmp"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// state is the state of a lease, in the service's words.
type state string

const (
	available state = "available"
	leased    state = "leased"
	expired   state = "expired"
	breaking  state = "breaking"
	broken    state = "broken"
)

// lease is the lease of a blob. The zero value is available.
type lease struct {
	state    state // as of the last operation; see at
	id       string
	duration time.Duration // below 0: without end
	ends     time.Time     // of a lease that is leased or breaking
}

// at returns the state at a time.
func (l lease) at(now time.Time) state {
	switch {
	case l.state == leased && l.duration >= 0 && !now.Before(l.ends):
		return expired
	case l.state == breaking && !now.Before(l.ends):
		return broken
	default:
		return cmp.Or(l.state, available)
	}
}

// headers are what a read of the blob tells of the lease.
func (l lease) headers(now time.Time) []string {
	st := l.at(now)
	status := "unlocked"
	if st == leased || st == breaking {
		status = "locked"
	}
	out := []string{"x-ms-lease-state", string(st), "x-ms-lease-status", status}
	if st == leased {
		out = append(out, "x-ms-lease-duration", l.kind())
	}
	return out
}

func (l lease) kind() string {
	if l.duration < 0 {
		return "infinite"
	}
	return "fixed"
}

func conflict(code string) *reply { return failure(http.StatusConflict, code) }

var guid = regexp.MustCompile(`^(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$`)

// onLease does one action on the lease of a blob.
func (s *Sim) onLease(r *request, b *blob) *reply {
	now := s.now()
	id, proposed := r.header.Get("x-ms-lease-id"), r.header.Get("x-ms-proposed-lease-id")
	switch op := r.call.Op; {
	case op == OpAcquireLease:
		return s.acquire(r, b, proposed, now)
	case op == OpBreakLease:
		return s.breakLease(r, b, now)
	case id == "" || op == OpChangeLease && proposed == "":
		return failure(http.StatusBadRequest, "MissingRequiredHeader")
	case op == OpChangeLease:
		return b.changeLease(id, proposed, now)
	case b.lease.at(now) == available, id != b.lease.id:
		return conflict("LeaseIdMismatchWithLeaseOperation")
	case op == OpRenewLease:
		return b.renewLease(now)
	case op == OpReleaseLease:
		b.lease = lease{}
		return b.leaseReply(http.StatusOK)
	default:
		panic("blobsim: " + string(op) + " is no action of a lease")
	}
}

// renewLease renews an expired lease too: a write would have ended it.
func (b *blob) renewLease(now time.Time) *reply {
	if st := b.lease.at(now); st == breaking || st == broken {
		return conflict("LeaseIsBrokenAndCannotBeRenewed")
	}
	b.lease.state, b.lease.ends = leased, now.Add(b.lease.duration)
	return b.leaseReply(http.StatusOK).headers("x-ms-lease-id", b.lease.id)
}

func (b *blob) changeLease(id, proposed string, now time.Time) *reply {
	switch st := b.lease.at(now); {
	case st == available, st == broken, st == expired:
		return conflict("LeaseNotPresentWithLeaseOperation")
	case id != b.lease.id && (proposed != b.lease.id || st == breaking):
		return conflict("LeaseIdMismatchWithLeaseOperation")
	case st == breaking:
		return conflict("LeaseIsBreakingAndCannotBeChanged")
	}
	b.lease.id = proposed
	return b.leaseReply(http.StatusOK).headers("x-ms-lease-id", b.lease.id)
}

func (s *Sim) acquire(r *request, b *blob, proposed string, now time.Time) *reply {
	seconds, err := strconv.Atoi(r.header.Get("x-ms-lease-duration"))
	switch {
	case r.header.Get("x-ms-lease-duration") == "":
		return failure(http.StatusBadRequest, "MissingRequiredHeader")
	case err != nil || seconds != -1 && (seconds < 15 || seconds > 60),
		proposed != "" && !guid.MatchString(proposed):
		return failure(http.StatusBadRequest, "InvalidHeaderValue")
	}
	l := &b.lease
	switch l.at(now) {
	case leased:
		if proposed == "" || proposed != l.id {
			return conflict("LeaseAlreadyPresent")
		}
	case breaking:
		if proposed != "" && proposed == l.id {
			return conflict("LeaseIsBreakingAndCannotBeAcquired")
		}
		return conflict("LeaseAlreadyPresent")
	case available, expired, broken:
	}
	if proposed == "" {
		s.etags++
		proposed = "00000000-0000-4000-8000-" + pad(s.etags)
	}
	duration := time.Duration(seconds) * time.Second
	*l = lease{state: leased, id: proposed, duration: duration, ends: now.Add(duration)}
	return b.leaseReply(http.StatusCreated).headers("x-ms-lease-id", l.id)
}

func (s *Sim) breakLease(r *request, b *blob, now time.Time) *reply {
	l := &b.lease
	st := l.at(now)
	if st == available {
		return conflict("LeaseNotPresentWithLeaseOperation")
	}
	var left time.Duration
	if (st == leased && l.duration >= 0) || st == breaking {
		left = l.ends.Sub(now)
	}
	if text := r.header.Get("x-ms-lease-break-period"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > 60 {
			return failure(http.StatusBadRequest, "InvalidHeaderValue")
		}
		period := time.Duration(seconds) * time.Second
		if st == leased && l.duration < 0 {
			left = period
		}
		left = min(left, period)
	}
	if left > 0 {
		l.state, l.ends = breaking, now.Add(left)
	} else {
		l.state, l.ends = broken, now
	}
	return b.leaseReply(http.StatusAccepted).headers("x-ms-lease-time", strconv.Itoa(int((left+time.Second-1)/time.Second)))
}

func (b *blob) leaseReply(status int) *reply {
	return success(status).headers("ETag", b.etag, "Last-Modified", stamp(b.modified))
}

// mayUse says whether the lease lets a request read or write the blob. A write that
// it lets pass ends a lease that is over.
func (l *lease) mayUse(r *request, now time.Time) *reply {
	id := r.header.Get("x-ms-lease-id")
	st := l.at(now)
	writes := r.method != http.MethodGet && r.method != http.MethodHead
	precondition := func(code string) *reply { return failure(http.StatusPreconditionFailed, code) }
	switch {
	case st == available && id != "":
		return precondition("LeaseNotPresentWithBlobOperation")
	case (st == leased || st == breaking) && id == "" && writes:
		return precondition("LeaseIdMissing")
	case id != "" && id != l.id && st != available:
		return precondition("LeaseIdMismatchWithBlobOperation")
	case (st == expired || st == broken) && id != "":
		return precondition("LeaseLost")
	case (st == expired || st == broken) && writes:
		*l = lease{}
	}
	return nil
}

// pad writes a number with twelve digits.
func pad(n int) string {
	text := strconv.Itoa(n)
	return "000000000000"[:12-len(text)] + text
}
