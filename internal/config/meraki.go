package config

import (
	"context"
	"crypto/x509"
)

// merakiKeyVariable is where the tools of Meraki look for a key.
const merakiKeyVariable = "MERAKI_DASHBOARD_API_KEY"

// Meraki says how the Meraki Dashboard is asked.
type Meraki struct {
	// BaseURL is the API up to its version. "" = the public one.
	BaseURL string `yaml:"baseURL"`
	// CAFile is a PEM file of authorities trusted beside those of the system. "" = none. See CertPool.
	CAFile string `yaml:"caFile"`
	// Organization is the id of the organization that the devices of meraki checks belong to.
	Organization string `yaml:"organization"`
	// Key is the API key itself. Prefer one of the three below. See LoadKey.
	Key Secret `yaml:"key"`
	// KeyEnv names the variable that holds the key. After loading one of the four is set if Organization is.
	KeyEnv string `yaml:"keyEnv"`
	// KeyFile is the file that holds the key; white space around it is dropped.
	KeyFile string `yaml:"keyFile"`
	// KeyVault is the URL of the secret of an Azure Key Vault that holds the key.
	KeyVault string `yaml:"keyVault"`
	// RequestsPerSecond is the most that is asked of the organization, out of 10 that all its applications share.
	RequestsPerSecond float64 `yaml:"requestsPerSecond"`
}

// LoadKey returns the API key from where the configuration says it is. The error names the setting and never the key. It is
// read each time, so that it may be renewed. getenv and vault are asked only if they are needed.
func (m Meraki) LoadKey(ctx context.Context, getenv func(string) string, vault Vault) (Secret, error) {
	return m.place().load(ctx, getenv, vault)
}

// CertPool is as that of Azure, for Meraki's servers.
func (m Meraki) CertPool() (*x509.CertPool, error) { return certPool("meraki.caFile", m.CAFile) }

// place says where the key is.
func (m Meraki) place() place {
	return place{setting: "meraki.key", value: m.Key, env: m.KeyEnv, file: m.KeyFile, vault: m.KeyVault, what: "key"}
}

// complete fills in the usual variable where nothing says the key.
func (m Meraki) complete() Meraki {
	if m.Organization != "" && len(m.place().given()) == 0 {
		m.KeyEnv = merakiKeyVariable
	}
	return m
}
