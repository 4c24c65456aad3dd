package cli

import (
	"strconv"
	"strings"
	"time"

	"hopguard/internal/azuresim"
)

// parseFault reads KIND[,member=value]...; from says where the text comes from.
func parseFault(from, text string) (azuresim.Fault, error) {
	const hint = "hopguard sim --help shows the form"
	parts := strings.Split(text, ",")
	f := azuresim.Fault{Kind: azuresim.FaultKind(parts[0]), Params: map[string]string{}}
	for _, part := range parts[1:] {
		name, value, ok := strings.Cut(part, "=")
		var err error
		switch {
		case !ok:
			return f, usagef(hint, "%s: %q: %q: want member=value", from, text, part)
		case name == "method":
			f.Method = value
		case name == "path":
			f.Path = value
		case name == "type":
			f.Type = value
		case name == "probability":
			f.Probability, err = strconv.ParseFloat(value, 64)
		case name == "count":
			f.Count, err = strconv.Atoi(value)
		case name == "after":
			f.After, err = strconv.Atoi(value)
		case name == "duration":
			f.Duration, err = time.ParseDuration(value)
		default:
			f.Params[name] = value
		}
		if err != nil {
			return f, usagef(hint, "%s: %q: %s: %w", from, text, name, err)
		}
	}
	return f, nil
}

// faultOrder is a fault as both stand-ins read it.
type faultOrder struct {
	Kind        azuresim.FaultKind `json:"kind"`
	Method      string             `json:"method,omitempty"`
	Path        string             `json:"path,omitempty"`
	Type        string             `json:"type,omitempty"`
	Probability float64            `json:"probability,omitempty"`
	Count       int                `json:"count,omitempty"`
	After       int                `json:"after,omitempty"`
	Duration    string             `json:"duration,omitempty"`
	Params      map[string]string  `json:"params,omitempty"`
}

func orderOf(f azuresim.Fault) faultOrder {
	o := faultOrder{
		Kind: f.Kind, Method: f.Method, Path: f.Path, Type: f.Type,
		Probability: f.Probability, Count: f.Count, After: f.After, Params: f.Params,
	}
	if f.Duration != 0 {
		o.Duration = f.Duration.String()
	}
	return o
}
