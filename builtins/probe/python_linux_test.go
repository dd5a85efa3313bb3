package probe

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aPython skips, or fails in CI, where there is no interpreter.
func aPython(t *testing.T) {
	t.Helper()
	Needs(t, "python3")
}

// runPython runs a script in a directory with the given modules.
func runPython(t *testing.T, r PythonRun, modules ...string) (PythonResult, error) {
	t.Helper()
	aPython(t)
	r.Dir = t.TempDir()
	for i := 0; i < len(modules); i += 2 {
		if err := os.WriteFile(filepath.Join(r.Dir, modules[i]), []byte(modules[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.Name = "script.py"
	if r.Timeout == 0 {
		r.Timeout = time.Minute
	}
	return Python(context.Background(), live(t, LiveOptions{}), r)
}

func answersOf(r PythonResult) string {
	var all []string
	for _, a := range r.Answers {
		all = append(all, string(a))
	}
	return strings.Join(all, " ")
}

func TestAnswersOfPythonAreNotDisturbedByWhatIsPrinted(t *testing.T) {
	r, err := runPython(t, PythonRun{
		Script: []byte("import noisy, sys, os\nanswer([1, noisy.__name__, sys.argv[1:], sys.stdin.read()])\nanswer({'é': '\\udc80'})\n"),
		Args:   []string{"a b", "-x"}, Stdin: []byte("in"),
	}, "noisy.py", `
import json, os, sys
print('{"answer": "mine"}', flush=True)
json.dumps = None
os.closerange(3, 100)
os.open = os.write = None
os.chdir("/")
sys.stdout = sys.stderr = None
`)
	if err != nil || answersOf(r) != `[1, "noisy", ["a b", "-x"], "in"] {"\u00e9": "\udc80"}` || string(r.Output) != "{\"answer\": \"mine\"}\n" || r.Version == "" {
		t.Errorf("%s, %v\n%+v", answersOf(r), err, r)
	}
}

func TestATracebackHoldsTheUsersFramesOnly(t *testing.T) {
	script := []byte("answer('began')\nimport importlib\nimportlib.import_module('outer')\n")
	r, err := runPython(t, PythonRun{Script: script}, "outer.py", "import inner\n", "inner.py", "\ndef f():\n    raise ValueError('no')\ntry:\n    f()\nexcept ValueError as e:\n    raise KeyError('k') from e\n")
	var p *PythonProblem
	if !errors.As(err, &p) || p.Type != "KeyError" || filepath.Base(p.File) != "inner.py" || p.Line != 7 || answersOf(r) != `"began"` {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := strings.Count(p.Traceback, `File "`); n != 4 || strings.Contains(p.Traceback, "script.py") || strings.Contains(p.Traceback, "importlib") || !strings.Contains(p.Traceback, "direct cause") {
		t.Errorf("%d frames:\n%s", n, p.Traceback)
	}
	for _, c := range []struct{ module, kind, text string }{
		{"def f(:\n", "SyntaxError", "inner.py"},
		{"import no_such_module\n", "ModuleNotFoundError", "no_such_module"},
		{"import sys; sys.exit('usage')\n", "SystemExit", "usage"},
		{"1 / 0\n", "ZeroDivisionError", "division"},
	} {
		_, err := runPython(t, PythonRun{Script: script}, "outer.py", "import inner\n", "inner.py", c.module)
		if !errors.As(err, &p) || p.Type != c.kind || !strings.Contains(p.Text, c.text) || filepath.Base(p.File) != "inner.py" || p.Line != 1 {
			t.Errorf("%q: %v, %+v", c.module, err, p)
		}
	}
}

func TestAScriptThatDoesNotEndIsToldFromOneThatFails(t *testing.T) {
	const long, short = 30 * time.Second, 3 * time.Second // what ends by itself may take its time
	for _, c := range []struct {
		script  string
		timeout time.Duration
		want    string
		failure string
	}{
		{"import os; answer(1); os._exit(0)", long, "python: exit status 0 in the midst of the script", ""},
		{"import os, signal; answer(1); os.kill(os.getpid(), signal.SIGSEGV)", long, "python: ended by SIGSEGV", ""},
		{"import time; answer(1); print('waits', flush=True); time.sleep(60)", short, "python: not done after 3s", "KeyboardInterrupt"},
		{"import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); answer(1); time.sleep(60)", short, "python: not done after 3s", ""},
		{"import threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); answer(1)", short, "python: not done after 3s", ""},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			r, err := runPython(t, PythonRun{Script: []byte(c.script), Timeout: c.timeout, Grace: time.Second})
			var ended *PythonEndedError
			if !errors.As(err, &ended) || !strings.HasPrefix(err.Error(), c.want) || answersOf(r) != "1" {
				t.Errorf("%v, %+v", err, r)
			}
			if c.failure != "" && (r.Failure == nil || r.Failure.Type != c.failure) {
				t.Errorf("%+v", r.Failure)
			}
		})
	}
}

// What a shell starts with & has SIGINT ignored.
func TestAHangIsToldWhereSIGINTWasIgnored(t *testing.T) {
	aPython(t)
	python := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(python, []byte("#!/bin/sh\ntrap '' INT\nexec python3 \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := runPython(t, PythonRun{Python: python, Script: []byte("import slow"), Timeout: 2 * time.Second, Grace: time.Second}, "slow.py", "import time\ntime.sleep(60)\n")
	if err == nil || r.Failure == nil || filepath.Base(r.Failure.File) != "slow.py" || r.Failure.Line != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAForkOfAScriptDoesNotEndIt(t *testing.T) {
	r, err := runPython(t, PythonRun{Script: []byte("import os, sys\npid = os.fork()\nif not pid:\n    sys.exit(3)\nos.waitpid(pid, 0)\nanswer(1)")})
	if err != nil || answersOf(r) != "1" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAnIsolatedScriptSeesNothingOfTheUsers(t *testing.T) {
	script := []byte("import sys\ntry:\n    import planted\nexcept ImportError:\n    answer('none')\nelse:\n    answer('planted')\n")
	for _, c := range []struct {
		isolated bool
		want     string
	}{{true, `"none"`}, {false, `"planted"`}} {
		if r, err := runPython(t, PythonRun{Script: script, Isolated: c.isolated}, "planted.py", ""); err != nil || answersOf(r) != c.want {
			t.Errorf("isolated %v: %s, %v", c.isolated, answersOf(r), err)
		}
	}
}

func TestNoPythonNamesWhatWasTried(t *testing.T) {
	_, err := Python(context.Background(), live(t, LiveOptions{}), PythonRun{Dir: t.TempDir(), Env: []string{"PATH=/nowhere"}})
	if !errors.Is(err, ErrNoPython) || err.Error() != "python: no Python: no $VIRTUAL_ENV, no .venv/bin/python, no python3 in PATH" {
		t.Error(err)
	}
}
