package builtins

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/engine/event"
)

// theatre is a world in which running a program means that play is called, with
// the file into which pytest's plugin would write.
type theatre struct {
	*probe.Snapshot
	play func(ctx context.Context, c probe.Command, say func(lines ...string)) (probe.Result, error)
}

func (th *theatre) Act() probe.Actor { return th }

func (th *theatre) Run(ctx context.Context, c probe.Command) (probe.Result, error) {
	if c.Private != "" { // as who really runs it does
		if err := os.Mkdir(c.Private, 0o700); err != nil {
			return probe.Result{}, err
		}
		defer os.RemoveAll(c.Private)
	}
	if c.Prepare != nil {
		if err := c.Prepare(); err != nil {
			return probe.Result{}, err
		}
	}
	return th.play(ctx, c, func(lines ...string) {
		for _, e := range c.Env {
			if path, ok := strings.CutPrefix(e, "RUNBOOK_PYTEST_EVENTS="); ok {
				f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					panic(err)
				}
				defer f.Close()
				_, _ = f.WriteString(strings.Join(lines, "\n") + "\n")
			}
		}
	})
}

func (th *theatre) Signal(context.Context, probe.ID, int) error { return nil }
func (th *theatre) Wait(context.Context, probe.ID) error        { return nil }

// hung is a pytest that waits for its child, which is stopped.
const hung = `
	100 1   S "python3 -m pytest t.py" age=10m
	101 100 T "python3 child.py"       age=9m
`

var booted = []string{`{"e":"boot","pid":100,"ppid":1,"python":"/py","version":"3.11.7","pytest":"9.2.0"}`, `{"e":"collect"}`, `{"e":"collected","n":2}`}

// hangs plays a pytest that is ended at its deadline.
func hangs(ctx context.Context, c probe.Command, say func(...string)) (probe.Result, error) {
	say(append(booted, `{"e":"start","id":"t.py::a"}`, `{"e":"call"}`)...)
	if c.AtDeadline != nil {
		c.AtDeadline(ctx, []probe.ID{{PID: 100, Start: startOf(100)}, {PID: 101, Start: startOf(101)}})
	}
	return probe.Result{ExitCode: -1, Signal: "SIGKILL", TimedOut: true, Duration: time.Minute}, nil
}

var hungWorld *probe.Snapshot // of the test that runs

func startOf(pid int) uint64 {
	p, err := probe.ReadProcess(context.Background(), hungWorld, pid)
	if err != nil {
		panic(err)
	}
	return p.Start
}

func newTheatre(t *testing.T, play func(context.Context, probe.Command, func(...string)) (probe.Result, error)) *run {
	t.Helper()
	python := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(python, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	hungWorld = probetest.World(t, hung)
	r := newRun(&theatre{Snapshot: probetest.World(t, hung), play: play})
	r.names["python"] = starlark.String(python)
	return r
}

func (r *run) rowsOf(probe string) (rows []event.Coverage) {
	for _, c := range r.covered {
		if c.Probe == probe {
			rows = append(rows, c)
		}
	}
	return rows
}

func TestPytestGivesAnAttempt(t *testing.T) {
	var command probe.Command
	r := newTheatre(t, func(_ context.Context, c probe.Command, say func(...string)) (probe.Result, error) {
		command = c
		say(append(booted, `{"e":"start","id":"t.py::a"}`, `{"e":"end","id":"t.py::a","o":"passed","d":0.5}`,
			`{"e":"start","id":"t.py::b"}`, `{"e":"end","id":"t.py::b","o":"failed","p":"call","d":2,"m":"t.py:3: no","x":"long","r":1,"w":""}`,
			`{"e":"finish","code":1,"n":2}`)...)
		return probe.Result{ExitCode: 1, Stdout: []byte("1 failed, 1 passed\n"), Duration: 3 * time.Second}, nil
	})
	got := r.text(t, `
a = pytest("t.py", args = ["-x"], timeout = "60s", grace = "2s", python = python, dir = "/", env = {"LANG": "C", "HOME": None})
b = a.tests[1]
out = (a.suite, a.outcome, a.reason, a.exit_code, a.signal, a.duration, a.phase, a.running, a.passed, a.failed, a.errors, a.skipped,
	a.leaks, a.output, a.cut, a.evidence, a.version, [t.id for t in a.tests],
	(b.outcome, b.phase, b.duration, b.message, b.text, b.reruns, b.worker), type(a), type(b), str(a), str(b))
`)
	const want = `("t.py", "failed", "", 1, None, 3s, "", [], 1, 1, 0, 0, [], "1 failed, 1 passed\n", False, None, "pytest 9.2.0, python 3.11.7", ` +
		`["t.py::a", "t.py::b"], ("failed", "call", 2s, "t.py:3: no", "long", 1, None), "attempt", "test", "attempt(t.py failed)", "test(t.py::b failed)")`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if command.Deadline != time.Minute || command.Grace != 2*time.Second || command.Dir != "/" {
		t.Errorf("command %+v", command)
	}
	env := strings.Join(command.Env, "\n") + "\n"
	if !strings.Contains(env, "\nLANG=C\n") || strings.Contains(env, "\nHOME=") {
		t.Errorf("environment\n%s", env)
	}
	if len(r.shown) > 0 || len(r.confirmed) > 0 {
		t.Errorf("shown %v, confirmed %v", r.shown, r.confirmed)
	}
}

// The recipe looks at what hangs through a recorder: what it read is the
// capture, and another recipe reads the same again.
func TestPytestTakesTheEvidenceBeforeTheKill(t *testing.T) {
	r := newTheatre(t, hangs)
	dir := t.TempDir()
	r.artefact = func(name string) (string, error) { return filepath.Join(dir, name), nil }
	r.names["say"] = starlark.NewBuiltin("say", func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		s := args[0].(engine.Subjecter).Subject()
		r.findings = append(r.findings, event.Finding{Verdict: event.Fault, Rule: "x/stopped", About: &s})
		return starlark.None, nil
	})
	got := r.text(t, `
seen = []
def look(t):
	twice = sample(t.processes, over = "1s")
	for p in twice.processes:
		seen.append((p.pid, p.state))
		if p.stopped:
			say(p)
	seen.append((t.root.pid, t.faulted()))
a = pytest("tests/t.py::a[x y]", python = python, on_hang = look)
b = pytest("tests/t.py::a[x y]", python = python)
after = [p.pid for p in ps()]
out = (seen, a.outcome, a.running, a.evidence.split("/")[-1], b.evidence.split("/")[-1], after)
`)
	const want = `([(100, "S"), (101, "T"), (100, True)], "hang", ["t.py::a"], "hang-tests_t.py_a_x_y-1.tar.gz", "hang-tests_t.py_a_x_y-2.tar.gz", [100, 101])`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, name := range []string{"hang-tests_t.py_a_x_y-1.tar.gz", "hang-tests_t.py_a_x_y-2.tar.gz"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v %v", info, err)
		}
		s, err := probe.OpenSnapshot(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Meta.Samples) != 2 || len(s.Meta.PIDs) != 2 {
			t.Errorf("%s: %+v", name, s.Meta)
		}
		again := newRun(s)
		if got := again.text(t, `out = [(p.pid, p.state) for p in sample(ps(pid = [101]), over = "1s").processes]`); got != `[(100, "S"), (101, "T")]` {
			t.Errorf("%s: read again: %s", name, got)
		}
	}
}

func TestPytestWithoutARecordHasNoEvidence(t *testing.T) {
	r := newTheatre(t, hangs)
	if got := r.text(t, `out = pytest("t.py", python = python).evidence`); got != "None" {
		t.Errorf("evidence %s", got)
	}
	r.artefact = func(string) (string, error) { return "/no/such/dir/x", nil }
	if got := r.text(t, `a = pytest("t.py", python = python)
out = (a.outcome, a.evidence)`); got != `("hang", None)` || len(r.rowsOf("on_hang")) == 0 {
		t.Errorf("got %s, coverage %v", got, r.covered)
	}
}

func TestALookThatFails(t *testing.T) {
	r := newTheatre(t, hangs)
	wantError(t, r.fails(t, `
def look(t):
	return t.no_such_field
out = pytest("t.py", python = python, on_hang = look)
`), "no_such_field")

	// What could not be looked at costs the look, not the verdict.
	r.names["blind"] = starlark.NewBuiltin("blind", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return nil, &blind{probe: "wchan", err: errors.New("not permitted"), remedy: "sudo"}
	})
	if got := r.text(t, `out = pytest("t.py", python = python, on_hang = lambda t: blind()).outcome`); got != `"hang"` {
		t.Errorf("outcome %s", got)
	}
	if rows := r.rowsOf("on_hang"); len(rows) != 1 || rows[0].Status != "denied" || rows[0].Remedy != "sudo" {
		t.Errorf("coverage %+v", rows)
	}
}

// A look that does not end is left, and the recipe goes on.
func TestALookThatTakesTooLong(t *testing.T) {
	r := newTheatre(t, func(_ context.Context, c probe.Command, say func(...string)) (probe.Result, error) {
		short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		return hangs(short, c, say)
	})
	r.names["wait"] = starlark.NewBuiltin("wait", func(thread *starlark.Thread, _ *starlark.Builtin, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		time.Sleep(10 * time.Millisecond)
		return starlark.None, nil
	})
	got := r.text(t, `
def look(t):
	for i in range(10000):
		wait()
a = pytest("t.py", python = python, on_hang = look)
out = (a.outcome, [i for i in range(3)])
`)
	if rows := r.rowsOf("on_hang"); got != `("hang", [0, 1, 2])` || len(rows) != 1 || rows[0].Status != "timeout" {
		t.Errorf("got %s, coverage %+v", got, rows)
	}
}

func TestPytestIsShownNotRunInADryRun(t *testing.T) {
	r := newTheatre(t, func(context.Context, probe.Command, func(...string)) (probe.Result, error) {
		t.Error("it was run")
		return probe.Result{}, nil
	})
	r.dryRun, r.refuse = true, true
	if err := r.fails(t, `out = pytest("t.py", args = ["-x"])`); !isDenied(err) {
		t.Errorf("error %v", err)
	}
	r = newRun(probetest.World(t, hung))
	if err := r.fails(t, `out = pytest("t.py")`); !isDenied(err) {
		t.Errorf("on a capture: %v", err)
	}
}

func TestPytestNamesTheInterpreterWithoutPytest(t *testing.T) {
	r := newTheatre(t, func(context.Context, probe.Command, func(...string)) (probe.Result, error) {
		return probe.Result{ExitCode: 1, Stdout: []byte("/x/python: No module named pytest\n")}, nil
	})
	err := r.fails(t, `out = pytest("t.py", python = python)`)
	wantError(t, err, "no pytest in "+string(r.names["python"].(starlark.String)))
	var unknown engine.Unknownable
	if !errors.As(err, &unknown) || !strings.Contains(unknown.Remedy(), "-m pip install pytest") {
		t.Errorf("remedy of %v", err)
	}
}

func TestWrongArgumentsOfPytest(t *testing.T) {
	for call, want := range map[string]string{
		`pytest()`:                                 "missing argument for suite",
		`pytest("")`:                               `"" is no file, directory or node id`,
		`pytest("--version")`:                      `"--version" is no file, directory or node id`,
		`pytest("t.py", args = "-x")`:              "got string, want list",
		`pytest("t.py", args = [1])`:               `for parameter "args": got int in the list, want string`,
		`pytest("t.py", timeout = "0s")`:           "no time at all",
		`pytest("t.py", grace = "-1s")`:            "want a duration that is not negative",
		`pytest("t.py", on_hang = 1)`:              `for parameter "on_hang": got int, want a function`,
		`pytest("t.py", env = {"A=B": "x"})`:       "no name of a variable",
		`pytest("t.py", env = {"A": 1})`:           `A is 1, want string`,
		`pytest("t.py", time_out = "1s")`:          "unexpected keyword argument",
		`pytest("t.py", python = "/no/such/file")`: "no Python",
	} {
		wantError(t, newTheatre(t, nil).fails(t, "out = "+call), want)
	}
}

func TestProgressIsOneLine(t *testing.T) {
	for _, c := range []struct {
		p    probe.PytestProgress
		want string
	}{
		{probe.PytestProgress{Suite: "tests/a.py"}, "tests/a.py · 0 s"},
		{probe.PytestProgress{Suite: "tests/a.py", Phase: "collect", Elapsed: 2 * time.Second}, "tests/a.py · collect · 2 s"},
		{probe.PytestProgress{Suite: "tests/a.py", Phase: "call", Test: "tests/a.py::test_x", TestFor: 12 * time.Second, Elapsed: 20 * time.Second,
			Done: 3, Slowest: "tests/a.py::test_y", SlowestFor: 3 * time.Second}, "tests/a.py · test_x 12 s · 20 s · 3 done · slowest test_y 3 s"},
		{probe.PytestProgress{Suite: "tests", Test: "tests/b.py::T::x", Done: 1}, "tests · tests/b.py::T::x 0 s · 0 s · 1 done"},
	} {
		if got := progressText(c.p, ""); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestEndingsInALine(t *testing.T) {
	tests := func(outcomes ...string) []probe.PytestTest {
		var out []probe.PytestTest
		for _, o := range outcomes {
			out = append(out, probe.PytestTest{ID: "a.py::t", Outcome: o})
		}
		return out
	}
	for _, c := range []struct {
		r          probe.PytestResult
		name, want string
	}{
		{r: probe.PytestResult{Suite: "a.py", Outcome: "passed", Tests: tests("passed", "skipped"), Duration: 420 * time.Millisecond}, want: "a.py: passed after 0.4 s, 2 tests"},
		{r: probe.PytestResult{Suite: "a.py", Outcome: "passed", Tests: tests("skipped")}, want: "a.py: skipped after 0.0 s"},
		{r: probe.PytestResult{Suite: "a.py", Outcome: "usage"}, want: "a.py: refused by pytest after 0.0 s"},
		{r: probe.PytestResult{Suite: "a.py", Outcome: "hang", Running: []string{"a.py::t"}, Duration: 2 * time.Second}, want: "a.py: hung in t after 2.0 s"},
		{r: probe.PytestResult{Suite: "a.py::t", Outcome: "failed", Tests: tests("failed")}, name: "run 3 of at most 10 · baseline", want: "run 3 of at most 10 · baseline · failed after 0.0 s"},
		{r: probe.PytestResult{Suite: "a.py::t", Outcome: "hang", Running: []string{"a.py::t"}}, name: "run 1", want: "run 1 · hung after 0.0 s"},
	} {
		if got := endedText(c.r, c.name); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
