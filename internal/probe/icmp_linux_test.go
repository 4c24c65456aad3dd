package probe_test

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// ping asks an address on this machine, with a timeout for busy ones.
func ping(t *testing.T, address string, q probe.ICMP) appliance.Observation {
	t.Helper()
	q.Address = known(address)
	return really(t, q)
}

// A real echo request to the loopback. In CI it must run, whoever runs it.
func TestICMPOnTheLoopback(t *testing.T) {
	got := ping(t, "127.0.0.1", probe.ICMP{})
	must := os.Getenv("CI") != ""
	if !must && got.Outcome == appliance.Unknown && strings.Contains(got.Evidence, "permi") {
		t.Skipf("this user may open no socket for ICMP: %s", got.Evidence)
	}
	wantSeen(t, got, appliance.Pass, "ping 127.0.0.1 with a")
	_, after, _ := strings.Cut(got.Evidence, "reply after ")
	if rtt, err := time.ParseDuration(after); err != nil || rtt < 0 || rtt > got.Took {
		t.Errorf("Probe() = %q after %s, want a shorter time than that", got.Evidence, got.Took)
	}
}

// inNamespace marks the process that TestICMPInItsOwnNetwork starts.
const inNamespace = "HOPGUARD_TEST_IN_NAMESPACE"

// TestICMPInItsOwnNetwork runs itself again in a network namespace, where it may
// set what the kernel allows, and nothing leaves the machine.
func TestICMPInItsOwnNetwork(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		ownNetwork(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	output, err := cmd.CombinedOutput()
	must := os.Getenv("CI") != ""
	if _, started := errors.AsType[*exec.ExitError](err); err != nil && !started && !must {
		t.Skipf("this user may make no network namespace: %v", err)
	}
	t.Logf("%s", output)
	if err != nil {
		t.Fatal(err)
	}
}

// ownNetwork is the test in its namespace, as root of it.
func ownNetwork(t *testing.T) {
	loopbackUp(t)
	v6 := netip.MustParseAddr("::1")
	t.Run("raw-where-unprivileged-is-not-allowed", func(t *testing.T) { // as in every new network
		wantSeen(t, ping(t, "127.0.0.1", probe.ICMP{}), appliance.Pass, "ping 127.0.0.1 with a raw socket: reply after ")
		wantSeen(t, ping(t, "127.0.0.1", probe.ICMP{Socket: probe.UnprivilegedSocket}), appliance.Unknown, "with an unprivileged socket: not asked: socket: permission denied")
		wantSeen(t, ping(t, "::1", probe.ICMP{From: probe.From{Source: v6}}), appliance.Pass, "ping ::1 from ::1 with a raw socket: reply after ")
	})
	t.Run("without-any-right", func(t *testing.T) {
		runtime.LockOSThread() // the thread loses its rights, and ends with this test
		none := make([]unix.CapUserData, 2)
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			t.Fatal(err)
		}
		outcome, evidence := probe.ICMP{Address: known("127.0.0.1")}.Ask(t.Context(), members("a")[0])
		got := appliance.Observation{Outcome: outcome, Evidence: evidence}
		wantSeen(t, got, appliance.Unknown, "ping 127.0.0.1 with any socket: not asked: unprivileged: socket: permission denied; raw: ")
		wantSeen(t, got, appliance.Unknown, "operation not permitted")
	})
	sysctl(t, "ping_group_range", "0 0")
	t.Run("unprivileged-first", func(t *testing.T) {
		from := probe.From{Source: netip.MustParseAddr("127.0.0.2"), Interface: "lo"}
		wantSeen(t, ping(t, "127.0.0.1", probe.ICMP{From: from}), appliance.Pass, "ping 127.0.0.1 from 127.0.0.2 by lo with an unprivileged socket: reply after ")
		wantSeen(t, ping(t, "::1", probe.ICMP{}), appliance.Pass, "ping ::1 with an unprivileged socket: reply after ")
		wantSeen(t, ping(t, "127.0.0.1", probe.ICMP{Socket: probe.RawSocket}), appliance.Pass, "ping 127.0.0.1 with a raw socket: reply after ")
	})
	t.Run("observer-cannot-send", func(t *testing.T) {
		wantSeen(t, ping(t, "127.0.0.1", probe.ICMP{From: probe.From{Source: netip.MustParseAddr("192.0.2.1")}}), appliance.Unknown, "cannot assign requested address")
		wantSeen(t, ping(t, "127.0.0.1", probe.ICMP{From: probe.From{Interface: "absent0"}}), appliance.Unknown, "not asked: ")
		wantSeen(t, ping(t, "192.0.2.1", probe.ICMP{}), appliance.Unknown, "network is unreachable")
		// The kernel answers this one as it does a prohibited route: with EACCES.
		wantSeen(t, ping(t, "127.255.255.255", probe.ICMP{}), appliance.Unknown, "with an unprivileged socket: not asked: send: permission denied")
	})
	t.Run("D1-silence-is-a-fail-among-replies", func(t *testing.T) {
		// What is sent out of the loopback to an address that is not there is dropped.
		targets := map[appliance.MemberName]netip.Addr{}
		for _, m := range members("a", "b", "c", "d") {
			targets[m.Name] = netip.MustParseAddr("127.0.0.1")
			targets[m.Name+"-dead"] = netip.MustParseAddr("192.0.2.1")
		}
		for _, socket := range []probe.Socket{probe.UnprivilegedSocket, probe.RawSocket} {
			q := probe.ICMP{Targets: targets, From: probe.From{Interface: "lo"}, Socket: socket}
			set := probe.Set{
				Members: members("a", "a-dead", "b", "b-dead", "c", "c-dead", "d", "d-dead"),
				Checks:  []probe.Check{{Name: "c", Timeout: time.Second, Question: q}},
			}
			for _, o := range set.Probe(t.Context(), []string{"c"}) {
				if strings.HasSuffix(string(o.Member), "-dead") {
					wantSeen(t, o, appliance.Fail, "ping 192.0.2.1 by lo with "+socket.String()+": no answer within 1s")
				} else {
					wantSeen(t, o, appliance.Pass, "ping 127.0.0.1 by lo with "+socket.String()+": reply after")
				}
			}
		}
	})
}

// sysctl sets a value of this namespace.
func sysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
}

func loopbackUp(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
}
