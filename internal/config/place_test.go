package config_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
)

// keyVault stands in for one: it knows one secret.
func keyVault(_ context.Context, url string) (string, error) {
	switch url {
	case vault:
		return " hunter2 from the vault\n", nil
	case vault + "-empty":
		return "\n", nil
	default:
		return "", errors.New("status 403")
	}
}

// A key and a secret of events come from the same four places, under the names of their settings.
func TestLoadKeyAndLoadSecret(t *testing.T) {
	path, empty := write(t, " hunter2 from the file\n"), write(t, " \n")
	getenv := env(map[string]string{"S": "hunter2 from the variable", "BLANK": " \n"})
	for _, test := range []struct {
		name string
		// source is of events; the Meraki section says the same.
		source    config.EventSource
		want, err string // SETTING stands for the name of the setting
	}{
		{"itself", config.EventSource{Secret: "hunter2"}, "hunter2", ""},
		{"variable", config.EventSource{SecretEnv: "S"}, "hunter2 from the variable", ""},
		{"file", config.EventSource{SecretFile: path}, "hunter2 from the file", ""},
		{"vault", config.EventSource{SecretVault: vault}, "hunter2 from the vault", ""},
		{"nothing", config.EventSource{}, "", "read SETTING: none is configured"},
		{"no-variable", config.EventSource{SecretEnv: "T"}, "", `read SETTINGEnv: variable "T" is not set`},
		{"blank-variable", config.EventSource{SecretEnv: "BLANK"}, "", `read SETTINGEnv: variable "BLANK" is not set`},
		{"no-file", config.EventSource{SecretFile: "testdata/no-such"}, "", "read SETTINGFile: open testdata/no-such: no such file or directory"},
		{"empty-file", config.EventSource{SecretFile: empty}, "", fmt.Sprintf("read SETTINGFile: %q: it is empty", empty)},
		{"empty-in-the-vault", config.EventSource{SecretVault: vault + "-empty"}, "", fmt.Sprintf("read SETTINGVault: %q: it is empty", vault+"-empty")},
		{"refused-by-the-vault", config.EventSource{SecretVault: "https://x"}, "", "read SETTINGVault: status 403"},
	} {
		s := test.source
		m := config.Meraki{Key: s.Secret, KeyEnv: s.SecretEnv, KeyFile: s.SecretFile, KeyVault: s.SecretVault}
		for setting, load := range map[string]func(context.Context, func(string) string, config.Vault) (config.Secret, error){
			"secret": s.LoadSecret, "meraki.key": m.LoadKey,
		} {
			got, err := load(t.Context(), getenv, keyVault)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if want := strings.ReplaceAll(test.err, "SETTING", setting); got.Reveal() != test.want || text != want {
				t.Errorf("%s, %s: %q, %v, want %q, %s", test.name, setting, got.Reveal(), err, test.want, want)
			}
		}
		if given := test.name != "nothing"; s.Enabled() != given {
			t.Errorf("%s: Enabled() = %t, want %t", test.name, !given, given)
		}
	}
	_, err := config.Meraki{KeyVault: vault}.LoadKey(t.Context(), none, nil)
	if want := "read meraki.keyVault: a key vault cannot be read here"; err == nil || err.Error() != want {
		t.Errorf("LoadKey() without a vault = %v, want %s", err, want)
	}
}

// The two secrets of a blob store come from three places each.
func TestLoadConnectionStringAndSASURL(t *testing.T) {
	path := write(t, " hunter2 from the file\n")
	getenv := env(map[string]string{"S": "hunter2 from the variable"})
	for _, test := range []struct {
		name             string
		value            config.Secret
		variable, file   string
		want, connection string // what is wrong; that of the URL differs in the setting
	}{
		{"itself", "hunter2", "", "", "hunter2", ""},
		{"variable", "", "S", "", "hunter2 from the variable", ""},
		{"file", "", "", path, "hunter2 from the file", ""},
		{"nothing", "", "", "", "", "read store.connectionString: none is configured"},
		{"no-variable", "", "T", "", "", `read store.connectionStringEnv: variable "T" is not set`},
		{"no-file", "", "", "testdata/no-such", "", "read store.connectionStringFile: open testdata/no-such: no such file or directory"},
	} {
		s := config.Store{
			ConnectionString: test.value, ConnectionStringEnv: test.variable, ConnectionStringFile: test.file,
			SASURL: test.value, SASURLEnv: test.variable, SASURLFile: test.file,
		}
		for setting, load := range map[string]func(func(string) string) (config.Secret, error){
			"connectionString": s.LoadConnectionString, "sasURL": s.LoadSASURL,
		} {
			got, err := load(getenv)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if want := strings.ReplaceAll(test.connection, "connectionString", setting); got.Reveal() != test.want || text != want {
				t.Errorf("%s, %s: %q, %v, want %q, %s", test.name, setting, got.Reveal(), err, test.want, want)
			}
		}
	}
}

// The vault gets the caller's context.
func TestLoadKeyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := config.Meraki{KeyVault: vault}.LoadKey(ctx, none, func(ctx context.Context, _ string) (string, error) { return "", ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("LoadKey() = %v, want context.Canceled in it", err)
	}
}

// Load looks at the files and variables of all sections; it asks no vault.
func TestLoadChecksFilesOfMerakiEventsAndChecks(t *testing.T) {
	secret, empty := write(t, " hunter2\n"), write(t, "\n")
	organization := map[string]string{"HOPGUARD_MERAKI_ORGANIZATION": "1234567", "BLANK": " "}
	alone := map[string]string{}
	listen := map[string]string{"HOPGUARD_API_LISTEN": ":8080", "BLANK": " "}
	for _, test := range []struct {
		name            string
		base            map[string]string
		variable, value string
		want            string
	}{
		{"key-file", organization, "MERAKI_KEYFILE", secret, ""},
		{"key-vault", organization, "MERAKI_KEYVAULT", vault, ""},
		{"empty-key-file", organization, "MERAKI_KEYFILE", empty, `meraki.keyFile: "` + empty + `": want a readable file with the key: it is empty (from HOPGUARD_MERAKI_KEYFILE)`},
		{"blank-key-variable", organization, "MERAKI_KEYENV", "BLANK", `meraki.keyEnv: "BLANK": want the name of a variable that is set (from HOPGUARD_MERAKI_KEYENV)`},
		{"usual-key-variable-not-set", alone, "MERAKI_ORGANIZATION", "1", `meraki.keyEnv: "MERAKI_DASHBOARD_API_KEY": want the name of a variable that is set; "MERAKI_DASHBOARD_API_KEY" is the default`},
		{"key-as-variable", organization, "MERAKI_KEYENV", "hunter2", `meraki.keyEnv: "<secret>": want the name of a variable that is set (from HOPGUARD_MERAKI_KEYENV)`},
		{"authorities", alone, "MERAKI_CAFILE", "testdata/ca.pem", ""},
		{"authorities-that-are-none", alone, "MERAKI_CAFILE", secret, `meraki.caFile: "` + secret + `": want a readable PEM file of certificates: no PEM certificate in it (from HOPGUARD_MERAKI_CAFILE)`},
		{"secret-vault", listen, "EVENTS_AZUREMONITOR_SECRETVAULT", vault, ""},
		{"empty-secret-file", listen, "EVENTS_EVENTGRID_SECRETFILE", empty, `events.eventGrid.secretFile: "` + empty + `": want a readable file with the secret: it is empty (from HOPGUARD_EVENTS_EVENTGRID_SECRETFILE)`},
		{"blank-secret-variable", listen, "EVENTS_MERAKI_SECRETENV", "BLANK", `events.meraki.secretEnv: "BLANK": want the name of a variable that is set (from HOPGUARD_EVENTS_MERAKI_SECRETENV)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			loadWith(t, test.base, map[string]string{"HOPGUARD_" + test.variable: test.value}, test.want)
		})
	}
}

// Load looks at the files and variables of a blob store, and at the form of what they hold.
func TestLoadChecksFilesOfTheStore(t *testing.T) {
	key := map[string]string{"HOPGUARD_STORE_KIND": "blob", "HOPGUARD_STORE_CONTAINER": "state", "GOOD": connection, "BAD": "hunter2"}
	url := map[string]string{"HOPGUARD_STORE_KIND": "blob", "GOOD": sas, "BAD": account + "/?sig=hunter2"}
	identity := map[string]string{"HOPGUARD_STORE_KIND": "blob", "HOPGUARD_STORE_CONTAINER": "state", "HOPGUARD_STORE_ACCOUNT": account}
	good, bad, empty := write(t, connection+"\n"), write(t, "hunter2\n"), write(t, "\n")
	const wantKey = "a connection string like AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net"
	for _, test := range []struct {
		name            string
		base            map[string]string
		variable, value string
		want            string
	}{
		{"identity", identity, "CREATE", "true", ""},
		{"authorities", identity, "CAFILE", "testdata/ca.pem", ""},
		{"authorities-that-are-none", identity, "CAFILE", bad, `store.caFile: "` + bad + `": want a readable PEM file of certificates: no PEM certificate in it (from HOPGUARD_STORE_CAFILE)`},
		{"key-variable", key, "CONNECTIONSTRINGENV", "GOOD", ""},
		{"no-key-variable", key, "CONNECTIONSTRINGENV", "NOT_SET", `store.connectionStringEnv: "NOT_SET": want the name of a variable that is set (from HOPGUARD_STORE_CONNECTIONSTRINGENV)`},
		{"bad-key-variable", key, "CONNECTIONSTRINGENV", "BAD", `store.connectionStringEnv: "BAD": want a variable that holds ` + wantKey + ` (from HOPGUARD_STORE_CONNECTIONSTRINGENV)`},
		{"key-file", key, "CONNECTIONSTRINGFILE", good, ""},
		{"empty-key-file", key, "CONNECTIONSTRINGFILE", empty, `store.connectionStringFile: "` + empty + `": want a readable file with the connection string: it is empty (from HOPGUARD_STORE_CONNECTIONSTRINGFILE)`},
		{"bad-key-file", key, "CONNECTIONSTRINGFILE", bad, `store.connectionStringFile: "` + bad + `": want a file that holds ` + wantKey + ` (from HOPGUARD_STORE_CONNECTIONSTRINGFILE)`},
		{"url-variable", url, "SASURLENV", "GOOD", ""},
		{"bad-url-variable", url, "SASURLENV", "BAD", `store.sasURLEnv: "BAD": want a variable that holds the URL of a container with its signature, like https://NAME.blob.core.windows.net/CONTAINER?…&sig=…: this one is of another thing than a container (from HOPGUARD_STORE_SASURLENV)`},
		{"no-url-file", url, "SASURLFILE", "testdata/no-such", `store.sasURLFile: "testdata/no-such": want a readable file with the URL: no such file or directory (from HOPGUARD_STORE_SASURLFILE)`},
		{"nothing-is-a-default-that-somebody-said", identity, "SASURLENV", "GOOD", "2 problems in the configuration testdata/minimal.yaml:\n" +
			`  store: "account, sasURLEnv": want exactly one of account, connectionString or sasURL, because store.kind is blob` + "\n" +
			`  store.container: "state": want none, because store.sasURLEnv names its own (from HOPGUARD_STORE_CONTAINER)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.base["GOOD"] == "" {
				test.base["GOOD"] = sas
			}
			loadWith(t, test.base, map[string]string{"HOPGUARD_STORE_" + test.variable: test.value}, test.want)
		})
	}
}

// The usual variable of the key is a default like others: it is not printed, and it is shown.
func TestUsualVariableOfTheKey(t *testing.T) {
	getenv := env(map[string]string{"HOPGUARD_MERAKI_ORGANIZATION": "1234567", "MERAKI_DASHBOARD_API_KEY": "hunter2"})
	c, err := config.Load("testdata/minimal.yaml", getenv)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Meraki.LoadKey(t.Context(), getenv, nil); got.Reveal() != "hunter2" || err != nil {
		t.Errorf("LoadKey() = %q, %v, want the variable's", got.Reveal(), err)
	}
	show, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	file, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	got := []bool{strings.Contains(string(show), "keyEnv: MERAKI_DASHBOARD_API_KEY\n"), strings.Contains(string(file), "keyEnv"), strings.Contains(string(show)+string(file), "hunter2")}
	if diff := cmp.Diff([]bool{true, false, false}, got); diff != "" {
		t.Errorf("shown, printed, secret (-want +got):\n%s", diff)
	}
}

// No secret of any section is printed, nor is its file without it.
func TestNoSectionPrintsItsSecret(t *testing.T) {
	c := valid()
	c.API.Listen = ":8080"
	c.Meraki.Organization, c.Meraki.Key = "1234567", "hunter2"
	c.Store.ConnectionString, c.Store.SASURL = connection, sas
	c.Events.Meraki.Secret, c.Events.AzureMonitor.Secret, c.Events.EventGrid.Secret = "hunter2", "hunter2", "hunter2"
	show, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	file, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s %s", c, c, c, show, file)
	if strings.Contains(text, "hunter2") {
		t.Errorf("a secret is printed: %s", text)
	}
	if n := strings.Count(string(show), "<secret>"); n != 6 {
		t.Errorf("Show() hides that there are 6 secrets, it shows %d", n)
	}
	for _, name := range []string{"HOPGUARD_MERAKI_KEY", "HOPGUARD_EVENTS_MERAKI_SECRET", "HOPGUARD_EVENTS_AZUREMONITOR_SECRET", "HOPGUARD_EVENTS_EVENTGRID_SECRET",
		"HOPGUARD_STORE_CONNECTIONSTRING", "HOPGUARD_STORE_SASURL"} {
		if !strings.Contains(string(file), "set "+name+".\n") {
			t.Errorf("YAML() does not say to set %s", name)
		}
	}
}
