package config

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Notify says who is told what happens, and how often.
type Notify struct {
	// Repeat is the time between two reminders of a bad state that lasts; 0 is none.
	Repeat time.Duration `yaml:"repeat"`
	// GiveUp is the age at which a message that could not be delivered is not tried again.
	GiveUp time.Duration `yaml:"giveUp"`
	// Targets are where messages go. Empty = nobody is told.
	Targets []NotifyTarget `yaml:"targets"`
}

// NotifyTarget is one place that messages go to. A setting that its kind does not read is empty.
type NotifyTarget struct {
	// Name is unique.
	Name string `yaml:"name"`
	// Kind is how messages are delivered.
	Kind TargetKind `yaml:"kind"`
	// Min is the least severity that it wants.
	Min Severity `yaml:"min"`
	// PerHour bounds the messages about one group, after the first few; more are folded into one.
	PerHour int `yaml:"perHour"`
	// URL is where webhook, teams and slack post, and a secret; pagerduty may say another region's. Prefer one of the three
	// below. See LoadURL.
	URL Secret `yaml:"url"`
	// URLEnv names the variable that holds the URL.
	URLEnv string `yaml:"urlEnv"`
	// URLFile is the file that holds the URL; white space around it is dropped.
	URLFile string `yaml:"urlFile"`
	// URLVault is the URL of the secret of an Azure Key Vault that holds the URL.
	URLVault string `yaml:"urlVault"`
	// Secret signs what a webhook gets. Prefer one of the three below. See LoadSecret.
	Secret Secret `yaml:"secret"`
	// SecretEnv names the variable that holds the secret.
	SecretEnv string `yaml:"secretEnv"`
	// SecretFile is the file that holds the secret; white space around it is dropped.
	SecretFile string `yaml:"secretFile"`
	// SecretVault is the URL of the secret of an Azure Key Vault that holds the secret.
	SecretVault string `yaml:"secretVault"`
	// Key is the routing key of pagerduty. Prefer one of the three below. See LoadKey.
	Key Secret `yaml:"key"`
	// KeyEnv names the variable that holds the key.
	KeyEnv string `yaml:"keyEnv"`
	// KeyFile is the file that holds the key; white space around it is dropped.
	KeyFile string `yaml:"keyFile"`
	// KeyVault is the URL of the secret of an Azure Key Vault that holds the key.
	KeyVault string `yaml:"keyVault"`
	// Server is host:port of the server that takes mail. Either it or MX is set with mail.
	Server string `yaml:"server"`
	// MX is a domain whose mail servers are asked themselves.
	MX string `yaml:"mx"`
	// TLS protects the connection to the mail server. After loading it is set with mail.
	TLS MailTLS `yaml:"tls"`
	// From is the sender of mail, and To are those who get it.
	From string   `yaml:"from"`
	To   []string `yaml:"to"`
	// User signs in to the mail server. "" = nobody signs in.
	User string `yaml:"user"`
	// Password is that of User. Prefer one of the three below. See LoadPassword.
	Password Secret `yaml:"password"`
	// PasswordEnv names the variable that holds the password.
	PasswordEnv string `yaml:"passwordEnv"`
	// PasswordFile is the file that holds the password; white space around it is dropped.
	PasswordFile string `yaml:"passwordFile"`
	// PasswordVault is the URL of the secret of an Azure Key Vault that holds the password.
	PasswordVault string `yaml:"passwordVault"`
	// CAFile is a PEM file of authorities trusted beside those of the system. "" = none. See CertPool.
	CAFile string `yaml:"caFile"`
}

// LoadURL returns the URL from where the configuration says it is. The error names the setting and never the URL. It is read
// each time, so that it may be renewed. getenv and vault are asked only if they are needed.
func (t NotifyTarget) LoadURL(ctx context.Context, getenv func(string) string, vault Vault) (Secret, error) {
	return t.urlPlace("url").load(ctx, getenv, vault)
}

// LoadSecret is LoadURL for the secret of a webhook.
func (t NotifyTarget) LoadSecret(ctx context.Context, getenv func(string) string, vault Vault) (Secret, error) {
	return t.secretPlace("secret").load(ctx, getenv, vault)
}

// LoadKey is LoadURL for the key of pagerduty.
func (t NotifyTarget) LoadKey(ctx context.Context, getenv func(string) string, vault Vault) (Secret, error) {
	return t.keyPlace("key").load(ctx, getenv, vault)
}

// LoadPassword is LoadURL for the password of mail.
func (t NotifyTarget) LoadPassword(ctx context.Context, getenv func(string) string, vault Vault) (Secret, error) {
	return t.passwordPlace("password").load(ctx, getenv, vault)
}

// HasURL reports whether a URL is said anywhere.
func (t NotifyTarget) HasURL() bool { return len(t.urlPlace("url").given()) > 0 }

// HasSecret reports whether a secret is said anywhere.
func (t NotifyTarget) HasSecret() bool { return len(t.secretPlace("secret").given()) > 0 }

// CertPool is as that of Azure, for the servers of the target.
func (t NotifyTarget) CertPool() (*x509.CertPool, error) { return certPool("caFile", t.CAFile) }

func (t NotifyTarget) urlPlace(setting string) place {
	return place{setting: setting, value: t.URL, env: t.URLEnv, file: t.URLFile, vault: t.URLVault, what: "URL", misses: hookMisses}
}

func (t NotifyTarget) secretPlace(setting string) place {
	return place{setting: setting, value: t.Secret, env: t.SecretEnv, file: t.SecretFile, vault: t.SecretVault, what: "secret", misses: signingMisses}
}

func (t NotifyTarget) keyPlace(setting string) place {
	return place{setting: setting, value: t.Key, env: t.KeyEnv, file: t.KeyFile, vault: t.KeyVault, what: "key"}
}

func (t NotifyTarget) passwordPlace(setting string) place {
	return place{setting: setting, value: t.Password, env: t.PasswordEnv, file: t.PasswordFile, vault: t.PasswordVault, what: "password"}
}

// places lists where the secrets of a target are.
func (t NotifyTarget) places(at string) []place {
	return []place{t.urlPlace(at + ".url"), t.secretPlace(at + ".secret"), t.keyPlace(at + ".key"), t.passwordPlace(at + ".password")}
}

// places lists where the secrets of all targets are.
func (n Notify) places() []place {
	var list []place
	for i, t := range n.Targets {
		list = append(list, t.places(targetPath(i))...)
	}
	return list
}

func targetPath(i int) string { return fmt.Sprintf("notify.targets[%d]", i) }

// complete fills in what the kind needs and the file does not say.
func (t NotifyTarget) complete() NotifyTarget {
	if t.Kind == TargetMail && t.TLS == "" {
		t.TLS = MailStartTLS
	}
	return t
}

// implied returns the target, which complete has just made, without what complete would fill in again.
func (t NotifyTarget) implied() NotifyTarget {
	if t.Kind == TargetMail && t.TLS == MailStartTLS {
		t.TLS = ""
	}
	return t
}

// withoutSecrets makes variables of the secrets in the target, and returns a comment on each.
func (t *NotifyTarget) withoutSecrets(at string) string {
	var head strings.Builder
	for _, s := range []struct {
		name  string
		value *Secret
		env   *string
	}{
		{"url", &t.URL, &t.URLEnv}, {"secret", &t.Secret, &t.SecretEnv}, {"key", &t.Key, &t.KeyEnv}, {"password", &t.Password, &t.PasswordEnv},
	} {
		if *s.value != "" {
			*s.value, *s.env = "", strings.ToUpper("NOTIFY_"+strings.ReplaceAll(t.Name, "-", "_")+"_"+s.name)
			fmt.Fprintf(&head, "\nThe secret %s.%s is not here: set %s.", at, s.name, *s.env)
		}
	}
	return head.String()
}
