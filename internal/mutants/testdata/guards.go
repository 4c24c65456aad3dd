package guards

// ladder is what the generator meets; see guards.want.
type ladder struct{ steps []int }

func (l *ladder) climb(n int, tired bool) (int, error) {
	if l == nil || n < 0 && !tired {
		return 0, errStay
	}
	if n == 0 {
		l.steps = nil
		return 0, nil
	}
	high := min(0, n)
	for i := 0; i < n; i++ {
		if l.steps[i] >= 10 {
			continue
		}
		high++
	}
	switch {
	case high > 3, tired:
		high = 3
	case n+1 > 4:
		return n - 1, nil
	default:
		rest()
	}
	switch n {
	case 5:
		break
	}
	if high != 2 {
		high = 4
	} else {
		high = 5
	}
	busy := func() bool { return high <= 1 || (n > 2 && !tired) }
	return high, wait(busy)
}

func rest() {}
