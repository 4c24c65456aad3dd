package azuresim

import (
	"net/http"
	"slices"
	"strings"
)

const (
	typeWorkspace   = "Microsoft.OperationalInsights/workspaces"
	typeComponent   = "Microsoft.Insights/components"
	typeActionGroup = "Microsoft.Insights/actionGroups"
	typeQueryRule   = "Microsoft.Insights/scheduledQueryRules"
	typeMetricAlert = "Microsoft.Insights/metricAlerts"
)

// monitorKinds are a workspace for logs, Application Insights on it, and who is told what. Nothing is ever measured.
func (s *Sim) monitorKinds() []*plain {
	return []*plain{
		{name: typeWorkspace, versions: []string{"2020-08-01", "2021-06-01", "2022-10-01", "2023-09-01", "2025-02-01", "2025-07-01"}, fill: s.fillWorkspace, keep: s.buryWorkspace,
			actions: map[string]action{"sharedkeys": {"POST", "sharedKeys/action", s.workspaceKeys}}},
		{name: typeComponent, versions: []string{"2015-05-01", "2020-02-02"}, status: http.StatusOK, fill: s.fillComponent,
			actions: map[string]action{"currentbillingfeatures": {"", "CurrentBillingFeatures/read", s.billing}}},
		{name: typeActionGroup, versions: []string{"2019-06-01", "2021-09-01", "2022-06-01", "2023-01-01", "2024-10-01-preview"}, stateless: true, fill: s.fillActionGroup},
		{name: typeQueryRule, versions: []string{"2021-08-01", "2022-06-15", "2023-03-15-preview", "2023-12-01"}, stateless: true, fill: s.fillQueryRule},
		{name: typeMetricAlert, versions: []string{"2018-03-01", "2024-03-01-preview"}, status: http.StatusOK, stateless: true, fill: s.fillMetricAlert},
	}
}

func (s *Sim) fillWorkspace(_ *request, r *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	sku := p.obj("sku").clone()
	sku.setDefault("name", "PerGB2018")
	p.set("sku", sku)
	for _, d := range []member{
		{"customerId", s.kept(r, "customerId")}, {"retentionInDays", raw([]byte("30"))}, {"features", object{{"enableLogAccessUsingOnlyResourcePermissions", true}}},
		{"workspaceCapping", object{{"dailyQuotaGb", raw([]byte("-1.0"))}}}, {"publicNetworkAccessForIngestion", "Enabled"}, {"publicNetworkAccessForQuery", "Enabled"},
	} {
		p.setDefault(d.name, d.value)
	}
	doc.set("properties", p)
	return doc, nil
}

func (s *Sim) workspaceKeys(rq *request, r *resource) *reply {
	key := strings.ReplaceAll(r.guid, "-", "")
	return rq.ok(http.StatusOK, encode(object{{"primarySharedKey", key + key + "=="}, {"secondarySharedKey", key + "=="}}))
}

// buryWorkspace remembers a deleted workspace, unless force=true says that it is to be gone for good. That one of the same name brings it
// back is not simulated.
func (s *Sim) buryWorkspace(rq *request, r *resource) *reply {
	if !strings.EqualFold(rq.query.Get("force"), "true") {
		s.buried = append(s.buried, item{r.key, r.body})
	}
	return nil
}

// deletedWorkspaces lists the workspaces of a subscription, or of a group, that can still be brought back.
func (s *Sim) deletedWorkspaces(rq *request) *reply {
	if rq.http.Method != http.MethodGet {
		return s.refuseMethod(rq)
	}
	t := rq.target
	prefix := lower("/subscriptions/" + t.sub + "/resourceGroups/" + t.group)
	var items []item
	for _, i := range s.buried {
		if strings.HasPrefix(i.key, prefix) {
			items = append(items, i)
		}
	}
	return s.page(rq, items)
}

// fillComponent checks the workspace: Application Insights without one is retired.
func (s *Sim) fillComponent(rq *request, r *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	if w := s.lookup(p.str("WorkspaceResourceId")); w == nil || w.kind.name != typeWorkspace {
		return nil, rq.invalid("WorkspaceNotFound", "The workspace '"+p.str("WorkspaceResourceId")+"' was not found.") // text [U]
	}
	doc.setDefault("kind", "web")
	key, location := s.guid(), rq.object.str("location")
	if r != nil {
		key, location = r.doc.obj("properties").str("InstrumentationKey"), r.location
	}
	for _, d := range []member{
		{"ApplicationId", rq.target.name}, {"AppId", s.kept(r, "AppId")}, {"Application_Type", "web"}, {"Flow_Type", "Bluefield"}, {"Request_Source", "rest"}, {"InstrumentationKey", key},
		{"ConnectionString", "InstrumentationKey=" + key + ";IngestionEndpoint=https://" + location + "-5.in.applicationinsights.azure.com/;LiveEndpoint=https://" + location + ".livediagnostics.monitor.azure.com/"},
		{"Name", rq.target.name}, {"TenantId", rq.target.sub}, {"RetentionInDays", raw([]byte("90"))}, {"IngestionMode", "LogAnalytics"},
		{"publicNetworkAccessForIngestion", "Enabled"}, {"publicNetworkAccessForQuery", "Enabled"},
	} {
		p.setDefault(d.name, d.value)
	}
	doc.set("properties", p)
	return doc, nil
}

// billing is the daily cap of Application Insights; a PUT stores it.
func (s *Sim) billing(rq *request, r *resource) *reply {
	if rq.http.Method == http.MethodPut {
		if rep := s.linked(rq, "Microsoft.Insights/components/CurrentBillingFeatures/write", r.id); rep != nil {
			return rep
		}
		body, err := parseObject(rq.body)
		if err != nil {
			return rq.gateway(http.StatusBadRequest, "InvalidRequestFormat", "Cannot parse the request.")
		}
		r.billing = body
	} else if rq.http.Method != http.MethodGet {
		return s.refuseMethod(rq)
	}
	if r.billing == nil {
		r.billing = object{
			{"CurrentBillingFeatures", words([]string{"Basic"})},
			{"DataVolumeCap", object{{"Cap", raw([]byte("100.0"))}, {"ResetTime", raw([]byte("16"))}, {"WarningThreshold", raw([]byte("90"))}, {"StopSendNotificationWhenHitThreshold", false}, {"StopSendNotificationWhenHitCap", false}, {"MaxHistoryCap", raw([]byte("1000.0"))}}},
		}
	}
	return rq.ok(http.StatusOK, encode(r.billing))
}

// fillActionGroup checks who is told; receivers that need no consent are Enabled at once.
func (s *Sim) fillActionGroup(rq *request, _ *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	short := p.str("groupShortName")
	if short == "" || len(short) > 12 {
		return nil, rq.invalid("InvalidActionGroup", "The groupShortName '"+short+"' must have 1 to 12 characters.") // text [U]
	}
	p.setDefault("enabled", true)
	for _, kind := range []string{"emailReceivers", "smsReceivers", "webhookReceivers", "eventHubReceivers", "itsmReceivers", "azureAppPushReceivers", "automationRunbookReceivers", "voiceReceivers",
		"logicAppReceivers", "azureFunctionReceivers", "armRoleReceivers"} {
		list := []any{}
		for _, v := range p.list(kind) {
			o, _ := v.(object)
			o = o.clone()
			if kind == "emailReceivers" || kind == "smsReceivers" {
				o.set("status", "Enabled")
			}
			list = append(list, o)
		}
		p.set(kind, list)
	}
	doc.set("properties", p)
	return doc, nil
}

// fillQueryRule checks what a rule refers to and how often it looks. Its query is not run, and not even read.
func (s *Sim) fillQueryRule(rq *request, _ *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	if len(p.list("scopes")) != 1 {
		return nil, rq.invalid("BadRequest", "A log alert rule must have exactly one scope.") // text [U]
	}
	for _, id := range append(texts(p.list("scopes")), texts(p.obj("actions").list("actionGroups"))...) {
		if s.lookup(id) == nil {
			return nil, rq.invalid("BadRequest", "The resource '"+id+"' was not found.") // text [U]
		}
	}
	conditions := p.obj("criteria").list("allOf")
	if len(conditions) != 1 {
		return nil, rq.invalid("BadRequest", "A log alert rule must have exactly one condition.") // text [U]
	}
	if c, _ := conditions[0].(object); strings.TrimSpace(c.str("query")) == "" {
		return nil, rq.invalid("BadRequest", "The query is missing.") // text [U]
	}
	for _, name := range []string{"evaluationFrequency", "windowSize"} {
		if !slices.Contains([]string{"PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H", "PT2H", "PT3H", "PT4H", "PT5H", "PT6H", "P1D", "P2D"}, p.str(name)) {
			return nil, rq.invalid("BadRequest", "The value '"+p.str(name)+"' of '"+name+"' is not supported.") // text [U]
		}
	}
	doc.setDefault("kind", "LogAlert")
	for _, d := range []member{{"enabled", true}, {"autoMitigate", true}, {"skipQueryValidation", false}, {"checkWorkspaceAlertsStorageConfigured", false}, {"createdWithApiVersion", rq.apiVersion}} {
		p.setDefault(d.name, d.value)
	}
	doc.set("properties", p)
	return doc, nil
}

// fillMetricAlert checks what an alert refers to. No metric is ever measured.
func (s *Sim) fillMetricAlert(rq *request, _ *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	ids := texts(p.list("scopes"))
	for _, v := range p.list("actions") {
		a, _ := v.(object)
		ids = append(ids, a.str("actionGroupId"))
	}
	for _, id := range ids {
		if s.lookup(id) == nil {
			return nil, rq.invalid("BadRequest", "The resource '"+id+"' was not found.") // text [U]
		}
	}
	if len(ids) == 0 || len(p.obj("criteria")) == 0 {
		return nil, rq.invalid("BadRequest", "A metric alert needs scopes and criteria.") // text [U]
	}
	for _, d := range []member{{"enabled", true}, {"autoMitigate", true}} {
		p.setDefault(d.name, d.value)
	}
	doc.set("properties", p)
	return doc, nil
}
