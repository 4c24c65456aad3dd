package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hopguard/internal/contender"
	"hopguard/internal/outage"
)

// Plan says in words which failures are tried under which settings.
type Plan struct {
	// Tries are SETTING/MODE=RUNS, with * for every mode. The first that fits a setting and a mode counts.
	Tries []string
	// Controllers are other programs that move routes: NAME=COMMAND with its arguments, separated by spaces. Their names are settings.
	Controllers []string
	// Steady is how long such a program gets to become steady; zero waits until it has asked Azure, and then no more.
	Steady time.Duration
	// Patience is that of [Trial].
	Patience time.Duration
	// Runs is how often a failure must be tried for its figures to be judged; the others are shown. Zero is once.
	Runs int
	// Soak is how long the setting "fast" is watched while a part of the packets, Loss, is lost. Zero is not at all.
	Soak time.Duration
	Loss float64
}

// Full is the plan of the published figures: each failure 20 times under the settings
// that are judged by it, and once or a few times where it is only shown.
func Full() Plan {
	return Plan{
		Tries: []string{
			"defaults/flapping=5", "defaults/*=20", "fast/flapping=5", "fast/*=20",
			"seed/power-off=20",
			"seed/panic=1", "seed/guest-hang=1", "seed/tunnel-cut=1", "seed/loss=1", "seed/delay=1", "seed/region-cut=1",
			"functions/power-off=20", "functions/planned=20", "functions/guest-hang=3", "functions/tunnel-cut=3",
		},
		Runs: 20, Patience: 45 * time.Second, Soak: 30 * time.Minute, Loss: 0.01,
	}
}

// Short is what is tried at each change of the code.
func Short() Plan {
	return Plan{
		Tries: []string{
			"seed/power-off=1", "functions/power-off=1",
			"defaults/power-off=2", "defaults/guest-hang=1", "defaults/tunnel-cut=1", "defaults/region-cut=1", "defaults/observer-cut=1", "defaults/planned=2",
			"fast/power-off=2", "fast/tunnel-cut=1", "fast/arm-throttle=1", "fast/planned=2",
		},
		Patience: time.Minute, Soak: 30 * time.Second, Loss: 0.01,
	}
}

// contenders are hopguard's settings and the other programs, by name.
func (p Plan) contenders() ([]contender.Contender, error) {
	list := contender.All()
	for _, text := range p.Controllers {
		name, command, ok := strings.Cut(text, "=")
		argv := strings.Fields(command)
		if !ok || name == "" || len(argv) == 0 {
			return nil, fmt.Errorf("controller %q: want NAME=COMMAND", text)
		}
		if slices.ContainsFunc(list, func(c contender.Contender) bool { return c.Setting.Name == name }) {
			return nil, fmt.Errorf("controller %q: the name is taken", text)
		}
		c := contender.Command(name, argv)
		c.Steady = p.Steady
		list = append(list, c)
	}
	return list, nil
}

// Campaign makes the cells of a plan. Its error names the first part of the plan that means nothing.
func (p Plan) Campaign() (Campaign, error) {
	all, err := p.contenders()
	if err != nil {
		return Campaign{}, err
	}
	find := func(name string) (contender.Contender, error) {
		var names []string
		for _, c := range all {
			if c.Setting.Name == name {
				return c, nil
			}
			names = append(names, c.Setting.Name)
		}
		return contender.Contender{}, fmt.Errorf("setting %q: want one of %s", name, strings.Join(names, ", "))
	}
	var c Campaign
	taken := map[string]bool{}
	for _, text := range p.Tries {
		setting, modes, runs, err := parseTry(text)
		if err != nil {
			return Campaign{}, err
		}
		who, err := find(setting)
		if err != nil {
			return Campaign{}, fmt.Errorf("try %q: %w", text, err)
		}
		for _, m := range modes {
			if taken[setting+"/"+m] {
				continue
			}
			taken[setting+"/"+m] = true
			c.Cells = append(c.Cells, Cell{Contender: who, Mode: m, Runs: runs, Patience: p.Patience})
		}
	}
	if p.Soak > 0 {
		who, err := find("fast")
		if err != nil {
			return Campaign{}, err
		}
		c.Soaks = []Soak{{Contender: who, Loss: p.Loss, Length: p.Soak}}
	}
	c.Wanted = p.wanted(c.Cells)
	return c, nil
}

// parseTry reads SETTING/MODE=RUNS.
func parseTry(text string) (setting string, modes []string, runs int, err error) {
	what, number, ok := strings.Cut(text, "=")
	setting, mode, named := strings.Cut(what, "/")
	runs, bad := strconv.Atoi(number)
	if !ok || !named || setting == "" || bad != nil || runs < 1 {
		return "", nil, 0, fmt.Errorf("try %q: want SETTING/MODE=RUNS, as in defaults/power-off=3", text)
	}
	if mode == "*" {
		for _, m := range Modes() {
			modes = append(modes, m.Name)
		}
		return setting, modes, runs, nil
	}
	f, err := failureOf(mode)
	if err != nil {
		return "", nil, 0, fmt.Errorf("try %q: %w", text, err)
	}
	return setting, []string{f.mode.Name}, runs, nil
}

// wanted is what a report of these cells has to hold: those that are tried often enough.
func (p Plan) wanted(cells []Cell) outage.Wanted {
	w := outage.Wanted{Runs: max(p.Runs, 1), Soak: outage.Seconds(p.Soak)}
	for _, cell := range cells {
		name := cell.Contender.Setting.Name
		if cell.Runs < w.Runs || cell.Contender.Setting.Bound == 0 {
			continue
		}
		w.Cells = append(w.Cells, name+"/"+cell.Mode)
		if !slices.Contains(w.Settings, name) {
			w.Settings = append(w.Settings, name)
		}
		if !slices.Contains(w.Modes, cell.Mode) {
			w.Modes = append(w.Modes, cell.Mode)
		}
	}
	return w
}
