package contender_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/contender"
)

const machine = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/mrg-%s/providers/Microsoft.Compute/virtualMachines/%s"

// nowhere is a place without an Azure: for programs that ask none.
func nowhere(t *testing.T) *world {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.place = contender.Place{
		Dir: t.TempDir(), Start: w.start, Endpoint: "https://127.0.0.1:1", CA: ca,
		Tenant: "00000000-0000-0000-0000-00000000000a", Subscription: "00000000-0000-0000-0000-000000000001", ClientID: "00000000-0000-0000-0000-00000000000b",
		Secret: "9a_hidden~Word", Listen: netip.MustParseAddrPort("127.0.0.1:9"), Group: "emea",
		Tag: config.Tag{Name: "nva_ha_udr", Value: "emea"}, Witness: []string{"tcp://203.0.113.10:443"}, Log: t.Output(),
	}
	w.place.Dial = dialer()
	for i, name := range []string{"vmx-a", "vmx-b"} {
		w.place.Members = append(w.place.Members, contender.Member{
			Name: name, VM: fmt.Sprintf(machine, name, name), Address: netip.MustParseAddr(hops()[i]),
			Through: netip.MustParseAddrPort("10.200.0.1:443"), Ping: netip.MustParseAddr("10.200.0.1"),
		})
	}
	return w
}

// shell is a program of some lines that is steady at once.
func shell(script string) contender.Contender {
	c := contender.Command("other", []string{"sh", "-c", script})
	c.Steady = time.Millisecond
	return c
}

func TestCommandGetsItsEnvironment(t *testing.T) {
	t.Setenv("OF_THE_TEST", "not the program's business")
	w := nowhere(t)
	r := w.run(t, shell("env > environment; cat > input"))
	<-r.Ended()
	vars := environment(t, w.place)
	for name, want := range map[string]string{
		"HOME": w.place.Dir, "PATH": os.Getenv("PATH"), "OF_THE_TEST": "",
		"AZURE_TENANT_ID": w.place.Tenant, "AZURE_CLIENT_ID": w.place.ClientID, "AZURE_CLIENT_SECRET": "9a_hidden~Word",
		"AZURE_SUBSCRIPTION_ID": w.place.Subscription, "LAB_ARM_ENDPOINT": w.place.Endpoint, "AZURE_AUTHORITY_HOST": w.place.Endpoint,
		"SSL_CERT_FILE": w.place.CA, "REQUESTS_CA_BUNDLE": w.place.CA, "NODE_EXTRA_CA_CERTS": w.place.CA,
		"LAB_MEMBERS": "vmx-a,vmx-b", "LAB_MEMBER_2_VM": w.place.Members[1].VM, "LAB_MEMBER_2_ADDRESS": "10.2.0.4", "LAB_WITNESS": "tcp://203.0.113.10:443",
	} {
		if got := vars[name]; got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	// What the old function would have done with its variables is what hopguard makes of them.
	old, _, err := config.Import(func(name string) string { return vars[name] })
	if err != nil {
		t.Fatal(err)
	}
	var members []config.Member
	for _, m := range w.place.Members {
		members = append(members, config.Member{Name: m.Name, VM: config.ResourceID(m.VM)})
	}
	if diff := cmp.Diff(members, old.Groups[0].Members); diff != "" {
		t.Errorf("the old function's members (-want +got):\n%s", diff)
	}
	if old.Groups[0].Routes.Tag != w.place.Tag || old.Azure.ClientID != w.place.ClientID {
		t.Errorf("the old function's tag is %v, and it is %s", old.Groups[0].Routes.Tag, old.Azure.ClientID)
	}
	if raw, err := os.ReadFile(filepath.Join(w.place.Dir, "input")); len(raw) > 0 || err != nil {
		t.Errorf("standard input has %q, %v, want nothing", raw, err)
	}
	documented(t, vars)
}

// environment reads what a program has written.
func environment(t *testing.T, p contender.Place) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(p.Dir, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	vars := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		vars[name] = value
	}
	return vars
}

// documented fails the test if the comment of Command does not have a variable.
func documented(t *testing.T, vars map[string]string) {
	t.Helper()
	source, err := os.ReadFile("command.go")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(source), "func Command(")
	for name := range vars {
		general := strings.Replace(name, "LAB_MEMBER_2_", "LAB_MEMBER_1_", 1)
		if !strings.Contains(table, general) && !slices.Contains([]string{"PWD", "SHLVL", "_", "OLDPWD"}, name) { // the shell's own
			t.Errorf("%s is not in the table of Command", name)
		}
	}
}

func TestCommandIsSteadyWhenAzureWasAskedAndIsNotAnyMore(t *testing.T) {
	w := nowhere(t)
	var asked atomic.Int64
	w.place.Calls = func() int { return int(min(asked.Add(1), 5)) }
	c := shell("exec sleep 1000")
	c.Steady = 0
	began := time.Now()
	r := w.run(t, c)
	w.ready(t, r)
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it was steady after %s, before Azure had not been asked for 2s", took)
	}
	if err := r.Switch(t.Context(), "vmx-b"); !errors.Is(err, contender.ErrUnsupported) {
		t.Errorf("Switch() = %v, want %v", err, contender.ErrUnsupported)
	}
	if _, err := r.Moves(t.Context()); !errors.Is(err, contender.ErrUnsupported) {
		t.Errorf("Moves() = %v, want %v", err, contender.ErrUnsupported)
	}
	if _, _, err := r.Probes(t.Context()); !errors.Is(err, contender.ErrUnsupported) {
		t.Errorf("Probes() = %v, want %v", err, contender.ErrUnsupported)
	}
	if m, err := r.Moments(t.Context(), began); m != (contender.Moments{}) || err != nil {
		t.Errorf("Moments() = %+v, %v, want none", m, err)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStopEndsWhatWasLeftBehind(t *testing.T) {
	w := nowhere(t)
	r := w.run(t, shell(`(trap "" TERM; sleep 1000; true) & exec sleep 1000`))
	w.ready(t, r)
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	w.leavesNothing(t)
}

func TestCommandThatEndsByItself(t *testing.T) {
	w := nowhere(t)
	c := shell(`echo "$HOME"; exit 7`)
	c.Steady = time.Minute
	home := w.place.Dir
	t.Chdir(filepath.Dir(home))
	w.place.Dir = filepath.Base(home) // a place may be named from here
	r := w.run(t, c)
	<-r.Ended()
	for name, err := range map[string]error{"Ready": r.Ready(t.Context()), "Stop": r.Stop()} {
		if err == nil || !strings.Contains(err.Error(), "exit status 7") {
			t.Errorf("%s() = %v, want an error with the exit status", name, err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(home, "command.log")); string(raw) != home+"\n" || err != nil {
		t.Errorf("the log is %q, %v", raw, err)
	}
}

func TestPlaceIsChecked(t *testing.T) {
	for name, change := range map[string]func(*contender.Place){
		"Dir is":           func(p *contender.Place) { p.Dir += "/none" },
		"Start is nil":     func(p *contender.Place) { p.Start = nil },
		"Dial is nil":      func(p *contender.Place) { p.Dial = nil },
		"Endpoint is":      func(p *contender.Place) { p.Endpoint = "http://arm" },
		"CA is":            func(p *contender.Place) { p.CA = "none.pem" },
		"Secret is empty":  func(p *contender.Place) { p.Secret = "" },
		"Listen is":        func(p *contender.Place) { p.Listen = netip.AddrPort{} },
		"Members is 1":     func(p *contender.Place) { p.Members = p.Members[:1] },
		"Members[1] is":    func(p *contender.Place) { p.Members[1].VM = "" },
		"].Address is":     func(p *contender.Place) { p.Members[0].Address = netip.Addr{} },
		"].Through is":     func(p *contender.Place) { p.Members[0].Through = netip.AddrPort{} },
		"].Ping is":        func(p *contender.Place) { p.Members[0].Ping = netip.Addr{} },
		"Group":            nil,
		"command other is": nil,
	} {
		w := nowhere(t)
		c := shell("exec sleep 1000")
		switch {
		case change != nil:
			change(&w.place)
		case name == "Group":
			c, w.place.Group = setting(t, contender.Seed), "Not A Name"
			name = "groups[0].name"
		default:
			c = contender.Command("other", nil)
		}
		r, err := c.Start(t.Context(), w.place)
		if err == nil {
			_ = r.Stop()
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Start() = %v, want an error with %q", err, name)
		}
		if len(w.started) > 0 {
			t.Errorf("%s: a process was started", name)
		}
		if err != nil && strings.Contains(err.Error(), string(w.place.Secret)) && w.place.Secret != azuresim.Secret("") {
			t.Errorf("the error has the secret: %v", err)
		}
	}
}
