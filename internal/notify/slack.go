package notify

import (
	"context"
	"net/http"
	"strings"
)

// Slack posts blocks to an incoming webhook of Slack.
type Slack struct {
	Client *http.Client
	URL    Secret
	Agent  string
}

// What Slack allows: letters of a header, and of the text of a section.
const (
	slackHeader  = 150
	slackSection = 2900
)

// Send implements Sender.
func (s Slack) Send(ctx context.Context, m Message) error {
	return post{s.Client, s.URL, s.Agent}.send(ctx, encode(blocks(m)), nil)
}

// blocks is a message of Slack. Its text is what a telephone shows.
func blocks(m Message) map[string]any {
	section := func(text string) any {
		return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text}}
	}
	lead := escapeSlack(sentence(m.Sentence))
	if m.Because != "" && m.Because != m.Sentence {
		lead += "\n" + escapeSlack(sentence(m.Because)) + " `" + escapeSlack(m.Reason) + "`"
	}
	var facts []string
	for _, f := range m.facts() {
		facts = append(facts, "*"+escapeSlack(f.name)+"* "+escapeSlack(f.value))
	}
	list := []any{
		map[string]any{"type": "header", "text": map[string]any{"type": "plain_text", "text": cut(slackMark(m)+" "+m.Subject, slackHeader)}},
		section(cut(lead, slackSection)), section(cut(strings.Join(facts, "\n"), slackSection)),
	}
	for _, s := range []struct {
		title string
		lines []string
	}{
		{"Time line (UTC)", m.timeLine()}, {"Route tables", m.tableLines()}, {"What failed or needs a person", m.Problems}, {"What to do next", m.Next},
	} {
		if len(s.lines) > 0 {
			// The code block must be closed after a text that was cut, and cannot hold its own end.
			text := strings.ReplaceAll(escapeSlack(strings.Join(s.lines, "\n")), "```", "'''")
			list = append(list, section("*"+s.title+"*\n```"+cut(text, slackSection-100)+"```"))
		}
	}
	if note := m.note(); note != "" {
		list = append(list, map[string]any{"type": "context", "elements": []any{map[string]any{"type": "mrkdwn", "text": note}}})
	}
	return map[string]any{"text": escapeSlack(m.Subject), "blocks": list}
}

// escapeSlack writes the three letters that Slack reads as its own.
func escapeSlack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func slackMark(m Message) string {
	switch {
	case m.Kind == KindTest:
		return "🔵"
	case m.Condition == Healthy && m.Severity < Critical:
		return "🟢"
	case m.Severity == Critical:
		return "🔴"
	default:
		return "🟡"
	}
}
