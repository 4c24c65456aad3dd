package probe_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

func page(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/", "/health":
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "tunnel up, agent %s, closes %t, as %s:%s", r.UserAgent(), r.Close, user, password)
	case "/moved":
		http.Redirect(w, r, "/health", http.StatusFound)
	case "/down":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/odd":
		w.WriteHeader(299)
	case "/large":
		fmt.Fprint(w, strings.Repeat(".", 64<<10-4)+"near"+"far")
	case "/head":
		w.Header().Set("X-Large", strings.Repeat(".", 70<<10))
	case "/early":
		w.WriteHeader(http.StatusEarlyHints)
		fmt.Fprint(w, "late")
	case "/short":
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "tunnel up")
	}
}

func TestHTTPAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(page))
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	tests := []struct {
		name    string
		http    probe.HTTP
		path    string
		outcome appliance.Outcome
		part    string
	}{
		{"ok", probe.HTTP{}, "/health", appliance.Pass, "/health: 200 OK"},
		{"another-status", probe.HTTP{}, "/down", appliance.Fail, "/down: 503 Service Unavailable, want 200"},
		{"status-in-list", probe.HTTP{Status: []int{200, 503}}, "/down", appliance.Pass, "503 Service Unavailable"},
		{"status-not-in-list", probe.HTTP{Status: []int{204, 503}}, "/health", appliance.Fail, "200 OK, want 204 or 503"},
		{"status-without-a-name", probe.HTTP{}, "/odd", appliance.Fail, ": 299, want 200"},
		{"redirect-is-a-status", probe.HTTP{}, "/moved", appliance.Fail, "302 Found, want 200"},
		{"redirect-that-is-wanted", probe.HTTP{Status: []int{302}}, "/moved", appliance.Pass, "302 Found"},
		{"body", probe.HTTP{Body: "tunnel up"}, "/health", appliance.Pass, "200 OK"},
		{"body-missing", probe.HTTP{Body: "tunnel down"}, "/health", appliance.Fail, `200 OK, but "tunnel down" is not in the body`},
		{"body-within-64-KiB", probe.HTTP{Body: "near"}, "/large", appliance.Pass, "200 OK"},
		{"body-beyond-64-KiB", probe.HTTP{Body: "far"}, "/large", appliance.Fail, `"far" is not in the body (65536 bytes read)`},
		{"header-beyond-64-KiB", probe.HTTP{}, "/head", appliance.Fail, "connected, but: no HTTP answer: "},
		{"after-an-interim-answer", probe.HTTP{Body: "late"}, "/early", appliance.Pass, "200 OK"},
		{"body-breaks-off", probe.HTTP{Body: "tunnel up"}, "/short", appliance.Fail, "connected, but: the answer broke off: unexpected EOF"},
		{"says-who-it-is-and-closes", probe.HTTP{Body: "agent hopguard, closes true"}, "/health", appliance.Pass, "200 OK"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.http.Targets = map[appliance.MemberName]string{"a": server.URL + test.path}
			wantSeen(t, really(t, test.http), test.outcome, test.part)
		})
	}
}

// What may be secret in a URL is sent, and not shown.
func TestHTTPShowsNoSecret(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(page))
	defer server.Close()
	with := "http://me:geheim@" + server.Listener.Addr().String() + "/health?token=geheim#x"
	got := really(t, probe.HTTP{Targets: map[appliance.MemberName]string{"a": with}, Body: "as me:geheim"})
	if want := "GET " + server.URL + "/health: 200 OK"; got.Evidence != want {
		t.Errorf("Probe() = %q, want %q", got.Evidence, want)
	}
	for _, broken := range []string{"http://me:geheim@host:port/", "http://me:geheim@[::1/", "://me:geheim@host", "http://me:ge%zzheim@host/"} {
		got := really(t, probe.HTTP{Targets: map[appliance.MemberName]string{"a": broken}})
		wantSeen(t, got, appliance.Unknown, "not asked: the URL for a is not")
		if strings.Contains(got.Evidence, "heim") {
			t.Errorf("Probe() shows the password: %q", got.Evidence)
		}
	}
}

// Each check opens its own connection: one that has died since cannot be reused.
func TestHTTPReusesNoConnection(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(page))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	check := probe.HTTP{Targets: map[appliance.MemberName]string{"a": server.URL}}
	for range 3 {
		wantSeen(t, really(t, check), appliance.Pass, "200 OK")
	}
	server.Close()
	if n := connections.Load(); n != 3 {
		t.Errorf("3 checks opened %d connections, want 3", n)
	}
}

func TestHTTPSCertificates(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(page))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	folder := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	tests := []struct {
		name    string
		http    probe.HTTP
		outcome appliance.Outcome
		part    string
	}{
		{"trusted", probe.HTTP{CAFile: ca}, appliance.Pass, "200 OK"},
		{"not-trusted", probe.HTTP{}, appliance.Fail, "TLS: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"name-in-certificate", probe.HTTP{CAFile: ca, ServerName: "example.com"}, appliance.Pass, "200 OK"},
		{"name-not-in-certificate", probe.HTTP{CAFile: ca, ServerName: "vmx.test"}, appliance.Fail, "not vmx.test"},
		{"any-certificate", probe.HTTP{InsecureSkipVerify: true, ServerName: "vmx.test"}, appliance.Pass, "200 OK"},
		{"no-CA-file", probe.HTTP{CAFile: filepath.Join(folder, "absent.pem")}, appliance.Unknown, "not asked: read CA file: open "},
		{"no-certificate-in-CA-file", probe.HTTP{CAFile: file("empty.pem", []byte("x"))}, appliance.Unknown, "empty.pem: no certificate in PEM form"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.http.Targets = map[appliance.MemberName]string{"a": server.URL}
			wantSeen(t, really(t, test.http), test.outcome, test.part)
		})
	}
	t.Run("plain-HTTP-on-a-TLS-port", func(t *testing.T) {
		plain := strings.Replace(server.URL, "https:", "http:", 1)
		got := really(t, probe.HTTP{Targets: map[appliance.MemberName]string{"a": plain}})
		wantSeen(t, got, appliance.Fail, "400 Bad Request, want 200")
	})
}

func TestHTTPTargets(t *testing.T) {
	tests := []struct {
		name   string
		http   probe.HTTP
		dialed string
		host   string
	}{
		{"target-first", probe.HTTP{Targets: map[appliance.MemberName]string{"a": "http://vmx-a.example/x"}, URL: "http://other/", Port: 1}, "vmx-a.example:80", "vmx-a.example"},
		{"URL-before-port", probe.HTTP{URL: "http://{address}:8080/{address}", Port: 1, Address: known("10.1.0.4")}, "10.1.0.4:8080", "10.1.0.4:8080"},
		{"URL-without-address", probe.HTTP{URL: "http://branch.example"}, "branch.example:80", "branch.example"},
		{"port", probe.HTTP{Port: 8080, Address: known("10.1.0.4")}, "10.1.0.4:8080", "10.1.0.4:8080"},
		{"IPv6", probe.HTTP{URL: "http://{address}/", Address: known("fd00::4")}, "[fd00::4]:80", "[fd00::4]"},
		{"IPv6-zone", probe.HTTP{Port: 81, Address: known("fe80::4%eth0")}, "[fe80::4%eth0]:81", "[fe80::4]:81"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				test.http.Dial = dialer(t, test.dialed, ours, nil)
				go func() { // the bubble waits for it
					r, err := http.ReadRequest(bufio.NewReader(theirs))
					if err != nil || r.Host != test.host {
						t.Errorf("asked for %+v, %v, want the host %s", r, err, test.host)
					}
					_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\n\r\n") // the check tells whether it came
					shut(t, theirs)
				}()
				wantSeen(t, once(t.Context(), test.http), appliance.Pass, "200 OK")
			})
		})
	}
}

func TestHTTPWithoutATarget(t *testing.T) {
	unknown := func(appliance.MemberName) (netip.Addr, bool) { return netip.Addr{}, false }
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("was dialed") }
	tests := []struct {
		name string
		http probe.HTTP
		part string
	}{
		{"nothing", probe.HTTP{}, "not asked: neither a target, a URL nor a port is configured for a"},
		{"URL-with-unknown-address", probe.HTTP{URL: "http://{address}/", Address: unknown}, "not asked: no next-hop address of a is known yet"},
		{"port-with-unknown-address", probe.HTTP{Port: 80, Address: unknown}, "not asked: no next-hop address of a is known yet"},
		{"another-scheme", probe.HTTP{URL: "ftp://x/"}, "not asked: the URL for a is not http://host or https://host"},
		{"no-host", probe.HTTP{URL: "http:///x"}, "not asked: the URL for a is not http://host or https://host"},
		{"not-a-URL", probe.HTTP{URL: "10.1.0.4:80"}, "not asked: the URL for a is not one: first path segment in URL cannot contain colon"},
		{"not-dialed", probe.HTTP{URL: "http://x/"}, "GET http://x/: not asked: was dialed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.http.Dial = dial
			wantSeen(t, once(t.Context(), test.http), appliance.Unknown, test.part)
		})
	}
}

// A caller without any time left has learned nothing of the member.
func TestHTTPWithoutTimeIsNotAsked(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("too late"))
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("was dialed") }
	got := once(ctx, probe.HTTP{URL: "https://x/", Dial: dial})
	wantSeen(t, got, appliance.Unknown, "GET https://x/: not asked: no time was left: too late")
}

func TestHTTPConnectionRefusedIsFail(t *testing.T) {
	got := once(t.Context(), probe.HTTP{Port: 80, Address: known("10.1.0.4"), Dial: dialer(t, "10.1.0.4:80", nil, errno(syscall.ECONNREFUSED))})
	wantSeen(t, got, appliance.Fail, "GET http://10.1.0.4:80/: connection refused")
}

// D1: the timeout covers everything, so a program that hangs at any point of the
// talk is a fail after exactly that time. Nothing of the check is left behind: the
// bubble would not end.
func TestD1AcceptThenHangFailsHTTP(t *testing.T) {
	tests := []struct {
		name  string
		url   string
		reads bool
		says  string
		part  string
	}{
		{"reads-nothing", "http://{address}/", false, "", "connected, but: no answer within 2s"},
		{"answers-nothing", "http://{address}/", true, "", "connected, but: no answer within 2s"},
		{"hangs-in-the-header", "http://{address}/", true, "HTTP/1.1 200 OK\r\nServer: x", "connected, but: no answer within 2s"},
		{"hangs-in-the-body", "http://{address}/", true, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nup", "connected, but: no answer within 2s"},
		{"interim-answers-only", "http://{address}/", true, "HTTP/1.1 102 Processing\r\n\r\n", "connected, but: no answer within 2s"},
		{"hangs-in-TLS", "https://{address}/", false, "", "TLS: no answer within 2s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer shut(t, theirs)
				if test.reads {
					go func() { // ends with the connection
						if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
							t.Error(err)
						}
						_, _ = io.WriteString(theirs, test.says)
					}()
				}
				got := once(t.Context(), probe.HTTP{URL: test.url, Address: known("10.1.0.4"), Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }})
				wantSeen(t, got, appliance.Fail, test.part)
				if got.Took != 2*time.Second {
					t.Errorf("Probe() took %s, want 2s", got.Took)
				}
			})
		})
	}
}

// D1 on a real socket: the listener that passes TestD1AcceptThenHangPassesTCP.
func TestD1ListenerThatHangsFailsHTTP(t *testing.T) {
	l := listen(t)
	got := within(t.Context(), 50*time.Millisecond, probe.HTTP{URL: "http://" + l.Addr().String()})
	wantSeen(t, got, appliance.Fail, "no answer within 50ms")
}

func TestHTTPCallerEndsTheTalk(t *testing.T) {
	for _, url := range []string{"http://{address}/", "https://{address}/"} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer shut(t, theirs)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errors.New("shutting down")) })
			got := once(ctx, probe.HTTP{URL: url, Address: known("10.1.0.4"), Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }})
			wantSeen(t, got, appliance.Unknown, "the probe was ended early: shutting down")
			if got.Took != time.Second {
				t.Errorf("Probe() took %s, want 1s", got.Took)
			}
		})
	}
}

func TestHTTPGarbageIsFail(t *testing.T) {
	for _, says := range []string{"", "SSH-2.0-x\r\n", "HTTP/1.1 two hundred\r\n\r\n", strings.Repeat("x", 1<<20), strings.Repeat("ä", 1<<10) + "\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(theirs, says) // the check may hang up first
				shut(t, theirs)
			}()
			got := once(t.Context(), probe.HTTP{Port: 80, Address: known("10.1.0.4"), Dial: dialer(t, "10.1.0.4:80", ours, nil)})
			wantSeen(t, got, appliance.Fail, "connected, but: no HTTP answer: ")
			if len(got.Evidence) > 300 {
				t.Errorf("Probe() = %d bytes of evidence, want at most 300", len(got.Evidence))
			}
		})
	}
}
