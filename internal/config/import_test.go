package config_test

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
)

// firewall and vmx are complete settings of the old function under its two sets of names.
func firewall() map[string]string {
	return map[string]string{
		"SUBSCRIPTIONID": subscription, "AZURECLOUD": "AzureCloud", "SP_USERNAME": guid, "SP_PASSWORD": "hunter2", "TENANTID": "contoso.example",
		"FW1NAME": "vmx-a", "FW2NAME": "vmx-b", "FWRGNAME": "mrg-a, mrg-b", "FWUDRTAG": "EMEA Branches", "FWTRIES": "4", "FWDELAY": "3",
		"FWMONITOR": "VMStatus",
	}
}

func vmx() map[string]string {
	return map[string]string{
		"SUBSCRIPTIONID": subscription, "VMX_PRIMARY_NAME": "vmx-a", "VMX_SECONDARY_NAME": "vmx-b", "VMX_RESOURCE_GROUP": "mrg",
		"VMX_UDR_TAG": "emea", "VMX_PROBE_RETRIES": "3", "VMX_DELAY": "2", "VMX_MONITOR": "vmstatus",
	}
}

// with returns vars with changes; an empty value removes one.
func with(vars map[string]string, changes ...string) map[string]string {
	vars = maps.Clone(vars)
	for i := 0; i < len(changes); i += 2 {
		vars[changes[i]] = changes[i+1]
	}
	return vars
}

var tcpPort = []string{"FWMONITOR", "TCPPort", "FW1FQDN", "a.example", "FW1PORT", "443", "FW2FQDN", "2001:db8::4", "FW2PORT", "8443"}

// Each set of variables gives the file and the notes of its transcript, and the file gives the same configuration.
func TestImport(t *testing.T) {
	for _, test := range []struct {
		name string
		vars map[string]string
	}{
		{"firewall", firewall()},
		{"vmx", vmx()},
		{"both-names-with-the-same-values", with(firewall(), "VMX_PRIMARY_NAME", "vmx-a", "VMX_DELAY", "3")},
		{"least", with(firewall(), "AZURECLOUD", "", "SP_USERNAME", "", "SP_PASSWORD", "", "FWTRIES", "", "FWDELAY", "", "FWMONITOR", "")},
		{"mail", with(firewall(), "FWMAILDOMAINMX", "example.com", "FWMAILFROM", "vmx@example.com", "FWMAILTO", "me@example.com; you@example.com")},
		{"tcp", with(firewall(), tcpPort...)},
		{"government", with(firewall(), "AZURECLOUD", "AzureUSGovernment")},
		{"one-name-in-two-resource-groups", with(firewall(), "FW2NAME", "VMX-A")},
		{"slow", with(firewall(), "FWTRIES", "100", "FWDELAY", "60")},
		{"a-tag-without-letters", with(firewall(), "FWUDRTAG", "***")},
		{"a-long-tag", with(firewall(), "FWUDRTAG", strings.Repeat("a", 62)+"-b")},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, notes, err := config.Import(env(test.vars))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); err != nil {
				t.Errorf("Validate() = %v", err)
			}
			text, err := c.YAML()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "import-"+test.name+".txt"), string(text)+"\n"+strings.Join(notes, "\n")+"\n")
			if strings.Contains(string(text)+strings.Join(notes, ""), "hunter2") {
				t.Error("the secret is printed")
			}
			if err := matches(compiled(t), text); err != nil {
				t.Errorf("the schema refuses the printed file: %v", err)
			}
			for source, got := range map[string]func() (config.Config, error){
				"the printed file": func() (config.Config, error) { return config.Load(write(t, string(text)), env(test.vars)) },
				"Load":             func() (config.Config, error) { return config.Load("", env(test.vars)) },
			} {
				again, err := got()
				if err != nil {
					t.Fatalf("%s: %v", source, err)
				}
				if diff := sameConfig(c, again); diff != "" {
					t.Errorf("%s gives another configuration (-import +load):\n%s", source, diff)
				}
			}
		})
	}
}

func TestImportMapsClouds(t *testing.T) {
	for name, want := range map[string]config.Cloud{
		"AzureCloud": config.CloudPublic, "AzurePublicCloud": config.CloudPublic, "AzurePublic": config.CloudPublic,
		"azurecloud": config.CloudPublic, "AzureUSGovernment": config.CloudUSGovernment,
		"AzureUSGovernmentCloud": config.CloudUSGovernment, "AzureChinaCloud": config.CloudChina, "AzureChina": config.CloudChina,
	} {
		c, _, err := config.Import(env(with(firewall(), "AZURECLOUD", name)))
		if err != nil || c.Azure.Cloud != want {
			t.Errorf("AZURECLOUD=%s gives %q, %v, want %q", name, c.Azure.Cloud, err, want)
		}
	}
}

func TestImportNamesTheVariables(t *testing.T) {
	const count = " in the configuration:\n  "
	for _, test := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"all-missing", map[string]string{"FWTRIES": "3", "SP_USERNAME": guid}, "7 problems" + count +
			"FW1NAME: not set: want the name of the first machine, which carries traffic when both are well\n  " +
			"FW2NAME: not set: want the name of the second machine\n  " +
			"FWRGNAME: not set: want the resource group of the machines, or two with a comma between\n  " +
			"FWUDRTAG: not set: want the value of the tag nva_ha_udr on the route tables\n  " +
			"SP_PASSWORD: not set: want the secret of the service principal, because SP_USERNAME is set\n  " +
			"SUBSCRIPTIONID: not set: want the subscription of both machines: a GUID\n  " +
			"TENANTID: not set: want the directory of the service principal, because SP_USERNAME or SP_PASSWORD is set"},
		{"all-missing-in-the-other-words", map[string]string{"VMX_DELAY": "2", "SP_PASSWORD": "hunter2"}, "7 problems" + count +
			"SP_USERNAME: not set: want the client id of the service principal, because SP_PASSWORD is set\n  " +
			"SUBSCRIPTIONID: not set: want the subscription of both machines: a GUID\n  " +
			"TENANTID: not set: want the directory of the service principal, because SP_USERNAME or SP_PASSWORD is set\n  " +
			"VMX_PRIMARY_NAME: not set: want the name of the first machine, which carries traffic when both are well\n  " +
			"VMX_RESOURCE_GROUP: not set: want the resource group of the machines, or two with a comma between\n  " +
			"VMX_SECONDARY_NAME: not set: want the name of the second machine\n  " +
			"VMX_UDR_TAG: not set: want the value of the tag nva_ha_udr on the route tables"},
		{"half-a-mail", with(firewall(), "FWMAILTO", "me@example.com, you"), "3 problems" + count +
			"FWMAILDOMAINMX: not set: want the domain whose mail servers take mail, because FWMAILTO is set\n  " +
			"FWMAILFROM: not set: want the sender of mail, because FWMAILTO is set\n  " +
			"notify.targets[0].to[1]: \"you\": want an address alone, like ops@example.com (from FWMAILTO)"},
		{"two-names-two-values", with(firewall(), "VMX_PRIMARY_NAME", "vmx-x", "VMX_MONITOR", "TCPPort"), "2 problems" + count +
			"VMX_MONITOR: \"TCPPort\": want the same as FWMONITOR, which is \"VMStatus\", or nothing\n  " +
			"VMX_PRIMARY_NAME: \"vmx-x\": want the same as FW1NAME, which is \"vmx-a\", or nothing"},
		{"bad-values", with(firewall(), "SUBSCRIPTIONID", "production", "AZURECLOUD", "AzureGermanCloud", "FWTRIES", "0", "FWDELAY", "2.5", "FWMONITOR", "ping"),
			"5 problems" + count +
				"AZURECLOUD: \"AzureGermanCloud\": want AzureCloud, AzureUSGovernment or AzureChinaCloud\n  " +
				"FWDELAY: \"2.5\": want a whole number from 1 to 3600\n  " +
				"FWMONITOR: \"ping\": want VMStatus or TCPPort\n  " +
				"FWTRIES: \"0\": want a whole number from 1 to 100\n  " +
				"SUBSCRIPTIONID: \"production\": want the subscription of both machines: a GUID"},
		{"three-resource-groups", with(firewall(), "FWRGNAME", "a,b,c"), "1 problem" + count +
			"FWRGNAME: \"a,b,c\": want the resource group of the machines, or two with a comma between"},
		{"half-a-resource-group", with(firewall(), "FWRGNAME", "a,"), "1 problem" + count +
			"FWRGNAME: \"a,\": want the resource group of the machines, or two with a comma between"},
		{"the-same-machine", with(firewall(), "FWRGNAME", "mrg", "FW2NAME", "VMX-A"), "2 problems" + count +
			"groups[0].members[1].name: \"VMX-A\": want a value of its own: groups[0].members[0].name is the same (from FW2NAME)\n  " +
			"groups[0].members[1].vm: \"/subscriptions/" + subscription + "/resourceGroups/mrg/providers/Microsoft.Compute/virtualMachines/VMX-A\"" +
			": want a value of its own: groups[0].members[0].vm is the same (from FWRGNAME)"},
		{"bad-names", with(firewall(), "FW1NAME", "vmx a", "SP_USERNAME", "my-app", "TENANTID", "my tenant"), "4 problems" + count +
			"azure.clientID: \"my-app\": want a client id: a GUID (from SP_USERNAME)\n  " +
			"azure.tenantID: \"my tenant\": want a directory id: a GUID or a domain name (from TENANTID)\n  " +
			"groups[0].members[0].name: \"vmx a\": want letters, digits, dot, dash and underscore, at most 64, a letter or digit first (from FW1NAME)\n  " +
			"groups[0].members[0].vm: \"/subscriptions/" + subscription + "/resourceGroups/mrg-a/providers/Microsoft.Compute/virtualMachines/vmx a\"" +
			": want the full id of a virtual machine: /subscriptions/GUID/resourceGroups/NAME/providers/Microsoft.Compute/virtualMachines/NAME (from FWRGNAME)"},
		{"tcp-without-places", with(firewall(), "FWMONITOR", "tcpport"), "4 problems" + count +
			"FW1FQDN: not set: want the host to connect to, because the monitor is TCPPort\n  " +
			"FW1PORT: not set: want the port to connect to, because the monitor is TCPPort\n  " +
			"FW2FQDN: not set: want the host to connect to, because the monitor is TCPPort\n  " +
			"FW2PORT: not set: want the port to connect to, because the monitor is TCPPort"},
		{"tcp-with-bad-places", with(with(firewall(), tcpPort...), "FW1FQDN", "a b", "FW2PORT", "ssh"), "2 problems" + count +
			"FW1FQDN: \"a b\": want a host name or an IP address\n  " +
			"FW2PORT: \"ssh\": want a whole number from 1 to 65535"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, notes, err := config.Import(env(test.vars))
			if _, ok := errors.AsType[*config.Problems](err); !ok || notes != nil {
				t.Fatalf("Import() = %v, %v, want no notes and *Problems", notes, err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("Import() differs (-want +got):\n%s", diff)
			}
			_, loaded := config.Load("", env(test.vars))
			if loaded == nil || loaded.Error() != err.Error() {
				t.Errorf("Load() = %v, want the same problems as Import", loaded)
			}
		})
	}
}

func TestImportNeedsVariables(t *testing.T) {
	_, _, err := config.Import(env(map[string]string{"SUBSCRIPTIONID": subscription, "TENANTID": guid}))
	if !errors.Is(err, config.ErrNone) {
		t.Errorf("Import() = %v, want ErrNone", err)
	}
}

// The old function's variables stand for the file; HOPGUARD_* variables win over them too.
func TestVariablesWinOverTheOldOnes(t *testing.T) {
	c, err := config.Load("", env(with(firewall(), "HOPGUARD_AZURE_CLOUD", "AzureChina")))
	if err != nil || c.Azure.Cloud != config.CloudChina {
		t.Errorf("Load() = %q, %v, want AzureChina", c.Azure.Cloud, err)
	}
}
