package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
)

// outageCase is one run: a world of which every second group loses its active member.
type outageCase struct {
	size

	// Check is the interval of the check of the data path.
	Check time.Duration `json:"check"`
	Seed  uint64        `json:"seed"`
}

// outageProfile is how fast Azure is: writes of two seconds.
func outageProfile() azuresim.Profile { return azuresim.ProfileDefault() }

// floor is the least that Azure needs for the case.
func (c outageCase) floor(write time.Duration) time.Duration { return azureFloor(c.needs(nil), write) }

// inMemory is the URL of a simulated Azure in the same process; the name can never exist.
const inMemory = "https://azuresim.invalid"

// outageWorld is what a run needs to know of its world.
type outageWorld struct {
	outageCase

	conf config.Config
	// doomed are the machines that die, and group the groups of the tables that must be
	// moved, by their lower-case ids.
	doomed []string
	group  map[string]int
	// dead says that they are, and silent are their addresses.
	dead   *atomic.Bool
	silent map[string]bool
}

// settled is how long hopguard runs before the failure.
const settled = 15 * time.Second

// dial is the data path: the simulated one is a lock that twenty thousand checks a
// second would hold most of the time.
func (w outageWorld) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if w.dead.Load() && w.silent[addr] {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	return connected(ctx, network, addr)
}

func newOutageWorld(c outageCase, folder string) (outageWorld, error) {
	w := outageWorld{outageCase: c, group: map[string]int{}, dead: new(atomic.Bool), silent: map[string]bool{}}
	one := c.size
	one.Groups = 1 // the others differ in their names only
	path := filepath.Join(folder, "hopguard.yaml")
	if err := os.WriteFile(path, []byte(one.configuration(inMemory, "", "memory", "")), 0o600); err != nil {
		return w, err
	}
	var err error
	if w.conf, err = config.Load(path, os.Getenv); err != nil {
		return w, err
	}
	first := w.conf.Groups[0]
	for i := range first.Checks {
		if k := &first.Checks[i]; k.Kind == config.KindTCP {
			k.Interval, k.Timeout, k.ConfirmInterval = c.Check, c.Check/4, c.Check/4
		}
	}
	w.conf.Groups = nil
	for g := range c.Groups {
		group := first
		group.Name, group.Routes.Tag.Value, group.Members = groupName(g), groupName(g), nil
		for member := range 2 {
			group.Members = append(group.Members, config.Member{Name: first.Members[member].Name, VM: config.ResourceID(c.machine(g, member).ID())})
		}
		// The last one by id is the one that matters.
		group.Routes.Critical = []config.Ref{config.Ref(c.table(g, c.Tables-1).Name)}
		w.conf.Groups = append(w.conf.Groups, group)
		if c.place(g, 0) != 0 {
			continue
		}
		w.doomed = append(w.doomed, c.machine(g, 0).ID())
		w.silent[net.JoinHostPort(c.address(g, 0).String(), "443")] = true
		for t := range c.Tables {
			w.group[strings.ToLower(c.table(g, t).ID())] = g
		}
	}
	return w, nil
}

// outageResult is what a run took. Times are since the failure unless they say
// otherwise.
type outageResult struct {
	outageCase
	// Moved are the tables that had to move.
	Moved int `json:"moved"`
	// First is when the first table was written, and Last when the last one agreed.
	First, Last time.Duration
	// ARM is the least that ARM's buckets allow, and Azure with the provider's limit too.
	ARM, Azure time.Duration
	// Known is the same as Azure, if a table can be written only from when its group was
	// found down.
	Known time.Duration
	// Down are when the first and the last group were found down.
	Down [2]time.Duration
	// Group is when the first, the median and the last group had all its tables right,
	// and Critical the same of the groups' critical tables.
	Group, Critical [3]time.Duration
	// Calls counts the requests from the failure on, by what they ask.
	Calls map[string]int
	// Refused counts what Azure refused, by what and how.
	Refused map[string]int
	// Again counts writes of a table that was written before.
	Again, Retries, Ticks, FailedTicks int
	Wrong                              int
	// Sim is the heap of the simulated Azure alone, and Heap that of both at its largest.
	Sim, Heap, Peak int64
	CPU             time.Duration
}

// runOutage plays one case; it must be called in a bubble of testing/synctest.
func runOutage(ctx context.Context, c outageCase, folder string, log func(format string, args ...any)) (outageResult, error) {
	r := outageResult{outageCase: c}
	profile := outageProfile()
	s, err := azuresim.New(c.cloud(), azuresim.Options{Seed: c.Seed, Profile: profile, CallLog: 1})
	if err != nil {
		return r, err
	}
	r.Sim = heap()
	log("simulated Azure: %d MiB", r.Sim>>20)
	w, err := newOutageWorld(c, folder)
	if err != nil {
		return r, err
	}
	watch := newOutageWatch(s.Transport(), profile.WriteTime)
	a, err := app.New(app.Options{
		Config: w.conf, Transport: watch, Dial: w.dial, Saw: watch.saw, Reported: watch.reported, Rand: rand.New(rand.NewPCG(c.Seed, 1)),
		Backoff: rand.New(rand.NewPCG(c.Seed, 2)),
	})
	if err != nil {
		return r, err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	var runErr error
	defer running.Wait()
	defer stop()
	running.Go(func() { runErr = a.Run(ctx) })
	time.Sleep(settled)
	r.Heap = heap()
	log("quiet: %d MiB, %s", r.Heap>>20, watch)
	watch.begin()
	began := time.Now()
	for _, vm := range w.doomed {
		if err := s.PowerOff(vm); err != nil {
			return r, err
		}
	}
	w.dead.Store(true)
	needs := w.needs(nil)
	r.Moved = len(needs)
	r.ARM, r.Azure = armFloor(needs, profile.WriteTime), azureFloor(needs, profile.WriteTime)
	limit := 3*r.Azure + 3*time.Minute
	for said := 0; watch.written() < r.Moved && time.Since(began) < limit; time.Sleep(100 * time.Millisecond) {
		if n := int(time.Since(began) / time.Minute); n > said {
			said = n
			r.Heap = max(r.Heap, heap())
			log("%v: %d MiB, %s", time.Since(began).Round(time.Second), r.Heap>>20, watch)
		}
	}
	time.Sleep(10 * time.Second)
	stop()
	running.Wait()
	r.take(w, watch, began)
	if r.CPU, r.Peak, err = used(); err != nil {
		return r, err
	}
	if err := r.judge(w, s); err != nil {
		return r, err
	}
	return r, runErr
}

// needs are the tables that must be written; from says when a group was found down.
func (c outageCase) needs(from map[int]time.Duration) []need {
	var list []need
	for g := range c.Groups {
		for t := range c.Tables {
			if table := c.table(g, t); c.place(g, 0) == 0 {
				list = append(list, need{subscription: table.Subscription, region: table.Location, from: from[g]})
			}
		}
	}
	return list
}

// take reads the times out of what was watched.
func (r *outageResult) take(w outageWorld, watch *outageWatch, began time.Time) {
	watch.mu.Lock()
	defer watch.mu.Unlock()
	r.Calls, r.Refused, r.Again, r.Retries = watch.calls, watch.refuse, watch.again, watch.retry
	r.Ticks, r.FailedTicks = watch.ticks, watch.failed
	r.First = watch.first.Sub(began)
	from := map[int]time.Duration{}
	var downs []time.Duration
	for name, at := range watch.down {
		var g int
		_, _ = fmt.Sscanf(string(name), "group-%d", &g)
		from[g] = at.Sub(began)
		downs = append(downs, from[g])
	}
	if len(downs) > 0 {
		r.Down = [2]time.Duration{slices.Min(downs), slices.Max(downs)}
	}
	r.Known = azureFloor(w.needs(from), watch.write)
	last, critical := map[int]time.Duration{}, map[int]time.Duration{}
	for id, at := range watch.wrote {
		g, ok := w.group[id]
		if !ok {
			continue
		}
		d := at.Sub(began)
		last[g] = max(last[g], d)
		r.Last = max(r.Last, d)
		if strings.HasSuffix(id, fmt.Sprintf("-%02d", w.Tables-1)) {
			critical[g] = d
		}
	}
	r.Group, r.Critical = spread(last), spread(critical)
}

func spread(m map[int]time.Duration) [3]time.Duration {
	var list []time.Duration
	for _, d := range m {
		list = append(list, d)
	}
	if len(list) == 0 {
		return [3]time.Duration{}
	}
	slices.Sort(list)
	return [3]time.Duration{list[0], list[len(list)/2], list[len(list)-1]}
}

// judge reads every table: all routes of the failing groups go to the other member, and
// nothing else has changed its.
func (r *outageResult) judge(w outageWorld, s *azuresim.Sim) error {
	for g := range w.Groups {
		want, other := w.address(g, 0).String(), w.address(g, 1).String()
		if w.place(g, 0) == 0 {
			want, other = other, want
		}
		for t := range w.Tables {
			raw, err := s.RouteTable(w.table(g, t).ID())
			if err != nil {
				return err
			}
			if bytes.Count(raw, []byte(`"`+want+`"`)) != w.Routes || bytes.Contains(raw, []byte(`"`+other+`"`)) || !bytes.Contains(raw, []byte(`"provisioningState":"Succeeded"`)) {
				r.Wrong++
			}
		}
	}
	return nil
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
