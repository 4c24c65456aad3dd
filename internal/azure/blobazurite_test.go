package azure_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"hopguard/internal/azure"
	"hopguard/internal/azurite"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
)

// onAzurite returns a container of Azurite, by its account key.
func onAzurite(t *testing.T, s *azurite.Server, name string, change ...func(*azure.BlobSettings)) *azure.Container {
	t.Helper()
	network := &http.Transport{}
	t.Cleanup(network.CloseIdleConnections)
	settings := azure.BlobSettings{
		ConnectionString: azure.BlobSecret(s.ConnectionString()), Container: name, Create: true,
		Transport: &http.Client{Transport: network},
		Timeout:   30 * time.Second, // no test of time: the machine may be busy
	}
	for _, f := range change {
		f(&settings)
	}
	c, err := azure.NewContainer(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOnAzurite(t *testing.T) {
	server := azurite.Start(t)
	t.Run("records", func(t *testing.T) { keepRecords(t, recordsOf(onAzurite(t, server, "records"))) })
	t.Run("P3-one-winner-for-each-version", func(t *testing.T) {
		oneWinner(t, recordsOf(onAzurite(t, server, "winners")), recordsOf(onAzurite(t, server, "winners")))
	})
	t.Run("corrupt-record", func(t *testing.T) { corruptOnAzurite(t, server) })
	t.Run("container-not-made", func(t *testing.T) {
		s := recordsOf(onAzurite(t, server, "nowhere", func(s *azure.BlobSettings) { s.Create = false }))
		_, err := s.Swap(t.Context(), recordOf("emea", 1), "")
		if err == nil || !strings.Contains(err.Error(), "az storage container create") {
			t.Errorf("Swap() = %v, want what to do", err)
		}
	})
	t.Run("wrong-key", func(t *testing.T) {
		s := recordsOf(onAzurite(t, server, "keys", func(s *azure.BlobSettings) {
			s.ConnectionString = azure.BlobSecret(strings.Replace(server.ConnectionString(), "AccountKey=E", "AccountKey=F", 1))
		}))
		_, err := s.Swap(t.Context(), recordOf("emea", 1), "")
		// Azure calls it AuthenticationFailed.
		if e, ok := errors.AsType[*azure.BlobError](err); !ok || e.Status != http.StatusForbidden || e.Code != "AuthorizationFailure" {
			t.Errorf("Swap() = %v, want 403", err)
		}
	})
	t.Run("lost-answer", func(t *testing.T) { lostAnswerOnAzurite(t, server) })
	t.Run("takeover", func(t *testing.T) { takeoverOnAzurite(t, server) })
	t.Run("loss", func(t *testing.T) { lossOnAzurite(t, server) })
	t.Run("holdings", func(t *testing.T) { holdingsOnAzurite(t, server) })
	t.Run("sas", func(t *testing.T) { sasOnAzurite(t, server) })
}

func corruptOnAzurite(t *testing.T, server *azurite.Server) {
	c := onAzurite(t, server, "corrupt")
	s := recordsOf(c)
	wantAbsent(t, s, "emea")
	upload(t, server, "corrupt", "hopguard/records/emea.json", "no record")
	_, _, err := s.Load(t.Context(), "emea")
	if !errors.Is(err, decide.ErrCorrupt) || !strings.Contains(err.Error(), "it is kept as hopguard/records/emea.json.corrupt-") {
		t.Errorf("Load() = %v, want decide.ErrCorrupt", err)
	}
	wantAbsent(t, s, "emea")
	v := mustSwap(t, s, recordOf("emea", 1), "")
	wantStored(t, s, recordOf("emea", 1), v)
}

// byKey is the SDK's own client, for what people do by hand.
func byKey(t *testing.T, server *azurite.Server) *service.Client {
	t.Helper()
	c, err := service.NewClientFromConnectionString(server.ConnectionString(), &service.ClientOptions{ClientOptions: policy.ClientOptions{PerCallPolicies: []policy.Policy{oldVersion{}}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// oldVersion asks for what Azurite knows.
type oldVersion struct{}

// Do implements policy.Policy.
func (oldVersion) Do(r *policy.Request) (*http.Response, error) {
	delete(r.Raw().Header, "x-ms-version")
	r.Raw().Header.Set("x-ms-version", "2023-11-03")
	return r.Next()
}

func upload(t *testing.T, server *azurite.Server, containerName, name, text string) {
	t.Helper()
	b := byKey(t, server).NewContainerClient(containerName).NewBlockBlobClient(name)
	if _, err := b.UploadBuffer(t.Context(), []byte(text), nil); err != nil {
		t.Fatal(err)
	}
}

// flaky is a network that can be cut, or lose the answer to a request.
type flaky struct {
	cut  atomic.Bool
	lose atomic.Pointer[string] // of the next request with this method, whose answer is lost
}

func (f *flaky) use(s *azure.BlobSettings) {
	network := s.Transport
	s.Transport = doer(func(r *http.Request) (*http.Response, error) {
		if f.cut.Load() {
			return nil, errors.New("no route to host")
		}
		resp, err := network.Do(r)
		if m := f.lose.Load(); err == nil && m != nil && *m == r.Method && f.lose.CompareAndSwap(m, nil) {
			_ = resp.Body.Close()
			return nil, errors.New("connection reset by peer")
		}
		return resp, err
	})
}

func lostAnswerOnAzurite(t *testing.T, server *azurite.Server) {
	network := &flaky{}
	s := recordsOf(onAzurite(t, server, "answers", network.use))
	v1 := mustSwap(t, s, recordOf("emea", 1), "")
	network.lose.Store(new(http.MethodPut))
	v2 := mustSwap(t, s, recordOf("emea", 2), v1)
	if network.lose.Load() != nil {
		t.Fatal("no answer was lost")
	}
	wantStored(t, s, recordOf("emea", 2), v2)
}

// A leader that is killed is followed when Azurite's clock says that its lease is
// over, and not before; one that gives the lease back is followed at once.
func takeoverOnAzurite(t *testing.T, server *azurite.Server) {
	network := &flaky{}
	a, b := electorOf(onAzurite(t, server, "leases", network.use), "host-a/1"), electorOf(onAzurite(t, server, "leases"), "host-b/1")
	ctx, kill := context.WithCancel(t.Context())
	leads := make(chan lease.Term)
	var all sync.WaitGroup
	all.Go(func() {
		_ = a.Lead(ctx, func(ctx context.Context, term lease.Term) error {
			leads <- term
			<-ctx.Done()
			return nil
		}) // its release is lost
	})
	first := <-leads
	if err := b.Lead(t.Context(), nil); !errors.Is(err, lease.ErrHeld) || !strings.Contains(err.Error(), "held by host-a/1") {
		t.Errorf("Lead() = %v, want that a holds it", err)
	}
	network.cut.Store(true)
	kill()
	all.Wait()
	if err := b.Lead(t.Context(), nil); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("Lead() just after the death = %v, want ErrHeld", err)
	}
	server.Advance(t, 16*time.Second)
	var second lease.Term
	if err := b.Lead(t.Context(), func(_ context.Context, term lease.Term) error {
		second = term
		return term.Err()
	}); err != nil {
		t.Errorf("Lead() after the lease = %v", err)
	}
	network.cut.Store(false)
	if err := a.Lead(t.Context(), func(_ context.Context, term lease.Term) error {
		if first.Number() != 1 || second.Number() != 2 || term.Number() != 3 {
			t.Errorf("terms %d, %d, %d, want 1, 2, 3", first.Number(), second.Number(), term.Number())
		}
		return nil
	}); err != nil {
		t.Errorf("Lead() after the release = %v", err)
	}
}

func lossOnAzurite(t *testing.T, server *azurite.Server) {
	l := azure.Leases{Container: onAzurite(t, server, "loss")}
	take := func(id string) {
		t.Helper()
		if _, err := l.Acquire(t.Context(), claim("groups/emea", id)); err != nil {
			t.Fatalf("Acquire() = %v", err)
		}
	}
	renew := func(id string, want error) {
		t.Helper()
		if err := l.Renew(t.Context(), "groups/emea", id); !errors.Is(err, want) {
			t.Errorf("Renew() = %v, want %v", err, want)
		}
	}
	take(idA)
	renew(idA, nil)
	renew(idB, lease.ErrTaken)
	server.Advance(t, 16*time.Second)
	renew(idA, nil) // nobody has taken it
	server.Advance(t, 16*time.Second)
	take(idB)
	renew(idA, lease.ErrTaken)
	if err := l.Release(t.Context(), "groups/emea", idA); err != nil {
		t.Errorf("Release() of a lost lease = %v", err)
	}
	renew(idB, nil)
	if err := l.Release(t.Context(), "groups/emea", idB); err != nil {
		t.Errorf("Release() = %v", err)
	}
	renew(idB, lease.ErrReleased)
	take(idA)
	if _, err := byKey(t, server).NewContainerClient("loss").Delete(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	renew(idA, lease.ErrDeleted)
}

func holdingsOnAzurite(t *testing.T, server *azurite.Server) {
	l := azure.Leases{Container: onAzurite(t, server, "holdings")}
	if got, err := l.Holdings(t.Context(), ""); err != nil || got != nil {
		t.Errorf("Holdings() without a container = %v, %v", got, err)
	}
	c := claim("replicas/a.1", idA)
	c.Holder, c.Note = "höst a/1", "emea,ü b"
	if _, err := l.Acquire(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got, err := l.Holdings(t.Context(), "replicas/")
	want := lease.Holding{Key: c.Key, Held: true, Holder: c.Holder, Since: c.Since, Number: 1, Note: c.Note}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("Holdings() = %+v, %v, want %+v", got, err, want)
	}
	if err := l.Forget(t.Context(), c.Key); err != nil {
		t.Errorf("Forget() of a held lease = %v", err)
	}
	if got, err := l.Holdings(t.Context(), "replicas/"); err != nil || len(got) != 1 {
		t.Errorf("Holdings() = %+v, %v, want that the held lease is there still", got, err)
	}
}

// A SAS works with exactly the permissions that the documentation names.
func sasOnAzurite(t *testing.T, server *azurite.Server) {
	client := byKey(t, server).NewContainerClient("sas")
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	address := func(p sas.ContainerPermissions) string {
		t.Helper()
		text, err := client.GetSASURL(p, time.Now().Add(time.Hour), &container.GetSASURLOptions{StartTime: new(time.Now().Add(-time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	open := func(p sas.ContainerPermissions) *azure.Container {
		return onAzurite(t, server, "", func(s *azure.BlobSettings) {
			s.ConnectionString, s.SASURL = "", azure.BlobSecret(address(p))
		})
	}
	all := open(sas.ContainerPermissions{Read: true, Add: true, Create: true, Write: true, Delete: true, List: true})
	keepRecords(t, recordsOf(all))
	takeAndList(t, all)
	_, err := recordsOf(open(sas.ContainerPermissions{Read: true, List: true})).Swap(t.Context(), recordOf("sas", 1), "")
	if e, ok := errors.AsType[*azure.BlobError](err); !ok || e.Status != http.StatusForbidden || !strings.Contains(err.Error(), "racwdl") {
		t.Errorf("Swap() with a SAS for reading = %v, want what is missing", err)
	}
}

func takeAndList(t *testing.T, c *azure.Container) {
	t.Helper()
	l := azure.Leases{Container: c}
	if err := electorOf(c, "host-a/1").Lead(t.Context(), func(ctx context.Context, term lease.Term) error {
		got, err := l.Holdings(ctx, "groups/")
		if err != nil || len(got) != 1 || !got[0].Held || got[0].Holder != "host-a/1" {
			t.Errorf("Holdings() = %+v, %v", got, err)
		}
		return term.Err()
	}); err != nil {
		t.Errorf("Lead() = %v", err)
	}
}

// bearer is a token as Azurite wants it, which checks all but the signature.
type bearer struct{ audience string }

// GetToken implements azcore.TokenCredential.
func (b bearer) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"aud": b.audience, "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
		"iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return azcore.AccessToken{}, err
	}
	part := base64.RawURLEncoding.EncodeToString
	token := part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + part(claims) + "." + part([]byte("unsigned"))
	return azcore.AccessToken{Token: token, ExpiresOn: now.Add(time.Hour)}, nil
}

// With a token, over TLS with a certificate of our own.
func TestTokensOnAzurite(t *testing.T) {
	folder := t.TempDir()
	ca := certificate(t, folder)
	server := azurite.Start(t, "--oauth", "basic", "--cert", filepath.Join(folder, "cert.pem"), "--key", filepath.Join(folder, "key.pem"))
	open := func(audience string) *azure.Container {
		c, err := azure.NewContainer(azure.BlobSettings{
			Account: server.URL, Container: "tokens", Create: true, TokenCredential: bearer{audience}, CA: ca, Timeout: 30 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open("https://storage.azure.com")
	keepRecords(t, recordsOf(c))
	takeAndList(t, c)
	if _, _, err := recordsOf(open("https://management.azure.com")).Load(t.Context(), "emea"); err == nil || !strings.Contains(err.Error(), "is not accepted") {
		t.Errorf("Load() with a token for something else = %v", err)
	}
}

// certificate writes a certificate for the loopback and returns whom to trust.
func certificate(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		writeFile(t, filepath.Join(folder, name), pem.EncodeToMemory(block))
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}
