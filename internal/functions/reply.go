package functions

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// reply is the answer to an invocation. It is always written as an object that has
// all of its members.
type reply struct {
	Outputs     map[string]any
	Logs        []string
	ReturnValue string
}

func (a reply) write(w http.ResponseWriter, status int) {
	if a.Outputs == nil {
		a.Outputs = map[string]any{}
	}
	if a.Logs == nil {
		a.Logs = []string{}
	}
	body, err := json.Marshal(a)
	if err != nil {
		status = http.StatusInternalServerError
		body, _ = json.Marshal(reply{Outputs: map[string]any{}, Logs: a.Logs, ReturnValue: fmt.Sprintf("encode the answer: %v", err)}) // of texts
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the host may have gone
}
