package azuresim_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

const (
	webAPI     = "?api-version=2023-12-01"
	storageAPI = "?api-version=2025-08-01"
)

// inGroup gives the path of a resource in the group of the reference world's first spoke.
func inGroup(typ, name string) string {
	return strings.Split(rt1, "/providers/")[0] + "/providers/" + typ + "/" + name
}

// made puts a resource and waits until its write is over.
func made(t *testing.T, s *azuresim.Sim, path, body string, status int) answer {
	t.Helper()
	a := call(t, s, "PUT", path, body).want(t, status, "")
	time.Sleep(time.Minute)
	return a
}

// account makes a storage account with a container and gives its path.
func account(t *testing.T, s *azuresim.Sim, name string) string {
	t.Helper()
	path := inGroup("Microsoft.Storage/storageAccounts", name)
	a := made(t, s, path+storageAPI, `{"location":"westeurope","sku":{"name":"Standard_LRS"},"kind":"StorageV2","properties":{"minimumTlsVersion":"TLS1_2"}}`, 202)
	if len(a.raw) != 0 || a.header.Get("Location") == "" {
		t.Errorf("an account is made with 202, no body and a Location, not %s", a.raw)
	}
	call(t, s, "GET", a.header.Get("Location"), "").want(t, 200, "")
	made(t, s, path+"/blobServices/default/containers/package"+storageAPI, `{"properties":{"publicAccess":"None"}}`, 201)
	return path
}

// TestEveryPlainKindIsKeptAndDeleted goes through the life of each type whose document is all there is.
func TestEveryPlainKindIsKeptAndDeleted(t *testing.T) {
	tests := map[string]struct {
		path, api, body string
		created         int
		shows           []string // path to a member, and its value
		before          func(t *testing.T, s *azuresim.Sim)
	}{
		"storage-account": {path: inGroup("Microsoft.Storage/storageAccounts", "records1"), api: storageAPI, created: 202,
			body: `{"location":"West Europe","sku":{"name":"Standard_ZRS"},"kind":"StorageV2","properties":{"allowSharedKeyAccess":false}}`, shows: []string{"properties", "primaryEndpoints", "blob", "https://records1.blob.core.windows.net/"}},
		"identity": {path: inGroup("Microsoft.ManagedIdentity/userAssignedIdentities", "someone"), api: "?api-version=2024-11-30", created: 201,
			body: `{"location":"westeurope"}`, shows: []string{"properties", "tenantId", azuresim.DefaultTenant}},
		"plan": {path: inGroup("Microsoft.Web/serverfarms", "flex"), api: webAPI, created: 200,
			body: `{"location":"westeurope","sku":{"name":"FC1"},"properties":{"reserved":true}}`, shows: []string{"sku", "tier", "FlexConsumption"}},
		"workspace": {path: inGroup("Microsoft.OperationalInsights/workspaces", "logs"), api: "?api-version=2025-07-01", created: 201,
			body: `{"location":"westeurope","properties":{"retentionInDays":30}}`, shows: []string{"properties", "sku", "name", "PerGB2018"}},
		"action-group": {path: inGroup("Microsoft.Insights/actionGroups", "people"), api: "?api-version=2023-01-01", created: 201,
			body: `{"location":"global","properties":{"groupShortName":"people","emailReceivers":[{"name":"a","emailAddress":"a@example.com"}]}}`, shows: []string{"properties", "emailReceivers", "0", "status", "Enabled"}},
		"insights": {path: inGroup("Microsoft.Insights/components", "app"), api: "?api-version=2020-02-02", created: 200,
			body:   `{"location":"westeurope","kind":"web","properties":{"Application_Type":"web","WorkspaceResourceId":"` + inGroup("Microsoft.OperationalInsights/workspaces", "logs") + `"}}`,
			shows:  []string{"properties", "IngestionMode", "LogAnalytics"},
			before: func(t *testing.T, s *azuresim.Sim) { workspace(t, s) }},
		"query-rule": {path: inGroup("Microsoft.Insights/scheduledQueryRules", "errors"), api: "?api-version=2023-03-15-preview", created: 201,
			body:   queryRule("PT5M", inGroup("Microsoft.OperationalInsights/workspaces", "logs")),
			shows:  []string{"properties", "evaluationFrequency", "PT5M"},
			before: func(t *testing.T, s *azuresim.Sim) { workspace(t, s) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *azuresim.Sim) {
				if tt.before != nil {
					tt.before(t, s)
				}
				call(t, s, "GET", tt.path+tt.api, "").want(t, 404, "ResourceNotFound")
				call(t, s, "PUT", strings.Replace(tt.path, "/resourceGroups/", "/resourceGroups/no-", 1)+tt.api, tt.body).want(t, 404, "ResourceGroupNotFound")
				callAs(t, s, "reader", "PUT", tt.path+tt.api, tt.body).want(t, 403, "AuthorizationFailed")
				made(t, s, tt.path+tt.api, tt.body, tt.created)
				got := call(t, s, "GET", tt.path+tt.api, "").want(t, 200, "")
				if v := got.text(tt.shows[:len(tt.shows)-1]...); v != tt.shows[len(tt.shows)-1] {
					t.Errorf("%v = %q, want %q: %s", tt.shows[:len(tt.shows)-1], v, tt.shows[len(tt.shows)-1], got.raw)
				}
				call(t, s, "PATCH", tt.path+tt.api, `{"tags":{"changed":"yes"}}`)
				time.Sleep(time.Minute)
				if got = call(t, s, "GET", tt.path+tt.api, ""); got.text("tags", "changed") != "yes" || got.text(tt.shows[:len(tt.shows)-1]...) == "" {
					t.Errorf("after new tags: %s", got.raw)
				}
				call(t, s, "DELETE", tt.path+tt.api, "").want(t, 200, "")
				call(t, s, "GET", tt.path+tt.api, "").want(t, 404, "ResourceNotFound")
				call(t, s, "DELETE", tt.path+tt.api, "").want(t, 204, "")
			})
		})
	}
}

func workspace(t *testing.T, s *azuresim.Sim) string {
	t.Helper()
	path := inGroup("Microsoft.OperationalInsights/workspaces", "logs")
	made(t, s, path+"?api-version=2025-07-01", `{"location":"westeurope","properties":{}}`, 201)
	return path
}

func queryRule(every, scope string) string {
	return `{"location":"westeurope","properties":{"severity":1,"evaluationFrequency":"` + every + `","windowSize":"PT5M","scopes":["` + scope +
		`"],"criteria":{"allOf":[{"query":"traces | count","timeAggregation":"Count","operator":"GreaterThan","threshold":0}]}}}`
}

// TestPlainKindsRefuseByName: one clear error each, with the code that the service is known for where one is known.
func TestPlainKindsRefuseByName(t *testing.T) {
	in := inGroup
	insights := "?api-version=2020-02-02"
	rule := "?api-version=2023-03-15-preview"
	tests := map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"account-name":           {in("Microsoft.Storage/storageAccounts", "No-Good") + storageAPI, `{"location":"westeurope","sku":{"name":"Standard_LRS"}}`, 400, "AccountNameInvalid"},
		"account-name-taken":     {strings.Replace(in("Microsoft.Storage/storageAccounts", "taken1"), "spoke-1", "spoke-2", 1) + storageAPI, `{"location":"westeurope","sku":{"name":"Standard_LRS"}}`, 409, "StorageAccountAlreadyTaken"},
		"account-without-sku":    {in("Microsoft.Storage/storageAccounts", "nosku") + storageAPI, `{"location":"westeurope"}`, 400, "InvalidRequestPropertyValue"},
		"container-without-one":  {in("Microsoft.Storage/storageAccounts", "gone") + "/blobServices/default/containers/a" + storageAPI, `{}`, 404, "ParentResourceNotFound"},
		"container-name":         {in("Microsoft.Storage/storageAccounts", "taken1") + "/blobServices/default/containers/A_b" + storageAPI, `{}`, 400, "ContainerOperationFailure"},
		"plan-of-another-kind":   {in("Microsoft.Web/serverfarms", "p") + webAPI, `{"location":"westeurope","sku":{"name":"B1"},"properties":{"reserved":true}}`, 400, "InvalidRequestContent"},
		"plan-on-windows":        {in("Microsoft.Web/serverfarms", "p") + webAPI, `{"location":"westeurope","sku":{"name":"FC1"}}`, 400, "BadRequest"},
		"site-without-plan":      {in("Microsoft.Web/sites", "app1") + webAPI, `{"location":"westeurope","properties":{"serverFarmId":"/x"}}`, 404, "NotFound"},
		"insights-alone":         {in("Microsoft.Insights/components", "c") + insights, `{"location":"westeurope","properties":{"Application_Type":"web"}}`, 400, "WorkspaceNotFound"},
		"action-group-long-name": {in("Microsoft.Insights/actionGroups", "g") + "?api-version=2023-01-01", `{"location":"global","properties":{"groupShortName":"thirteen-long"}}`, 400, "InvalidActionGroup"},
		"rule-on-nothing":        {in("Microsoft.Insights/scheduledQueryRules", "r") + rule, queryRule("PT5M", "/nothing"), 400, "BadRequest"},
		"rule-every-7-minutes":   {in("Microsoft.Insights/scheduledQueryRules", "r") + rule, queryRule("PT7M", rt1), 400, "BadRequest"},
		"no-location":            {in("Microsoft.Web/serverfarms", "p") + webAPI, `{"sku":{"name":"FC1"}}`, 400, "LocationRequired"},
		"unknown-version":        {in("Microsoft.Web/serverfarms", "p") + "?api-version=1999-01-01", `{}`, 400, "NoRegisteredProviderFound"},
	}
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		account(t, s, "taken1")
		for name, tt := range tests {
			if a := call(t, s, "PUT", tt.path, tt.body); a.status != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %s, want %d %s", name, a.status, a.raw, tt.status, tt.code)
			}
		}
	})
}

func TestWorkspaceThatIsDeletedCanStillBeBroughtBack(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		path, api := workspace(t, s), "?api-version=2025-07-01"
		list := "/subscriptions/" + sub1 + "/providers/Microsoft.OperationalInsights/deletedWorkspaces" + api
		if got := names(call(t, s, "GET", list, "").want(t, 200, ""), "value"); len(got) != 0 {
			t.Errorf("before: %v", got)
		}
		call(t, s, "DELETE", path+api, "").want(t, 200, "")
		if got := names(call(t, s, "GET", list, ""), "value"); len(got) != 1 {
			t.Errorf("after: %v", got)
		}
		workspace(t, s)
		call(t, s, "DELETE", path+api+"&force=true", "").want(t, 200, "")
		if got := names(call(t, s, "GET", list, ""), "value"); len(got) != 1 {
			t.Errorf("force keeps nothing, and there are %v", got)
		}
	})
}

func TestBillingOfInsightsIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		logs := workspace(t, s)
		path := inGroup("Microsoft.Insights/components", "app")
		made(t, s, path+"?api-version=2020-02-02", `{"location":"westeurope","properties":{"WorkspaceResourceId":"`+logs+`"}}`, 200)
		billing := path + "/currentBillingFeatures?api-version=2015-05-01"
		if got := call(t, s, "GET", billing, "").want(t, 200, ""); dig(got.body, "DataVolumeCap", "Cap") != 100.0 {
			t.Errorf("at first: %s", got.raw)
		}
		call(t, s, "PUT", billing, `{"DataVolumeCap":{"Cap":5}}`).want(t, 200, "")
		if got := call(t, s, "GET", billing, ""); dig(got.body, "DataVolumeCap", "Cap") != 5.0 {
			t.Errorf("after a change: %s", got.raw)
		}
	})
}

func TestStorageKeysStayTheSame(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		keys := account(t, s, "keys1") + "/listKeys" + storageAPI
		one, two := call(t, s, "POST", keys, "").want(t, 200, ""), call(t, s, "POST", keys, "")
		if k := one.text("keys", "0", "value"); k == "" || k != two.text("keys", "0", "value") || k == one.text("keys", "1", "value") {
			t.Errorf("keys %s, then %s", one.raw, two.raw)
		}
		callAs(t, s, "reader", "POST", keys, "").want(t, 403, "AuthorizationFailed")
	})
}

func TestAMetricAlertRefersToWhatIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		path := inGroup("Microsoft.Insights/metricAlerts", "gone") + "?api-version=2018-03-01"
		body := `{"location":"global","properties":{"severity":1,"scopes":["` + rt1 + `"],"criteria":{"allOf":[]}}}`
		call(t, s, "PUT", path, strings.Replace(body, rt1, "/none", 1)).want(t, 400, "BadRequest")
		call(t, s, "PUT", path, body).want(t, 200, "")
		if got := call(t, s, "GET", path, "").want(t, 200, ""); dig(got.body, "properties", "enabled") != true {
			t.Errorf("the alert: %s", got.raw)
		}
		call(t, s, "DELETE", path, "").want(t, 200, "")
	})
}
