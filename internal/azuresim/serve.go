package azuresim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// shutdownTime is how long running requests may take to end when a server stops; those that a fault keeps waiting are cut.
const shutdownTime = time.Second

// Serve serves HTTPS (ARM, the token endpoints, the cloud's metadata, the control API) on ln until ctx ends, with the certificate of
// tlsDir, which is made when it is missing; clients must trust tlsDir/ca.pem. It closes ln. The end of ctx is no error.
func (s *Sim) Serve(ctx context.Context, ln net.Listener, tlsDir string) error {
	cert, err := Certificate(tlsDir)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	srv := s.server(s)
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return run(ctx, srv, func() error { return srv.ServeTLS(ln, "", "") })
}

// ServeIdentity serves the managed-identity endpoints over plain HTTP on ln until ctx ends; see IdentityHandler. It closes ln.
func (s *Sim) ServeIdentity(ctx context.Context, ln net.Listener) error {
	srv := s.server(s.IdentityHandler())
	return run(ctx, srv, func() error { return srv.Serve(ln) })
}

func (s *Sim) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// run serves until ctx ends and waits for the end.
func run(ctx context.Context, srv *http.Server, serve func() error) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		quiet, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		err := srv.Shutdown(quiet)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		stopped <- err
	})
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}
