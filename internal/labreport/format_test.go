package labreport_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/labreport"
)

func TestTimes(t *testing.T) {
	for _, tc := range []struct {
		in                         time.Duration
		seconds, column, set, long string
	}{
		{0, "0.000 s", "0.000 s", "0", "0 s"},
		{1400 * time.Microsecond, "0.001 s", "0.001 s", "1.4 ms", "0 s"},
		{-128 * time.Millisecond, "-0.128 s", "-0.128 s", "-128 ms", "0 s"},
		{7*time.Second + 99*time.Millisecond, "7.099 s", "7.099 s", "7.099 s", "7 s"},
		{9999400 * time.Microsecond, "9.999 s", "9.999 s", "9.999 s", "10 s"},
		{9999600 * time.Microsecond, "10.0 s", "10.0\u2007\u2007 s", "10 s", "10 s"},
		{23*time.Second + 929*time.Millisecond, "23.9 s", "23.9\u2007\u2007 s", "23.929 s", "24 s"},
		{30 * time.Minute, "1800.0 s", "1800.0\u2007\u2007 s", "1800 s", "30 min"},
		{2 * time.Hour, "7200.0 s", "7200.0\u2007\u2007 s", "7200 s", "2 h"},
		{7*time.Hour + 12*time.Minute, "25920.0 s", "25920.0\u2007\u2007 s", "25920 s", "7 h 12 min"},
	} {
		t.Run(tc.in.String(), func(t *testing.T) {
			got := []string{labreport.Seconds(tc.in), labreport.Column(tc.in), labreport.Configured(tc.in), labreport.Long(tc.in)}
			if diff := cmp.Diff([]string{tc.seconds, tc.column, tc.set, tc.long}, got); diff != "" {
				t.Errorf("seconds, column, configured, long (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := labreport.Number(in); got != want {
			t.Errorf("Number(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestScales(t *testing.T) {
	for _, tc := range []struct {
		name  string
		times []time.Duration
		log   bool
		want  string
	}{
		{"one-two-five", []time.Duration{5400 * time.Millisecond, 34 * time.Second}, true, "5 s, 10 s, 20 s, 50 s"},
		{"decades-if-far-apart", []time.Duration{3 * time.Millisecond, 60 * time.Second}, true, "2 ms, 10 ms, 100 ms, 1 s, 10 s, 100 s"},
		{"what-has-no-length-is-apart", []time.Duration{0, 3 * time.Second, 4 * time.Second}, true, "none, 2 s, 5 s"},
		{"on-a-mark", []time.Duration{time.Second}, true, "1 s, 2 s"},
		{"shorter-than-the-shortest", []time.Duration{time.Microsecond}, true, "1 ms, 2 ms"},
		{"longer-than-the-longest", []time.Duration{1 << 62}, true, "20000 s, 50000 s"},
		{"nothing", nil, true, "100 ms, 200 ms, 500 ms, 1 s, 2 s, 5 s, 10 s"},
		{"linear", []time.Duration{6800 * time.Millisecond}, false, "0, 1 s, 2 s, 3 s, 4 s, 5 s, 6 s, 7 s"},
		{"linear-of-nothing", []time.Duration{0}, false, "0, 1 ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := strings.Join(labreport.Marks(tc.times, tc.log), ", "); got != tc.want {
				t.Errorf("the marks are %s, want %s", got, tc.want)
			}
		})
	}
}

// Dots at one place go as far apart as the row is high; then they lie upon one another.
func TestDotsDoNotHideOneAnother(t *testing.T) {
	same := make([]int, 7)
	if diff := cmp.Diff([]int{0, -10, 10, -5, 5, -15, 15}, labreport.Apart(same, 50)); diff != "" {
		t.Errorf("dots at one place (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 0, 0}, labreport.Apart([]int{0, 7, 14}, 50)); diff != "" {
		t.Errorf("dots beside one another (-want +got):\n%s", diff)
	}
	for _, dy := range labreport.Apart(make([]int, 100), 50) {
		if dy < -15 || dy > 15 {
			t.Errorf("a dot is %d from the middle of a row of 50", dy)
		}
	}
}
