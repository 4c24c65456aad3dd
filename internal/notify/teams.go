package notify

import (
	"context"
	"net/http"
	"strings"
)

// Teams posts an Adaptive Card to a workflow of Microsoft Teams, whose trigger is a
// webhook request.
type Teams struct {
	Client *http.Client
	URL    Secret
	Agent  string
}

// cardSection bounds each text of a card: a post to Teams has at most 28 KB.
const cardSection = 4 << 10

// Send implements Sender.
func (t Teams) Send(ctx context.Context, m Message) error {
	return post{t.Client, t.URL, t.Agent}.send(ctx, encode(card(m)), nil)
}

// element is a part of an Adaptive Card.
type element map[string]any

// card is a message with one card.
func card(m Message) map[string]any {
	title := block(m.Subject)
	title["size"], title["weight"], title["color"] = "Large", "Bolder", cardColor(m)
	body := []element{title, block(sentence(m.Sentence))}
	if m.Because != "" && m.Because != m.Sentence {
		body = append(body, block(sentence(m.Because)+" ("+m.Reason+")"))
	}
	var facts []element
	for _, f := range m.facts() {
		facts = append(facts, element{"title": f.name, "value": f.value})
	}
	body = append(body, element{"type": "FactSet", "facts": facts})
	for _, s := range []struct {
		title string
		lines []string
		mono  bool
	}{
		{"Time line (UTC)", m.timeLine(), true}, {"Route tables", m.tableLines(), false},
		{"What failed or needs a person", m.Problems, false}, {"What to do next", m.Next, true},
	} {
		if len(s.lines) == 0 {
			continue
		}
		head := block(s.title)
		head["weight"], head["separator"] = "Bolder", true
		// A line of its own needs an empty one before it: the text is Markdown.
		text := block(cut(strings.Join(s.lines, "\n\n"), cardSection))
		if s.mono {
			text["fontType"] = "Monospace"
		}
		body = append(body, head, text)
	}
	if note := m.note(); note != "" {
		small := block(note)
		small["isSubtle"] = true
		body = append(body, small)
	}
	return map[string]any{
		"type": "message",
		"attachments": []any{map[string]any{
			"contentType": "application/vnd.microsoft.card.adaptive",
			"contentUrl":  nil,
			"content": map[string]any{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
				"type":    "AdaptiveCard", "version": "1.4", "body": body,
				"msteams": map[string]any{"width": "Full"},
			},
		}},
	}
}

// block is a text of a card, with what Markdown would take for its own taken as it is.
func block(text string) element {
	return element{"type": "TextBlock", "wrap": true, "text": plainMarkdown(text)}
}

// plainMarkdown keeps names with stars, brackets and underscores from becoming marks
// and links.
func plainMarkdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, `[`, `\[`, `]`, `\]`, "`", "\\`").Replace(s)
}

func cardColor(m Message) string {
	switch {
	case m.Kind == KindTest:
		return "Accent"
	case m.Condition == Healthy && m.Severity < Critical:
		return "Good"
	case m.Severity == Critical:
		return "Attention"
	default:
		return "Warning"
	}
}
