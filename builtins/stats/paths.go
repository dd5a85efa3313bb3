package stats

import "slices"

// walk follows every path from two tallies on, one run at a time and the side
// with fewer runs first, up to Most a side. Each side's weigh gives the weights
// of a pass and of a failure as its next run. Where stop says so, a path ends,
// and ended is told its weight.
func (plan *Plan) walk(a, b Tally, weighA, weighB func(Tally) (pass, fail float64), stop func(a, b Tally) bool, ended func(a, b Tally, weight float64)) {
	here := [][]float64{{1}} // by further failures of a, and of b
	for a.Runs < plan.Most || b.Runs < plan.Most {
		turnA := a.Runs <= b.Runs && a.Runs < plan.Most || b.Runs >= plan.Most
		rows, columns := len(here), len(here[0])
		if turnA {
			rows++
		} else {
			columns++
		}
		next := make([][]float64, rows)
		for i := range next {
			next[i] = make([]float64, columns)
		}
		for i, row := range here {
			for j, w := range row {
				switch {
				case w == 0:
				case turnA:
					pass, fail := weighA(Tally{a.Failures + i, a.Runs})
					next[i][j] += w * pass
					next[i+1][j] += w * fail
				default:
					pass, fail := weighB(Tally{b.Failures + j, b.Runs})
					next[i][j] += w * pass
					next[i][j+1] += w * fail
				}
			}
		}
		if turnA {
			a.Runs++
		} else {
			b.Runs++
		}
		for i, row := range next {
			for j, w := range row {
				at, bt := Tally{a.Failures + i, a.Runs}, Tally{b.Failures + j, b.Runs}
				if w > 0 && stop(at, bt) {
					ended(at, bt, w)
					row[j] = 0
				}
			}
		}
		here = next
	}
}

// pTable is Fisher's p of every pair of tallies that a plan meets when the sides
// run in turn: by runs of the side that is ahead, by whether the other is level,
// and by the failures of both.
type pTable struct{ p [2][][][]float64 }

func newPTable(most int) *pTable {
	t := &pTable{}
	for behind := range t.p {
		t.p[behind] = make([][][]float64, most+1)
		for n := behind; n <= most; n++ {
			m := n - behind
			rows := make([][]float64, n+1)
			for k := range rows {
				rows[k] = make([]float64, m+1)
			}
			for failures := 0; failures <= n+m; failures++ {
				low, weight := tables(n, m, failures)
				for i := range weight {
					k := low + i
					rows[k][failures-k] = asUneven(weight, i)
				}
			}
			t.p[behind][n] = rows
		}
	}
	return t
}

func (t *pTable) of(a, b Tally) float64 {
	if a.Runs < b.Runs {
		a, b = b, a
	}
	if behind := a.Runs - b.Runs; behind < len(t.p) && a.Runs < len(t.p[behind]) {
		return t.p[behind][a.Runs][a.Failures][b.Failures]
	}
	return fisher(a, b)
}

// upTo are the values in the table that are at most alpha, each once, ascending.
func (t *pTable) upTo(alpha float64) []float64 {
	var all []float64
	for _, behind := range t.p {
		for _, rows := range behind {
			for _, row := range rows {
				for _, p := range row {
					if p <= alpha {
						all = append(all, p)
					}
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
