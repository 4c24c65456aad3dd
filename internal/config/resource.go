package config

import (
	"regexp"
	"strings"
)

// ResourceID is the full Azure Resource Manager id of a resource, as the configuration writes it. Azure ignores letter case
// in ids and itself changes it: do not compare two with ==.
type ResourceID string

// Ref is a resource given by its name, or by its full id when it starts with a slash.
type Ref string

// The types of resources that a configuration names.
const (
	typeVM      = "Microsoft.Compute/virtualMachines"
	typeNIC     = "Microsoft.Network/networkInterfaces"
	typeNetwork = "Microsoft.Network/virtualNetworks"
	typeSubnet  = "Microsoft.Network/virtualNetworks/subnets"
	typeTable   = "Microsoft.Network/routeTables"
)

// Patterns of names and ids; schema.json says the same.
var (
	guidPattern          = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	resourceGroupPattern = regexp.MustCompile(`^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$`)
	resourceNamePattern  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_-])?$`)
	groupNamePattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	wordPattern          = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	variablePattern      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	tenantPattern        = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
)

// idForm prints how an id of the type is written.
func idForm(resourceType string) string {
	space, names, _ := strings.Cut(resourceType, "/")
	return "/subscriptions/GUID/resourceGroups/NAME/providers/" + space + "/" + strings.ReplaceAll(names, "/", "/NAME/") + "/NAME"
}

// validID reports whether id is the full id of a resource of the type; letter case of the fixed parts does not count.
func validID(id, resourceType string) bool {
	want := strings.Split(idForm(resourceType), "/")
	got := strings.Split(id, "/")
	if len(got) != len(want) {
		return false
	}
	for i, part := range want {
		switch {
		case part == "GUID":
			if !guidPattern.MatchString(got[i]) {
				return false
			}
		case part == "NAME" && strings.EqualFold(want[i-1], "resourceGroups"):
			if !resourceGroupPattern.MatchString(got[i]) {
				return false
			}
		case part == "NAME":
			if !resourceNamePattern.MatchString(got[i]) {
				return false
			}
		case !strings.EqualFold(part, got[i]):
			return false
		}
	}
	return true
}

// validRef reports whether ref is the name or the full id of a resource of the type.
func validRef(ref Ref, resourceType string) bool {
	if strings.Contains(string(ref), "/") {
		return validID(string(ref), resourceType)
	}
	return resourceNamePattern.MatchString(string(ref))
}
