package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hopguard/internal/lab"
)

// open opens a lab, or says why there is none: it is skipped only where nobody has
// promised root.
func open(t *testing.T, name string) *lab.Lab {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI has to run this as root on Linux")
		}
		t.Skip("the lab needs root on Linux")
	}
	l, err := lab.Open(t.Context(), lab.Options{Name: name, Dir: t.TempDir(), Regions: 2 * time.Millisecond, WAN: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// post is a datagram that says where it comes from, and where it wanted to go.
type post struct{ from, to string }

// TestPacketsGoWhereAzureSays sends a real datagram from every machine to every address,
// in two labs side by side, and compares what arrives with what the simulated Azure says.
func TestPacketsGoWhereAzureSays(t *testing.T) {
	labs := []*lab.Lab{open(t, "ta"), open(t, "tb")}
	paper := lab.NewPaper(lab.World())
	places := []string{"172.16.0.10", "172.31.1.10", "172.31.2.10"}
	homes := map[string]string{"172.16.0.10": "branch", "172.31.1.10": "branch", "172.31.2.10": "branch"}
	for a, name := range paper.Addresses() {
		places, homes[a.String()] = append(places, a.String()), name
	}
	slices.Sort(places)
	for n, l := range labs {
		var want []post
		arrived := listen(t, l, homes)
		for from, nic := range paper.NICs() {
			for _, place := range places {
				tunnelled := strings.HasPrefix(place, "172.") && strings.HasPrefix(from, "vmx-")
				if homes[place] == from || tunnelled { // that way is the appliance's own
					continue
				}
				hop, err := l.Azure().Forward(nic, netip.MustParseAddr(place))
				if err != nil {
					t.Fatal(err)
				}
				p := post{from, place}
				if hop.Delivered {
					want = append(want, p)
				}
				conn, err := l.Host(from).DialContext(t.Context(), "udp", place+":5000")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := fmt.Fprintf(conn, "%d %s %s", n, from, place); err != nil {
					t.Fatal(err)
				}
				if err := conn.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := arrived(len(want))
		for _, p := range want {
			if !slices.Contains(got, p) {
				t.Errorf("lab %d: Azure delivers a packet from %s to %s, and the lab does not", n, p.from, p.to)
			}
		}
		for _, p := range got {
			if !slices.Contains(want, p) {
				t.Errorf("lab %d: Azure drops a packet from %s to %s, and the lab does not", n, p.from, p.to)
			}
		}
		if len(want) < 30 {
			t.Errorf("lab %d: only %d packets were to arrive", n, len(want))
		}
	}
}

// listen takes datagrams at all addresses. The function that it returns waits until so
// many have come, and then a little for those that should not.
func listen(t *testing.T, l *lab.Lab, homes map[string]string) func(int) []post {
	t.Helper()
	var mu sync.Mutex
	var got []post
	var listening sync.WaitGroup
	came := make(chan struct{}, 1000)
	ctx, stop := context.WithCancel(t.Context())
	for place, home := range homes {
		conn, err := l.Host(home).ListenPacket(ctx, "udp", place+":5000")
		if err != nil {
			t.Fatal(err)
		}
		context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // it ends
		listening.Go(func() {
			buf := make([]byte, 100)
			for {
				k, _, err := conn.ReadFrom(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				var n int
				var p post
				if _, err := fmt.Sscan(string(buf[:k]), &n, &p.from, &p.to); err != nil {
					t.Errorf("a datagram %q: %v", buf[:k], err)
				}
				if p.to != place {
					t.Errorf("a datagram for %s came to %s", p.to, place)
				}
				mu.Lock()
				got = append(got, p)
				mu.Unlock()
				came <- struct{}{}
			}
		})
	}
	return func(wanted int) []post {
		limit := time.NewTimer(10 * time.Second)
		defer limit.Stop()
		for n := 0; n < wanted; n++ {
			select {
			case <-came:
			case <-limit.C:
				n = wanted
			}
		}
		more := time.NewTimer(50 * time.Millisecond) // real packets: nothing says that one will not come
		defer more.Stop()
		<-more.C
		stop()
		listening.Wait()
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

func TestASceneThatCannotBeBuilt(t *testing.T) {
	open(t, "tc") // where there is no lab at all, there is nothing to test
	tests := []struct {
		name string
		o    lab.Options
		want string
	}{
		{"profile", lab.Options{Name: "td", Profile: "quick"}, `profile "quick": want default, fast or legacy`},
		{"tunnel", lab.Options{Name: "td", Tunnel: "string"}, `tunnel "string": this kernel can make `},
		{"taken", lab.Options{Name: "tc"}, `tc`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Dir = t.TempDir()
			l, err := lab.Open(t.Context(), tt.o)
			if err == nil {
				t.Fatal(l.Close())
			}
			if got := err.Error(); !strings.Contains(got, tt.want) {
				t.Errorf("Open() error = %q, want %q in it", got, tt.want)
			}
		})
	}
}
