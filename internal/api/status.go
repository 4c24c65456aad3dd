package api

import (
	"net/http"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/journal"
)

// elsewhere is a group that another process looks after.
type elsewhere struct {
	Group  appliance.GroupName `json:"group"`
	Leader controller.Leader   `json:"leader"`
}

// status shows the newest report of every group, in the form of tick --json. A
// group whose first tick has not ended is missing, and of those that another process
// looks after it only says which one.
func (s Server) status(w http.ResponseWriter, _ *http.Request) {
	groups := []journal.JSON{}
	var others []elsewhere
	for _, g := range s.Groups() {
		if g.Elsewhere != nil {
			others = append(others, elsewhere{g.Name, g.Elsewhere.Leader})
		} else if g.Report != nil {
			groups = append(groups, journal.Wire(g.Report))
		}
	}
	write(w, http.StatusOK, "application/json", struct {
		Groups    []journal.JSON `json:"groups"`
		Elsewhere []elsewhere    `json:"elsewhere,omitempty"`
	}{groups, others})
}
