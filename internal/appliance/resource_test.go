package appliance_test

import (
	"testing"

	"pgregory.net/rapid"

	"hopguard/internal/appliance"
)

const vmID = "/subscriptions/5a1f/resourceGroups/rg-emea/providers/Microsoft.Compute/virtualMachines/vmx-a"

func TestResourceIDParts(t *testing.T) {
	tests := []struct {
		name                                string
		id                                  appliance.ResourceID
		subscription, group, last, inParent string
	}{
		{"virtual-machine", vmID, "5a1f", "rg-emea", "vmx-a", "/subscriptions/5a1f/resourceGroups/rg-emea/providers/Microsoft.Compute"},
		{
			"words-in-the-casing-that-azure-answers-with",
			"/SUBSCRIPTIONS/5A1F/resourcegroups/RG-EMEA/providers/microsoft.compute/virtualmachines/VMX-A/",
			"5A1F", "RG-EMEA", "VMX-A", "/SUBSCRIPTIONS/5A1F/resourcegroups/RG-EMEA/providers/microsoft.compute",
		},
		{
			"subnet-below-its-network",
			"/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/hub/subnets/lan",
			"5a1f", "rg", "lan", "/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/hub",
		},
		{"a-group-that-is-called-subscriptions", "/subscriptions/5a1f/resourceGroups/subscriptions", "5a1f", "subscriptions", "subscriptions", "/subscriptions/5a1f"},
		{"word-without-a-value", "/subscriptions", "", "", "subscriptions", ""},
		{"bare-name", "vmx-a", "", "", "vmx-a", ""},
		{"empty", "", "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for what, pair := range map[string][2]string{
				"Subscription()":  {tt.id.Subscription(), tt.subscription},
				"ResourceGroup()": {tt.id.ResourceGroup(), tt.group},
				"Name()":          {tt.id.Name(), tt.last},
				"Parent()":        {string(tt.id.Parent()), tt.inParent},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s of %q = %q, want %q", what, tt.id, pair[0], pair[1])
				}
			}
		})
	}
}

// Names that only begin alike are different resources: D15 and D17 of the peers.
func TestD17PrefixSimilarResourceIDsDiffer(t *testing.T) {
	tests := []struct {
		name string
		a, b appliance.ResourceID
		want bool
	}{
		{"same", vmID, vmID, true},
		{"other-casing", vmID, "/SUBSCRIPTIONS/5a1F/resourcegroups/RG-emea/providers/microsoft.compute/virtualmachines/VMX-A", true},
		{"slash-at-the-end", vmID, vmID + "/", true},
		{"longer-name", vmID, vmID + "0", false},
		{"child", vmID, vmID + "/extensions/x", false},
		{"empty", vmID, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.Equal(tt.b); got != tt.want {
				t.Errorf("%q.Equal(%q) = %v, want %v", tt.a, tt.b, got, tt.want)
			}
			if got := tt.b.Equal(tt.a); got != tt.want {
				t.Errorf("%q.Equal(%q) = %v, want %v", tt.b, tt.a, got, tt.want)
			}
		})
	}
}

func TestParseResourceID(t *testing.T) {
	want := func(s string) string {
		return `"` + s + `": want /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Compute/virtualMachines/<name>`
	}
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"as-documented", vmID, true},
		{"other-casing-is-kept", "/Subscriptions/5a1f/RESOURCEGROUPS/rg/providers/microsoft.compute/virtualmachines/vmx-a", true},
		{"empty", "", false},
		{"name-only", "vmx-a", false},
		{"no-leading-slash", "x" + vmID, false},
		{"slash-at-the-end", vmID + "/", false},
		{"another-type", "/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Compute/disks/vmx-a", false},
		{"another-provider", "/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Network/virtualMachines/vmx-a", false},
		{"no-subscription", "/subscriptions//resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vmx-a", false},
		{"no-resource-group", "/subscriptions/5a1f/resourceGroups//providers/Microsoft.Compute/virtualMachines/vmx-a", false},
		{"no-name", "/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/", false},
		{"a-word-misspelt", "/subscription/5a1f/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vmx-a", false},
		{"groups-misspelt", "/subscriptions/5a1f/resourceGroup/rg/providers/Microsoft.Compute/virtualMachines/vmx-a", false},
		{"providers-misspelt", "/subscriptions/5a1f/resourceGroups/rg/provider/Microsoft.Compute/virtualMachines/vmx-a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := appliance.ParseResourceID(tt.in, "Microsoft.Compute/virtualMachines")
			if tt.ok {
				if err != nil || string(got) != tt.in {
					t.Errorf("ParseResourceID() = %q, %v, want it as it was written", got, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("ParseResourceID() = %q, nil, want an error", got)
			}
			if got := err.Error(); got != want(tt.in) {
				t.Errorf("ParseResourceID() error = %q, want %q", got, want(tt.in))
			}
		})
	}
	if got, err := appliance.ParseResourceID(vmID, "virtualMachines"); err == nil {
		t.Errorf("ParseResourceID() for a type without provider = %q, nil, want an error", got)
	}
}

func TestResourceIDKeyIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := appliance.ResourceID(rapid.StringMatching(`(/[A-Za-z0-9._-]{1,8}){0,9}/?`).Draw(t, "id"))
		if got := appliance.ResourceID(id.Key()).Key(); got != id.Key() {
			t.Fatalf("Key() of a key = %q, want %q", got, id.Key())
		}
		if !appliance.ResourceID(id.Key()).Equal(id) {
			t.Fatalf("Equal() of %q and its key = false, want true", id)
		}
	})
}
