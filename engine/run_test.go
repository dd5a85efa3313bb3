package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// The whole stream of a small run, event by event.
func TestStreamOfARun(t *testing.T) {
	b := newBench(t)
	m, f := b.run(context.Background(), `"""# Demo

Words for the person with the problem.
"""

def trees(match):
    """Find the trees

    By hand:

    `+"```sh\n    ps -ef\n    ```"+`
    """
    print("looking\x1b[31m")
    return ps(match = match)

def blame(trees, over):
    """Who waits"""
    p = trees[1]
    show(forest(), title = "the tree")
    fault("stopped-consuming", "%s stopped" % p.name, about = p, victims = trees[:1], evidence = p,
          means = "m", do = "kill it", because = "unchanged over %s" % span(over))
    rule_out("network", "no external connection")
    return p

def cleanup(trees, blame):
    """Clear away

    `+"```sh\n    kill -INT PID\n    ```"+`
    """
    kill([blame])

recipe(
    summary = "Demo.",
    tags = ["hang"],
    params = {
        "match": param.regexp("a|b", "M"),
        "over": param.duration("1s", "O"),
        "pid": param.pids("P"),
        "where": param.path("W"),
        "extra": param.list("L"),
    },
    steps = [trees, blame, step(cleanup, needs = ["kill"])],
)
`, func(_ *Engine, req *Request) {
		req.Params = map[string][]string{"pid": {"7,8", "9"}}
	})
	if f.Outcome != event.Faults || ExitCode(f, false) != 1 {
		t.Errorf("outcome %s, exit %d", f.Outcome, ExitCode(f, false))
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, e := range m.events {
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "run.golden.jsonl", out.String())
}

// What becomes of the steps, of the outcome and of the exit code.
func TestOutcomes(t *testing.T) {
	const docs = `
def ok():
    """OK"""
    return 1
def fails():
    """F"""
    return 1 // 0
def denied():
    """D

    ` + "```sh\n    kill -INT 7\n    ```" + `
    """
    kill([7])
def blindly():
    """B"""
    return blind()
def accuses():
    """A"""
    fault("it", "it is it")
def suspects():
    """S"""
    warn("maybe", "perhaps")
def unsure():
    """U"""
    unknown("dark", "cannot see")
def ends():
    """E"""
    stop("nothing to do")
def ends_blind():
    """E"""
    stop("pid 7 is gone", unknown = True)
def ends_unasked():
    """E"""
    stop("nothing is named", usage = True)
def wants(fails):
    """W"""
def wants_both(fails, denied, ok):
    """W"""
def chained(wants):
    """C"""
def may(fails = None, denied = "no", ok = None):
    """M"""
    eq((fails, denied, ok), (None, "no", 1))
`
	for _, c := range []struct {
		name, plan   string
		outcome      event.Outcome
		exit, strict int
		steps        string
		reason       string
	}{
		{"all is well", "ok", event.Clean, 0, 0, "ok done", ""},
		{"a warning is no fault, unless asked", "suspects", event.Clean, 0, 1, "suspects done", ""},
		{"a fault", "ok, accuses", event.Faults, 1, 1, "ok done\naccuses done", ""},
		{"a step that fails", "fails, ok", event.Failed, 3, 3, "fails failed: demo.star:7:14: floored division by zero\nok done", "step fails: demo.star:7:14: floored division by zero"},
		{"a fault wins over a failure", "fails, accuses", event.Faults, 1, 1, "fails failed: demo.star:7:14: floored division by zero\naccuses done", ""},
		{"what needs a failed step is skipped by name", "fails, wants, chained", event.Failed, 3, 3,
			"fails failed: demo.star:7:14: floored division by zero\nwants skipped: needs fails, which failed\nchained skipped: needs wants, which was skipped", "step fails: demo.star:7:14: floored division by zero"},
		{"two are missing", "ok, fails, step(denied, needs = ['kill']), wants_both", event.Failed, 3, 3,
			"ok done\nfails failed: demo.star:7:14: floored division by zero\ndenied denied: kill was not granted; grant it with --allow kill\nwants_both skipped: needs fails, which failed, and denied, which was denied", "step fails: demo.star:7:14: floored division by zero"},
		{"a default stands in", "ok, fails, step(denied, needs = ['kill']), may", event.Failed, 3, 3,
			"ok done\nfails failed: demo.star:7:14: floored division by zero\ndenied denied: kill was not granted; grant it with --allow kill\nmay done", "step fails: demo.star:7:14: floored division by zero"},
		{"denied", "step(denied, needs = ['kill'])", event.Incomplete, 3, 3, "denied denied: kill was not granted; grant it with --allow kill", "step denied: kill was not granted; grant it with --allow kill"},
		{"denied, but a fault", "accuses, step(denied, needs = ['kill'])", event.Faults, 1, 1, "accuses done\ndenied denied: kill was not granted; grant it with --allow kill", ""},
		{"could not look", "blindly", event.Incomplete, 3, 3,
			"blindly failed: could not look", "step blindly: wchan 4242: read /proc/4242/wchan: permission denied"},
		{"says unknown", "unsure", event.Incomplete, 3, 3, "unsure done", "something could not be looked at"},
		{"stops in peace", "ends, ok", event.Clean, 0, 0, "ends stopped: nothing to do\nok skipped: stopped: nothing to do", "nothing to do"},
		{"stops blind", "ends_blind, ok", event.Incomplete, 3, 3, "ends_blind stopped: pid 7 is gone\nok skipped: stopped: pid 7 is gone", "pid 7 is gone"},
		{"stops for it was asked nothing", "ends_unasked, ok", event.Misused, 2, 2, "ends_unasked stopped: nothing is named\nok skipped: stopped: nothing is named", "nothing is named"},
		{"stops after a fault", "accuses, ends", event.Faults, 1, 1, "accuses done\nends stopped: nothing to do", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			m, f := b.run(context.Background(), docs+"recipe(steps = ["+c.plan+"])\n")
			if got := m.steps(); got != c.steps {
				t.Errorf("steps:\n%s\nwant:\n%s", got, c.steps)
			}
			if f.Outcome != c.outcome || f.Reason != c.reason {
				t.Errorf("outcome %s (%s), want %s (%s)", f.Outcome, f.Reason, c.outcome, c.reason)
			}
			if e, s := ExitCode(f, false), ExitCode(f, true); e != c.exit || s != c.strict {
				t.Errorf("exit %d, with --fail-on warn %d; want %d, %d", e, s, c.exit, c.strict)
			}
		})
	}
}

func TestCouldNotLookBecomesAnUnknownFinding(t *testing.T) {
	m, _ := newBench(t).run(context.Background(), `
def a():
    """A"""
    blind()
recipe(steps = [a])
`)
	want := `unknown demo/could-not-look-wchan "wchan 4242: read /proc/4242/wchan: permission denied" at demo.star:4:10`
	if got := m.findings(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, e := range m.events {
		if e.Found != nil && e.Found.Do != "sudo runbook run demo" {
			t.Errorf("remedy %q", e.Found.Do)
		}
	}
}

func TestStopOfALibraryFunctionAndAFindingSaidThere(t *testing.T) {
	b := newBench(t)
	lib := b.library(map[string]string{
		"demo.star":      "load('lib/words.star', 'say')\ndef a():\n    \"\"\"A\"\"\"\n    say()\nrecipe(steps = [a])\n",
		"lib/words.star": "def say():\n    note('n', 'said in lib')\n    stop('enough')\n",
	})
	r, err := lib.Find(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	if _, err := (&Engine{}).Run(context.Background(), Request{Recipe: r, Sink: m}); err != nil {
		t.Fatal(err)
	}
	if got := m.findings(); got != `note demo/n "said in lib" at lib/words.star:2:9` {
		t.Error(got)
	}
	if got := m.steps(); got != "a stopped: enough" {
		t.Error(got)
	}
}

// A step can be ended at any time: while it computes, while a builtin waits,
// and while one does not listen at all.
func TestCancel(t *testing.T) {
	const source = `
def first():
    """F"""
    begin("one")
    begin("two")
    BODY
def second():
    """S"""
recipe(steps = [DECLARED, second])
`
	for _, c := range []struct {
		name, body, declared string
		how                  string // signal, term, deadline, step
		steps                string
		outcome              event.Outcome
		exit                 int
	}{
		{"ctrl-c in a loop", "wake()\n    for x in range(1000000000):\n        pass", "first", "int", "first cancelled: interrupted\nsecond skipped: interrupted", event.Interrupted, 130},
		{"ctrl-c in a builtin", "wait()", "first", "int", "first cancelled: interrupted\nsecond skipped: interrupted", event.Interrupted, 130},
		{"ctrl-c and a deaf builtin", "deaf()", "first", "int", "first cancelled: interrupted\nsecond skipped: interrupted", event.Interrupted, 130},
		{"sigterm", "wait()", "first", "term", "first cancelled: terminated\nsecond skipped: terminated", event.Interrupted, 143},
		{"ctrl-c after a fault", "fault('x', 'y')\n    wait()", "first", "int", "first cancelled: interrupted\nsecond skipped: interrupted", event.Interrupted, 130},
		{"the step's deadline", "wait()", "step(first, deadline = '1s')", "", "first cancelled: gave up after 1.0s\nsecond done", event.Incomplete, 3},
		{"the step's deadline in a loop", "for x in range(1000000000):\n        pass", "step(first, deadline = '1s')", "", "first cancelled: gave up after 1.0s\nsecond done", event.Incomplete, 3},
		{"the step's deadline, deaf", "deaf()", "step(first, deadline = '1s')", "", "first cancelled: gave up after 1.0s\nsecond skipped: first does not end", event.Incomplete, 3},
		{"the run's deadline", "wait()", "first", "deadline", "first cancelled: the run's deadline is over\nsecond skipped: the run's deadline is over", event.Incomplete, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			switch c.how {
			case "int", "term":
				cause := map[string]error{"int": ErrInterrupted, "term": ErrTerminated}[c.how]
				go func() { <-b.wake; cancel(cause) }()
			case "deadline":
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, time.Second)
				defer stop()
			}
			source := strings.NewReplacer("BODY", c.body, "DECLARED", c.declared).Replace(source)
			m, f := b.run(ctx, source, func(e *Engine, _ *Request) {
				e.MaxSteps = 1 << 60
				if !strings.HasPrefix(c.body, "deaf") {
					e.Grace = time.Minute // a busy machine is no deaf builtin
				}
			})
			if got := m.steps(); got != c.steps {
				t.Errorf("steps:\n%s\nwant:\n%s", got, c.steps)
			}
			if f.Outcome != c.outcome || ExitCode(f, false) != c.exit {
				t.Errorf("outcome %s, exit %d; want %s, %d", f.Outcome, ExitCode(f, false), c.outcome, c.exit)
			}
			if got := b.notes(); got != "begin one; begin two; undo two; undo one" {
				t.Errorf("undos: %s", got)
			}
		})
	}
}

func TestUndosRunWhateverEndsTheStep(t *testing.T) {
	for _, c := range []struct{ name, body, steps, notes, detail string }{
		{"done", "pass", "a done", "begin one; begin two; undo two; undo one", ""},
		{"failed", "1 // 0", "a failed: demo.star:6:7: floored division by zero", "begin one; begin two; undo two; undo one", ""},
		{"stopped", "stop('enough')", "a stopped: enough", "begin one; begin two; undo two; undo one", ""},
		{"panicked", "boom()", "a failed: demo.star:6:9: boom: internal error: boom in Go", "begin one; begin two; undo two; undo one", "chunk"},
		{"one cannot be undone", "begin('three', fails = True)", "a failed: undo three: cannot be put back", "begin one; begin two; begin three; undo three; undo two; undo one", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			m, _ := b.run(context.Background(), "\ndef a():\n    \"\"\"A\"\"\"\n    begin('one')\n    begin('two')\n    "+c.body+"\nrecipe(steps = [a])\n")
			if got := m.steps(); got != c.steps {
				t.Errorf("steps: %s\nwant:  %s", got, c.steps)
			}
			if got := b.notes(); got != c.notes {
				t.Errorf("did:  %s\nwant: %s", got, c.notes)
			}
		})
	}
}

func TestAnUndoThatComesTooLateRunsAtOnce(t *testing.T) {
	u := &undos{deadline: time.Second, grace: time.Second}
	if errs := u.unwind(context.Background()); errs != nil {
		t.Fatal(errs)
	}
	ran := false
	u.push(context.Background(), "late", func(context.Context) error { ran = true; return nil })
	if !ran {
		t.Error("what an abandoned builtin began was never put back")
	}
}

func TestAnUndoThatHangsIsLeftBehind(t *testing.T) {
	u := &undos{deadline: 10 * time.Millisecond, grace: 10 * time.Millisecond}
	free := make(chan struct{})
	defer close(free)
	var order []string
	u.push(context.Background(), "first", func(context.Context) error { order = append(order, "first"); return nil })
	u.push(context.Background(), "hangs", func(context.Context) error { <-free; return nil })
	u.push(context.Background(), "panics", func(context.Context) error { panic("oh") })
	errs := errors.Join(u.unwind(context.Background())...)
	if errs == nil || errs.Error() != "undo panics: panic: oh\nundo hangs: gave up after 10ms" {
		t.Errorf("errors: %v", errs)
	}
	if len(order) != 1 {
		t.Error("the undo below the one that hangs did not run")
	}
}

func TestNothingIsHeardOfAnAbandonedStep(t *testing.T) {
	b := newBench(t)
	m := &memory{}
	through := make(chan struct{})
	lib := b.library(map[string]string{"demo.star": "def a():\n    \"\"\"A\"\"\"\n    slow()\nrecipe(steps = [step(a, deadline = '5ms')])\n"})
	free := make(chan struct{})
	lib.Builtins = append(lib.Builtins, Builtin{Name: "slow", Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		defer close(through)
		<-free
		call.Cover(event.Coverage{Probe: "late"})
		call.Show(event.View{Kind: "tree"})
		return starlark.None, nil
	}})
	r, err := lib.Find(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Engine{Grace: time.Millisecond}).Run(context.Background(), Request{Recipe: r, Sink: m}); err != nil {
		t.Fatal(err)
	}
	before := len(m.events)
	close(free)
	<-through
	if len(m.events) != before {
		t.Errorf("%d events came after the end", len(m.events)-before)
	}
}

func TestASinkThatFailsDoesNotEndTheRun(t *testing.T) {
	b := newBench(t)
	e := &Engine{}
	f, err := e.Run(context.Background(), Request{Recipe: b.recipe("def a():\n    \"\"\"A\"\"\"\n    fault('x', 'y')\nrecipe(steps = [a])\n"), Sink: broken{}})
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v", err)
	}
	if f.Outcome != event.Faults {
		t.Errorf("outcome %s", f.Outcome)
	}
}

type broken struct{}

func (broken) Write(event.Event) error { return errors.New("no space left on device") }
func (broken) Close() error            { return nil }

// A builtin that heard nothing of Ctrl-C asks for leave to kill when the run
// is long over. It does not get it.
func TestAnAbandonedBuiltinIsNotGrantedAnything(t *testing.T) {
	b := newBench(t)
	lib := b.library(map[string]string{"demo.star": "def a():\n    \"\"\"A\"\"\"\n    late()\nrecipe(steps = [step(a, needs = ['kill'], deadline = '5ms')])\n"})
	free, answer := make(chan struct{}), make(chan error, 1)
	lib.Builtins = append(lib.Builtins, Builtin{Name: "late", Effect: Kill, Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		<-free
		err := call.Confirm(Kill, event.View{})
		answer <- err
		return starlark.None, err
	}})
	r, err := lib.Find(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Engine{Grace: time.Millisecond}).Run(context.Background(), Request{Recipe: r, Sink: &memory{}, Grants: Grants{Allow: []Effect{Kill}}}); err != nil {
		t.Fatal(err)
	}
	close(free)
	if err := <-answer; err == nil {
		t.Error("it may kill, although nobody listens any more")
	}
}

func TestCtrlCThatTheLastStepOverlooksIsStillAnInterruption(t *testing.T) {
	b := newBench(t)
	lib := b.library(map[string]string{"demo.star": "def a():\n    \"\"\"A\"\"\"\n    return hurry()\nrecipe(steps = [a])\n"})
	ctx, cancel := context.WithCancelCause(context.Background())
	lib.Builtins = append(lib.Builtins, Builtin{Name: "hurry", Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		cancel(ErrInterrupted)
		return starlark.None, nil
	}})
	r, err := lib.Find(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	f, err := (&Engine{}).Run(ctx, Request{Recipe: r, Sink: &memory{}})
	if err != nil || ExitCode(f, false) != 130 {
		t.Errorf("%+v, %v", f, err)
	}
}
