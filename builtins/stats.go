package builtins

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/stats"
	"runbook/engine"
)

// statsTable is the module stats: pure arithmetic on counts of failures and
// runs. Package stats says what each figure means and why it may be believed.
func statsTable() []engine.Builtin {
	return []engine.Builtin{statsWilson(), statsFisher(), statsSPRT(), statsCompare(), statsRunsNeeded(), statsCleanRuns(), statsBisect()}
}

var (
	argFailures = engine.Arg{Name: "failures", Type: "int", Doc: "How often it failed."}
	argRuns     = engine.Arg{Name: "runs", Type: "int", Doc: "Of how many runs; those that say nothing are left out."}
	argsOfSides = []engine.Arg{
		{Name: "a_fail", Type: "int", Doc: "Failures of one side."},
		{Name: "a_runs", Type: "int", Doc: "Its runs."},
		{Name: "b_fail", Type: "int", Doc: "Failures of the other side."},
		{Name: "b_runs", Type: "int", Doc: "Its runs."},
	}
)

// withSides are the parameters of a builtin that compares two sides.
func withSides(more ...engine.Arg) []engine.Arg {
	return append(append([]engine.Arg(nil), argsOfSides...), more...)
}

func statsWilson() engine.Builtin {
	return engine.Builtin{
		Name:    "stats.wilson",
		Doc:     "Between which failure rates the truth lies.\n\nWilson's score interval: 0 of 3 still allows 56 %, 0 of 10 allows 28 %, 0 of 0 everything.",
		Params:  []engine.Arg{argFailures, argRuns, {Name: "confidence", Type: "float", Default: "0.95", Doc: "How often such an interval holds the true rate."}},
		Returns: "interval",
		Example: `stats.wilson(0, 3).high`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var seen stats.Tally
			confidence := share(0.95)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "failures", &seen.Failures, "runs", &seen.Runs, "confidence?", &confidence); err != nil {
				return nil, err
			}
			in, err := stats.Wilson(seen, float64(confidence))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			return newRecord(intervalKind, intervalFact{in, seen, float64(confidence)}, "", time.Time{}), nil
		},
	}
}

func statsFisher() engine.Builtin {
	return engine.Builtin{
		Name: "stats.fisher",
		Doc: "How often chance alone would make a difference this large between two sides.\n\n" +
			"The two-sided p of Fisher's exact test. 3 of 3 against 0 of 3 gives 0.1: three runs a side never reach 0.05. " +
			"It holds for runs whose number was fixed before; to look after each run, use `stats.compare`.",
		Params:  withSides(),
		Returns: "float; 0.0 to 1.0, and 1.0 when there is nothing to compare",
		Example: `stats.fisher(4, 4, 0, 4) < 0.05`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var a, b stats.Tally
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "a_fail", &a.Failures, "a_runs", &a.Runs, "b_fail", &b.Failures, "b_runs", &b.Runs); err != nil {
				return nil, err
			}
			p, err := stats.Fisher(a, b)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			return starlark.Float(p), nil
		},
	}
}

func statsSPRT() engine.Builtin {
	return engine.Builtin{
		Name: "stats.sprt",
		Doc: "Whether the failure rate of one side is known well enough to stop.\n\n" +
			"Wald's sequential test, to be asked after every run until it answers. \"reject\": it fails more often than `p0`, and that is wrong with probability `alpha` at most. " +
			"\"accept\": it fails less often than `p1`, wrong with probability `beta` at most. Between the two rates either answer is right.",
		Params: []engine.Arg{argFailures, argRuns,
			{Name: "p0", Type: "float", Default: "0.01", Doc: "A rate that would be good enough."},
			{Name: "p1", Type: "float", Default: "0.25", Doc: "A rate that would be too high."},
			{Name: "alpha", Type: "float", Default: "0.05", Doc: "How often a rate of p0 may be rejected."},
			{Name: "beta", Type: "float", Default: "0.05", Doc: "How often a rate of p1 may be accepted."}},
		Returns: `string; "accept", "reject" or "go on"`,
		Example: `stats.sprt(0, 11, p0 = 0.01, p1 = 0.25) == "accept"`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var seen stats.Tally
			low, high, alpha, beta := share(0.01), share(0.25), share(0.05), share(0.05)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "failures", &seen.Failures, "runs", &seen.Runs,
				"p0?", &low, "p1?", &high, "alpha?", &alpha, "beta?", &beta); err != nil {
				return nil, err
			}
			answer, err := stats.SPRT{Low: float64(low), High: float64(high), Alpha: float64(alpha), Beta: float64(beta)}.Look(seen)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			return text(string(answer)), nil
		},
	}
}

func statsCompare() engine.Builtin {
	return engine.Builtin{
		Name: "stats.compare",
		Doc: "Whether two sides that run in turn differ, may differ, or will hardly be seen to.\n\n" +
			"May be asked after every run: the bound for Fisher's p is so low that two equal sides are called different at most `alpha` of the time, however often one looks " +
			"(counted out over all outcomes of up to `most` runs a side). \"stop\" says that the chance to cross the bound in the runs that are left is below 5 %.",
		Params: withSides(
			engine.Arg{Name: "most", Type: "int", Default: "20", Doc: fmt.Sprintf("Runs a side, at most; up to %d. Say it before the first run, and keep it.", stats.MostPlanned)},
			engine.Arg{Name: "alpha", Type: "float", Default: "0.05", Doc: "How often equal sides may be called different."}),
		Returns: "comparison",
		Example: `stats.compare(0, 5, 5, 5).answer == "differ"`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var c comparisonFact
			most, alpha := 20, share(0.05)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "a_fail", &c.a.Failures, "a_runs", &c.a.Runs, "b_fail", &c.b.Failures, "b_runs", &c.b.Runs,
				"most?", &most, "alpha?", &alpha); err != nil {
				return nil, err
			}
			var err error
			if c.Plan, err = stats.NewPlan(most, float64(alpha)); err == nil {
				c.answer, err = c.Plan.Look(c.a, c.b)
			}
			if err == nil {
				c.p, err = stats.Fisher(c.a, c.b)
			}
			if err == nil {
				c.chance, err = c.Plan.Chance(c.a, c.b)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			return newRecord(comparisonKind, &c, "", time.Time{}), nil
		},
	}
}

const mostForecast = 1000 // runs a side that a forecast looks ahead

func statsRunsNeeded() engine.Builtin {
	return engine.Builtin{
		Name:   "stats.runs_needed",
		Doc:    "How many more runs each side needs until Fisher's p reaches alpha, if both go on to fail as often.\n\nA forecast: the rates seen so far are themselves uncertain.",
		Params: withSides(engine.Arg{Name: "alpha", Type: "float", Default: "0.05", Doc: "The p to reach."}),
		Returns: fmt.Sprintf("int or None: 0 when it is reached; None when %d more would not do, as for equal rates",
			mostForecast),
		Example: `stats.runs_needed(3, 3, 0, 3) == 1`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var a, b stats.Tally
			alpha := share(0.05)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "a_fail", &a.Failures, "a_runs", &a.Runs, "b_fail", &b.Failures, "b_runs", &b.Runs, "alpha?", &alpha); err != nil {
				return nil, err
			}
			more, err := stats.MoreRuns(a, b, float64(alpha), mostForecast)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			return unless(-1, more), nil
		},
	}
}

func statsCleanRuns() engine.Builtin {
	return engine.Builtin{
		Name: "stats.clean_runs",
		Doc:  "How many runs without a failure show that a flake is gone.\n\nFor one that failed half of the time: 7 runs for a confidence of 0.99.",
		Params: []engine.Arg{{Name: "rate", Type: "float", Doc: "How often it failed before; more than 0, less than 1."},
			{Name: "confidence", Type: "float", Default: "0.95", Doc: "How sure to be."}},
		Returns: "int",
		Example: `stats.clean_runs(0.5, 0.99) == 7`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var rate share
			confidence := share(0.95)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "rate", &rate, "confidence?", &confidence); err != nil {
				return nil, err
			}
			n, err := stats.CleanRuns(float64(rate), float64(confidence))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			return integer(n), nil
		},
	}
}

// share takes a number that is mostly not whole: 0.5, but also 0 and 1, so that
// what is wrong with those is said by who knows.
type share float64

func (s *share) Unpack(v starlark.Value) error {
	f, ok := starlark.AsFloat(v)
	if !ok {
		return fmt.Errorf("got %s, want float", v.Type())
	}
	*s = share(f)
	return nil
}

type intervalFact struct {
	stats.Interval
	seen       stats.Tally
	confidence float64
}

var intervalKind = &kind[intervalFact]{
	name: "interval",
	doc:  "Between which failure rates the truth lies.",
	text: func(i intervalFact) string { return fmt.Sprintf("%s: %.3f to %.3f", i.seen, i.Low, i.High) },
	fields: []field[intervalFact]{
		{name: "failures", typ: "int", get: func(i intervalFact) starlark.Value { return integer(i.seen.Failures) }},
		{name: "runs", typ: "int", get: func(i intervalFact) starlark.Value { return integer(i.seen.Runs) }},
		{name: "rate", typ: "float or None", doc: "failures a run; None: there were no runs", get: func(i intervalFact) starlark.Value {
			if i.seen.Runs == 0 {
				return starlark.None
			}
			return starlark.Float(i.seen.Rate())
		}},
		{name: "low", typ: "float", doc: "0.0 to 1.0", get: func(i intervalFact) starlark.Value { return starlark.Float(i.Low) }},
		{name: "high", typ: "float", doc: "0.0 to 1.0", get: func(i intervalFact) starlark.Value { return starlark.Float(i.High) }},
		{name: "confidence", typ: "float", doc: "as asked for", get: func(i intervalFact) starlark.Value { return starlark.Float(i.confidence) }},
	},
}

type comparisonFact struct {
	*stats.Plan
	a, b      stats.Tally
	answer    stats.Answer
	p, chance float64
}

var comparisonKind = &kind[*comparisonFact]{
	name: "comparison",
	doc:  "What the runs of two sides say so far.",
	text: func(c *comparisonFact) string {
		return fmt.Sprintf("%s against %s: %s, p = %.3g", c.a, c.b, c.answer, c.p)
	},
	fields: []field[*comparisonFact]{
		{name: "answer", typ: "string", doc: `"differ", "stop": further runs would hardly show a difference, or "go on"`, get: func(c *comparisonFact) starlark.Value { return text(string(c.answer)) }},
		{name: "p", typ: "float", doc: "of Fisher's exact test, two-sided", get: func(c *comparisonFact) starlark.Value { return starlark.Float(c.p) }},
		{name: "bound", typ: "float", doc: "the sides differ when p is not above this; 0.0: so few runs can never show it", get: func(c *comparisonFact) starlark.Value { return starlark.Float(c.Bound) }},
		{name: "chance", typ: "float", doc: "of seeing a difference within `most` runs a side, judged from the runs so far", get: func(c *comparisonFact) starlark.Value { return starlark.Float(c.chance) }},
		{name: "more", typ: "int or None", doc: "further runs a side until they differ, if they go on to fail as often; 0 they do; None never, or not in a thousand",
			get: func(c *comparisonFact) starlark.Value {
				if c.answer == stats.Differ {
					return integer(0)
				}
				return unless(-1, c.MoreRuns(c.a, c.b, mostForecast))
			}},
		{name: "most", typ: "int", doc: "runs a side, as asked for", get: func(c *comparisonFact) starlark.Value { return integer(c.Most) }},
	},
}
