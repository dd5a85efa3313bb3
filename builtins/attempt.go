package builtins

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine/event"
)

// attempt is one run of a suite.
type attempt = record[*attemptFact]

type attemptFact struct {
	probe.PytestResult
	evidence string
	tests    *starlark.List
}

func newAttempt(r probe.PytestResult, evidence string, at time.Time) *attempt {
	f := &attemptFact{PytestResult: r, evidence: evidence}
	f.tests = listOf(r.Tests, func(t probe.PytestTest) starlark.Value { return &ranTest{*newRecord(testKind, t, "pytest", at)} })
	f.tests.Freeze()
	return newRecord(attemptKind, f, "pytest", at)
}

// count is how many tests had one of the outcomes.
func (a *attemptFact) count(outcomes ...string) starlark.Value {
	n := 0
	for _, t := range a.Tests {
		for _, o := range outcomes {
			if t.Outcome == o {
				n++
			}
		}
	}
	return starlark.MakeInt(n)
}

var attemptKind = &kind[*attemptFact]{
	name: "attempt",
	doc:  "One run of a suite under pytest.",
	text: func(a *attemptFact) string { return a.Suite + " " + a.Outcome },
	fields: []field[*attemptFact]{
		{name: "suite", typ: "string", get: func(a *attemptFact) starlark.Value { return text(a.Suite) }},
		{name: "outcome", typ: "string", doc: "passed, failed, incomplete, error, usage, no-tests, crash, hang, startup-hang, shutdown-hang, leak, killed; see `pytest`",
			get: func(a *attemptFact) starlark.Value { return text(a.Outcome) }},
		{name: "reason", typ: "string", doc: "one line, where the outcome does not say it all", get: func(a *attemptFact) starlark.Value { return text(a.Reason) }},
		{name: "exit_code", typ: "int or None", doc: "None when a signal ended it", get: func(a *attemptFact) starlark.Value { return unless(-1, a.ExitCode) }},
		{name: "signal", typ: "string or None", doc: "that ended it, also ours: SIGKILL", get: func(a *attemptFact) starlark.Value { return orNone(a.Signal) }},
		{name: "duration", typ: "duration", doc: "to its end, or to the deadline", get: func(a *attemptFact) starlark.Value { return span(a.Duration) }},
		{name: "phase", typ: "string", doc: "where it was when it did not end regularly: start, collect, setup, call, teardown, run (between tests), finish, exit; empty: it did, or nothing was heard of it",
			get: func(a *attemptFact) starlark.Value { return text(a.Phase) }},
		{name: "running", typ: "list of string", doc: "tests that ran when it ended, the longest first; of one that was interrupted, the test in which", get: func(a *attemptFact) starlark.Value { return listOf(a.Running, text) }},
		{name: "tests", typ: "list of test", doc: "that ended, in that order, and files that could not be collected", aside: true,
			get: func(a *attemptFact) starlark.Value { return a.tests }},
		{name: "passed", typ: "int", doc: "tests; also those that were expected to fail and passed", get: func(a *attemptFact) starlark.Value { return a.count("passed", "xpassed") }},
		{name: "failed", typ: "int", doc: "tests", get: func(a *attemptFact) starlark.Value { return a.count("failed") }},
		{name: "errors", typ: "int", doc: "tests with an error outside of their call, and files that could not be collected",
			get: func(a *attemptFact) starlark.Value { return a.count("error") }},
		{name: "skipped", typ: "int", doc: "tests; also those that failed as expected", get: func(a *attemptFact) starlark.Value { return a.count("skipped", "xfailed") }},
		{name: "leaks", typ: "list of leak", doc: "what it left behind; of the processes none is left now",
			get: func(a *attemptFact) starlark.Value {
				return listOf(a.Leaks, func(l probe.Leak) starlark.Value { return newRecord(leakKind, l, "procfs", time.Time{}) })
			}},
		{name: "output", typ: "string", doc: "the end of what it printed, stdout and stderr in the order of writing", aside: true,
			get: func(a *attemptFact) starlark.Value { return text(string(a.Output)) }},
		{name: "cut", typ: "bool", doc: "more was printed than `output` holds", aside: true, get: func(a *attemptFact) starlark.Value { return truth(a.Cut) }},
		{name: "traceback", typ: "string", doc: "where pytest says that it was when it was interrupted at the deadline; empty: it did not say",
			aside: true, get: func(a *attemptFact) starlark.Value { return text(a.Traceback) }},
		{name: "evidence", typ: "string or None", doc: "path of the capture that was taken while it hung, for `--from`; None: it did not hang, or nothing is recorded",
			get: func(a *attemptFact) starlark.Value { return orNone(a.evidence) }},
		{name: "pace", typ: "pace or None", doc: "how it went shortly before the deadline; None: it did not come to it, or nothing is known of that", aside: true,
			get: func(a *attemptFact) starlark.Value {
				if a.Pace == nil {
					return starlark.None
				}
				return newRecord(paceKind, *a.Pace, "procfs", time.Time{})
			}},
		{name: "imported", typ: "list of module or None", doc: "modules of the tree `code`, and those in their place; None: not asked for, or nothing was heard of it", aside: true,
			get: func(a *attemptFact) starlark.Value {
				if a.Imported == nil {
					return starlark.None
				}
				return listOf(a.Imported, func(m probe.PytestModule) starlark.Value { return newRecord(moduleKind, m, "pytest", time.Time{}) })
			}},
		{name: "reached", typ: "list of reach", doc: "uses of `original`, by paths that lead there out of `code`", aside: true,
			get: func(a *attemptFact) starlark.Value {
				return listOf(a.Reached, func(r probe.PytestReach) starlark.Value { return newRecord(reachKind, r, "pytest", time.Time{}) })
			}},
		{name: "programs", typ: "bool", doc: "with `code`: the tests started programs, and what those read was not followed", aside: true,
			get: func(a *attemptFact) starlark.Value { return truth(a.Programs) }},
		{name: "python", typ: "string", doc: "the interpreter", get: func(a *attemptFact) starlark.Value { return text(a.Python) }},
		{name: "version", typ: "string or None", doc: "of pytest and Python; None: nothing was heard of it", get: func(a *attemptFact) starlark.Value { return orNone(a.Version) }},
	},
}

// ranTest is one test that ended.
type ranTest struct{ record[probe.PytestTest] }

// Subject makes a test what a finding can be about.
func (t *ranTest) Subject() event.Subject { return event.Subject{Type: "test", ID: t.it.ID} }

var testKind = &kind[probe.PytestTest]{
	name: "test",
	doc:  "One test that ended, or a file that could not be collected.",
	text: func(t probe.PytestTest) string { return t.ID + " " + t.Outcome },
	fields: []field[probe.PytestTest]{
		{name: "id", typ: "string", doc: "pytest's node id, as it can be typed where pytest ran", get: func(t probe.PytestTest) starlark.Value { return text(t.ID) }},
		{name: "outcome", typ: "string", doc: "passed, failed, error, skipped, xfailed, xpassed", get: func(t probe.PytestTest) starlark.Value { return text(t.Outcome) }},
		{name: "phase", typ: "string", doc: "in which that was decided: setup, call, teardown, collect; crash: its worker died; empty: it passed",
			get: func(t probe.PytestTest) starlark.Value { return text(t.Phase) }},
		{name: "duration", typ: "duration", doc: "of all its phases", get: func(t probe.PytestTest) starlark.Value { return span(t.Duration) }},
		{name: "message", typ: "string", doc: "one line; empty: it passed at once; of one that passed when it was run again, the failure before", get: func(t probe.PytestTest) starlark.Value { return text(t.Message) }},
		{name: "text", typ: "string", doc: "the failure as pytest prints it, its end", aside: true, get: func(t probe.PytestTest) starlark.Value { return text(t.Text) }},
		{name: "reruns", typ: "int", doc: "attempts that a plugin made before this one", get: func(t probe.PytestTest) starlark.Value { return integer(t.Reruns) }},
		{name: "worker", typ: "string or None", doc: "of pytest-xdist", get: func(t probe.PytestTest) starlark.Value { return orNone(t.Worker) }},
	},
}

var paceKind = &kind[probe.PytestPace]{
	name: "pace",
	doc:  "How a run went in the last stretch before its deadline, a quarter of its time and at most 10 s.",
	text: func(p probe.PytestPace) string { return fmt.Sprintf("%s of processor time in %s", p.CPU, p.Over) },
	fields: []field[probe.PytestPace]{
		{name: "over", typ: "duration", doc: "how long that stretch was", get: func(p probe.PytestPace) starlark.Value { return span(p.Over) }},
		{name: "ended", typ: "int", doc: "tests that ended in it", get: func(p probe.PytestPace) starlark.Value { return integer(p.Ended) }},
		{name: "cpu", typ: "duration", doc: "of processor time that its processes used", get: func(p probe.PytestPace) starlark.Value { return span(p.CPU) }},
		{name: "delay", typ: "duration", doc: "that their threads were ready to run, and got no processor", get: func(p probe.PytestPace) starlark.Value { return span(p.Delay) }},
	},
}

var leakKind = &kind[probe.Leak]{
	name: "leak",
	doc:  "One thing that a run left behind.",
	text: func(l probe.Leak) string { return l.Kind + " " + l.Text },
	fields: []field[probe.Leak]{
		{name: "kind", typ: "string", doc: "process, listener, socket_file, shm", get: func(l probe.Leak) starlark.Value { return text(l.Kind) }},
		{name: "text", typ: "string", doc: "what it is, in a line", get: func(l probe.Leak) starlark.Value { return text(l.Text) }},
		{name: "path", typ: "string or None", doc: "of a file, or the address of a listener", get: func(l probe.Leak) starlark.Value { return orNone(l.Path) }},
		{name: "pid", typ: "int or None", doc: "of a process, or a listener's", get: func(l probe.Leak) starlark.Value { return unless(0, l.PID) }},
		{name: "proved", typ: "bool", doc: "it is the run's own: a process, a listener, or a file that was seen in the hands of one of its processes; else another program may have made it meanwhile", get: func(l probe.Leak) starlark.Value { return truth(l.Proved) }},
	},
}

var reachKind = &kind[probe.PytestReach]{
	name: "reach",
	doc:  "A use of the tree of which a copy is tested.",
	text: func(r probe.PytestReach) string { return r.How + " " + r.Path },
	fields: []field[probe.PytestReach]{
		{name: "how", typ: "string", doc: "open: the tests opened it; chdir: they went there; program: one that they start is given it; named: by a file of the copy that is a program, or starts some",
			get: func(r probe.PytestReach) starlark.Value { return text(r.How) }},
		{name: "path", typ: "string", doc: "in the original", get: func(r probe.PytestReach) starlark.Value { return text(r.Path) }},
		{name: "file", typ: "string", doc: "the same, relative to its top; empty: a directory", get: func(r probe.PytestReach) starlark.Value { return text(r.File) }},
		{name: "by", typ: "string or None", doc: "the file that names it; None: it was seen", get: func(r probe.PytestReach) starlark.Value { return orNone(r.By) }},
	},
}

var moduleKind = &kind[probe.PytestModule]{
	name: "module",
	doc:  "A module of the tree that is tested, or one that took its place.",
	text: func(m probe.PytestModule) string { return m.Name + " " + m.Path },
	fields: []field[probe.PytestModule]{
		{name: "name", typ: "string", get: func(m probe.PytestModule) starlark.Value { return text(m.Name) }},
		{name: "path", typ: "string or None", doc: "the file that pytest imported; None: it did not", get: func(m probe.PytestModule) starlark.Value { return orNone(m.Path) }},
		{name: "child", typ: "string or None", doc: "the file that a program started by the tests would import; None: none was started, or it would not find it",
			get: func(m probe.PytestModule) starlark.Value { return orNone(m.Child) }},
		{name: "own", typ: "string", doc: "the file of the tree that is this module", get: func(m probe.PytestModule) starlark.Value { return text(m.Own) }},
		{name: "theirs", typ: "bool", doc: "path, or child, is not of the tree", get: func(m probe.PytestModule) starlark.Value { return truth(m.Theirs) }},
	},
}
