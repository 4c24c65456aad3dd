package blobsim_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/blobsim"
)

func TestLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = "11111111-1111-4111-8111-111111111111"
		sim := blobsim.New(blobsim.Options{Token: "t"})
		ask := func(method, path string, header ...string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), method, sim.URL()+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer t")
			req.Header.Set("x-ms-version", "2023-11-03")
			for i := 0; i < len(header); i += 2 {
				req.Header.Set(header[i], header[i+1])
			}
			resp, err := sim.Transport("").RoundTrip(req)
			if err != nil || resp.StatusCode > 299 {
				t.Fatalf("%s %s = %v, %v", method, path, resp, err)
			}
			_ = resp.Body.Close()
		}
		if v, ok := sim.Look("c", "b"); ok {
			t.Errorf("Look() = %v before there is a container", v)
		}
		ask(http.MethodPut, "/c?restype=container")
		ask(http.MethodPut, "/c/b", "x-ms-blob-type", "BlockBlob")
		free, ok := sim.Look("c", "b")
		if !ok || free.Held || free.ETag == "" {
			t.Errorf("Look() = %v, %t, want a blob that nobody has leased", free, ok)
		}
		ask(http.MethodPut, "/c/b?comp=lease", "x-ms-lease-action", "acquire", "x-ms-lease-duration", "15", "x-ms-proposed-lease-id", id)
		taken := time.Now().UTC()
		if v, _ := sim.Look("c", "b"); !v.Held || v.LeaseID != id || !v.Until.Equal(taken.Add(15*time.Second)) {
			t.Errorf("Look() = %v, want the lease %s for 15 s", v, id)
		}
		time.Sleep(15 * time.Second)
		if v, _ := sim.Look("c", "b"); v.Held {
			t.Errorf("Look() = %v, want a lease that is over", v)
		}
	})
}
