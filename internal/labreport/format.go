package labreport

import (
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hopguard/internal/outage"
)

// figureSpace stands for a digit that a number does not have, so that it can be put below
// one that does.
const figureSpace = "\u2007"

// aligned writes what column has written for a page: fonts rarely have a space that is as
// wide as their digits, so an invisible digit is what takes the place.
func aligned(s string) template.HTML {
	s = template.HTMLEscapeString(s)
	for _, spaces := range []string{strings.Repeat(figureSpace, 2), figureSpace} {
		s = strings.ReplaceAll(s, spaces, `<span class="p" aria-hidden="true">`+strings.Repeat("0", utf8.RuneCountInString(spaces))+`</span>`)
	}
	return template.HTML(s) //nolint:gosec // escaped above
}

// absent is written where there is nothing to write.
const absent = "–"

// seconds writes a time with the digits that a lab of packets a millisecond apart can
// stand for: milliseconds below 10 s, tenths of a second from there.
func seconds(d time.Duration) string {
	if d.Abs() >= 9999500*time.Microsecond {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + " s"
}

// column writes it so that the points of a column of such times are below one another.
func column(d time.Duration) string {
	s := seconds(d)
	if _, digits, _ := strings.Cut(strings.TrimSuffix(s, " s"), "."); len(digits) < 3 {
		return strings.TrimSuffix(s, " s") + strings.Repeat(figureSpace, 3-len(digits)) + " s"
	}
	return s
}

// moment writes a moment of a time line.
func moment(s *outage.Seconds) string {
	if s == nil {
		return absent
	}
	return column(s.Duration())
}

// long writes how long something was watched: 30 min, 2 h 5 min, 45 s.
func long(d time.Duration) string {
	if d < 2*time.Minute {
		return strconv.Itoa(int(d.Round(time.Second)/time.Second)) + " s"
	}
	m := int(d.Round(time.Minute) / time.Minute)
	switch {
	case m < 120:
		return strconv.Itoa(m) + " min"
	case m%60 == 0:
		return strconv.Itoa(m/60) + " h"
	}
	return strconv.Itoa(m/60) + " h " + strconv.Itoa(m%60) + " min"
}

// setting writes a time that somebody has set: 500 ms, 2 s, 1.5 s.
func configured(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d.Abs() < time.Second:
		return trimmed(float64(d)/float64(time.Millisecond)) + " ms"
	}
	return trimmed(d.Seconds()) + " s"
}

// trimmed writes a number with three digits after the point at most.
func trimmed(f float64) string {
	s := strconv.FormatFloat(f, 'f', 3, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// number writes a count with commas.
func number(n int) string {
	s := strconv.Itoa(n)
	digits := strings.TrimPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

// counted writes a number of things: 1 trial, 20 trials.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}
