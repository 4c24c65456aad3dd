package main

import (
	"slices"
	"time"
)

// The limits of Azure that bound a failover, as Microsoft documents them. They are
// written down here again, and not taken from hopguard or the simulator.
const (
	// ARM: writes of one principal to one subscription.
	armBurst, armEvery = 200, 100 * time.Millisecond
	// Microsoft.Network: writes to one subscription and region in a period.
	networkWrites, networkPeriod = 1000, 5 * time.Minute
)

// need is a table that must be written once, and from when on somebody can know that.
type need struct {
	subscription, region string
	from                 time.Duration
}

// armFloor is the least time until all writes are done if ARM's buckets were all that
// there is: each subscription's is full, and then gives a token every armEvery.
func armFloor(needs []need, write time.Duration) time.Duration {
	var last time.Duration
	for _, list := range bySubscription(needs) {
		slices.Sort(list)
		// A bucket is a queue: the n-th write comes no sooner than armEvery after the one
		// before it, but for armBurst of credit.
		full := list[0] // when the bucket would be full again
		for _, from := range list {
			at := max(from, full-(armBurst-1)*armEvery)
			full = max(full, at) + armEvery
			last = max(last, at+write)
		}
	}
	return last
}

// azureFloor is armFloor with the periods of Microsoft.Network, as far as they forbid
// anything: a region whose tables fill n periods begins the last of them n-1 periods
// after the first write.
func azureFloor(needs []need, write time.Duration) time.Duration {
	type place struct{ subscription, region string }
	count, first := map[place]int{}, map[place]time.Duration{}
	for _, n := range needs {
		p := place{n.subscription, n.region}
		if count[p] == 0 || n.from < first[p] {
			first[p] = n.from
		}
		count[p]++
	}
	floor := armFloor(needs, write)
	for p, n := range count {
		periods := (n - 1) / networkWrites
		rest := n - periods*networkWrites
		begins := first[p] + time.Duration(periods)*networkPeriod
		floor = max(floor, begins+time.Duration(max(0, rest-armBurst))*armEvery+write)
	}
	return floor
}

func bySubscription(needs []need) map[string][]time.Duration {
	out := map[string][]time.Duration{}
	for _, n := range needs {
		out[n.subscription] = append(out[n.subscription], n.from)
	}
	return out
}
