package contender

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// outcomes counts the observations of members in the text of hopguard's metrics.
func outcomes(text []byte) (made, failed int, err error) {
	const counter = "hopguard_check_outcomes_total{"
	found := false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		labels, ok := strings.CutPrefix(lines.Text(), counter)
		if !ok {
			continue
		}
		labels, value, _ := strings.Cut(labels, "} ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("metrics: %s: %w", lines.Text(), err)
		}
		found = true
		made += int(n)
		if strings.Contains(labels, `outcome="fail"`) {
			failed += int(n)
		}
	}
	if !found {
		return 0, 0, fmt.Errorf("metrics: there is no %s…}", counter)
	}
	return made, failed, nil
}
