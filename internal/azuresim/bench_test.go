package azuresim_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"hopguard/internal/azuresim"
)

// benchWorld is a world of n tables with 50 routes, and a token of its owner.
func benchWorld(b *testing.B, p azuresim.Profile, n int) (*azuresim.Sim, string) {
	b.Helper()
	s, err := azuresim.New(azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: 40, Tables: n, RoutesPerTable: 50}), azuresim.Options{Profile: p})
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := s.Token("owner")
	if err != nil {
		b.Fatal(err)
	}
	return s, token
}

func benchCall(b *testing.B, s *azuresim.Sim, token, method, url, body string) int {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.Transport().RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// BenchmarkPut writes a table of 50 routes with what it holds, until the write bucket is empty; then the refusals count.
func BenchmarkPut(b *testing.B) {
	p := azuresim.ProfileDefault()
	p.RequestLatency = 0
	s, token := benchWorld(b, p, 40)
	doc, err := s.RouteTable(rt1)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		benchCall(b, s, token, "PUT", "https://management.azure.com"+rt1+netAPI, string(doc))
	}
}

// BenchmarkListOfTables lists a page of 1000 tables of 50 routes.
func BenchmarkListOfTables(b *testing.B) {
	p := azuresim.ProfileDefault()
	p.RequestLatency = 0
	s, token := benchWorld(b, p, 1000)
	url := "https://management.azure.com/subscriptions/" + sub1 + "/providers/Microsoft.Network/routeTables" + netAPI
	for b.Loop() {
		benchCall(b, s, token, "GET", url, "")
	}
}

// BenchmarkNewWorld builds a world of 10,000 tables of 50 routes.
func BenchmarkNewWorld(b *testing.B) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: 40, Tables: 10000, RoutesPerTable: 50})
	for b.Loop() {
		if _, err := azuresim.New(w, azuresim.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
