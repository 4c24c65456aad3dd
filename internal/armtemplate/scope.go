package armtemplate

import (
	"fmt"
	"strings"
)

// Scope is what a template is deployed to: a resource group, or a subscription if Group is empty.
type Scope struct {
	Tenant       string
	Subscription string
	Group        string
	// Location is the resource group's.
	Location string
}

// ID is the resource id of the scope.
func (s Scope) ID() string {
	if s.Group == "" {
		return "/subscriptions/" + s.Subscription
	}
	return "/subscriptions/" + s.Subscription + "/resourceGroups/" + s.Group
}

// group is what resourceGroup() gives.
func (s Scope) group() (any, error) {
	if s.Group == "" {
		return nil, fmt.Errorf("resourceGroup() has no answer in a deployment to a subscription")
	}
	return map[string]any{
		"id": s.ID(), "name": s.Group, "type": "Microsoft.Resources/resourceGroups", "location": s.Location,
	}, nil
}

// subscription is what subscription() gives.
func (s Scope) subscription() any {
	return map[string]any{"id": "/subscriptions/" + s.Subscription, "subscriptionId": s.Subscription, "tenantId": s.Tenant}
}

// resourceID makes an id from [subscription,] [group,] type, names.
func (s Scope) resourceID(args []any) (any, error) {
	list, err := texts(args)
	if err != nil {
		return nil, err
	}
	switch typed := firstType(list); {
	case typed == 0:
	case typed == 1 && s.Group != "":
		s.Group = list[0]
	case typed == 2 && s.Group != "":
		s.Subscription, s.Group = list[0], list[1]
	default:
		return nil, fmt.Errorf("resourceId() wants a type like Microsoft.Web/sites, after a subscription and a group at most")
	}
	return typedID(s.ID(), list[firstType(list):])
}

// subscriptionResourceID makes an id from [subscription,] type, names.
func (s Scope) subscriptionResourceID(args []any) (any, error) {
	list, err := texts(args)
	if err != nil {
		return nil, err
	}
	s.Group = ""
	switch firstType(list) {
	case 0:
	case 1:
		s.Subscription = list[0]
	default:
		return nil, fmt.Errorf("subscriptionResourceId() wants a type like Microsoft.Authorization/roleDefinitions, after a subscription at most")
	}
	return typedID(s.ID(), list[firstType(list):])
}

// firstType is the position of the resource type among arguments; -1 if there is none.
func firstType(list []string) int {
	for i, s := range list {
		if strings.Contains(s, "/") {
			return i
		}
	}
	return -1
}

// typedID joins a scope, a type and as many names as the type has parts.
func typedID(scope string, list []string) (string, error) {
	namespace, rest, _ := strings.Cut(list[0], "/")
	types := strings.Split(rest, "/")
	names := list[1:]
	if len(names) != len(types) {
		return "", fmt.Errorf("type %s with %d names: want %d", list[0], len(names), len(types))
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(scope, "/") + "/providers/" + namespace)
	for i := range types {
		if names[i] == "" {
			return "", fmt.Errorf("type %s: the name of %s is empty", list[0], types[i])
		}
		b.WriteString("/" + types[i] + "/" + names[i])
	}
	return b.String(), nil
}
