package azuresim_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

const lockAPI = "?api-version=2020-05-01"

func TestLocks(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		group := strings.Split(rt1, "/providers/")[0]
		lock := group + "/providers/Microsoft.Authorization/locks/keep"
		call(t, s, "PUT", lock+lockAPI, `{"properties":{"level":"Never"}}`).want(t, 400, "InvalidLockLevel")
		call(t, s, "PUT", lock+lockAPI, `{"properties":{"level":"CanNotDelete","notes":"n"}}`).want(t, 201, "")
		call(t, s, "GET", lock+lockAPI, "").want(t, 200, "")
		call(t, s, "PATCH", rt1+netAPI, `{"tags":{}}`).want(t, 200, "")
		a := call(t, s, "DELETE", rt1+netAPI, "").want(t, 409, "ScopeLocked")
		if want := "The scope '" + rt1 + "' cannot perform delete operation because following scope(s) are locked: '" + group + "'. Please remove the lock and try again."; a.text("error", "message") != want || a.header.Get("x-ms-failure-cause") != "gateway" {
			t.Errorf("got %s", a.raw)
		}
		call(t, s, "DELETE", group+groupAPI, "").want(t, 409, "ScopeLocked")
		call(t, s, "PUT", lock+lockAPI, `{"properties":{"level":"ReadOnly"}}`).want(t, 200, "")
		call(t, s, "PUT", rt1+netAPI, `{"location":"westeurope"}`).want(t, 409, "ScopeLocked")
		call(t, s, "GET", rt1+netAPI, "").want(t, 200, "")
		call(t, s, "POST", nic1+"/effectiveRouteTable"+netAPI, "").want(t, 409, "ScopeLocked")
		if n := len(dig(call(t, s, "GET", "/subscriptions/"+sub1+"/providers/Microsoft.Authorization/locks"+lockAPI, "").body, "value").([]any)); n != 1 {
			t.Errorf("%d locks, want 1", n)
		}
		call(t, s, "DELETE", lock+lockAPI, "").want(t, 200, "")
		call(t, s, "DELETE", lock+lockAPI, "").want(t, 204, "")
		call(t, s, "GET", lock+lockAPI, "").want(t, 404, "LockNotFound")
		call(t, s, "PUT", rt1+netAPI, `{"location":"westeurope"}`).want(t, 200, "")
		time.Sleep(5 * time.Second)
		one := rt1 + "/providers/Microsoft.Authorization/locks/one"
		call(t, s, "PUT", one+lockAPI, `{"properties":{"level":"ReadOnly"}}`).want(t, 201, "")
		call(t, s, "DELETE", group+groupAPI, "").want(t, 409, "ScopeLocked") // a lock inside holds the group
		call(t, s, "PUT", rt1+"/routes/x"+netAPI, `{"properties":{"addressPrefix":"1.0.0.0/8","nextHopType":"None"}}`).want(t, 409, "ScopeLocked")
	})
}
