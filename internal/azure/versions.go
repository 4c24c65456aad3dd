package azure

import (
	"errors"
	"regexp"
	"slices"
	"sync"
)

// The providers that are asked.
const (
	providerNetwork   = "Microsoft.Network"
	providerCompute   = "Microsoft.Compute"
	providerResources = "Microsoft.Resources"
)

// versions holds the api-version of each provider. It begins with the newest
// that is known to carry all members of a route table (2025-07-01 added
// disablePeeringRoute); clouds that are behind say which ones they have, and then
// the newest of those is used. The zero value is ready.
type versions struct {
	mu      sync.Mutex
	learned map[string]string
}

func (v *versions) of(provider string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known := v.learned[provider]; known != "" {
		return known
	}
	switch provider {
	case providerNetwork:
		return "2025-07-01"
	case providerCompute:
		return "2025-04-01"
	default:
		return "2021-04-01"
	}
}

var versionInText = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b(-\w+)?`)

// learn takes the newest stable version that an error about the asked version
// offers. It reports whether the request is worth repeating. Requests that fly
// together fail together: all but the first find the lesson learned.
func (v *versions) learn(provider, asked string, err error) bool {
	e, ok := errors.AsType[*APIError](err)
	if !ok || !e.has("InvalidApiVersionParameter", "NoRegisteredProviderFound", "InvalidResourceType") {
		return false
	}
	if v.of(provider) < asked {
		return true
	}
	var offered []string
	for _, s := range versionInText.FindAllString(e.Message, -1) {
		if len(s) == len("2006-01-02") && s < asked {
			offered = append(offered, s)
		}
	}
	if len(offered) == 0 {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.learned == nil {
		v.learned = map[string]string{}
	}
	if newest := slices.Max(offered); v.learned[provider] == "" || newest < v.learned[provider] {
		v.learned[provider] = newest
	}
	return true
}
