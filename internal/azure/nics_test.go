package azure_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
)

// manyMembers is a world with n more machines beside vmx-a, and its members.
func manyMembers(n int) (azuresim.World, []appliance.Member) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	var members []appliance.Member
	first := w.VirtualMachines[0]
	for i := range n {
		vm := first
		vm.Name, vm.Behind, vm.Hostname = fmt.Sprint("nva-", i), nil, ""
		vm.NICs = []azuresim.NetworkInterface{first.NICs[0]}
		vm.NICs[0].Name = "nic-" + vm.Name
		config := first.NICs[0].IPConfigurations[0]
		config.Address = fmt.Sprint("10.1.0.", 100+i)
		vm.NICs[0].IPConfigurations = []azuresim.IPConfiguration{config}
		w.VirtualMachines = append(w.VirtualMachines, vm)
		members = append(members, appliance.Member{Name: appliance.MemberName(vm.Name), VM: appliance.ResourceID(vm.ID())})
	}
	return w, members
}

// mustFind looks for each member by itself, all at once.
func (l *lab) mustFind(t *testing.T, c *azure.Client, members []appliance.Member, want func(i int) string) {
	t.Helper()
	var all sync.WaitGroup
	for i, m := range members {
		all.Go(func() {
			places, err := c.Places(t.Context(), []appliance.Member{m})
			if err != nil || len(places) != 1 || len(places[0].Hops) != 1 || places[0].Hops[0].Addr.String() != want(i) {
				t.Errorf("Places(%s) = %v, %v; want %s", m.Name, places, err, want(i))
			}
		})
	}
	all.Wait()
}

// reads counts the answers to reads of interfaces and machines, and the lists of interfaces.
func (l *lab) reads() (reads, lists int) {
	for _, call := range l.Calls() {
		switch path := strings.ToLower(call.Path); {
		case call.Method != http.MethodGet:
		case strings.HasSuffix(path, "/networkinterfaces"):
			lists++
		case strings.Contains(path, "/networkinterfaces/"), strings.Contains(path, "/virtualmachines/"):
			reads++
		}
	}
	return reads, lists
}

// A thousand members in one subscription would need its whole budget for minutes, and
// those who come to their deadline begin again.
func TestManyMembersAreFoundByOneList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, members := manyMembers(60)
		l := newLabOf(t, w, azuresim.Options{PageSize: 25})
		c := l.client(t)
		was := func(i int) string { return fmt.Sprint("10.1.0.", 100+i) }
		l.mustFind(t, c, members, was)
		if reads, lists := l.reads(); reads > 16 || lists < 1 || lists > 4 {
			t.Errorf("%d reads and %d pages of lists, want at most 16 and one list", reads, lists)
		}
		if err := l.Redeploy("nva-40", netip.MustParseAddr("10.1.0.240")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		l.ResetCalls()
		l.mustFind(t, c, members, func(i int) string {
			if i == 40 {
				return "10.1.0.240"
			}
			return was(i)
		})
		time.Sleep(5 * time.Second)
		l.ResetCalls()
		l.mustFind(t, c, members[:8], was)
		if reads, lists := l.reads(); reads != 16 || lists != 0 {
			t.Errorf("a few members: %d reads and %d lists, want 16 and none", reads, lists)
		}
	})
}

// Rights on resource groups, as the guides have them, do not allow the list.
func TestManyMembersAreFoundWithoutTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, members := manyMembers(20)
		for i, p := range w.Principals {
			if p.Name == "hopguard" {
				w.Principals[i].Roles[0].Scope += "/resourceGroups/" + w.VirtualMachines[0].ResourceGroup
			}
		}
		l := newLabOf(t, w, azuresim.Options{})
		l.mustFind(t, l.client(t), members, func(i int) string { return fmt.Sprint("10.1.0.", 100+i) })
		if reads, lists := l.reads(); reads != 40 || lists == 0 {
			t.Errorf("%d reads and %d lists, want 40 and at least one", reads, lists)
		}
	})
}
