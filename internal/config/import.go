package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The old function ran every oldTimer, and waited oldDelay between its tries if nobody said otherwise. What asks so rarely can
// be patient: a question on the data path has as long.
const (
	oldTimer = 30 * time.Second
	oldDelay = 2 * time.Second
)

// Import returns the configuration that does what the old function app did with its variables, complete and valid, and
// notes on what a person should know about the difference.
//
// It reads SUBSCRIPTIONID, AZURECLOUD, SP_USERNAME, SP_PASSWORD, TENANTID, FW1NAME, FW2NAME, FWRGNAME (one name, or two with
// a comma between), FWUDRTAG, FWTRIES, FWDELAY, FWMONITOR, FW1FQDN, FW1PORT, FW2FQDN and FW2PORT, FWMAILDOMAINMX,
// FWMAILFROM and FWMAILTO; VMX_PRIMARY_NAME, VMX_SECONDARY_NAME, VMX_RESOURCE_GROUP, VMX_UDR_TAG, VMX_PROBE_RETRIES,
// VMX_DELAY and VMX_MONITOR mean the same. The error is a *Problems that names the variables, or one with ErrNone if there are none. The secret stays in SP_PASSWORD.
func Import(getenv func(string) string) (Config, []string, error) {
	if !old(getenv) {
		return Config{}, nil, noneError{}
	}
	d := newDecoder()
	c, notes := d.old(getenv)
	c = c.Complete()
	if err := problems("", append(d.problems, d.kept(c.check())...)); err != nil {
		return Config{}, nil, err
	}
	return c, notes, nil
}

// oldName is a setting of the old function under its two names.
type oldName struct{ firewall, vmx string }

// oldNames are the settings that only the old function has: one of them set means that its variables are in use.
func oldNames() []oldName {
	return []oldName{
		{"FW1NAME", "VMX_PRIMARY_NAME"},
		{"FW2NAME", "VMX_SECONDARY_NAME"},
		{"FWRGNAME", "VMX_RESOURCE_GROUP"},
		{"FWUDRTAG", "VMX_UDR_TAG"},
		{"FWTRIES", "VMX_PROBE_RETRIES"},
		{"FWDELAY", "VMX_DELAY"},
		{"FWMONITOR", "VMX_MONITOR"},
	}
}

// old reports whether variables of the old function are set.
func old(getenv func(string) string) bool {
	for _, n := range oldNames() {
		if getenv(n.firewall) != "" || getenv(n.vmx) != "" {
			return true
		}
	}
	return false
}

// importer reads the old function's variables.
type importer struct {
	d      *decoder
	getenv func(string) string
	vmx    bool // missing variables are named in the VMX_ form
	notes  []string
}

// old returns the configuration that the old function's variables mean. Its problems go to d.
func (d *decoder) old(getenv func(string) string) (Config, []string) {
	m := &importer{d: d, getenv: getenv, vmx: true}
	for _, n := range oldNames() {
		m.vmx = m.vmx && getenv(n.firewall) == ""
	}
	c := Default()
	m.identity(&c.Azure)
	g := DefaultGroup()
	m.members(&g)
	tag := m.text("FWUDRTAG", "groups[0].routes.tag.value", "the value of the tag nva_ha_udr on the route tables")
	g.Routes.Tag.Value, g.Name = tag, groupName(tag)
	g.Checks = []Check{m.check(&g)}
	c.Groups = []Group{g}
	m.note("the group is called %s, after the tag value", g.Name)
	m.note("route tables are looked for in every subscription that the credential sees, as before; azure.subscriptions narrows that")
	m.note("traffic stays where it is after a failover until somebody fails it back, as before; policy.failback: auto returns it")
	m.mail(&c.Notify)
	return c, m.notes
}

func (m *importer) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

// problem reports a variable.
func (m *importer) problem(name, value, want string) {
	m.d.problems = append(m.d.problems, Problem{Path: name, Value: value, Want: want})
}

// lookup returns the value of a setting that may have two names, and the name to blame for it.
func (m *importer) lookup(firewall string) (value, name string) {
	vmx := ""
	for _, n := range oldNames() {
		if n.firewall == firewall {
			vmx = n.vmx
		}
	}
	a, b := m.getenv(firewall), ""
	if vmx != "" {
		b = m.getenv(vmx)
	}
	switch {
	case a != "" && b != "" && a != b:
		m.problem(vmx, b, fmt.Sprintf("the same as %s, which is %q, or nothing", firewall, a))
		return a, firewall
	case a != "":
		return a, firewall
	case b != "" || vmx != "" && m.vmx:
		return b, vmx
	default:
		return "", firewall
	}
}

// text returns a setting that must be there, and notes that it gives the value at path.
func (m *importer) text(firewall, path, want string) string {
	value, name := m.lookup(firewall)
	m.d.sources[path] = name
	if value == "" {
		m.problem(name, "", want)
		m.d.broken[path] = true
	}
	return value
}

// identity reads the cloud and who to be.
func (m *importer) identity(a *Azure) {
	if cloud := m.getenv("AZURECLOUD"); cloud != "" {
		switch strings.TrimSuffix(strings.ToLower(cloud), "cloud") {
		case "azure", "azurepublic":
			a.Cloud = CloudPublic
		case "azureusgovernment":
			a.Cloud = CloudUSGovernment
		case "azurechina":
			a.Cloud = CloudChina
		default:
			m.problem("AZURECLOUD", cloud, "AzureCloud, AzureUSGovernment or AzureChinaCloud")
		}
	}
	user, tenant := m.getenv("SP_USERNAME"), m.getenv("TENANTID")
	secret := m.getenv("SP_PASSWORD") != ""
	a.TenantID = tenant
	m.d.sources["azure.tenantID"], m.d.sources["azure.clientID"] = "TENANTID", "SP_USERNAME"
	if user == "" && !secret {
		m.note("SP_USERNAME and SP_PASSWORD are not set: azure.credential is default, which tries a managed identity among others")
		return
	}
	a.Credential, a.ClientID, a.ClientSecretEnv = CredentialClientSecret, user, "SP_PASSWORD"
	for _, need := range []struct{ name, path, want string }{
		{"SP_USERNAME", "azure.clientID", "the client id of the service principal, because SP_PASSWORD is set"},
		{"SP_PASSWORD", "azure.clientSecretEnv", "the secret of the service principal, because SP_USERNAME is set"},
		{"TENANTID", "azure.tenantID", "the directory of the service principal, because SP_USERNAME or SP_PASSWORD is set"},
	} {
		if m.getenv(need.name) == "" {
			m.problem(need.name, "", need.want)
			m.d.broken[need.path] = true
		}
	}
}

// members reads the two machines.
func (m *importer) members(g *Group) {
	const first, second = "groups[0].members[0]", "groups[0].members[1]"
	subscription := m.getenv("SUBSCRIPTIONID")
	if !guidPattern.MatchString(subscription) {
		m.problem("SUBSCRIPTIONID", subscription, "the subscription of both machines: a GUID")
		m.d.broken[first+".vm"], m.d.broken[second+".vm"] = true, true
	}
	a := m.text("FW1NAME", first, "the name of the first machine, which carries traffic when both are well")
	b := m.text("FW2NAME", second, "the name of the second machine")
	groups := m.text("FWRGNAME", first+".vm", "the resource group of the machines, or two with a comma between")
	m.d.sources[second+".vm"] = m.d.sources[first+".vm"]
	m.d.broken[second+".vm"] = m.d.broken[second+".vm"] || groups == ""
	groupA, groupB, two := strings.Cut(groups, ",")
	groupA, groupB = strings.TrimSpace(groupA), strings.TrimSpace(groupB)
	if !two {
		groupB = groupA
	}
	if two && (groupA == "" || groupB == "" || strings.Contains(groupB, ",")) {
		m.problem(m.d.sources[first+".vm"], groups, "the resource group of the machines, or two with a comma between")
		m.d.broken[first+".vm"], m.d.broken[second+".vm"] = true, true
	}
	vm := func(group, name string) ResourceID {
		return ResourceID("/subscriptions/" + subscription + "/resourceGroups/" + group + "/providers/" + typeVM + "/" + name)
	}
	g.Members = []Member{{Name: a, VM: vm(groupA, a)}, {Name: b, VM: vm(groupB, b)}}
	if strings.EqualFold(a, b) && !strings.EqualFold(groupA, groupB) && a != "" {
		g.Members[0].Name, g.Members[1].Name = a+"-1", b+"-2"
		m.note("both machines have the same name: the members are called %s and %s", a+"-1", b+"-2")
	}
}

// check reads what the function asked its machines, how often and how patiently.
func (m *importer) check(g *Group) Check {
	kind := KindVMStatus
	monitor, name := m.lookup("FWMONITOR")
	switch strings.ToLower(monitor) {
	case "":
		m.note("%s is not set: the machines' power state is read, as with VMStatus", name)
	case "vmstatus":
	case "tcpport":
		kind = KindTCP
	default:
		m.problem(name, monitor, "VMStatus or TCPPort")
	}
	k := DefaultCheck(kind)
	k.Interval, k.Timeout = oldTimer, max(k.Timeout, oldDelay)
	k.Fall = m.number("FWTRIES", k.Fall, maxCount)
	k.ConfirmInterval = time.Duration(m.number("FWDELAY", int(oldDelay/time.Second), 3600)) * time.Second
	if k.ConfirmInterval > k.Interval {
		k.Interval = k.ConfirmInterval
		m.note("the checks' interval is %s, not %s, because the pause between tries must fit in", short(k.Interval), short(oldTimer))
	}
	if settle := time.Duration(k.Fall) * k.ConfirmInterval; settle >= g.Policy.HoldDown {
		g.Policy.HoldDown = settle + g.Policy.HoldDown
		g.Policy.Per = max(g.Policy.Per, g.Policy.HoldDown)
		m.note("policy.holdDown is %s, because all tries together take %s", short(g.Policy.HoldDown), short(settle))
	}
	if kind == KindVMStatus {
		m.note("the power state stays running when the guest hangs or its tunnel is dead: add a tcp or http check")
		return k
	}
	m.note("a refused connection now counts as a failure; the old function took it for a good one")
	k.Targets = make(map[string]string)
	for i, member := range g.Members {
		host, port := fmt.Sprintf("FW%dFQDN", i+1), fmt.Sprintf("FW%dPORT", i+1)
		target := m.target(host, port)
		k.Targets[member.Name] = target
		path := entry("groups[0].checks[0].targets", member.Name)
		m.d.sources[path] = host
		m.d.broken[path] = target == ""
	}
	return k
}

// mail reads who was told of a switch: the mail servers of a domain were asked, without signing in.
func (m *importer) mail(n *Notify) {
	const at = "notify.targets[0]"
	settings := []struct{ name, path, want string }{
		{"FWMAILDOMAINMX", at + ".mx", "the domain whose mail servers take mail"},
		{"FWMAILFROM", at + ".from", "the sender of mail"},
		{"FWMAILTO", at + ".to", "who gets mail, with commas between"},
	}
	given, values := "", map[string]string{}
	for _, s := range settings {
		values[s.name] = strings.TrimSpace(m.getenv(s.name))
		if given == "" && values[s.name] != "" {
			given = s.name
		}
	}
	if given == "" {
		return
	}
	for _, s := range settings {
		m.d.sources[s.path] = s.name
		if values[s.name] == "" {
			m.problem(s.name, "", s.want+", because "+given+" is set")
			m.d.broken[s.path] = true
		}
	}
	t := DefaultTarget()
	t.Name, t.Kind, t.TLS = "mail", TargetMail, MailOpportunistic
	t.MX, t.From = values["FWMAILDOMAINMX"], values["FWMAILFROM"]
	for to := range strings.FieldsFuncSeq(values["FWMAILTO"], func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		t.To = append(t.To, to)
	}
	n.Targets = []NotifyTarget{t}
	m.note("mail goes to the mail servers of %s as before, with TLS where they offer it; notify.targets takes other ways", t.MX)
}

// number returns a setting that is a whole number from 1 to most, or the usual value when it is not there.
func (m *importer) number(firewall string, usual, most int) int {
	text, name := m.lookup(firewall)
	if text == "" {
		m.note("%s is not set: %d is taken", name, usual)
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || !wholePattern.MatchString(text) || n < 1 || n > most {
		m.problem(name, text, fmt.Sprintf("a whole number from 1 to %d", most))
		return usual
	}
	return n
}

// target returns the host:port of two variables, or "" after a problem.
func (m *importer) target(host, port string) string {
	h, p := m.getenv(host), m.getenv(port)
	if h == "" {
		m.problem(host, "", "the host to connect to, because the monitor is TCPPort")
	}
	if p == "" {
		m.problem(port, "", "the port to connect to, because the monitor is TCPPort")
	}
	if h == "" || p == "" {
		return ""
	}
	if strings.Contains(h, ":") && !strings.HasPrefix(h, "[") {
		h = "[" + h + "]"
	}
	if !validAddress(h+":1", 1, false) {
		m.problem(host, h, "a host name or an IP address")
		return ""
	}
	if !validAddress(h+":"+p, 1, false) {
		m.problem(port, p, "a whole number from 1 to 65535")
		return ""
	}
	return h + ":" + p
}

// notInNames is everything that a group's name cannot hold.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// groupName makes a group's name of a tag value.
func groupName(tag string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(tag), "-"), "-")
	if len(name) > 63 {
		name = strings.Trim(name[:63], "-")
	}
	if name == "" {
		return "default"
	}
	return name
}
