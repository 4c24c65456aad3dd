package arm_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/app"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// TestTheControllerWorksWithWhatWasDeployed reads the configuration from the deployed app settings and lets the controller tick as
// the deployed identity, which has the deployed rights and no others, through a failover.
func TestTheControllerWorksWithWhatWasDeployed(t *testing.T) {
	t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1/msi/token")
	t.Setenv("IDENTITY_HEADER", "identity-header")
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		settings := c.settings(t, c.succeed(t))
		loaded, err := config.Load("", func(name string) string { return settings[name] })
		if err != nil {
			t.Fatalf("the deployed settings are no configuration: %v", err)
		}
		if s := loaded.Store; s.Kind != config.StoreBlob || s.Container != "records" {
			t.Errorf("the store is %s in %q, want blobs in records", s.Kind, s.Container)
		}
		loaded.Store = config.Store{Kind: config.StoreMemory} // no blobs are simulated here
		loaded.Replicas = config.Replicas{}
		loaded.Azure.Endpoint, loaded.Azure.Authority = "https://management.azure.com", "https://management.azure.com"
		a, err := app.New(app.Options{Config: loaded.Complete(), Transport: c.Transport(), Dial: c.DialContext})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // until the new rights hold
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.State() != controller.Agreed || len(r.Warnings) > 0 {
			t.Fatalf("the first tick is %s: %v %v", r.State(), r.Err(), r.Warnings)
		}
		if err := c.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		r := a.Tick(t.Context(), "emea", controller.Request{})
		if r.Err() != nil || r.Decision.Reason != decide.ReasonActiveDown {
			t.Fatalf("the tick after the failure is %s, reason %s: %v", r.State(), r.Decision.Reason, r.Err())
		}
		c.moved(t)
		for _, call := range c.Calls() {
			// The list of all machines of a subscription is asked for first; single ones will do.
			if list := strings.HasSuffix(call.Path, "/Microsoft.Compute/virtualMachines"); call.Principal == "hopguard-identity" && call.Status == 403 && !list {
				t.Errorf("%s %s was refused: the role lacks %s", call.Method, call.Path, call.Action)
			}
		}
	})
}

// TestTheAppHasItsSettings: all of them, and no key among them.
func TestTheAppHasItsSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		d := c.succeed(t)
		settings := c.settings(t, d)
		blobs := strings.TrimSuffix(output(d, "records"), "records")
		account, _, _ := strings.Cut(strings.TrimPrefix(blobs, "https://"), ".")
		want := map[string]string{
			"AzureWebJobsStorage__accountName": account, "AzureWebJobsStorage__credential": "managedidentity", "AzureWebJobsStorage__clientId": output(d, "identityClientId"),
			"APPLICATIONINSIGHTS_CONNECTION_STRING":     settings["APPLICATIONINSIGHTS_CONNECTION_STRING"], // the service's
			"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "ClientId=" + output(d, "identityClientId") + ";Authorization=AAD",
			"HOPGUARD_FUNCTIONS_SCHEDULE":               "*/30 * * * * *", "HOPGUARD_CONFIG_YAML": c.configuration(),
			"HOPGUARD_AZURE_CREDENTIAL": "managed-identity", "HOPGUARD_AZURE_CLIENTID": output(d, "identityClientId"),
			"HOPGUARD_STORE_KIND": "blob", "HOPGUARD_STORE_ACCOUNT": blobs, "HOPGUARD_STORE_CONTAINER": "records",
		}
		if diff := cmp.Diff(want, settings); diff != "" {
			t.Errorf("app settings (-want +got):\n%s", diff)
		}
		if !strings.HasPrefix(settings["APPLICATIONINSIGHTS_CONNECTION_STRING"], "InstrumentationKey=") {
			t.Errorf("the connection string of the logs is %q", settings["APPLICATIONINSIGHTS_CONNECTION_STRING"])
		}
	})
}

// TestTheExampleOfTheGuideIsAConfiguration, together with what the template sets.
func TestTheExampleOfTheGuideIsAConfiguration(t *testing.T) {
	guide, err := os.ReadFile("../../docs/deploy-arm.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(guide)
	if example == nil {
		t.Fatal("docs/deploy-arm.md has no example")
	}
	const subscription = "00000000-0000-0000-0000-000000000001"
	machine := func(name string) string {
		return "/subscriptions/" + subscription + "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/" + name
	}
	text := strings.NewReplacer("<subscription of the route tables>", subscription, "<id of the first machine>", machine("a"), "<id of the second machine>", machine("b")).Replace(string(example[1]))
	settings := map[string]string{
		"HOPGUARD_CONFIG_YAML": text, "HOPGUARD_AZURE_CREDENTIAL": "managed-identity", "HOPGUARD_AZURE_CLIENTID": subscription,
		"HOPGUARD_STORE_KIND": "blob", "HOPGUARD_STORE_ACCOUNT": "https://account.blob.core.windows.net/", "HOPGUARD_STORE_CONTAINER": "records",
	}
	if _, err := config.Load("", func(name string) string { return settings[name] }); err != nil {
		t.Error(err)
	}
}

// moved wants every route of the group's tables in the second subscription at the second appliance, and all others where they were.
func (c *cloud) moved(t *testing.T) {
	t.Helper()
	moved := 0
	for _, id := range c.RouteTables() {
		raw, err := c.RouteTable(id)
		if err != nil {
			t.Fatal(err)
		}
		table := parse(t, raw)
		routes, _ := dig(table, "properties", "routes").([]any)
		for _, r := range routes {
			hop := dig(r, "properties", "nextHopIpAddress")
			switch ours := dig(table, "tags", "nva_ha_udr") == "emea" && strings.HasPrefix(id, "/subscriptions/"+c.sub(1)+"/"); {
			case ours && hop == "10.2.0.4":
				moved++
			case ours:
				t.Errorf("%s: a route still leads to %v", id, hop)
			case hop != "10.1.0.4":
				t.Errorf("%s: a route of others leads to %v", id, hop)
			}
		}
	}
	if want := 5; moved != want {
		t.Errorf("%d routes have moved, want %d", moved, want)
	}
}
