package config_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hopguard/internal/config"
)

// target makes changes of changes to one target, complete and of a kind.
func target(kind config.TargetKind, change func(*config.NotifyTarget)) func(*config.Config) {
	return func(c *config.Config) {
		t := config.DefaultTarget()
		t.Name, t.Kind = "ops", kind
		switch kind {
		case config.TargetMail:
			t.Server, t.TLS, t.From, t.To = "smtp.example.com:587", config.MailStartTLS, "hopguard@example.com", []string{"ops@example.com"}
		case config.TargetPagerDuty:
			t.KeyEnv = "KEY"
		case config.TargetWebhook, config.TargetTeams, config.TargetSlack:
			t.URL = "https://hooks.example/hunter2"
		default:
		}
		change(&t)
		c.Notify.Targets = append(c.Notify.Targets, t)
	}
}

func TestValidateNotify(t *testing.T) {
	mail := func(change func(*config.NotifyTarget)) func(*config.Config) { return target(config.TargetMail, change) }
	hook := func(change func(*config.NotifyTarget)) func(*config.Config) {
		return target(config.TargetWebhook, change)
	}
	refuse(t, "rules-notify.txt", []rule{
		{name: "odd-times", change: func(c *config.Config) { c.Notify.Repeat, c.Notify.GiveUp = time.Second, 0 }},
		{name: "long-times", change: func(c *config.Config) { c.Notify.Repeat, c.Notify.GiveUp = 200*time.Hour, 25*time.Hour }},
		{name: "nothing-said", change: func(c *config.Config) { c.Notify.Targets = []config.NotifyTarget{{}} }},
		{name: "odd-words", change: hook(func(t *config.NotifyTarget) { t.Name, t.Min, t.PerHour = "Ops!", "error", 1001 })},
		{name: "odd-kind", change: hook(func(t *config.NotifyTarget) { t.Kind = "mails" })},
		{name: "names-twice", change: func(c *config.Config) {
			hook(func(*config.NotifyTarget) {})(c)
			hook(func(*config.NotifyTarget) {})(c)
		}},
		{name: "no-url", change: target(config.TargetTeams, func(t *config.NotifyTarget) { t.URL = "" })},
		{name: "plain-url", change: target(config.TargetSlack, func(t *config.NotifyTarget) { t.URL = "http://hooks.example/hunter2" })},
		{name: "no-url-at-all", change: hook(func(t *config.NotifyTarget) { t.URL = "hunter2" })},
		{name: "url-in-two-places", change: hook(func(t *config.NotifyTarget) { t.URLEnv = "HOOK" })},
		{name: "url-where-its-variable-belongs", change: hook(func(t *config.NotifyTarget) { t.URL, t.URLEnv = "", "https://hooks.example/hunter2" })},
		{name: "hidden-url", change: hook(func(t *config.NotifyTarget) { t.URL = "<secret>" })},
		{name: "odd-vault", change: hook(func(t *config.NotifyTarget) { t.SecretVault = "https://example.com/hunter2" })},
		{name: "short-secret", change: hook(func(t *config.NotifyTarget) { t.Secret = "hunter2" })},
		{name: "secret-that-is-no-base64", change: hook(func(t *config.NotifyTarget) { t.Secret = "whsec_hunter2!" })},
		{name: "no-key", change: target(config.TargetPagerDuty, func(t *config.NotifyTarget) { t.KeyEnv = "" })},
		{name: "what-mail-does-not-read", change: mail(func(t *config.NotifyTarget) { t.URLEnv, t.Secret, t.KeyFile = "HOOK", "hunter2-hunter2-hunter2", "key" })},
		{name: "what-a-webhook-does-not-read", change: hook(func(t *config.NotifyTarget) {
			t.KeyEnv, t.Server, t.MX, t.TLS, t.From, t.To, t.User, t.PasswordFile = "KEY", "a:1", "a", config.MailPlain, "a@b", []string{"a@b"}, "u", "p"
		})},
		{name: "what-teams-does-not-read", change: target(config.TargetTeams, func(t *config.NotifyTarget) { t.Secret, t.CAFile = "hunter2-hunter2-hunter2", "ca.pem" })},
		{name: "mail-to-nobody", change: mail(func(t *config.NotifyTarget) { t.Server, t.From, t.To = "", "", nil })},
		{name: "server-and-mx", change: mail(func(t *config.NotifyTarget) { t.MX = "example.com" })},
		{name: "odd-server", change: mail(func(t *config.NotifyTarget) { t.Server = "smtp://u:hunter2@smtp.example.com" })},
		{name: "odd-mx", change: mail(func(t *config.NotifyTarget) { t.Server, t.MX = "", "example..com" })},
		{name: "mx-by-tls", change: mail(func(t *config.NotifyTarget) { t.Server, t.MX, t.TLS = "", "example.com", config.MailImplicitTLS })},
		{name: "odd-addresses", change: mail(func(t *config.NotifyTarget) {
			t.From, t.To = "ops", []string{"ops", "Ops <ops@example.com>", "a@example.com", "A@example.com"}
		})},
		{name: "user-without-password", change: mail(func(t *config.NotifyTarget) { t.User = "u" })},
		{name: "password-without-user", change: mail(func(t *config.NotifyTarget) { t.Password = "hunter2" })},
		{name: "password-in-the-clear", change: mail(func(t *config.NotifyTarget) { t.User, t.PasswordEnv, t.TLS = "u", "PASSWORD", config.MailOpportunistic })},
	})
	for _, r := range []rule{
		{name: "no-reminders", change: func(c *config.Config) { c.Notify.Repeat = 0 }},
		{name: "all-kinds", change: func(c *config.Config) {
			for i, kind := range []config.TargetKind{config.TargetMail, config.TargetWebhook, config.TargetTeams, config.TargetSlack, config.TargetPagerDuty} {
				target(kind, func(t *config.NotifyTarget) { t.Name = fmt.Sprint("t", i) })(c)
			}
		}},
		{name: "plain-http-to-this-machine", change: hook(func(t *config.NotifyTarget) { t.URL = "http://127.0.0.1:8080/x?y" })},
		{name: "signed", change: hook(func(t *config.NotifyTarget) { t.Secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==" })},
		{name: "signed-in", change: mail(func(t *config.NotifyTarget) { t.User, t.Password = "u", "hunter2" })},
		{name: "by-mx", change: mail(func(t *config.NotifyTarget) { t.Server, t.MX, t.TLS = "", "example.com", config.MailOpportunistic })},
		{name: "said-to-be-plain", change: mail(func(t *config.NotifyTarget) { t.TLS = config.MailPlain })},
		{name: "another-region", change: target(config.TargetPagerDuty, func(t *config.NotifyTarget) { t.URL = "https://events.eu.pagerduty.com/v2/enqueue" })},
	} {
		c := valid()
		r.change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: Validate() = %v, want nil", r.name, err)
		}
	}
}

// A target's secrets come from where the configuration says, and are in no error.
func TestTargetsLoadTheirSecrets(t *testing.T) {
	vault := func(_ context.Context, url string) (string, error) {
		if strings.HasSuffix(url, "/bad") {
			return "", errors.New("403 Forbidden")
		}
		return "from-vault", nil
	}
	getenv := env(map[string]string{"HOOK": "from-env"})
	one := config.NotifyTarget{URLEnv: "HOOK", SecretVault: "https://v.vault.azure.net/secrets/x", Key: "itself", PasswordFile: "testdata/minimal.yaml"}
	for name, load := range map[string]func(context.Context, func(string) string, config.Vault) (config.Secret, error){
		"from-env": one.LoadURL, "from-vault": one.LoadSecret, "itself": one.LoadKey,
	} {
		if got, err := load(t.Context(), getenv, vault); err != nil || got.Reveal() != name {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
	}
	if got, err := one.LoadPassword(t.Context(), getenv, vault); err != nil || !strings.HasPrefix(got.Reveal(), "#") && !strings.HasPrefix(got.Reveal(), "groups") {
		t.Errorf("LoadPassword() = %d letters, %v", len(got.Reveal()), err)
	}
	two := config.NotifyTarget{SecretVault: "https://v.vault.azure.net/secrets/bad"}
	if _, err := two.LoadSecret(t.Context(), getenv, vault); fmt.Sprint(err) != "read secretVault: 403 Forbidden" {
		t.Errorf("LoadSecret() = %v", err)
	}
	if two.HasURL() || !two.HasSecret() || !one.HasURL() {
		t.Error("HasURL or HasSecret is wrong")
	}
}
