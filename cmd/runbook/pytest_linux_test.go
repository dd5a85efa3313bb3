package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"runbook/engine/event"
)

// pytestRuns is how many runs of planted cases must leave nobody behind:
//
//	go test ./cmd/runbook -run TestPytestLeavesNobody -pytest.runs 200 -timeout 1h
var pytestRuns = flag.Int("pytest.runs", 20, "runs of planted cases that must leave nobody behind")

// plantedCase is a suite of testdata/pytest/project, and what running it must come to.
type plantedCase struct {
	name    string
	suite   string
	args    []string // of pytest
	env     []string
	outcome string
	phase   string
	running string // tests, joined
	tests   string // counts: passed failed errors skipped
	leaks   string // kinds, joined
	reason  string // only looked at where it is given
	fault   string // rule of the evidence: what hangs is named
	hangs   bool   // until the deadline
}

var plantedCases = []plantedCase{
	{name: "pass", suite: "test_pass.py", outcome: "passed", tests: "6 0 0 2"},
	{name: "fail", suite: "test_fail.py", outcome: "failed", tests: "1 1 2 0"},
	{name: "a node id", suite: "test_fail.py::test_right", outcome: "passed", tests: "1 0 0 0"},
	{name: "no such test", suite: "test_fail.py::test_nope", outcome: "usage", tests: "0 0 0 0"},
	{name: "no such file", suite: "no such file.py", outcome: "usage", tests: "0 0 0 0"},
	{name: "no tests", suite: "test_none.py", outcome: "no-tests", tests: "0 0 0 0"},
	{name: "only collected", suite: "test_pass.py", args: []string{"--collect-only"}, outcome: "no-tests", tests: "0 0 0 0"},
	{name: "cannot be imported", suite: "test_broken.py", outcome: "error", tests: "0 0 1 0"},
	{name: "exits as it is imported", suite: "test_exits.py", outcome: "error", tests: "0 0 0 0", reason: "error within pytest: test_exits.py:3: SystemExit: 0"},
	{name: "crash", suite: "test_segv.py", outcome: "crash", phase: "call", running: "test_segv.py::test_dies", tests: "0 0 0 0"},
	{name: "os._exit(0)", suite: "test_vanish.py", outcome: "crash", phase: "call", running: "test_vanish.py::test_vanishes", tests: "1 0 0 0"},
	{name: "os._exit(124)", suite: "test_exit124.py", outcome: "crash", phase: "call", running: "test_exit124.py::test_leaves", tests: "0 0 0 0"},
	{name: "failed, and conftest.py bent the code", suite: "bent/test_bent.py", outcome: "failed", tests: "0 1 1 0"},
	{name: "a subtest is skipped", suite: "test_subtests.py", outcome: "failed", tests: "1 1 0 0"},
	{name: "failed in a fork of pytest", suite: "test_fork.py", outcome: "failed", tests: "1 1 0 0"},
	{name: "pytest.exit with code 0", suite: "test_cut.py", outcome: "incomplete", phase: "call", running: "test_cut.py::test_cuts", tests: "1 0 0 0"},
	{name: "interrupted by itself, configured below", suite: "below/test_interrupted.py", outcome: "killed", phase: "call", running: "below/test_interrupted.py::test_stops", tests: "1 0 0 0"},
	{name: "only helped", suite: "test_pass.py", args: []string{"--help"}, outcome: "no-tests", tests: "0 0 0 0"},
	{name: "rude to its process", suite: "test_rude.py", outcome: "passed", tests: "5 0 0 0"},
	{name: "without output capture and cache", suite: "test_rude.py", args: []string{"-s", "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:faulthandler"}, outcome: "passed", tests: "5 0 0 0"},

	{name: "hang", suite: "test_hang.py", outcome: "hang", phase: "call", running: "test_hang.py::test_stuck", tests: "1 0 0 0", fault: "attempts/hangs-in-call", hangs: true},
	{name: "hang at import", suite: "test_hang_import.py", outcome: "startup-hang", phase: "collect", tests: "0 0 0 0", fault: "attempts/hangs-in-call", hangs: true},
	{name: "hang in a teardown", suite: "test_hang_teardown.py", outcome: "hang", phase: "teardown", running: "test_hang_teardown.py::test_uses", tests: "0 0 0 0", fault: "attempts/hangs-in-call", hangs: true},
	{name: "hang in atexit", suite: "test_hang_atexit.py", outcome: "shutdown-hang", phase: "exit", tests: "1 0 0 0", fault: "attempts/hangs-in-call", hangs: true},
	{name: "hang for a thread", suite: "test_hang_thread.py", outcome: "shutdown-hang", phase: "exit", tests: "1 0 0 0", fault: "attempts/hangs-in-call", hangs: true},
	{name: "hang on an output pipe", suite: "test_hang_pipe.py", outcome: "hang", phase: "call", running: "test_hang_pipe.py::test_output_pipe", tests: "0 0 0 0",
		fault: "attempts/deadlock", hangs: true},
	{name: "hang for a stopped child", suite: "test_hang_child.py", outcome: "hang", phase: "call", running: "test_hang_child.py::test_waits_for_a_stopped_child", tests: "0 0 0 0",
		fault: "attempts/stopped", hangs: true},
	{name: "hang over a deaf family", suite: "test_hang_family.py", outcome: "hang", phase: "call", running: "test_hang_family.py::test_family", tests: "0 0 0 0", fault: "attempts/hangs-in-call", hangs: true},

	{name: "hang in an event loop", suite: "test_hang_loop.py", outcome: "hang", phase: "call", running: "test_hang_loop.py::test_awaits", tests: "0 0 0 0",
		fault: "attempts/hangs-in-python", hangs: true},

	{name: "setsid'ed child left", suite: "test_leak_setsid.py", outcome: "leak", tests: "1 0 0 0", leaks: "process"},
	{name: "double fork left, listening", suite: "test_leak_double_fork.py", outcome: "leak", tests: "1 0 0 0", leaks: "process listener"},
	{name: "files left", suite: "test_leak_files.py", outcome: "leak", tests: "1 0 0 0", leaks: "socket_file shm"},

	{name: "flaky, its pass", suite: "test_flaky.py::test_half", env: []string{"HALF=p"}, outcome: "passed", tests: "1 0 0 0"},
	{name: "flaky, its failure", suite: "test_flaky.py::test_half", env: []string{"HALF=f"}, outcome: "failed", tests: "0 1 0 0"},
	{name: "flaky, its hang", suite: "test_flaky.py::test_third", env: []string{"THIRD=h"}, outcome: "hang", phase: "call", running: "test_flaky.py::test_third", tests: "0 0 0 0", fault: "attempts/hangs-in-call", hangs: true},

	{name: "xdist: pass", suite: "test_pass.py", args: []string{"-n", "2"}, outcome: "passed", tests: "6 0 0 2"},
	{name: "xdist: fail", suite: "test_fail.py", args: []string{"-n", "2", "--dist", "loadfile"}, outcome: "failed", tests: "1 1 2 0"},
	{name: "xdist: cannot be imported", suite: "test_broken.py", args: []string{"-n", "2"}, outcome: "error", tests: "0 0 1 0"},
	{name: "xdist: hang", suite: "test_hang.py", args: []string{"-n", "2", "-k", "stuck or family"}, outcome: "hang", phase: "call", running: "test_hang.py::test_stuck", tests: "0 0 0 0", fault: "attempts/hangs-in-call", hangs: true},
	{name: "xdist: hang at import", suite: "test_hang_import.py", args: []string{"-n", "2"}, outcome: "startup-hang", phase: "collect", tests: "0 0 0 0", fault: "attempts/hangs-in-call", hangs: true},
	{name: "xdist: crash", suite: "test_segv.py", args: []string{"-n", "2"}, outcome: "crash", phase: "exit", running: "test_segv.py::test_dies", tests: "0 0 1 0"},
}

// TestPytestOutcomes runs every planted case under a new pytest, and wants its
// outcome, and nobody left.
func TestPytestOutcomes(t *testing.T) {
	g := newGateStage(t, "9")
	g.all(t, plantedCases)
}

// TestPytestOutcomesOfAnOldPytest runs those that an old pytest could tell
// differently.
func TestPytestOutcomesOfAnOldPytest(t *testing.T) {
	g := newGateStage(t, "7")
	some := slices.DeleteFunc(slices.Clone(plantedCases), func(c plantedCase) bool {
		return !slices.Contains([]string{"pass", "fail", "no such test", "no tests", "cannot be imported", "crash", "rude to its process", "hang in a teardown",
			"hang in atexit", "xdist: fail", "xdist: hang", "xdist: crash"}, c.name)
	})
	g.all(t, append(some,
		plantedCase{name: "pytest-timeout's thread", suite: "test_hang.py", args: []string{"--timeout", "1", "--timeout-method", "thread"},
			outcome: "hang", phase: "call", running: "test_hang.py::test_stuck", tests: "1 0 0 0"},
		plantedCase{name: "pytest-timeout's signal", suite: "test_hang.py", args: []string{"--timeout", "1", "--timeout-method", "signal"},
			outcome: "failed", tests: "2 1 0 0"},
	))
}

// TestPytestLeavesNobody repeats those cases that are hard to end.
func TestPytestLeavesNobody(t *testing.T) {
	g := newGateStage(t, "9")
	var hard []plantedCase
	for _, c := range plantedCases {
		if c.hangs || c.leaks != "" || c.outcome == "crash" {
			hard = append(hard, c)
		}
	}
	var cases []plantedCase
	for i := range *pytestRuns {
		c := hard[i*7%len(hard)]
		c.name = fmt.Sprintf("%d %s", i, c.name)
		cases = append(cases, c)
	}
	g.all(t, cases)
	t.Logf("%d runs, %d survivors", g.runs, g.survivors)
}

// A wrapped timeout changes exit codes, not outcomes.
func TestPytestUnderTimeout(t *testing.T) {
	if _, err := exec.LookPath("timeout"); err != nil {
		missing(t, "no timeout(1)")
	}
	g := newGateStage(t, "9")
	stuck := plantedCase{suite: "test_hang.py", outcome: "hang", phase: "call", running: "test_hang.py::test_stuck", tests: "1 0 0 0"}
	var cases []plantedCase
	for _, around := range []string{"timeout 4", "timeout -s KILL 4", "timeout --preserve-status 4"} {
		c := stuck
		c.name, c.env = around, []string{"AROUND=" + around}
		cases = append(cases, c)
	}
	g.all(t, cases)
}

func TestPytestMissing(t *testing.T) {
	g := newGateStage(t, "9")
	bare := filepath.Join(g.dir, "bare", "bin", "python") // an environment with nothing in it
	if out, err := exec.Command(g.python, "-m", "venv", "--without-pip", filepath.Dir(filepath.Dir(bare))).CombinedOutput(); err != nil {
		missing(t, "no venv: %v\n%s", err, out)
	}
	for _, c := range []struct {
		python, want string
		code         int
	}{
		{bare, "no pytest in " + bare + " (as named)", 3},
		{"/no/such/python", `no Python: "/no/such/python" is not there`, 2},
	} {
		out, errs, code, err := g.run(nil, "run", "--allow", "run", "--no-record", g.recipe, "test_pass.py", "--dir", g.project, "--python", c.python)
		if err != nil || code != c.code || !strings.Contains(strings.Join(strings.Fields(out), " "), c.want) {
			t.Errorf("exit code %d, %v, want %d and %q\n%s%s", code, err, c.code, c.want, out, errs)
		}
	}
}

// Without a grant nothing is run; Ctrl-C ends the tree, and the run says how
// far it came.
func TestPytestInterrupted(t *testing.T) {
	g := newGateStage(t, "9")
	out, errs, code, err := g.run(nil, "run", "--no-record", g.recipe, "test_vanish.py", "--dir", g.project, "--python", g.venvPython)
	if err != nil || code != 3 || !strings.Contains(out, "run was not granted") {
		t.Fatalf("without a grant: exit code %d, %v\n%s%s", code, err, out, errs)
	}

	marker := g.marker("interrupted")
	cmd := g.command(context.Background(), g.binary, "run", "--allow", "run", g.recipe, "test_hang_family.py", "--dir", g.project, "--python", g.venvPython, "--json")
	cmd.Env = append(cmd.Env, g.environment(marker)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); len(carriers(marker)) < 7; time.Sleep(20 * time.Millisecond) { // three of ours, pytest, three of its family and more
		if time.Now().After(end) {
			t.Fatalf("the family did not come: %v\n%s", carriers(marker), stderr.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its code is looked at
	if left := carriers(marker); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
	if code := cmd.ProcessState.ExitCode(); code != 143 || !strings.Contains(stdout.String(), `"interrupted"`) ||
		!strings.Contains(stdout.String(), "test_hang_family.py::test_family") {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
}

// Whoever presses Ctrl-C twice waits for nobody's grace, and leaves nobody behind.
func TestPytestInterruptedTwice(t *testing.T) {
	g := newGateStage(t, "9")
	for _, recipe := range []string{"hang-proof-tests", g.recipe} {
		marker := g.marker("twice")
		args := []string{"run", "--allow", "run", "--no-record", recipe, filepath.Join(g.project, "test_hang_family.py"), "--python", g.venvPython, "--grace", "60s"}
		cmd := g.command(context.Background(), g.binary, args...)
		cmd.Env = append(cmd.Env, g.environment(marker)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); len(carriers(marker)) < 6; time.Sleep(20 * time.Millisecond) { // ours, the guard, pytest, three of its family
			if time.Now().After(end) {
				t.Fatalf("the family did not come: %v", carriers(marker))
			}
		}
		for range 2 {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * echo) // two, and not one and its echo
		}
		_ = cmd.Wait()                                                                                              // its code is looked at
		for end := time.Now().Add(10 * time.Second); len(carriers(marker)) > 0; time.Sleep(20 * time.Millisecond) { // a confined process outlives us by a moment
			if time.Now().After(end) {
				t.Fatalf("%s: still there: %v", recipe, carriers(marker))
			}
		}
		if code := cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("%s: exit code %d, want 130", recipe, code)
		}
	}
}

// Killed with SIGKILL, by itself or with the confined process of a recipe, at any
// moment, it leaves nobody behind, and nothing in the directory for temporary
// files.
func TestPytestKilled(t *testing.T) {
	g := newGateStage(t, "9")
	tmp := filepath.Join(g.dir, "tmp")
	if err := os.Mkdir(tmp, 0o777); err != nil || os.Chmod(tmp, 0o777) != nil {
		t.Fatal(err)
	}
	for i, moment := range []int{1, 1, 2, 3, 4, 7, 6} { // how many live of it when it is killed
		marker := g.marker("killed")
		recipe := []string{"hang-proof-tests", g.recipe}[i%2]
		cmd := g.command(context.Background(), g.binary, "run", "--allow", "run", "--no-record", recipe, filepath.Join(g.project, "test_hang_family.py"), "--python", g.venvPython, "--grace", "1s")
		cmd.Env = append(append(cmd.Env, g.environment(marker)...), "TMPDIR="+tmp)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); len(carriers(marker)) < moment; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the family did not come: %v", carriers(marker))
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for end := time.Now().Add(30 * time.Second); len(carriers(marker)) > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s, killed with %d: still there: %v", recipe, moment, carriers(marker))
			}
		}
		if left, _ := filepath.Glob(filepath.Join(tmp, "runbook-*")); len(left) > 0 {
			t.Errorf("%s, killed with %d: left %v", recipe, moment, left)
		}
	}
}

// --- the stage -------------------------------------------------------------------

// gateStage is a stage with a pytest of its own and a copy of the project.
type gateStage struct {
	*stage
	venvPython string
	project    string
	recipe     string

	serial    int
	runs      int
	survivors int
}

func newGateStage(t testing.TB, version string) *gateStage {
	t.Helper()
	s := newStage(t)
	python, at := s.oldPython()
	if python == "" {
		missing(t, "pytest 7 and 9 need CPython 3.10, 3.11 or 3.12 with venv")
	}
	g := &gateStage{stage: s, project: filepath.Join(s.dir, "a project")}
	g.venvPython = s.venv(t, "pytest-"+version+"-"+at, python, "testdata/pytest/requirements-"+version+".txt", "import pytest, xdist")
	if err := os.CopyFS(g.project, os.DirFS("testdata/pytest/project")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"counters", "xdg"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if s.as != nil {
		for _, dir := range []string{"counters", "xdg", "a project"} {
			if err := os.Chown(filepath.Join(s.dir, dir), int(s.as.Uid), int(s.as.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	g.recipe = filepath.Join(s.dir, "attempts.star")
	text, err := os.ReadFile("testdata/pytest/attempts.star")
	if err == nil {
		err = os.WriteFile(g.recipe, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// marker names a run in the environment of all that belongs to it.
func (g *gateStage) marker(name string) string {
	g.serial++
	return fmt.Sprintf("GATE_TEST_CASE=%s %d %s", filepath.Base(g.dir), g.serial, name)
}

func (g *gateStage) environment(marker string) []string {
	return []string{marker, "COUNTERS=" + filepath.Join(g.dir, "counters"), "XDG_RUNTIME_DIR=" + filepath.Join(g.dir, "xdg"), "PYTHONDONTWRITEBYTECODE=1"}
}

// run is stage.runbook with more in the environment, and more patience.
func (g *gateStage) run(env []string, args ...string) (stdout, stderr string, code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := g.command(ctx, g.binary, args...)
	cmd.Env = append(append(cmd.Env, g.environment("")[1:]...), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), err
}

// carriers are the processes that have the marker in their environment.
func carriers(marker string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err == nil && slices.Contains(strings.Split(string(env), "\x00"), marker) {
			dir := filepath.Dir(f)
			cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
			found = append(found, filepath.Base(dir)+" "+strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}

// all runs cases, three at once: those that hang only wait. Those that leave
// files run by themselves, before: the others would find these, too.
func (g *gateStage) all(t *testing.T, cases []plantedCase) {
	type run struct {
		plantedCase
		marker    string
		wrong     []string
		survivors int
	}
	runs := make([]*run, len(cases))
	queue := make(chan *run, len(cases))
	play := func(r *run) {
		// So loaded a machine that the deadline came before the hang: again.
		for _, timeout := range []int{5, 15, 45} {
			r.wrong, r.survivors = g.play(r.plantedCase, r.marker, timeout)
			if len(r.wrong) == 0 || !r.hangs {
				break
			}
		}
	}
	for i, c := range cases {
		runs[i] = &run{plantedCase: c, marker: g.marker(c.name)}
		if strings.Contains(c.leaks, "shm") {
			play(runs[i])
			continue
		}
		queue <- runs[i]
	}
	close(queue)
	var playing sync.WaitGroup
	for range 3 {
		playing.Go(func() {
			for r := range queue {
				play(r)
			}
		})
	}
	playing.Wait()
	for _, r := range runs {
		g.runs++
		g.survivors += r.survivors
		t.Run(r.name, func(t *testing.T) {
			for _, w := range r.wrong {
				t.Error(w)
			}
		})
	}
}

// play runs one case and says what is wrong with it.
func (g *gateStage) play(c plantedCase, marker string, timeout int) (wrong []string, survivors int) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	python := g.venvPython
	for _, e := range c.env {
		if around, ok := strings.CutPrefix(e, "AROUND="); ok {
			python, timeout = around+" "+python, 60
		}
	}
	args := []string{"run", "--allow", "run", "--json", g.recipe, c.suite, "--dir", g.project, "--python", python, "--grace", "1s", "--timeout", strconv.Itoa(timeout) + "s"}
	if !c.hangs {
		args[len(args)-1] = "60s"
	}
	for _, a := range c.args {
		args = append(args, "--arg", a)
	}
	stdout, stderr, code, err := g.run(append([]string{marker}, c.env...), args...)
	left := carriers(marker)
	if len(left) > 0 {
		complain("still there: %v", left)
	}
	if err != nil {
		complain("%v\n%s", err, stderr)
		return wrong, len(left)
	}
	doc, err := readReport(stdout)
	if err != nil {
		complain("exit code %d: %v\n%s%s", code, err, stdout, stderr)
		return wrong, len(left)
	}
	i := slices.IndexFunc(doc.Findings, func(f event.Finding) bool { return f.Rule == "attempts/attempt" })
	if i < 0 || len(doc.Findings[i].Evidence) == 0 {
		complain("exit code %d (%s), no attempt\n%s%s", code, doc.Outcome, stdout, stderr)
		return wrong, len(left)
	}
	f := doc.Findings[i]
	a := valuesOf(f.Evidence[0])
	got := c
	got.outcome, got.phase, got.running = a["outcome"], a["phase"], strings.Trim(a["running"], "[]")
	got.tests = strings.Join([]string{a["passed"], a["failed"], a["errors"], a["skipped"]}, " ")
	var kinds []string
	for _, e := range f.Evidence[1:] {
		if v := valuesOf(e); v["type"] == "leak" && v["proved"] == "true" { // the rest may be another program's
			kinds = append(kinds, v["kind"])
			if strings.Contains(v["path"], "runbook-test-") {
				os.Remove(v["path"]) // the test's own, which nobody else will
			}
		}
	}
	got.leaks = strings.Join(slices.Compact(kinds), " ")
	got.fault = ""
	for _, f := range doc.Findings {
		if f.Verdict == event.Fault {
			got.fault = f.Rule
		}
	}
	if c.reason != "" {
		got.reason = a["reason"]
	}
	if fmt.Sprint(got) != fmt.Sprint(c) {
		complain(" got %+v\nwant %+v\nreason %s\n%s\n%s", got, c, f.Because, f.Means, stderr)
	}
	if c.hangs {
		if lacks := c.lacks(doc.Findings); lacks != "" {
			complain("the record: %s", lacks)
		}
		if again := g.again(a["evidence"], c); again != "" {
			complain("%s", again)
		}
	}
	return wrong, len(left)
}

// again reads the evidence of a hang, which must name the same culprit.
func (g *gateStage) again(evidence string, c plantedCase) string {
	if evidence == "" {
		return "no evidence was taken"
	}
	out, errs, code, err := g.runbook("run", "wedged-actor", "--json", "--no-record", "--from", evidence)
	if err != nil || code > 1 {
		return fmt.Sprintf("from the evidence: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	doc, err := readReport(out)
	if err != nil {
		return err.Error()
	}
	fault := ""
	for _, f := range doc.Findings {
		if f.Verdict == event.Fault {
			fault = strings.Replace(f.Rule, "wedged-actor/", "attempts/", 1)
		}
	}
	if fault != c.fault {
		return fmt.Sprintf("from the evidence: fault %q, want %q\n%s", fault, c.fault, out)
	}
	if lacks := c.lacks(doc.Findings); lacks != "" {
		return "from the evidence: " + lacks
	}
	return ""
}

// lacks says what the findings on a hang do not name: the process to blame, the
// call that it is in where that is all there is, and the test, or the phase, in
// which it hangs.
func (c plantedCase) lacks(findings []event.Finding) string {
	in := cmp.Or(c.running, "phase "+c.phase)
	named := false
	for _, f := range findings {
		_, rule, _ := strings.Cut(f.Rule, "/")
		named = named || rule == "overdue" && strings.Contains(f.Title, "in "+in)
		if f.Verdict != event.Fault {
			continue
		}
		switch {
		case f.About == nil || f.About.PID == 0:
			return "nobody is named: " + f.Title
		case rule == "hangs-in-call" && !callNamed.MatchString(f.Title):
			return "no call is named: " + f.Title
		}
	}
	if !named {
		return fmt.Sprintf("no word of %q in %+v", in, findings)
	}
	return ""
}

var callNamed = regexp.MustCompile(`state [A-Z], wchan \w+, system call \w+`)

func valuesOf(fields event.Fields) map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		if list, ok := f.Value.([]any); ok {
			var words []string
			for _, x := range list {
				words = append(words, fmt.Sprint(x))
			}
			out[f.Name] = strings.Join(words, " ")
			continue
		}
		out[f.Name] = fmt.Sprint(f.Value)
	}
	return out
}

// --- what it costs ----------------------------------------------------------------

// pluginCost is what the plugin adds to a test, in µs of processor time.
func (g *gateStage) pluginCost(t testing.TB) float64 {
	t.Helper()
	dir := t.TempDir()
	plugin, err := os.ReadFile("../../builtins/probe/pytest_plugin.py")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "runbook_pytest.py"), plugin, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "events"), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(g.venvPython, "testdata/pytest/plugin_cost.py", dir)
	cmd.Env = append(os.Environ(), "RUNBOOK_PYTEST_EVENTS="+filepath.Join(dir, "events"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	cost, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return cost
}

// gateCost is how much longer a suite takes under the gate than by itself: the
// quickest of some laps each, by turns. It also gives the time of the bare one.
func (g *gateStage) gateCost(t testing.TB, laps int) (more, bare time.Duration) {
	t.Helper()
	quickest := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	for range laps {
		began := time.Now()
		cmd := g.command(context.Background(), g.venvPython, "-m", "pytest", "test_slow.py")
		cmd.Dir = g.project
		cmd.Env = append(cmd.Env, g.environment("")[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		quickest[0] = min(quickest[0], time.Since(began))

		out, errs, code, err := g.run(nil, "run", "--allow", "run", "--json", "--no-record", g.recipe, "test_slow.py", "--dir", g.project, "--python", g.venvPython)
		if err != nil || code != 0 {
			t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
		}
		var doc struct {
			Findings []struct{ Evidence []map[string]any }
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Findings) == 0 {
			t.Fatalf("%v\n%s", err, out)
		}
		took, err := time.ParseDuration(fmt.Sprint(doc.Findings[0].Evidence[0]["duration"]))
		if err != nil {
			t.Fatal(err)
		}
		quickest[1] = min(quickest[1], took)
	}
	return quickest[1] - quickest[0], quickest[0]
}

// TestPytestIsCheap guards the order of magnitude where tests run, beside
// whatever else does. BenchmarkPytest has the goals: 50 µs, 150 ms, 3 %.
func TestPytestIsCheap(t *testing.T) {
	g := newGateStage(t, "9")
	if cost := g.pluginCost(t); cost > 100 {
		t.Errorf("the plugin adds %.1f µs to a test; want at most 50", cost)
	}
	more, bare := g.gateCost(t, 2)
	for n := 0; n < 3 && more > 450*time.Millisecond; n++ { // a noisy moment, or a loss?
		more, bare = g.gateCost(t, 2)
	}
	if more > 450*time.Millisecond {
		t.Errorf("the gate adds %s to %s; want at most 150 ms", more, bare)
	}
}

// BenchmarkPytest: plugin-µs/test, gate-ms and gate-% of a suite of a few seconds.
func BenchmarkPytest(b *testing.B) {
	g := newGateStage(b, "9")
	for b.Loop() {
	}
	b.ReportMetric(g.pluginCost(b), "plugin-µs/test")
	more, bare := g.gateCost(b, 7)
	b.ReportMetric(more.Seconds()*1e3, "gate-ms")
	b.ReportMetric(more.Seconds()/bare.Seconds()*100, "gate-%")
}
