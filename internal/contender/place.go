package contender

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// complete returns a place whose paths do not depend on the working directory, if nothing is
// wrong with it.
func (p Place) complete() (Place, error) {
	if err := p.check(); err != nil {
		return p, err
	}
	for _, path := range []*string{&p.Dir, &p.CA, &p.Program} {
		if *path == "" {
			continue // a Command needs no program
		}
		whole, err := filepath.Abs(*path)
		if err != nil {
			return p, fmt.Errorf("place: %w", err)
		}
		*path = whole
	}
	return p, nil
}

// check finds what is wrong with a place.
func (p Place) check() error {
	var errs []error
	want := func(ok bool, field string, value any, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("place: %s is %v: want %s", field, value, what))
		}
	}
	info, err := os.Stat(p.Dir)
	want(err == nil && info.IsDir(), "Dir", fmt.Sprintf("%q", p.Dir), "a folder")
	want(p.Start != nil, "Start", "nil", "a function")
	want(p.Dial != nil, "Dial", "nil", "a function")
	at, err := url.Parse(p.Endpoint)
	want(err == nil && at.Scheme == "https" && at.Host != "", "Endpoint", fmt.Sprintf("%q", p.Endpoint), "an https URL")
	_, err = os.Stat(p.CA)
	want(err == nil, "CA", fmt.Sprintf("%q", p.CA), "a PEM file")
	want(p.Secret != "", "Secret", "empty", "a client secret")
	want(p.Listen.IsValid(), "Listen", p.Listen, "an address and a port")
	want(len(p.Members) == 2, "Members", len(p.Members), "two members")
	for i, m := range p.Members {
		at := fmt.Sprintf("Members[%d]", i)
		want(m.Name != "" && m.VM != "", at, fmt.Sprintf("%q, VM %q", m.Name, m.VM), "a name and the id of a machine")
		want(m.Address.IsValid(), at+".Address", m.Address, "its next hop")
		want(m.Through.IsValid(), at+".Through", m.Through, "an address and a port behind it")
		want(m.Ping.IsValid(), at+".Ping", m.Ping, "an address behind it")
	}
	return errors.Join(errs...)
}

// environment is the least that a program needs.
func (p Place) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.Dir}
}

// client asks what listens at the place. It keeps no connections: the place may end.
func (p Place) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: p.Dial, DisableKeepAlives: true}}
}

// pollEvery is the time between two looks at what does not tell by itself.
const pollEvery = 100 * time.Millisecond

// until waits until look says so. It fails if look does, if ended is closed, or if ctx
// ends; then the error has what look last saw.
func until(ctx context.Context, ended <-chan struct{}, gone func() error, look func() (done bool, seen string, err error)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		done, seen, err := look()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last seen: %s", context.Cause(ctx), seen)
		case <-ended:
			return gone()
		case <-ticker.C:
		}
	}
}
