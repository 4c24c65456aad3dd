package sim_test

import (
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/merakisim"
)

// mode is a way in which something fails, and what must come of it when the data path
// is checked through the members.
type mode struct {
	name string
	// what happens, in words.
	what string
	// verdict is what hopguard must do, in words.
	verdict string
	// change adds to the settings; nil for nothing. only says that it fits the first
	// setting alone.
	change func(*config.Config)
	only   bool
	// chance says that how long it takes is a matter of chance.
	chance bool
	steps  []step
	// at is the step from which on times are measured.
	at time.Duration
	// watch is how long after the beginning the scene ends.
	watch time.Duration
	want  want
}

type step struct {
	at time.Duration
	do func(*scene)
}

// want is what must be true at the end of a scene.
type want struct {
	active appliance.MemberName
	// moves are how often the active member has changed, at least and at most.
	moves [2]int
	// within is how long after at the first move is decided at the latest.
	within time.Duration
	// reason must have been given, and never must not.
	reason, never decide.Reason
	// failed says that ticks fail, loudly; otherwise none may.
	failed bool
	// hop is the next hop of all managed routes at the end; "" if that follows from active.
	hop string
}

const (
	a, b = "vmx-a", "vmx-b"
	// the check of the data path: interval + fall x confirmInterval + timeout
	throughBound = time.Second + 3*500*time.Millisecond + 500*time.Millisecond
	// what a decision needs of Azure beside it: a few requests of 20 ms
	readTime = 200 * time.Millisecond
	quick    = throughBound + readTime
)

// now is a step at the beginning.
func now(do func(*scene)) []step { return []step{{0, do}} }

func modes() []mode {
	moved := want{active: b, moves: [2]int{1, 1}, within: quick, reason: decide.ReasonActiveDown}
	stays := want{active: a}
	armDown := func(name, what string, f azuresim.Fault) mode {
		f.Duration = 20 * time.Second
		return mode{
			name: name, what: "the active appliance hangs while " + what, verdict: "moves as soon as Azure answers again",
			steps: now(func(s *scene) { s.fault(f); s.must(s.Hang(a)) }), watch: 2 * time.Minute,
			want: want{active: b, moves: [2]int{1, 1}, within: 35 * time.Second, reason: decide.ReasonActiveDown, failed: true},
		}
	}
	return []mode{
		{
			name: "power-off", what: "the active appliance is stopped", verdict: "moves",
			steps: now(func(s *scene) { s.must(s.PowerOff(a)) }), watch: time.Minute, want: moved,
		},
		{
			name: "deallocate", what: "the active appliance is deallocated", verdict: "moves",
			steps: now(func(s *scene) { s.must(s.Deallocate(a)) }), watch: time.Minute, want: moved,
		},
		{
			name: "guest-hang", what: "the programs of the active appliance stand still, its machine runs on", verdict: "moves",
			steps: now(func(s *scene) { s.must(s.Hang(a)) }), watch: 2 * time.Minute, want: moved,
		},
		{
			name: "panic", what: "the kernel of the active appliance is dead and its agent silent, its machine runs on", verdict: "moves",
			steps: now(func(s *scene) { s.must(s.Panic(a)) }), watch: 2 * time.Minute, want: moved,
		},
		{
			name: "forwarding-stopped", what: "the active appliance answers on its ports and forwards nothing", verdict: "moves",
			steps: now(func(s *scene) { s.must(s.SetForwarding(a, false)) }), watch: 2 * time.Minute, want: moved,
		},
		{
			name: "tunnel-down", what: "the tunnels of the active appliance are down, itself it is well", verdict: "moves",
			steps: now(func(s *scene) { s.must(s.SetTunnel(a, false)) }), watch: 2 * time.Minute, want: moved,
		},
		{
			name: "firmware-reboot", what: "the active appliance restarts for 3 minutes", verdict: "moves, and does not return by itself (failback: manual)",
			steps: now(func(s *scene) { s.must(s.Reboot(a, 3*time.Minute)) }), watch: 5 * time.Minute, want: moved,
		},
		{
			name: "firmware-reboot-failback", what: "the same with failback: auto, failbackDelay: 5m", verdict: "moves, and returns 5 minutes after the member is up again",
			change: func(c *config.Config) {
				c.Groups[0].Policy.Failback, c.Groups[0].Policy.FailbackDelay = config.FailbackAuto, 5*time.Minute
			},
			steps: now(func(s *scene) { s.must(s.Reboot(a, 3*time.Minute)) }), watch: 12 * time.Minute,
			want: want{active: a, moves: [2]int{2, 2}, within: quick, reason: decide.ReasonFailback},
		},
		{
			name: "standby-reboot", what: "the standby restarts for 3 minutes", verdict: "stays",
			steps: now(func(s *scene) { s.must(s.Reboot(b, 3*time.Minute)) }), watch: 5 * time.Minute, want: stays,
		},
		{
			name: "loss-30", chance: true, what: "the way to the active appliance loses 30 % of the packets", verdict: "moves, once",
			steps: now(func(s *scene) { s.must(s.SetLink(a, azuresim.Link{Loss: 0.3})) }), watch: 10 * time.Minute,
			want: want{active: b, moves: [2]int{1, 1}, within: 5 * time.Minute, reason: decide.ReasonActiveDown},
		},
		{
			name: "loss-30-both", chance: true, what: "the ways to both appliances lose 30 % of the packets", verdict: "stays within its budget of transitions",
			steps: now(func(s *scene) {
				s.must(s.SetLink(a, azuresim.Link{Loss: 0.3}))
				s.must(s.SetLink(b, azuresim.Link{Loss: 0.3}))
			}), watch: 10 * time.Minute,
			want: want{moves: [2]int{0, 4}},
		},
		{
			name: "delay-300ms", what: "the way to the active appliance takes 300 ms longer", verdict: "stays",
			steps: now(func(s *scene) { s.must(s.SetLink(a, azuresim.Link{Delay: 300 * time.Millisecond})) }), watch: 5 * time.Minute, want: stays,
		},
		{
			name: "dns-broken", only: true, what: "the observer's resolver is broken; the targets are names", verdict: "stays: a check that could not be made is unknown",
			change: func(c *config.Config) {
				c.Groups[0].Checks[0].Targets = map[string]string{a: "vmx-a.example:443", b: "vmx-b.example:443"}
			},
			steps: now(func(s *scene) { s.SetObserver(azuresim.Observer{DNSBroken: true}) }), watch: 5 * time.Minute,
			want: want{active: a, reason: decide.ReasonActiveUnknown, never: decide.ReasonBothDown},
		},
		{
			name: "observer-cut-off", what: "the observer reaches nothing for 2 minutes, the witness included", verdict: "stays: it suspects itself",
			steps: []step{
				{0, func(s *scene) { s.SetObserver(azuresim.Observer{CutOff: true}) }},
				{2 * time.Minute, func(s *scene) { s.SetObserver(azuresim.Observer{}) }},
			}, watch: 3 * time.Minute,
			want: want{active: a, reason: decide.ReasonObserverSuspect, never: decide.ReasonBothDown},
		},
		{
			name: "arm-down-all-well", what: "Azure's API answers 503 for 2 minutes, the appliances are well", verdict: "stays, and says that ticks fail",
			steps: now(func(s *scene) { s.fault(azuresim.Fault{Kind: azuresim.Fault503, Duration: 2 * time.Minute}) }), watch: 3 * time.Minute,
			want: want{active: a, failed: true},
		},
		armDown("arm-5xx", "Azure's API answers 503 for 20 s", azuresim.Fault{Kind: azuresim.Fault503}),
		armDown("arm-429", "Azure's API throttles everything for 20 s", azuresim.Fault{Kind: azuresim.FaultARM429, Params: map[string]string{"retryAfter": "5"}}),
		armDown("arm-timeout", "Azure's API does not answer for 20 s", azuresim.Fault{Kind: azuresim.FaultTimeout}),
		armDown("arm-garbage", "Azure's API answers with pages for 20 s", azuresim.Fault{Kind: azuresim.FaultGarbage}),
		armDown("arm-expired-token", "Azure's API refuses the token as expired for 20 s", azuresim.Fault{Kind: azuresim.FaultExpiredToken}),
		{
			name: "meraki-down", what: "the Meraki cloud answers 503 for 10 minutes, and the active appliance hangs after 5", verdict: "stays at first: its trouble is unknown; then moves by its own checks",
			change: withMeraki, only: true,
			steps: []step{
				{0, func(s *scene) {
					s.must(s.meraki.Inject(merakisim.Fault{Kind: merakisim.Fault503, Duration: 10 * time.Minute}))
				}},
				{5 * time.Minute, func(s *scene) { s.must(s.Hang(a)) }},
			}, at: 5 * time.Minute, watch: 7 * time.Minute, want: moved,
		},
		{
			name: "meraki-offline-forwarding", what: "the Meraki cloud says offline for a quarter of an hour, the appliance forwards", verdict: "stays: nobody else says so",
			change: withMeraki, only: true,
			steps: now(func(s *scene) { s.device(merakisim.ExamplePrimary, merakisim.Offline) }), watch: 15 * time.Minute, want: stays,
		},
		{
			name: "clock-forward", what: "the observer's clock jumps an hour ahead; a minute later the active appliance hangs", verdict: "stays at the jump, and moves at the failure",
			steps: []step{
				{0, func(s *scene) { s.jump.Store(int64(time.Hour)) }},
				{time.Minute, func(s *scene) { s.must(s.Hang(a)) }},
			}, at: time.Minute, watch: 3 * time.Minute, want: moved,
		},
		{
			name: "clock-back", what: "the observer's clock jumps an hour back; a minute later the active appliance hangs", verdict: "stays at the jump, and moves at the failure",
			steps: []step{
				{0, func(s *scene) { s.jump.Store(-int64(time.Hour)) }},
				{time.Minute, func(s *scene) { s.must(s.Hang(a)) }},
			}, at: time.Minute, watch: 3 * time.Minute, want: moved,
		},
		{
			name: "both-dead", what: "both appliances hang", verdict: "stays, writes nothing, and says so",
			steps: now(func(s *scene) { s.must(s.Hang(a)); s.must(s.Hang(b)) }), watch: 5 * time.Minute,
			want: want{active: a, reason: decide.ReasonBothDown},
		},
		{
			name: "standby-dead-first", what: "the standby is stopped, a minute later the active hangs, and 4 minutes later the standby is started", verdict: "stays while both are down, moves when the standby is up",
			steps: []step{
				{0, func(s *scene) { s.must(s.PowerOff(b)) }},
				{time.Minute, func(s *scene) { s.must(s.Hang(a)) }},
				{5 * time.Minute, func(s *scene) { s.must(s.PowerOn(b)) }},
			}, at: 5 * time.Minute, watch: 8 * time.Minute,
			want: want{active: b, moves: [2]int{1, 1}, within: 20 * time.Second, reason: decide.ReasonBothDown},
		},
		{
			name: "redeployed", what: "the standby is made anew with another address; then the active hangs", verdict: "moves to the new address",
			steps: []step{
				{0, func(s *scene) { s.must(s.Deallocate(b)) }},
				{2 * time.Minute, func(s *scene) { s.must(s.Redeploy(b, newAddress())); s.must(s.PowerOn(b)) }},
				{5 * time.Minute, func(s *scene) { s.must(s.Hang(a)) }},
			}, at: 5 * time.Minute, watch: 7 * time.Minute,
			want: want{active: b, moves: [2]int{1, 1}, within: quick, reason: decide.ReasonActiveDown, hop: newAddress().String()},
		},
	}
}
