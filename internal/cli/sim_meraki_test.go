package cli_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hopguard/internal/azuresim"
	"hopguard/internal/cli"
	"hopguard/internal/merakisim"
	"hopguard/internal/sim"
)

// serveSim starts a process hopguard sim and waits until it is ready; scripts then
// find it as a shell does that has sourced its file env: serve [FLAGS...].
func serveSim(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve [FLAGS...]")
	}
	path, err := exec.LookPath("hopguard")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	dir := ts.MkAbs("sim")
	cmd := exec.CommandContext(ctx, path, append([]string{"sim", "--dir", dir, "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cancel()
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 0 {
			ts.Fatalf("hopguard sim ended with %v: %s", err, problems.String())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		ts.Logf("%s", lines.Text())
		if strings.HasPrefix(lines.Text(), "ready ") {
			environment(ts, dir+"/env")
			ts.Setenv("HOPGUARD_CONFIG", dir+"/hopguard.yaml")
			return
		}
	}
	cancel()
	_ = cmd.Wait() // the output says why
	ts.Fatalf("hopguard sim is not ready: %s", problems.String())
}

// What happens to a machine happens to its device; the cloud notices later.
func TestDevicesFollowTheirMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
		w.VirtualMachines[1].PowerState = "stopped"
		cloud, err := sim.New(sim.Options{World: w})
		if err != nil {
			t.Fatal(err)
		}
		d, err := cli.NewDashboard(cloud)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var following sync.WaitGroup
		following.Go(func() {
			if err := d.Follow(ctx); err != nil {
				t.Errorf("Follow() = %v", err)
			}
		})
		defer following.Wait()
		defer cancel()
		expect := func(when string, wait time.Duration, name string, really, status merakisim.State, broken int) {
			t.Helper()
			time.Sleep(wait)
			for _, v := range d.Devices() {
				if v.Name == name && (v.State != really || v.Status != status || len(v.Broken) != broken) {
					t.Errorf("%s: %+v, want %s, seen as %s, with %d broken tunnels", when, v, really, status, broken)
				}
			}
		}
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		const soon, online, offline = 200 * time.Millisecond, merakisim.Online, merakisim.Offline
		expect("at first", soon, "vmx-a", online, online, 0)
		expect("off from the start", 0, "vmx-b", offline, offline, 0)
		do(cloud.PowerOff("vmx-a"))
		expect("off", soon, "vmx-a", offline, online, 0)
		expect("noticed", 5*time.Minute, "vmx-a", offline, offline, 0)
		do(cloud.PowerOn("vmx-a"))
		expect("boots", 4*time.Second, "vmx-a", offline, offline, 0)
		expect("booted", 2*time.Second, "vmx-a", online, offline, 0)
		expect("noticed", time.Minute, "vmx-a", online, online, 0)
		for name, trouble := range map[string][2]func(string) error{
			"hang": {cloud.Hang, cloud.Unhang}, "panic": {cloud.Panic, func(vm string) error { return cloud.Reboot(vm, 0) }},
		} {
			do(trouble[0]("vmx-a"))
			expect(name, soon, "vmx-a", offline, online, 0)
			do(trouble[1]("vmx-a"))
			expect("end of "+name, time.Minute+10*time.Second, "vmx-a", online, online, 0)
		}
		do(cloud.SetForwarding("vmx-a", false))
		do(cloud.SetLink("vmx-a", azuresim.Link{Loss: 1}))
		expect("does not forward", 10*time.Minute, "vmx-a", online, online, 0)
		do(cloud.SetForwarding("vmx-a", true))
		do(cloud.SetTunnel("vmx-a", false))
		expect("no tunnels", soon, "vmx-a", online, online, 4)
		do(cloud.SetTunnel("vmx-a", true))
		expect("tunnels", soon, "vmx-a", online, online, 0)

		do(d.Set("vmx-a", offline))
		expect("offline while it forwards", 10*time.Minute, "vmx-a", offline, offline, 0)
		for _, m := range cloud.Machines() {
			if m.Name == "vmx-a" && !m.Works {
				t.Errorf("the machine suffers from what was ordered for its device: %+v", m)
			}
		}
		do(cloud.Reboot("vmx-a", 0))
		expect("after a reboot", time.Minute+10*time.Second, "vmx-a", online, online, 0)
	})
}

func TestADashboardNeedsAnAddress(t *testing.T) {
	cmd := hopguard(t.Context(), t, "sim", "--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--meraki", "--meraki-listen", "127.0.0.1:nowhere")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "serve the Meraki Dashboard: ") {
		t.Errorf("hopguard sim: %v, %s", err, out)
	}
}
