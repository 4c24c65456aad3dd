package contender

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// report is what hopguard says of one tick, as far as it matters here.
type report struct {
	Active         string
	Epoch          uint64
	MovedTo        string
	Committed      time.Time
	Refused        string
	Members        []memberReport
	Tables         []tableReport
	Effective      []struct{ At time.Time }
	LastTransition *transition
	Errors         []string
}

type memberReport struct {
	Name    string
	Verdict string
	Since   time.Time
}

type tableReport struct {
	ID                  string
	Changes             []json.RawMessage
	Accepted, Succeeded time.Time
}

// steady reports whether the group needs nothing, and what it looks like.
func (r report) steady() (bool, string) {
	var seen []string
	well := len(r.Members) > 0 && len(r.Errors) == 0
	for _, m := range r.Members {
		seen = append(seen, m.Name+" "+m.Verdict)
		well = well && m.Verdict == "up"
	}
	pending := 0
	for _, t := range r.Tables {
		pending += len(t.Changes)
	}
	seen = append(seen, fmt.Sprintf("%d tables with %d routes to move", len(r.Tables), pending))
	return well && len(r.Tables) > 0 && pending == 0, strings.Join(append(seen, r.Errors...), ", ")
}

// fell is when a member was found down; zero if it was not.
func (r report) fell(member string) time.Time {
	for _, m := range r.Members {
		if m.Name == member && m.Verdict == "down" {
			return m.Since
		}
	}
	return time.Time{}
}

// ask makes a request and returns the answer's body.
func ask(client *http.Client, r *http.Request) ([]byte, error) {
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", r.Method, r.URL.Path, resp.Status, body)
	}
	return body, err
}

// onlyGroup reads the report of the one group in the answer to a question for the status. ok is
// false if no tick has ended yet.
func onlyGroup(body []byte) (r report, ok bool, err error) {
	var page struct{ Groups []report }
	if err := json.Unmarshal(body, &page); err != nil {
		return report{}, false, fmt.Errorf("status: %w", err)
	}
	if len(page.Groups) == 0 {
		return report{}, false, nil
	}
	return page.Groups[0], true, nil
}

// stages are when the writes of one transition went how far: each table by the first write
// that succeeded, and of the tables the last.
func stages(reports []report, epoch uint64) (accepted, succeeded, effective time.Time) {
	var seen []string
	for _, r := range reports {
		if r.LastTransition == nil || r.LastTransition.Epoch != epoch {
			continue
		}
		for _, t := range r.Tables {
			if t.Succeeded.IsZero() || slices.Contains(seen, t.ID) {
				continue
			}
			seen = append(seen, t.ID)
			accepted, succeeded = later(accepted, t.Accepted), later(succeeded, t.Succeeded)
		}
		for _, e := range r.Effective {
			if !e.At.IsZero() {
				effective = later(effective, e.At)
			}
		}
	}
	return accepted, succeeded, effective
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// statusRequest asks hopguard run.
func (p Place) statusRequest(ctx context.Context, path string) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Listen.String()+path, nil)
}
