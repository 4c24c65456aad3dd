package azuresim

import (
	"net/http"
	"strings"
)

const typeNSG = "Microsoft.Network/networkSecurityGroups"

// securityKinds are the groups of rules that a NIC may have.
func (s *Sim) securityKinds() []*plain {
	return []*plain{{name: typeNSG, versions: networkVersions(), time: s.profile.WriteTime, fill: s.fillNSG, keep: s.keepNSG}}
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
