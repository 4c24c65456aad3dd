package azuresim

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	typePlan       = "Microsoft.Web/serverfarms"
	typeSite       = "Microsoft.Web/sites"
	typeSiteConfig = "Microsoft.Web/sites/config"
	typeSitePolicy = "Microsoft.Web/sites/basicPublishingCredentialsPolicies"
)

// webVersions are the api-versions of Microsoft.Web.
func webVersions() []string {
	return []string{"2021-02-01", "2022-03-01", "2022-09-01", "2023-01-01", "2023-12-01", "2024-04-01", "2024-11-01", "2025-03-01"}
}

// webKinds are plans and function apps. Of the plans only Flex Consumption is known: an app on another one has other settings.
func (s *Sim) webKinds() []*plain {
	list := map[string]action{"list": {"POST", "list/action", s.getSettings}}
	return []*plain{
		{name: typePlan, versions: webVersions(), status: http.StatusOK, fill: s.fillPlan, keep: s.keepPlan},
		{name: typeSite, versions: webVersions(), status: http.StatusOK, stateless: true, fill: s.fillSite, made: s.addConfig},
		{name: typeSiteConfig, versions: webVersions(), child: true, status: http.StatusOK, stateless: true, fill: s.fillConfig, actions: list},
		{name: typeSitePolicy, versions: webVersions(), child: true, status: http.StatusOK, stateless: true},
	}
}

func (s *Sim) fillPlan(rq *request, _ *resource, doc object) (object, *reply) {
	sku := doc.obj("sku").clone()
	if sku.str("name") != "FC1" {
		return nil, rq.invalid("InvalidRequestContent", "The SKU '"+sku.str("name")+"' is not simulated. The supported SKUs are 'FC1'.")
	}
	for _, d := range []member{{"tier", "FlexConsumption"}, {"size", "FC1"}, {"family", "FC"}, {"capacity", raw([]byte("0"))}} {
		sku.setDefault(d.name, d.value)
	}
	doc.set("sku", sku)
	p := doc.obj("properties")
	if !p.flag("reserved") {
		return nil, rq.invalid("BadRequest", "Flex Consumption is available on Linux only: 'properties.reserved' must be true.") // text [U]
	}
	doc.set("kind", "functionapp")
	for _, d := range []member{
		{"status", "Ready"}, {"perSiteScaling", false}, {"elasticScaleEnabled", false}, {"maximumElasticWorkerCount", raw([]byte("1"))}, {"isSpot", false}, {"isXenon", false}, {"hyperV", false},
		{"targetWorkerCount", raw([]byte("0"))}, {"targetWorkerSizeId", raw([]byte("0"))}, {"zoneRedundant", false},
	} {
		p.setDefault(d.name, d.value)
	}
	doc.set("properties", p)
	return doc, nil
}

// keepPlan refuses to delete a plan that has an app.
func (s *Sim) keepPlan(rq *request, r *resource) *reply {
	for _, site := range s.all(s.kinds[lower(typeSite)], r.sub) {
		if !site.gone && strings.EqualFold(site.doc.obj("properties").str("serverFarmId"), r.id) {
			return rq.provider(http.StatusConflict, "Conflict", "Server farm '"+r.name+"' cannot be deleted because it has web app(s) "+site.name+" assigned to it.")
		}
	}
	return nil
}

var siteName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]$`)

// fillSite checks what Flex Consumption asks for: the plan, a deployment container, a runtime, scale; and that the subnet is one that
// it may use.
func (s *Sim) fillSite(rq *request, r *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	plan := s.lookup(p.str("serverFarmId"))
	switch name := rq.target.name; {
	case !siteName.MatchString(name):
		return nil, rq.invalid("BadRequest", "The host name "+name+".azurewebsites.net is invalid.")
	case r == nil && s.nameTaken(typeSite, name):
		return nil, rq.provider(http.StatusConflict, "Conflict", "Website with given name "+name+" already exists.")
	case plan == nil || plan.kind.name != typePlan:
		return nil, rq.provider(http.StatusNotFound, "NotFound", "Cannot find ServerFarm with name "+p.str("serverFarmId")+".")
	case r == nil && s.planUsed(plan):
		return nil, rq.provider(http.StatusConflict, "Conflict", "There can only be one app on the Flex Consumption plan '"+plan.name+"'.") // text [U]
	}
	if rep := s.checkFunctionApp(rq, r, p); rep != nil {
		return nil, rep
	}
	if id := p.str("virtualNetworkSubnetId"); id != "" {
		if rep := s.checkDelegated(rq, id); rep != nil {
			return nil, rep
		}
	}
	for _, v := range doc.obj("identity").obj("userAssignedIdentities") {
		if rep := s.usesIdentity(rq, v.name); rep != nil {
			return nil, rep
		}
	}
	doc.set("identity", s.shownIdentity(doc.obj("identity")))
	host := lower(rq.target.name) + ".azurewebsites.net"
	for _, d := range []member{
		{"state", "Running"}, {"hostNames", []any{host}}, {"usageState", "Normal"}, {"enabled", true}, {"availabilityState", "Normal"}, {"reserved", true},
		{"defaultHostName", host}, {"repositorySiteName", rq.target.name}, {"clientCertEnabled", false}, {"clientCertMode", "Optional"}, {"httpsOnly", false},
		{"publicNetworkAccess", "Enabled"}, {"outboundIpAddresses", "20.103.132.10,20.103.132.11"}, {"possibleOutboundIpAddresses", "20.103.132.10,20.103.132.11,20.103.132.12"},
		{"customDomainVerificationId", strings.ToUpper(strings.ReplaceAll(s.kept(r, "customDomainVerificationId"), "-", ""))}, {"sku", "FlexConsumption"},
	} {
		p.setDefault(d.name, d.value)
	}
	if r == nil {
		p.set("siteConfig", p.obj("siteConfig").clone())
	}
	doc.set("properties", p)
	return doc, nil
}

// planUsed reports whether the plan has its app: Flex Consumption allows one.
func (s *Sim) planUsed(plan *resource) bool {
	for _, site := range s.all(s.kinds[lower(typeSite)], plan.sub) {
		if !site.gone && strings.EqualFold(site.doc.obj("properties").str("serverFarmId"), plan.id) {
			return true
		}
	}
	return false
}

// flexRuntimes are the runtimes that Flex Consumption takes; "custom" is a custom handler. Versions are not checked: the service takes
// any and fails later.
func flexRuntimes() []string {
	return []string{"custom", "dotnet-isolated", "java", "node", "powershell", "python"}
}

// checkFunctionApp checks functionAppConfig.
func (s *Sim) checkFunctionApp(rq *request, r *resource, p object) *reply {
	c := p.obj("functionAppConfig")
	if len(c) == 0 && r != nil {
		return nil // a change that leaves it alone
	}
	runtime, storage, scale := c.obj("runtime"), c.obj("deployment").obj("storage"), c.obj("scaleAndConcurrency")
	switch {
	case !slices.Contains(flexRuntimes(), runtime.str("name")):
		return rq.invalid("BadRequest", "Site.FunctionAppConfig.Runtime.Name is invalid. Supported values are: "+strings.Join(flexRuntimes(), ", ")+".") // text [U]
	case runtime.str("version") == "":
		return rq.invalid("BadRequest", "Site.FunctionAppConfig.Runtime.Version is required.") // text [U]
	case !strings.EqualFold(storage.str("type"), "blobContainer"):
		return rq.invalid("BadRequest", "Site.FunctionAppConfig.Deployment.Storage.Type is invalid. Supported values are: blobContainer.") // text [U]
	}
	host, container, _ := strings.Cut(strings.TrimPrefix(storage.str("value"), "https://"), "/")
	account, _, _ := strings.Cut(host, ".")
	if !s.hasContainer(account, container) {
		return rq.invalid("BadRequest", "Site.FunctionAppConfig.Deployment.Storage.Value '"+storage.str("value")+"' is no blob container.") // whether this is checked is [U]
	}
	if v, _ := scale.get("instanceMemoryMB"); v != nil && !slices.Contains([]string{"512", "2048", "4096"}, fmt.Sprint(v)) {
		return rq.invalid("BadRequest", "Site.FunctionAppConfig.ScaleAndConcurrency.InstanceMemoryMB is invalid. Supported values are: 512, 2048, 4096.") // text [U]
	}
	for _, setting := range p.obj("siteConfig").list("appSettings") {
		o, _ := setting.(object)
		if slices.Contains([]string{"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENTSHARE"}, o.str("name")) {
			return rq.invalid("BadRequest", "The app setting with name '"+o.str("name")+"' is not allowed on Flex Consumption.") // seen for some of them; the list is [U]
		}
	}
	return nil
}

// hasContainer reports whether an account has a container for blobs.
func (s *Sim) hasContainer(account, container string) bool {
	for _, r := range s.all(s.kinds[lower(typeStorage)], "") {
		if !r.gone && r.name == account {
			return s.lookup(r.id+"/blobServices/default/containers/"+strings.TrimSuffix(container, "/")) != nil
		}
	}
	return false
}

// checkDelegated refuses a subnet that is not delegated to where Flex Consumption runs, or that the caller may not join.
func (s *Sim) checkDelegated(rq *request, id string) *reply {
	subnet := s.lookup(id)
	if subnet == nil || subnet.subnet == nil {
		return rq.provider(http.StatusNotFound, "NotFound", "SubnetResourceId "+id+" was not found.") // text [U]
	}
	if rep := s.linked(rq, "Microsoft.Network/virtualNetworks/subnets/join/action", subnet.id); rep != nil {
		return rep
	}
	for _, v := range subnet.doc.obj("properties").list("delegations") {
		d, _ := v.(object)
		if strings.EqualFold(d.obj("properties").str("serviceName"), "Microsoft.App/environments") {
			return nil
		}
	}
	return rq.invalid("BadRequest", "The subnet '"+subnet.id+"' must be delegated to 'Microsoft.App/environments' for Flex Consumption.") // text [U]
}

// usesIdentity asks whether the caller may give a resource that identity.
func (s *Sim) usesIdentity(rq *request, id string) *reply {
	r := s.lookup(id)
	if r == nil || r.kind.name != typeIdentity {
		return rq.invalid("FailedIdentityOperation", "Identity operation for resource '"+rq.target.id+"' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Resource '"+id+"' was not found.'.")
	}
	return s.linked(rq, "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", r.id)
}

// shownIdentity puts principals into an identity block.
func (s *Sim) shownIdentity(in object) object {
	if len(in) == 0 {
		return object{{"type", "None"}}
	}
	out, users := object{{"type", in.str("type")}}, object{}
	for _, m := range in.obj("userAssignedIdentities") {
		if r := s.lookup(m.name); r != nil {
			p := r.doc.obj("properties")
			users = append(users, member{r.id, object{{"principalId", p.str("principalId")}, {"clientId", p.str("clientId")}}})
		}
	}
	if len(users) > 0 {
		out = append(out, member{"userAssignedIdentities", users})
	}
	return out
}

// addConfig makes the settings that every app has, from what its siteConfig says.
func (s *Sim) addConfig(_ *request, r *resource, at time.Time) {
	in := r.doc.obj("properties").obj("siteConfig")
	settings := object{}
	for _, v := range in.list("appSettings") {
		o, _ := v.(object)
		settings.set(o.str("name"), o.str("value"))
	}
	web := in.without("appSettings", "connectionStrings").clone()
	for _, d := range siteDefaults() {
		web.setDefault(d.name, d.value)
	}
	set := func(name string, props object, replace bool) {
		if c := s.lookup(r.id + "/config/" + name); c == nil {
			s.placeChild(r, typeSiteConfig, name, object{{"properties", props}}, at)
		} else if replace {
			c.doc = object{{"properties", props}}
			s.commitOne(c, at)
		}
	}
	set("appsettings", settings, len(in.list("appSettings")) > 0)
	set("web", web, true)
	set("connectionstrings", object{}, false)
	set("slotConfigNames", object{}, false)
	set("authsettings", object{{"enabled", false}, {"configVersion", "v1"}}, false)
	set("publishingcredentials", object{{"name", "$" + r.name}, {"publishingUserName", "$" + r.name}, {"publishingPassword", strings.ReplaceAll(s.guid()+s.guid(), "-", "")[:60]},
		{"scmUri", "https://" + lower(r.name) + ".scm.azurewebsites.net"}}, false)
	for _, name := range []string{"scm", "ftp"} {
		if s.lookup(r.id+"/basicPublishingCredentialsPolicies/"+name) == nil {
			s.placeChild(r, typeSitePolicy, name, object{{"properties", object{{"allow", false}}}}, at)
		}
	}
	// A site never shows its settings with itself.
	p := r.doc.obj("properties").clone()
	p.set("siteConfig", object{{"numberOfWorkers", raw([]byte("1"))}, {"acrUseManagedIdentityCreds", false}, {"alwaysOn", false}, {"http20Enabled", in.flag("http20Enabled")}})
	doc := r.doc.clone()
	doc.set("properties", p)
	r.doc = doc
	s.commitOne(r, at)
}

// siteDefaults is the configuration of an app that asks for nothing.
func siteDefaults() []member {
	n := func(text string) any { return raw([]byte(text)) }
	return []member{
		{"numberOfWorkers", n("1")}, {"defaultDocuments", words([]string{"Default.htm", "Default.html", "index.html"})}, {"linuxFxVersion", ""}, {"requestTracingEnabled", false},
		{"remoteDebuggingEnabled", false}, {"httpLoggingEnabled", false}, {"detailedErrorLoggingEnabled", false}, {"use32BitWorkerProcess", false}, {"webSocketsEnabled", false}, {"alwaysOn", false},
		{"managedPipelineMode", "Integrated"}, {"loadBalancing", "LeastRequests"}, {"vnetRouteAllEnabled", false}, {"http20Enabled", false}, {"minTlsVersion", "1.2"}, {"scmMinTlsVersion", "1.2"},
		{"ftpsState", "FtpsOnly"}, {"scmIpSecurityRestrictionsUseMain", false}, {"ipSecurityRestrictionsDefaultAction", "Allow"}, {"scmIpSecurityRestrictionsDefaultAction", "Allow"},
		{"ipSecurityRestrictions", []any{}}, {"scmIpSecurityRestrictions", []any{}}, {"functionAppScaleLimit", n("100")}, {"minimumElasticInstanceCount", n("0")}, {"publicNetworkAccess", "Enabled"},
	}
}

// getSettings shows settings that a plain GET of the app hides.
func (s *Sim) getSettings(rq *request, r *resource) *reply { return rq.ok(http.StatusOK, r.body) }

// fillConfig takes a part of the configuration as it is; web keeps what the body leaves out.
func (s *Sim) fillConfig(rq *request, r *resource, doc object) (object, *reply) {
	if r != nil && rq.target.name == "web" {
		p := r.doc.obj("properties").clone()
		for _, m := range doc.obj("properties") {
			p.set(m.name, m.value)
		}
		doc.set("properties", p)
	}
	return doc, nil
}

// checkName tells whether a name that the whole world shares is free.
func (s *Sim) checkName(rq *request) *reply {
	body, err := parseObject(rq.body)
	if err != nil {
		return rq.gateway(http.StatusBadRequest, "InvalidRequestFormat", "Cannot parse the request.")
	}
	typ, name := typeSite, body.str("name")
	if rq.target.namespace == "Microsoft.Storage" {
		typ = typeStorage
	}
	if !s.nameTaken(typ, name) {
		return rq.ok(http.StatusOK, encode(object{{"nameAvailable", true}, {"reason", ""}, {"message", ""}}))
	}
	return rq.ok(http.StatusOK, encode(object{{"nameAvailable", false}, {"reason", "AlreadyExists"}, {"message", "Hostname '" + name + "' already exists. Please select a different name."}}))
}

// siteIn gives an app or an environment for containers that is joined to the subnet. That the link outlives it for a while is not
// simulated.
func (s *Sim) siteIn(subnet *resource) *resource {
	for _, typ := range []string{typeSite, typeEnvironment} {
		for _, r := range s.all(s.kinds[lower(typ)], "") {
			p := r.doc.obj("properties")
			if !r.gone && (strings.EqualFold(p.str("virtualNetworkSubnetId"), subnet.id) || strings.EqualFold(p.obj("vnetConfiguration").str("infrastructureSubnetId"), subnet.id)) {
				return r
			}
		}
	}
	return nil
}
