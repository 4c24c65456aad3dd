package merakisim_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/merakisim"
)

func TestControlAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: merakisim.Profile{Offline: time.Minute, Ping: time.Second}})
		order := func(method, path, body string) (int, string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), method, "https://api.meraki.com/_sim/"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.sim.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			text := new(strings.Builder)
			if err := res.Write(text); err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, text.String()
		}
		steps := []struct {
			method, path, body string
			wait               time.Duration // before it
			status             int
			has                string
		}{
			{"GET", "now", "", 0, 200, `"now"`},
			{"GET", "devices", "", 0, 200, `{"serial":"Q2XX-AAAA-0001","name":"vmx-a","networkId":"N_1001","state":"online","status":"online","availability":"online"}`},
			{"POST", "device", `{"device":"vmx-a","state":"offline"}`, 0, 200, "{}"},
			{"GET", "devices", "", 0, 200, `"state":"offline","status":"online"`},
			{"GET", "devices", "", time.Minute, 200, `"state":"offline","status":"offline","availability":"offline"`},
			{"POST", "device", `{"device":"Q2XX-AAAA-0001","state":"online"}`, 0, 200, "{}"},
			{"POST", "tunnel", `{"network":"vmx-b","peer":"oslo","on":false}`, 0, 200, "{}"},
			{"GET", "devices", "", 0, 200, `"broken":["oslo"]`},
			{"POST", "tunnel", `{"network":"N_1002","on":false}`, 0, 200, "{}"},
			{"GET", "devices", "", 0, 200, `"broken":["vmx-a","oslo","porto","riga"]`},
			{"POST", "tunnel", `{"network":"vmx-b","on":true}`, 0, 200, "{}"},
			{"POST", "target", `{"device":"vmx-a","target":"10.101.0.9"}`, 0, 200, "{}"},
			{"POST", "others", `{"organization":"549236","perSecond":9}`, 0, 200, "{}"},
			{"POST", "branch", `{"network":"turin","on":true,"subnets":["10.104.0.0/24","10.104.1.0/24"]}`, 0, 200, "{}"},
			{"GET", "devices", "", 0, 200, `"name":"turin","networkId":"N_9001","state":"online"`},
			{"POST", "branch", `{"network":"turin"}`, 0, 200, "{}"},
			{"POST", "branch", `{"network":"turin"}`, 0, 400, `network \"turin\" does not exist`},
			{"POST", "branch", `{"network":"vmx-a"}`, 0, 400, `network \"vmx-a\" is a hub: want a spoke`},
			{"POST", "branch", `{"network":"oslo","on":true,"subnets":["x"]}`, 0, 400, "netip"},
			{"POST", "branch", `{"network":"oslo","on":true,"subnets":[""]}`, 0, 400, "a subnet that is none"},
			{"POST", "faults", `{"kind":"503","duration":"30s","count":1}`, 0, 200, "{}"},
			{"DELETE", "faults", "", 0, 200, "{}"},
			{"GET", "calls", "", 0, 200, "[]"},
			{"DELETE", "calls", "", 0, 200, "{}"},
			{"POST", "device", `{"device":"vmx-z","state":"offline"}`, 0, 400, `{"error":"device \"vmx-z\" does not exist"}`},
			{"POST", "device", `{"device":"vmx-a","state":"up"}`, 0, 400, "want online"},
			{"POST", "device", `{"serial":"vmx-a"}`, 0, 400, "unknown field"},
			{"POST", "device", `{"device":"vmx-a","state":"online"} x`, 0, 400, "more than one value"},
			{"POST", "device", ``, 0, 400, "EOF"},
			{"POST", "target", `{"device":"vmx-a"}`, 0, 400, "no target"},
			{"POST", "tunnel", `{"network":"vmx-a","peer":"bergen"}`, 0, 400, `network \"bergen\" does not exist`},
			{"POST", "others", `{"organization":"1"}`, 0, 400, "does not exist"},
			{"POST", "faults", `{"kind":"999"}`, 0, 400, "want one of"},
			{"POST", "faults", `{"kind":"503","chance":1}`, 0, 400, "unknown field"},
			{"POST", "faults", `{"kind":"503","duration":"soon"}`, 0, 400, "duration"},
			{"GET", "device", "", 0, 404, "no such control"},
			{"POST", "devices", "{}", 0, 404, "no such control"},
			{"GET", "", "", 0, 404, "no such control"},
		}
		for _, st := range steps {
			time.Sleep(st.wait)
			if status, text := order(st.method, st.path, st.body); status != st.status || !strings.Contains(text, st.has) {
				t.Errorf("%s %s %s: %d %.600s, want %d and %s", st.method, st.path, st.body, status, text, st.status, st.has)
			}
		}
		c.get(vpnPath)
		if _, text := order("GET", "calls", ""); !strings.Contains(text, `"authorized":true`) || strings.Contains(text, merakisim.ExampleKey) {
			t.Errorf("calls: %s", text)
		}
		if _, text := order("DELETE", "calls", ""); !strings.Contains(text, "{}") || len(c.sim.Calls()) != 0 {
			t.Errorf("calls were not forgotten: %s", text)
		}
	})
}

func TestExampleForOtherNames(t *testing.T) {
	sim, err := merakisim.New(merakisim.ExampleFor("fw1", "fw2", "fw3"), merakisim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	views := sim.Devices()
	if len(views) != 6 || views[2].Name != "fw3" || views[2].Serial != "Q2XX-AAAA-0003" {
		t.Errorf("Devices() = %+v", views)
	}
}

func TestANameThatTwoHaveIsRefused(t *testing.T) {
	sim, err := merakisim.New(merakisim.ExampleFor("oslo", "fw2"), merakisim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Set("oslo", merakisim.Offline); err == nil || !strings.Contains(err.Error(), "more than one") {
		t.Errorf("Set() = %v, want it refused", err)
	}
}
