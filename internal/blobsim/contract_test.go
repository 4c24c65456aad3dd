package blobsim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azurite"
	"hopguard/internal/blobsim"
)

const (
	idA = "aaaaaaaa-0000-4000-8000-000000000001"
	idB = "bbbbbbbb-0000-4000-8000-000000000002"
	idC = "cccccccc-0000-4000-8000-000000000003"
)

// service is a storage account, simulated or Azurite's.
type service struct {
	name    string
	url     string
	account string
	key     []byte
	client  *http.Client
	advance func(t *testing.T, d time.Duration)
}

func simulated(o blobsim.Options) service {
	offset := time.Duration(0)
	o.Account, o.Key = "account", []byte("key")
	o.Clock = func() time.Time { return time.Now().Add(offset) }
	sim := blobsim.New(o)
	return service{
		name: "blobsim", url: sim.URL(), account: o.Account, key: o.Key, client: &http.Client{Transport: sim.Transport("test")},
		advance: func(_ *testing.T, d time.Duration) { offset += d },
	}
}

func microsoft(t *testing.T) service {
	s := azurite.Start(t)
	key, err := base64.StdEncoding.DecodeString(azurite.Key)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return service{
		name: "Azurite", url: s.URL, account: azurite.Account, key: key, client: &http.Client{Transport: transport},
		advance: func(t *testing.T, d time.Duration) { s.Advance(t, d) },
	}
}

// sign adds a Shared Key signature, written down here once more so that the one of
// the stand-in is compared with something.
func (s service) sign(r *http.Request) {
	length := ""
	if r.ContentLength > 0 {
		length = fmt.Sprint(r.ContentLength)
	}
	var own []string
	for name, v := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-ms-") {
			own = append(own, name+":"+v[0]+"\n")
		}
	}
	slices.Sort(own)
	mac := hmac.New(sha256.New, s.key)
	fmt.Fprintf(mac, "%s\n\n\n%s\n\n%s\n\n\n%s\n%s\n\n\n%s/%s%s", r.Method, length, r.Header.Get("Content-Type"),
		r.Header.Get("If-Match"), r.Header.Get("If-None-Match"), strings.Join(own, ""), s.account, r.URL.EscapedPath())
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		fmt.Fprintf(mac, "\n%s:%s", name, query.Get(name))
	}
	r.Header.Set("Authorization", "SharedKey "+s.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// step is one exchange: "METHOD path?query", headers as "Name: value", and a body.
// In a header E1, E2... are the etags in the order in which they were first seen. A
// step "WAIT 15s" sets the clock forward.
type step struct {
	do      string
	headers []string
	body    string
	// differs is why the stand-in does not answer as Azurite does.
	differs string
}

// transcript makes the exchanges of a story and writes down what matters of the
// answers.
func (s service) transcript(t *testing.T, story []step) []string {
	t.Helper()
	var etags, lines []string
	etag := func(v string) string {
		v = strings.Trim(v, `"`)
		i := slices.Index(etags, v)
		if i < 0 {
			i, etags = len(etags), append(etags, v)
		}
		return fmt.Sprintf("E%d", i+1)
	}
	for _, st := range story {
		method, target, _ := strings.Cut(st.do, " ")
		if method == "WAIT" {
			d, err := time.ParseDuration(target)
			if err != nil {
				t.Fatal(err)
			}
			s.advance(t, d)
			lines = append(lines, st.do)
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+target, strings.NewReader(st.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-ms-version", "2023-11-03")
		req.Header.Set("x-ms-date", time.Now().UTC().Format(http.TimeFormat))
		for _, h := range st.headers {
			name, value, _ := strings.Cut(h, ": ")
			for i, known := range etags {
				if value == fmt.Sprintf("E%d", i+1) {
					value = `"` + known + `"`
				}
			}
			req.Header.Set(name, value)
		}
		s.sign(req)
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatalf("%s: %s: %v", s.name, st.do, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatalf("%s: %s: %v", s.name, st.do, err)
		}
		lines = append(lines, st.do+" "+strings.Join(st.headers, " ")+": "+summary(t, resp, body, etag))
	}
	return lines
}

// summary is an answer in a line.
func summary(t *testing.T, resp *http.Response, body []byte, etag func(string) string) string {
	t.Helper()
	out := fmt.Sprint(resp.StatusCode)
	add := func(name, value string) {
		if value != "" {
			out += " " + name + "=" + value
		}
	}
	add("code", resp.Header.Get("x-ms-error-code"))
	if v := resp.Header.Get("ETag"); v != "" {
		add("etag", etag(v))
	}
	for _, name := range []string{"x-ms-lease-id", "x-ms-lease-state", "x-ms-lease-status", "x-ms-lease-duration", "x-ms-lease-time", "x-ms-blob-type"} {
		add(strings.TrimPrefix(name, "x-ms-"), resp.Header.Get(name))
	}
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		if name, ok := strings.CutPrefix(name, "X-Ms-Meta-"); ok {
			add(strings.ToLower(name), resp.Header.Get("x-ms-meta-"+name))
		}
	}
	switch {
	case resp.StatusCode >= 400 && resp.Request.Method != http.MethodHead:
		var e struct{ Code string }
		if err := xml.Unmarshal(body, &e); err != nil {
			t.Errorf("%s: the error %q is not XML: %v", resp.Request.URL, body, err)
		}
		add("body", e.Code)
	case resp.Request.URL.Query().Get("comp") == "list":
		add("list", listing(t, body))
	case resp.Request.Method == http.MethodGet:
		add("body", string(body))
	}
	return out
}

// listing is a list of blobs in a line.
func listing(t *testing.T, body []byte) string {
	t.Helper()
	var list struct {
		Blobs struct {
			Blob []struct {
				Name       string
				Properties struct{ LeaseState, LeaseStatus, LeaseDuration string }
				Metadata   struct {
					Items []struct {
						XMLName xml.Name
						Value   string `xml:",chardata"`
					} `xml:",any"`
				}
			}
		}
		NextMarker string
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		t.Errorf("the list %q is not XML: %v", body, err)
	}
	var out strings.Builder
	for _, b := range list.Blobs.Blob {
		fmt.Fprintf(&out, "%s(%s,%s,%s", b.Name, b.Properties.LeaseState, b.Properties.LeaseStatus, b.Properties.LeaseDuration)
		for _, item := range b.Metadata.Items {
			fmt.Fprintf(&out, ",%s=%s", strings.ToLower(item.XMLName.Local), item.Value)
		}
		out.WriteString(")")
	}
	if list.NextMarker != "" {
		out.WriteString("...")
	}
	return out.String()
}

// TestContract makes the same exchanges with Azurite and with the stand-in.
func TestContract(t *testing.T) {
	azurite := microsoft(t)
	for _, name := range slices.Sorted(maps.Keys(stories())) {
		story := stories()[name]
		t.Run(name, func(t *testing.T) {
			container := "/" + name
			create := []step{{do: "PUT " + container + "?restype=container"}}
			for i := range story {
				story[i].do = strings.ReplaceAll(story[i].do, "/c", container)
			}
			all := append(create, story...)
			got, want := simulated(blobsim.Options{}).transcript(t, all), azurite.transcript(t, all)
			for i, st := range all {
				same := got[i] == want[i]
				switch {
				case same && st.differs != "":
					t.Errorf("both answer %q: take back %q", got[i], st.differs)
				case !same && st.differs == "":
					t.Errorf("step %d:\nblobsim %s\nAzurite %s", i, got[i], want[i])
				}
			}
		})
	}
}

// TestListsComeInPages compares the stand-in's pages with its own whole list.
func TestListsComeInPages(t *testing.T) {
	story := []step{{do: "PUT /c?restype=container"}}
	for _, name := range []string{"b", "a", "d/1", "c", "d/2"} {
		story = append(story, step{do: "PUT /c/" + name, headers: []string{"x-ms-blob-type: BlockBlob"}})
	}
	s := simulated(blobsim.Options{PageSize: 2})
	s.transcript(t, story)
	var names []string
	marker := ""
	for range 10 {
		resp := s.get(t, "/c?comp=list&restype=container&marker="+url.QueryEscape(marker))
		var page struct {
			Blobs      struct{ Blob []struct{ Name string } }
			NextMarker string
		}
		if err := xml.Unmarshal(resp, &page); err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Blobs.Blob {
			names = append(names, b.Name)
		}
		if marker = page.NextMarker; marker == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d/1", "d/2"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// get returns the body of a signed GET.
func (s service) get(t *testing.T, target string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-ms-date", "now")
	s.sign(req)
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s = %d, %v", target, resp.StatusCode, err)
	}
	return body
}
