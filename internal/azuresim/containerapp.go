package azuresim

import (
	"net/http"
	"strings"
)

const (
	typeEnvironment  = "Microsoft.App/managedEnvironments"
	typeContainerApp = "Microsoft.App/containerApps"
)

// containerKinds are environments for containers and the apps in them. No container runs.
func (s *Sim) containerKinds() []*plain {
	versions := []string{"2023-05-01", "2024-03-01", "2025-01-01", "2025-07-01"}
	return []*plain{
		{name: typeEnvironment, versions: versions, time: s.profile.VMActionTime, fill: s.fillEnvironment, keep: s.keepEnvironment},
		{name: typeContainerApp, versions: versions, time: s.profile.VMActionTime, fill: s.fillContainerApp,
			actions: map[string]action{"listsecrets": {"POST", "listSecrets/action", s.appSecrets}}},
	}
}

// fillEnvironment checks the subnet and the workspace. The key of the workspace is never shown again.
func (s *Sim) fillEnvironment(rq *request, r *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	if id := p.obj("vnetConfiguration").str("infrastructureSubnetId"); id != "" {
		if rep := s.checkDelegated(rq, id); rep != nil {
			return nil, rep
		}
	}
	logs := p.obj("appLogsConfiguration").clone()
	if strings.EqualFold(logs.str("destination"), "log-analytics") {
		customer := logs.obj("logAnalyticsConfiguration").str("customerId")
		if !s.hasWorkspace(customer) {
			return nil, rq.invalid("InvalidLogAnalyticsConfiguration", "The workspace with customer id '"+customer+"' was not found.") // code and check [U]
		}
		logs.set("logAnalyticsConfiguration", object{{"customerId", customer}, {"sharedKey", nil}})
		p.set("appLogsConfiguration", logs)
	}
	if r != nil {
		p.setDefault("defaultDomain", r.doc.obj("properties").str("defaultDomain"))
	}
	location := rq.object.str("location")
	for _, d := range []member{
		{"defaultDomain", "sim-" + s.guid()[:8] + "." + location + ".azurecontainerapps.io"}, {"staticIp", "10.30.0.60"}, {"zoneRedundant", false}, {"publicNetworkAccess", "Disabled"},
		{"peerAuthentication", object{{"mtls", object{{"enabled", false}}}}}, {"infrastructureResourceGroup", "ME_" + rq.target.name + "_" + rq.target.group + "_" + location},
	} {
		p.setDefault(d.name, d.value)
	}
	doc.set("properties", p)
	return doc, nil
}

// hasWorkspace reports whether some workspace has that customer id.
func (s *Sim) hasWorkspace(customer string) bool {
	for _, r := range s.all(s.kinds[lower(typeWorkspace)], "") {
		if !r.gone && strings.EqualFold(r.doc.obj("properties").str("customerId"), customer) {
			return true
		}
	}
	return false
}

// keepEnvironment refuses to delete an environment that has an app.
func (s *Sim) keepEnvironment(rq *request, r *resource) *reply {
	for _, app := range s.all(s.kinds[lower(typeContainerApp)], r.sub) {
		if !app.gone && strings.EqualFold(app.doc.obj("properties").str("managedEnvironmentId"), r.id) {
			return rq.provider(http.StatusConflict, "ManagedEnvironmentHasContainerApps", "The environment '"+r.name+"' has container apps, such as '"+app.name+"'.") // code [U]
		}
	}
	return nil
}

// fillContainerApp checks the environment, the identity and that there is a container with an image. Secrets are never shown.
func (s *Sim) fillContainerApp(rq *request, r *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	id := p.str("managedEnvironmentId")
	if id == "" {
		id = p.str("environmentId")
	}
	env := s.lookup(id)
	if env == nil || env.kind.name != typeEnvironment {
		return nil, rq.invalid("InvalidManagedEnvironment", "The environment '"+id+"' was not found.") // code [U]
	}
	containers := p.obj("template").list("containers")
	if len(containers) == 0 {
		return nil, rq.invalid("ContainerAppInvalidSchema", "The template has no container.") // code [U]
	}
	for _, v := range containers {
		if c, _ := v.(object); c.str("image") == "" || c.str("name") == "" {
			return nil, rq.invalid("ContainerAppInvalidSchema", "A container needs a name and an image.") // code [U]
		}
	}
	for _, v := range doc.obj("identity").obj("userAssignedIdentities") {
		if rep := s.usesIdentity(rq, v.name); rep != nil {
			return nil, rep
		}
	}
	doc.set("identity", s.shownIdentity(doc.obj("identity")))
	configuration := p.obj("configuration").clone()
	if secrets := configuration.list("secrets"); len(secrets) > 0 {
		return nil, rq.invalid("ContainerAppInvalidSchema", "Secrets of container apps are not simulated.")
	}
	configuration.setDefault("activeRevisionsMode", "Single")
	p.set("configuration", configuration)
	p.set("managedEnvironmentId", env.id)
	p.set("environmentId", env.id)
	revision := rq.target.name + "--" + s.guid()[:7]
	for _, d := range []member{
		{"latestRevisionName", revision}, {"latestReadyRevisionName", revision}, {"runningStatus", "Running"}, {"outboundIpAddresses", words([]string{"20.50.0.10"})},
		{"customDomainVerificationId", strings.ToUpper(strings.ReplaceAll(s.guid(), "-", ""))}, {"workloadProfileName", "Consumption"},
	} {
		p.setDefault(d.name, d.value)
	}
	if r != nil {
		p.set("customDomainVerificationId", r.doc.obj("properties").str("customDomainVerificationId"))
	}
	doc.set("properties", p)
	return doc, nil
}

// appSecrets shows the secrets of an app: none.
func (s *Sim) appSecrets(rq *request, _ *resource) *reply {
	return rq.ok(http.StatusOK, encode(object{{"value", []any{}}}))
}
