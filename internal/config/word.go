package config

// worded is a text that is one of a few words; they are listed in the order in which people should read them.
type worded interface{ words() []string }

// Cloud is one of Azure's clouds.
type Cloud string

// The clouds.
const (
	CloudPublic       Cloud = "AzurePublic"
	CloudUSGovernment Cloud = "AzureUSGovernment"
	CloudChina        Cloud = "AzureChina"
)

func (Cloud) words() []string {
	return []string{string(CloudPublic), string(CloudUSGovernment), string(CloudChina)}
}

// Credential is a way to prove who hopguard is.
type Credential string

// The credentials.
const (
	CredentialDefault          Credential = "default"
	CredentialManagedIdentity  Credential = "managed-identity"
	CredentialWorkloadIdentity Credential = "workload-identity"
	CredentialClientSecret     Credential = "client-secret"
	CredentialCLI              Credential = "cli"
)

func (Credential) words() []string {
	return []string{string(CredentialDefault), string(CredentialManagedIdentity), string(CredentialWorkloadIdentity),
		string(CredentialClientSecret), string(CredentialCLI)}
}

// Kind is what a check asks.
type Kind string

// The kinds of checks.
const (
	KindVMStatus Kind = "vm-status"
	KindTCP      Kind = "tcp"
	KindHTTP     Kind = "http"
	KindICMP     Kind = "icmp"
	KindMeraki   Kind = "meraki"
	KindExec     Kind = "exec"
)

func (Kind) words() []string {
	return []string{string(KindVMStatus), string(KindTCP), string(KindHTTP), string(KindICMP), string(KindMeraki), string(KindExec)}
}

// dataPath reports whether a check of the kind asks the member itself, and not somebody who knows about it.
func (k Kind) dataPath() bool {
	return k == KindTCP || k == KindHTTP || k == KindICMP || k == KindExec
}

// Vote says how many failed checks make a member down.
type Vote string

// The votes.
const (
	VoteAny    Vote = "any"    // one check that is down is enough
	VoteAll    Vote = "all"    // every check must be down
	VoteQuorum Vote = "quorum" // Group.Quorum checks must be down
)

func (Vote) words() []string { return []string{string(VoteAny), string(VoteAll), string(VoteQuorum)} }

// Failback says whether traffic returns to the preferred member by itself.
type Failback string

// The ways to fail back.
const (
	FailbackManual Failback = "manual"
	FailbackAuto   Failback = "auto"
)

func (Failback) words() []string { return []string{string(FailbackManual), string(FailbackAuto)} }

// StoreKind is where records live.
type StoreKind string

// The stores.
const (
	StoreFile   StoreKind = "file"
	StoreBlob   StoreKind = "blob" // a container of Azure Blob Storage, which several controllers may share
	StoreMemory StoreKind = "memory"
)

func (StoreKind) words() []string {
	return []string{string(StoreFile), string(StoreBlob), string(StoreMemory)}
}

// StoreOutage says what happens while a record cannot be stored.
type StoreOutage string

// The ways through an outage of the store.
const (
	StoreOutageHold StoreOutage = "hold" // nothing moves
	StoreOutageAct  StoreOutage = "act"  // a controller that knows of no other one moves traffic all the same
)

func (StoreOutage) words() []string { return []string{string(StoreOutageHold), string(StoreOutageAct)} }

// Level is the least important line that is logged.
type Level string

// The levels.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

func (Level) words() []string {
	return []string{string(LevelDebug), string(LevelInfo), string(LevelWarn), string(LevelError)}
}

// Format is the form of a log line.
type Format string

// The formats.
const (
	FormatAuto Format = "auto" // text on a terminal, json elsewhere
	FormatText Format = "text"
	FormatJSON Format = "json"
)

func (Format) words() []string {
	return []string{string(FormatAuto), string(FormatText), string(FormatJSON)}
}

// TargetKind is how messages are delivered.
type TargetKind string

// The kinds of targets.
const (
	TargetMail      TargetKind = "mail"
	TargetWebhook   TargetKind = "webhook"
	TargetTeams     TargetKind = "teams"
	TargetSlack     TargetKind = "slack"
	TargetPagerDuty TargetKind = "pagerduty"
)

func (TargetKind) words() []string {
	return []string{string(TargetMail), string(TargetWebhook), string(TargetTeams), string(TargetSlack), string(TargetPagerDuty)}
}

// reads lists the settings that a target of the kind reads, beside those of all kinds; nil for an unknown kind.
func (k TargetKind) reads() []string {
	switch k {
	case TargetMail:
		return []string{"server", "mx", "tls", "from", "to", "user", "password", "caFile"}
	case TargetWebhook:
		return []string{"url", "secret", "caFile"}
	case TargetTeams, TargetSlack:
		return []string{"url"}
	case TargetPagerDuty:
		return []string{"url", "key"}
	default:
		return nil
	}
}

// Severity is how much a message matters.
type Severity string

// The severities.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

func (Severity) words() []string {
	return []string{string(SeverityInfo), string(SeverityWarning), string(SeverityCritical)}
}

// MailTLS is how a connection to a mail server is protected.
type MailTLS string

// The ways to protect it.
const (
	MailStartTLS      MailTLS = "starttls"      // refuses a server without STARTTLS
	MailImplicitTLS   MailTLS = "tls"           // TLS from the first byte
	MailOpportunistic MailTLS = "opportunistic" // STARTTLS where the server has it
	MailPlain         MailTLS = "none"
)

func (MailTLS) words() []string {
	return []string{string(MailStartTLS), string(MailImplicitTLS), string(MailOpportunistic), string(MailPlain)}
}
