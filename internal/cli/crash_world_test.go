package cli_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azuresim"
	"hopguard/internal/blobsim"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/sim"
	"hopguard/internal/store"
)

// hopA and hopB are the next hops of vmx-a and vmx-b.
const hopA, hopB = "10.1.0.4", "10.2.0.4"

// crashWorld is a simulated Azure, and a store, whose clients pass a door.
type crashWorld struct {
	cloud   *sim.Cloud
	door    *door
	conf    string
	env     []string
	records keeper
	// tables are all route tables as they were at first.
	tables map[string][]byte
}

// keeper looks at a store without its clients' help.
type keeper interface {
	read() ([]byte, error)
	write(raw []byte) error
	// aside are the names of the records that were put aside.
	aside() ([]string, error)
}

// storeKind is a store that processes can be started with.
type storeKind func(tb testing.TB, d *door, dir string) (config.Store, keeper)

// startCrashWorld serves a world until the test ends, with vmx-a active in the routes.
func startCrashWorld(tb testing.TB, d *door, kind storeKind) *crashWorld {
	tb.Helper()
	world := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	for i := range world.RouteTables {
		// What no client of today knows, and a route to somebody else.
		t := &world.RouteTables[i]
		t.Properties = map[string]any{"ofTomorrow": map[string]any{"list": []any{"x", 7.0}}}
		t.Routes[0].Properties = map[string]any{"hint": "keep"}
		t.Routes = append(t.Routes, azuresim.Route{Name: "firewall", AddressPrefix: "0.0.0.0/0", NextHopType: "VirtualAppliance", NextHopIPAddress: "10.9.9.9"})
	}
	cloud, err := sim.New(sim.Options{World: world, Profile: quick(), Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	cert, err := azuresim.Certificate(dir)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewUnstartedServer(d.guard(cloud))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // who is killed says no goodbye
	server.StartTLS()
	tb.Cleanup(server.Close)
	w := &crashWorld{cloud: cloud, door: d, conf: filepath.Join(dir, "hopguard.yaml"), env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}}
	c, err := cloud.Config(server.URL)
	if err != nil {
		tb.Fatal(err)
	}
	c.Azure.CAFile, c.Azure.ClientSecret = filepath.Join(dir, "ca.pem"), "secret"
	c.Store, w.records = kind(tb, d, dir)
	// One look is enough, and it has time: this is no test of checks.
	status := config.DefaultCheck(config.KindVMStatus)
	status.Fall, status.Rise = 1, 1
	c.Groups[0].Checks = []config.Check{status}
	w.env = append(w.env, "HOPGUARD_AZURE_CLIENTSECRET="+c.Azure.ClientSecret.Reveal()) // secrets are in no file
	if secret := c.Store.ConnectionString.Reveal(); secret != "" {
		w.env = append(w.env, "HOPGUARD_STORE_CONNECTIONSTRING="+secret)
	}
	text, err := c.Complete().YAML()
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(w.conf, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	if w.tables, err = w.look(); err != nil {
		tb.Fatal(err)
	}
	return w
}

// inFiles keeps records in a folder.
func inFiles(_ testing.TB, _ *door, dir string) (config.Store, keeper) {
	folder := filepath.Join(dir, "state")
	return config.Store{Kind: config.StoreFile, Path: folder}, fileKeeper(folder)
}

type fileKeeper string

func (k fileKeeper) path() string          { return filepath.Join(string(k), "emea.json") }
func (k fileKeeper) read() ([]byte, error) { return os.ReadFile(k.path()) }

func (k fileKeeper) write(raw []byte) error {
	return errors.Join(os.MkdirAll(string(k), 0o700), os.WriteFile(k.path(), raw, 0o600))
}

func (k fileKeeper) aside() ([]string, error) { return filepath.Glob(k.path() + ".corrupt-*") }

// inBlobs keeps records in a simulated account, over HTTP, behind the door.
func inBlobs(tb testing.TB, d *door, _ string) (config.Store, keeper) {
	tb.Helper()
	key := []byte("anybody may know it")
	account := blobsim.New(blobsim.Options{Key: key, Token: "looks"})
	server := httptest.NewServer(d.guard(account))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	tb.Cleanup(server.Close)
	k := blobKeeper{account}
	if _, err := k.ask(http.MethodPut, "/state?restype=container", nil); err != nil {
		tb.Fatal(err)
	}
	connection := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=hopguard;AccountKey=%s;BlobEndpoint=%s/hopguard;",
		base64.StdEncoding.EncodeToString(key), server.URL)
	return config.Store{Kind: config.StoreBlob, ConnectionString: config.Secret(connection), Container: "state"}, k
}

type blobKeeper struct{ account *blobsim.Sim }

const recordBlob = "/state/hopguard/records/emea.json"

func (k blobKeeper) read() ([]byte, error) { return k.ask(http.MethodGet, recordBlob, nil) }

func (k blobKeeper) write(raw []byte) error {
	_, err := k.ask(http.MethodPut, recordBlob, raw)
	return err
}

func (k blobKeeper) aside() ([]string, error) {
	list, err := k.ask(http.MethodGet, "/state?restype=container&comp=list", nil)
	var names []string
	for _, part := range strings.Split(string(list), "<Name>")[1:] {
		if name, _, _ := strings.Cut(part, "</Name>"); strings.Contains(name, ".corrupt-") {
			names = append(names, name)
		}
	}
	return names, err
}

// ask is a request of ours; it does not pass the door.
func (k blobKeeper) ask(method, target string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, k.account.URL()+target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer looks")
	req.Header.Set("X-Ms-Blob-Type", "BlockBlob")
	resp, err := k.account.Transport("test").RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", method, target, resp.Status, raw)
	}
	return raw, err
}

// tick runs one process to its end, or to its death at the door.
func (w *crashWorld) tick(ctx context.Context, tb testing.TB) (code int, out string, err error) {
	cmd := hopguard(ctx, tb, "tick", "--config", w.conf)
	cmd.Env = w.env
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	code, err = w.door.run(cmd)
	return code, said.String(), err
}

// record decodes what is stored.
func (w *crashWorld) record() (decide.Record, error) {
	raw, err := w.records.read()
	if err != nil {
		return decide.Record{}, err
	}
	r, _, err := store.Decode(raw, "emea")
	return r, err
}

// look returns all route tables, by their ids.
func (w *crashWorld) look() (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, id := range w.cloud.RouteTables() {
		raw, err := w.cloud.RouteTable(id)
		if err != nil {
			return nil, err
		}
		all[id] = raw
	}
	return all, nil
}

// managed reports whether a table is the group's.
func managed(id string) bool { return strings.Contains(id, "rt-spoke-") }

// moved counts the managed tables whose routes are all at vmx-b.
func (w *crashWorld) moved() (n int, err error) {
	all, err := w.look()
	for id, raw := range all {
		if managed(id) && !bytes.Contains(raw, []byte(hopA)) && bytes.Contains(raw, []byte(hopB)) {
			n++
		}
	}
	return n, err
}

// complete says what is wrong with the end of a failover: every managed route is at
// vmx-b, and nothing else has changed.
func (w *crashWorld) complete() error {
	now, err := w.look()
	if err != nil {
		return err
	}
	errs := []error{}
	if got, want := slices.Sorted(maps.Keys(now)), slices.Sorted(maps.Keys(w.tables)); !slices.Equal(got, want) {
		errs = append(errs, fmt.Errorf("the tables are %v, want %v", got, want))
	}
	for id, before := range w.tables {
		if !managed(id) {
			if !bytes.Equal(now[id], before) {
				errs = append(errs, fmt.Errorf("%s is not the group's and was changed:\n%s", id, now[id]))
			}
			continue
		}
		want, err := plain(bytes.ReplaceAll(before, []byte(hopA), []byte(hopB)))
		errs = append(errs, err)
		got, err := plain(now[id])
		errs = append(errs, err)
		if diff := cmp.Diff(want, got); diff != "" {
			errs = append(errs, fmt.Errorf("%s (-want +got):\n%s", id, diff))
		}
	}
	return errors.Join(errs...)
}

// plain decodes a table without what every write renews.
func plain(raw []byte) (any, error) {
	var doc any
	err := json.Unmarshal(raw, &doc)
	dropETags(doc)
	return doc, err
}

func dropETags(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "etag")
		for _, inner := range v {
			dropETags(inner)
		}
	case []any:
		for _, inner := range v {
			dropETags(inner)
		}
	default: // has no members
	}
}
