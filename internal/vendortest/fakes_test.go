package vendortest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	computefake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"
	networkfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9/fake"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/probe"
	"hopguard/internal/route"
	"hopguard/internal/store"
)

// vendor is an ARM made of Microsoft's own fakes: their routing, their types and
// their JSON, with a little state behind them. Nothing of it was written for this
// program's simulator, or with it.
type vendor struct {
	network *networkfake.ServerFactoryTransport
	compute *computefake.ServerFactoryTransport

	mu     sync.Mutex
	tables map[string]*armnetwork.RouteTable
	until  map[string]time.Time // when the running write of a table ends
	power  map[string]string
	etag   int
	writes []string
	// refuse is how many writes get a 412 whatever their etag.
	refuse int
}

const (
	hopA, hopB = "10.1.0.4", "10.2.0.4"
)

type ifMatchKey struct{}

// Do implements policy.Transporter. The fakes find the method by a name that
// generated clients put into the context.
func (v *vendor) Do(r *http.Request) (*http.Response, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	name := map[string]string{
		"GET virtualMachines list": "VirtualMachinesClient.NewListAllPager",
		"GET virtualMachines":      "VirtualMachinesClient.Get",
		"GET networkInterfaces":    "InterfacesClient.Get",
		"GET routeTables list":     "RouteTablesClient.NewListAllPager",
		"GET routeTables":          "RouteTablesClient.Get",
		"PUT routeTables":          "RouteTablesClient.BeginCreateOrUpdate",
	}
	key := r.Method + " " + parts[len(parts)-2]
	if len(parts) == 5 || strings.HasPrefix(parts[len(parts)-1], "fake_page_") {
		key = r.Method + " " + parts[4] + " list"
	}
	if name[key] == "" {
		body := io.NopCloser(strings.NewReader(`{"error":{"code":"InvalidResourceType","message":"` + key + `"}}`))
		return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: body, Request: r}, nil
	}
	ctx := context.WithValue(r.Context(), runtime.CtxAPINameKey{}, name[key])
	r = r.WithContext(context.WithValue(ctx, ifMatchKey{}, r.Header.Get("If-Match")))
	do := v.network.Do
	if strings.Contains(r.URL.Path, "/Microsoft.Compute/") {
		do = v.compute.Do
	}
	resp, err := do(r)
	if e, ok := errors.AsType[*azcore.ResponseError](err); ok && e.RawResponse != nil {
		return e.RawResponse, nil // what a real transport would have returned
	}
	return resp, err
}

func newVendor() *vendor {
	v := &vendor{
		tables: map[string]*armnetwork.RouteTable{}, until: map[string]time.Time{},
		power: map[string]string{"vmx-a": "running", "vmx-b": "running"},
	}
	for i := range 4 {
		name := fmt.Sprint("rt-", i)
		t := &armnetwork.RouteTable{
			ID: new("/subscriptions/" + sub1 + "/resourceGroups/rg/providers/Microsoft.Network/routeTables/" + name), Name: &name,
			Location: new("westeurope"), Tags: map[string]*string{"nva_ha_udr": new("emea"), "team": new("network")},
			Properties: &armnetwork.RouteTablePropertiesFormat{
				DisableBgpRoutePropagation: new(true), ProvisioningState: new(armnetwork.ProvisioningStateSucceeded),
				Routes: []*armnetwork.Route{
					{Name: new("branch"), Properties: &armnetwork.RoutePropertiesFormat{AddressPrefix: new("172.16.0.0/24"), NextHopType: new(armnetwork.RouteNextHopTypeVirtualAppliance), NextHopIPAddress: new(hopA)}},
					{Name: new("internet"), Properties: &armnetwork.RoutePropertiesFormat{AddressPrefix: new("0.0.0.0/0"), NextHopType: new(armnetwork.RouteNextHopTypeInternet)}},
				},
			},
		}
		if i == 3 {
			t.Tags["nva_ha_udr"] = new("emea2")
		}
		v.renew(t)
		v.tables[name] = t
	}
	network := &networkfake.ServerFactory{}
	network.RouteTablesServer.Get = v.getTable
	network.RouteTablesServer.NewListAllPager = v.listTables
	network.RouteTablesServer.BeginCreateOrUpdate = v.putTable
	network.InterfacesServer.Get = v.getInterface
	compute := &computefake.ServerFactory{}
	compute.VirtualMachinesServer.Get = v.getMachine
	compute.VirtualMachinesServer.NewListAllPager = v.listMachines
	v.network, v.compute = networkfake.NewServerFactoryTransport(network), computefake.NewServerFactoryTransport(compute)
	return v
}

func (v *vendor) renew(t *armnetwork.RouteTable) {
	v.etag++
	t.Etag = new(fmt.Sprintf(`W/"%d"`, v.etag))
}

// settle ends the write of a table whose time has come. The caller holds v.
func (v *vendor) settle(name string) *armnetwork.RouteTable {
	t := v.tables[name]
	if until, ok := v.until[name]; ok && !time.Now().Before(until) {
		delete(v.until, name)
		t.Properties.ProvisioningState = new(armnetwork.ProvisioningStateSucceeded)
		v.renew(t)
	}
	return t
}

func (v *vendor) getTable(_ context.Context, _, name string, _ *armnetwork.RouteTablesClientGetOptions) (resp azfake.Responder[armnetwork.RouteTablesClientGetResponse], e azfake.ErrorResponder) {
	v.mu.Lock()
	defer v.mu.Unlock()
	resp.SetResponse(http.StatusOK, armnetwork.RouteTablesClientGetResponse{RouteTable: *v.settle(name)}, nil)
	return resp, e
}

func (v *vendor) listTables(*armnetwork.RouteTablesClientListAllOptions) (resp azfake.PagerResponder[armnetwork.RouteTablesClientListAllResponse]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var pages [2][]*armnetwork.RouteTable
	for i := range len(v.tables) {
		pages[i%2] = append(pages[i%2], v.settle(fmt.Sprint("rt-", i)))
	}
	for _, p := range pages {
		resp.AddPage(http.StatusOK, armnetwork.RouteTablesClientListAllResponse{RouteTableListResult: armnetwork.RouteTableListResult{Value: p}}, nil)
	}
	return resp
}

func (v *vendor) putTable(ctx context.Context, _, name string, t armnetwork.RouteTable, _ *armnetwork.RouteTablesClientBeginCreateOrUpdateOptions) (resp azfake.PollerResponder[armnetwork.RouteTablesClientCreateOrUpdateResponse], e azfake.ErrorResponder) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.writes = append(v.writes, name)
	old := v.settle(name)
	switch _, running := v.until[name]; {
	case v.refuse > 0 || ctx.Value(ifMatchKey{}) != *old.Etag:
		v.refuse--
		e.SetResponseError(http.StatusPreconditionFailed, "PreconditionFailed")
		return resp, e
	case running:
		e.SetResponseError(http.StatusTooManyRequests, "RetryableError")
		return resp, e
	}
	t.Properties.ProvisioningState = new(armnetwork.ProvisioningStateUpdating)
	v.renew(&t)
	v.tables[name], v.until[name] = &t, time.Now().Add(2*time.Second)
	resp.SetTerminalResponse(http.StatusOK, armnetwork.RouteTablesClientCreateOrUpdateResponse{RouteTable: t}, nil)
	return resp, e
}

func (v *vendor) getInterface(_ context.Context, group, name string, _ *armnetwork.InterfacesClientGetOptions) (resp azfake.Responder[armnetwork.InterfacesClientGetResponse], e azfake.ErrorResponder) {
	addr := map[string]string{"nic-vmx-a": hopA, "nic-vmx-b": hopB}[name]
	resp.SetResponse(http.StatusOK, armnetwork.InterfacesClientGetResponse{Interface: armnetwork.Interface{
		ID: new("/subscriptions/" + sub1 + "/resourceGroups/" + group + "/providers/Microsoft.Network/networkInterfaces/" + name),
		Properties: &armnetwork.InterfacePropertiesFormat{IPConfigurations: []*armnetwork.InterfaceIPConfiguration{{
			Name: new("ipconfig1"), Properties: &armnetwork.InterfaceIPConfigurationPropertiesFormat{
				PrivateIPAddress: &addr, Primary: new(true),
				Subnet: &armnetwork.Subnet{ID: new("/subscriptions/" + sub1 + "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/hub/subnets/vmx")},
			},
		}}},
	}}, nil)
	return resp, e
}

// machine is a machine without, or with, its instance view.
func (v *vendor) machine(name string, view bool) *armcompute.VirtualMachine {
	m := &armcompute.VirtualMachine{ID: new(string(machineID(name))), Name: &name, Location: new("westeurope"), Properties: &armcompute.VirtualMachineProperties{
		NetworkProfile: &armcompute.NetworkProfile{NetworkInterfaces: []*armcompute.NetworkInterfaceReference{{
			ID: new("/subscriptions/" + sub1 + "/resourceGroups/mrg/providers/Microsoft.Network/networkInterfaces/nic-" + name),
		}}},
	}}
	if view {
		m.Properties.InstanceView = &armcompute.VirtualMachineInstanceView{Statuses: []*armcompute.InstanceViewStatus{
			{Code: new("ProvisioningState/succeeded")}, {Code: new("PowerState/" + v.power[name])},
		}}
	}
	return m
}

func (v *vendor) getMachine(_ context.Context, _, name string, o *armcompute.VirtualMachinesClientGetOptions) (resp azfake.Responder[armcompute.VirtualMachinesClientGetResponse], e azfake.ErrorResponder) {
	v.mu.Lock()
	defer v.mu.Unlock()
	resp.SetResponse(http.StatusOK, armcompute.VirtualMachinesClientGetResponse{VirtualMachine: *v.machine(name, o != nil && o.Expand != nil)}, nil)
	return resp, e
}

func (v *vendor) listMachines(o *armcompute.VirtualMachinesClientListAllOptions) (resp azfake.PagerResponder[armcompute.VirtualMachinesClientListAllResponse]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	view := o != nil && o.StatusOnly != nil && *o.StatusOnly == "true"
	resp.AddPage(http.StatusOK, armcompute.VirtualMachinesClientListAllResponse{VirtualMachineListResult: armcompute.VirtualMachineListResult{
		Value: []*armcompute.VirtualMachine{v.machine("vmx-a", view), v.machine("vmx-b", view)},
	}}, nil)
	return resp
}

// hops are the next hops of the tables' branch routes, by table.
func (v *vendor) hops() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for i := range len(v.tables) {
		out = append(out, *v.tables[fmt.Sprint("rt-", i)].Properties.Routes[0].Properties.NextHopIPAddress)
	}
	return out
}

func machineID(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/" + sub1 + "/resourceGroups/mrg/providers/Microsoft.Compute/virtualMachines/" + name)
}

func mustBe(t *testing.T, r *controller.Report, want controller.State) {
	t.Helper()
	if got := r.State(); got != want {
		t.Fatalf("state = %s, want %s: %v, %v", got, want, r.Err(), r.Warnings)
	}
}

func TestATickMovesTheRoutesOfAnARMThatIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor()
		client, err := azure.New(azure.Settings{Transport: v, TokenCredential: &azfake.TokenCredential{}, Subscriptions: []string{sub1}})
		if err != nil {
			t.Fatal(err)
		}
		g := appliance.Group{Name: "emea", Preferred: "vmx-a", Members: []appliance.Member{{Name: "vmx-a", VM: machineID("vmx-a")}, {Name: "vmx-b", VM: machineID("vmx-b")}}}
		c := &controller.Controller{
			Group: g, Policy: decide.Policy{Group: g, Failback: decide.FailbackManual, HoldDown: time.Minute, MaxTransitions: 4, Per: time.Hour},
			Checks: []controller.Check{{Check: decide.Check{Name: "vm-status", Fall: 3, Rise: 2}, Confirm: 2 * time.Second}}, Vote: decide.Vote{Down: 1},
			Selection: route.Selection{TagName: "nva_ha_udr", TagValue: "emea"},
			Prober:    probe.Set{Members: g.Members, Checks: []probe.Check{{Name: "vm-status", Timeout: 5 * time.Second, Question: probe.VMStatus{Power: client}}}},
			Records:   &store.Memory{}, Cloud: client, Now: time.Now,
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		term, err := lease.Local{Holder: "test"}.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Agreed)
		time.Sleep(10 * time.Second)
		v.mu.Lock()
		v.power["vmx-a"], v.refuse = "stopped", 1
		v.mu.Unlock()
		r := c.Tick(t.Context(), term, controller.Request{})
		mustBe(t, r, controller.Degraded)
		if r.Decision.Reason != decide.ReasonActiveDown || len(r.Outcomes) != 3 {
			t.Errorf("decision %+v, %d outcomes", r.Decision, len(r.Outcomes))
		}
		for _, o := range r.Outcomes {
			if !o.Done() {
				t.Errorf("%s: %v", o.Table, o.Err)
			}
		}
		if got, want := v.hops(), []string{hopB, hopB, hopB, hopA}; !slices.Equal(got, want) {
			t.Errorf("next hops %v, want %v", got, want)
		}
		for name, table := range v.tables {
			p := table.Properties
			if *table.Tags["team"] != "network" || !*p.DisableBgpRoutePropagation || len(p.Routes) != 2 || *p.Routes[1].Properties.NextHopType != armnetwork.RouteNextHopTypeInternet {
				t.Errorf("%s has lost something", name)
			}
		}
		if n := len(v.writes); n != 4 {
			t.Errorf("%d writes, want one for each table and one that was refused", n)
		}
		time.Sleep(10 * time.Second)
		mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Degraded)
		if n := len(v.writes); n != 4 {
			t.Errorf("%d writes after a quiet tick, want no more", n)
		}
	})
}
