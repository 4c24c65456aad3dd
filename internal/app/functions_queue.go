package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/functions"
)

// The names of the bindings of the queue: what is put in, and what comes out.
const ticksBinding, messageBinding = "ticks", "message"

// tickMessage asks for a look at one group.
type tickMessage struct {
	Group appliance.GroupName `json:"group"`
	// At is when it was asked for.
	At time.Time `json:"at"`
	// Cause is "timer" or "event".
	Cause string `json:"cause"`
}

// enqueue asks for a look at every group, by whatever instance the platform chooses.
func (a *App) enqueue(cause string) functions.Answer {
	var messages []string
	for _, name := range a.Groups() {
		text, err := json.Marshal(tickMessage{Group: name, At: a.now().UTC(), Cause: cause})
		if err != nil {
			panic("app: " + err.Error()) // it is made of texts
		}
		messages = append(messages, string(text))
	}
	return functions.Answer{Outputs: map[string]any{ticksBinding: messages}, Value: fmt.Sprintf("%d groups enqueued", len(messages))}
}

// tickGroup looks after the group of a message. It watches for what is left of the
// time since the message was written, so that late messages make no queue: each is
// worth a pass at least. A message that makes no sense fails the invocation, and the
// host puts it among the poison messages in the end.
func (f *Functions) tickGroup(ctx context.Context, a *App, in *functions.Invocation) (functions.Answer, error) {
	text, err := in.Text(messageBinding)
	if err != nil {
		return functions.Answer{}, err
	}
	var m tickMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return functions.Answer{}, fmt.Errorf("the message is malformed: %w", err)
	}
	g := a.group(m.Group)
	if g == nil {
		return functions.Answer{}, fmt.Errorf("the message is for the group %q, and no group is called so", short(string(m.Group)))
	}
	if n := in.Number("DequeueCount"); n > 1 {
		a.log.WarnContext(ctx, "message handed out again", "group", m.Group, "times", n)
	}
	left := a.config.Functions.Watch - max(0, a.now().Sub(m.At))
	report := f.lookAfter(ctx, a, g, left)
	a.flush(ctx)
	return outcome([]*controller.Report{report})
}

// poison tells of a message that the host has given up. It needs no configuration and
// never fails: it is the end of the line.
func poison(ctx context.Context, log *slog.Logger, in *functions.Invocation) (functions.Answer, error) {
	text, err := in.Text(messageBinding)
	if err != nil {
		text = err.Error()
	}
	log.ErrorContext(ctx, "message given up: a group was not looked after when it should have been", "message", short(text))
	return functions.Answer{Value: "told"}, nil
}

// short bounds what somebody else wrote.
func short(text string) string {
	const most = 1024
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
