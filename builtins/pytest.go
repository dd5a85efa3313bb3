package builtins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) pytest() engine.Builtin {
	return engine.Builtin{
		Name: "pytest",
		Doc: "Runs one suite under the user's own pytest, in a session of its own, until it ends or its deadline is over. Nothing of its tree is left then.\n\n" +
			"A small plugin, loaded with `-p`, tells what pytest is doing; nothing of the project is changed. Outcomes:\n\n" +
			"- `passed`, `failed`, whatever the exit code; `incomplete`: none failed, and some were never run; `error`: could not be collected, or pytest itself failed; `usage`: no such file or test; `no-tests`: nothing was run, which is no pass\n" +
			"- `hang`: the deadline was over within a test; `startup-hang`: before all tests were collected; `shutdown-hang`: after the last one, \"passed but hung\"\n" +
			"- `crash`: ended itself by a signal, or vanished in the midst of its work; `killed`: ended from outside\n" +
			"- `leak`: passed, and left processes behind, which were ended, or a socket file or shared memory that is proved to be its own; with `code`, processes alone\n\n" +
			"Socket files are looked for in `$XDG_RUNTIME_DIR` and `$TMPDIR`, one level down, and below where pytest runs and where the suite is: the outer 2,000 directories, without `.git`, `node_modules` and `site-packages`. One that is let go at once is named, and not proved.\n\n" +
			"Before a run that hangs is ended, `on_hang` is called with its processes as a tree, and a capture of them is saved beside the record: `evidence`.",
		Params: []engine.Arg{
			{Name: "suite", Type: "string", Doc: "A file, a directory or a node id: what is given to pytest first."},
			{Name: "args", Type: "list of string", Default: "[]", Doc: "More arguments of pytest."},
			{Name: "timeout", Type: "duration", Default: `"300s"`, Doc: "The deadline of the whole run."},
			{Name: "grace", Type: "duration", Default: `"5s"`, Doc: "From the deadline to SIGKILL; SIGINT and SIGTERM come before."},
			{Name: "python", Type: "string", Default: `""`, Doc: "The interpreter, or a command line that ends in one. Empty: that of `$VIRTUAL_ENV`, else `.venv/bin/python`, else `python3`."},
			{Name: "dir", Type: "string", Default: `""`, Doc: "Where pytest runs. Empty: here."},
			{Name: "on_hang", Type: "function(tree)", Default: "None", Doc: "Called before the run is ended; what it finds are findings of this run. It has 30 seconds."},
			{Name: "env", Type: "dict of string to string", Default: "{}", Doc: "Added to the environment."},
			{Name: "code", Type: "string", Default: `""`, Doc: "The top of the work tree whose code is to be tested: `imported` then says where the code that was tested came from."},
			{Name: "original", Type: "string", Default: `""`, Doc: "Another tree of which `code` is a copy."},
			{Name: "name", Type: "string", Default: `""`, Doc: "What the progress calls this run. Empty: its suite."},
		},
		Returns: "attempt",
		Errors:  "the interpreter has no pytest, and the error says which one was tried; it could not be started; `on_hang` fails",
		Example: `pytest("tests/a.py", args = ["-x"], timeout = "60s", on_hang = lambda t: diagnose([t]))`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				run     probe.PytestRun
				more    *starlark.List
				env     *starlark.Dict
				timeout = startime.Duration(300 * time.Second)
				grace   = startime.Duration(5 * time.Second)
				onHang  starlark.Value
				name    string
			)
			err := starlark.UnpackArgs(call.Name, args, kwargs, "suite", &run.Suite, "args??", &more, "timeout??", &timeout, "grace??", &grace,
				"python??", &run.Python, "dir??", &run.Dir, "on_hang??", &onHang, "env??", &env, "code??", &run.Code, "original??", &run.Original, "name??", &name)
			if err == nil {
				run.Timeout, run.Grace = time.Duration(timeout), time.Duration(grace)
				run.Args, err = stringList("args", more)
			}
			if err == nil {
				run.Env, err = environment(env)
			}
			watch := &hangWatch{world: w, call: call, suite: run.Suite, over: fmt.Sprintf("the deadline of %s was over", run.Timeout)}
			if err == nil {
				watch.say, err = callback("on_hang", onHang)
			}
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", call.Name, strip(err, call.Name))
			case run.Suite == "" || run.Suite[0] == '-':
				return nil, fmt.Errorf("%s: for parameter \"suite\": %q is no file, directory or node id", call.Name, run.Suite)
			case run.Timeout <= 0:
				return nil, fmt.Errorf("%s: for parameter \"timeout\": %s is no time at all", call.Name, timeout)
			case run.Grace < 0:
				return nil, fmt.Errorf("%s: for parameter \"grace\": got %s, want a duration that is not negative", call.Name, grace)
			}
			return w.test(call, run, watch, name)
		},
	}
}

// strip takes the name from an error that has it already.
func strip(err error, name string) error {
	if text, ok := strings.CutPrefix(err.Error(), name+": "); ok {
		return errors.New(text)
	}
	return err
}

// callback takes a function that a recipe gives, or None; then it is nil.
func callback(name string, v starlark.Value) (starlark.Callable, error) {
	if v == nil || v == starlark.None {
		return nil, nil
	}
	fn, ok := v.(starlark.Callable)
	if !ok {
		return nil, fmt.Errorf("for parameter %q: got %s, want a function of one parameter", name, v.Type())
	}
	return fn, nil
}

// stringList takes a list of strings.
func stringList(name string, list *starlark.List) ([]string, error) {
	out := []string{}
	if list == nil {
		return out, nil
	}
	for v := range starlark.Elements(list) {
		word, ok := starlark.AsString(v)
		if !ok {
			return nil, fmt.Errorf("for parameter %q: got %s in the list, want string", name, v.Type())
		}
		out = append(out, word)
	}
	return out, nil
}

// environment is ours, and what the recipe adds; a value of None takes a name
// away.
func environment(more *starlark.Dict) ([]string, error) {
	env := os.Environ()
	if more == nil {
		return env, nil
	}
	for _, item := range more.Items() {
		name, isText := starlark.AsString(item[0])
		value, isValue := starlark.AsString(item[1])
		switch {
		case !isText || name == "" || strings.ContainsAny(name, "=\x00"):
			return nil, fmt.Errorf("for parameter \"env\": %s is no name of a variable", item[0])
		case item[1] == starlark.None:
			kept := env[:0:0]
			for _, e := range env {
				if !strings.HasPrefix(e, name+"=") {
					kept = append(kept, e)
				}
			}
			env = kept
		case !isValue || strings.Contains(value, "\x00"):
			return nil, fmt.Errorf("for parameter \"env\": %s is %s, want string", name, item[1])
		default:
			env = append(env, name+"="+value)
		}
	}
	return env, nil
}

// test runs the suite. Whoever ends the run meanwhile waits until the tree is
// gone: that is what the undo is for.
func (w *world) test(call *engine.Call, run probe.PytestRun, watch *hangWatch, name string) (starlark.Value, error) {
	if w.host == nil {
		return nil, &blind{probe: call.Name, err: errNoHost}
	}
	if call.DryRun {
		return nil, call.Confirm(engine.Run, planOf(run))
	}
	if w.host.Act() == nil {
		return nil, &engine.Denied{Effect: engine.Run, What: planOf(run), Reason: "nothing can be run here: what is looked at is not this machine, now"}
	}
	defer awaited(call, "pytest "+run.Suite)()
	var now atomic.Pointer[probe.PytestProgress]
	watch.stand = func() event.View { return interruptedView(run.Suite, now.Load()) }
	run.OnHang = watch.look
	run.Progress = func(p probe.PytestProgress) {
		if before := now.Swap(&p); before != nil && before.Test != p.Test && before.TestFor >= slowTest {
			call.Milestone(fmt.Sprintf("%s: %s took %s", run.Suite, shortTest(before.Test, run.Suite), seconds(before.TestFor)))
		}
		call.Progress(progressText(p, name))
	}
	w.mu.Lock()
	again := w.suite == run.Suite
	w.suite = run.Suite
	w.mu.Unlock()
	if !again && name == "" {
		call.Milestone(run.Suite + " begins")
	}

	var result probe.PytestResult
	began := w.host.Now()
	_, err := w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
		var err error
		result, err = probe.Pytest(ctx, h, run)
		return nil, err
	})
	var b *blind
	switch {
	case watch.err != nil:
		return nil, watch.err
	case errors.Is(err, probe.ErrNoPython) && run.Python != "":
		return nil, engine.Misused(strings.TrimPrefix(err.Error(), "pytest: "))
	case errors.Is(err, probe.ErrNoPytest) && errors.As(err, &b):
		b.remedy = "name another interpreter, or: " + result.Python + " -m pip install pytest"
		return nil, b
	case err != nil:
		return nil, err
	}
	call.Milestone(endedText(result, name))
	return newAttempt(result, watch.evidence, began), nil
}

// awaited lets whoever ends the run wait until ended was called: until then
// processes of ours live.
func awaited(call *engine.Call, name string) (ended func()) {
	done := make(chan struct{})
	call.Undo(name, func(ctx context.Context) error {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("its processes have not ended yet: %w", ctx.Err())
		}
	})
	return func() { close(done) }
}

// planOf shows what would be run.
func planOf(run probe.PytestRun) event.View {
	python := run.Python
	if python == "" {
		python = "python"
	}
	line := strings.Join(append([]string{python, "-m", "pytest", run.Suite}, run.Args...), " ")
	return event.View{Kind: "table", Title: "pytest (run)", Columns: []string{"timeout"},
		Nodes: []event.Node{{ID: run.Suite, Label: line, Cells: []string{run.Timeout.String()}}}}
}

// interruptedView is what is known of a run that the user ends.
func interruptedView(suite string, p *probe.PytestProgress) event.View {
	cells := []string{"", "", ""}
	if p != nil {
		doing := p.Phase
		if p.Test != "" {
			doing = p.Test
		}
		cells = []string{p.Elapsed.Round(100 * time.Millisecond).String(), fmt.Sprint(p.Done), doing}
	}
	return event.View{Kind: "table", Title: "Interrupted", Columns: []string{"after", "tests ended", "in"},
		Nodes: []event.Node{{ID: suite, Label: suite, Cells: cells}}}
}

// progressText is one moment in a line: suite, or the run's own name, test,
// elapsed, slowest.
func progressText(p probe.PytestProgress, name string) string {
	parts := []string{cmp.Or(name, p.Suite)}
	switch {
	case p.Test != "":
		parts = append(parts, fmt.Sprintf("%s %s", shortTest(p.Test, p.Suite), seconds(p.TestFor)))
	case p.Phase != "" && p.Phase != "run":
		parts = append(parts, p.Phase)
	}
	parts = append(parts, seconds(p.Elapsed))
	if p.Done > 0 && p.Test != p.Suite {
		parts = append(parts, fmt.Sprintf("%d done", p.Done))
	}
	if p.Slowest != "" && p.SlowestFor >= time.Second {
		parts = append(parts, fmt.Sprintf("slowest %s %s", shortTest(p.Slowest, p.Suite), seconds(p.SlowestFor)))
	}
	return strings.Join(parts, " · ")
}

// slowTest is how long a test takes whose end is worth a line.
const slowTest = 10 * time.Second

// endedText is what a run came to, in a line: of several tests also how many.
func endedText(r probe.PytestResult, name string) string {
	text := r.Suite + ": "
	if name != "" {
		text = name + " · "
	}
	text += cmp.Or(endings[r.Outcome], r.Outcome)
	if r.Outcome == "passed" && allSkipped(r.Tests) {
		text = strings.TrimSuffix(text, "passed") + "skipped"
	}
	if len(r.Running) > 0 && r.Running[0] != r.Suite {
		text += " in " + shortTest(r.Running[0], r.Suite)
	}
	text += fmt.Sprintf(" after %.1f s", r.Duration.Seconds())
	if len(r.Tests) > 1 {
		text += fmt.Sprintf(", %d tests", len(r.Tests))
	}
	return text
}

// endings are what outcomes are called where the word of the outcome is none
// of a sentence.
var endings = map[string]string{
	"usage": "refused by pytest", "no-tests": "no tests", "incomplete": "not run to its end", "error": "could not be run", "crash": "crashed",
	"startup-hang": "hung before its tests", "shutdown-hang": "hung after its tests", "hang": "hung", "leak": "passed, and left something behind",
}

// allSkipped reports whether nothing else was run, which is no pass.
func allSkipped(tests []probe.PytestTest) bool {
	return len(tests) > 0 && !slices.ContainsFunc(tests, func(t probe.PytestTest) bool { return t.Outcome != "skipped" })
}

// shortTest leaves out of a node id what the suite says already.
func shortTest(id, suite string) string {
	file, test, ok := strings.Cut(id, "::")
	if ok && filepath.Base(file) == filepath.Base(strings.SplitN(suite, "::", 2)[0]) {
		return test
	}
	return id
}

func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Seconds())) }
