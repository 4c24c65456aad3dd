package azuresim_test

import (
	"testing"

	"hopguard/internal/azuresim"
)

const (
	sub1 = "5b5c1a10-0000-4000-8000-000000000001"
	vmxA = "/subscriptions/" + sub1 + "/resourceGroups/mrg-vmx-a/providers/Microsoft.Compute/virtualMachines/vmx-a"
	vmxB = "/subscriptions/" + sub1 + "/resourceGroups/mrg-vmx-b/providers/Microsoft.Compute/virtualMachines/vmx-b"
	rt1  = "/subscriptions/" + sub1 + "/resourceGroups/rg-spoke-1/providers/Microsoft.Network/routeTables/rt-spoke-001"
	nic1 = "/subscriptions/" + sub1 + "/resourceGroups/rg-spoke-1/providers/Microsoft.Network/networkInterfaces/nic-app-1"
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
