package azuresim_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azuresim"
)

const (
	deployAPI    = "?api-version=2022-09-01"
	deploySub    = "/subscriptions/5b5c1a10-0000-4000-8000-000000000001"
	deployGroup  = deploySub + "/resourceGroups/rg-spoke-1"
	deployments  = "/providers/Microsoft.Resources/deployments/"
	groupSchema  = `"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0"`
	subSchema    = `"$schema":"https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#","contentVersion":"1.0.0.0"`
	newTable     = `{"type":"Microsoft.Network/routeTables","apiVersion":"2024-05-01","name":"rt-new","location":"westeurope","properties":{"routes":[]}}`
	newRoute     = `{"type":"Microsoft.Network/routeTables/routes","apiVersion":"2024-05-01","name":"rt-new/r","dependsOn":["[resourceId('Microsoft.Network/routeTables','rt-new')]"],"properties":{"addressPrefix":"10.99.0.0/16","nextHopType":"None"}}`
	showTheTable = `"outputs":{"state":{"type":"string","value":"[reference(resourceId('Microsoft.Network/routeTables','rt-new'),'2024-05-01').provisioningState]"}}`
)

// deployment is the body of a deployment of a template with these resources.
func deployment(resources, more string) string {
	return `{"properties":{"mode":"Incremental","template":{` + groupSchema + `,"resources":[` + resources + `]` + more + `}}}`
}

// inACloud runs in a bubble with the reference world.
func inACloud(t *testing.T, run func(t *testing.T, s *azuresim.Sim)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(azuresim.TwoRegions(azuresim.TwoRegionsOptions{Subscriptions: 2}), azuresim.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s)
	})
}

// ended waits for the end of a deployment and gives it.
func ended(t *testing.T, s *azuresim.Sim, id string) answer {
	t.Helper()
	for range 100 {
		a := call(t, s, "GET", id+deployAPI, "").want(t, http.StatusOK, "")
		if state := a.text("properties", "provisioningState"); state != "Accepted" && state != "Running" {
			return a
		}
		time.Sleep(time.Second)
	}
	t.Fatal("the deployment does not end")
	return answer{}
}

func TestADeploymentMakesItsResourcesInOrder(t *testing.T) {
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		id := deployGroup + deployments + "first"
		// As az writes it, the group in small letters.
		put := call(t, s, "PUT", strings.Replace(id, "resourceGroups", "resourcegroups", 1)+deployAPI, deployment(newRoute+","+newTable, ","+showTheTable)).want(t, http.StatusCreated, "")
		if put.text("properties", "provisioningState") != "Accepted" || put.text("id") != id {
			t.Errorf("the first answer is %s", put.raw)
		}
		poll := put.header.Get("Azure-AsyncOperation")
		time.Sleep(1500 * time.Millisecond)
		if a := call(t, s, "GET", poll, "").want(t, http.StatusOK, ""); a.text("status") != "Running" {
			t.Errorf("the operation is %s, want Running", a.raw)
		}
		again := call(t, s, "PUT", id+deployAPI, deployment(newTable, "")).want(t, http.StatusConflict, "DeploymentActive")
		if !strings.Contains(again.text("error", "message"), "still active") {
			t.Errorf("a second one at the same time: %s", again.raw)
		}
		call(t, s, "DELETE", id+deployAPI, "").want(t, http.StatusConflict, "DeploymentBeingExecuted")
		end := ended(t, s, id)
		if end.text("properties", "provisioningState") != "Succeeded" || end.text("properties", "outputs", "state", "value") != "Succeeded" {
			t.Errorf("the deployment ended with %s", end.raw)
		}
		if a := call(t, s, "GET", poll, "").want(t, http.StatusOK, ""); a.text("status") != "Succeeded" {
			t.Errorf("the operation is %s, want Succeeded", a.raw)
		}
		call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-new/routes/r"+netAPI, "").want(t, http.StatusOK, "")
		steps := call(t, s, "GET", id+"/operations"+deployAPI, "").want(t, http.StatusOK, "")
		var order []string
		for _, v := range dig(steps.body, "value").([]any) {
			order = append(order, dig(v, "properties", "targetResource", "resourceType").(string)+" "+dig(v, "properties", "statusCode").(string))
		}
		if d := cmp.Diff([]string{"Microsoft.Network/routeTables Created", "Microsoft.Network/routeTables/routes Created"}, order); d != "" {
			t.Errorf("operations (-want +got):\n%s", d)
		}
		one := steps.text("value", "0", "operationId")
		call(t, s, "GET", id+"/operations/"+one+deployAPI, "").want(t, http.StatusOK, "")
		call(t, s, "GET", id+"/operations/none"+deployAPI, "").want(t, http.StatusNotFound, "DeploymentOperationNotFound")
		// The address without a provider is the documented one.
		if a := call(t, s, "GET", deploySub+"/resourcegroups/rg-spoke-1/deployments/first/operations"+deployAPI, "").want(t, http.StatusOK, ""); string(a.raw) != string(steps.raw) {
			t.Errorf("the other address of the operations shows %s", a.raw)
		}
		call(t, s, "PUT", id+deployAPI, deployment(newTable, "")).want(t, http.StatusOK, "")
	})
}

// Two routes of one table are sent at once, of which Network takes one at a time: the other is sent again when the answer says so.
func TestADeploymentWaitsWhereItIsToldTo(t *testing.T) {
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		id := deployGroup + deployments + "d"
		second := strings.NewReplacer("rt-new/r", "rt-new/q", "10.99.", "10.98.").Replace(newRoute)
		call(t, s, "PUT", id+deployAPI, deployment(newTable+","+newRoute+","+second, "")).want(t, http.StatusCreated, "")
		if end := ended(t, s, id); end.text("properties", "provisioningState") != "Succeeded" {
			t.Errorf("the deployment ended with %s", end.raw)
		}
		for _, name := range []string{"r", "q"} {
			call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-new/routes/"+name+netAPI, "").want(t, http.StatusOK, "")
		}
	})
}

func TestADeploymentOfADeletedGroupIsGone(t *testing.T) {
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		group := deploySub + "/resourceGroups/rg-short"
		call(t, s, "PUT", group+groupAPI, `{"location":"westeurope"}`).want(t, http.StatusCreated, "")
		call(t, s, "PUT", group+deployments+"d"+deployAPI, deployment(newTable, "")).want(t, http.StatusCreated, "")
		ended(t, s, group+deployments+"d")
		call(t, s, "DELETE", group+groupAPI, "").want(t, http.StatusAccepted, "")
		time.Sleep(time.Minute)
		call(t, s, "PUT", group+groupAPI, `{"location":"westeurope"}`).want(t, http.StatusCreated, "")
		call(t, s, "GET", group+deployments+"d"+deployAPI, "").want(t, http.StatusNotFound, "DeploymentNotFound")
	})
}

func TestADeploymentIsForgotten(t *testing.T) {
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		id := deployGroup + deployments + "d"
		call(t, s, "PUT", id+deployAPI, deployment(newTable, "")).want(t, http.StatusCreated, "")
		ended(t, s, id)
		call(t, s, "HEAD", id+deployAPI, "").want(t, http.StatusNoContent, "")
		gone := call(t, s, "DELETE", id+deployAPI, "").want(t, http.StatusAccepted, "")
		call(t, s, "GET", gone.header.Get("Location"), "").want(t, http.StatusAccepted, "")
		time.Sleep(5 * time.Second)
		call(t, s, "GET", gone.header.Get("Location"), "").want(t, http.StatusNoContent, "")
		call(t, s, "GET", id+deployAPI, "").want(t, http.StatusNotFound, "DeploymentNotFound")
		call(t, s, "DELETE", id+deployAPI, "").want(t, http.StatusNoContent, "")
		call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-new"+netAPI, "").want(t, http.StatusOK, "")
	})
}

func TestAFailedResourceFailsTheDeployment(t *testing.T) {
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		id := deployGroup + deployments + "d"
		bad := strings.Replace(newRoute, "10.99.0.0/16", "10.99.0.1/16", 1)
		after := strings.NewReplacer("rt-new/r", "rt-new/after", "[resourceId('Microsoft.Network/routeTables','rt-new')]", "[resourceId('Microsoft.Network/routeTables/routes','rt-new','r')]").Replace(newRoute)
		other := strings.Replace(newTable, "rt-new", "rt-other", 1)
		call(t, s, "PUT", id+deployAPI, deployment(after+","+bad+","+newTable+","+other, ","+showTheTable)).want(t, http.StatusCreated, "")
		end := ended(t, s, id)
		want := []string{"Failed", "DeploymentFailed", "InvalidCIDRNotation"}
		got := []string{end.text("properties", "provisioningState"), end.text("properties", "error", "code"), end.text("properties", "error", "details", "0", "code")}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if dig(end.body, "properties", "outputs") != nil {
			t.Errorf("a failed deployment has outputs: %s", end.raw)
		}
		// What does not depend on it is there, what does was never sent.
		call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-other"+netAPI, "").want(t, http.StatusOK, "")
		call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-new/routes/after"+netAPI, "").want(t, http.StatusNotFound, "NotFound")
	})
}

func TestATemplateIsRefusedBeforeAnythingIsMade(t *testing.T) {
	const resource = `{"type":"Microsoft.Network/routeTables","apiVersion":"2024-05-01","name":"[nothing()]","location":"westeurope"}`
	for _, test := range []struct {
		name, who, body, code, text string
		status                      int
	}{
		{"function", "owner", deployment(resource, ""), "InvalidTemplate", "resources[0].name: unknown function nothing()", http.StatusBadRequest},
		{"type", "owner", deployment(strings.Replace(newTable, "routeTables", "vpnGateways", 1), ""), "InvalidTemplateDeployment", "InvalidResourceType", http.StatusBadRequest},
		{"provider", "owner", deployment(strings.Replace(newTable, "Microsoft.Network", "Contoso.Things", 1), ""), "InvalidTemplateDeployment", "InvalidResourceNamespace", http.StatusBadRequest},
		{"api-version", "owner", deployment(strings.Replace(newTable, "2024-05-01", "2024-05-02", 1), ""), "InvalidTemplateDeployment", "NoRegisteredProviderFound", http.StatusBadRequest},
		{"mode", "owner", strings.Replace(deployment(newTable, ""), "Incremental", "Complete", 1), "InvalidRequestContent", "Complete", http.StatusBadRequest},
		{"link", "owner", strings.Replace(deployment(newTable, ""), `"mode"`, `"templateLink":{},"mode"`, 1), "InvalidRequestContent", "properties.templateLink", http.StatusBadRequest},
		{"location", "owner", strings.Replace(deployment(newTable, ""), `{"properties"`, `{"location":"westeurope","properties"`, 1), "InvalidDeployment", "location", http.StatusBadRequest},
		{"no-json", "owner", `{"properties":`, "InvalidRequestContent", "could not be deserialized", http.StatusBadRequest},
		{"rights", "reader", deployment(newTable, ""), "AuthorizationFailed", "Microsoft.Resources/deployments/write", http.StatusForbidden},
		{"rights-of-a-resource", "deployer", deployment(newTable, ""), "InvalidTemplateDeployment", "Authorization failed for template resource 'rt-new' of type 'Microsoft.Network/routeTables'", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
				w.Principals = append(w.Principals, azuresim.Principal{Name: "deployer", ObjectID: "d", AppID: "a", Roles: []azuresim.Assignment{{Scope: deploySub, Actions: []string{"Microsoft.Resources/*"}}}})
				s, err := azuresim.New(w, azuresim.Options{Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				a := callAs(t, s, test.who, "PUT", deployGroup+deployments+"d"+deployAPI, test.body).want(t, test.status, test.code)
				if !strings.Contains(string(a.raw), test.text) {
					t.Errorf("the error does not tell of %q: %s", test.text, a.raw)
				}
				if test.who == "owner" {
					call(t, s, "POST", deployGroup+deployments+"d/validate"+deployAPI, test.body).want(t, test.status, test.code)
				}
				call(t, s, "GET", deployGroup+deployments+"d"+deployAPI, "").want(t, http.StatusNotFound, "DeploymentNotFound")
				call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-new"+netAPI, "").want(t, http.StatusNotFound, "ResourceNotFound")
			})
		})
	}
}

func TestValidationMakesNothing(t *testing.T) {
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		id := deployGroup + deployments + "d"
		a := call(t, s, "POST", id+"/validate"+deployAPI, deployment(newTable, "")).want(t, http.StatusOK, "")
		if a.text("properties", "validatedResources", "0", "id") != deployGroup+"/providers/Microsoft.Network/routeTables/rt-new" {
			t.Errorf("validated: %s", a.raw)
		}
		time.Sleep(time.Minute)
		call(t, s, "GET", id+deployAPI, "").want(t, http.StatusNotFound, "DeploymentNotFound")
		call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-new"+netAPI, "").want(t, http.StatusNotFound, "ResourceNotFound")
	})
}

func TestANestedDeploymentReachesAnotherScope(t *testing.T) {
	const second = "/subscriptions/5b5c1a10-0000-4000-8000-000000000002"
	nested := func(group string) string {
		return `{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"inside","subscriptionId":"5b5c1a10-0000-4000-8000-000000000002","resourceGroup":"` + group +
			`","properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"inner"},"template":{` + groupSchema + `,"resources":[` + newTable + `]}}}`
	}
	body := func(group string) string {
		return `{"location":"westeurope","properties":{"mode":"Incremental","template":{` + subSchema + `,"resources":[` + nested(group) + `]}}}`
	}
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		id := deploySub + deployments + "outside"
		call(t, s, "PUT", id+deployAPI, strings.Replace(body("rg-spoke-2"), `"location":"westeurope",`, "", 1)).want(t, http.StatusBadRequest, "LocationRequired")
		call(t, s, "PUT", id+deployAPI, body("rg-spoke-2")).want(t, http.StatusCreated, "")
		if end := ended(t, s, id); end.text("properties", "provisioningState") != "Succeeded" || end.text("location") != "westeurope" {
			t.Errorf("the deployment ended with %s", end.raw)
		}
		call(t, s, "GET", second+"/resourceGroups/rg-spoke-2/providers/Microsoft.Network/routeTables/rt-new"+netAPI, "").want(t, http.StatusOK, "")
		call(t, s, "GET", second+"/resourceGroups/rg-spoke-2"+deployments+"inside"+deployAPI, "").want(t, http.StatusOK, "")
		call(t, s, "PUT", id+deployAPI, strings.Replace(body("rg-spoke-2"), `"location":"westeurope",`, `"location":"northeurope",`, 1)).want(t, http.StatusConflict, "InvalidDeploymentLocation")

		call(t, s, "PUT", id+deployAPI, body("nowhere")).want(t, http.StatusOK, "")
		end := ended(t, s, id)
		if end.text("properties", "error", "details", "0", "code") != "ResourceGroupNotFound" {
			t.Errorf("a missing group: %s", end.raw)
		}
		list := call(t, s, "GET", deploySub+"/providers/Microsoft.Resources/deployments"+deployAPI, "").want(t, http.StatusOK, "")
		if n := len(dig(list.body, "value").([]any)); n != 1 {
			t.Errorf("%d deployments in the subscription, want 1: %s", n, list.raw)
		}
	})
}

// az writes the template into the request as it is, comments and all, after a member name without quotes.
func TestADeploymentIsReadAsAzWritesIt(t *testing.T) {
	inACloud(t, func(t *testing.T, s *azuresim.Sim) {
		id := deployGroup + deployments + "d"
		tagged := strings.Replace(newTable, `"location"`, "\"tags\": {\"a\": \"// no comment, \\\" /* nor this */ 1e5\nand a line\"}, // a comment\n /* and\nanother */ location", 1)
		body := `{"properties": {"parameters": {}, "mode": "Incremental", template:{` + groupSchema + `,"resources":[` + tagged + `]}}}`
		call(t, s, "PUT", id+deployAPI, body).want(t, http.StatusCreated, "")
		if end := ended(t, s, id); end.text("properties", "provisioningState") != "Succeeded" {
			t.Fatalf("the deployment ended with %s", end.raw)
		}
		table := call(t, s, "GET", deployGroup+"/providers/Microsoft.Network/routeTables/rt-new"+netAPI, "").want(t, http.StatusOK, "")
		if got, want := table.text("tags", "a"), "// no comment, \" /* nor this */ 1e5\nand a line"; got != want {
			t.Errorf("the tag is %q, want %q", got, want)
		}
	})
}
