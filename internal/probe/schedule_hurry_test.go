package probe_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/probe"
)

// The starts of one check that is hurried, in seconds after its first. Its interval
// is 10 s, its confirm interval 2 s, and each answer takes 1 s.
func TestScheduleHurries(t *testing.T) {
	tests := []struct {
		name  string
		hurry []float64 // s
		want  string
	}{
		{"not-at-all", nil, "0 10 20 30"},
		{"between-two-starts", []float64{5.5}, "0 5.5 10 20 30"},
		{"the-old-times-stay", []float64{15, 16.5}, "0 10 15 17 20 30"},
		{"not-sooner-than-confirm", []float64{11.5}, "0 10 12 20 30"},
		{"a-storm", []float64{5, 5.1, 5.2, 6.1, 6.2, 6.3}, "0 5 7 10 20 30"},
		{"just-before-the-next-start", []float64{9}, "0 9 10 20 30"},
		{"while-it-is-under-way", []float64{10.5}, "0 10 20 30"},
		{"when-confirm-would-be-after-the-next-start", []float64{9, 10}, "0 9 10 20 30"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				d := &diary{takes: func(int) time.Duration { return time.Second }}
				s := &probe.Schedule{Set: one("c", d), Checks: []probe.Timing{{Name: "c", Interval: 10 * time.Second, Confirm: 2 * time.Second}}}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					s.Run(ctx, settled, unseen)
				}()
				var first time.Time
				for first.IsZero() {
					time.Sleep(time.Millisecond)
					if spans, _, _ := d.asked(); len(spans) > 0 {
						first = spans[0].began
					}
				}
				for _, at := range test.hurry {
					time.Sleep(time.Until(first.Add(time.Duration(at * float64(time.Second)))))
					s.Hurry()
				}
				time.Sleep(time.Until(first.Add(35 * time.Second)))
				cancel()
				<-ended
				spans, _, _ := d.asked()
				var got []string
				for _, a := range spans {
					got = append(got, fmt.Sprint(a.began.Sub(first).Seconds()))
				}
				if got := strings.Join(got, " "); got != test.want {
					t.Errorf("starts = %s, want %s", got, test.want)
				}
			})
		})
	}
}
