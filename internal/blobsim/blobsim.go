// Package blobsim is an honest stand-in for the part of Azure Blob Storage that
// keeps small blobs and leases: Put, Get, Head and Delete Blob, Set Blob Metadata,
// Lease Blob, List Blobs, Create and Delete Container, with account key, SAS or
// bearer token.
//
// It guarantees: the state rules of leases, the conditional headers, the status and
// error codes and the headers that Azure documents; a contract test makes the same
// exchanges with Azurite and compares. Where Azurite is kinder than Azure's
// documentation, this package follows the documentation. Time is read when somebody
// asks and no goroutine runs in between, so it works unchanged inside a
// testing/synctest bubble. Faults are chosen by the test, one for each call.
//
// It does not: know other operations and headers (they are answered 501), keep
// snapshots, versions or soft-deleted blobs, lease containers, or keep state across
// a restart. Of a SAS it knows one text and its expiry, of a token one text.
//
// It imports nothing of this module, so that it cannot share a mistake with the
// client that it tests. The simulation and tests may import it; production code may
// not.
package blobsim

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Options are the choices of a Sim. The zero value works.
type Options struct {
	// Account is the name of the storage account; empty is "hopguard".
	Account string
	// Key signs requests; nil is a well-known one, see Sim.ConnectionString.
	Key []byte
	// SAS is a query that may be sent instead of a signature, with its parameters se
	// (its end) and sp (its permissions) obeyed. Empty: none.
	SAS string
	// Token is a bearer token that may be sent instead. Empty: none.
	Token string
	// ReadOnly are the rights of the token and the SAS: reading and listing.
	ReadOnly bool
	// Clock is the service's; nil is time.Now.
	Clock func() time.Time
	// PageSize is the most blobs in a page of a list; 0 is Azure's 5000.
	PageSize int
	// Deleting is how long a deleted container's name stays taken; 0 is Azure's
	// least, 30 s.
	Deleting time.Duration
}

// Sim is one simulated storage account. All methods are safe for concurrent use.
type Sim struct {
	options Options

	mu         sync.Mutex
	containers map[string]*container
	deleting   map[string]time.Time // until when a container's name is taken
	etags      int
	requests   int
	fault      func(Call) Fault
	calls      []Call
	nth        map[Op]int // how often each operation was asked for
	late       []late
}

type container struct {
	etag     string
	modified time.Time
	blobs    map[string]*blob
}

type blob struct {
	content     []byte
	contentType string
	metadata    map[string]string
	etag        string
	created     time.Time
	modified    time.Time
	lease       lease
}

// New returns an account without containers.
func New(o Options) *Sim {
	if o.Account == "" {
		o.Account = "hopguard"
	}
	if o.Key == nil {
		o.Key = []byte("a key that everybody may know")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.PageSize == 0 {
		o.PageSize = 5000
	}
	if o.Deleting == 0 {
		o.Deleting = 30 * time.Second
	}
	return &Sim{options: o, containers: map[string]*container{}, deleting: map[string]time.Time{}, nth: map[Op]int{}}
}

// URL is the blob service's address in Azure's form. Nothing listens there: it is
// for Transport.
func (s *Sim) URL() string { return fmt.Sprintf("https://%s.blob.core.windows.net", s.options.Account) }

// ConnectionString is what Azure's portal shows under "Access keys".
func (s *Sim) ConnectionString() string {
	return fmt.Sprintf("DefaultEndpointsProtocol=https;AccountName=%s;AccountKey=%s;EndpointSuffix=core.windows.net",
		s.options.Account, base64.StdEncoding.EncodeToString(s.options.Key))
}

// SetFault chooses what goes wrong: f is asked before each call is carried out. nil
// means that nothing does. f must not call the Sim.
func (s *Sim) SetFault(f func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Calls returns what was asked so far, in order.
func (s *Sim) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// touch gives an etag that was never given before. The caller holds the Sim.
func (s *Sim) touch() string {
	s.etags++
	return fmt.Sprintf(`"0x8DE%013X"`, 0x1A2B3C4D5E+s.etags)
}

func (s *Sim) now() time.Time { return s.options.Clock().UTC() }

// stamp is a time in the form of HTTP headers.
func stamp(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
