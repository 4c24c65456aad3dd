package azuresim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// World describes a cloud as plain data, before time starts. Ids of resources follow from subscription, resource group and name.
type World struct {
	// Tenant is the directory that the subscriptions and principals belong to; empty is a fixed one.
	Tenant          string           `yaml:"tenant,omitempty"`
	Subscriptions   []Subscription   `yaml:"subscriptions"`
	ResourceGroups  []ResourceGroup  `yaml:"resourceGroups,omitempty"`
	VirtualNetworks []VirtualNetwork `yaml:"virtualNetworks,omitempty"`
	Peerings        []Peering        `yaml:"peerings,omitempty"`
	RouteTables     []RouteTable     `yaml:"routeTables,omitempty"`
	VirtualMachines []VirtualMachine `yaml:"virtualMachines,omitempty"`
	Principals      []Principal      `yaml:"principals,omitempty"`
	Locks           []Lock           `yaml:"locks,omitempty"`
}

// Subscription is a billing scope; ID is a GUID without a path.
type Subscription struct {
	ID          string `yaml:"id"`
	DisplayName string `yaml:"displayName,omitempty"`
	// Unregistered lists provider namespaces that were never registered: writes to them get 409 MissingSubscriptionRegistration.
	Unregistered []string `yaml:"unregistered,omitempty"`
}

// ResourceGroup is a named container in one subscription.
type ResourceGroup struct {
	Subscription string            `yaml:"subscription"`
	Name         string            `yaml:"name"`
	Location     string            `yaml:"location"`
	Tags         map[string]string `yaml:"tags,omitempty"`
}

// VirtualNetwork is an address space with subnets.
type VirtualNetwork struct {
	Subscription    string            `yaml:"subscription"`
	ResourceGroup   string            `yaml:"resourceGroup"`
	Name            string            `yaml:"name"`
	Location        string            `yaml:"location"`
	Tags            map[string]string `yaml:"tags,omitempty"`
	AddressPrefixes []string          `yaml:"addressPrefixes"`
	Subnets         []Subnet          `yaml:"subnets,omitempty"`
	// GatewayRoutes are prefixes that a virtual network gateway has learned (BGP); they lose against user routes of equal length.
	GatewayRoutes []string `yaml:"gatewayRoutes,omitempty"`
}

// Subnet is a part of a virtual network. RouteTable is the table's id, or empty.
type Subnet struct {
	Name            string   `yaml:"name"`
	AddressPrefixes []string `yaml:"addressPrefixes"`
	RouteTable      string   `yaml:"routeTable,omitempty"`
}

// Peering is both halves between two virtual networks, given by id, Connected and in sync, with forwarded traffic allowed.
type Peering struct {
	A string `yaml:"a"`
	B string `yaml:"b"`
	// NameA and NameB are the names of the half in A and the half in B; empty is "to-" and the other network's name.
	NameA string `yaml:"nameA,omitempty"`
	NameB string `yaml:"nameB,omitempty"`
	// NoForwardedTraffic clears allowForwardedTraffic on both halves.
	NoForwardedTraffic bool `yaml:"noForwardedTraffic,omitempty"`
}

// RouteTable is a table of user-defined routes. A route may be malformed here, though a PUT of it would be refused.
type RouteTable struct {
	Subscription               string            `yaml:"subscription"`
	ResourceGroup              string            `yaml:"resourceGroup"`
	Name                       string            `yaml:"name"`
	Location                   string            `yaml:"location"`
	Tags                       map[string]string `yaml:"tags,omitempty"`
	DisableBGPRoutePropagation bool              `yaml:"disableBgpRoutePropagation,omitempty"`
	Routes                     []Route           `yaml:"routes,omitempty"`
	// Properties are further members of the table's properties, as a newer api-version might have.
	Properties map[string]any `yaml:"properties,omitempty"`
}

// Route is one user-defined route, in the service's own words.
type Route struct {
	Name             string `yaml:"name"`
	AddressPrefix    string `yaml:"addressPrefix"`
	NextHopType      string `yaml:"nextHopType"`
	NextHopIPAddress string `yaml:"nextHopIpAddress,omitempty"`
	// Properties are further members of the route's properties.
	Properties map[string]any `yaml:"properties,omitempty"`
}

// VirtualMachine is a machine with its NICs.
type VirtualMachine struct {
	Subscription  string            `yaml:"subscription"`
	ResourceGroup string            `yaml:"resourceGroup"`
	Name          string            `yaml:"name"`
	Location      string            `yaml:"location"`
	Zones         []string          `yaml:"zones,omitempty"`
	Tags          map[string]string `yaml:"tags,omitempty"`
	// Appliance marks a network virtual appliance: its guest forwards, has no Azure agent, and ExposePorts shows it.
	Appliance bool `yaml:"appliance,omitempty"`
	// PowerState is running (also when empty), stopped or deallocated.
	PowerState string `yaml:"powerState,omitempty"`
	// Ports are the open TCP ports; others refuse. Empty means 80 and 443 on an appliance, none elsewhere.
	Ports []int `yaml:"ports,omitempty"`
	// Behind are addresses outside of Azure that this appliance's tunnels lead to: they answer pings and HTTP. One may be behind several.
	Behind []string `yaml:"behind,omitempty"`
	// Hostname is a name under which DialContext finds the machine's primary address.
	Hostname string             `yaml:"hostname,omitempty"`
	NICs     []NetworkInterface `yaml:"nics"`
}

// NetworkInterface is a NIC of a machine, in the machine's resource group and location unless ResourceGroup says otherwise.
type NetworkInterface struct {
	Name               string            `yaml:"name"`
	ResourceGroup      string            `yaml:"resourceGroup,omitempty"`
	Tags               map[string]string `yaml:"tags,omitempty"`
	Primary            bool              `yaml:"primary,omitempty"`
	EnableIPForwarding bool              `yaml:"enableIPForwarding,omitempty"`
	IPConfigurations   []IPConfiguration `yaml:"ipConfigurations"`
}

// IPConfiguration is one address of a NIC. Subnet is a subnet's id.
type IPConfiguration struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
	Subnet  string `yaml:"subnet"`
	Primary bool   `yaml:"primary,omitempty"`
}

// Principal is somebody who can hold a token.
type Principal struct {
	// Name is only used by this package: Token, the call log.
	Name         string `yaml:"name"`
	ObjectID     string `yaml:"objectId"`
	AppID        string `yaml:"appId"`
	ClientSecret Secret `yaml:"clientSecret,omitempty"`
	// FederatedToken is the client assertion that is accepted in place of a secret (workload identity).
	FederatedToken Secret `yaml:"federatedToken,omitempty"`
	// ManagedIdentity principals are handed out by the identity endpoints; the first is the system-assigned one.
	ManagedIdentity bool `yaml:"managedIdentity,omitempty"`
	// ResourceID is the ARM id of a user-assigned managed identity.
	ResourceID string       `yaml:"resourceId,omitempty"`
	Roles      []Assignment `yaml:"roles,omitempty"`
}

// Assignment grants actions (with * as wildcard) at a scope and everything below it. NotActions are taken away again.
type Assignment struct {
	Scope      string   `yaml:"scope"`
	Actions    []string `yaml:"actions"`
	NotActions []string `yaml:"notActions,omitempty"`
}

// Lock forbids writes (ReadOnly) or deletes (CanNotDelete) at a scope and everything below it.
type Lock struct {
	Scope string `yaml:"scope"`
	Name  string `yaml:"name"`
	Level string `yaml:"level"`
	Notes string `yaml:"notes,omitempty"`
}

// Secret is a value that never prints.
type Secret string

// String hides the value.
func (Secret) String() string { return "<secret>" }

// GoString hides the value from %#v.
func (Secret) GoString() string { return "<secret>" }

// MarshalText hides the value from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// MarshalYAML hides the value from the YAML encoder.
func (Secret) MarshalYAML() (any, error) { return "<secret>", nil }

// ParseWorld reads a world from YAML. An unknown key, a second document or a wrong type is an error.
func ParseWorld(data []byte) (World, error) {
	var w World
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&w); err != nil {
		return World{}, fmt.Errorf("parse world: %w", err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return World{}, errors.New("parse world: more than one document")
	}
	return w, nil
}

// ID is the resource id of the group.
func (g ResourceGroup) ID() string {
	return "/subscriptions/" + g.Subscription + "/resourceGroups/" + g.Name
}

// ID is the resource id of the network.
func (v VirtualNetwork) ID() string {
	return resourceID(v.Subscription, v.ResourceGroup, "Microsoft.Network/virtualNetworks", v.Name)
}

// SubnetID is the resource id of a subnet of the network.
func (v VirtualNetwork) SubnetID(name string) string { return v.ID() + "/subnets/" + name }

// ID is the resource id of the table.
func (t RouteTable) ID() string {
	return resourceID(t.Subscription, t.ResourceGroup, "Microsoft.Network/routeTables", t.Name)
}

// ID is the resource id of the machine.
func (m VirtualMachine) ID() string {
	return resourceID(m.Subscription, m.ResourceGroup, "Microsoft.Compute/virtualMachines", m.Name)
}

// NICID is the resource id of the machine's NIC with that position.
func (m VirtualMachine) NICID(i int) string {
	group := m.NICs[i].ResourceGroup
	if group == "" {
		group = m.ResourceGroup
	}
	return resourceID(m.Subscription, group, "Microsoft.Network/networkInterfaces", m.NICs[i].Name)
}

// resourceID joins the parts of an id of a top-level resource.
func resourceID(sub, group, typ, name string) string {
	return strings.Join([]string{"/subscriptions", sub, "resourceGroups", group, "providers", typ, name}, "/")
}
