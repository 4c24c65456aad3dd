package azure_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hopguard/internal/appliance"
)

// machines answers for n machines with an interface each, and for lists of both.
func machines(seen *requests, n int, missing string) doer {
	vm := func(i int) string {
		return fmt.Sprintf(`{"id":"%s","properties":{"networkProfile":{"networkInterfaces":[{"id":"/subscriptions/%s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/nic-%d"}]}}}`, machineID(fmt.Sprint("vm-", i)), sub1, i)
	}
	nic := func(i int) string {
		return fmt.Sprintf(`{"id":"/subscriptions/%s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/nic-%d","properties":{"ipConfigurations":[{"name":"x","properties":{"privateIPAddress":"10.0.0.%d","primary":true}}]}}`, sub1, i, i+1)
	}
	return func(r *http.Request) (*http.Response, error) {
		time.Sleep(50 * time.Millisecond)
		one := vm
		if strings.Contains(r.URL.Path, "networkInterfaces") {
			one = nic
		}
		for i := range n {
			if strings.HasSuffix(r.URL.Path, fmt.Sprint("-", i)) {
				seen.add("read")
				return answer(r, 200, one(i)), nil
			}
		}
		seen.add("list")
		if strings.HasSuffix(r.URL.Path, missing) {
			return answer(r, 403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`), nil
		}
		var items []string
		for i := range n {
			items = append(items, one(i))
		}
		return answer(r, 200, `{"value":[`+strings.Join(items, ",")+`]}`), nil
	}
}

func TestManyMembersAreFoundInLists(t *testing.T) {
	const n = 50
	tests := []struct {
		name        string
		members     int
		missing     string
		lists, read int
		listed      int
	}{
		{"a-few-are-read-by-their-ids", 4, "none", 0, 8, 0},
		{"many-are-found-in-two-lists", n, "none", 2, 8, n - 4},
		{"without-the-right-to-list-all-are-read", n, "/networkInterfaces", 2, 2 * n, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T) {
				var seen requests
				c := newClient(t, machines(&seen, n, tt.missing))
				var all sync.WaitGroup
				var mu sync.Mutex
				listed := 0
				for i := range tt.members {
					m := appliance.Member{Name: "a", VM: machineID(fmt.Sprint("vm-", i))}
					all.Go(func() {
						places, names, err := c.Survey(ctx, []appliance.Member{m})
						want := fmt.Sprintf("10.0.0.%d", i+1)
						if err != nil || len(places) != 1 || len(places[0].Hops) != 1 || places[0].Hops[0].Addr.String() != want {
							t.Errorf("Survey(%s) = %v, %v; want %s", m.VM, places, err, want)
						}
						mu.Lock()
						defer mu.Unlock()
						listed += len(names)
					})
				}
				all.Wait()
				count := map[string]int{}
				for _, kind := range seen.list() {
					count[kind]++
				}
				if count["list"] != tt.lists || count["read"] != tt.read || listed != tt.listed {
					t.Errorf("%v, %d found in lists; want %d lists, %d reads, %d", count, listed, tt.lists, tt.read, tt.listed)
				}
			})
		})
	}
}
