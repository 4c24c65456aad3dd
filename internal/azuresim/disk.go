package azuresim

import (
	"net/http"
	"strings"
	"time"
)

const typeDisk = "Microsoft.Compute/disks"

// diskKinds are the disks that machines bring with them.
func (s *Sim) diskKinds() []*plain {
	return []*plain{{name: typeDisk, versions: []string{"2022-03-02", "2023-04-02", "2024-03-02", "2025-01-02"}, time: s.profile.WriteTime, fill: s.fillDisk, keep: s.keepDisk}}
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
