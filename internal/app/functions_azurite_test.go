package app_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/azurite"
	"hopguard/internal/config"
	"hopguard/internal/funchost"
)

// Fan-out on a real queue service: one message for each group, and the one of a group
// that cannot be ticked comes back twice, is given up, and is told of.
func TestFunctionsFanOutOnRealQueues(t *testing.T) {
	server := azurite.StartQueues(t)
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	queues := &funchost.Storage{URL: server.URL, Name: azurite.Account, Key: azurite.Key, Client: client}

	h := handling(newWorld(t, azuresim.TwoRegionsOptions{}), config.Functions{FanOut: true})
	twoGroups(&h.world.config)
	h.world.config.Groups[1].Routes.Tag.Value = "nobody" // an empty selection is an error
	host := h.host(t, appFolder(t), queues)
	defer host.Close()

	if err := host.Timer(t.Context(), "Tick"); err != nil {
		t.Fatal(err)
	}
	list, err := queues.Peek(t.Context(), "hopguard-ticks")
	if err != nil || len(list) != 2 || !strings.Contains(list[0].Text, `"group":"emea"`) || !strings.Contains(list[1].Text, `"group":"apac"`) {
		t.Fatalf("the queue holds %v, %v, want one message for each group", list, err)
	}
	for try := range 3 {
		want := 1
		if try == 0 {
			want = 2
		}
		n, err := host.Deliver(t.Context())
		if e, ok := errors.AsType[*funchost.InvocationError](err); n != want || !ok || e.Function != "Group" {
			t.Fatalf("try %d: Deliver() = %d, %v, want %d messages, of which one fails", try+1, n, err, want)
		}
		server.Advance(t, 5*time.Second) // as host.json has it
	}
	if got := h.record(t, "emea"); got.Active != "vmx-a" {
		t.Errorf("the record of emea is %+v, want a tick", got)
	}
	if again := logged(host, funchost.Warning); strings.Count(strings.Join(again, "\n"), `"msg":"message handed out again"`) != 2 {
		t.Errorf("the warnings are %q, want one for the second and the third time", again)
	}
	if given, err := queues.Peek(t.Context(), "hopguard-ticks-poison"); err != nil || len(given) != 1 || given[0].Text != list[1].Text {
		t.Errorf("the poison messages are %v, %v, want the one of apac as it was", given, err)
	}
	if n, err := host.Deliver(t.Context()); n != 1 || err != nil {
		t.Errorf("Deliver() = %d, %v, want the poison message", n, err)
	}
	told := 0
	for _, line := range logged(host, funchost.Error) {
		if strings.Contains(line, `"msg":"message given up`) && strings.Contains(line, "apac") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the log says %d times that apac's message was given up, want once: %v", told, host.Log())
	}
	server.Advance(t, time.Hour)
	for _, queue := range []string{"hopguard-ticks", "hopguard-ticks-poison"} {
		if left, err := queues.Peek(t.Context(), queue); err != nil || len(left) != 0 {
			t.Errorf("%s holds %v, %v, want nothing", queue, left, err)
		}
	}
}
