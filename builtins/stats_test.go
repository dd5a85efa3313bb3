package builtins

import "testing"

func TestStatsInARecipe(t *testing.T) {
	r := newRun(nil) // needs no machine
	for _, c := range []struct{ src, want string }{
		{`i = stats.wilson(2, 6); out = (i.failures, i.runs, int(1000 * i.rate), int(1000 * i.low), int(1000 * i.high), i.confidence)`, "(2, 6, 333, 96, 700, 0.95)"},
		{`i = stats.wilson(0, 0); out = (i.rate, i.low, i.high)`, "(None, 0.0, 1.0)"},
		{`out = int(1000 * stats.wilson(0, 3, confidence = 0.5).high)`, "131"},
		{`out = str(stats.wilson(0, 3))`, `"interval(0 of 3: 0.000 to 0.561)"`},
		{`out = int(10000 * stats.fisher(3, 3, 0, 3) + 0.5)`, "1000"},
		{`out = [stats.sprt(f, n) for f, n in [(0, 3), (0, 11), (1, 1)]]`, `["go on", "accept", "reject"]`},
		{`out = stats.sprt(0, 6, p0 = 0.1, p1 = 0.5)`, `"accept"`},
		{`c = stats.compare(0, 5, 5, 5); out = (c.answer, c.p < 0.01, c.bound < 0.05, c.chance, c.more, c.most)`, `("differ", True, True, 1.0, 0, 20)`},
		{`c = stats.compare(0, 4, 4, 4); out = (c.answer, c.chance > 0.9, c.more)`, `("go on", True, 1)`},
		{`c = stats.compare(4, 8, 4, 8); out = (c.answer, c.chance < 0.05, c.more)`, `("stop", True, None)`},
		{`c = stats.compare(0, 3, 3, 3, most = 3); out = (c.answer, c.bound, c.more)`, `("stop", 0.0, None)`},
		{`out = (stats.runs_needed(3, 3, 0, 3), stats.runs_needed(4, 4, 0, 4), stats.runs_needed(1, 2, 1, 2))`, "(1, 0, None)"},
		{`out = stats.clean_runs(0.5, 0.99)`, "7"},
		{`s = stats.bisect(8); out = (s.next in range(2, 5), s.done, s.runs, s.among == [s.best])`, "(True, False, 0, True)"},
		{`runs = [(-1, False)] * 6 + [(7, True)] * 5 + [(4, False)] * 4 + [(5, True)] * 2
s = stats.bisect(8, runs); out = (s.best, s.done, s.runs, s.confidence > 0.98)`, "(5, True, 17, True)"},
		{`runs = [(-1, False)] * 6 + [(7, True)] * 5 + [(3, False)] * 3 + [(5, True), (5, True)]
s = stats.bisect(8, runs, confidence = 0.95, skip = [4]); out = (s.best, s.among, s.done)`, "(5, [4, 5], True)"},
		{`out = stats.bisect(1).next`, "None"},
	} {
		if got := r.text(t, c.src); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestStatsRefuseWhatMeansNothing(t *testing.T) {
	r := newRun(nil)
	for src, want := range map[string]string{
		`out = stats.wilson(4, 3)`:                   "stats.wilson: 4 failures of 3 runs",
		`out = stats.wilson(1, 3, confidence = 95)`:  "stats.wilson: confidence 95",
		`out = stats.fisher(1, 2, 1, -2)`:            "stats.fisher: 1 failures of -2 runs",
		`out = stats.sprt(1, 2, p0 = 0.5, p1 = 0.2)`: "stats.sprt: rates p0 0.5 and p1 0.2: want p0 below p1",
		`out = stats.compare(0, 1, 1, 1, most = 0)`:  "stats.compare: 0 runs a side: want 1 to 100",
		`out = stats.clean_runs(0)`:                  "stats.clean_runs: rate 0",
		`out = stats.bisect(0)`:                      "stats.bisect: 0 commits: want 1 to 10000",
		`out = stats.bisect(3, [(3, True)])`:         "stats.bisect: commit 3: want -1 to 2",
		`out = stats.bisect(3, [(1, 1)])`:            `element 0 is (1, 1), want (int, bool)`,
		`out = stats.bisect(3, confidence = 1)`:      `"confidence": got 1`,
		`out = stats.bisect(3, skip = [-1])`:         "stats.bisect: skip: commit -1: want 0 to 2",
		`out = stats.runs_needed(1, 2, 1, 2, 0.0)`:   "stats.runs_needed: alpha 0",
	} {
		wantError(t, r.fails(t, src), want)
	}
}
