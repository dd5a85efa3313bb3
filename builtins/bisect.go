package builtins

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/stats"
	"runbook/engine"
)

func statsBisect() engine.Builtin {
	return engine.Builtin{
		Name: "stats.bisect",
		Doc: "Which commit to test next, and which one brought a failure that does not always appear.\n\n" +
			"Commits are 0 to n - 1, oldest first; commit -1, right before them, is known to be good, and the last is known to be bad. " +
			"Every run moves the probability of each, and the next one goes where it tells most. Tell it the runs at both ends too: they say how often the failure appears. " +
			"The answer depends on the runs alone, not on their order.",
		Params: []engine.Arg{
			{Name: "n", Type: "int", Doc: fmt.Sprintf("How many commits; up to %d.", stats.MostCommits)},
			{Name: "observations", Type: "list of (int, bool)", Default: "[]", Doc: "Runs so far: the commit, and whether it failed."},
			{Name: "confidence", Type: "float", Default: "0.98", Doc: "How sure to be before it is done."},
			{Name: "skip", Type: "list of int", Default: "[]", Doc: "Commits that cannot be tested. They stay under suspicion."},
		},
		Returns: "search",
		Example: `stats.bisect(24, [(23, True), (-1, False)]).next`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			n, confidence := 0, share(0.98)
			var seen observations
			var skip commitList
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "n", &n, "observations?", &seen, "confidence?", &confidence, "skip?", &skip); err != nil {
				return nil, err
			}
			if !(confidence > 0 && confidence < 1) {
				return nil, fmt.Errorf("%s: for parameter \"confidence\": got %v, want more than 0 and less than 1", call.Name, confidence)
			}
			search, err := stats.NewBisect(n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			for _, o := range seen {
				if err := search.Observe(o.commit, o.failed); err != nil {
					return nil, fmt.Errorf("%s: %w", call.Name, err)
				}
			}
			for _, i := range skip {
				if err := search.Skip(i); err != nil {
					return nil, fmt.Errorf("%s: skip: %w", call.Name, err)
				}
			}
			s := searchFact{runs: len(seen), next: search.Next(), among: search.Among()}
			s.best, s.confidence = search.Best()
			s.done = s.confidence >= float64(confidence)
			return newRecord(searchKind, s, "", time.Time{}), nil
		},
	}
}

// observations takes pairs of a commit and whether it failed.
type observations []struct {
	commit int
	failed bool
}

func (o *observations) Unpack(v starlark.Value) error {
	list, ok := v.(starlark.Iterable)
	if !ok {
		return fmt.Errorf("got %s, want a list of (int, bool)", v.Type())
	}
	for x := range starlark.Elements(list) {
		pair, ok := x.(starlark.Indexable)
		if !ok || pair.Len() != 2 {
			return fmt.Errorf("element %d is %s, want (int, bool)", len(*o), x)
		}
		failed, ok := pair.Index(1).(starlark.Bool)
		commit, err := starlark.AsInt32(pair.Index(0))
		if !ok || err != nil {
			return fmt.Errorf("element %d is %s, want (int, bool)", len(*o), x)
		}
		*o = append(*o, struct {
			commit int
			failed bool
		}{commit, bool(failed)})
	}
	return nil
}

// commitList takes numbers of commits.
type commitList []int

func (l *commitList) Unpack(v starlark.Value) error {
	return each(v, "int", func(x starlark.Value) bool {
		i, err := starlark.AsInt32(x)
		*l = append(*l, i)
		return err == nil
	})
}

type searchFact struct {
	runs, next, best int
	confidence       float64
	among            []int
	done             bool
}

var searchKind = &kind[searchFact]{
	name: "search",
	doc:  "How far the search for a commit is.",
	text: func(s searchFact) string { return fmt.Sprintf("best %d, confidence %.3f", s.best, s.confidence) },
	fields: []field[searchFact]{
		{name: "next", typ: "int or None", doc: "the commit to run next; None: no further run would tell anything", get: func(s searchFact) starlark.Value { return unless(-1, s.next) }},
		{name: "best", typ: "int", doc: "the likeliest commit; where commits were skipped, the last of `among`", get: func(s searchFact) starlark.Value { return integer(s.best) }},
		{name: "among", typ: "list of int", doc: "the best, and the skipped commits right before it that no run can tell from it",
			get: func(s searchFact) starlark.Value { return listOf(s.among, integer[int]) }},
		{name: "confidence", typ: "float", doc: "the probability that it is one of `among`", get: func(s searchFact) starlark.Value { return starlark.Float(s.confidence) }},
		{name: "done", typ: "bool", doc: "the confidence asked for is reached", get: func(s searchFact) starlark.Value { return truth(s.done) }},
		{name: "runs", typ: "int", doc: "how many were told", get: func(s searchFact) starlark.Value { return integer(s.runs) }},
	},
}
