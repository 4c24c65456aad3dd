package azuresim

import (
	"net/http"
	"strings"
)

const typeSiteExtension = "Microsoft.Web/sites/extensions"

// packageKinds is what puts a package into a function app from a template. The package is not fetched.
func (s *Sim) packageKinds() []*plain {
	return []*plain{{name: typeSiteExtension, versions: webVersions(), child: true, status: http.StatusOK, time: s.profile.WriteTime, fill: s.fillPackage}}
}

func (s *Sim) fillPackage(rq *request, _ *resource, doc object) (object, *reply) {
	p := doc.obj("properties")
	switch {
	case !strings.EqualFold(rq.target.name, "onedeploy"):
		return nil, rq.provider(http.StatusNotFound, "NotFound", "The site extension '"+rq.target.name+"' is not simulated.")
	case !strings.HasPrefix(p.str("packageUri"), "https://"):
		return nil, rq.invalid("BadRequest", "The packageUri must be an https URL.") // text [U]
	case p.flag("remoteBuild"):
		return nil, rq.invalid("BadRequest", "A remote build is not supported for the runtime 'custom'.") // text [U]
	}
	// The URL may hold a signature, and is not shown again [U].
	doc.set("properties", object{{"deployer", "ArmTemplate"}, {"active", true}})
	return doc, nil
}
