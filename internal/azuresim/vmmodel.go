package azuresim

import "strings"

// vmDocument is a machine's model made from a body: what the service adds to what the client said.
func vmDocument(body object) object {
	var doc object
	if tags, ok := tagsOf(body); ok {
		doc = append(doc, member{"tags", tags})
	}
	doc = append(doc, body.without(append(readOnly(), "tags", "properties", "identity")...)...)
	if id := body.obj("identity"); id.str("type") != "" && !strings.EqualFold(id.str("type"), "None") {
		doc = append(doc, member{"identity", id})
	}
	p := body.obj("properties").clone()
	p.drop("provisioningState", "vmId", "timeCreated", "instanceView")
	if len(p.obj("additionalCapabilities")) == 0 {
		p.drop("additionalCapabilities") // an empty one is not shown: Terraform's provider sends it and expects none back
	}
	storage := p.obj("storageProfile")
	image, disk := storage.obj("imageReference"), storage.obj("osDisk")
	windows := strings.Contains(lower(image.str("publisher")), "windows")
	if len(image) > 0 && image.str("exactVersion") == "" {
		image.set("exactVersion", exactVersion(image.str("version"), windows))
		storage.set("imageReference", image)
	}
	system, size := "Linux", "30"
	if windows {
		system, size = "Windows", "127"
	}
	disk.setDefault("osType", system)
	disk.setDefault("deleteOption", "Detach")
	disk.setDefault("diskSizeGB", raw([]byte(size)))
	storage.set("osDisk", disk)
	storage.setDefault("dataDisks", []any{})
	p.set("storageProfile", storage)
	if os := p.obj("osProfile"); len(os) > 0 {
		p.set("osProfile", osProfile(os, windows))
	}
	return append(doc, member{"properties", p})
}

func exactVersion(version string, windows bool) string {
	switch {
	case version != "" && version != "latest":
		return version
	case windows:
		return "17763.8276.260109"
	default:
		return "22.04.202511010"
	}
}

// osProfile adds the defaults of the guest's configuration and forgets the password.
func osProfile(os object, windows bool) object {
	os = os.without("adminPassword", "customData") // neither is ever shown
	patch := object{{"patchMode", "ImageDefault"}, {"assessmentMode", "ImageDefault"}}
	if windows {
		patch.set("patchMode", "AutomaticByOS")
		os.setDefault("windowsConfiguration", object{{"provisionVMAgent", true}, {"enableAutomaticUpdates", true}, {"patchSettings", patch}, {"enableVMAgentPlatformUpdates", true}})
	} else {
		os.setDefault("linuxConfiguration", object{{"disablePasswordAuthentication", false}, {"provisionVMAgent", true}, {"patchSettings", patch}, {"enableVMAgentPlatformUpdates", true}})
	}
	os.setDefault("secrets", []any{})
	os.setDefault("allowExtensionOperations", true)
	os.setDefault("requireGuestProvisionSignal", true)
	return os
}
