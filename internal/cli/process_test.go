package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/sim"
)

// startWorld serves a simulated Azure to processes until the test ends. It returns
// it, the configuration for it, and the environment of a process.
func startWorld(t *testing.T) (cloud *sim.Cloud, conf string, env []string) {
	t.Helper()
	return serveWorld(t, azuresim.TwoRegionsOptions{})
}

func serveWorld(tb testing.TB, o azuresim.TwoRegionsOptions) (cloud *sim.Cloud, conf string, env []string) {
	tb.Helper()
	cloud, err := sim.New(sim.Options{World: azuresim.TwoRegions(o), Profile: quick(), Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	ctx, cancel := context.WithCancel(tb.Context())
	ready := make(chan sim.Served, 1)
	var serving sync.WaitGroup
	serving.Go(func() {
		defer close(ready)
		err := cloud.Serve(ctx, sim.ServeOptions{
			Listen: "127.0.0.1:0", IdentityListen: "127.0.0.1:0", Dir: dir,
			Ready: func(s sim.Served) error { ready <- s; return nil },
		})
		if err != nil {
			tb.Errorf("Serve() = %v", err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	s, ok := <-ready
	if !ok {
		tb.Fatal("the simulated Azure was not served")
	}
	conf = filepath.Join(dir, "quick.yaml")
	if err := writeConfig(cloud, s, nil, conf); err != nil {
		tb.Fatal(err)
	}
	return cloud, conf, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
}

// hopguard is the command line of this program as hopguard.
func hopguard(ctx context.Context, tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	path, err := exec.LookPath("hopguard") // testscript.Main has put it there
	if err != nil {
		tb.Fatal(err)
	}
	return exec.CommandContext(ctx, path, args...)
}

// await reads lines until one that want likes.
func await(t *testing.T, lines *bufio.Scanner, want func(string) bool) string {
	t.Helper()
	var all []string
	for lines.Scan() {
		all = append(all, lines.Text())
		if want(lines.Text()) {
			return lines.Text()
		}
	}
	t.Fatalf("the output ended (%v) after:\n%s", lines.Err(), strings.Join(all, "\n"))
	return ""
}

func TestRunWatchesAndServesTheAPI(t *testing.T) {
	cloud, conf, env := startWorld(t)
	cmd := hopguard(t.Context(), t, "run", "--config", conf, "--log-format", "json")
	cmd.Env = append(env, "HOPGUARD_API_LISTEN=127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type line struct {
		Msg, Address, State, Reason, Cause, Took string
	}
	parse := func(s string) (l line) {
		_ = json.Unmarshal([]byte(s), &l) // a line that is none has no message
		return l
	}
	lines := bufio.NewScanner(stderr)
	url := "http://" + parse(await(t, lines, func(s string) bool { return parse(s).Msg == "api listening" })).Address
	first := parse(await(t, lines, func(s string) bool { return parse(s).Msg == "tick" && parse(s).State == "agreed" }))
	if _, err := time.ParseDuration(first.Took); err != nil {
		t.Errorf("the log says that a tick took %q, want a duration with its unit", first.Took)
	}

	status, body := get(t, url+"/readyz")
	if status != http.StatusOK || !strings.Contains(body, `"status": "ready"`) {
		t.Errorf("GET /readyz = %d %s, want ready", status, body)
	}
	if err := cloud.PowerOff("vmx-a"); err != nil {
		t.Fatal(err)
	}
	await(t, lines, func(s string) bool { return parse(s).Reason == "active-down" })
	if status, body := get(t, url+"/v1/status"); status != http.StatusOK || !strings.Contains(body, `"active": "vmx-b"`) {
		t.Errorf("GET /v1/status = %d %s, want vmx-b active", status, body)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	end := parse(await(t, lines, func(s string) bool { return parse(s).Msg == "end" }))
	if !strings.Contains(end.Cause, "terminated") {
		t.Errorf("cause of the end = %q, want the signal", end.Cause)
	}
	if rest, err := io.ReadAll(stderr); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("run ended with %v, want code 0", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestSimServesUntilItIsTold(t *testing.T) {
	dir := t.TempDir()
	cmd := hopguard(t.Context(), t, "sim", "--listen", "127.0.0.1:0", "--dir", dir, "--profile", "fast", "--fault", "503,path=nowhere")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	await(t, lines, func(s string) bool { return strings.HasPrefix(s, "ready https://127.0.0.1:") })
	script := `. "` + dir + `/env" && hopguard status && hopguard sim ctl power-off vmx-a && hopguard sim ctl state`
	sh := exec.CommandContext(t.Context(), "sh", "-c", script)
	sh.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	out, err := sh.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "emea  agreed  active vmx-a") || !strings.Contains(string(out), "stopped") {
		t.Errorf("the file env gives %v:\n%s", err, out)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("sim ended with %v, want code 0", err)
	}
}

// The demo in real time, and what it leaves to play with.
func TestDemoHolds(t *testing.T) {
	t.Parallel()
	cmd := hopguard(t.Context(), t, "demo", "--hold", "--json", "--seed", "7")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	await(t, lines, func(s string) bool { return strings.Contains(s, "ok   traffic flows again") })
	await(t, lines, func(s string) bool { return strings.HasPrefix(s, "the old function: ") })
	source := await(t, lines, func(s string) bool { return strings.HasPrefix(s, "  . ") })
	script := source + ` && hopguard status; hopguard sim ctl start vmx-a && hopguard status --json`
	sh := exec.CommandContext(t.Context(), "sh", "-c", script)
	sh.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := sh.CombinedOutput()
	if err != nil && !strings.Contains(string(out), `"state": "degraded"`) || !strings.Contains(string(out), "emea  degraded  active vmx-b  epoch 2") {
		t.Errorf("the world that is held gives %v:\n%s", err, out)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(stderr); err != nil {
		t.Errorf("after SIGINT: %v\n%s", err, rest)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("demo ended with %v, want code 0", err)
	}
	var result sim.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil || !result.OK || result.Failure != sim.PowerOff || result.Outage <= 0 {
		t.Errorf("result = %+v, %v", result, err)
	}
	folder := strings.TrimSuffix(strings.TrimPrefix(source, "  . "), "/env")
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the folder %s is still there: %v", folder, err)
	}
}
