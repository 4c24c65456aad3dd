package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/netlab"
	"hopguard/internal/outage"
)

// failure is a way to fail. What it does to packets and what the simulated Azure says of
// it are two things, as in life: only a machine that is off is seen by its power state.
type failure struct {
	mode outage.Mode
	// begin makes it happen; all of it ends with Lab.mend.
	begin func(context.Context, *Lab) error
	// lasts is how long it goes on by itself; traffic that has to stay is watched that long.
	lasts time.Duration
	// lost says why no controller of routes can save a flow; nil saves all.
	lost func(f flow) bool
	// extra is how much longer than usual ARM takes for a write that wants to begin so long after the failure.
	extra func(bound time.Duration) time.Duration
}

// What the failures do, where a number has to be chosen.
const (
	lossOfLink    = 0.3
	delayOfLink   = 300 * time.Millisecond
	outageOfARM   = 5 * time.Second
	throttleOfARM = 2 * time.Second
	// pauseOfTries is the longest pause between two tries of a controller that may ask Azure about once a
	// second: nobody knows sooner that Azure is back.
	pauseOfTries    = 1200 * time.Millisecond
	blindness       = 8 * time.Second
	flapPeriod      = 2 * time.Second
	flaps           = 4
	throttledWrites = tables
)

// failures are all of them, in the order of a report.
func failures() []failure {
	inbound := func(f flow) bool { return !f.outbound }
	return []failure{
		{mode: outage.Mode{Name: "power-off", Title: "the active appliance is switched off", Moves: true}, begin: powerOff},
		{mode: outage.Mode{Name: "panic", Title: "its kernel panics; its power state is still running", Moves: true}, begin: kernelPanic},
		// Its tunnel is alive, so the branch goes on sending into it.
		{mode: outage.Mode{Name: "guest-hang", Title: "it stops forwarding; its ports and its tunnel answer", Moves: true}, begin: guestHang, lost: inbound},
		{mode: outage.Mode{Name: "tunnel-cut", Title: "its Internet is cut: no tunnel to the branch", Moves: true}, begin: tunnelCut},
		{mode: outage.Mode{Name: "loss", Title: "it loses 30 % of the packets that reach it", Moves: true}, begin: impaired(netlab.Impairment{Loss: lossOfLink}), lost: inbound},
		{mode: outage.Mode{Name: "delay", Title: "packets reach it 300 ms later", Moves: true}, begin: impaired(netlab.Impairment{Delay: delayOfLink}), lost: inbound},
		{mode: outage.Mode{Name: "region-cut", Title: "its region is cut off from the other one and from the Internet", Moves: true}, begin: regionCut,
			lost: func(f flow) bool { return f.region == regionA }},
		{mode: outage.Mode{Name: "arm-outage", Title: "it is switched off while Azure Resource Manager answers 503 for 5 s", Moves: true}, begin: withARM(azuresim.Fault{Kind: azuresim.Fault503, Duration: outageOfARM}),
			extra: func(bound time.Duration) time.Duration { return max(0, outageOfARM+pauseOfTries-bound) }},
		{mode: outage.Mode{Name: "arm-throttle", Title: "it is switched off, and each table's first write is answered 429, Retry-After 2", Moves: true}, begin: withARM(throttle()),
			extra: func(time.Duration) time.Duration { return throttleOfARM }},
		{mode: outage.Mode{Name: "observer-cut", Title: "the controller's own network is cut for 8 s; both appliances are well"}, begin: observerCut, lasts: blindness},
		{mode: outage.Mode{Name: "flapping", Title: "it is off for 2 s and on for 2 s, four times", Moves: true}, begin: flapping, lasts: 2 * flaps * flapPeriod, lost: inbound},
		{mode: outage.Mode{Name: planned, Title: "both are well, and a person orders the switch", Moves: true}},
	}
}

// planned is the mode in which nothing fails.
const planned = "planned"

// Modes are the ways to fail that a lab knows.
func Modes() []outage.Mode {
	var list []outage.Mode
	for _, f := range failures() {
		list = append(list, f.mode)
	}
	return list
}

// failureOf finds a failure by its name.
func failureOf(name string) (failure, error) {
	var names []string
	for _, f := range failures() {
		if f.mode.Name == name {
			return f, nil
		}
		names = append(names, f.mode.Name)
	}
	return failure{}, fmt.Errorf("mode %q: want one of %s", name, strings.Join(names, ", "))
}

func throttle() azuresim.Fault {
	return azuresim.Fault{
		Kind: azuresim.FaultNetwork429, Method: "PUT", Type: "Microsoft.Network/routeTables", Count: throttledWrites,
		Params: map[string]string{"retryAfter": fmt.Sprint(int(throttleOfARM.Seconds()))},
	}
}

// dead takes the machine's packets away: none reaches it, and it forwards nothing.
func dead(g *guest) error {
	g.impair(netlab.Impairment{Cut: true})
	return g.forward(false)
}

func powerOff(_ context.Context, l *Lab) error {
	return errors.Join(dead(l.guests[vmxA]), l.cloud.Load().PowerOff(vmxA))
}

func powerOn(l *Lab) error {
	l.guests[vmxA].impair(netlab.Impairment{})
	return errors.Join(l.guests[vmxA].forward(true), l.cloud.Load().PowerOn(vmxA))
}

func kernelPanic(_ context.Context, l *Lab) error {
	return errors.Join(dead(l.guests[vmxA]), l.cloud.Load().Panic(vmxA))
}

func guestHang(_ context.Context, l *Lab) error {
	return errors.Join(l.guests[vmxA].forward(false), l.cloud.Load().SetForwarding(vmxA, false))
}

func tunnelCut(_ context.Context, l *Lab) error {
	l.guests[vmxA].uplink(false)
	return l.cloud.Load().SetTunnel(vmxA, false)
}

func impaired(i netlab.Impairment) func(context.Context, *Lab) error {
	return func(_ context.Context, l *Lab) error {
		l.guests[vmxA].impair(i)
		return l.cloud.Load().SetLink(vmxA, azuresim.Link{Loss: i.Loss, Delay: i.Delay})
	}
}

func regionCut(ctx context.Context, l *Lab) error {
	l.fabric.border(false)
	return tunnelCut(ctx, l)
}

func withARM(f azuresim.Fault) func(context.Context, *Lab) error {
	return func(ctx context.Context, l *Lab) error {
		if _, err := l.cloud.Load().Inject(f); err != nil {
			return err
		}
		return powerOff(ctx, l)
	}
}

func observerCut(ctx context.Context, l *Lab) error {
	e := l.hosts[observer]
	l.fabric.reach(e, false)
	if !sleep(ctx, blindness) {
		return ctx.Err()
	}
	l.fabric.reach(e, true)
	return nil
}

func flapping(ctx context.Context, l *Lab) error {
	for range flaps {
		if err := powerOff(ctx, l); err != nil {
			return err
		}
		if !sleep(ctx, flapPeriod) {
			return ctx.Err()
		}
		if err := powerOn(l); err != nil {
			return err
		}
		if !sleep(ctx, flapPeriod) {
			return ctx.Err()
		}
	}
	return nil
}

// mend ends whatever failure there is.
func (l *Lab) mend() error {
	var errs []error
	l.fabric.border(true)
	l.fabric.reach(l.hosts[observer], true)
	for _, g := range l.guests {
		g.impair(netlab.Impairment{})
		g.uplink(true)
		errs = append(errs, g.forward(true))
	}
	return errors.Join(errs...)
}

// border cuts the regions off from each other, or joins them again.
func (f *fabric) border(open bool) {
	for _, e := range f.all {
		if e.far != nil {
			e.far.Set(netlab.Impairment{Delay: f.o.Regions, Cut: !open})
		}
	}
}

// reach cuts an endpoint off from everything, or lets it back.
func (f *fabric) reach(e *endpoint, on bool) {
	e.near.Set(netlab.Impairment{Cut: !on})
	e.far.Set(netlab.Impairment{Delay: f.o.Regions, Cut: !on})
}

// sleep waits; it is false when ctx has ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
