package arm_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"hopguard/deploy/arm"
	"hopguard/internal/armtemplate"
	"hopguard/internal/azuresim"
)

const (
	group    = "rg-hopguard"
	location = "northeurope"
	snet     = "snet-functions"
)

// cloud is the reference world with a resource group and a subnet for the controller.
type cloud struct {
	*azuresim.Sim
	world     azuresim.World
	given     map[string]any // the parameters
	resources []armtemplate.Resource
}

// newCloud makes one of two subscriptions: the appliances and the controller are in the first, and the tables that the controller
// looks after are in the second. So it gets rights in two resource groups of the first and in the whole second. Call it in a bubble.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{world: azuresim.TwoRegions(azuresim.TwoRegionsOptions{Subscriptions: 2})}
	c.world.ResourceGroups = append(c.world.ResourceGroups, azuresim.ResourceGroup{Subscription: c.sub(0), Name: group, Location: location})
	// Who does not say which identity it wants gets this one, which has no rights: only the deployed rights are tried here.
	c.world.Principals[0].Roles = nil
	var err error
	if c.Sim, err = azuresim.New(c.world, azuresim.Options{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	hub := c.world.VirtualNetworks[1]
	subnet := hub.SubnetID(snet)
	status, body := c.call(t, "PUT", subnet, "2024-05-01", `{"properties":{"addressPrefix":"10.2.9.0/27","delegations":[{"name":"functions","properties":{"serviceName":"Microsoft.App/environments"}}]}}`)
	if status != http.StatusCreated {
		t.Fatalf("make the subnet: %d %s", status, body)
	}
	time.Sleep(time.Minute) // until the network is no longer Updating
	c.given = map[string]any{
		"configuration":    c.configuration(),
		"subscriptionIds":  []string{c.sub(1)},
		"resourceGroupIds": c.appliances(),
		"subnetId":         subnet,
		"packageUri":       "https://example.test/hopguard-functions-linux-amd64.zip",
		"alertEmails":      []string{"noc@contoso.example", "ada@contoso.example"},
		"tags":             map[string]string{"team": "network"},
	}
	return c
}

func (c *cloud) sub(i int) string { return c.world.Subscriptions[i].ID }

// appliances are the resource groups of the appliances.
func (c *cloud) appliances() []string {
	return []string{"/subscriptions/" + c.sub(0) + "/resourceGroups/mrg-vmx-a", "/subscriptions/" + c.sub(0) + "/resourceGroups/mrg-vmx-b"}
}

// scopes is where the controller has rights.
func (c *cloud) scopes() []string { return append(c.appliances(), "/subscriptions/"+c.sub(1)) }

// configuration is what a person writes: neither store nor credential are in it.
func (c *cloud) configuration() string {
	var b strings.Builder
	b.WriteString("azure:\n  subscriptions: [" + c.sub(1) + "]\ngroups:\n  - name: emea\n    members:\n")
	for _, m := range c.world.VirtualMachines {
		if m.Appliance {
			b.WriteString("      - {name: " + m.Name + ", vm: " + m.ID() + "}\n")
		}
	}
	b.WriteString("    checks:\n      - {kind: vm-status, interval: 10s, confirmInterval: 1s, fall: 1, rise: 1}\n")
	return b.String()
}

// call makes one call to ARM as the owner.
func (c *cloud) call(t *testing.T, method, id, version, body string) (int, []byte) {
	t.Helper()
	token, _, err := c.Token("owner")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "https://management.azure.com"+id+"?api-version="+version, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, data
}

// get reads a resource that must be there.
func (c *cloud) get(t *testing.T, id, version string) map[string]any {
	t.Helper()
	status, body := c.call(t, "GET", id, version, "")
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", id, status, body)
	}
	return parse(t, body)
}

func parse(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

// dig follows member names, and numbers into lists.
func dig(v any, path ...string) any {
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (c *cloud) scope() armtemplate.Scope {
	return armtemplate.Scope{Tenant: azuresim.DefaultTenant, Subscription: c.sub(0), Group: group, Location: location}
}

func (c *cloud) deploymentID() string {
	return c.scope().ID() + "/providers/Microsoft.Resources/deployments/hopguard"
}

// values are the parameters as a request has them.
func (c *cloud) values(t *testing.T) json.RawMessage {
	t.Helper()
	list := map[string]any{}
	for name, v := range c.given {
		list[name] = map[string]any{"value": v}
	}
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// deploy deploys the template as a client does and gives its last answer, which says Succeeded or why not.
func (c *cloud) deploy(t *testing.T) map[string]any {
	t.Helper()
	parameters := c.values(t)
	body, err := json.Marshal(map[string]any{"properties": map[string]any{"mode": "Incremental", "template": json.RawMessage(arm.Template), "parameters": parameters}})
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := c.call(t, "PUT", c.deploymentID(), "2022-09-01", string(body)); status >= 300 {
		t.Fatalf("deploy: %d %s", status, answer)
	}
	template, err := armtemplate.Parse(arm.Template)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := template.Bind(c.scope(), parameters)
	if err != nil {
		t.Fatal(err)
	}
	c.resources = plan.Resources
	const patience = 10 * time.Minute
	for began := time.Now(); ; time.Sleep(5 * time.Second) {
		d := c.get(t, c.deploymentID(), "2022-09-01")
		switch state := dig(d, "properties", "provisioningState"); {
		case state == "Succeeded" || state == "Failed":
			return d
		case time.Since(began) > patience:
			t.Fatalf("the deployment is %v after %s", state, patience)
		}
	}
}

// succeed deploys and wants success.
func (c *cloud) succeed(t *testing.T) map[string]any {
	t.Helper()
	d := c.deploy(t)
	if dig(d, "properties", "provisioningState") != "Succeeded" {
		text, err := json.MarshalIndent(dig(d, "properties", "error"), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		t.Fatalf("the deployment failed: %s", text)
	}
	return d
}

// output is one output of a deployment.
func output(d map[string]any, name string) string {
	s, _ := dig(d, "properties", "outputs", name, "value").(string)
	return s
}

// settings are the app settings of the deployed app.
func (c *cloud) settings(t *testing.T, d map[string]any) map[string]string {
	t.Helper()
	site := c.scope().ID() + "/providers/Microsoft.Web/sites/" + output(d, "functionAppName")
	status, body := c.call(t, "POST", site+"/config/appsettings/list", "2024-04-01", "")
	if status != http.StatusOK {
		t.Fatalf("list the app settings: %d %s", status, body)
	}
	var list struct{ Properties map[string]string }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	return list.Properties
}
