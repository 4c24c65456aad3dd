package funchost_test

import (
	"net/http"
	"testing"
	"time"

	"hopguard/internal/funchost"
)

// A message that took its readers with it is handed out as often as any other, and then
// given up; a poison message that fails stays, and is hidden for long.
func TestMessagesThatNobodyFinishes(t *testing.T) {
	calls := 0
	f := &fake{serve: func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusInternalServerError)
	}}
	queues := &funchost.Queues{}
	hosted(t, f, funchost.Options{Queues: queues}, func(t *testing.T, h *funchost.Host) {
		queues.Put("work", "deadly")
		for range 2 { // two hosts that died
			if list, err := queues.Receive(t.Context(), "work", 1, time.Minute); len(list) != 1 || err != nil {
				t.Fatalf("Receive() = %v, %v", list, err)
			}
			time.Sleep(time.Minute)
		}
		if n, err := h.Deliver(t.Context()); n != 1 || err != nil || calls != 0 {
			t.Errorf("Deliver() = %d, %v with %d invocations, want one message and no invocation", n, err, calls)
		}
		if queues.Len("work") != 0 || queues.Len("work-poison") != 1 {
			t.Errorf("%d messages are left and %d are poison, want 0 and 1", queues.Len("work"), queues.Len("work-poison"))
		}
	})
	poisoned := small()
	poisoned["Queue/function.json"] = `{"bindings":[{"type":"queueTrigger","direction":"in","name":"msg","queueName":"work-poison","connection":"Storage"}]}`
	queues = &funchost.Queues{} // the clock of each bubble begins anew
	hostedIn(t, poisoned, f, funchost.Options{Queues: queues}, func(t *testing.T, h *funchost.Host) {
		queues.Put("work-poison", "deadly")
		if n, err := h.Deliver(t.Context()); n != 1 || err == nil || calls != 1 {
			t.Errorf("Deliver() = %d, %v with %d invocations, want one that fails", n, err, calls)
		}
		time.Sleep(9 * time.Minute)
		if n, _ := h.Deliver(t.Context()); n != 0 || queues.Len("work-poison") != 1 {
			t.Errorf("%d messages are visible again and %d are there, want none and one", n, queues.Len("work-poison"))
		}
	})
}
