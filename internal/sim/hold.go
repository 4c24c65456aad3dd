package sim

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/app"
	"hopguard/internal/journal"
)

// hold serves the world to other programs, and lets hopguard watch it, until ctx
// ends.
func (s *show) hold(ctx context.Context) error {
	conf, err := s.cloud.configure(demoSetting)
	if err != nil {
		return err
	}
	conf.Store = s.records()
	line := journal.StartTimeline(s.screen, journal.TimelineOptions{Start: s.start, Color: s.Color})
	a, err := s.cloud.Connect(conf, app.Options{Saw: line.Saw})
	if err != nil {
		return errors.Join(err, line.Close())
	}
	all, ctx := errgroup.WithContext(ctx)
	told := make(chan struct{})
	all.Go(func() error {
		return s.cloud.Serve(ctx, ServeOptions{Listen: "127.0.0.1:0", IdentityListen: "127.0.0.1:0", Dir: s.Dir, Ready: func(served Served) error {
			s.heading("It goes on, until Ctrl-C")
			s.say("In another terminal:\n\n  . %[1]s\n  %[2]s status --why\n  %[2]s sim ctl start %[3]s\n  %[2]s failback\n", served.Env, s.Program, s.from)
			close(told)
			return nil
		}})
	})
	all.Go(func() error {
		select {
		case <-told:
			return a.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	return errors.Join(all.Wait(), line.Close())
}
