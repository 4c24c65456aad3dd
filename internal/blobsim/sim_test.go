package blobsim_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/blobsim"
)

// What Azurite takes and Azure's documentation refuses.
func TestRefusesWhatAzuriteTakes(t *testing.T) {
	s := simulated(blobsim.Options{})
	got := s.transcript(t, []step{
		{do: "PUT /c?restype=container"}, put(),
		act("acquire", "x-ms-lease-duration: 15", "x-ms-proposed-lease-id: me"),
		act("acquire", "x-ms-proposed-lease-id: "+idA), act("renew"), act("change", with(idA)),
		{do: "PUT /c/new", headers: []string{"x-ms-blob-type: BlockBlob", with(idA)}},
		{do: "PUT /c/new"}, {do: "PUT /c/new", headers: []string{"x-ms-blob-type: PageBlob"}},
		put("x-ms-meta-odd-name: x"), put("x-ms-meta-long: " + strings.Repeat("x", 9000)), put("x-ms-meta-odd: \u00e9"),
		breakAfter("61"), acquire(idA), act("change", with(idA)), breakAfter("61"),
	})
	for i, line := range got {
		_, answer, _ := strings.Cut(line[strings.LastIndex(line, ": ")-1:], ": ")
		got[i] = strings.Fields(answer)[0]
		if _, code, ok := strings.Cut(answer, "code="); ok {
			got[i] += " " + strings.Fields(code)[0]
		}
	}
	want := []string{
		"201", "201", "400 InvalidHeaderValue", "400 MissingRequiredHeader", "400 MissingRequiredHeader", "400 MissingRequiredHeader",
		"412 LeaseNotPresentWithBlobOperation", "400 MissingRequiredHeader", "501 BlobTypeNotInStandIn",
		"400 InvalidMetadata", "400 MetadataTooLarge", "400 InvalidMetadata",
		"409 LeaseNotPresentWithLeaseOperation", "201", "400 MissingRequiredHeader", "400 InvalidHeaderValue",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// ask makes one request without a signature and returns the status and the code.
func ask(ctx context.Context, s *blobsim.Sim, method, target string, headers ...string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+target, nil)
	if err != nil {
		return 0, "", err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.Transport("a").RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("x-ms-error-code"), nil
}

const sas = "sv=2023-11-03&se=2030-01-01T00:00:00Z&sp=racwdl&sig=abc"

func TestRights(t *testing.T) {
	now := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	options := blobsim.Options{Token: "t0", SAS: sas, Clock: func() time.Time { return now }}
	s := blobsim.New(options)
	options.ReadOnly = true
	readers := blobsim.New(options)
	const container = "/c?restype=container"
	for _, test := range []struct {
		name   string
		sim    *blobsim.Sim
		method string
		target string
		auth   string
		want   string
	}{
		{"nobody", s, http.MethodPut, container, "", "NoAuthenticationInformation"},
		{"wrong-signature", s, http.MethodPut, container, "SharedKey hopguard:bm8=", "AuthenticationFailed"},
		{"wrong-scheme", s, http.MethodPut, container, "Basic x", "AuthenticationFailed"},
		{"wrong-token", s, http.MethodPut, container, "Bearer t1", "AuthenticationFailed"},
		{"sas-may-not-create", s, http.MethodPut, container + "&" + sas, "", "AuthorizationPermissionMismatch"},
		{"token-may-not-create", readers, http.MethodPut, container, "Bearer t0", "AuthorizationPermissionMismatch"},
		{"token", s, http.MethodPut, container, "Bearer t0", ""},
		{"sas", s, http.MethodPut, "/c/b?" + sas, "", ""},
		{"sas-lists", s, http.MethodGet, container + "&comp=list&" + sas, "", ""},
		{"sas-may-not-delete-the-container", s, http.MethodDelete, container + "&" + sas, "", "AuthorizationPermissionMismatch"},
		{"wrong-sas", s, http.MethodPut, "/c/b?" + strings.Replace(sas, "abc", "abd", 1), "", "AuthenticationFailed"},
		{"readers-cannot-write", readers, http.MethodPut, "/c/b?" + sas, "", "AuthorizationPermissionMismatch"},
		{"readers-read", readers, http.MethodGet, "/c/b?" + sas, "", "ContainerNotFound"},
		{"unknown-operation", s, http.MethodPut, "/c/b?comp=snapshot&" + sas, "", "OperationNotInStandIn"},
		{"unknown-header", s, http.MethodGet, "/c/b?" + sas, "range", "HeaderNotInStandIn"},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{"x-ms-blob-type", "BlockBlob"}
			switch test.auth {
			case "":
			case "range":
				headers = append(headers, "Range", "bytes=0-1")
			default:
				headers = append(headers, "Authorization", test.auth)
			}
			if _, code, err := ask(t.Context(), test.sim, test.method, test.target, headers...); code != test.want || err != nil {
				t.Errorf("code %q, %v, want %q", code, err, test.want)
			}
		})
	}
	now = now.AddDate(2, 0, 0)
	if _, code, _ := ask(t.Context(), s, http.MethodGet, "/c/b?"+sas); code != "AuthenticationFailed" {
		t.Errorf("code %q after the SAS has ended, want AuthenticationFailed", code)
	}
}

func TestDeletedContainerKeepsItsNameForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := blobsim.New(blobsim.Options{Token: "t"})
		do := func(method, target, want string) {
			t.Helper()
			if _, code, err := ask(t.Context(), s, method, target, "Authorization", "Bearer t", "x-ms-blob-type", "BlockBlob"); code != want || err != nil {
				t.Errorf("%s %s: %q, %v, want %q", method, target, code, err, want)
			}
		}
		do(http.MethodPut, "/c?restype=container", "")
		do(http.MethodPut, "/c?restype=container", "ContainerAlreadyExists")
		do(http.MethodPut, "/c/b", "")
		do(http.MethodDelete, "/c?restype=container", "")
		do(http.MethodGet, "/c/b", "ContainerNotFound")
		do(http.MethodPut, "/c?restype=container", "ContainerBeingDeleted")
		time.Sleep(30 * time.Second)
		do(http.MethodPut, "/c?restype=container", "")
		do(http.MethodGet, "/c/b", "BlobNotFound")
	})
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name    string
		fault   blobsim.Fault
		status  int
		code    string
		err     error
		takes   time.Duration
		applied bool // at once
		later   bool // after a minute
	}{
		{"none", blobsim.Fault{}, 201, "", nil, 0, true, true},
		{"refuse", blobsim.Fault{Kind: blobsim.Refuse, Status: 503, Code: "ServerBusy", RetryAfter: 3 * time.Second}, 503, "ServerBusy", nil, 0, false, false},
		{"reset", blobsim.Fault{Kind: blobsim.Reset}, 0, "", syscall.ECONNRESET, 0, false, false},
		{"hang", blobsim.Fault{Kind: blobsim.Hang}, 0, "", context.DeadlineExceeded, 10 * time.Second, false, false},
		{"slow", blobsim.Fault{Kind: blobsim.Slow, Delay: 4 * time.Second}, 201, "", nil, 4 * time.Second, true, true},
		{"slower-than-the-client-waits", blobsim.Fault{Kind: blobsim.Slow, Delay: 14 * time.Second}, 0, "", context.DeadlineExceeded, 10 * time.Second, false, false},
		{"slow-answer", blobsim.Fault{Kind: blobsim.SlowAnswer, Delay: 14 * time.Second}, 0, "", context.DeadlineExceeded, 10 * time.Second, true, true},
		{"lose-answer", blobsim.Fault{Kind: blobsim.LoseAnswer}, 0, "", syscall.ECONNRESET, 0, true, true},
		{"hang-answer", blobsim.Fault{Kind: blobsim.HangAnswer}, 0, "", context.DeadlineExceeded, 10 * time.Second, true, true},
		{"late", blobsim.Fault{Kind: blobsim.Late, Delay: 30 * time.Second}, 0, "", context.DeadlineExceeded, 10 * time.Second, false, true},
		{"fail-after", blobsim.Fault{Kind: blobsim.FailAfter, Status: 500, Code: "OperationTimedOut"}, 500, "OperationTimedOut", nil, 0, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := blobsim.New(blobsim.Options{Token: "t"})
				auth := []string{"Authorization", "Bearer t", "x-ms-blob-type", "BlockBlob"}
				if status, code, err := ask(t.Context(), s, http.MethodPut, "/c?restype=container", auth...); status != 201 {
					t.Fatalf("create: %d %s %v", status, code, err)
				}
				s.SetFault(func(c blobsim.Call) blobsim.Fault {
					if c.Client != "a" || c.Op != blobsim.OpPutBlob || c.Blob != "b/1" || c.Nth != 1 || c.Number != 2 {
						return blobsim.Fault{}
					}
					return test.fault
				})
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				begun := time.Now()
				status, code, err := ask(ctx, s, http.MethodPut, "/c/b/1", auth...)
				if status != test.status || code != test.code || !errors.Is(err, test.err) || time.Since(begun) != test.takes {
					t.Errorf("%d %q %v after %s, want %d %q %v after %s", status, code, err, time.Since(begun), test.status, test.code, test.err, test.takes)
				}
				exists := func() bool {
					status, _, err := ask(t.Context(), s, http.MethodGet, "/c/b/1", auth...)
					return status == 200 && err == nil
				}
				if got := exists(); got != test.applied {
					t.Errorf("carried out %t at once, want %t", got, test.applied)
				}
				time.Sleep(time.Minute)
				if got := exists(); got != test.later {
					t.Errorf("carried out %t in the end, want %t", got, test.later)
				}
				if n := len(s.Calls()); n != 4 {
					t.Errorf("%d calls were counted, want 4", n)
				}
			})
		})
	}
}

// What was on its way arrives in the order of its delays.
func TestLateRequestsArriveInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := blobsim.New(blobsim.Options{Token: "t"})
		auth := []string{"Authorization", "Bearer t", "x-ms-blob-type", "BlockBlob"}
		_, _, _ = ask(t.Context(), s, http.MethodPut, "/c?restype=container", auth...)
		delays := []time.Duration{50 * time.Second, 40 * time.Second}
		s.SetFault(func(c blobsim.Call) blobsim.Fault {
			if c.Op != blobsim.OpPutBlob {
				return blobsim.Fault{}
			}
			return blobsim.Fault{Kind: blobsim.Late, Delay: delays[c.Nth-1]}
		})
		for _, who := range []string{"first", "second"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, _, _ = ask(ctx, s, http.MethodPut, "/c/b", append(auth, "x-ms-meta-who", who)...)
			cancel()
		}
		time.Sleep(time.Minute)
		req := httptest.NewRequest(http.MethodGet, s.URL()+"/c/b", nil)
		req.Header.Set("Authorization", "Bearer t")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if got := w.Header().Get("x-ms-meta-who"); w.Code != 200 || got != "first" {
			t.Errorf("%d, written by %q, want by the first: it arrived last", w.Code, got)
		}
	})
}
