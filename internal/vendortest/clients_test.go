package vendortest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"hopguard/internal/azuresim"
)

const (
	sub1 = "5b5c1a10-0000-4000-8000-000000000001"
	vmxA = "/subscriptions/" + sub1 + "/resourceGroups/mrg-vmx-a/providers/Microsoft.Compute/virtualMachines/vmx-a"
)

// newSim builds the reference world.
func newSim(t *testing.T, o azuresim.Options) *azuresim.Sim {
	t.Helper()
	s, err := azuresim.New(azuresim.TwoRegions(azuresim.TwoRegionsOptions{}), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// credential takes tokens of one principal straight from the simulator.
type credential struct {
	s    *azuresim.Sim
	name string
}

func (c credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, expires, err := c.s.Token(c.name)
	return azcore.AccessToken{Token: token, ExpiresOn: expires}, err
}

// clientOptions point the official clients at the simulator, in memory.
func clientOptions(s *azuresim.Sim) *arm.ClientOptions {
	return &arm.ClientOptions{DisableRPRegistration: true, ClientOptions: policy.ClientOptions{
		Transport: &http.Client{Transport: s.Transport()},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.example/", Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: "https://management.azure.com", Audience: "https://management.core.windows.net/"},
		}},
	}}
}

func TestOfficialClientsMoveATableInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, azuresim.Options{})
		opts := clientOptions(s)
		cred, err := azidentity.NewClientSecretCredential(azuresim.DefaultTenant, "a9900001-0000-4000-8000-000000000001", "secret",
			&azidentity.ClientSecretCredentialOptions{ClientOptions: opts.ClientOptions, DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		tables, err := armnetwork.NewRouteTablesClient(sub1, cred, opts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tables.Get(t.Context(), "rg-spoke-1", "rt-spoke-001", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Properties.Routes {
			r.Properties.NextHopIPAddress = new("10.2.0.4")
		}
		start := time.Now()
		ctx := policy.WithHTTPHeader(t.Context(), http.Header{"If-Match": {*got.Etag}})
		poller, err := tables.BeginCreateOrUpdate(ctx, "rg-spoke-1", "rt-spoke-001", got.RouteTable, nil)
		if err != nil {
			t.Fatal(err)
		}
		done, err := poller.PollUntilDone(t.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if *done.Properties.ProvisioningState != armnetwork.ProvisioningStateSucceeded || *done.Properties.Routes[0].Properties.NextHopIPAddress != "10.2.0.4" {
			t.Errorf("after the poll: %s, %s", *done.Properties.ProvisioningState, *done.Properties.Routes[0].Properties.NextHopIPAddress)
		}
		if took := time.Since(start); took < 2*time.Second || took > 3*time.Second {
			t.Errorf("the write took %v, want a little more than 2s", took)
		}
		_, err = tables.BeginCreateOrUpdate(ctx, "rg-spoke-1", "rt-spoke-001", got.RouteTable, nil)
		re, ok := errors.AsType[*azcore.ResponseError](err)
		if !ok || re.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("a PUT with the old etag: %v, want 412", err)
		}
	})
}

func TestOfficialClientsReadAndStopMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, azuresim.Options{})
		vms, err := armcompute.NewVirtualMachinesClient(sub1, credential{s, "owner"}, clientOptions(s))
		if err != nil {
			t.Fatal(err)
		}
		power := func() string {
			pager := vms.NewListAllPager(&armcompute.VirtualMachinesClientListAllOptions{StatusOnly: new("true")})
			for pager.More() {
				page, err := pager.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, vm := range page.Value {
					if !strings.EqualFold(*vm.ID, vmxA) {
						continue
					}
					for _, st := range vm.Properties.InstanceView.Statuses {
						if p, ok := strings.CutPrefix(*st.Code, "PowerState/"); ok {
							return p
						}
					}
				}
			}
			return ""
		}
		if got := power(); got != "running" {
			t.Errorf("power = %q, want running", got)
		}
		poller, err := vms.BeginPowerOff(t.Context(), "mrg-vmx-a", "vmx-a", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got := power(); got != "stopping" {
			t.Errorf("power = %q, want stopping", got)
		}
		if _, err := poller.PollUntilDone(t.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Second}); err != nil {
			t.Fatal(err)
		}
		if got := power(); got != "stopped" {
			t.Errorf("power = %q, want stopped", got)
		}
		view, err := vms.InstanceView(t.Context(), "mrg-vmx-a", "vmx-a", nil)
		if err != nil || len(view.Statuses) != 2 {
			t.Errorf("instance view: %v, %v", view.Statuses, err)
		}
	})
}
