package cli_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"hopguard/internal/azuresim"
)

// web starts a web server that is no Azure, and points hopguard at it: web start.
// It gives tokens, because something that asks for a login is often in between.
func web(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "start" {
		ts.Fatalf("usage: web start")
	}
	dir := ts.MkAbs("web")
	cert, err := azuresim.Certificate(dir)
	ts.Check(err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/msi/token" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"word","expires_on":"4102444800","resource":"x","token_type":"Bearer"}`)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html><title>Welcome to nginx!</title></html>")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	ts.Defer(server.Close)
	identity := httptest.NewServer(server.Config.Handler)
	ts.Defer(identity.Close)
	for name, value := range map[string]string{
		"HOPGUARD_AZURE_ENDPOINT": server.URL, "HOPGUARD_AZURE_CAFILE": dir + string(os.PathSeparator) + "ca.pem",
		"HOPGUARD_AZURE_CREDENTIAL": "managed-identity", "IDENTITY_ENDPOINT": identity.URL + "/msi/token", "IDENTITY_HEADER": "x",
	} {
		ts.Setenv(name, value)
	}
}
