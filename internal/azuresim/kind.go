package azuresim

import "strings"

// The resource types that are modelled.
const (
	typeGroup      = "Microsoft.Resources/resourceGroups"
	typeRouteTable = "Microsoft.Network/routeTables"
	typeRoute      = "Microsoft.Network/routeTables/routes"
	typeNetwork    = "Microsoft.Network/virtualNetworks"
	typeSubnet     = "Microsoft.Network/virtualNetworks/subnets"
	typePeering    = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
	typeNIC        = "Microsoft.Network/networkInterfaces"
	typeVM         = "Microsoft.Compute/virtualMachines"
)

// handler serves one verb on a target. r is the resource if it exists.
type handler func(rq *request, r *resource) *reply

// kind is a resource type and its behaviour. A nil handler means that the verb is refused.
type kind struct {
	name     string
	versions []string // oldest first
	compute  bool
	child    bool   // lives in a parent
	inner    bool   // is part of its parent's document (routes): the store does not hold it
	quiet    bool   // its writes carry no Azure-AsyncNotification
	plain    *plain // of the types whose document is all there is
	finish   func(r *resource) object
	get      handler
	put      handler
	patch    handler
	delete   handler
	list     handler
	actions  map[string]action
}

// action is a POST (or, for instanceView, a GET) on a resource.
type action struct {
	method     string
	permission string // after the type: powerOff/action
	run        handler
}

// index is the key of the list of the type's resources in a subscription.
func (k *kind) index(sub string) string { return lower(k.name) + "|" + lower(sub) }

// namespace is the provider's part of the type name.
func (k *kind) namespace() string {
	ns, _, _ := strings.Cut(k.name, "/")
	return ns
}

// newKinds makes the table of types. It is the list of what the simulator can do.
func (s *Sim) newKinds() map[string]*kind {
	kinds := map[string]*kind{}
	for _, k := range []*kind{
		{name: typeGroup, versions: resourceVersions(), finish: finishGroup, get: s.getGroup, put: s.putGroup, patch: s.patchTags, delete: s.deleteGroup, list: s.listGroups},
		{name: typeRouteTable, versions: networkVersions(), finish: finishRouteTable, get: s.getRouteTable, put: s.putRouteTable, patch: s.patchTags, delete: s.deleteRouteTable, list: s.listResources},
		{name: typeRoute, versions: networkVersions(), child: true, inner: true, get: s.getRoute, put: s.putRoute, delete: s.deleteRoute, list: s.listRoutes},
		{name: typeNetwork, versions: networkVersions(), finish: finishNetwork, get: s.getResource, put: s.putNetwork, patch: s.patchTags, delete: s.deleteNetwork, list: s.listResources},
		{name: typeSubnet, versions: networkVersions(), child: true, finish: finishSubnet, get: s.getResource, put: s.putSubnet, delete: s.deleteSubnet, list: s.listChildren},
		{name: typePeering, versions: networkVersions(), child: true, quiet: true, finish: finishPeering, get: s.getResource, put: s.putPeering, delete: s.deletePeering, list: s.listChildren},
		{name: typeNIC, versions: networkVersions(), finish: finishNIC, get: s.getResource, put: s.putNIC, patch: s.patchTags, delete: s.deleteNIC, list: s.listResources,
			actions: map[string]action{"effectiveroutetable": {"POST", "effectiveRouteTable/action", s.effectiveRouteTable}}},
		{name: typeVM, versions: computeVersions(), compute: true, finish: finishVM, get: s.getVM, put: s.putVM, patch: s.patchTags, delete: s.deleteVM, list: s.listVMs,
			actions: map[string]action{
				"instanceview": {"GET", "instanceView/read", s.getInstanceView},
				"poweroff":     {"POST", "powerOff/action", s.vmAction("powerOff")},
				"deallocate":   {"POST", "deallocate/action", s.vmAction("deallocate")},
				"start":        {"POST", "start/action", s.vmAction("start")},
				"restart":      {"POST", "restart/action", s.vmAction("restart")},
			}},
	} {
		kinds[lower(k.name)] = k
	}
	for _, more := range [][]*plain{s.storageKinds(), s.identityKinds(), s.webKinds(), s.packageKinds(), s.monitorKinds(), s.applicationKinds(), s.containerKinds(), s.securityKinds(), s.diskKinds()} {
		for _, p := range more {
			kinds[lower(p.name)] = p.kind(s)
		}
	}
	return kinds
}

// networkVersions are the api-versions of Microsoft.Network that SDKs of the last years were generated from.
func networkVersions() []string {
	return []string{
		"2015-06-15", "2016-03-30", "2016-06-01", "2016-09-01", "2016-12-01", "2017-03-01", "2017-04-01", "2017-06-01", "2017-08-01", "2017-09-01",
		"2017-10-01", "2017-11-01", "2018-01-01", "2018-02-01", "2018-04-01", "2018-06-01", "2018-07-01", "2018-08-01", "2018-10-01", "2018-11-01",
		"2018-12-01", "2019-02-01", "2019-04-01", "2019-06-01", "2019-07-01", "2019-08-01", "2019-09-01", "2019-11-01", "2019-12-01", "2020-03-01",
		"2020-04-01", "2020-05-01", "2020-06-01", "2020-07-01", "2020-08-01", "2020-11-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01",
		"2021-12-01", "2022-01-01", "2022-05-01", "2022-07-01", "2022-09-01", "2022-11-01", "2023-02-01", "2023-04-01", "2023-05-01", "2023-06-01",
		"2023-09-01", "2023-11-01", "2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01", "2024-10-01", "2025-01-01", "2025-03-01", "2025-05-01",
		peeringRouteVersion,
	}
}

// peeringRouteVersion is the first api-version that knows disablePeeringRoute.
const peeringRouteVersion = "2025-07-01"

// computeVersions are the api-versions of Microsoft.Compute/virtualMachines.
func computeVersions() []string {
	return []string{
		"2015-06-15", "2016-03-30", "2017-03-30", "2017-12-01", "2018-04-01", "2018-06-01", "2018-10-01", "2019-03-01", "2019-07-01", "2019-12-01",
		"2020-06-01", "2020-12-01", "2021-03-01", "2021-04-01", "2021-07-01", "2021-11-01", "2022-03-01", "2022-08-01", "2022-11-01", "2023-03-01",
		"2023-07-01", "2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2025-11-01", "2026-04-01",
	}
}

// resourceVersions are the api-versions of ARM's own types: subscriptions, groups, providers, resources, tenants.
func resourceVersions() []string {
	return []string{
		"2014-04-01", "2015-01-01", "2015-11-01", "2016-02-01", "2016-06-01", "2016-07-01", "2016-09-01", "2017-05-01", "2017-05-10", "2017-08-01", "2018-02-01",
		"2018-05-01", "2018-06-01", "2019-03-01", "2019-05-01", "2019-05-10", "2019-06-01", "2019-07-01", "2019-08-01", "2019-10-01", "2019-11-01", "2020-01-01", "2020-06-01",
		"2020-08-01", "2020-10-01", "2021-01-01", "2021-04-01", "2022-01-01", "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01",
	}
}

// lockVersions are the api-versions of Microsoft.Authorization/locks.
func lockVersions() []string {
	return []string{"2015-01-01", "2016-09-01", "2017-04-01", "2020-05-01"}
}

// roleVersions are the api-versions of role definitions and assignments.
func roleVersions() []string {
	return []string{"2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2022-04-01", "2022-05-01-preview"}
}

// graphVersions are the api-versions of Resource Graph.
func graphVersions() []string {
	return []string{"2018-09-01-preview", "2019-04-01", "2020-04-01-preview", "2021-03-01", "2022-10-01", "2024-04-01"}
}
