package appliance

import (
	"fmt"
	"strings"
)

// ResourceID is the id of an Azure resource. Azure answers with other casing
// than it was asked in, so ids are compared by Key and never with ==.
type ResourceID string

// Key returns the form that two ids of one resource share.
func (id ResourceID) Key() string {
	return strings.ToLower(strings.TrimSuffix(string(id), "/"))
}

// Equal reports whether both name the same resource.
func (id ResourceID) Equal(other ResourceID) bool { return id.Key() == other.Key() }

// Subscription returns the subscription's id, or "" if there is none.
func (id ResourceID) Subscription() string { return id.after("subscriptions") }

// ResourceGroup returns the resource group's name, or "" if there is none.
func (id ResourceID) ResourceGroup() string { return id.after("resourcegroups") }

// Name returns the last part of the id.
func (id ResourceID) Name() string {
	s := strings.TrimSuffix(string(id), "/")
	return s[strings.LastIndexByte(s, '/')+1:]
}

// Parent returns the id without its last type and name: a subnet's network.
func (id ResourceID) Parent() ResourceID {
	parts := strings.Split(strings.TrimSuffix(string(id), "/"), "/")
	if len(parts) < 2 {
		return ""
	}
	return ResourceID(strings.Join(parts[:len(parts)-2], "/"))
}

func (id ResourceID) after(segment string) string {
	parts := strings.Split(string(id), "/")
	for i := 0; i+1 < len(parts); i++ {
		if strings.EqualFold(parts[i], segment) {
			return parts[i+1]
		}
	}
	return ""
}

// ParseResourceID checks that s is the id of a resource of the given type, such
// as "Microsoft.Compute/virtualMachines", and returns it as it was written.
func ParseResourceID(s, kind string) (ResourceID, error) {
	want := fmt.Errorf("%q: want /subscriptions/<id>/resourceGroups/<name>/providers/%s/<name>", s, kind)
	parts := strings.Split(s, "/")
	provider := strings.Split(kind, "/")
	if len(parts) != 9 || parts[0] != "" || len(provider) != 2 {
		return "", want
	}
	fixed := []struct {
		at   int
		word string
	}{{1, "subscriptions"}, {3, "resourceGroups"}, {5, "providers"}, {6, provider[0]}, {7, provider[1]}}
	for _, f := range fixed {
		if !strings.EqualFold(parts[f.at], f.word) {
			return "", want
		}
	}
	for _, at := range []int{2, 4, 8} {
		if parts[at] == "" {
			return "", want
		}
	}
	return ResourceID(s), nil
}
