package notify_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"hopguard/internal/notify"
)

// postOffice is a real SMTP server that misbehaves as it is told.
type postOffice struct {
	address string
	ca      *x509.CertPool

	mu      sync.Mutex
	letters []letter
	logins  int
	// The rest is set before it is used.
	noTLS, implicit, auth bool
	login                 error
	rcpt                  map[string]error
	data                  func(*smtp.Conn) error
}

type letter struct {
	to, text string
	secure   bool
}

// open starts the server.
func (p *postOffice) open(t *testing.T) *postOffice {
	t.Helper()
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certs.Close)
	p.ca = x509.NewCertPool()
	p.ca.AddCert(certs.Certificate())
	s := smtp.NewServer(p)
	s.Domain, s.ErrorLog = "localhost", quiet{}
	settings := &tls.Config{Certificates: certs.TLS.Certificates, MinVersion: tls.VersionTLS12}
	if !p.noTLS {
		s.TLSConfig = settings
	}
	s.AllowInsecureAuth = false
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = ln.Addr().String()
	if p.implicit {
		ln = tls.NewListener(ln, settings)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(ln) })
	t.Cleanup(func() {
		_, _ = s.Close(), ln.Close() // of a server that has not begun yet, the listener only
		serving.Wait()
	})
	return p
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (p *postOffice) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{p: p, c: c}, nil }

type session struct {
	p  *postOffice
	c  *smtp.Conn
	to []string
}

func (s *session) AuthMechanisms() []string {
	if !s.p.auth {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.p.mu.Lock()
		defer s.p.mu.Unlock()
		s.p.logins++
		if s.p.login == nil && (user != "hopguard" || password != canary) {
			return smtp.ErrAuthFailed
		}
		return s.p.login
	}), nil
}

func (*session) Reset()                                 {}
func (*session) Logout() error                          { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { s.to = nil; return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.to = append(s.to, to)
	return s.p.rcpt[to]
}

func (s *session) Data(r io.Reader) error {
	if s.p.data != nil {
		if err := s.p.data(s.c); err != nil {
			return err
		}
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, secure := s.c.TLSConnectionState()
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	for _, to := range s.to {
		s.p.letters = append(s.p.letters, letter{to, string(raw), secure})
	}
	return nil
}

// recipients are those who have a letter.
func (p *postOffice) recipients() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, l := range p.letters {
		list = append(list, l.to)
	}
	return strings.Join(list, " ")
}

// mail is a sender by the server.
func (p *postOffice) mail(way notify.MailTLS) *notify.Mail {
	return &notify.Mail{
		Server: p.address, TLS: way, CA: p.ca, From: "hopguard <hopguard@example.com>", To: []string{"a@example.com", "b@example.com"},
		Dial: (&net.Dialer{}).DialContext,
	}
}

func coded(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
}

func TestMailArrives(t *testing.T) {
	for _, test := range []struct {
		name   string
		office *postOffice
		way    notify.MailTLS
		user   string
		secure bool
	}{
		{"starttls", &postOffice{}, notify.MailStartTLS, "", true},
		{"starttls-signed-in", &postOffice{auth: true}, notify.MailStartTLS, "hopguard", true},
		{"implicit-tls-signed-in", &postOffice{auth: true, implicit: true}, notify.MailImplicitTLS, "hopguard", true},
		{"opportunistic-with", &postOffice{}, notify.MailOpportunistic, "", true},
		{"opportunistic-without", &postOffice{noTLS: true}, notify.MailOpportunistic, "", false},
		{"none", &postOffice{noTLS: true}, notify.MailPlain, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := test.office.open(t)
			m := p.mail(test.way)
			m.User, m.Password = test.user, secret(canary)
			if err := m.Send(t.Context(), failover(t)); err != nil {
				t.Fatal(err)
			}
			if got := p.recipients(); got != "a@example.com b@example.com" {
				t.Errorf("letters to %q", got)
			}
			if err := m.Send(t.Context(), recovery(t)); err != nil || len(p.letters) != 4 {
				t.Errorf("the next message: %v, %d letters in all, want 4", err, len(p.letters))
			}
			if l := p.letters[0]; l.secure != test.secure || !strings.Contains(l.text, "Subject: [CRITICAL] hopguard emea: traffic moves from vmx-a to") ||
				!strings.Contains(l.text, "Message-ID: <"+failover(t).ID+"@hopguard.invalid>") || !strings.Contains(l.text, "Auto-Submitted: auto-generated") ||
				!strings.Contains(l.text, "NOT DONE: write route table") {
				t.Errorf("secure %t:\n%s", l.secure, l.text)
			}
			if (p.logins > 0) != (test.user != "") {
				t.Errorf("%d logins", p.logins)
			}
		})
	}
}

func TestP10MailThatIsNotDelivered(t *testing.T) {
	closing := func(c *smtp.Conn) error { return c.Conn().Close() }
	for _, test := range []struct {
		name   string
		office *postOffice
		change func(*notify.Mail)
		want   string
		passes bool
	}{
		{"no-starttls", &postOffice{noTLS: true}, func(*notify.Mail) {}, "does not support STARTTLS", true},
		{"wrong-authority", &postOffice{}, func(m *notify.Mail) { m.CA = x509.NewCertPool() }, "certificate signed by unknown authority", true},
		{"wrong-password", &postOffice{auth: true}, func(m *notify.Mail) { m.User, m.Password = "hopguard", secret(canary+"x") }, "535", false},
		{"password-in-the-answer", &postOffice{auth: true, login: coded(535, "you said "+canary)}, func(m *notify.Mail) { m.User, m.Password = "hopguard", secret(canary) }, "you said <secret>", false},
		{"auth-fails-for-now", &postOffice{auth: true, login: coded(454, "try later")}, func(m *notify.Mail) { m.User, m.Password = "hopguard", secret(canary) }, "try later", true},
		{"no-auth", &postOffice{}, func(m *notify.Mail) { m.User, m.Password = "hopguard", secret(canary) }, "does not support SMTP AUTH", true},
		{"no-password", &postOffice{}, func(m *notify.Mail) {
			m.User, m.Password = "hopguard", func(context.Context) (string, error) { return "", errors.New("the vault does not answer") }
		}, "the vault does not answer", true},
		{"all-refused", &postOffice{rcpt: map[string]error{"a@example.com": coded(550, "no such user"), "b@example.com": coded(550, "no such user")}}, func(*notify.Mail) {}, `550 "no such user"`, false},
		{"message-refused", &postOffice{data: func(*smtp.Conn) error { return coded(554, "spam") }}, func(*notify.Mail) {}, `554 "spam"`, false},
		{"busy", &postOffice{data: func(*smtp.Conn) error { return coded(452, "no room") }}, func(*notify.Mail) {}, `452 "no room"`, true},
		{"closes-in-data", &postOffice{data: closing}, func(*notify.Mail) {}, "mail by ", true},
		{"nobody-there", &postOffice{}, func(m *notify.Mail) { m.Server = "127.0.0.1:1" }, "connection refused", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := test.office.open(t)
			m := p.mail(notify.MailStartTLS)
			test.change(m)
			err := m.Send(t.Context(), failover(t))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), canary) {
				t.Fatalf("Send() = %v, want %q", err, test.want)
			}
			if _, ok := errors.AsType[*notify.LaterError](err); ok != test.passes {
				t.Errorf("may pass: %t, want %t: %v", ok, test.passes, err)
			}
			if p.recipients() != "" {
				t.Errorf("letters to %q", p.recipients())
			}
		})
	}
}

// One address that is refused keeps the message from nobody else, and one that failed
// for now is tried again without the others.
func TestMailToSomeOnly(t *testing.T) {
	p := (&postOffice{rcpt: map[string]error{"a@example.com": coded(550, "no such user"), "b@example.com": coded(451, "grey-listed")}}).open(t)
	m := p.mail(notify.MailStartTLS)
	m.To = append(m.To, "c@example.com")
	err := m.Send(t.Context(), failover(t))
	if _, ok := errors.AsType[*notify.LaterError](err); !ok || !strings.Contains(err.Error(), "grey-listed") || !strings.Contains(err.Error(), "to a@example.com: ") {
		t.Errorf("Send() = %v", err)
	}
	if got := p.recipients(); got != "c@example.com" {
		t.Errorf("letters to %q", got)
	}
	p.mu.Lock()
	p.rcpt = nil
	p.mu.Unlock()
	if err := m.Send(t.Context(), failover(t)); err != nil {
		t.Errorf("the second Send() = %v", err)
	}
	if got := p.recipients(); got != "c@example.com b@example.com" {
		t.Errorf("letters to %q", got)
	}
}

// A server that says nothing is left when the caller's time is over.
func TestMailServerThatHangs(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	p := (&postOffice{}).open(t)
	inData, cancelData := context.WithCancelCause(t.Context())
	over := errors.New("the time is over")
	p.data = func(c *smtp.Conn) error {
		cancelData(over)
		_, err := c.Conn().Read(make([]byte, 1)) // until it is closed
		return err
	}
	if err := p.mail(notify.MailPlain).Send(inData, failover(t)); err == nil || !strings.HasSuffix(err.Error(), over.Error()) {
		t.Errorf("Send() to a server that hangs in DATA = %v", err)
	}
	atHello, cancelHello := context.WithCancelCause(t.Context())
	m := p.mail(notify.MailStartTLS)
	m.Server = ln.Addr().String()
	m.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		defer cancelHello(over)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	if err := m.Send(atHello, failover(t)); err == nil || !strings.HasSuffix(err.Error(), over.Error()) {
		t.Errorf("Send() to a server that says nothing = %v", err)
	}
}

// The mail servers of a domain are asked in their order, until one takes it.
func TestMailByMX(t *testing.T) {
	p := (&postOffice{noTLS: true}).open(t)
	var asked []string
	m := p.mail(notify.MailOpportunistic)
	m.Server, m.MX = "", "example.com"
	m.LookupMX = func(_ context.Context, domain string) ([]*net.MX, error) {
		return []*net.MX{{Host: "one." + domain + ".", Pref: 10}, {Host: "two." + domain + ".", Pref: 20}}, nil
	}
	m.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		asked = append(asked, address)
		if strings.HasPrefix(address, "one.") {
			return nil, errors.New("no route to host")
		}
		return (&net.Dialer{}).DialContext(ctx, network, p.address)
	}
	if err := m.Send(t.Context(), failover(t)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(asked, []string{"one.example.com:25", "two.example.com:25"}) || p.recipients() != "a@example.com b@example.com" {
		t.Errorf("asked %v, letters to %q", asked, p.recipients())
	}
	asked, p.rcpt = nil, map[string]error{"a@example.com": coded(550, "no such user"), "b@example.com": coded(550, "no such user")}
	m.LookupMX = func(context.Context, string) ([]*net.MX, error) {
		return []*net.MX{{Host: "two."}, {Host: "three."}}, nil
	}
	if err := m.Send(t.Context(), recovery(t)); err == nil || len(asked) != 1 {
		t.Errorf("Send() = %v; after a refusal it asked %v, want nobody else", err, asked)
	}
	m.LookupMX = func(context.Context, string) ([]*net.MX, error) { return nil, nil }
	if err := m.Send(t.Context(), recovery(t)); fmt.Sprint(err) != "look up the mail servers of example.com: it has none" {
		t.Errorf("Send() = %v", err)
	}
}

// What a mail says, for people to look at.
func TestText(t *testing.T) {
	compare(t, "failover.txt", failover(t).Subject+"\n\n"+failover(t).Text())
	compare(t, "recovery.txt", recovery(t).Subject+"\n\n"+recovery(t).Text())
}
