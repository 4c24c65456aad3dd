package azuresim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

func TestFaultsThatAnswer(t *testing.T) {
	tests := []struct {
		fault   azuresim.Fault
		status  int
		code    string
		inner   string
		retry   string
		gateway bool
	}{
		{azuresim.Fault{Kind: azuresim.FaultExpiredToken}, 401, "ExpiredAuthenticationToken", "", "", true},
		{azuresim.Fault{Kind: azuresim.FaultForbidden}, 403, "AuthorizationFailed", "", "", true},
		{azuresim.Fault{Kind: azuresim.FaultNotFound}, 404, "ResourceNotFound", "", "", true},
		{azuresim.Fault{Kind: azuresim.FaultLocked}, 409, "ScopeLocked", "", "", true},
		{azuresim.Fault{Kind: azuresim.FaultPrecondition}, 412, "PreconditionFailed", "PreconditionFailedEtagMismatch", "", false},
		{azuresim.Fault{Kind: azuresim.FaultARM429}, 429, "SubscriptionRequestsThrottled", "", "1", true},
		{azuresim.Fault{Kind: azuresim.FaultARM429, Params: map[string]string{"retryAfter": "17"}}, 429, "SubscriptionRequestsThrottled", "", "17", true},
		{azuresim.Fault{Kind: azuresim.FaultNetwork429}, 429, "ResourceRequestsThrottled", "", "300", true},
		{azuresim.Fault{Kind: azuresim.FaultCompute429}, 429, "OperationNotAllowed", "TooManyRequests", "5", false},
		{azuresim.Fault{Kind: azuresim.FaultBusy429}, 429, "RetryableError", "RetryableErrorDueToAnotherOperation", "11", false},
		{azuresim.Fault{Kind: azuresim.Fault500}, 500, "InternalServerError", "", "", false},
		{azuresim.Fault{Kind: azuresim.Fault502}, 502, "", "", "", false},
		{azuresim.Fault{Kind: azuresim.Fault503, Params: map[string]string{"retryAfter": "3"}}, 503, "ServiceUnavailable", "", "3", false},
		{azuresim.Fault{Kind: azuresim.Fault504}, 504, "GatewayTimeout", "", "", false},
		{azuresim.Fault{Kind: azuresim.FaultGarbage}, 200, "", "", "", false},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault.Kind), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *azuresim.Sim) {
				before, err := s.RouteTable(rt1)
				if err != nil {
					t.Fatal(err)
				}
				tt.fault.Count = 1
				if _, err := s.Inject(tt.fault); err != nil {
					t.Fatal(err)
				}
				a := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4"), "If-Match", "*").want(t, tt.status, tt.code)
				if a.text("error", "details", "0", "code") != tt.inner || a.header.Get("Retry-After") != tt.retry || (a.header.Get("x-ms-failure-cause") == "gateway") != tt.gateway {
					t.Errorf("detail %q, Retry-After %q, cause %q: %s", a.text("error", "details", "0", "code"), a.header.Get("Retry-After"), a.header.Get("x-ms-failure-cause"), a.raw)
				}
				if after, _ := s.RouteTable(rt1); !bytes.Equal(before, after) {
					t.Error("the write was done")
				}
				if calls := s.Calls(); calls[len(calls)-1].Fault != tt.fault.Kind {
					t.Errorf("the call log says fault %q", calls[len(calls)-1].Fault)
				}
				call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
			})
		})
	}
}

// try makes a PUT that may end in an error.
func try(ctx context.Context, t *testing.T, s *azuresim.Sim, to string) (*http.Response, error) {
	t.Helper()
	token, _, err := s.Token("owner")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://management.azure.com"+rt1+netAPI, strings.NewReader(moved(t, s, rt1, to)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	return (&http.Client{Transport: s.Transport()}).Do(req)
}

func TestFaultsThatDoNotAnswer(t *testing.T) {
	for _, kind := range []azuresim.FaultKind{azuresim.FaultReset, azuresim.FaultTimeout} {
		for _, applied := range []string{"", "true"} {
			inBubble(t, func(t *testing.T, s *azuresim.Sim) {
				if _, err := s.Inject(azuresim.Fault{Kind: kind, Method: "put", Path: "ROUTETABLES/", Params: map[string]string{"applied": applied}}); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
				defer cancel()
				start := time.Now()
				res, err := try(ctx, t, s, "10.2.0.4")
				if err == nil {
					_ = res.Body.Close()
					t.Fatalf("%s: answered %d", kind, res.StatusCode)
				}
				switch kind {
				case azuresim.FaultReset:
					if !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("%s: %v", kind, err)
					}
				default:
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 7*time.Second {
						t.Errorf("%s: %v after %v", kind, err, time.Since(start))
					}
				}
				doc, err := s.RouteTable(rt1)
				if err != nil {
					t.Fatal(err)
				}
				if done := bytes.Contains(doc, []byte("10.2.0.4")); done != (applied == "true") {
					t.Errorf("%s applied=%q: the write was done: %v", kind, applied, done)
				}
			})
		}
	}
}

func TestSlowBody(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		if _, err := s.Inject(azuresim.Fault{Kind: azuresim.FaultSlowBody, Params: map[string]string{"delay": "3s"}}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		res, err := try(t.Context(), t, s, "10.2.0.4")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if took := time.Since(start); took > time.Second {
			t.Errorf("the head took %v", took)
		}
		data, err := io.ReadAll(res.Body)
		if took := time.Since(start); err != nil || !json.Valid(data) || took < 30*time.Second || took > 31*time.Second {
			t.Errorf("the body took %v: %v", took, err)
		}
	})
}

func TestLaggingList(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		time.Sleep(20 * time.Second)
		list := "/subscriptions/" + sub1 + "/providers/Microsoft.Network/routeTables" + netAPI
		fresh := call(t, s, "GET", list, "")
		if _, err := s.Inject(azuresim.Fault{Kind: azuresim.FaultLaggingList, Params: map[string]string{"lag": "30s"}}); err != nil {
			t.Fatal(err)
		}
		stale := call(t, s, "GET", list, "")
		if !bytes.Contains(fresh.raw, []byte("10.2.0.4")) || bytes.Contains(stale.raw, []byte("10.2.0.4")) {
			t.Error("the fault must show the list of 30s ago")
		}
		s.ClearFaults()
		if a := call(t, s, "GET", list, ""); !bytes.Equal(a.raw, fresh.raw) {
			t.Error("without the fault the list is fresh")
		}
	})
}

func TestWhichRequestsAFaultTakes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		inject := func(f azuresim.Fault) int {
			id, err := s.Inject(f)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		statuses := func(n int, path string) (list []int) {
			for range n {
				list = append(list, call(t, s, "GET", path, "").status)
			}
			return list
		}
		inject(azuresim.Fault{Kind: azuresim.Fault503, Type: "microsoft.network/routetables", After: 2, Count: 2})
		if got := statuses(6, rt1+netAPI); !slices.Equal(got, []int{200, 200, 503, 503, 200, 200}) {
			t.Errorf("After and Count: %v", got)
		}
		id := inject(azuresim.Fault{Kind: azuresim.Fault503, Type: "Microsoft.Network/routeTables"})
		if got := statuses(1, vmxA+computeAPI); got[0] != 200 {
			t.Errorf("another type: %v", got)
		}
		if !s.ClearFault(id) || s.ClearFault(id) {
			t.Error("ClearFault ends a fault once")
		}
		inject(azuresim.Fault{Kind: azuresim.Fault503, Method: "PUT"})
		if got := statuses(1, rt1+netAPI); got[0] != 200 {
			t.Errorf("another method: %v", got)
		}
		s.ClearFaults()
		inject(azuresim.Fault{Kind: azuresim.Fault503, Duration: 5 * time.Second})
		time.Sleep(3 * time.Second)
		before := statuses(1, rt1+netAPI)[0]
		time.Sleep(3 * time.Second)
		if after := statuses(1, rt1+netAPI)[0]; before != 503 || after != 200 {
			t.Errorf("Duration: %d, then %d", before, after)
		}
		for _, f := range []azuresim.Fault{
			{Kind: "418"}, {Kind: azuresim.Fault500, Path: "("}, {Kind: azuresim.Fault500, Probability: 2},
			{Kind: azuresim.FaultSlowBody, Params: map[string]string{"delay": "x"}}, {Kind: azuresim.FaultARM429, Params: map[string]string{"retryAfter": "soon"}},
		} {
			if _, err := s.Inject(f); err == nil {
				t.Errorf("%+v must be refused", f)
			}
		}
	})
}

// TestOneSeedOneStory makes the same requests twice with one seed and once with another.
func TestOneSeedOneStory(t *testing.T) {
	story := func(t *testing.T, seed uint64) string {
		var b strings.Builder
		synctest.Test(t, func(t *testing.T) {
			s := newSim(t, azuresim.Options{Seed: seed})
			if _, err := s.Inject(azuresim.Fault{Kind: azuresim.Fault503, Probability: 0.5}); err != nil {
				t.Fatal(err)
			}
			for i := range 40 {
				a := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, []string{"10.1.0.4", "10.2.0.4"}[i%2]))
				b.WriteString(a.header.Get("x-ms-request-id") + a.header.Get("Azure-AsyncOperation"))
				b.Write(a.raw)
				time.Sleep(time.Second)
			}
		})
		return b.String()
	}
	one, again, other := story(t, 1), story(t, 1), story(t, 2)
	if one != again {
		t.Error("one seed gave two stories")
	}
	if one == other {
		t.Error("two seeds gave one story")
	}
}
