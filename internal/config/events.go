package config

import "context"

// Events says which senders of events are believed. An event decides nothing: it makes the next tick start now.
type Events struct {
	// Meraki are the webhooks of the Meraki Dashboard.
	Meraki EventSource `yaml:"meraki"`
	// AzureMonitor are the alerts of Azure Monitor.
	AzureMonitor EventSource `yaml:"azureMonitor"`
	// EventGrid are the events of Azure Event Grid.
	EventGrid EventSource `yaml:"eventGrid"`
}

// Enabled reports whether any sender is believed.
func (e Events) Enabled() bool {
	return e.Meraki.Enabled() || e.AzureMonitor.Enabled() || e.EventGrid.Enabled()
}

// places lists where the secrets are.
func (e Events) places() []place {
	return []place{
		e.Meraki.place("events.meraki.secret"), e.AzureMonitor.place("events.azureMonitor.secret"), e.EventGrid.place("events.eventGrid.secret"),
	}
}

// EventSource says what a sender proves itself with. At most one of the four is set; with none, nobody is believed.
type EventSource struct {
	// Secret is the secret itself. Prefer one of the three below. See LoadSecret.
	Secret Secret `yaml:"secret"`
	// SecretEnv names the variable that holds the secret.
	SecretEnv string `yaml:"secretEnv"`
	// SecretFile is the file that holds the secret; white space around it is dropped.
	SecretFile string `yaml:"secretFile"`
	// SecretVault is the URL of the secret of an Azure Key Vault.
	SecretVault string `yaml:"secretVault"`
}

// Enabled reports whether the sender is believed.
func (s EventSource) Enabled() bool { return len(s.place("secret").given()) > 0 }

// LoadSecret returns the secret from where the configuration says it is. The error names the setting below the source, such
// as secretFile, and never the secret. It is read each time, so that it may be renewed. getenv and vault are asked only if
// they are needed.
func (s EventSource) LoadSecret(ctx context.Context, getenv func(string) string, vault Vault) (Secret, error) {
	return s.place("secret").load(ctx, getenv, vault)
}

// ReadSecret is LoadSecret for a secret that is not in a vault: nothing waits for anybody.
func (s EventSource) ReadSecret(getenv func(string) string) (Secret, error) {
	return s.place("secret").here(getenv)
}

// place says where the secret is; setting is its full or its last name.
func (s EventSource) place(setting string) place {
	return place{setting: setting, value: s.Secret, env: s.SecretEnv, file: s.SecretFile, vault: s.SecretVault, what: "secret"}
}
