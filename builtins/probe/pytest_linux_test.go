package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// impostor writes a program that stands in for an interpreter with pytest. In
// its script $EVENTS is the plugin's file.
func impostor(t *testing.T, path, script string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nEVENTS=$"+pluginEvents+"\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const bootLine = `echo '{"e":"boot","w":"","pid":'$$',"ppid":'$PPID',"python":"/py","version":"3.11.7","pytest":"9.2.0"}' >>$EVENTS` + "\n"

func TestPytestIsStartedAsAPersonWould(t *testing.T) {
	h := live(t, LiveOptions{})
	at := t.TempDir()
	python := impostor(t, filepath.Join(at, "a python\n"), bootLine+`
		printf '<%s>' "$@"
		echo; pwd; echo "$PYTHONPATH"; ls "${PYTHONPATH%%:*}"
		echo '{"e":"finish","code":0,"n":1}' >>$EVENTS`)
	r, err := Pytest(context.Background(), h, PytestRun{Python: python, Suite: "tests/a b.py", Args: []string{"-k", "x or y"}, Dir: at,
		Env: []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=/theirs"}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(r.Output), "\n")
	if r.Outcome != "passed" || r.Version != "pytest 9.2.0, python 3.11.7" || len(lines) < 5 ||
		lines[0] != "<-m><pytest><-p><runbook_pytest><tests/a b.py><-k><x or y>" || lines[1] != at ||
		!strings.HasSuffix(lines[2], ":/theirs") || lines[3] != "events" || lines[4] != "runbook_pytest.py" {
		t.Errorf("%+v\n%s", r, r.Output)
	}
	dir, _, _ := strings.Cut(lines[2], ":")
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestWhichPythonIsTaken(t *testing.T) {
	at := t.TempDir()
	venv, project, path := filepath.Join(at, "venv"), filepath.Join(at, "project"), filepath.Join(at, "path")
	for _, p := range []string{filepath.Join(venv, "bin", "python"), filepath.Join(project, ".venv", "bin", "python"), filepath.Join(path, "python3"), filepath.Join(path, "uv")} {
		impostor(t, p, "")
	}
	t.Chdir(at)
	for _, c := range []struct {
		run       PytestRun
		argv, why string
	}{
		{PytestRun{Dir: project, Env: []string{"VIRTUAL_ENV=" + venv, "PATH=" + path}}, venv + "/bin/python", "of $VIRTUAL_ENV"},
		{PytestRun{Dir: project, Env: []string{"PATH=" + path}}, project + "/.venv/bin/python", "of .venv; no $VIRTUAL_ENV"},
		{PytestRun{Dir: at, Code: at, Original: project, Env: []string{"PATH=" + path}}, project + "/.venv/bin/python", "of .venv; no $VIRTUAL_ENV"},
		{PytestRun{Dir: project, Env: []string{"VIRTUAL_ENV=/gone"}}, project + "/.venv/bin/python", "of .venv; /gone/bin/python of $VIRTUAL_ENV, which is not there"},
		{PytestRun{Dir: at, Env: []string{"PATH=/nowhere:relative:" + path}}, path + "/python3", "python3 of PATH; no $VIRTUAL_ENV, no .venv/bin/python"},
		{PytestRun{Python: "venv/bin/python", Dir: project}, venv + "/bin/python", "as named"},
		{PytestRun{Python: "uv run venv/bin/python", Env: []string{"PATH=" + path}}, path + "/uv run " + venv + "/bin/python", "as named"},
	} {
		got, err := choosePython(c.run.Python, c.run.Env, c.run.Dir, c.run.Code, c.run.Original, "")
		if err != nil || strings.Join(got.argv, " ") != c.argv || got.why != c.why {
			t.Errorf("%+v:\n got %+v, %v\nwant %s (%s)", c.run, got, err, c.argv, c.why)
		}
	}
	for _, c := range []struct {
		run  PytestRun
		want string
	}{
		{PytestRun{Dir: at, Env: []string{"PATH=/nowhere"}}, "no Python: no $VIRTUAL_ENV, no .venv/bin/python, no python3 in PATH"},
		{PytestRun{Python: "/no/such/python"}, `no Python: "/no/such/python"`},
		{PytestRun{Python: " "}, `no Python: " "`},
	} {
		if _, err := choosePython(c.run.Python, c.run.Env, c.run.Dir, c.run.Code, c.run.Original, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.run, err, c.want)
		}
	}
}

func TestAPythonWithoutPytestIsNamed(t *testing.T) {
	python := impostor(t, filepath.Join(t.TempDir(), "python"), `echo "$0: No module named pytest" >&2; exit 1`)
	_, err := Pytest(context.Background(), live(t, LiveOptions{}), PytestRun{Python: python, Suite: "a.py", Timeout: time.Minute})
	if !errors.Is(err, ErrNoPytest) || !strings.Contains(err.Error(), "pytest: no pytest in "+python+" (as named)") {
		t.Errorf("error %v", err)
	}
}

func TestASuiteIsNoOption(t *testing.T) {
	for _, suite := range []string{"", "-x"} {
		if _, err := Pytest(context.Background(), live(t, LiveOptions{}), PytestRun{Suite: suite}); err == nil {
			t.Errorf("%q was run", suite)
		}
	}
}

func TestATimeoutAroundPytestIsSeen(t *testing.T) {
	Needs(t, "timeout")
	python := impostor(t, filepath.Join(t.TempDir(), "python"), bootLine+`
		echo '{"e":"start","id":"a.py::x"}' >>$EVENTS
		trap '' TERM
		while :; do sleep 1; done`)
	for _, around := range []string{"timeout 1 -k 1 ", "timeout -k 1 1 "} {
		r, err := Pytest(context.Background(), live(t, LiveOptions{}), PytestRun{Python: around + python, Suite: "a.py", Timeout: time.Minute})
		if around == "timeout 1 -k 1 " { // "-k" is the program then
			if err == nil && r.Outcome != "error" {
				t.Errorf("%s: %+v", around, r)
			}
			continue
		}
		if err != nil || r.Outcome != "hang" || len(r.Running) != 1 || !strings.Contains(r.Reason, "timeout(1) around pytest") {
			t.Errorf("%s: %+v, %v\n%s", around, r, err, r.Output)
		}
	}
}

// What SIGINT makes pytest say comes after what was seen at the deadline.
func TestTheDeadlineFreezesTheStory(t *testing.T) {
	python := impostor(t, filepath.Join(t.TempDir(), "python"), bootLine+`
		trap 'echo "{\"e\":\"end\",\"id\":\"a.py::x\",\"o\":\"failed\"}
{\"e\":\"interrupt\",\"m\":\"KeyboardInterrupt\",\"x\":\"a.py:3: in x\"}
{\"e\":\"finish\",\"code\":2}" >>$EVENTS; exit 2' INT
		echo '{"e":"start","id":"a.py::x"}
{"e":"call"}' >>$EVENTS
		while :; do sleep 0.1; done`)
	h := live(t, LiveOptions{})
	var tree []ID
	r, err := Pytest(context.Background(), h, PytestRun{Python: python, Suite: "a.py", Timeout: time.Second, Grace: 20 * time.Second,
		OnHang: func(_ context.Context, seen []ID, _ map[int]string) { tree = seen }})
	if err != nil || r.Outcome != "hang" || r.Phase != "call" || fmt.Sprint(r.Running) != "[a.py::x]" || len(r.Tests) != 0 || len(tree) == 0 {
		t.Errorf("tree %v, %+v, %v", tree, r, err)
	}
	// A shell that was started with SIGINT ignored cannot trap it.
	if s, err := ReadSignals(context.Background(), h, os.Getpid()); err == nil && !Has(s.Ignored, 2) && (r.Traceback != "a.py:3: in x" || r.ExitCode != 2) {
		t.Errorf("traceback %q, exit code %d", r.Traceback, r.ExitCode)
	}
}

// What is merely slow is at work until its deadline: tests end, and it, or a
// child of it, wants a processor. What waits does neither.
func TestTheLastStretchTellsWhoIsAtWork(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		ends   bool
		wants  bool
	}{
		"computes":         {"while :; do :; done", false, true},
		"a child computes": {"sh -c 'while :; do :; done' & wait", false, true},
		"goes on":          {`while :; do echo '{"e":"end","id":"a.py::x","o":"passed"}' >>$EVENTS; sleep 0.1; done`, true, false},
		"waits":            {"sleep 60 & wait", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			python := impostor(t, filepath.Join(t.TempDir(), "python"), bootLine+`echo '{"e":"start","id":"a.py::x"}' >>$EVENTS`+"\n"+c.script)
			r, err := Pytest(context.Background(), live(t, LiveOptions{}), PytestRun{Python: python, Suite: "a.py", Timeout: 4 * time.Second, Grace: time.Second})
			switch p := r.Pace; {
			case err != nil || p == nil || p.Over <= 0:
				t.Errorf("%+v, %v", r, err)
			case c.ends != (p.Ended > 0), !c.ends && c.wants != (p.CPU+p.Delay > p.Over/4):
				t.Errorf("in its last %s %d tests ended, it used %s and waited for %s", p.Over, p.Ended, p.CPU, p.Delay)
			}
		})
	}
}

func TestInterruptedPytestTellsHowFarItCame(t *testing.T) {
	python := impostor(t, filepath.Join(t.TempDir(), "python"), bootLine+`
		echo '{"e":"start","id":"a.py::x"}' >>$EVENTS
		sleep 60 & wait`)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	looked := false
	r, err := Pytest(ctx, live(t, LiveOptions{}), PytestRun{Python: python, Suite: "a.py", Timeout: time.Minute, Grace: time.Minute,
		Progress: func(p PytestProgress) {
			if p.Test == "a.py::x" {
				cancel()
			}
		},
		OnHang: func(context.Context, []ID, map[int]string) { looked = true }})
	if !errors.Is(err, context.Canceled) || r.Outcome != "killed" || fmt.Sprint(r.Running) != "[a.py::x]" || !looked {
		t.Errorf("looked %v: %+v, %v", looked, r, err)
	}
	if r.Duration > 30*time.Second {
		t.Errorf("took %s", r.Duration)
	}
}
