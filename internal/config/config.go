// Package config reads hopguard's one configuration: a strict YAML file, then HOPGUARD_* variables, or, where there is no
// file at all, the variables of the function app that hopguard replaces.
//
// It guarantees that a Config returned without an error has passed every rule of Validate, that all problems of a file are
// reported at once with their paths, lines and what was expected, and that no secret is printed by anything here. It does
// not ask Azure: whether a machine, table or permission exists is found out by those who use the Config.
//
// Only app and cli import it, and it imports nothing of this module. A Config is a plain value: nothing here keeps or
// changes it after it was returned, so it may be read from several goroutines.
package config

import "time"

// Config is everything that hopguard can be told. Its zero value is not usable; start from Default, or use Load.
type Config struct {
	// Azure says which cloud to talk to, as whom, and where route tables are looked for.
	Azure Azure `yaml:"azure"`
	// Groups are the sets of appliances that share routes. At least one.
	Groups []Group `yaml:"groups"`
	// Meraki says how the Meraki Dashboard is asked.
	Meraki Meraki `yaml:"meraki"`
	// Events says which senders of events are believed.
	Events Events `yaml:"events"`
	// Notify says who is told what happens.
	Notify Notify `yaml:"notify"`
	// Store says where the records of the groups are kept.
	Store Store `yaml:"store"`
	// Replicas says how several controllers share the groups.
	Replicas Replicas `yaml:"replicas"`
	// Functions says how the invocations of an Azure Functions app look after the groups.
	Functions Functions `yaml:"functions"`
	// Log says what is logged, and how.
	Log Log `yaml:"log"`
	// API says where the HTTP API, dashboard and metrics listen.
	API API `yaml:"api"`
}

// Azure says which cloud to talk to, as whom, and where route tables are looked for.
type Azure struct {
	// Cloud gives endpoint, authority and audience where those are not set.
	Cloud Cloud `yaml:"cloud"`
	// Endpoint is the https URL of Azure Resource Manager; it wins over the one of Cloud. "" = of Cloud.
	Endpoint string `yaml:"endpoint"`
	// Authority is the https URL that gives tokens. "" = of Cloud.
	Authority string `yaml:"authority"`
	// Audience is what tokens are asked for, without "/.default". "" = of Cloud.
	Audience string `yaml:"audience"`
	// CAFile is a PEM file of authorities trusted beside those of the system. "" = none. See CertPool.
	CAFile string `yaml:"caFile"`
	// Credential says how hopguard proves who it is.
	Credential Credential `yaml:"credential"`
	// TenantID is the directory, as a GUID or a domain. Needed by client-secret.
	TenantID string `yaml:"tenantID"`
	// ClientID is the application, or the user-assigned identity, as a GUID. Needed by client-secret.
	ClientID string `yaml:"clientID"`
	// ClientSecret is the secret itself. Prefer one of the two below. See LoadSecret.
	ClientSecret Secret `yaml:"clientSecret"`
	// ClientSecretEnv names the variable that holds the secret.
	ClientSecretEnv string `yaml:"clientSecretEnv"`
	// ClientSecretFile is the file that holds the secret; white space around it is dropped.
	ClientSecretFile string `yaml:"clientSecretFile"`
	// TokenFile holds the federated token of workload-identity. "" = as AZURE_FEDERATED_TOKEN_FILE says.
	TokenFile string `yaml:"tokenFile"`
	// Subscriptions are where route tables are looked for. Empty = every one that the credential sees.
	Subscriptions []string `yaml:"subscriptions"`
	// Parallel is the greatest number of route tables written at a time. 0 = as Azure's budget allows.
	Parallel int `yaml:"parallel"`
	// Timeout bounds one request.
	Timeout time.Duration `yaml:"timeout"`
}

// Log says what is logged, and how.
type Log struct {
	// Level is the least important line that is still written.
	Level Level `yaml:"level"`
	// Format is the form of a line; auto is text on a terminal and json elsewhere.
	Format Format `yaml:"format"`
}

// API says where the HTTP API, dashboard and metrics listen.
type API struct {
	// Listen is host:port; an empty host is every address of the machine. "" = no API.
	Listen string `yaml:"listen"`
}
