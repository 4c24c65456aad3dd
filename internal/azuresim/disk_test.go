package azuresim_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// freeNIC makes a NIC in the first spoke and gives its path; group is a security group's id or empty.
func freeNIC(t *testing.T, s *azuresim.Sim, group string) string {
	t.Helper()
	path := inGroup("Microsoft.Network/networkInterfaces", "host")
	extra := ""
	if group != "" {
		extra = `,"networkSecurityGroup":{"id":"` + group + `"}`
	}
	call(t, s, "PUT", path+netAPI, `{"location":"westeurope","properties":{"ipConfigurations":[{"name":"primary","properties":{"subnet":{"id":"`+spokeSubnet+`"}}}]`+extra+`}}`)
	return path
}

// TestAMachineFromAnImageBringsItsDisk, which stays behind when the machine is deleted, and never shows its custom data.
func TestAMachineFromAnImageBringsItsDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		nic := freeNIC(t, s, "")
		vm := inGroup("Microsoft.Compute/virtualMachines", "host")
		made(t, s, vm+computeAPI, `{"location":"westeurope","properties":{"hardwareProfile":{"vmSize":"Standard_B2ls_v2"},"additionalCapabilities":{},
			"storageProfile":{"imageReference":{"publisher":"Debian","offer":"debian-12","sku":"12-gen2","version":"latest"},"osDisk":{"createOption":"FromImage","managedDisk":{"storageAccountType":"StandardSSD_LRS"}}},
			"osProfile":{"computerName":"host","adminUsername":"a","customData":"c2VjcmV0"},"networkProfile":{"networkInterfaces":[{"id":"`+nic+`"}]}}}`, 201)
		got := call(t, s, "GET", vm+computeAPI, "").want(t, 200, "")
		disk := got.text("properties", "storageProfile", "osDisk", "managedDisk", "id")
		if strings.Contains(string(got.raw), "c2VjcmV0") || strings.Contains(string(got.raw), "additionalCapabilities") || disk == "" {
			t.Errorf("the machine: %s", got.raw)
		}
		const api = "?api-version=2023-04-02"
		if d := call(t, s, "GET", disk+api, "").want(t, 200, ""); d.text("sku", "name") != "StandardSSD_LRS" {
			t.Errorf("the disk: %s", d.raw)
		}
		call(t, s, "DELETE", disk+api, "").want(t, 409, "OperationNotAllowed")
		call(t, s, "DELETE", vm+computeAPI, "").want(t, 202, "")
		time.Sleep(time.Minute)
		gone := call(t, s, "DELETE", disk+api, "").want(t, 202, "")
		call(t, s, "GET", gone.header.Get("Azure-AsyncOperation"), "").want(t, 200, "")
		time.Sleep(time.Minute)
		call(t, s, "GET", disk+api, "").want(t, 404, "ResourceNotFound")
		call(t, s, "PUT", disk+api, `{"location":"westeurope"}`).want(t, 400, "NotSupported")
	})
}
