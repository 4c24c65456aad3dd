package config_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/config"
)

// spokes makes changes of changes to a group that has spokes.
func spokes(change func(*config.Spokes)) func(*config.Config) {
	return func(c *config.Config) {
		s := &c.Groups[0].Spokes
		*s = config.Spokes{Tag: config.Tag{Name: "sdwan", Value: "emea"}, Interval: time.Minute}
		change(s)
	}
}

const aSubscription = config.Scope("/subscriptions/" + subscription)

func TestValidateSpokes(t *testing.T) {
	none := func(change func(*config.Spokes)) func(*config.Config) {
		return func(c *config.Config) { change(&c.Groups[0].Spokes) }
	}
	refuse(t, "rules-spokes.txt", []rule{
		{name: "no-tag-name", change: none(func(s *config.Spokes) { s.Tag.Value = "emea" })},
		{name: "nothing-selected", change: none(func(s *config.Spokes) {
			s.Exclude, s.Interval = []config.ResourceID{network + "virtualNetworks/a"}, time.Minute
		})},
		{name: "a-bad-tag-name", change: spokes(func(s *config.Spokes) { s.Tag.Name = "a/b" })},
		{name: "a-long-tag-value", change: spokes(func(s *config.Spokes) { s.Tag.Value = strings.Repeat("a", 257) })},
		{name: "a-value-without-a-name", change: spokes(func(s *config.Spokes) { s.Tag.Name, s.Within = "", []config.Scope{aSubscription} })},
		{name: "places-that-are-none", change: spokes(func(s *config.Spokes) {
			s.Within = []config.Scope{"", subscription, aSubscription + "/", aSubscription + "/resourceGroups", aSubscription + "/resourceGroups/a.", aSubscription + "/providers/a", "/groups/" + subscription}
		})},
		{name: "a-place-twice", change: spokes(func(s *config.Spokes) {
			s.Within = []config.Scope{aSubscription + "/resourceGroups/net", aSubscription + "/resourcegroups/NET"}
		})},
		{name: "a-place-that-is-not-read", change: func(c *config.Config) {
			spokes(func(s *config.Spokes) { s.Within = []config.Scope{aSubscription} })(c)
			c.Azure.Subscriptions = []string{guid}
		}},
		{name: "exclude-what-is-no-network", change: spokes(func(s *config.Spokes) {
			s.Exclude = []config.ResourceID{"a", machines + "vmx-a", network + "virtualNetworks/a/subnets/b"}
		})},
		{name: "exclude-twice", change: spokes(func(s *config.Spokes) {
			s.Exclude = []config.ResourceID{network + "virtualNetworks/a", network + "VirtualNetworks/A"}
		})},
		{name: "too-often", change: spokes(func(s *config.Spokes) { s.Interval = 10*time.Second - 1 })},
		{name: "too-rarely", change: spokes(func(s *config.Spokes) { s.Interval = time.Hour + 1 })},
		{name: "never", change: spokes(func(s *config.Spokes) { s.Interval = 0 })},
	})
	for name, change := range map[string]func(*config.Config){
		"by-tag": spokes(func(s *config.Spokes) { s.Interval = 10 * time.Second }),
		"by-place": spokes(func(s *config.Spokes) {
			s.Tag, s.Within = config.Tag{}, []config.Scope{aSubscription, aSubscription + "/resourceGroups/net"}
		}),
		"a-place-that-is-read": func(c *config.Config) {
			spokes(func(s *config.Spokes) {
				s.Within = []config.Scope{"/subscriptions/" + config.Scope(strings.ToUpper(guid))}
			})(c)
			c.Azure.Subscriptions = []string{guid}
		},
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSpokesAreCompletedAndShown(t *testing.T) {
	c := valid()
	c.Groups[0].Spokes = config.Spokes{Tag: config.Tag{Name: "sdwan"}}
	c = c.Complete()
	s := c.Groups[0].Spokes
	if s.Tag.Value != "emea" || s.Interval != time.Minute || !s.Selects() {
		t.Errorf("spokes = %+v, want the value emea and one minute", s)
	}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); !strings.Contains(got, "name: sdwan") || strings.Contains(got, "interval: 1m") || strings.Contains(got, "value: emea") {
		t.Errorf("YAML() = %s\nwant the name of the tag, and not what follows from the rest", got)
	}
	if none := valid().Groups[0].Spokes; none.Selects() || none.Interval != 0 {
		t.Errorf("without the section: %+v, want no spokes", none)
	}
}

func TestScopeSplit(t *testing.T) {
	for scope, want := range map[config.Scope][2]string{
		aSubscription: {subscription, ""},
		"/Subscriptions/" + subscription + "/RESOURCEGROUPS/net.(1)": {subscription, "net.(1)"},
	} {
		if s, g, ok := scope.Split(); !ok || s != want[0] || g != want[1] {
			t.Errorf("%q.Split() = %q, %q, %t, want %q", scope, s, g, ok, want)
		}
	}
}
