package events

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
)

// maxText is the longest text of an event, in bytes. ARM ids have some hundreds.
const maxText = 2048

var (
	errNotJSON = errors.New("the body is not the JSON that this source sends")
	errKind    = errors.New("an event does not say what happened")
	errTime    = errors.New("an event does not say when it happened, as RFC 3339 writes it")
	errText    = errors.New("a text of an event is too long or has control characters")
)

// check refuses an event that would be hard to show, and sorts its subjects out.
func check(e Event) (Event, error) {
	e.Subjects = slices.DeleteFunc(e.Subjects, func(s string) bool { return s == "" })
	if e.Kind == "" {
		return Event{}, errKind
	}
	for _, text := range append([]string{e.Kind, e.ID}, e.Subjects...) {
		if len(text) > maxText || strings.ContainsFunc(text, unprintable) {
			return Event{}, errText
		}
	}
	return e, nil
}

// unprintable finds what could forge a line of a log or turn the text around it.
func unprintable(r rune) bool {
	return r == unicode.ReplacementChar || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
}

// instant returns the first of the texts that is a time, in UTC.
func instant(texts ...string) (time.Time, bool) {
	for _, text := range texts {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// word makes names that differ in case and spaces only alike.
func word(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
