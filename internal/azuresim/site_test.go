package azuresim_test

import (
	"strings"
	"testing"

	"hopguard/internal/azuresim"
)

// flexApp makes what an app needs and gives its body.
func flexApp(t *testing.T, s *azuresim.Sim) string {
	t.Helper()
	account(t, s, "flexhost1")
	plan := inGroup("Microsoft.Web/serverfarms", "flex")
	made(t, s, plan+webAPI, `{"location":"westeurope","sku":{"name":"FC1"},"properties":{"reserved":true}}`, 200)
	newIdentity(t, s, "app")
	return `{"location":"westeurope","kind":"functionapp,linux","identity":{"type":"UserAssigned","userAssignedIdentities":{"` + inGroup("Microsoft.ManagedIdentity/userAssignedIdentities", "app") + `":{}}},
		"properties":{"serverFarmId":"` + plan + `","httpsOnly":true,"siteConfig":{"appSettings":[{"name":"A","value":"1"}]},
		"functionAppConfig":{"runtime":{"name":"custom","version":"1.0"},"deployment":{"storage":{"type":"blobContainer","value":"https://flexhost1.blob.core.windows.net/package"}},
		"scaleAndConcurrency":{"instanceMemoryMB":512,"maximumInstanceCount":40}}}}`
}

func TestAFunctionAppHidesItsSettings(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		site := inGroup("Microsoft.Web/sites", "the-app")
		a := made(t, s, site+webAPI, flexApp(t, s), 200)
		if strings.Contains(string(a.raw), "appSettings") || a.text("properties", "defaultHostName") != "the-app.azurewebsites.net" {
			t.Errorf("the app: %s", a.raw)
		}
		for _, v := range dig(a.body, "identity", "userAssignedIdentities").(map[string]any) {
			if id, _ := dig(v, "principalId").(string); id == "" {
				t.Errorf("the identity has no principal: %s", a.raw)
			}
		}
		settings := call(t, s, "POST", site+"/config/appsettings/list"+webAPI, "").want(t, 200, "")
		if settings.text("properties", "A") != "1" {
			t.Errorf("settings: %s", settings.raw)
		}
		callAs(t, s, "reader", "POST", site+"/config/appsettings/list"+webAPI, "").want(t, 403, "AuthorizationFailed")
		call(t, s, "PUT", site+"/config/appsettings"+webAPI, `{"properties":{"B":"2"}}`).want(t, 200, "")
		if settings = call(t, s, "POST", site+"/config/appsettings/list"+webAPI, ""); settings.text("properties", "A") != "" || settings.text("properties", "B") != "2" {
			t.Errorf("a PUT of settings replaces them all: %s", settings.raw)
		}
		if web := call(t, s, "GET", site+"/config/web"+webAPI, "").want(t, 200, ""); web.text("properties", "minTlsVersion") != "1.2" {
			t.Errorf("configuration: %s", web.raw)
		}
		call(t, s, "DELETE", inGroup("Microsoft.Web/serverfarms", "flex")+webAPI, "").want(t, 409, "Conflict")
		name := "/subscriptions/" + sub1 + "/providers/Microsoft.Web/checknameavailability" + webAPI
		if got := call(t, s, "POST", name, `{"name":"the-app","type":"Site"}`).want(t, 200, ""); dig(got.body, "nameAvailable") != false {
			t.Errorf("a name that is taken: %s", got.raw)
		}
		if got := call(t, s, "POST", name, `{"name":"another-app","type":"Site"}`); dig(got.body, "nameAvailable") != true {
			t.Errorf("a name that is free: %s", got.raw)
		}
		call(t, s, "DELETE", site+webAPI, "").want(t, 200, "")
		call(t, s, "POST", site+"/config/appsettings/list"+webAPI, "").want(t, 404, "ResourceNotFound")
		call(t, s, "DELETE", inGroup("Microsoft.Web/serverfarms", "flex")+webAPI, "").want(t, 200, "")
	})
}

func TestFunctionAppsAreRefusedByName(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		body := flexApp(t, s)
		tests := map[string]struct{ old, new, code string }{
			"runtime":         {`"custom"`, `"golang"`, "BadRequest"},
			"no-version":      {`"1.0"`, `""`, "BadRequest"},
			"no-container":    {`windows.net/package`, `windows.net/none`, "BadRequest"},
			"memory":          {`512`, `1024`, "BadRequest"},
			"a-setting":       {`"name":"A"`, `"name":"FUNCTIONS_WORKER_RUNTIME"`, "BadRequest"},
			"identity":        {`userAssignedIdentities/app`, `userAssignedIdentities/none`, "FailedIdentityOperation"},
			"subnet":          {`"httpsOnly":true`, `"virtualNetworkSubnetId":"` + spokeSubnet + `"`, "BadRequest"},
			"no-such-subnet":  {`"httpsOnly":true`, `"virtualNetworkSubnetId":"` + spokeSubnet + `x"`, "NotFound"},
			"deployment-type": {`"blobContainer"`, `"fileShare"`, "BadRequest"},
		}
		for name, tt := range tests {
			changed := strings.Replace(body, tt.old, tt.new, 1)
			if a := call(t, s, "PUT", inGroup("Microsoft.Web/sites", "the-app")+webAPI, changed); changed == body || a.status < 400 || a.code() != tt.code {
				t.Errorf("%s: %d %s, want %s", name, a.status, a.raw, tt.code)
			}
		}
		made(t, s, inGroup("Microsoft.Web/sites", "the-app")+webAPI, body, 200)
		call(t, s, "PUT", inGroup("Microsoft.Web/sites", "second-app")+webAPI, body).want(t, 409, "Conflict")
	})
}

// TestASubnetWithAnAppStays until the app is gone.
func TestASubnetWithAnAppStays(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		own := strings.Replace(spokeSubnet, "snet-1", "functions", 1)
		made(t, s, own+netAPI, `{"properties":{"addressPrefix":"10.10.200.0/26","delegations":[{"name":"d","properties":{"serviceName":"Microsoft.App/environments"}}]}}`, 201)
		body := strings.Replace(flexApp(t, s), `"httpsOnly":true`, `"virtualNetworkSubnetId":"`+own+`"`, 1)
		site := inGroup("Microsoft.Web/sites", "the-app") + webAPI
		made(t, s, site, body, 200)
		call(t, s, "DELETE", own+netAPI, "").want(t, 400, "InUseSubnetCannotBeDeleted")
		call(t, s, "DELETE", site, "").want(t, 200, "")
		call(t, s, "DELETE", own+netAPI, "").want(t, 202, "")
	})
}
