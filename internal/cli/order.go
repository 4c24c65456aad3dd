package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
)

// order is a command by which a person takes control of one group. It shows what
// would happen, asks, and then does it through an ordinary tick.
type order struct {
	*global
	out   output
	group string
	note  string
	yes   bool
}

func (o *order) flags(cmd *cobra.Command) {
	o.out.flags(cmd)
	o.groupFlag(cmd, &o.group, "the group; needed if there are several")
	cmd.Flags().StringVar(&o.note, "note", "", "why, for the record")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask; needed where standard input is no terminal")
}

// wish makes an order for a group. active asks who is active now; it may be left
// alone.
type wish func(group appliance.Group, active func() (appliance.MemberName, error)) (decide.Order, error)

// give carries out a wish.
func (o *order) give(ctx context.Context, w wish) error {
	if err := o.out.check(); err != nil {
		return err
	}
	progress := &live{g: o.global, dry: true}
	a, _, err := o.open(progress.saw)
	if err != nil {
		return err
	}
	defer a.Close(ctx)
	progress.begin()
	defer progress.end()
	group, err := o.one(a)
	if err != nil {
		return err
	}
	want, err := w(group, func() (appliance.MemberName, error) {
		now := a.Tick(ctx, group.Name, controller.Request{DryRun: true})
		if now.Decided.IsZero() {
			return "", o.refused(now)
		}
		return now.Standing().Active, nil
	})
	if err != nil {
		return err
	}
	want.By, want.Note = operator(), o.note
	plan := a.Tick(ctx, group.Name, controller.Request{Order: &want, DryRun: true})
	progress.end()
	if plan.Decided.IsZero() || plan.Decision.Refused != "" {
		return o.refused(plan)
	}
	predict := func(r *controller.Report) time.Duration { return a.Predict(r, usualWrite) }
	if err := o.show(o.env.Stderr, output{}, view{page: journal.PagePlan, predict: predict}, []*controller.Report{plan}); err != nil {
		return err
	}
	ctx, stop, err := o.ask(ctx, o.yes, sentence(want))
	if err != nil {
		return err
	}
	defer stop()
	progress.dry = false
	progress.begin()
	done := []*controller.Report{a.Tick(ctx, group.Name, controller.Request{Order: &want})}
	progress.end()
	if err := o.show(o.env.Stdout, o.out, view{page: journal.PageTick}, done); err != nil {
		return err
	}
	return verdict(done)
}

// one returns the group that the order is for.
func (o *order) one(a *app.App) (appliance.Group, error) {
	chosen, err := choose(a, o.group)
	if err != nil {
		return appliance.Group{}, err
	}
	if len(chosen) > 1 {
		return appliance.Group{}, usagef("", "there are several groups: want --group %s", names(chosen))
	}
	c, _ := a.Controller(chosen[0]) // it was just listed
	return c.Group, nil
}

// refused ends a command whose dry run has failed.
func (o *order) refused(r *controller.Report) error {
	if o.out.form == "json" {
		if err := o.show(o.env.Stdout, o.out, view{}, []*controller.Report{r}); err != nil {
			return err
		}
	}
	return verdict([]*controller.Report{r})
}

// ask asks the person at the terminal, unless yes is said already. A read of a terminal
// cannot be cancelled, so until the answer SIGINT and SIGTERM end the process as usual:
// nothing is under way. The returned context is cancelled by them again.
func (g *global) ask(ctx context.Context, yes bool, question string) (context.Context, func(), error) {
	if yes {
		return ctx, func() {}, nil
	}
	if !terminal(g.env.Stdin) {
		return nil, nil, usagef("look at the plan above, then repeat it with --yes", "nobody can be asked, because standard input is no terminal: want --yes")
	}
	fmt.Fprintf(g.env.Stderr, "\n%s [y/N] ", question)
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	line, _ := bufio.NewReader(g.env.Stdin).ReadString('\n') // the end of the input is a no
	if word := strings.ToLower(strings.TrimSpace(line)); word != "y" && word != "yes" {
		return nil, nil, errors.New("not confirmed: nothing was changed")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	return ctx, stop, nil
}

// sentence says what is about to be done.
func sentence(want decide.Order) string {
	force := ""
	if want.Force {
		force = " EVEN IF IT IS NOT UP"
	}
	switch want.Kind {
	case decide.OrderSwitch:
		return fmt.Sprintf("Move traffic to %s%s?", want.To, force)
	case decide.OrderPin:
		return fmt.Sprintf("Pin traffic to %s%s?", want.To, force)
	case decide.OrderFreeze:
		return fmt.Sprintf("Write nothing for %s?", want.For)
	case decide.OrderThaw:
		return "Give the group back to automatic control?"
	default:
		panic("cli: order " + string(want.Kind))
	}
}

// operator names the person, for the record.
func operator() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "unknown"
	}
	return u.Username
}
