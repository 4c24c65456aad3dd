package config

import (
	"crypto/x509"
	"time"
)

// Store says where the records of the groups are kept.
type Store struct {
	// Kind is where records live.
	Kind StoreKind `yaml:"kind"`
	// Path is the folder of the file store, made if absent. A relative path starts at the working directory. After loading
	// it is set with StoreFile and empty without.
	Path string `yaml:"path"`
	// Account is the URL of a blob service, signed in to with Azure.Credential. With StoreBlob one of Account, a connection
	// string and the URL of a container is set, and none without; the same holds for what follows.
	Account string `yaml:"account"`
	// ConnectionString has the account's key. Prefer one of the two below. See LoadConnectionString.
	ConnectionString Secret `yaml:"connectionString"`
	// ConnectionStringEnv names the variable that holds the connection string.
	ConnectionStringEnv string `yaml:"connectionStringEnv"`
	// ConnectionStringFile is the file that holds the connection string; white space around it is dropped.
	ConnectionStringFile string `yaml:"connectionStringFile"`
	// SASURL is the URL of a container with a shared access signature. Prefer one of the two below. See LoadSASURL.
	SASURL Secret `yaml:"sasURL"`
	// SASURLEnv names the variable that holds the URL.
	SASURLEnv string `yaml:"sasURLEnv"`
	// SASURLFile is the file that holds the URL; white space around it is dropped.
	SASURLFile string `yaml:"sasURLFile"`
	// Container is where the blobs are. Needed with Account and a connection string; the URL of a container names its own.
	Container string `yaml:"container"`
	// Prefix begins the names of all blobs, without a slash at its end. Controllers with the same one share the groups.
	// After loading it is set with StoreBlob.
	Prefix string `yaml:"prefix"`
	// Create allows to make the container if it is not there.
	Create bool `yaml:"create"`
	// Timeout bounds one call, with all its tries. After loading it is set with StoreBlob.
	Timeout time.Duration `yaml:"timeout"`
	// CAFile is a PEM file of authorities trusted beside those of the system. "" = none. See CertPool.
	CAFile string `yaml:"caFile"`
}

// Replicas says how several controllers share the groups of one store.
type Replicas struct {
	// Lease is how long a controller keeps a group without renewing, and how long its groups wait when it dies: whole
	// seconds. After loading it is set with StoreBlob, and 0 without.
	Lease time.Duration `yaml:"lease"`
	// Name is this process among the controllers. "" = made of the name of the host and the process.
	Name string `yaml:"name"`
}

// What a file that does not say it has.
const (
	usualPath        = "./state"
	usualPrefix      = "hopguard"
	usualBlobTimeout = 5 * time.Second
	usualLease       = 15 * time.Second
)

// LoadConnectionString returns the connection string from where the configuration says it is: itself, a variable or a file.
// The error names the setting and never the secret. It is read each time, so that a file may be renewed.
func (s Store) LoadConnectionString(getenv func(string) string) (Secret, error) {
	return s.connection().here(getenv)
}

// LoadSASURL is LoadConnectionString for the URL of a container with a signature.
func (s Store) LoadSASURL(getenv func(string) string) (Secret, error) {
	return s.sas().here(getenv)
}

// CertPool is as that of Azure, for the servers of the blob store.
func (s Store) CertPool() (*x509.CertPool, error) { return certPool("store.caFile", s.CAFile) }

// connection says where the connection string is. Like the next, it is never in a vault.
func (s Store) connection() place {
	return place{
		setting: "store.connectionString", value: s.ConnectionString, env: s.ConnectionStringEnv, file: s.ConnectionStringFile,
		what: "connection string", misses: connectionMisses,
	}
}

// sas says where the URL of a container with a signature is.
func (s Store) sas() place {
	return place{setting: "store.sasURL", value: s.SASURL, env: s.SASURLEnv, file: s.SASURLFile, what: "URL", misses: sasMisses}
}

// complete fills in what the kind needs and the file does not say.
func (s Store) complete() Store {
	switch s.Kind {
	case StoreFile:
		if s.Path == "" {
			s.Path = usualPath
		}
	case StoreBlob:
		if s.Prefix == "" {
			s.Prefix = usualPrefix
		}
		if s.Timeout == 0 {
			s.Timeout = usualBlobTimeout
		}
	case StoreMemory:
	default: // a kind that Validate refuses
	}
	return s
}

// implied returns the store, which complete has just made, without what complete would fill in again.
func (s Store) implied() Store {
	short := s
	short.Path, short.Prefix, short.Timeout = "", "", 0
	usual := short.complete()
	if s.Path != usual.Path {
		short.Path = s.Path
	}
	if s.Prefix != usual.Prefix {
		short.Prefix = s.Prefix
	}
	if s.Timeout != usual.Timeout {
		short.Timeout = s.Timeout
	}
	return short
}

// complete fills in the usual lease where the store can be shared.
func (r Replicas) complete(kind StoreKind) Replicas {
	if kind == StoreBlob && r.Lease == 0 {
		r.Lease = usualLease
	}
	return r
}
