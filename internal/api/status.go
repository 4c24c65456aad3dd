package api

import (
	"net/http"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/journal"
	"hopguard/internal/spoke"
)

// elsewhere is a group that another process looks after.
type elsewhere struct {
	Group  appliance.GroupName `json:"group"`
	Leader controller.Leader   `json:"leader"`
}

// group is a group as tick --json shows it, and its spokes.
type group struct {
	journal.JSON
	Spokes *spoke.JSON `json:"spokes,omitempty"`
}

// status shows the newest report of every group, in the form of tick --json, with a
// summary of the newest scan of its spokes if it has some. A
// group whose first tick has not ended is missing, and of those that another process
// looks after it only says which one.
func (s Server) status(w http.ResponseWriter, _ *http.Request) {
	groups := []group{}
	var others []elsewhere
	for _, g := range s.Groups() {
		if g.Elsewhere != nil {
			others = append(others, elsewhere{g.Name, g.Elsewhere.Leader})
		} else if g.Report != nil {
			shown := group{JSON: journal.Wire(g.Report)}
			if g.Spokes != nil {
				shown.Spokes = new(spoke.Summary(g.Spokes))
			}
			groups = append(groups, shown)
		}
	}
	write(w, http.StatusOK, "application/json", struct {
		Groups    []group     `json:"groups"`
		Elsewhere []elsewhere `json:"elsewhere,omitempty"`
	}{groups, others})
}
