package peering

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hopguard/internal/appliance"
)

// PlanText prints a plan for a person, and so that ParsePlanText can read it:
//
//	spokes emea
//	network /subscriptions/…/virtualNetworks/spoke-1
//	  with /subscriptions/…/virtualNetworks/sdwan-a
//	    = hub    to-spoke-1  Connected RemoteNotInSync Succeeded foreign
//	    + spoke  hopguard-emea-sdwan-a-1b2c3d4e  "there is none"
//	    ~ hub    to-spoke-1  sync "it does not have the address space of spoke-1"
//	    ! refused limit "network sdwan-a has 500 peerings, and Azure allows 500"
//
// A line with = is a half as it was found, one with +, ~ or - creates, writes or
// deletes one, one with ! says what is wrong. "not wanted" follows the id of a network
// that is not selected, and of a pair that is to go; "skipped" gives the reason why a
// selected network is not peered. What is not one plain word is in Go's double quotes.
func PlanText(p Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "spokes %s\n", word(string(p.Group)))
	b.WriteString(p.Problem.line(""))
	for _, n := range p.Networks {
		fmt.Fprintf(&b, "network %s%s\n", word(string(n.Network)), unwantedWords(n.Wanted))
		if n.Skipped != "" {
			fmt.Fprintf(&b, "  skipped %s\n", strconv.Quote(n.Skipped))
		}
		for _, pair := range n.Pairs {
			b.WriteString(pair.text(n.Network))
		}
	}
	return b.String()
}

func unwantedWords(wanted bool) string {
	if wanted {
		return ""
	}
	return " not wanted"
}

func (p *Problem) line(indent string) string {
	if p == nil {
		return ""
	}
	kind := "problem"
	if p.Refused {
		kind = "refused"
	}
	return fmt.Sprintf("%s! %s %s %s\n", indent, kind, word(string(p.Code)), strconv.Quote(p.Text))
}

func (p PairPlan) text(network appliance.ResourceID) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  with %s%s\n", word(string(p.Hub)), unwantedWords(p.Wanted))
	if p.Spoke != network {
		fmt.Fprintf(&b, "    spoke %s\n", word(string(p.Spoke)))
	}
	for _, at := range []struct {
		side Side
		half *Found
	}{{AtSpoke, p.AtSpoke}, {AtHub, p.AtHub}} {
		if h := at.half; h != nil {
			whose := "foreign"
			if h.Own {
				whose = "own"
			}
			fmt.Fprintf(&b, "    = %-5s  %s  %s %s %s %s\n", at.side, word(h.Name), word(string(h.State)), word(string(h.Sync)), word(h.Provisioning), whose)
		}
	}
	for _, s := range p.Steps {
		var extra strings.Builder
		if s.Sync {
			extra.WriteString("sync ")
		}
		for _, f := range s.Flags {
			extra.WriteString("set " + word(f) + " ")
		}
		fmt.Fprintf(&b, "    %s %-5s  %s  %s%s\n", mark(s.Op), word(string(s.Side)), word(s.Name), extra.String(), strconv.Quote(s.Why))
	}
	b.WriteString(p.Problem.line("    "))
	return b.String()
}

func mark(op Op) string {
	switch op {
	case OpCreate:
		return "+"
	case OpWrite:
		return "~"
	case OpDelete:
		return "-"
	default:
		panic("peering: operation " + string(op))
	}
}

// ParsePlanText reads what PlanText has printed. Spaces between words, and empty
// lines, do not matter.
func ParsePlanText(text string) (Plan, error) {
	var p Plan
	begun := false
	number := 0
	for l := range strings.SplitSeq(text, "\n") {
		number++
		w, err := words(l)
		if err == nil && len(w) == 0 {
			continue
		}
		if err == nil {
			if first := w[0] == "spokes"; first == begun {
				err = errors.New(`want "spokes <group>" first, and once`)
			} else {
				begun = true
				err = p.parse(w)
			}
		}
		if err != nil {
			return Plan{}, fmt.Errorf("plan text: line %d: %.80q: %w", number, l, err)
		}
	}
	if !begun {
		return Plan{}, errors.New("plan text: it is empty")
	}
	return p, nil
}

// parse reads the words of one line.
func (p *Plan) parse(w []string) error {
	rest := w[1:]
	switch w[0] {
	case "spokes":
		if len(rest) != 1 {
			return errors.New("want spokes <group>")
		}
		p.Group = appliance.GroupName(rest[0])
		return nil
	case "network":
		id, wanted, err := wantedWords(rest)
		p.Networks = append(p.Networks, NetworkPlan{Network: id, Wanted: wanted})
		return err
	}
	if w[0] == "!" && len(p.Networks) == 0 {
		return parseProblem(&p.Problem, rest)
	}
	if len(p.Networks) == 0 {
		return errors.New("want a network first")
	}
	n := &p.Networks[len(p.Networks)-1]
	switch w[0] {
	case "skipped":
		if len(rest) != 1 || rest[0] == "" || n.Skipped != "" {
			return errors.New("want skipped <reason>, once")
		}
		n.Skipped = rest[0]
		return nil
	case "with":
		id, wanted, err := wantedWords(rest)
		n.Pairs = append(n.Pairs, PairPlan{Spoke: n.Network, Hub: id, Wanted: wanted})
		return err
	}
	if len(n.Pairs) == 0 {
		return errors.New("want a pair first")
	}
	return n.Pairs[len(n.Pairs)-1].parse(w[0], rest)
}

func wantedWords(w []string) (appliance.ResourceID, bool, error) {
	switch {
	case len(w) == 1:
		return appliance.ResourceID(w[0]), true, nil
	case len(w) == 3 && w[1] == "not" && w[2] == "wanted":
		return appliance.ResourceID(w[0]), false, nil
	default:
		return "", false, errors.New("want an id, and not wanted behind it or nothing")
	}
}

func (p *PairPlan) parse(mark string, w []string) error {
	switch mark {
	case "spoke":
		if len(w) != 1 {
			return errors.New("want spoke <id>")
		}
		p.Spoke = appliance.ResourceID(w[0])
		return nil
	case "!":
		return parseProblem(&p.Problem, w)
	case "=":
		return p.parseFound(w)
	case "+":
		return p.parseStep(OpCreate, w)
	case "~":
		return p.parseStep(OpWrite, w)
	case "-":
		return p.parseStep(OpDelete, w)
	default:
		return errors.New("want a line that begins with one of: network skipped with spoke = + ~ - ! (at its beginning)")
	}
}

func (p *PairPlan) parseFound(w []string) error {
	if len(w) != 6 || w[5] != "own" && w[5] != "foreign" {
		return errors.New("want = <side> <name> <state> <sync> <provisioning> own or foreign")
	}
	h := &Found{Name: w[1], State: State(w[2]), Sync: Sync(w[3]), Provisioning: w[4], Own: w[5] == "own"}
	switch at := Side(w[0]); {
	case at == AtSpoke && p.AtSpoke == nil:
		p.AtSpoke = h
	case at == AtHub && p.AtHub == nil:
		p.AtHub = h
	default:
		return errors.New("want the spoke's half or the hub's, each once")
	}
	return nil
}

func (p *PairPlan) parseStep(op Op, w []string) error {
	if len(w) < 3 {
		return errors.New("want <side> <name>, what to do, and why")
	}
	s := Step{Op: op, Side: Side(w[0]), Name: w[1], Why: w[len(w)-1]}
	if s.Side != AtSpoke && s.Side != AtHub {
		return errors.New("want spoke or hub as side")
	}
	for w = w[2 : len(w)-1]; len(w) > 0; {
		switch {
		case w[0] == "sync" && !s.Sync && len(s.Flags) == 0:
			s.Sync, w = true, w[1:]
		case w[0] == "set" && len(w) > 1:
			s.Flags, w = append(s.Flags, w[1]), w[2:]
		default:
			return errors.New("want sync, or set <flag>")
		}
	}
	p.Steps = append(p.Steps, s)
	return nil
}

func parseProblem(at **Problem, w []string) error {
	if *at != nil || len(w) != 3 || w[0] != "refused" && w[0] != "problem" {
		return errors.New("want ! refused or problem, a code and a text, once")
	}
	*at = &Problem{Code: Code(w[1]), Refused: w[0] == "refused", Text: w[2]}
	return nil
}

// word prints s so that it is read back as one word.
func word(s string) string {
	bad := func(r rune) bool { return r == '"' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, bad) {
		return strconv.Quote(s)
	}
	return s
}

// words splits a line.
func words(l string) ([]string, error) {
	var out []string
	for l = strings.TrimSpace(l); l != ""; l = strings.TrimSpace(l) {
		if l[0] != '"' {
			end := strings.IndexFunc(l, func(r rune) bool { return r == '"' || unicode.IsSpace(r) })
			if end < 0 {
				end = len(l)
			}
			out, l = append(out, l[:end]), l[end:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(l)
		if err != nil {
			return nil, errors.New("want the quote to end")
		}
		s, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		out, l = append(out, s), l[len(quoted):]
	}
	return out, nil
}
