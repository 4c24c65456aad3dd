package config_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/config"
)

// blob turns a valid configuration into one with a blob store, and then changes that.
func blob(change func(*config.Store)) func(*config.Config) {
	return replicas(func(s *config.Store, _ *config.Replicas) { change(s) })
}

func replicas(change func(*config.Store, *config.Replicas)) func(*config.Config) {
	return func(c *config.Config) {
		c.Store = config.Store{Kind: config.StoreBlob, Account: account, Container: "state"}
		*c = c.Complete()
		change(&c.Store, &c.Replicas)
	}
}

func TestValidateAcceptsBlobStores(t *testing.T) {
	for _, r := range []rule{
		{name: "identity", change: blob(func(*config.Store) {})},
		{name: "a-slash-behind-the-account", change: blob(func(s *config.Store) { s.Account += "/" })},
		{name: "a-stand-in-on-this-machine", change: blob(func(s *config.Store) { s.Account = "http://localhost:10000/account" })},
		{name: "a-stand-in-on-another-machine", change: blob(func(s *config.Store) { s.Account = "https://10.9.0.4:10000/account" })},
		{name: "a-key", change: blob(func(s *config.Store) { s.Account, s.ConnectionString = "", connection })},
		{name: "a-key-of-a-stand-in", change: blob(func(s *config.Store) {
			s.Account, s.ConnectionString = "", "AccountName=a;AccountKey=hunter2==;DefaultEndpointsProtocol=http;BlobEndpoint=http://127.0.0.1:10000/a;"
		})},
		{name: "a-signature-as-a-connection-string", change: blob(func(s *config.Store) {
			s.Account, s.ConnectionString = "", "BlobEndpoint="+account+";SharedAccessSignature=sv=1&sig=hunter2"
		})},
		{name: "a-key-elsewhere", change: blob(func(s *config.Store) { s.Account, s.ConnectionStringFile = "", "key" })},
		{name: "a-signature", change: blob(func(s *config.Store) { s.Account, s.Container, s.SASURL = "", "", sas })},
		{name: "a-signature-of-a-stand-in", change: blob(func(s *config.Store) {
			s.Account, s.Container, s.SASURL = "", "", "http://127.0.0.1:10000/account/state?sig=hunter2"
		})},
		{name: "a-signature-elsewhere", change: blob(func(s *config.Store) { s.Account, s.Container, s.SASURLEnv = "", "", "SAS" })},
		{name: "the-shortest-times", change: replicas(func(s *config.Store, own *config.Replicas) { s.Timeout, own.Lease = time.Second, 15*time.Second })},
		{name: "the-longest-times-and-names", change: replicas(func(s *config.Store, own *config.Replicas) {
			s.Timeout, own.Lease = 30*time.Second, time.Minute
			s.Container, s.Prefix, own.Name = strings.Repeat("c", 63), strings.Repeat("p", 256), strings.Repeat("n", 63)
		})},
		{name: "traffic-moves-without-the-store", change: group(func(g *config.Group) { g.Policy.StoreOutage = config.StoreOutageAct })},
	} {
		c := valid()
		r.change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

func TestValidateStore(t *testing.T) {
	everything := func(c *config.Config) {
		c.Store.Account, c.Store.ConnectionString, c.Store.SASURLEnv = "https://me:hunter2@a.example", "hunter2", "SAS"
		c.Store.Container, c.Store.Prefix, c.Store.Create, c.Store.Timeout, c.Store.CAFile = "State", "/x", true, time.Hour, "ca.pem"
		c.Replicas = config.Replicas{Lease: time.Second, Name: "a b"}
	}
	key := func(text config.Secret) func(*config.Config) {
		return blob(func(s *config.Store) { s.Account, s.ConnectionString = "", text })
	}
	signature := func(text config.Secret) func(*config.Config) {
		return blob(func(s *config.Store) { s.Account, s.Container, s.SASURL = "", "", text })
	}
	refuse(t, "rules-store.txt", []rule{
		{name: "unknown-kind-hides-what-depends-on-it", change: func(c *config.Config) { everything(c); c.Store.Kind = "blobs" }},
		{name: "file-without-path", change: func(c *config.Config) { c.Store.Path = "" }},
		{name: "file-reads-only-a-path", change: everything},
		{name: "memory-reads-nothing", change: func(c *config.Config) { everything(c); c.Store.Kind = config.StoreMemory }},
		{name: "blob-reads-no-path", change: blob(func(s *config.Store) { s.Path = "./state" })},
		{name: "blob-without-anything", change: func(c *config.Config) { c.Store = config.Store{Kind: config.StoreBlob} }},
		{name: "two-ways", change: blob(func(s *config.Store) { s.ConnectionStringEnv = "KEY" })},
		{name: "three-ways", change: blob(func(s *config.Store) { s.Container, s.ConnectionStringFile, s.SASURL = "", "key", sas })},
		{name: "two-places-of-a-key", change: blob(func(s *config.Store) { s.Account, s.ConnectionString, s.ConnectionStringFile = "", connection, "key" })},
		{name: "two-places-of-a-signature", change: blob(func(s *config.Store) { s.Account, s.Container, s.SASURLEnv, s.SASURLFile = "", "", "SAS", "sas" })},
		{name: "account-over-http", change: blob(func(s *config.Store) { s.Account = "http://a.blob.core.windows.net" })},
		{name: "account-by-name", change: blob(func(s *config.Store) { s.Account = "hopguard" })},
		{name: "account-with-a-password", change: blob(func(s *config.Store) { s.Account = "https://me:hunter2@a.example" })},
		{name: "account-with-a-signature", change: blob(func(s *config.Store) { s.Account += "?sig=hunter2" })},
		{name: "account-with-a-container", change: blob(func(s *config.Store) { s.Account += "/state" })},
		{name: "no-container", change: blob(func(s *config.Store) { s.Container = "" })},
		{name: "no-container-beside-a-key", change: blob(func(s *config.Store) { s.Account, s.Container, s.ConnectionStringEnv = "", "", "KEY" })},
		{name: "container-beside-a-signature", change: blob(func(s *config.Store) { s.Account, s.SASURLFile = "", "sas" })},
		{name: "container-in-capitals", change: blob(func(s *config.Store) { s.Container = "State" })},
		{name: "short-container", change: blob(func(s *config.Store) { s.Container = "ab" })},
		{name: "long-container", change: blob(func(s *config.Store) { s.Container = strings.Repeat("c", 64) })},
		{name: "container-with-two-dashes", change: blob(func(s *config.Store) { s.Container = "a--b" })},
		{name: "no-prefix", change: blob(func(s *config.Store) { s.Prefix = "" })},
		{name: "prefix-with-a-slash-first", change: blob(func(s *config.Store) { s.Prefix = "/prod" })},
		{name: "prefix-with-a-slash-last", change: blob(func(s *config.Store) { s.Prefix = "prod/" })},
		{name: "prefix-to-elsewhere", change: blob(func(s *config.Store) { s.Prefix = "a/../b" })},
		{name: "prefix-with-a-space", change: blob(func(s *config.Store) { s.Prefix = "a b" })},
		{name: "long-prefix", change: blob(func(s *config.Store) { s.Prefix = strings.Repeat("p", 257) })},
		{name: "short-timeout", change: blob(func(s *config.Store) { s.Timeout = time.Second - 1 })},
		{name: "long-timeout", change: blob(func(s *config.Store) { s.Timeout = 31 * time.Second })},
		{name: "timeout-below-zero", change: blob(func(s *config.Store) { s.Timeout = -1 })},
		{name: "a-hidden-key-copied-from-config-show", change: key("<secret>")},
		{name: "a-key-in-place-of-its-variable", change: blob(func(s *config.Store) { s.Account, s.ConnectionStringEnv = "", config.Secret(connection).Reveal() })},
		{name: "a-key-alone", change: key("hunter2")},
		{name: "a-connection-string-without-its-account", change: key("AccountKey=hunter2;EndpointSuffix=core.windows.net")},
		{name: "a-connection-string-without-its-key", change: key("AccountName=a;EndpointSuffix=core.windows.net")},
		{name: "a-signature-without-its-account", change: key("SharedAccessSignature=sig=hunter2")},
		{name: "a-connection-string-over-http", change: key("DefaultEndpointsProtocol=http;AccountName=a;AccountKey=hunter2")},
		{name: "a-connection-string-to-an-endpoint-over-http", change: key("BlobEndpoint=http://a.example/;AccountName=a;AccountKey=hunter2")},
		{name: "a-hidden-signature-copied-from-config-show", change: signature("<secret>")},
		{name: "a-signature-in-place-of-its-variable", change: blob(func(s *config.Store) { s.Account, s.Container, s.SASURLEnv = "", "", sas })},
		{name: "a-signature-alone", change: signature("sv=2023-11-03&sig=hunter2")},
		{name: "a-signature-over-http", change: signature("http://a.blob.core.windows.net/state?sig=hunter2")},
		{name: "a-url-without-a-signature", change: signature(account + "/state?sv=hunter2")},
		{name: "a-signature-of-an-account", change: signature(account + "/?sig=hunter2")},
		{name: "a-signature-of-a-blob", change: signature(account + "/state/hunter2.json?sig=hunter2")},
		{name: "a-signature-of-a-blob-of-a-stand-in", change: signature("http://127.0.0.1:10000/a/state/x?sig=hunter2")},
		{name: "short-lease", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Lease = 14 * time.Second })},
		{name: "long-lease", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Lease = 61 * time.Second })},
		{name: "no-lease", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Lease = 0 })},
		{name: "lease-with-a-fraction", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Lease = 15500 * time.Millisecond })},
		{name: "name-with-a-space", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Name = "host 1" })},
		{name: "name-with-a-slash", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Name = "host/1" })},
		{name: "name-with-a-dot-last", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Name = "host." })},
		{name: "long-name", change: replicas(func(_ *config.Store, own *config.Replicas) { own.Name = strings.Repeat("n", 64) })},
		{name: "unknown-outage", change: group(func(g *config.Group) { g.Policy.StoreOutage = "wait" })},
		{name: "no-outage", change: group(func(g *config.Group) { g.Policy.StoreOutage = "" })},
	})
}
