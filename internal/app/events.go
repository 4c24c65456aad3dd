package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/config"
	"hopguard/internal/events"
)

// secretEvery is how often the secrets of event sources are read again, and
// secretRetry how soon after one could not be.
const secretEvery, secretRetry = 5 * time.Minute, 30 * time.Second

// listener takes events of senders that it believes.
type listener struct {
	handler *events.Handler
	sources []*source
}

// source is one sender, whose secret answers from memory.
type source struct {
	name   events.Source
	read   func(context.Context) (config.Secret, error)
	secret atomic.Pointer[events.Secret]
}

// newListener returns nil if nobody is believed. A secret that is in the environment
// or a file must be there now; one in a vault is read by keep.
func (a *App) newListener(o Options, vault config.Vault) (*listener, error) {
	if !o.Config.Events.Enabled() {
		return nil, nil
	}
	l := &listener{}
	options := events.Options{Now: o.Now, Nudge: func(e events.Event) {
		o.Logger.Info("event", "source", string(e.Source), "kind", e.Kind, "subjects", e.Subjects, "id", e.ID)
		a.Nudge()
	}}
	var missing []error
	for _, s := range []struct {
		name events.Source
		from config.EventSource
		to   *func() events.Secret
	}{
		{events.Meraki, o.Config.Events.Meraki, &options.Meraki},
		{events.AzureMonitor, o.Config.Events.AzureMonitor, &options.AzureMonitor},
		{events.EventGrid, o.Config.Events.EventGrid, &options.EventGrid},
	} {
		if !s.from.Enabled() {
			continue
		}
		src := &source{name: s.name, read: func(ctx context.Context) (config.Secret, error) { return s.from.LoadSecret(ctx, o.Getenv, vault) }}
		*s.to = src.get
		l.sources = append(l.sources, src)
		if s.from.SecretVault == "" {
			secret, err := s.from.ReadSecret(o.Getenv)
			missing = append(missing, src.take(secret, err))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	var err error
	l.handler, err = events.New(options)
	return l, err
}

// get returns the newest secret; "" while it is not known.
func (s *source) get() events.Secret {
	if secret := s.secret.Load(); secret != nil {
		return *secret
	}
	return ""
}

// renew reads the secret. While it cannot be read, the old one stays.
func (s *source) renew(ctx context.Context) error {
	return s.take(s.read(ctx))
}

// take uses a secret from now on, if it was read.
func (s *source) take(secret config.Secret, err error) error {
	if err != nil {
		return errors.Join(errors.New("events from "+string(s.name)), err)
	}
	s.secret.Store(new(events.Secret(secret.Reveal())))
	return nil
}

// keep reads the secrets again and again until ctx ends.
func (l *listener) keep(ctx context.Context, log *slog.Logger) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, s := range l.sources {
		all.Go(func() error {
			for {
				wait := secretEvery
				if err := s.renew(ctx); err != nil && ctx.Err() == nil {
					wait = secretRetry
					log.WarnContext(ctx, "secret not read", "err", err)
				}
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(wait):
				}
			}
		})
	}
	return all.Wait()
}

// handlerOf returns the handler of a listener's paths, or nil.
func (l *listener) handlerOf() http.Handler {
	if l == nil {
		return nil
	}
	return l.handler
}
