package decide_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// epoch is when every test begins; nothing reads a clock.
var epoch = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func at(after time.Duration) time.Time { return epoch.Add(after) }

func pair() appliance.Group {
	return appliance.Group{Name: "emea", Preferred: "a", Members: []appliance.Member{{Name: "a"}, {Name: "b"}}}
}

func outcome(letter rune) appliance.Outcome {
	switch letter {
	case 'p':
		return appliance.Pass
	case 'f':
		return appliance.Fail
	case '?':
		return appliance.Unknown
	default:
		panic("outcome " + string(letter))
	}
}

// letters prints verdicts as u, d and ?.
func letters(verdicts []appliance.Verdict) string {
	var b strings.Builder
	for _, v := range verdicts {
		b.WriteByte(map[appliance.Verdict]byte{appliance.Up: 'u', appliance.Down: 'd', appliance.Undecided: '?'}[v])
	}
	return b.String()
}

// One check of one member: what is said after each outcome, and whether another
// outcome now could change it.
func TestJudgeCounts(t *testing.T) {
	tests := []struct {
		name       string
		fall, rise int
		outcomes   string
		verdicts   string
		unsettled  string // '~' where the check has begun to fall or to rise
	}{
		{"first-pass-is-enough-without-history", 3, 2, "p", "u", "."},
		{"first-failure-without-history-says-nothing-yet", 3, 2, "f", "?", "~"},
		{"D16-one-failure-never-moves", 3, 2, "pfp", "uuu", ".~."},
		{"fall-counts-failures-in-a-row", 3, 2, "pffpfff", "uuuuuud", ".~~.~~."},
		{"fall-of-one", 1, 2, "pf", "ud", ".."},
		{"down-without-history", 2, 2, "ff", "?d", "~."},
		{"D9-one-pass-does-not-bring-a-down-member-back", 2, 3, "ffppp", "?dddu", "~.~~."},
		{"a-failure-while-rising-begins-again", 2, 2, "ffpfpp", "?ddddu", "~.~.~."},
		{"rise-of-one", 2, 1, "ffp", "?du", "~.."},
		{"D8-unknown-says-nothing-and-changes-no-count", 2, 2, "pf?f", "uu?d", ".~~."},
		{"unknown-after-down-is-unknown-and-then-still-down", 2, 2, "ff?p", "?d?d", "~..~"},
		{"unknown-after-up", 2, 2, "p?p", "u?u", "..."},
		{"only-unknown", 2, 2, "???", "???", "..."},
		{"unknown-does-not-shorten-the-rise", 2, 2, "ffp?p", "?dd?u", "~.~~."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checks := []decide.Check{{Name: "tcp", Fall: tt.fall, Rise: tt.rise}}
			var h decide.Health
			var verdicts []appliance.Verdict
			var unsettled strings.Builder
			for i, o := range tt.outcomes {
				round := []appliance.Observation{{Member: "a", Check: "tcp", Outcome: outcome(o), At: at(time.Duration(i) * time.Second)}}
				h = decide.Judge(decide.Rules{Group: pair(), Checks: checks, Vote: decide.Vote{Down: 1}}, h, round, at(time.Duration(i)*time.Second))
				verdicts = append(verdicts, h.Of("a").Verdict)
				if h.Unsettled("http") {
					t.Errorf("Unsettled(http) = true, want false: it is not tcp")
				}
				if h.Unsettled("tcp") {
					unsettled.WriteByte('~')
				} else {
					unsettled.WriteByte('.')
				}
			}
			if got := letters(verdicts); got != tt.verdicts {
				t.Errorf("verdicts after %s = %s, want %s", tt.outcomes, got, tt.verdicts)
			}
			if got := unsettled.String(); got != tt.unsettled {
				t.Errorf("Unsettled() after %s = %s, want %s", tt.outcomes, got, tt.unsettled)
			}
			if got := h.Of("b").Verdict; got != appliance.Undecided {
				t.Errorf("verdict on the member that was never seen = %v, want unknown", got)
			}
		})
	}
}

func TestJudgeVotes(t *testing.T) {
	tests := []struct {
		name string
		down int
		says string // the newest outcome of each check; Fall and Rise are 1
		want appliance.Verdict
	}{
		{"any-one-of-two-is-down", 1, "fp", appliance.Down},
		{"any-all-pass", 1, "pp", appliance.Up},
		{"any-one-unknown-could-still-be-down", 1, "p?", appliance.Undecided},
		{"any-down-wins-over-unknown", 1, "f?", appliance.Down},
		{"all-one-passes", 2, "fp", appliance.Up},
		{"all-fail", 2, "ff", appliance.Down},
		{"all-one-passes-one-unknown", 2, "p?", appliance.Up},
		{"all-one-fails-one-unknown", 2, "f?", appliance.Undecided},
		{"quorum-two-of-three-fail", 2, "ffp", appliance.Down},
		{"quorum-one-of-three-fails", 2, "fpp", appliance.Up},
		{"quorum-one-fails-one-unknown", 2, "f?p", appliance.Undecided},
		{"quorum-one-unknown-cannot-reach-it", 2, "?pp", appliance.Up},
		{"all-unknown", 1, "??", appliance.Undecided},
		{"zero-means-any", 0, "fp", appliance.Down},
		{"below-zero-means-any", -3, "fp", appliance.Down},
		{"more-than-there-are-means-all", 9, "ff", appliance.Down},
		{"more-than-there-are-means-all-and-one-passes", 9, "fp", appliance.Up},
		{"no-check-says-nothing", 1, "", appliance.Undecided},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var checks []decide.Check
			var round []appliance.Observation
			for i, o := range tt.says {
				name := string(rune('1' + i))
				checks = append(checks, decide.Check{Name: name, Fall: 1, Rise: 1})
				round = append(round, appliance.Observation{Member: "a", Check: name, Outcome: outcome(o)})
			}
			h := decide.Judge(decide.Rules{Group: pair(), Checks: checks, Vote: decide.Vote{Down: tt.down}}, decide.Health{}, round, epoch)
			if got := h.Of("a").Verdict; got != tt.want {
				t.Errorf("verdict of %q with %d to be down = %v, want %v", tt.says, tt.down, got, tt.want)
			}
		})
	}
}

// Of several observations of one check in one round only the newest counts, and
// a tie is broken by what was seen, never by the order of arrival.
func TestJudgeTakesTheNewestObservation(t *testing.T) {
	see := func(o rune, after time.Duration, evidence string) appliance.Observation {
		return appliance.Observation{Member: "a", Check: "tcp", Outcome: outcome(o), At: at(after), Evidence: evidence}
	}
	tests := []struct {
		name  string
		round []appliance.Observation
		want  string
	}{
		{"newest-passes", []appliance.Observation{see('f', 0, ""), see('p', 1, "")}, "u"},
		{"newest-fails", []appliance.Observation{see('p', 0, ""), see('f', 1, "")}, "d"},
		{"same-instant-the-worse-counts", []appliance.Observation{see('p', 1, "z"), see('f', 1, "a")}, "d"},
		{"several-failures-of-one-round-are-one", []appliance.Observation{see('p', 0, ""), see('p', 2, ""), see('f', 1, "")}, "u"},
		{
			"other-members-and-checks-are-not-this-one",
			[]appliance.Observation{see('p', 0, ""), {Member: "b", Check: "tcp", Outcome: appliance.Fail, At: at(1)}, {Member: "a", Check: "http", Outcome: appliance.Fail, At: at(1)}},
			"u",
		},
	}
	checks := []decide.Check{{Name: "tcp", Fall: 1, Rise: 1}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			forward := decide.Judge(decide.Rules{Group: pair(), Checks: checks}, decide.Health{}, tt.round, epoch)
			if got := letters([]appliance.Verdict{forward.Of("a").Verdict}); got != tt.want {
				t.Errorf("verdict = %s, want %s", got, tt.want)
			}
			var reversed []appliance.Observation
			for i := range tt.round {
				reversed = append(reversed, tt.round[len(tt.round)-1-i])
			}
			backward := decide.Judge(decide.Rules{Group: pair(), Checks: checks}, decide.Health{}, reversed, epoch)
			if diff := cmp.Diff(forward, backward); diff != "" {
				t.Errorf("Judge() depends on the order (-forward +backward):\n%s", diff)
			}
		})
	}
}

// Since tells how long a verdict stands; failback counts from it.
func TestJudgeKeepsSinceWhileTheVerdictStands(t *testing.T) {
	checks := []decide.Check{{Name: "tcp", Fall: 2, Rise: 1}}
	var h decide.Health
	wants := []struct {
		outcome rune
		since   time.Duration
	}{
		{'p', 0}, {'p', 0}, {'f', 0}, {'p', 0}, {'?', 40 * time.Second}, {'?', 40 * time.Second},
		{'p', time.Minute}, {'f', time.Minute}, {'f', 80 * time.Second}, {'f', 80 * time.Second},
	}
	for i, w := range wants {
		now := at(time.Duration(i) * 10 * time.Second)
		h = decide.Judge(decide.Rules{Group: pair(), Checks: checks}, h, []appliance.Observation{{Member: "a", Check: "tcp", Outcome: outcome(w.outcome)}}, now)
		if got, want := h.Of("a").Since, at(w.since); !got.Equal(want) {
			t.Errorf("Since after outcome %d (%c) = %v, want %v", i, w.outcome, got, want)
		}
	}
	// The member that nobody saw is unknown since the first look, not since never.
	if got := h.Of("b").Since; !got.Equal(epoch) {
		t.Errorf("Since of the unseen member = %v, want %v", got, epoch)
	}
}

// What is no longer configured is forgotten.
func TestJudgeKnowsOnlyTheGroupsMembersAndChecks(t *testing.T) {
	before := decide.Health{
		Members:  []decide.MemberHealth{{Member: "old", Verdict: appliance.Up, Since: epoch}},
		Counters: []decide.Counter{{Member: "old", Check: "tcp", Settled: appliance.Up}, {Member: "a", Check: "gone", Settled: appliance.Down}},
	}
	h := decide.Judge(decide.Rules{Group: pair(), Checks: []decide.Check{{Name: "tcp", Fall: 2, Rise: 2}}}, before,
		[]appliance.Observation{{Member: "old", Check: "tcp", Outcome: appliance.Pass}, {Member: "a", Check: "tcp", Outcome: appliance.Pass}}, at(time.Second))
	want := decide.Health{
		Members: []decide.MemberHealth{{Member: "a", Verdict: appliance.Up, Since: at(time.Second)}, {Member: "b", Since: at(time.Second)}},
		Counters: []decide.Counter{
			{Member: "a", Check: "tcp", Settled: appliance.Up, Passes: 1, Last: appliance.Pass},
			{Member: "b", Check: "tcp"},
		},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("Judge() differs (-want +got):\n%s", diff)
	}
	if got := h.Of("old"); got != (decide.MemberHealth{Member: "old"}) {
		t.Errorf("Of(old) = %v, want nothing known", got)
	}
}

func TestJudgeRefusesImpossibleOutcomes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Judge() returned, want a panic: an outcome without a meaning is a broken invariant")
		}
	}()
	decide.Judge(decide.Rules{Group: pair(), Checks: []decide.Check{{Name: "tcp", Fall: 1, Rise: 1}}}, decide.Health{},
		[]appliance.Observation{{Member: "a", Check: "tcp", Outcome: 7}}, epoch)
}
