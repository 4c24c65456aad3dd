package azuresim_test

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

func TestPacketLoss(t *testing.T) {
	const n, p = 4_000, 0.3
	count := func(t *testing.T, s *azuresim.Sim, target string) int {
		t.Helper()
		got := 0
		for range n {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := s.Ping(ctx, netip.MustParseAddr(target), ""); err == nil {
				got++
			}
			cancel()
		}
		return got
	}
	within := func(t *testing.T, what string, got int, p float64) {
		t.Helper()
		if want, sigma := n*p, math.Sqrt(n*p*(1-p)); math.Abs(float64(got)-want) > 5*sigma {
			t.Errorf("%s: %d of %d replies, want %.0f", what, got, n, want)
		}
	}
	var first int
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		do(t, s.SetLink("vmx-a", azuresim.Link{Loss: p}))
		first = count(t, s, "10.1.0.4")
		within(t, "of the machine", first, 1-p)
		within(t, "through the machine", count(t, s, behindVMXA), 1-p)
		answers(t, s, "the other one is well", "10.2.0.4")
		do(t, s.SetLink("vmx-a", azuresim.Link{Loss: 1}))
		silent(t, s, "all is lost", "10.1.0.4", behindVMXA)
		do(t, s.SetLink("vmx-a", azuresim.Link{}))
		answers(t, s, "mended", "10.1.0.4", behindVMXA)
	})
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		do(t, s.SetLink("vmx-a", azuresim.Link{Loss: p}), s.SetLink("vmx-b", azuresim.Link{Loss: p}))
		answersOfB := count(t, s, "10.2.0.4")
		if again := count(t, s, "10.1.0.4"); again != first {
			t.Errorf("%d replies with the same seed, want %d", again, first)
		}
		within(t, "of another machine", answersOfB, 1-p)
		if answersOfB == first {
			t.Error("two machines lose the same packets")
		}
	})
}

// A lost SYN is sent again after 1 s, 2 s more, and so on; a lost request after 0.2 s.
func TestTCPRepeatsWhatIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		do(t, s.SetLink("vmx-a", azuresim.Link{Loss: 0.5}))
		took := map[time.Duration]int{}
		for range 400 {
			start := time.Now()
			conn, err := s.DialContext(t.Context(), "tcp", "10.1.0.4:443")
			after := time.Since(start) - usualAnswer
			took[after]++
			switch {
			case err == nil:
				_ = conn.Close()
			case !errors.Is(err, syscall.ETIMEDOUT) || after != 127*time.Second:
				t.Errorf("%v after %v", err, after)
			default: // all seven were lost
			}
		}
		for tries, want := range []int{200, 100, 50} {
			after := time.Second<<tries - time.Second
			if got := took[after]; math.Abs(float64(got-want)) > 5*math.Sqrt(float64(want)) {
				t.Errorf("%d connections after %v, want about %d", got, after, want)
			}
		}
		var slow, quick int
		for quick+slow < 100 {
			conn, err := s.DialContext(t.Context(), "tcp", "10.1.0.4:80")
			if errors.Is(err, syscall.ETIMEDOUT) {
				continue
			}
			do(t, err)
			start := time.Now()
			if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			switch spent := time.Since(start); {
			case spent == 0:
				quick++
			case spent%(200*time.Millisecond) == 0:
				slow++
			default:
				t.Fatalf("a request took %v", spent)
			}
			_ = conn.Close()
		}
		if quick < 25 || slow < 25 {
			t.Errorf("%d requests were answered at once and %d after repetitions, want about 50 each", quick, slow)
		}
		do(t, s.Close())
	})
}

func TestDelay(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		do(t, s.SetLink("vmx-a", azuresim.Link{Delay: 300 * time.Millisecond}))
		for _, target := range []string{"10.1.0.4", behindVMXA} {
			if took, err := pinged(t, s, target, ""); err != nil || took != 320*time.Millisecond {
				t.Errorf("ping %s: %v, %v, want 320ms", target, took, err)
			}
		}
		start := time.Now()
		conn, err := s.DialContext(t.Context(), "tcp", "10.1.0.4:443")
		if err != nil || time.Since(start) != 320*time.Millisecond {
			t.Fatalf("dial: %v after %v, want 320ms", err, time.Since(start))
		}
		_ = conn.Close()
		if _, err := s.DialContext(t.Context(), "tcp", "10.1.0.4:8080"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a closed port: %v", err)
		}
		start = time.Now()
		if _, err := get(t, s, "http://10.1.0.4/", time.Second); err != nil || time.Since(start) != 620*time.Millisecond {
			t.Errorf("HTTP: %v after %v, want two round trips, 620ms", err, time.Since(start))
		}
		start = time.Now() // gives up between connection and answer
		if _, err := get(t, s, "http://10.1.0.4/", 500*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 500*time.Millisecond {
			t.Errorf("an impatient client: %v after %v", err, time.Since(start))
		}
		do(t, s.Close())
		for _, bad := range []azuresim.Link{{Loss: -0.1}, {Loss: 1.1}, {Loss: math.NaN()}, {Delay: -1}} {
			if err := s.SetLink("vmx-a", bad); err == nil {
				t.Errorf("link %+v must be refused", bad)
			}
		}
	})
}
