package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"runbook/engine/event"
)

// A project's history: each part COMMIT or UNCOMMITTED begins one more, and the
// files behind it are what it writes. BRANCH leaves main.

const brokenNow = `
-- COMMIT a calculator --
-- calc/__init__.py --
def add(a, b):
    return a + b
-- tests/test_calc.py --
import calc

def test_add():
    assert calc.add(1, 2) == 3
-- pytest.ini --
[pytest]
pythonpath = .
-- .gitignore --
__pycache__/
.pytest_cache/
-- UNCOMMITTED --
-- calc/__init__.py --
from calc.new import minus as add
-- calc/new.py --
def minus(a, b):
    return a - b
`

const brokenBefore = `
-- COMMIT a calculator that subtracts --
-- calc/__init__.py --
def add(a, b):
    return a - b
-- tests/test_calc.py --
import calc

def test_add():
    assert calc.add(1, 2) == 3
-- UNCOMMITTED --
-- calc/__init__.py --
def add(a, b):
    return a - b

def twice(a):
    return 2 * a
`

const twoChecks = `
-- COMMIT a calculator --
-- calc.py --
def add(a, b):
    return 4
-- checks.py --
def check(n):
    assert n != 4
    assert n != 5
-- test_calc.py --
import calc, checks

def test_add():
    checks.check(calc.add(1, 2))
-- UNCOMMITTED --
-- calc.py --
def add(a, b):
    return 5
`

const flakyHistory = `
-- COMMIT a flaky calculator --
-- calc/__init__.py --
import os, random

def runs():
    with open(os.environ["COUNTERS"] + "/flaky", "a+") as f:
        f.write("x")
        return f.tell()

def add(a, b):
    return a + b if runs() // 2 % 2 else a - b
-- tests/test_calc.py --
import calc

def test_add():
    assert calc.add(1, 2) == 3
-- BRANCH feature --
-- COMMIT a word about it --
-- README --
adds
`

const newTest = `
-- COMMIT a calculator --
-- calc/__init__.py --
def add(a, b):
    return a + b
-- tests/test_calc.py --
import calc
-- UNCOMMITTED --
-- calc/__init__.py --
def add(a, b):
    return b
-- tests/test_new.py --
import calc

def test_add():
    assert calc.add(1, 2) == 3
`

const sourceLayout = `
-- COMMIT a calculator --
-- src/calc/__init__.py --
def add(a, b):
    return a + b
-- tests/test_calc.py --
import subprocess, sys

def test_add():
    import calc
    assert calc.add(1, 2) == 3

def test_program():
    assert subprocess.run([sys.executable, "-c", "import calc; assert calc.add(1, 2) == 3"]).returncode == 0
-- UNCOMMITTED --
-- src/calc/__init__.py --
def add(a, b):
    return a - b
`

// What git keeps is not all that this code needs: an ignored file, an empty
// directory, the name of the branch. And in its second run it finds a cache.
const needsMore = `
-- COMMIT a calculator --
-- calc.py --
import json, os, subprocess

def add(a, b):
    branch = subprocess.check_output(["git", "branch", "--show-current"], text=True).strip()
    assert branch == "main" and os.path.isdir("data")
    return a + b + json.load(open("local.json"))["more"]
-- test_calc.py --
import calc, os, subprocess

def test_add():
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", "commit", "-qam", "by the test", "--allow-empty"], check=True)
    subprocess.run(["git", "tag", "by-the-test"], check=True)
    assert calc.add(1, 2) == 3
-- .gitignore --
local.json
cache
__pycache__
-- local.json --
{"more": 0}
-- EMPTY data --
-- UNCOMMITTED --
-- calc.py --
import json, os, subprocess

def add(a, b):
    branch = subprocess.check_output(["git", "branch", "--show-current"], text=True).strip()
    assert branch == "main" and os.path.isdir("data")
    if not os.path.exists("cache"):
        open("cache", "w").close()
        return a - b
    return a + b + json.load(open("local.json"))["more"]
`

// The change writes where both sides read.
const poisonous = `
-- COMMIT a calculator --
-- calc.py --
import os

def add(a, b):
    return a + b if not os.path.exists(os.environ["COUNTERS"] + "/poison") else 0
-- test_calc.py --
import calc

def test_add():
    assert calc.add(1, 2) == 3
-- UNCOMMITTED --
-- calc.py --
import os

def add(a, b):
    open(os.environ["COUNTERS"] + "/poison", "w").close()
    return a + b if not os.path.exists(os.environ["COUNTERS"] + "/poison") else 0
`

// attributed is one question to the recipe, and its answer.
type attributed struct {
	name    string
	history string
	dir     string // in which the user stands
	args    []string
	env     []string
	code    int
	want    string // findings: verdict and rule
	says    string // in one of them
}

var attributions = []attributed{
	{name: "planted regression", history: brokenNow, args: []string{"--case", "tests/test_calc.py::test_add"},
		code: 1, want: "fault regression", says: "baseline 0 of 3 (0 %, 95 % interval 0–56 %), change 4 of 4 (100 %, 95 % interval 51–100 %); p = 0.029"},
	{name: "in a subdirectory", history: brokenNow, dir: "tests", args: []string{"--case", "test_calc.py::test_add"},
		code: 1, want: "fault regression"},
	{name: "three against three", history: brokenNow, args: []string{"--case", "tests/test_calc.py::test_add", "--runs", "3"},
		code: 3, want: "unknown cannot-tell", says: "3 against 3 can never be significant: p = 0.10 at best"},
	{name: "pre-existing", history: brokenBefore, args: []string{"--case", "tests/test_calc.py::test_add"},
		want: "note pre-existing", says: "it fails at the baseline already"},
	{name: "two failures of one helper", history: twoChecks, args: []string{"--case", "test_calc.py::test_add"},
		want: "warn fails-otherwise", says: "at different lines"},
	{name: "flaky on both sides", history: flakyHistory, args: []string{"--case", "tests/test_calc.py", "--runs", "8"},
		want: "warn flaky", says: "no difference was shown"},
	{name: "baseline cannot run", history: newTest, args: []string{"--case", "tests/test_new.py::test_add"},
		code: 3, want: "unknown baseline-cannot-run", says: "not found"},
	{name: "the new test brought to the baseline", history: newTest, args: []string{"--case", "tests/test_new.py::test_add", "--layer", "tests/**"},
		code: 1, want: "note baseline-cannot-run, fault regression", says: "the change broke it, and not by `tests/**`"},
	{name: "the layer that broke it", history: brokenNow, args: []string{"--case", "tests/test_calc.py::test_add", "--layer", "calc"},
		code: 1, want: "fault regression, fault layer", says: "it is `calc` that brings the failure"},
	{name: "what git does not keep", history: needsMore, env: []string{"GIT_DIR=/nowhere", "GIT_INDEX_FILE=/nowhere"}, args: []string{"--case", "test_calc.py::test_add"},
		code: 1, want: "fault regression", says: "baseline 0 of 3 (0 %, 95 % interval 0–56 %), change 4 of 4"},
	{name: "poisoned from outside", history: poisonous, args: []string{"--case", "test_calc.py::test_add"},
		code: 3, want: "unknown cannot-tell", says: "it passed at the baseline before the change had ever run, and never after"},
	{name: "in place", history: brokenNow, args: []string{"--case", "tests/test_calc.py::test_add", "--in-place", "--allow", "write"},
		code: 1, want: "fault regression"},
	{name: "in place, not granted", history: brokenNow, args: []string{"--case", "tests/test_calc.py::test_add", "--in-place"},
		code: 3, want: ""},
}

func TestAttribution(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "9")
	for _, c := range attributions {
		t.Run(c.name, func(t *testing.T) {
			g.attribute(t, g.repository(t, c.history), c)
		})
	}
}

// Where an editable install points to the user's tree, the copies are not what
// is tested: that is said, and both ways out of it lead to the verdict.
func TestAttributionOfAnEditableInstall(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "9")
	repo := g.repository(t, sourceLayout)
	editable := g.editable(t, filepath.Join(repo, "src"))
	for _, c := range []attributed{
		{name: "seen", args: []string{"--case", "tests/test_calc.py::test_add"},
			code: 3, want: "unknown not-your-copy", says: "it imported `calc` from " + filepath.Join(repo, "src", "calc", "__init__.py")},
		{name: "seen of a program that the test starts", args: []string{"--case", "tests/test_calc.py::test_program", "--", "-o", "pythonpath=src"},
			code: 3, want: "unknown not-your-copy", says: "a program that it starts would import `calc`"},
		{name: "by a path in each tree", env: []string{"PYTHONPATH=src"}, args: []string{"--case", "tests/test_calc.py::test_program"},
			code: 1, want: "fault regression"},
		{name: "in place", args: []string{"--case", "tests/test_calc.py", "--in-place", "--allow", "write"},
			code: 1, want: "fault regression"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.args = append([]string{"--python", editable}, c.args...)
			g.attribute(t, repo, c)
		})
	}
}

// A case that has a path to the user's own tree written down, REPO, which both
// copies hold: what they do by it is not what lies in them.
const pathWrittenDown = `
-- COMMIT a calculator --
-- calc/__init__.py --
def add(a, b):
    return a + b
-- calc/one.json --
1
-- calc/same.json --
1
-- run.py --
import sys
sys.path.insert(0, "REPO")
import calc
assert calc.add(1, 2) == 3
-- tests/test_calc.py --
import json, os, subprocess, sys

def test_script():
    assert subprocess.run([sys.executable, "run.py"]).returncode == 0

def test_argument():
    assert subprocess.run([sys.executable, "-c", "import sys; sys.path.insert(0, 'REPO'); import calc; assert calc.add(1, 2) == 3"]).returncode == 0

def test_input():
    text = "import sys; sys.path.insert(0, 'REPO'); import calc; assert calc.add(1, 2) == 3"
    assert subprocess.run([sys.executable, "-"], input=text.encode()).returncode == 0

def test_directory():
    assert subprocess.run([sys.executable, "-c", "import calc; assert calc.add(1, 2) == 3"], cwd=os.path.dirname("REPO/x")).returncode == 0

def test_opened():
    assert json.load(open("REPO/calc/one.json")) == 1

def test_went_there():
    os.chdir("REPO")
    assert json.load(open("calc/one.json")) == 1

def test_forked():
    pid = os.fork()
    if not pid:
        os._exit(json.load(open("REPO/calc/one.json")) != 1)
    assert os.waitpid(pid, 0)[1] == 0

def test_unchanged():
    from calc import add
    assert json.load(open("REPO/calc/same.json")) == 1 and add(1, 2) == 3
-- UNCOMMITTED --
-- calc/__init__.py --
def add(a, b):
    return a - b
-- calc/one.json --
2
`

// Each of these was called pre-existing, for both sides ran what is changed.
func TestAttributionOfAPathWrittenDown(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "9")
	at := filepath.Join(g.dir, fmt.Sprintf("a repository %d", g.serial+1))
	repo := g.repository(t, strings.ReplaceAll(pathWrittenDown, "REPO", at))
	for _, c := range []attributed{
		{name: "script", says: "stands in a file that starts programs, or is one"},
		{name: "argument", says: "a program that they start is given " + repo},
		{name: "input", says: "stands in a file that starts programs, or is one: tests/test_calc.py"},
		{name: "directory", says: "a program that they start is given " + repo},
		{name: "opened", says: "the tests opened " + repo + "/calc/one.json"},
		{name: "went_there", says: "the tests went to " + repo},
		{name: "forked", says: "the tests opened " + repo + "/calc/one.json"},
		{name: "unchanged", code: 1, want: "fault regression"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.args = []string{"--case", "tests/test_calc.py::test_" + c.name}
			if c.code == 0 {
				c.code, c.want = 3, "unknown not-your-copy"
			}
			g.attribute(t, repo, c)
		})
	}
}

const scribbler = `
-- COMMIT a calculator --
-- calc/__init__.py --
def add(a, b):
    return a + b
-- data/seen.txt --
nothing
-- tests/test_calc.py --
import calc

def test_add():
    open("data/seen.txt", "w").write("by the test")
    open("report.txt", "w").write("by the test")
    open("test.log", "w").write("by the test")
    assert calc.add(1, 2) == 3
-- .gitignore --
*.log
-- UNCOMMITTED --
-- calc/__init__.py --
def add(a, b):
    return a - b
`

// What the case itself writes into the user's tree goes again, on both sides,
// and is kept under one ref; what git ignores is named.
func TestAttributionOfACaseThatWrites(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "9")
	repo := g.repository(t, scribbler)
	before := g.stateOf(t, repo)
	cmd := g.attribution(t.Context(), repo, "run", "regression-attribution", "--case", "tests/test_calc.py", "--in-place", "--allow", "write", "--python", g.venvPython, "--no-record")
	out, _ := cmd.CombinedOutput() // its code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "data/seen.txt, report.txt") || !strings.Contains(string(out), "test.log") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	refs := strings.Fields(g.git(t, repo, "for-each-ref", "--format=%(refname)", "refs/runbook"))
	if len(refs) != 1 || g.git(t, repo, "show", refs[0]+":report.txt") != "by the test" {
		t.Fatalf("kept under %v\n%s", refs, out)
	}
	g.git(t, repo, "update-ref", "-d", refs[0])
	if err := os.Remove(filepath.Join(repo, "test.log")); err != nil {
		t.Fatal(err)
	}
	if after := g.stateOf(t, repo); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

// Two real searches: a failure that is certain, with a commit that cannot be
// imported on the way, and one that shows in six runs of ten.
func TestAttributionFindsTheCommit(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "9")
	test := "-- tests/test_calc.py --\nimport calc\n\ndef test_add():\n    assert calc.add(1, 2) == 3\n"
	history := func(n int, code func(i int) string) string {
		var b strings.Builder
		b.WriteString("-- COMMIT good --\n" + test + "-- calc/__init__.py --\ndef add(a, b):\n    return a + b\n")
		for i := 1; i <= n; i++ {
			fmt.Fprintf(&b, "-- COMMIT number %d --\n-- calc/__init__.py --\n%s# %d\n", i, code(i), i)
		}
		return b.String()
	}
	certain := history(9, func(i int) string {
		switch {
		case i == 4:
			return "import not_there\n"
		case i >= 7:
			return "def add(a, b):\n    return a - b\n"
		}
		return "def add(a, b):\n    return a + b\n"
	})
	flaky := history(12, func(i int) string {
		if i >= 5 {
			return "import os, random\n\ndef add(a, b):\n    with open(os.environ['COUNTERS'] + '/search', 'a+') as f:\n        f.write('x')\n" +
				"        fails = random.Random(f.tell()).random() < 0.6\n    return a - b if fails else a + b\n"
		}
		return "def add(a, b):\n    return a + b\n"
	})
	otherwise := history(5, func(i int) string {
		switch i {
		case 1, 2:
			return "def add(a, b):\n    return {}['b']\n"
		case 4, 5:
			return "def add(a, b):\n    return a - b\n"
		}
		return "def add(a, b):\n    return a + b\n"
	})
	for _, c := range []attributed{
		{name: "another failure before it", history: otherwise, args: []string{"--case", "tests/test_calc.py::test_add", "--bisect", "good"},
			code: 1, want: "fault regression, fault commit", says: `"number 4" (Ada,`},
		{name: "certain", history: certain, args: []string{"--case", "tests/test_calc.py::test_add", "--bisect", "good"},
			code: 1, want: "fault regression, fault commit", says: `"number 7" (Ada,`},
		{name: "flaky", history: flaky, args: []string{"--case", "tests/test_calc.py::test_add", "--bisect", "good", "--until-sure"},
			code: 1, want: "fault regression, fault commit", says: `"number 5" (Ada,`},
	} {
		t.Run(c.name, func(t *testing.T) {
			repo := g.repository(t, c.history)
			g.git(t, repo, "tag", "good", ":/good")
			g.attribute(t, repo, c)
		})
	}
}

// One clear line, exit code 2 or 3, and nothing changed.
func TestAttributionOfBadInput(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "9")
	repo := g.repository(t, brokenNow)
	bare := filepath.Join(g.dir, "bare", "bin", "python")
	if out, err := exec.Command(g.python, "-m", "venv", "--without-pip", filepath.Dir(filepath.Dir(bare))).CombinedOutput(); err != nil {
		missing(t, "no venv: %v\n%s", err, out)
	}
	nowhere := filepath.Join(g.dir, "nowhere")
	if err := os.MkdirAll(filepath.Join(nowhere, "tests"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.git(t, repo, "tag", "island", strings.TrimSpace(g.git(t, repo, "commit-tree", "-m", "island", "HEAD^{tree}")))
	there := []string{"--case", "tests/test_calc.py::test_add"}
	for _, c := range []attributed{
		{name: "no such case", args: []string{"--case", "tests/test_calc.py::test_nope"}, want: "unknown case-cannot-run", says: "not found"},
		{name: "no such file", args: []string{"--case", "no such file.py"}, want: "unknown case-cannot-run", says: "not found"},
		{name: "no such base", args: append(there, "--base", "mian"), says: `no commit "mian" here (did you mean main?)`},
		{name: "base is no ancestor of the search", args: append(there, "--bisect", "nope"), says: `no commit "nope" here`},
		{name: "a baseline beside a search", args: append(there, "--base", "HEAD", "--bisect", "island"), code: 2, says: "--base with --bisect: the commit at which it passed is the baseline"},
		{name: "a search from a commit that HEAD does not contain", args: append(there, "--bisect", "island"), says: "git: island is no ancestor of HEAD\ncould not look\n"},
		{name: "no pytest", args: append(there, "--python", bare), says: "no pytest in " + bare},
		{name: "no repository", dir: nowhere, args: there, says: "lies in no git work tree"},
		{name: "layer that matches nothing", args: append(there, "--layer", "nope/**"), says: `"nope/**" matches no file`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.code == 0 {
				c.code = 3
			}
			g.attribute(t, repo, c)
		})
	}
	t.Run("nothing is changed", func(t *testing.T) {
		repo := g.repository(t, brokenNow)
		g.git(t, repo, "add", "-A")
		g.git(t, repo, "commit", "-qm", "all of it")
		g.attribute(t, repo, attributed{args: there, code: 3, says: "nothing is changed"})
		g.attribute(t, repo, attributed{args: []string{"--case", "tests/test_calc.py::test_nope"}, code: 3, says: "tests/test_calc.py::test_nope cannot be run: not found"})
		g.git(t, repo, "update-index", "--skip-worktree", "calc/new.py")
		writeFile(t, filepath.Join(repo, "calc/new.py"), "def minus(a, b):\n    return a + b\n")
		g.attribute(t, repo, attributed{args: append(there, "--runs", "1"), want: "note pre-existing"})
	})
	t.Run("submodule at another commit", func(t *testing.T) {
		repo, lib := g.repository(t, brokenNow), g.repository(t, brokenNow)
		g.git(t, repo, "-c", "protocol.file.allow=always", "submodule", "add", "-q", lib, "vendor")
		g.attribute(t, repo, attributed{args: append(there, "--in-place", "--allow", "write"), code: 3, says: "submodule vendor is at another commit"})
		if ran, _ := os.ReadDir(filepath.Join(repo, "calc", "__pycache__")); len(ran) > 0 {
			t.Error("the case was run before")
		}
	})
	t.Run("submodule with changes", func(t *testing.T) {
		lib := g.repository(t, brokenNow)
		g.git(t, repo, "-c", "protocol.file.allow=always", "submodule", "add", "-q", lib, "vendor")
		g.git(t, repo, "commit", "-qm", "a library")
		writeFile(t, filepath.Join(repo, "vendor", "calc", "__init__.py"), "changed\n")
		g.attribute(t, repo, attributed{args: there, code: 3, says: "submodule vendor has changes of its own"})
	})
}

const stubborn = `    import os, signal, time
    def interrupted(*_):
        open(os.environ['COUNTERS'] + '/interrupted', 'w').close()
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    open(os.environ['COUNTERS'] + '/asleep', 'w').close()
    time.sleep(300)`

// Ctrl-C amid a baseline in the user's own tree puts that back, also the second
// one of somebody who does not wait for pytest.
func TestAttributionInterrupted(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "9")
	for place, twice := range map[string]bool{"": false, "--in-place": false, "--in-place=true": true} {
		repo := g.repository(t, strings.ReplaceAll(brokenNow, "    return a + b", stubborn))
		before := g.stateOf(t, repo)
		asleep, interrupted := filepath.Join(g.dir, "counters", "asleep"), filepath.Join(g.dir, "counters", "interrupted")
		_, _ = os.Remove(asleep), os.Remove(interrupted)
		grace := "2s"
		if twice {
			grace = "60s" // that it is not waited for is what the second one is for
		}
		args := []string{"run", "regression-attribution", "--case", "tests/test_calc.py::test_add", "--python", g.venvPython, "--no-record", "--allow", "write", "--grace", grace}
		if place != "" {
			args = append(args, place)
		}
		cmd := g.attribution(context.Background(), repo, args...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await := func(path string) {
			for end := time.Now().Add(time.Minute); !isThere(path); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					_ = cmd.Process.Kill()
					t.Fatalf("%s did not come\n%s", filepath.Base(path), out.String())
				}
			}
		}
		await(asleep)
		if place != "" && g.stateOf(t, repo) == before {
			t.Error("the tree is not changed, so that nothing is proven by its being put back")
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if twice {
			await(interrupted)
			time.Sleep(2 * echo) // sooner, it is no second Ctrl-C
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
		pressed := time.Now()
		_ = cmd.Wait() // its code is looked at
		if took := time.Since(pressed); twice && took > 30*time.Second {
			t.Errorf("it ended %s after the second Ctrl-C: it waited for the grace", took)
		}
		if code := cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("exit code %d, want 130\n%s", code, out.String())
		}
		if after := g.stateOf(t, repo); after != before {
			t.Errorf("%s: before\n%safter\n%s", place, before, after)
		}
	}
}

// --- the stage -------------------------------------------------------------------

// repository makes a project of a history, in a directory with a space.
func (g *gateStage) repository(t *testing.T, history string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		missing(t, "no git")
	}
	g.serial++
	repo := filepath.Join(g.dir, fmt.Sprintf("a repository %d", g.serial))
	if err := os.Mkdir(repo, 0o755); err != nil {
		t.Fatal(err)
	}
	g.git(t, repo, "init", "-q", "-b", "main")
	subject := ""
	commit := func() {
		if subject != "" {
			g.git(t, repo, "add", "-A")
			g.git(t, repo, "commit", "-qm", subject)
		}
	}
	for _, f := range txtar.Parse([]byte(history)).Files {
		word, rest, _ := strings.Cut(f.Name, " ")
		switch word {
		case "COMMIT", "UNCOMMITTED":
			commit()
			subject = rest
		case "EMPTY":
			if err := os.Mkdir(filepath.Join(repo, rest), 0o755); err != nil {
				t.Fatal(err)
			}
		case "BRANCH":
			commit()
			subject = ""
			g.git(t, repo, "switch", "-qc", rest)
		default:
			writeFile(t, filepath.Join(repo, f.Name), string(f.Data))
		}
	}
	commit()
	return repo
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (g *gateStage) git(t *testing.T, repo string, args ...string) string {
	t.Helper()
	cmd := g.command(context.Background(), "git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@localhost"}, args...)...)
	cmd.Dir = repo
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// editable is an interpreter with pytest in which a path is installed as `pip
// install -e` does it.
func (g *gateStage) editable(t *testing.T, path string) string {
	t.Helper()
	at := filepath.Join(g.dir, "editable")
	if out, err := exec.Command(g.venvPython, "-m", "venv", "--without-pip", at).CombinedOutput(); err != nil {
		missing(t, "no venv: %v\n%s", err, out)
	}
	site := func(python string) string {
		out, err := exec.Command(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	python := filepath.Join(at, "bin", "python")
	writeFile(t, filepath.Join(site(python), "calc.pth"), site(g.venvPython)+"\n"+path+"\n")
	return python
}

func (g *gateStage) attribution(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := g.command(ctx, g.binary, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, g.environment("")[1:]...)
	return cmd
}

// attribute asks the recipe, and wants the answer, and all of the repository as
// it was.
func (g *gateStage) attribute(t *testing.T, repo string, c attributed) {
	t.Helper()
	before := g.stateOf(t, repo)
	args := append([]string{"run", "regression-attribution", "--json"}, c.args...)
	if !slices.Contains(args, "--python") {
		args = slices.Insert(args, 2, "--python", g.venvPython)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := g.attribution(ctx, filepath.Join(repo, c.dir), args...)
	if filepath.IsAbs(c.dir) {
		cmd.Dir = c.dir
	}
	cmd.Env = append(cmd.Env, c.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // its code is looked at
	if code := cmd.ProcessState.ExitCode(); code != c.code {
		t.Errorf("exit code %d, want %d\n%s", code, c.code, stderr.String())
	}
	if after := g.stateOf(t, repo); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
	var report struct {
		Findings []event.Finding `json:"findings"`
		Steps    []struct {
			Reason string `json:"reason"`
		} `json:"steps"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	var rules, titles []string
	for _, f := range report.Findings {
		if f.Rule != "regression-attribution/stopped" && !strings.HasPrefix(f.Rule, "regression-attribution/could-not-look") {
			rules = append(rules, string(f.Verdict)+" "+strings.TrimPrefix(f.Rule, "regression-attribution/"))
		}
		titles = append(titles, f.Title)
	}
	for _, s := range report.Steps {
		titles = append(titles, s.Reason)
	}
	got := strings.Join(rules, ", ")
	if got != c.want || !strings.Contains(strings.Join(titles, "\n"), c.says) {
		t.Errorf("said %q\n%s\nwant %q and %q\n%s", got, strings.Join(titles, "\n"), c.want, c.says, stderr.String())
	}
}

// stateOf is all that must be as it was: every file with its mode, and of git's
// own the index, HEAD, the refs, the stash list and the work trees.
func (g *gateStage) stateOf(t *testing.T, repo string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(repo, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(repo, path)
		switch {
		case err != nil:
			return err
		case rel == ".git" && d.IsDir():
			return fs.SkipDir
		case rel == ".git":
			return nil
		case d.IsDir():
			fmt.Fprintf(&b, "%s/\n", rel)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s %x\n", rel, info.Mode(), sha256.Sum256(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(repo, ".git", "index"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "index %x\n", sha256.Sum256(index))
	for _, args := range [][]string{{"rev-parse", "HEAD"}, {"for-each-ref"}, {"stash", "list"}, {"worktree", "list"}} {
		b.WriteString(g.git(t, repo, args...))
	}
	return b.String()
}
