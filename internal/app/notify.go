package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/notify"
	"hopguard/internal/store"
)

const (
	// closeNotices bounds what is delivered at the end of the process, and flushNotices
	// at the end of an invocation: it must not last until the next one begins.
	closeNotices, flushNotices = 10 * time.Second, 4 * time.Second
	// hookAge is how long a secret of a target from a vault is used before it is asked
	// for again, and hookRetry how long nobody asks after the vault did not give it.
	hookAge, hookRetry = 5 * time.Minute, 30 * time.Second
)

// newDesk wires the targets, or returns nil if nobody is to be told.
func newDesk(o Options, holder string, vault config.Vault) (*notify.Desk, error) {
	c := o.Config.Notify
	if len(c.Targets) == 0 {
		return nil, nil
	}
	options := notify.Options{
		Policy: notify.Policy{Repeat: c.Repeat}, GiveUp: c.GiveUp, Holder: holder + "-" + rand.Text()[:4],
		Now: o.Now, Log: o.Logger, Rand: fork(o.Backoff),
	}
	for _, t := range c.Targets {
		sender, err := newSender(o, t, vault)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", t.Name, err)
		}
		options.Targets = append(options.Targets, notify.Target{Name: t.Name, Min: severity(t.Min), PerHour: t.PerHour, Sender: sender})
	}
	notes, err := newNotebook(o)
	if err != nil {
		return nil, err
	}
	if notes != nil {
		options.Notebook = notebook{notes}
	}
	return notify.NewDesk(options), nil
}

func severity(s config.Severity) notify.Severity {
	switch s {
	case config.SeverityInfo:
		return notify.Info
	case config.SeverityWarning:
		return notify.Warning
	case config.SeverityCritical:
		return notify.Critical
	default:
		panic("app: severity " + string(s))
	}
}

// newSender makes a sender of a target.
func newSender(o Options, t config.NotifyTarget, vault config.Vault) (notify.Sender, error) {
	pool, err := t.CertPool()
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: o.Notify}
	if o.Notify == nil {
		plain := http.DefaultTransport.(*http.Transport).Clone()
		plain.TLSClientConfig.RootCAs = pool
		client.Transport = plain
	}
	url, agent := secretOf(o, t.LoadURL, t.URLVault, vault), userAgent(o.Version)
	switch t.Kind {
	case config.TargetMail:
		return &notify.Mail{
			Server: t.Server, MX: t.MX, TLS: mailTLS(t.TLS), CA: pool, From: t.From, To: t.To,
			User: t.User, Password: secretOf(o, t.LoadPassword, t.PasswordVault, vault),
			Dial: (&net.Dialer{}).DialContext, LookupMX: net.DefaultResolver.LookupMX,
		}, nil
	case config.TargetWebhook:
		w := notify.Webhook{Client: client, URL: url, Agent: agent, Now: o.Now}
		if t.HasSecret() {
			w.Key = secretOf(o, t.LoadSecret, t.SecretVault, vault)
		}
		return w, nil
	case config.TargetTeams:
		return notify.Teams{Client: client, URL: url, Agent: agent}, nil
	case config.TargetSlack:
		return notify.Slack{Client: client, URL: url, Agent: agent}, nil
	case config.TargetPagerDuty:
		if !t.HasURL() {
			url = func(context.Context) (string, error) { return notify.PagerDutyURL, nil }
		}
		return notify.PagerDuty{Client: client, URL: url, Key: secretOf(o, t.LoadKey, t.KeyVault, vault), Agent: agent}, nil
	default:
		panic("app: target " + string(t.Kind))
	}
}

func mailTLS(w config.MailTLS) notify.MailTLS {
	switch w {
	case config.MailStartTLS:
		return notify.MailStartTLS
	case config.MailImplicitTLS:
		return notify.MailImplicitTLS
	case config.MailOpportunistic:
		return notify.MailOpportunistic
	case config.MailPlain:
		return notify.MailPlain
	default:
		panic("app: tls " + string(w))
	}
}

// secretOf reads a secret where the configuration says it is: from memory and files
// each time, from a vault now and then.
func secretOf(o Options, load func(context.Context, func(string) string, config.Vault) (config.Secret, error), inVault string, vault config.Vault) notify.Secret {
	read := func(ctx context.Context) (config.Secret, error) { return load(ctx, o.Getenv, vault) }
	if inVault != "" {
		read = (&kept{read: read, now: o.Now, age: hookAge, retry: hookRetry}).get
	}
	return func(ctx context.Context) (string, error) {
		secret, err := read(ctx)
		return secret.Reveal(), err
	}
}

// notes keep something for each group beside the records.
type notes interface {
	Load(ctx context.Context, group appliance.GroupName) ([]byte, string, error)
	Swap(ctx context.Context, group appliance.GroupName, raw []byte, version string) (string, error)
}

// newNotebook returns what remembers announcements where the records are; nil if that
// is in memory.
func newNotebook(o Options) (notes, error) {
	if o.Records != nil {
		return nil, nil
	}
	switch c := o.Config.Store; c.Kind {
	case config.StoreFile:
		return store.Notes{Folder: c.Path}, nil
	case config.StoreMemory:
		return nil, nil
	case config.StoreBlob:
		settings, err := blobSettings(o)
		if err != nil {
			return nil, err
		}
		container, err := azure.NewContainer(settings)
		if err != nil {
			return nil, err
		}
		return azure.Notes{Container: container}, nil
	default:
		panic("app: store " + string(c.Kind))
	}
}

// notebook says a lost race in the words of notify.
type notebook struct{ notes }

// Swap implements notify.Notebook.
func (n notebook) Swap(ctx context.Context, group appliance.GroupName, raw []byte, version string) (string, error) {
	next, err := n.notes.Swap(ctx, group, raw, version)
	if errors.Is(err, decide.ErrLostRace) {
		return "", fmt.Errorf("%w: %w", notify.ErrChanged, err)
	}
	return next, err
}

// tell lets people know what a tick has found, if that is news. It returns at once.
func (a *App) tell(ctx context.Context, g *group, r *controller.Report) {
	if a.desk == nil || r.DryRun {
		return
	}
	a.desk.Tell(ctx, g.situation(r, a.now()))
}

// tellNoMore lets the process that looks after a group from now on deliver what is left.
func (a *App) tellNoMore(ctx context.Context, g *group) {
	if a.desk != nil {
		a.desk.GiveBack(ctx, g.controller.Group.Name)
	}
}

// Close ends what the App has begun: messages that wait are delivered, within a bound.
// What is left is delivered by the next process, if the store is not in memory; then it
// is logged. After Close the App must not be used.
func (a *App) Close(ctx context.Context) {
	if a.desk == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeNotices)
	defer cancel()
	if err := a.desk.Close(ctx); err != nil {
		a.log.WarnContext(ctx, "messages left for the next process", "err", err)
	}
}

// flush waits a little for messages to be delivered.
func (a *App) flush(ctx context.Context) {
	if a.desk == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushNotices)
	defer cancel()
	if err := a.desk.Flush(ctx); err != nil {
		a.log.WarnContext(ctx, "messages not delivered yet", "err", err)
	}
}

// TestTargets sends a test message to the named target, or to all, and says what became
// of each. The error is one of usage.
func (a *App) TestTargets(ctx context.Context, target string) ([]notify.Result, error) {
	if a.desk == nil {
		return nil, errors.New("notify.targets is empty: nobody would be told")
	}
	return a.desk.Test(ctx, notify.TestMessage(a.groups[0].controller.Group.Name, a.now()), target)
}
