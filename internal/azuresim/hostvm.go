package azuresim

import (
	"net/http"
	"strings"
	"time"
)

const (
	typeNSG         = "Microsoft.Network/networkSecurityGroups"
	typeDisk        = "Microsoft.Compute/disks"
	typeMetricAlert = "Microsoft.Insights/metricAlerts"
)

// hostKinds are what a machine that runs a controller needs beside itself and its NIC.
func (s *Sim) hostKinds() []*plain {
	return []*plain{
		{name: typeNSG, versions: networkVersions(), time: s.profile.WriteTime, fill: s.fillNSG, keep: s.keepNSG},
		{name: typeDisk, versions: []string{"2022-03-02", "2023-04-02", "2024-03-02", "2025-01-02"}, time: s.profile.WriteTime, fill: s.fillDisk, keep: s.keepDisk},
		{name: typeMetricAlert, versions: []string{"2018-03-01", "2024-03-01-preview"}, status: http.StatusOK, stateless: true, fill: s.fillMetricAlert},
	}
}

// fillNSG gives each rule its id. Rules are kept, and filter nothing: the fabric forwards as if there were none.
func (s *Sim) fillNSG(rq *request, _ *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	rules := []any{}
	for _, v := range p.list("securityRules") {
		in, _ := v.(object)
		props := in.obj("properties").clone()
		if in.str("name") == "" || props.str("direction") == "" || props.str("access") == "" {
			return nil, rq.networkError(http.StatusBadRequest, "SecurityRuleInvalid", "Security rule '"+in.str("name")+"' needs a name, a direction and an access.") // code [U]
		}
		props.set("provisioningState", stateSucceeded)
		rules = append(rules, object{{"name", in.str("name")}, {"id", rq.target.canonicalID() + "/securityRules/" + in.str("name")}, {"type", typeNSG + "/securityRules"}, {"properties", props}})
	}
	p.set("securityRules", rules)
	doc.set("properties", p)
	return doc, nil
}

// keepNSG refuses to delete a group that a NIC uses.
func (s *Sim) keepNSG(rq *request, r *resource) *reply {
	for _, n := range s.all(s.kinds[lower(typeNIC)], r.sub) {
		if !n.gone && strings.EqualFold(n.doc.obj("properties").obj("networkSecurityGroup").str("id"), r.id) {
			return rq.networkError(http.StatusBadRequest, "InUseNetworkSecurityGroupCannotBeDeleted", "Network security group "+r.id+" cannot be deleted because it is in use by the following resources: "+n.id+
				". In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg.")
		}
	}
	return nil
}

// fillDisk refuses what clients ask for by themselves: disks come with machines here.
func (s *Sim) fillDisk(rq *request, r *resource, doc object) (object, *reply) {
	if r == nil {
		return nil, rq.invalid("NotSupported", "Disks are made with their machines here: a disk of its own is not simulated.")
	}
	return doc, nil
}

// keepDisk refuses to delete the disk of a machine.
func (s *Sim) keepDisk(rq *request, r *resource) *reply {
	if vm := s.lookup(r.doc.str("managedBy")); vm != nil {
		return rq.provider(http.StatusConflict, "OperationNotAllowed", "Disk "+r.name+" is attached to VM "+vm.id+".")
	}
	return nil
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

// addDisk makes the disk of a machine that a client makes from an image and does not name, and names it in the machine's document.
// It stays when the machine is deleted.
func (s *Sim) addDisk(r *resource, at time.Time) {
	p := r.doc.obj("properties")
	storage := p.obj("storageProfile").clone()
	disk := storage.obj("osDisk").clone()
	if disk.str("name") != "" || !strings.EqualFold(disk.str("createOption"), "FromImage") {
		return
	}
	name := r.name + "_OsDisk_1_" + strings.ReplaceAll(s.guid(), "-", "")
	id := resourceID(r.sub, r.group, typeDisk, name)
	managed := disk.obj("managedDisk").clone()
	d := s.insert(s.kinds[lower(typeDisk)], id, r.sub, r.group, name, r.location, at)
	size, _ := disk.get("diskSizeGB")
	d.state, d.doc = stateSucceeded, object{{"managedBy", r.id}, {"sku", object{{"name", managed.str("storageAccountType")}}}, {"properties", object{
		{"osType", disk.str("osType")}, {"diskSizeGB", size}, {"diskState", "Attached"}, {"creationData", object{{"createOption", "FromImage"}}}, {"encryption", object{{"type", "EncryptionAtRestWithPlatformKey"}}}}}}
	s.commit(d, at)
	managed.set("id", id)
	disk.set("name", name)
	disk.set("managedDisk", managed)
	storage.set("osDisk", disk)
	props := p.clone()
	props.set("storageProfile", storage)
	doc := r.doc.clone()
	doc.set("properties", props)
	r.doc = doc
}
