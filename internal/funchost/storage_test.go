package funchost_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/azurite"
	"hopguard/internal/funchost"
)

// storage is a real queue service, and what moves its clock.
func storage(t *testing.T) (*funchost.Storage, *azurite.Server) {
	t.Helper()
	server := azurite.StartQueues(t)
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	return &funchost.Storage{URL: server.URL, Name: azurite.Account, Key: azurite.Key, Client: client}, server
}

// Both kinds of queues do the same: what is received is hidden, seen again, counted,
// and gone when it is deleted, by whoever received it last.
func TestQueuesAreThoseOfTheRealService(t *testing.T) {
	queues, server := storage(t)
	for _, text := range []string{`{"group":"emea"}`, `<&> "é"`, "x"} {
		if err := queues.Send(t.Context(), "work", text); err != nil {
			t.Fatal(err)
		}
	}
	receive := func(most int) []funchost.Message {
		t.Helper()
		list, err := queues.Receive(t.Context(), "work", most, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	first := receive(2)
	want := []funchost.Message{{Text: `{"group":"emea"}`, Dequeues: 1}, {Text: `<&> "é"`, Dequeues: 1}}
	if diff := cmp.Diff(want, first, cmpopts.IgnoreFields(funchost.Message{}, "ID", "Receipt", "Inserted", "Expires", "Visible")); diff != "" {
		t.Errorf("Receive() differs (-want +got):\n%s", diff)
	}
	if m := first[0]; m.Visible.Sub(m.Inserted) < 29*time.Second || m.Expires.Sub(m.Inserted) != 7*24*time.Hour {
		t.Errorf("a message of %s is hidden until %s and kept until %s", m.Inserted, m.Visible, m.Expires)
	}
	if rest := receive(16); len(rest) != 1 || rest[0].Text != "x" {
		t.Errorf("Receive() = %v, want the one that is not hidden", rest)
	}
	if err := queues.Release(t.Context(), "work", first[0], 5*time.Second); err != nil {
		t.Error(err)
	}
	if err := queues.Delete(t.Context(), "work", first[1]); err != nil {
		t.Error(err)
	}
	if got := receive(16); len(got) != 0 {
		t.Errorf("Receive() = %v, want nothing: all are hidden", got)
	}
	server.Advance(t, 5*time.Second)
	again := receive(16)
	if len(again) != 1 || again[0].Text != first[0].Text || again[0].Dequeues != 2 {
		t.Fatalf("Receive() = %v, want the released one for the second time", again)
	}
	if err := queues.Delete(t.Context(), "work", first[0]); err == nil {
		t.Error("a message is deleted with a receipt that is not the newest")
	}
	server.Advance(t, 31*time.Second)
	if got := receive(16); len(got) != 2 {
		t.Errorf("Receive() = %v, want the two that were not deleted", got)
	}
	if got, err := queues.Receive(t.Context(), "nobody-has-made-it", 16, time.Minute); err != nil || len(got) != 0 {
		t.Errorf("Receive() of a queue that is not there = %v, %v, want nothing", got, err)
	}
}

// What the service refuses is an error that says so, without the key.
func TestStorageSaysWhatIsRefused(t *testing.T) {
	queues, _ := storage(t)
	queues.Key = base64.StdEncoding.EncodeToString([]byte("another key"))
	err := queues.Send(t.Context(), "work", "x")
	if err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), queues.Key) {
		t.Errorf("Send() with another key = %v, want 403 without the key", err)
	}
	queues.Key = "no base64!"
	if err := queues.Send(t.Context(), "work", "x"); err == nil || strings.Contains(err.Error(), queues.Key) {
		t.Errorf("Send() = %v, want an error without the key", err)
	}
}

// A text that the host has not written is told of, and not guessed at.
func TestStorageReadsBase64Only(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<QueueMessagesList><QueueMessage><MessageId>7</MessageId><MessageText>{plain}</MessageText></QueueMessage></QueueMessagesList>`)
	}))
	defer server.Close()
	s := &funchost.Storage{URL: server.URL, Name: "a", Key: "a2V5", Client: server.Client()}
	if _, err := s.Peek(t.Context(), "work"); err == nil || !strings.Contains(err.Error(), "message 7 is no base64") {
		t.Errorf("Peek() = %v, want an error that names the message", err)
	}
}
