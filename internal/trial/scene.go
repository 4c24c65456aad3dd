package trial

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/merakisim"
)

// scene is what a seed draws before anything happens.
type scene struct {
	replicas int
	// sameNames: a process that is started again has the name of the one before.
	sameNames bool
	// How the members are watched, beside by their data path.
	ping, vmStatus, witness bool
	failback                config.Failback
	holdDown                time.Duration
	transitions             int
	verify                  bool
	// act: a replica that is alone goes on without the store.
	act      bool
	parallel int
	profile  azuresim.Profile
	heard
	// disturbed is how long faults begin.
	disturbed time.Duration
	faults    int
	// kinds are the families of faults that occur.
	kinds []family
}

// The times of a group that is watched closely, so that much happens in little time.
const (
	checkInterval = 2 * time.Second
	checkTimeout  = time.Second
	checkConfirm  = 500 * time.Millisecond
	checkFall     = 2
	statusEvery   = 5 * time.Second
	reconcile     = 5 * time.Second
	budgetPer     = time.Minute
	leaseTTL      = 15 * time.Second
)

func drawScene(rng *rand.Rand) scene {
	one := func(in int) bool { return rng.IntN(in) == 0 }
	s := scene{
		replicas: []int{1, 1, 2, 2, 2, 3}[rng.IntN(6)], sameNames: one(4),
		ping: one(4), vmStatus: one(2), witness: one(3), failback: config.FailbackManual,
		holdDown: 4*time.Second + time.Duration(rng.IntN(8))*time.Second, transitions: 2 + rng.IntN(3),
		verify: one(10), parallel: []int{0, 0, 1}[rng.IntN(3)],
		profile: azuresim.Profile{
			WriteTime: time.Second + time.Duration(rng.IntN(3))*time.Second, FabricDelay: 2 * time.Second,
			VMActionTime: 2 * time.Second, BootTime: 4 * time.Second, NICEffectiveTime: time.Second, ListLag: time.Second,
			RetryAfter: 2 * time.Second,
		},
		disturbed: 60*time.Second + time.Duration(rng.IntN(30))*time.Second,
		faults:    1 + rng.IntN(9),
	}
	if one(2) {
		s.failback = config.FailbackAuto
	}
	s.act = s.replicas == 1 && one(2)
	switch rng.IntN(4) {
	case 0:
		s.voice, s.twice = oneOfThree, !one(4)
	case 1:
		s.voice, s.vmStatus = needed, false
	}
	s.live, s.late, s.deadPing = one(2), time.Second+time.Duration(rng.IntN(8))*time.Second, merakisim.DeadPing(rng.IntN(3))
	for _, k := range families() {
		if one(2) && (k != merakiAPI || s.voice != unheard) {
			s.kinds = append(s.kinds, k)
		}
	}
	if len(s.kinds) == 0 {
		s.kinds = families()
	}
	return s
}

// String is the first line of the transcript.
func (s scene) String() string {
	var kinds []string
	for _, k := range s.kinds {
		kinds = append(kinds, k.String())
	}
	return fmt.Sprintf("%d replicas, ping %t, vm-status %t, witness %t, failback %s, hold-down %s, %d transitions, act %t, Meraki %s, live %t, twice %t; %d faults of %s",
		s.replicas, s.ping, s.vmStatus, s.witness, s.failback, s.holdDown, s.transitions, s.act, s.voice, s.live, s.twice, s.faults, strings.Join(kinds, ", "))
}

// spec is the cloud: two spokes, three tables of the group of which one is used by no
// subnet, one of another group and one of nobody.
func (s scene) spec() azuresim.World {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: 2, Tables: 2, RoutesPerTable: 2, ClientSecret: canary})
	loose := w.RouteTables[0]
	loose.Name = "rt-loose"
	w.RouteTables = append(w.RouteTables, loose)
	for i := range w.RouteTables {
		w.RouteTables[i].Properties = map[string]any{"laterProperty": map[string]any{"deep": []any{1, "two", nil}}}
	}
	return w
}

// configuration is that of all processes.
func (w *world) configuration(spec azuresim.World, connection string) config.Config {
	c := config.Default()
	c.Azure.Endpoint, c.Azure.Authority, c.Azure.Audience = inMemory, inMemory, "https://management.azure.com"
	c.Azure.Credential, c.Azure.TenantID, c.Azure.ClientID = config.CredentialClientSecret, azuresim.DefaultTenant, spec.Principals[0].AppID
	c.Azure.ClientSecret, c.Azure.Timeout, c.Azure.Parallel = canary, 5*time.Second, w.parallel
	c.Store = config.Store{
		Kind: config.StoreBlob, ConnectionString: config.Secret(connection), Container: container, Create: true, Timeout: 3 * time.Second,
	}
	c.Replicas.Lease = leaseTTL
	g := config.DefaultGroup()
	g.Name, g.Routes.Tag, g.Reconcile = string(groupName), config.Tag{Name: tagName, Value: tagValue}, reconcile
	g.Policy.Failback, g.Policy.FailbackDelay = w.failback, 10*time.Second
	g.Policy.HoldDown, g.Policy.MaxTransitions, g.Policy.Per = w.holdDown, w.transitions, budgetPer
	if w.act {
		g.Policy.StoreOutage = config.StoreOutageAct
	}
	through, pinged := config.DefaultCheck(config.KindTCP), config.DefaultCheck(config.KindICMP)
	through.Targets, pinged.Targets = map[string]string{}, map[string]string{}
	n := 0
	for _, vm := range spec.VirtualMachines {
		switch {
		case vm.Appliance:
			n++
			g.Members = append(g.Members, config.Member{Name: vm.Name, VM: config.ResourceID(vm.ID())})
			through.Targets[vm.Name] = fmt.Sprintf("172.31.%d.10:443", n)
			pinged.Targets[vm.Name] = fmt.Sprintf("172.31.%d.10", n)
		case w.verify:
			g.Verify.NICs, g.Verify.Timeout = append(g.Verify.NICs, config.ResourceID(vm.NICID(0))), 4700*time.Millisecond
		}
	}
	through.Name, pinged.Name = "through", "pinged"
	switch {
	case w.voice == oneOfThree:
		g.Checks = []config.Check{through, pinged}
	case w.ping:
		g.Checks = []config.Check{pinged}
	default:
		g.Checks = []config.Check{through}
	}
	for i := range g.Checks {
		k := &g.Checks[i]
		k.Interval, k.Timeout, k.ConfirmInterval, k.Fall, k.Rise = checkInterval, checkTimeout, checkConfirm, checkFall, 2
	}
	if w.vmStatus {
		status := config.DefaultCheck(config.KindVMStatus)
		status.Interval, status.Timeout, status.ConfirmInterval, status.Fall = statusEvery, 2*time.Second, time.Second, 2
		g.Checks = append(g.Checks, status)
	}
	w.dashboard.checks(&c, &g)
	if w.witness {
		g.Witness.Targets, g.Witness.Timeout = []string{"tcp://10.10.0.4:80"}, checkTimeout
	}
	c.Groups = []config.Group{g}
	return c.Complete()
}

// secrets are what no line may show.
func secrets() []string {
	return []string{canary, storageKey, merakiKey, base64.StdEncoding.EncodeToString([]byte(storageKey)), "eyJ0eXAi"}
}
