package azuresim

import (
	"strings"
	"time"
)

const typeIdentity = "Microsoft.ManagedIdentity/userAssignedIdentities"

// identityKinds are the user-assigned identities. Making one makes a principal, which the identity endpoints hand out at once and
// which the directory's other readers, role assignments among them, see a while later.
func (s *Sim) identityKinds() []*plain {
	return []*plain{{
		name: typeIdentity, versions: []string{"2018-11-30", "2023-01-31", "2024-11-30"}, stateless: true,
		fill: s.fillIdentity, made: s.addPrincipal, gone: s.dropPrincipal,
	}}
}

func (s *Sim) fillIdentity(rq *request, r *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	if r != nil {
		p = r.doc.obj("properties")
	}
	p.set("tenantId", s.tenant)
	p.setDefault("principalId", s.guid())
	p.setDefault("clientId", s.guid())
	doc.set("properties", p)
	return doc, nil
}

// addPrincipal makes the identity somebody who can ask for tokens. Its name is the resource's, or the id if that is taken.
func (s *Sim) addPrincipal(_ *request, r *resource, at time.Time) {
	p := r.doc.obj("properties")
	if s.principal(p.str("principalId")) != nil {
		return
	}
	name := r.name
	if s.principal(name) != nil {
		name = r.id
	}
	s.principals = append(s.principals, &Principal{Name: name, ObjectID: p.str("principalId"), AppID: p.str("clientId"), ManagedIdentity: true, ResourceID: r.id})
	s.visibleFrom[lower(p.str("principalId"))] = at.Add(s.profile.DirectoryLag)
}

// dropPrincipal takes the identity's principal away; assignments to it stay and grant nobody anything.
func (s *Sim) dropPrincipal(r *resource, _ time.Time) {
	oid := r.doc.obj("properties").str("principalId")
	for i, p := range s.principals {
		if strings.EqualFold(p.ObjectID, oid) {
			s.principals = append(s.principals[:i:i], s.principals[i+1:]...)
			return
		}
	}
}
