package api

import (
	"net/http"

	"hopguard/internal/journal"
)

// status shows the newest report of every group, in the form of tick --json. A
// group whose first tick has not ended is missing.
func (s Server) status(w http.ResponseWriter, _ *http.Request) {
	groups := []journal.JSON{}
	for _, g := range s.Groups() {
		if g.Report != nil {
			groups = append(groups, journal.Wire(g.Report))
		}
	}
	write(w, http.StatusOK, "application/json", struct {
		Groups []journal.JSON `json:"groups"`
	}{groups})
}
