package arm_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// Roles that Azure has, by name.
const (
	blobDataOwner        = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
	queueDataContributor = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
	metricsPublisher     = "3913510d-42f4-4e42-8a64-420c390055eb"
)

// expectation is what a resource looks like after the deployment. It is for the resource of that type whose document or id contains
// all of the words.
type expectation struct {
	name, kind string
	words      []string
	want       map[string]any // by path; see dig
}

// expectations has every resource of the template. Words in braces stand for what the deployment gave out.
func expectations() []expectation {
	const deployment, assignment, rule = "Microsoft.Resources/deployments", "Microsoft.Authorization/roleAssignments", "Microsoft.Insights/scheduledQueryRules"
	const container = "Microsoft.Storage/storageAccounts/blobServices/containers"
	assigned := map[string]any{"properties.principalId": "{principal}", "properties.principalType": "ServicePrincipal"}
	alert := func(severity, threshold float64, window, operator, query string) map[string]any {
		return map[string]any{
			"properties.enabled": true, "properties.severity": severity, "properties.scopes.0": "{insights}", "properties.actions.actionGroups.0": "{actions}",
			"properties.windowSize": window, "properties.evaluationFrequency": "PT5M", "properties.autoMitigate": true,
			"properties.criteria.allOf.0.operator": operator, "properties.criteria.allOf.0.threshold": threshold, "properties.criteria.allOf.0.timeAggregation": "Count",
			"properties.criteria.allOf.0.query": query, "tags.team": "network",
		}
	}
	return []expectation{
		{"the-identity", "Microsoft.ManagedIdentity/userAssignedIdentities", nil,
			map[string]any{"location": location, "properties.principalId": "{principal}", "properties.clientId": "{client}", "tags.team": "network"}},
		{"the-storage-has-no-open-key", "Microsoft.Storage/storageAccounts", nil, map[string]any{
			"sku.name": "Standard_ZRS", "kind": "StorageV2", "properties.allowSharedKeyAccess": false, "properties.allowBlobPublicAccess": false,
			"properties.minimumTlsVersion": "TLS1_2", "properties.supportsHttpsTrafficOnly": true, "properties.defaultToOAuthAuthentication": true, "tags.team": "network"}},
		{"the-container-of-the-package", container, []string{"/containers/packages"}, map[string]any{"properties.publicAccess": "None"}},
		{"the-container-of-the-records", container, []string{"/containers/records"}, map[string]any{"properties.publicAccess": "None"}},
		{"the-host-owns-blobs", assignment, []string{blobDataOwner, "/storageAccounts/"}, assigned},
		{"the-host-reads-queues", assignment, []string{queueDataContributor, "/storageAccounts/"}, assigned},
		{"the-host-sends-logs", assignment, []string{metricsPublisher, "/components/"}, assigned},
		{"the-role", deployment, []string{"hopguard-role-"}, map[string]any{"properties.provisioningState": "Succeeded"}},
		{"the-rights-in-a-subscription", deployment, []string{"/subscriptions/{second}/providers/", "hopguard-rights-"}, map[string]any{"properties.provisioningState": "Succeeded"}},
		{"the-rights-in-a-resource-group", deployment, []string{"/subscriptions/{first}/resourceGroups/mrg-vmx-a/", "hopguard-rights-"}, map[string]any{"properties.provisioningState": "Succeeded"}},
		{"the-rights-in-another-resource-group", deployment, []string{"/subscriptions/{first}/resourceGroups/mrg-vmx-b/", "hopguard-rights-"}, map[string]any{"properties.provisioningState": "Succeeded"}},
		{"the-workspace", "Microsoft.OperationalInsights/workspaces", nil, map[string]any{"properties.retentionInDays": 30.0, "properties.sku.name": "PerGB2018", "tags.team": "network"}},
		{"the-logs-want-an-identity", "Microsoft.Insights/components", nil, map[string]any{
			"properties.WorkspaceResourceId": "{workspace}", "properties.DisableLocalAuth": true, "properties.Application_Type": "web", "tags.team": "network"}},
		{"the-plan", "Microsoft.Web/serverfarms", nil, map[string]any{"sku.name": "FC1", "sku.tier": "FlexConsumption", "properties.reserved": true, "tags.team": "network"}},
		{"the-app", "Microsoft.Web/sites", nil, map[string]any{
			"kind": "functionapp,linux", "identity.type": "UserAssigned", "properties.httpsOnly": true, "properties.serverFarmId": "{plan}", "properties.virtualNetworkSubnetId": "{subnet}",
			"properties.functionAppConfig.runtime.name": "custom", "properties.functionAppConfig.runtime.version": "1.0",
			"properties.functionAppConfig.deployment.storage.type": "blobContainer", "properties.functionAppConfig.deployment.storage.value": "{blobs}packages",
			"properties.functionAppConfig.deployment.storage.authentication.type":                           "UserAssignedIdentity",
			"properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId": "{identity}",
			"properties.functionAppConfig.scaleAndConcurrency.instanceMemoryMB":                             512.0,
			"properties.functionAppConfig.scaleAndConcurrency.maximumInstanceCount":                         40.0,
			"properties.functionAppConfig.scaleAndConcurrency.alwaysReady.0.name":                           "function:tick",
			"properties.functionAppConfig.scaleAndConcurrency.alwaysReady.0.instanceCount":                  1.0, "tags.team": "network"}},
		{"the-package", "Microsoft.Web/sites/extensions", []string{"/extensions/onedeploy"}, map[string]any{"properties.provisioningState": "Succeeded"}},
		{"who-is-told", "Microsoft.Insights/actionGroups", nil, map[string]any{
			"location": "global", "properties.enabled": true, "properties.emailReceivers.0.emailAddress": "noc@contoso.example", "properties.emailReceivers.1.emailAddress": "ada@contoso.example",
			"properties.emailReceivers.2": nil, "tags.team": "network"}},
		{"failed-invocations", rule, []string{"-failed-invocations"}, alert(1, 0, "PT5M", "GreaterThan", "requests | where success == false")},
		{"errors", rule, []string{"hopguard-errors"}, alert(2, 0, "PT5M", "GreaterThan", "traces | where severityLevel >= 3")},
		{"no-heartbeat", rule, []string{"-no-heartbeat"}, alert(0, 1, "PT10M", "LessThan", "requests | where name =~ 'Tick' and success == true")},
	}
}

// TestEveryResource deploys the template and looks at each resource. A resource without an expectation fails, and an expectation
// without a resource.
func TestEveryResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		names := c.names(t, c.succeed(t))
		list := expectations()
		met := make([]bool, len(list))
		for _, r := range c.resources {
			doc := c.get(t, r.ID, r.APIVersion)
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(list, func(e expectation) bool {
				return e.kind == r.Type && !slices.ContainsFunc(e.words, func(w string) bool { return !strings.Contains(string(text), names.Replace(w)) })
			})
			if i < 0 || met[i] {
				t.Errorf("%s %s: nothing says what it should look like", r.Place, r.ID)
				continue
			}
			met[i] = true
			for path, want := range list[i].want {
				if s, ok := want.(string); ok {
					want = names.Replace(s)
				}
				if d := cmp.Diff(want, dig(doc, strings.Split(path, ".")...)); d != "" {
					t.Errorf("%s: %s (-want +got):\n%s", list[i].name, path, d)
				}
			}
		}
		for i, e := range list {
			if !met[i] {
				t.Errorf("%s: it is not in the template", e.name)
			}
		}
	})
}

// names replaces words in braces by what the deployment gave out.
func (c *cloud) names(t *testing.T, d map[string]any) *strings.Replacer {
	t.Helper()
	pairs := []string{
		"{principal}", output(d, "identityPrincipalId"), "{client}", output(d, "identityClientId"), "{first}", c.sub(0), "{second}", c.sub(1),
		"{subnet}", fmt.Sprint(c.given["subnetId"]), "{blobs}", strings.TrimSuffix(output(d, "records"), "records"),
	}
	for word, kind := range map[string]string{
		"{identity}": "Microsoft.ManagedIdentity/userAssignedIdentities", "{insights}": "Microsoft.Insights/components", "{workspace}": "Microsoft.OperationalInsights/workspaces",
		"{actions}": "Microsoft.Insights/actionGroups", "{plan}": "Microsoft.Web/serverfarms",
	} {
		for _, r := range c.resources {
			if r.Type == kind {
				pairs = append(pairs, word, r.ID)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// documentedActions are the actions of the role in docs/permissions.md.
func documentedActions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)As a custom role.*?```json\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatal("docs/permissions.md has no custom role")
	}
	var role struct{ Actions []string }
	if err := json.Unmarshal(m[1], &role); err != nil {
		t.Fatal(err)
	}
	return role.Actions
}

func TestTheRoleIsTheDocumentedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		d := c.succeed(t)
		role := c.role(t)
		want := documentedActions(t)
		slices.Sort(want)
		if diff := cmp.Diff(want, actionsOf(role)); diff != "" {
			t.Errorf("the role's actions (-documented +deployed):\n%s", diff)
		}
		for _, none := range []string{"notActions", "dataActions", "notDataActions"} {
			if v, _ := dig(role, "properties", "permissions", "0", none).([]any); len(v) != 0 {
				t.Errorf("%s = %v, want none", none, v)
			}
		}
		assignable := []any{"/subscriptions/" + c.sub(0), "/subscriptions/" + c.sub(1)} // the first is where the role is made
		for _, g := range c.appliances() {
			assignable = append(assignable, g)
		}
		if diff := cmp.Diff(assignable, dig(role, "properties", "assignableScopes")); diff != "" {
			t.Errorf("assignable scopes (-want +got):\n%s", diff)
		}
		c.assigned(t, role, output(d, "identityPrincipalId"))
	})
}

// TestTheRightsOfSpokesAreTheDocumentedOnes: the role grows by the actions in the table of docs/spokes.md, and only if asked to.
func TestTheRightsOfSpokesAreTheDocumentedOnes(t *testing.T) {
	text, err := os.ReadFile("../../docs/spokes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Rights\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for spokes, tables := range map[string]bool{"peerings": false, "peerings and tables": true} {
		synctest.Test(t, func(t *testing.T) {
			want := documentedActions(t)
			for line := range strings.Lines(table) {
				if tables || !strings.HasPrefix(line, "| `routeTable` only") {
					for _, m := range regexp.MustCompile("`(Microsoft[^`]*)`").FindAllStringSubmatch(line, -1) {
						want = append(want, m[1])
					}
				}
			}
			slices.Sort(want)
			want = slices.Compact(want)
			c := newCloud(t)
			c.given["spokes"] = spokes
			c.succeed(t)
			if diff := cmp.Diff(want, actionsOf(c.role(t))); diff != "" {
				t.Errorf("spokes=%s: the role's actions (-documented +deployed):\n%s", spokes, diff)
			}
		})
	}
}

// role is the one custom role that was made.
func (c *cloud) role(t *testing.T) any {
	t.Helper()
	list := c.get(t, "/subscriptions/"+c.sub(0)+"/providers/Microsoft.Authorization/roleDefinitions", "2022-04-01")
	var roles []any
	for _, v := range dig(list, "value").([]any) {
		if dig(v, "properties", "type") == "CustomRole" {
			roles = append(roles, v)
		}
	}
	if len(roles) != 1 {
		t.Fatalf("%d custom roles, want 1", len(roles))
	}
	return roles[0]
}

// actionsOf are the actions of a role, in order.
func actionsOf(role any) []string {
	var actions []string
	list, _ := dig(role, "properties", "permissions", "0", "actions").([]any)
	for _, v := range list {
		s, _ := v.(string)
		actions = append(actions, s)
	}
	slices.Sort(actions)
	return actions
}

// assigned checks where the role is given to the controller: at the scopes that were named and nowhere else.
func (c *cloud) assigned(t *testing.T, role any, principal string) {
	t.Helper()
	var scopes []string
	for i := range 2 {
		list := c.get(t, "/subscriptions/"+c.sub(i)+"/providers/Microsoft.Authorization/roleAssignments", "2022-04-01")
		for _, v := range dig(list, "value").([]any) {
			id, _ := dig(v, "properties", "roleDefinitionId").(string)
			if dig(v, "properties", "principalId") == principal && strings.HasSuffix(id, "/"+fmt.Sprint(dig(role, "name"))) {
				scopes = append(scopes, fmt.Sprint(dig(v, "properties", "scope")))
			}
		}
	}
	slices.Sort(scopes)
	if diff := cmp.Diff(c.scopes(), scopes); diff != "" {
		t.Errorf("the role is given at (-want +got):\n%s", diff)
	}
}

// TestTheSecondDeploymentChangesNothing deploys twice; only times of writing may differ.
func TestTheSecondDeploymentChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		before := c.everything(t, c.succeed(t))
		after := c.everything(t, c.succeed(t))
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("the second deployment changed something (-before +after):\n%s", d)
		}
	})
}

// everything is every document, and the settings of the app.
func (c *cloud) everything(t *testing.T, d map[string]any) map[string]any {
	t.Helper()
	all := map[string]any{"settings": c.settings(t, d)}
	for _, r := range c.resources {
		doc := c.get(t, r.ID, r.APIVersion)
		p, _ := doc["properties"].(map[string]any)
		for _, name := range []string{"updatedOn", "updatedBy", "timestamp", "duration", "correlationId", "lastModifiedTimeUtc", "lastModifiedTime"} {
			delete(p, name)
		}
		all[r.ID] = doc
	}
	return all
}

// TestWithoutThePackage leaves out what is optional.
func TestTheOptionalMayBeLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.given = map[string]any{"configuration": c.configuration()}
		d := c.succeed(t)
		for _, r := range c.resources {
			if r.Type == "Microsoft.Web/sites/extensions" || strings.Contains(r.Name, "-rights-") {
				t.Errorf("%s was deployed without being asked for", r.ID)
			}
			if r.Type == "Microsoft.Web/sites" {
				if v := dig(c.get(t, r.ID, r.APIVersion), "properties", "virtualNetworkSubnetId"); v != nil {
					t.Errorf("the app is in the subnet %v, want none", v)
				}
			}
		}
		if name := output(d, "functionAppName"); !strings.HasPrefix(name, "hopguard-") {
			t.Errorf("the app is called %q", name)
		}
	})
}

// TestNoSecretIsShown looks for the configuration and for the address of the package, which may hold a signature.
func TestNoSecretIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.given["configuration"] = c.configuration() + "meraki: {apiKey: hunter2}\n"
		c.given["packageUri"] = "https://example.test/a.zip?sig=hunter2"
		c.succeed(t)
		for _, path := range []string{"", "/operations"} {
			if status, body := c.call(t, "GET", c.deploymentID()+path, "2022-09-01", ""); status != 200 || strings.Contains(string(body), "hunter2") {
				t.Errorf("GET deployment%s: %d, and the answer has a secret: %.300s", path, status, body)
			}
		}
		for _, call := range c.Calls() {
			if strings.Contains(string(call.Body), "hunter2") {
				t.Errorf("the call log of the simulator has a secret: %s %s", call.Method, call.Path)
			}
		}
		for _, r := range c.resources {
			if status, body := c.call(t, "GET", r.ID, r.APIVersion, ""); status != 200 || strings.Contains(string(body), "hunter2") {
				t.Errorf("GET %s: %d, and the answer has a secret", r.ID, status)
			}
		}
	})
}
