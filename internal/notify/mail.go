package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// MailTLS is how a connection to a mail server is protected.
type MailTLS string

// The ways, with the words of the configuration.
const (
	// MailStartTLS refuses a server without STARTTLS.
	MailStartTLS MailTLS = "starttls"
	// MailImplicitTLS speaks TLS from the first byte.
	MailImplicitTLS MailTLS = "tls"
	// MailOpportunistic uses STARTTLS where the server has it.
	MailOpportunistic MailTLS = "opportunistic"
	// MailPlain never uses TLS.
	MailPlain MailTLS = "none"
)

// mailPort is where the mail servers of a domain listen.
const mailPort = 25

// Mail sends to each of several people, so that one address that is refused keeps the
// message from nobody else. It must not be copied.
type Mail struct {
	// Server is host:port. If it is empty, the mail servers of the domain MX are asked, in
	// the order that the domain wants.
	Server, MX string
	TLS        MailTLS
	// CA are the authorities that may vouch for the server; nil means the system's.
	CA   *x509.CertPool
	From string
	To   []string
	// User signs in with the Password; empty does not sign in. It needs TLS.
	User     string
	Password Secret
	// Dial and LookupMX are the network. Required.
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	LookupMX func(ctx context.Context, domain string) ([]*net.MX, error)

	// has lists who has the message sending already, from an earlier try.
	sending string
	has     []string
}

// Send implements Sender.
func (m *Mail) Send(ctx context.Context, msg Message) error {
	if m.sending != msg.ID {
		m.sending, m.has = msg.ID, nil
	}
	password := ""
	if m.User != "" {
		var err error
		if password, err = m.Password(ctx); err != nil {
			return &LaterError{Err: err}
		}
	}
	servers, err := m.servers(ctx)
	if err != nil {
		return err
	}
	for _, server := range servers {
		if err = m.sendBy(ctx, server, password, msg); err == nil {
			return nil
		}
		if _, later := passing(err); !later {
			return err // the next server would say the same
		}
	}
	return err
}

// servers returns whom to ask, in order.
func (m *Mail) servers(ctx context.Context) ([]string, error) {
	if m.Server != "" {
		return []string{m.Server}, nil
	}
	list, err := m.LookupMX(ctx, m.MX)
	if len(list) == 0 { // some names of a list may be odd, which is an error beside the others
		if err == nil {
			err = errors.New("it has none")
		}
		return nil, &LaterError{Err: fmt.Errorf("look up the mail servers of %s: %w", m.MX, err)}
	}
	var servers []string
	for _, mx := range list {
		servers = append(servers, net.JoinHostPort(strings.TrimSuffix(mx.Host, "."), strconv.Itoa(mailPort)))
	}
	return servers, nil
}

// sendBy sends by one server to everybody who has not got the message yet.
func (m *Mail) sendBy(ctx context.Context, server, password string, msg Message) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp() // also of a connection that the library has given up
	wrap := func(step string, err error) error {
		if cause := context.Cause(ctx); cause != nil {
			return &LaterError{Err: fmt.Errorf("mail by %s: %s: %w", server, step, cause)}
		}
		// The library's errors are texts of the server, which may repeat what it was told.
		text := fmt.Errorf("mail by %s: %s: %s", server, step, hidePassword(err.Error(), password))
		if refused(err) {
			return text
		}
		return &LaterError{Err: text}
	}
	client, err := m.client(server, password, func(conn net.Conn) {
		// The library waits for its own deadline; ours may be sooner, or the process ends.
		context.AfterFunc(ctx, func() { _ = conn.Close() })
	})
	if err != nil {
		return wrap("prepare", err)
	}
	conversation, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return wrap("connect", err)
	}
	defer quit(client, conversation)
	var failed []string
	later := false
	for _, to := range m.To {
		if slices.Contains(m.has, to) {
			continue
		}
		letter, err := m.letter(to, msg)
		if err == nil {
			err = client.SendWithSMTPClient(conversation, letter)
		}
		if err == nil {
			m.has = append(m.has, to)
			continue
		}
		err = wrap("to "+to, err)
		failed = append(failed, err.Error())
		if _, passes := passing(err); passes {
			later = true
		} else {
			m.has = append(m.has, to) // trying again would change nothing
		}
	}
	if len(failed) == 0 {
		return nil
	}
	err = errors.New(strings.Join(failed, "; "))
	if later {
		return &LaterError{Err: err}
	}
	return err
}

// quit ends a conversation politely, if the server still listens. What it says to that
// does not matter: the message is delivered, or the error is known.
func quit(client *mail.Client, conversation *smtp.Client) {
	if client.CloseWithSMTPClient(conversation) != nil {
		_ = conversation.Close()
	}
}

// client is the library's, for one server. opened is told of its connection.
func (m *Mail) client(server, password string, opened func(net.Conn)) (*mail.Client, error) {
	host, text, err := net.SplitHostPort(server)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{ServerName: host, RootCAs: m.CA, MinVersion: tls.VersionTLS12}
	options := []mail.Option{mail.WithPort(port), mail.WithTLSConfig(settings), mail.WithTimeout(sendTimeout), mail.WithoutNoop()}
	switch m.TLS {
	case MailStartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case MailImplicitTLS:
		options = append(options, mail.WithSSL())
	case MailOpportunistic:
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case MailPlain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		panic("notify: tls " + string(m.TLS))
	}
	options = append(options, mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := m.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		opened(conn)
		return m.secure(ctx, conn, settings)
	}))
	if m.User != "" {
		options = append(options, mail.WithUsername(m.User), mail.WithPassword(password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	return mail.NewClient(host, options...)
}

// secure begins with TLS where the connection does.
func (m *Mail) secure(ctx context.Context, conn net.Conn, settings *tls.Config) (net.Conn, error) {
	if m.TLS != MailImplicitTLS {
		return conn, nil
	}
	secure := tls.Client(conn, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// letter is a message to one person.
func (m *Mail) letter(to string, msg Message) (*mail.Msg, error) {
	l := mail.NewMsg()
	if err := errors.Join(l.From(m.From), l.To(to)); err != nil {
		return nil, err
	}
	l.Subject(fmt.Sprintf("[%s] %s", strings.ToUpper(msg.Severity.String()), msg.Subject))
	l.SetDateWithValue(msg.At)
	// The same for every delivery of the same news, so that a mailbox can tell.
	l.SetMessageIDWithValue(msg.ID + "@hopguard.invalid")
	l.SetGenHeader("Auto-Submitted", "auto-generated")
	if msg.Severity == Critical {
		l.SetImportance(mail.ImportanceHigh)
	}
	l.SetBodyString(mail.TypeTextPlain, msg.Text())
	return l, nil
}

// refused reports whether a server has said no for good: a code from 500 on.
func refused(err error) bool {
	if e, ok := errors.AsType[*mail.SendError](err); ok {
		return e.ErrorCode() >= 500
	}
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return e.Code >= 500
	}
	return false
}

// hidePassword takes a password out of a text, also in the form in which it is sent.
func hidePassword(text, password string) string {
	if password == "" {
		return text
	}
	for _, form := range []string{password, base64.StdEncoding.EncodeToString([]byte(password))} {
		text = strings.ReplaceAll(text, form, "<secret>")
	}
	return text
}
