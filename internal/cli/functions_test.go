package cli_test

import (
	"bufio"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/funchost"
	"hopguard/internal/funczip"
	"hopguard/internal/sim"
)

// packed is the package of the app, unpacked, and the Azure that its handler talks to.
type packed struct {
	cloud    *sim.Cloud
	dir      string
	state    string // the folder of the records
	settings map[string]string
	// write is called with each write of a route table before it is carried out, and is
	// told so afterwards; nil does nothing.
	write atomic.Pointer[func(carried bool)]
}

// pack packs this program as the handler, with a configuration for a simulated Azure
// that is served until the test ends, and unpacks it.
func pack(t *testing.T) *packed {
	t.Helper()
	p := &packed{dir: t.TempDir()}
	conf := p.serve(t)
	program, err := exec.LookPath("hopguard") // testscript.Main has put it there
	if err != nil {
		t.Fatal(err)
	}
	zip := filepath.Join(t.TempDir(), "functions.zip")
	if err := writeZip(program, zip, conf, flate.HuffmanOnly); err != nil {
		t.Fatal(err)
	}
	if err := funchost.Unpack(zip, p.dir); err != nil {
		t.Fatal(err)
	}
	return p
}

func writeZip(program, zip string, conf []byte, level int) (err error) {
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := os.Create(zip)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	tree := os.DirFS(filepath.Join("..", "..", "deploy", "functions"))
	return funczip.Package{Tree: tree, Handler: from, Size: info.Size(), Config: conf, Level: level}.Write(to)
}

// serve serves a simulated Azure and returns a configuration for it.
func (p *packed) serve(t *testing.T) []byte {
	t.Helper()
	var err error
	if p.cloud, err = sim.New(sim.Options{World: azuresim.TwoRegions(azuresim.TwoRegionsOptions{}), Profile: quick(), Seed: 1}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, err := azuresim.Certificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hook := p.write.Load()
		if hook == nil || r.Method != http.MethodPut {
			p.cloud.ServeHTTP(w, r)
			return
		}
		(*hook)(false)
		answer := httptest.NewRecorder()
		p.cloud.ServeHTTP(answer, r)
		(*hook)(true)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the handler may have been killed
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // who is killed says no goodbye
	server.StartTLS()
	t.Cleanup(server.Close)
	c, err := p.cloud.Config(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.Azure.CAFile = filepath.Join(dir, "ca.pem")
	p.state = filepath.Join(dir, "state")
	c.Store = config.Store{Kind: config.StoreFile, Path: p.state}
	status := config.DefaultCheck(config.KindVMStatus)
	status.Interval, status.Timeout, status.ConfirmInterval, status.Fall, status.Rise = 2*time.Second, time.Second, time.Second, 1, 1
	c.Groups[0].Checks = []config.Check{status}
	text, err := c.Complete().YAML()
	if err != nil {
		t.Fatal(err)
	}
	p.settings = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": dir, "AzureWebJobsStorage": "UseDevelopmentStorage=true",
		"HOPGUARD_FUNCTIONS_SCHEDULE": "*/30 * * * * *", "HOPGUARD_FUNCTIONS_WATCH": "0s",
		"HOPGUARD_AZURE_CLIENTSECRET": "secret",
	}
	return text
}

const functionKey = "the key"

// host starts a host with some settings more.
func (p *packed) host(t *testing.T, more ...string) *funchost.Host {
	t.Helper()
	settings := maps.Clone(p.settings)
	for i := 0; i+1 < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	h, err := funchost.Start(t.Context(), funchost.Options{Root: p.dir, Settings: settings, Key: functionKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// hops counts the managed routes by next hop.
func (p *packed) hops(t *testing.T) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, id := range p.cloud.RouteTables() {
		if !managed(id) {
			continue
		}
		raw, err := p.cloud.RouteTable(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, hop := range []string{hopA, hopB} {
			n[hop] += strings.Count(string(raw), `"`+hop+`"`)
		}
	}
	return n
}

// ask makes a request of somebody who has the key.
func ask(t *testing.T, h *funchost.Host, method, target, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("X-Functions-Key", functionKey)
	resp := h.HTTP(r)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// The package as the host runs it: real processes, a real Azure SDK, a served Azure.
func TestFunctionsPackage(t *testing.T) {
	p := pack(t)
	t.Run("fails-over-and-obeys", func(t *testing.T) { p.failsOver(t) })
	t.Run("killed-at-every-write", func(t *testing.T) { p.killedAtEveryWrite(t) })
	t.Run("fans-out", func(t *testing.T) { p.fansOut(t) })
	t.Run("tells-what-is-wrong-with-its-configuration", func(t *testing.T) { p.misconfigured(t) })
	t.Run("exit-codes", func(t *testing.T) { p.exitCodes(t) })
}

// normal puts the world back: vmx-a is up and active, and no record knows of anything
// else. A new handler does it, which has not just read a power state.
func (p *packed) normal(t *testing.T) {
	t.Helper()
	h := p.host(t)
	defer h.Close()
	if err := errors.Join(p.cloud.PowerOn("vmx-a"), p.cloud.PowerOn("vmx-b")); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(t, h, "POST", "/api/failback", ""); status != http.StatusOK {
		t.Fatalf("failback = %d %s", status, body)
	}
	if got := p.hops(t); got[hopA] != 15 {
		t.Fatalf("next hops = %v, want all at vmx-a", got)
	}
	if err := os.RemoveAll(p.state); err != nil {
		t.Fatal(err)
	}
}

func (p *packed) failsOver(t *testing.T) {
	// Long enough for a check that begins when a list of power states from before the
	// failure is no longer used.
	h := p.host(t, "HOPGUARD_FUNCTIONS_WATCH", "3s")
	if err := h.Timer(t.Context(), "Tick"); err != nil {
		t.Fatal(err)
	}
	if err := p.cloud.PowerOff("vmx-a"); err != nil {
		t.Fatal(err)
	}
	if err := h.Timer(t.Context(), "Tick"); err != nil {
		t.Fatal(err)
	}
	if got := p.hops(t); got[hopB] != 15 {
		t.Errorf("next hops = %v, want all at vmx-b", got)
	}
	status, body := ask(t, h, "GET", "/api/status", "")
	var page struct {
		Groups []struct{ Active, State string }
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || len(page.Groups) != 1 || page.Groups[0].Active != "vmx-b" {
		t.Errorf("GET /api/status = %d %s, %v, want vmx-b active", status, body, err)
	}
	if n := len(h.Starts()); n != 1 {
		t.Errorf("the handler was started %d times", n)
	}
	h.Close() // all that it has written is read then
	p.normal(t)
	for _, l := range h.Log() {
		if l.Level == funchost.Error {
			t.Errorf("the log has the error %s", l.Text)
		}
	}
}

// SIGKILL before and after each write of a switch; the next invocation, of the handler
// that the host starts at once, finishes it. Each case goes back to where the one before
// came from.
func (p *packed) killedAtEveryWrite(t *testing.T) {
	defer p.write.Store(nil)
	from, to, hop := "vmx-a", "vmx-b", hopB
	for _, carried := range []bool{false, true} {
		for at := range 3 {
			if err := errors.Join(os.RemoveAll(p.state), p.cloud.PowerOn(to), p.cloud.PowerOff(from)); err != nil {
				t.Fatal(err)
			}
			h := p.host(t)
			var writes atomic.Int32
			p.write.Store(new(func(done bool) {
				if done == carried && int(writes.Add(1)) == at+1 {
					h.Kill()
				}
			}))
			if err := h.Timer(t.Context(), "Tick"); err == nil {
				t.Errorf("killed at write %d, carried out %t: the invocation succeeds", at+1, carried)
			}
			p.write.Store(nil)
			if n := int(writes.Load()); n <= at {
				t.Fatalf("the invocation made %d writes and was not killed; the log says %v", n, h.Log())
			}
			if err := h.Started(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			if err := h.Timer(t.Context(), "Tick"); err != nil {
				t.Errorf("killed at write %d, carried out %t: the next invocation: %v", at+1, carried, err)
			}
			if got := p.hops(t); got[hop] != 15 {
				t.Errorf("killed at write %d, carried out %t: next hops = %v, want all at %s", at+1, carried, got, to)
			}
			h.Close()
			if from, to, hop = to, from, hopA; to == "vmx-b" {
				hop = hopB
			}
		}
	}
	p.normal(t)
}

func (p *packed) fansOut(t *testing.T) {
	h := p.host(t, "HOPGUARD_FUNCTIONS_FANOUT", "true")
	if err := h.Timer(t.Context(), "Tick"); err != nil {
		t.Fatal(err)
	}
	if err := p.cloud.PowerOff("vmx-a"); err != nil {
		t.Fatal(err)
	}
	if n, err := h.Deliver(t.Context()); n != 1 || err != nil {
		t.Errorf("Deliver() = %d, %v, want the message of one group", n, err)
	}
	if got := p.hops(t); got[hopB] != 15 {
		t.Errorf("next hops = %v, want all at vmx-b", got)
	}
	p.normal(t)
}

func (p *packed) misconfigured(t *testing.T) {
	for name, setting := range map[string][2]string{
		"no YAML": {"HOPGUARD_CONFIG_YAML", "groups: ["}, "/nowhere.yaml": {"HOPGUARD_CONFIG", "/nowhere.yaml"}, "functions.watch": {"HOPGUARD_FUNCTIONS_WATCH", "1h"},
		"functions.fanOut": {"HOPGUARD_FUNCTIONS_FANOUT", "perhaps"}, "azure.timeout": {"HOPGUARD_AZURE_TIMEOUT", "soon"},
	} {
		h := p.host(t, setting[0], setting[1])
		if err := h.Timer(t.Context(), "Tick"); err == nil {
			t.Errorf("%s=%s: the timer succeeds", setting[0], setting[1])
		}
		h.Close() // all that it has written is read then
		told := false
		for _, l := range h.Log() {
			told = told || l.Level == funchost.Error && strings.Contains(l.Text, name)
		}
		if !told || len(h.Starts()) != 1 {
			t.Errorf("%s=%s: %d starts, and the log says %v, want an error with %q", setting[0], setting[1], len(h.Starts()), h.Log(), name)
		}
	}
}

// A handler that is told to end does so with the code after which it is started again;
// one that cannot listen fails.
func (p *packed) exitCodes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	_, taken, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	start := func(ctx context.Context, port string) (*exec.Cmd, *bufio.Scanner) {
		cmd := exec.CommandContext(ctx, filepath.Join(p.dir, "handler"), "functions")
		cmd.Env, cmd.Dir = []string{"FUNCTIONS_CUSTOMHANDLER_PORT=" + port}, p.dir
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		return cmd, bufio.NewScanner(out)
	}
	cmd, _ := start(t.Context(), taken)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a handler whose port is taken ended with %v, want 1", err)
	}
	cmd, lines := start(t.Context(), "0")
	await(t, lines, func(s string) bool { return strings.Contains(s, `"msg":"ready"`) })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 200 {
		t.Errorf("a handler that was told to end ended with %v, want 200", err)
	}
}

// BenchmarkFunctionsColdStart starts the handler of a release from its unpacked package
// as the host does, and reports
//
//	ms-to-ready   until it answers; the host asks every 25 ms
//	zip-MiB       the package
func BenchmarkFunctionsColdStart(b *testing.B) {
	program, _ := buildRelease(b)
	zip, dir := filepath.Join(b.TempDir(), "functions.zip"), b.TempDir()
	if err := writeZip(program, zip, nil, 0); err != nil {
		b.Fatal(err)
	}
	if err := funchost.Unpack(zip, dir); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(zip)
	if err != nil {
		b.Fatal(err)
	}
	total, n := 0.0, 0
	for b.Loop() {
		h, err := funchost.Start(b.Context(), funchost.Options{
			Root: dir, Settings: map[string]string{"AzureWebJobsStorage": "x", "HOPGUARD_FUNCTIONS_SCHEDULE": "*/30 * * * * *"},
		})
		if err != nil {
			b.Fatal(err)
		}
		total, n = total+milliseconds(h.Starts()[0]), n+1
		h.Close()
	}
	b.ReportMetric(0, "ns/op") // it would count the end of the process too
	b.ReportMetric(total/float64(n), "ms-to-ready")
	b.ReportMetric(float64(info.Size())/(1<<20), "zip-MiB")
}
