package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/contender"
	"hopguard/internal/netlab"
	"hopguard/internal/outage"
)

// Trial says what is tried.
type Trial struct {
	Contender contender.Contender
	// Mode is the name of one of [Modes].
	Mode   string
	Number int
	Seed   uint64
	// Patience is how long a setting that promises nothing for this mode is watched; then it is said not to have moved. Zero is 20 s
	// more than its bound.
	Patience time.Duration
	// Capture is a folder for the packets at the appliances and at the first workload, in the format of pcap; "" keeps none.
	Capture string
}

const (
	// readiness bounds the start of a controller.
	readiness = 90 * time.Second
	// steadiness is how long everything has to flow before a failure, and after the recovery.
	steadiness = 300 * time.Millisecond
	// grace is added to what a setting promises, before it is said not to have moved.
	grace = 20 * time.Second
)

// Run makes one trial: a new Azure, a new controller, traffic, a failure at a moment that
// follows from the seed, and what it cost. What goes wrong in the trial is in its Trouble; the error
// says that the lab itself does not work.
func (l *Lab) Run(ctx context.Context, t Trial) (result outage.Trial, err error) {
	f, err := failureOf(t.Mode)
	if err != nil {
		return outage.Trial{}, err
	}
	result = outage.Trial{Setting: t.Contender.Setting.Name, Mode: t.Mode, Number: t.Number, Seed: t.Seed}
	s, err := l.begin(ctx, t, f)
	if err != nil {
		return result, errors.Join(fmt.Errorf("begin the trial: %w", err), s.end())
	}
	trouble, err := s.play(ctx)
	if stopped := s.end(); stopped != nil {
		trouble = append(trouble, stopped.Error())
	}
	if err != nil {
		return result, err
	}
	s.report(&result)
	result.Trouble = append(result.Trouble, trouble...)
	return result, nil
}

// session is one trial that is under way.
type session struct {
	lab     *Lab
	t       Trial
	failure failure
	rand    *rand.Rand
	dir     string

	meter   *meter
	watch   *watch
	running *contender.Running
	before  string // what nobody may change
	failed  time.Time
	moments contender.Moments

	stop      context.CancelFunc
	following sync.WaitGroup
	captures  []func() error
}

// begin makes a new Azure, starts the traffic and the controller, and waits until all is steady.
func (l *Lab) begin(ctx context.Context, t Trial, f failure) (*session, error) {
	s := &session{lab: l, t: t, failure: f, rand: rand.New(rand.NewPCG(t.Seed, uint64(t.Number)))}
	follow, stop := context.WithCancel(ctx)
	s.stop = stop
	if err := errors.Join(l.mend(), l.renew(world(), t.Seed)); err != nil {
		return s, err
	}
	var err error
	if s.before, err = untouched(l.cloud.Load()); err != nil {
		return s, err
	}
	s.watch = newWatch(l)
	sim := l.cloud.Load()
	s.following.Go(func() { sim.Follow(follow, s.watch.look) })
	if s.dir, err = l.folder(fmt.Sprintf("%s-%s-%d", t.Contender.Setting.Name, t.Mode, t.Number)); err != nil {
		return s, err
	}
	if err := s.capture(); err != nil {
		return s, err
	}
	ready, cancel := context.WithTimeout(ctx, readiness)
	defer cancel()
	if s.running, err = t.Contender.Start(ready, l.place(s.dir, t.Contender)); err != nil {
		return s, err
	}
	if err := s.running.Ready(ready); err != nil {
		return s, fmt.Errorf("%s is not steady: %w", t.Contender.Setting.Name, err)
	}
	for !l.branch.settled() {
		if !sleep(ready, keepalive) {
			return s, errors.New("the branch has not returned to its first tunnel")
		}
	}
	if s.meter, err = l.newMeter(ctx, f); err != nil {
		return s, err
	}
	if err := s.meter.Wait(ready, time.Now(), steadiness); err != nil {
		return s, fmt.Errorf("traffic does not flow before the failure: %w", err)
	}
	return s, nil
}

// place is where a controller runs: the management network. hopguard has the rights that
// it needs and no others; of another program nobody knows them, so it has all.
func (l *Lab) place(dir string, c contender.Contender) contender.Place {
	sim, w := l.cloud.Load(), world()
	who := w.Principals[0]
	if c.Setting.Bound == 0 {
		who = w.Principals[slices.IndexFunc(w.Principals, func(p azuresim.Principal) bool { return p.Name == "owner" })]
	}
	host := l.hosts[observer].host
	names := map[string]netip.Addr{}
	for _, n := range cloudNames() {
		names[n] = netip.MustParseAddr(cloudAddr)
	}
	p := contender.Place{
		Program: l.o.Program, Dir: dir, Dial: host.DialContext,
		Start:    func(cmd *exec.Cmd) error { return host.Start(cmd, netlab.Start{Hosts: names}) },
		Endpoint: "https://" + cloudAddr, CA: l.caFile(),
		Tenant: w.Tenant, Subscription: w.Subscriptions[0].ID, ClientID: who.AppID, Secret: who.ClientSecret,
		Listen: netip.MustParseAddrPort(apiAddr), Group: "emea", Witness: []string{"tcp://" + witnessTarget},
		Calls: func() int { return len(sim.Calls()) }, Log: io.Discard,
	}
	p.Tag.Name, p.Tag.Value = "nva_ha_udr", "emea"
	for i, m := range w.VirtualMachines[:2] {
		through := netip.MustParseAddr([]string{throughA, throughB}[i])
		p.Members = append(p.Members, contender.Member{
			Name: m.Name, VM: m.ID(), Address: l.hosts[m.Name].addr(), Through: netip.AddrPortFrom(through, 443), Ping: through,
		})
	}
	return p
}

// capture writes the packets at both appliances and at the first workload into files.
func (s *session) capture() error {
	if s.t.Capture == "" {
		return nil
	}
	for _, name := range []string{vmxA, vmxB, "app-1"} {
		file, err := os.Create(filepath.Join(s.t.Capture, fmt.Sprintf("%s-%s-%d-%s.pcap", s.t.Contender.Setting.Name, s.t.Mode, s.t.Number, name)))
		if err != nil {
			return err
		}
		stop, err := s.lab.hosts[name].host.Capture("eth0", file)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		s.captures = append(s.captures, func() error { return errors.Join(stop(), file.Close()) })
	}
	return nil
}

// play lets it fail and waits until traffic is back, or patience is over.
func (s *session) play(ctx context.Context) (trouble []string, err error) {
	if !sleep(ctx, time.Duration(s.rand.Int64N(int64(s.t.Contender.Cycle())))) {
		return nil, ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	if moves, _, _ := s.watch.seen(); len(moves) > 0 {
		trouble = append(trouble, "traffic had been moved before the failure")
	}
	s.failed = time.Now()
	s.meter.Mark(s.failed)
	var failing sync.WaitGroup
	var began error
	failing.Go(func() {
		if s.failure.mode.Name == planned {
			began = s.running.Switch(limited, vmxB)
			return
		}
		began = s.failure.begin(limited, s.lab)
	})
	if s.failure.mode.Moves {
		trouble = append(trouble, s.recovery(limited)...)
	}
	failing.Wait()
	if began != nil {
		trouble = append(trouble, "the failure: "+began.Error())
	}
	if rest := s.failure.lasts - time.Since(s.failed); rest > 0 && !sleep(ctx, rest) {
		return trouble, ctx.Err()
	}
	if !sleep(ctx, settling) {
		return trouble, ctx.Err()
	}
	return append(trouble, s.judge(ctx)...), nil
}

// settling lets the last packets arrive.
const settling = time.Second

// recovery waits until all routes have moved, and then until everything flows that can.
func (s *session) recovery(ctx context.Context) (trouble []string) {
	for {
		moves, next, _ := s.watch.seen() // an error of the fabric is judged in the end
		if len(moves) > 0 {
			if err := s.meter.Wait(ctx, moves[0].effective, steadiness); err != nil && s.failure.lasts == 0 {
				return []string{"routes have moved, and traffic does not flow: " + err.Error()}
			}
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil // it has not moved: the report says so
		case <-s.running.Ended():
			return []string{"the controller has ended by itself"}
		}
	}
}

// patience is how long to wait for a recovery.
func (s *session) patience() time.Duration {
	bound := s.t.Contender.Setting.Bound.Duration()
	if s.t.Patience > 0 && !s.sees() {
		return s.t.Patience
	}
	cloud := s.lab.profile.RequestLatency + tables*(s.lab.profile.WriteTime+throttleOfARM) + s.lab.profile.FabricDelay + outageOfARM
	return bound + cloud + s.lab.o.Branch + s.failure.lasts + grace
}

func (s *session) sees() bool {
	return slices.Contains(s.t.Contender.Setting.Sees, s.failure.mode.Name)
}

// judge looks whether the simulated Azure is as it has to be: all managed tables agree, and nothing else has changed.
func (s *session) judge(ctx context.Context) (trouble []string) {
	sim := s.lab.cloud.Load()
	moments, err := s.running.Moments(ctx, s.failed)
	if err != nil && !errors.Is(err, contender.ErrUnsupported) {
		trouble = append(trouble, "the controller does not tell when it decided: "+err.Error())
	}
	s.moments = moments
	if _, _, err := s.watch.seen(); err != nil {
		trouble = append(trouble, "the fabric: "+err.Error())
	}
	after, err := untouched(sim)
	if err != nil {
		return append(trouble, err.Error())
	}
	if after != s.before {
		trouble = append(trouble, "something has changed that no controller may change")
	}
	for _, g := range s.lab.guests {
		if s.agree(g) {
			return trouble
		}
	}
	return append(trouble, "the managed tables do not agree")
}

// agree reports whether all managed tables lead to an appliance.
func (s *session) agree(g *guest) bool {
	for _, id := range s.watch.tables() {
		if wanted, state := s.watch.state(id, g.addr()); !wanted || state != "Succeeded" {
			return false
		}
	}
	return true
}

// end stops the controller and the traffic and mends what failed. It works after half a beginning, too.
func (s *session) end() error {
	var errs []error
	if s.running != nil {
		errs = append(errs, s.running.Stop())
	}
	if s.meter != nil {
		s.meter.stop()
	}
	s.stop()
	s.following.Wait()
	for _, stop := range s.captures {
		errs = append(errs, stop())
	}
	return errors.Join(append(errs, s.lab.mend())...)
}

// report fills in what was measured.
func (s *session) report(r *outage.Trial) {
	counted := s.meter.result
	r.Failed, r.Flows, r.Streams, r.Connects, r.Trouble = s.failed, counted.Flows, counted.Streams, counted.Connects, counted.Trouble
	if s.failure.extra != nil {
		r.Extra = outage.Seconds(s.failure.extra(s.t.Contender.Setting.Bound.Duration()))
	}
	moves, _, _ := s.watch.seen()
	r.Moves = len(moves)
	at := func(t time.Time) *outage.Seconds {
		if t.IsZero() || t.Before(s.failed) {
			return nil
		}
		return new(outage.Seconds(t.Sub(s.failed)))
	}
	r.Line = outage.Line{Detected: at(s.moments.Detected), Decided: at(s.moments.Decided)}
	if len(moves) > 0 {
		r.Line.Accepted, r.Line.Succeeded, r.Line.Effective = at(moves[0].accepted), at(moves[0].succeeded), at(moves[0].effective)
	}
	if worst, ok := r.Worst(true); ok && worst.FirstLost != nil {
		r.Line.FirstLoss = worst.FirstLost
		if !worst.Open {
			r.Line.Through = new(*worst.FirstLost + worst.Outage)
		}
	}
}
