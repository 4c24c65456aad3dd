package lab_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azuresim"
	"hopguard/internal/lab"
)

// TestTheFabricDoesWhatAzureWould compares, for every machine and every address, the way
// that the fabric's tables give with what the simulated Azure says of such a packet.
func TestTheFabricDoesWhatAzureWould(t *testing.T) {
	w := lab.World()
	s, err := azuresim.New(w, azuresim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	paper := lab.NewPaper(w)
	names := paper.Addresses()
	places := []string{"172.16.0.10", "172.31.1.10", "172.31.2.10", "172.16.77.1", "10.99.0.1", "10.10.0.77"}
	for a := range names {
		places = append(places, a.String())
	}
	compared, delivered := 0, 0
	for from, nic := range paper.NICs() {
		list, err := s.Effective(nic)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range places {
			to := netip.MustParseAddr(place)
			if names[to] == from {
				continue
			}
			hop, err := s.Forward(nic, to)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			switch {
			case !hop.Delivered:
			case hop.VM != "":
				want = hop.VM[strings.LastIndex(hop.VM, "/")+1:]
			default: // the Internet
				want = names[to]
			}
			compared++
			got := paper.Device(from, list, to)
			if _, name, ok := strings.Cut(got, "-"); ok {
				got = name
				delivered++
			}
			if got != want {
				t.Errorf("from %s to %s the fabric leads to %q, and Azure to %q (%s)", from, place, got, want, hop.Reason)
			}
		}
	}
	if compared < 60 || delivered < 30 {
		t.Errorf("compared %d packets, of which %d arrive: the comparison is empty", compared, delivered)
	}
}

func TestTheBranchTakesTheFirstTunnelThatLives(t *testing.T) {
	now := time.Now()
	const delay = 3 * time.Second
	tests := []struct {
		name   string
		silent []time.Duration
		want   int
		moves  bool
	}{
		{"all-is-well", []time.Duration{0, 0}, 0, false},
		{"a-short-silence", []time.Duration{delay - 1, 0}, 0, false},
		{"the-first-is-dead", []time.Duration{delay, 0}, 1, true},
		{"both-are-dead", []time.Duration{delay, delay}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, moves := lab.Tunnels(delay, now, tt.silent...)()
			if n != tt.want || moves != tt.moves {
				t.Errorf("choose() = %d, %t, want %d, %t", n, moves, tt.want, tt.moves)
			}
		})
	}
}

func TestPlans(t *testing.T) {
	c, err := lab.Plan{Tries: []string{"seed/power-off=2", "seed/planned=1", "seed/power-off=9"}, Soak: time.Minute, Loss: 0.01}.Campaign()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"soak", "seed/power-off/1", "seed/planned/1", "seed/power-off/2"}, c.Tasks()); diff != "" {
		t.Errorf("Tasks() differ (-want +got):\n%s", diff)
	}
	for _, p := range []lab.Plan{lab.Full(), lab.Short()} {
		c, err := p.Campaign()
		if err != nil {
			t.Errorf("Campaign() = %v", err)
		}
		if len(c.Cells) < 8 || len(c.Soaks) != 1 {
			t.Errorf("Campaign() has %d cells and %d soaks", len(c.Cells), len(c.Soaks))
		}
	}
}

func TestPlansThatMeanNothing(t *testing.T) {
	tests := []struct {
		name string
		plan lab.Plan
		want string
	}{
		{"no-runs", lab.Plan{Tries: []string{"seed/power-off"}}, `try "seed/power-off": want SETTING/MODE=RUNS, as in defaults/power-off=3`},
		{"runs-that-are-no-number", lab.Plan{Tries: []string{"seed/power-off=x"}}, `try "seed/power-off=x": want SETTING/MODE=RUNS, as in defaults/power-off=3`},
		{"unknown-setting", lab.Plan{Tries: []string{"sed/power-off=1"}}, `try "sed/power-off=1": setting "sed": want one of defaults, fast, seed, functions`},
		{"unknown-mode", lab.Plan{Tries: []string{"seed/power=1"}}, `try "seed/power=1": mode "power": want one of power-off, panic, guest-hang, tunnel-cut, loss, delay, region-cut, arm-outage, arm-throttle, observer-cut, flapping, planned`},
		{"controller-without-a-command", lab.Plan{Controllers: []string{"peer="}}, `controller "peer=": want NAME=COMMAND`},
		{"controller-with-a-taken-name", lab.Plan{Controllers: []string{"seed=x"}}, `controller "seed=x": the name is taken`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.plan.Campaign()
			if err == nil {
				t.Fatal("Campaign() = nil error")
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("Campaign() error = %q, want %q", got, tt.want)
			}
		})
	}
}
