package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/contender"
)

// Stage is a lab that a person plays with: a controller, traffic, and orders.
type Stage struct {
	Options Options
	// Setting is the controller's.
	Setting string
	// Plan names other programs that Setting may be.
	Plan Plan
	// Orders are read line by line; at their end the lab closes.
	Orders io.Reader
	// Out gets what happens.
	Out io.Writer
	// Capture is a folder for packets; "" keeps none.
	Capture string
}

// Words says what orders there are, for help texts.
func Words() string {
	var modes []string
	for _, m := range Modes() {
		if m.Name != planned {
			modes = append(modes, m.Name)
		}
	}
	return strings.Join(modes, ", ") + `: let vmx-a fail
mend: everything is well again
switch MEMBER: order a planned switch
wait DURATION: do nothing for a while
status: what has been lost so far
quit: end`
}

// Run opens the lab and obeys until the orders end or ctx does. An order that means
// nothing is said so and changes nothing.
func (s Stage) Run(ctx context.Context) (err error) {
	all, err := s.Plan.contenders()
	if err != nil {
		return err
	}
	var who *contender.Contender
	for i := range all {
		if all[i].Setting.Name == s.Setting {
			who = &all[i]
		}
	}
	if who == nil {
		return fmt.Errorf("setting %q: there is none of that name", s.Setting)
	}
	l, err := Open(ctx, s.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	p := &play{stage: s, lab: l}
	p.say("the lab is open: `ip netns` lists its hosts; starting %s", who.Setting.Title)
	if p.session, err = l.begin(ctx, Trial{Contender: *who, Mode: "stage", Number: 1, Seed: 1, Capture: s.Capture}, failure{}); err != nil {
		return errors.Join(err, p.session.end())
	}
	defer func() { err = errors.Join(err, p.session.end()) }()
	p.say("steady; packets flow each millisecond, both ways, between three workloads and the branch")
	following, stop := context.WithCancel(ctx)
	defer stop()
	p.session.following.Go(func() { p.follow(following) })
	return p.obey(ctx)
}

// play is a stage with its session.
type play struct {
	stage   Stage
	lab     *Lab
	session *session
}

func (p *play) say(format string, args ...any) {
	fmt.Fprintf(p.stage.Out, "%s  %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// follow tells of each move of the routes.
func (p *play) follow(ctx context.Context) {
	told := 0
	for {
		moves, next, _ := p.session.watch.seen()
		for ; told < len(moves); told++ {
			m := moves[told]
			p.say("all routes lead to %s: accepted %s, succeeded %s, effective now", p.lab.fabric.find(m.to).name,
				m.accepted.Format("15:04:05.000"), m.succeeded.Format("15:04:05.000"))
		}
		select {
		case <-ctx.Done():
			return
		case <-next:
		case <-p.session.running.Ended():
			p.say("the controller has ended")
			return
		}
	}
}

// obey reads orders. A goroutine that waits for a terminal cannot be woken, so the reader
// is asked in one that is left behind when ctx ends; the process ends with it.
func (p *play) obey(ctx context.Context) error {
	lines, failed := make(chan string), make(chan error, 1)
	var reader sync.WaitGroup // nobody waits: see above
	reader.Go(func() {
		defer close(lines)
		scan := bufio.NewScanner(p.stage.Orders)
		for scan.Scan() {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
		failed <- scan.Err()
	})
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more {
				select {
				case err := <-failed:
					return err
				default:
					return nil
				}
			}
			if quit := p.order(ctx, line); quit {
				return nil
			}
		}
	}
}

// order does one thing.
func (p *play) order(ctx context.Context, line string) (quit bool) {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	if len(words) == 0 {
		return false
	}
	var err error
	switch verb, args := words[0], words[1:]; {
	case verb == "quit" && len(args) == 0:
		return true
	case verb == "status" && len(args) == 0:
		p.status()
		return false
	case verb == "mend" && len(args) == 0:
		err = errors.Join(p.lab.mend(), p.lab.mendCloud())
	case verb == "wait" && len(args) == 1:
		var d time.Duration
		if d, err = time.ParseDuration(args[0]); err == nil {
			sleep(ctx, d)
		}
	case verb == "switch" && len(args) == 1:
		p.mark()
		err = p.session.running.Switch(ctx, args[0])
	case verb != planned && len(args) == 0:
		var f failure
		if f, err = failureOf(verb); err == nil {
			p.mark()
			err = f.begin(ctx, p.lab)
		}
	default:
		err = errors.New("no such order; there are:\n" + Words())
	}
	if err != nil {
		p.say("%s: %v", line, err)
		return false
	}
	p.say("done: %s", strings.Join(words, " "))
	return false
}

// mark makes losses count from now on.
func (p *play) mark() { p.session.meter.Mark(time.Now()) }

// status tells what was lost since the last failure began.
func (p *play) status() {
	r := p.session.meter.Result()
	for _, f := range r.Flows {
		text := "nothing lost"
		if f.Lost > 0 {
			text = fmt.Sprintf("out for %s, %d of %d packets lost", f.Outage, f.Lost, f.Sent)
		}
		if f.Open {
			text += ", and still"
		}
		p.say("%-18s %s; delay %s, at worst %s", f.Name, text, f.Delay, f.Worst)
	}
	for _, t := range r.Streams {
		p.say("%-18s long connection: %s, longest silence %s", t.Name, map[bool]string{true: "alive", false: "dead"}[t.Survived], t.Stall)
	}
	for _, c := range r.Connects {
		p.say("%-18s new connections: %d of %d failed, the slowest took %s", c.Name, c.Failed, c.Tried, c.Slowest)
	}
}

// mendCloud makes the simulated Azure say that all is well.
func (l *Lab) mendCloud() error {
	s := l.cloud.Load()
	s.ClearFaults()
	errs := []error{s.PowerOn(vmxA), s.SetForwarding(vmxA, true), s.SetTunnel(vmxA, true)}
	for _, m := range s.Machines() {
		if m.Name == vmxA && m.Panicked {
			errs = append(errs, s.Reboot(vmxA, 0))
		}
	}
	return errors.Join(append(errs, s.SetLink(vmxA, azuresim.Link{}))...)
}
