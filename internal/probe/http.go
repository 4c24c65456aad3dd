package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"hopguard/internal/appliance"
)

const (
	// addressMark in HTTP.URL stands for the member's address.
	addressMark = "{address}"
	maxHeader   = 64 << 10
	maxBody     = 64 << 10
)

// HTTP gets a page of the member over HTTP/1.1, on a connection of its own. It
// follows no redirect, uses no proxy, and compares the whole answer: one that
// breaks off or stalls is a fail, whatever its status was.
type HTTP struct {
	// Targets are URLs by member. As with TCP, one behind the member proves more
	// than one on it.
	Targets map[appliance.MemberName]string
	// URL is asked of a member without a target, with "{address}" in it replaced
	// by the member's next-hop address.
	URL string
	// Port is asked for "/" over plain HTTP on the next-hop address, if the member
	// has no target and URL is empty.
	Port uint16
	// Address is needed for members without a target.
	Address AddressFunc
	// Status are the codes that pass; empty is 200 alone.
	Status []int
	// Body must occur in the first 64 KiB of the answer; empty is any body.
	Body string
	// ServerName is expected in the certificate; empty is the URL's host.
	ServerName string
	// CAFile holds PEM certificates to trust instead of the system's. It is read
	// for each question, so that a renewed file counts at once.
	CAFile string
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
	// From is where a plain dialer connects from.
	From From
	// Dial opens the connection; nil is a plain dialer.
	Dial DialFunc
}

// Ask passes when the answer has one of the codes and the body. A wrong answer,
// none, a broken one and a certificate that does not fit are fails; what goes
// wrong on the observer's side is unknown.
func (h HTTP) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	u, why := h.target(m.Name)
	if why != "" {
		return appliance.Unknown, why
	}
	outcome, evidence := h.get(ctx, u)
	return outcome, "GET " + shown(u) + h.From.String() + ": " + evidence
}

// get asks in three steps, so that the evidence tells how far it came. The
// request is written and read here, and not by an http.Client, because a client's
// dials and handshakes may go on after it has returned.
func (h HTTP) get(ctx context.Context, u *url.URL) (appliance.Outcome, string) {
	config, err := h.tls(u)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("no time was left: %w", context.Cause(ctx))
	}
	if err != nil {
		return appliance.Unknown, "not asked: " + err.Error()
	}
	raw, err := h.Dial.or(h.From)(ctx, "tcp", hostPort(u))
	if err != nil {
		return weigh(ctx, err)
	}
	defer func() { _ = raw.Close() }() // also of TLS: its own Close may wait for a peer that hangs
	conn := raw
	if u.Scheme == "https" {
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			outcome, evidence := weighTalk(ctx, err)
			return outcome, "TLS: " + evidence
		}
		conn = secure
	}
	defer closeAtEnd(ctx, raw)()
	answer, body, err := talk(ctx, conn, u)
	if err != nil {
		outcome, evidence := weighTalk(ctx, err)
		return outcome, "connected, but: " + evidence
	}
	return h.judge(answer, body)
}

// closeAtEnd closes the connection when ctx ends, so that reads and writes return.
// The returned function calls that off, and waits if it is already happening.
func closeAtEnd(ctx context.Context, conn net.Conn) func() {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = conn.Close()
	})
	return func() {
		if !stop() {
			<-closed
		}
	}
}

// talk writes one request and reads its answer.
func talk(ctx context.Context, conn net.Conn, u *url.URL) (code int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	req.Close = true
	req.Header.Set("User-Agent", "hopguard")
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	if err := req.Write(conn); err != nil {
		return 0, nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	reader := bufio.NewReader(limited)
	for {
		answer, err := http.ReadResponse(reader, req) //nolint:bodyclose // closing would read an endless body to its end; the connection is closed
		if err != nil {
			return 0, nil, fmt.Errorf("no HTTP answer: %w", err)
		}
		if interim := answer.StatusCode < 200 && answer.StatusCode != http.StatusSwitchingProtocols; interim {
			continue
		}
		limited.N = math.MaxInt64 // from here on, the body's own limit counts
		body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
		if err != nil {
			return 0, nil, fmt.Errorf("the answer broke off: %w", err)
		}
		return answer.StatusCode, body, nil
	}
}

func (h HTTP) judge(code int, body []byte) (appliance.Outcome, string) {
	wanted := h.Status
	if len(wanted) == 0 {
		wanted = []int{http.StatusOK}
	}
	got := strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
	switch {
	case !slices.Contains(wanted, code):
		return appliance.Fail, got + ", want " + codes(wanted)
	case !bytes.Contains(body, []byte(h.Body)):
		return appliance.Fail, fmt.Sprintf("%s, but %q is not in the body (%d bytes read)", got, h.Body, len(body))
	}
	return appliance.Pass, got
}

func codes(list []int) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = strconv.Itoa(c)
	}
	return strings.Join(words, " or ")
}

func (h HTTP) target(name appliance.MemberName) (u *url.URL, why string) {
	text := h.Targets[name]
	if text == "" {
		text = h.URL
		if text == "" && h.Port == 0 {
			return nil, fmt.Sprintf("not asked: neither a target, a URL nor a port is configured for %s", name)
		}
		if text == "" {
			text = "http://" + addressMark + ":" + strconv.Itoa(int(h.Port)) + "/"
		}
		if strings.Contains(text, addressMark) {
			addr, why := h.Address.of(name)
			if why != "" {
				return nil, why
			}
			host := addr.String()
			if addr.Is6() {
				host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
			}
			text = strings.ReplaceAll(text, addressMark, host)
		}
	}
	u, err := url.Parse(text)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL: it may hold a password
	}
	if err != nil {
		return nil, fmt.Sprintf("not asked: the URL for %s is not one: %v", name, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Sprintf("not asked: the URL for %s is not http://host or https://host", name)
	}
	return u, ""
}

// shown is the URL without what may be secret: user, password and query.
func shown(u *url.URL) string {
	open := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return open.String()
}

func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// tls prepares the handshake, before the member is asked: to read the system's
// certificates may take longer than the member.
func (h HTTP) tls(u *url.URL) (*tls.Config, error) {
	config := &tls.Config{ServerName: h.ServerName, InsecureSkipVerify: h.InsecureSkipVerify}
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	if u.Scheme != "https" || h.InsecureSkipVerify {
		return config, nil
	}
	var err error
	config.RootCAs, err = h.roots()
	return config, err
}

func (h HTTP) roots() (*x509.CertPool, error) {
	if h.CAFile == "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the system's certificates: %w", err)
		}
		return pool, nil
	}
	pem, err := os.ReadFile(h.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read CA file: %s: no certificate in PEM form", h.CAFile)
	}
	return pool, nil
}
