package builtins

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"runbook/engine"
)

const oneSuite = `
t = struct(id = "a.py::test_x", outcome = "failed", phase = "call", duration = time.parse_duration("1s"), message = "assert 0", text = "")
a = struct(outcome = "failed", duration = time.parse_duration("2s"), tests = [t], running = [], output = "…")
suites = [struct(name = "a.py", attempts = [a], verdict = "failed", says = "it failed")]
`

func newReport(t *testing.T) (*run, string) {
	r := newRun(nil)
	r.names["struct"] = starlark.NewBuiltin("struct", starlarkstruct.Make)
	path := filepath.Join(t.TempDir(), "report.xml")
	r.names["path"] = starlark.String(path)
	return r, path
}

// Naming a file on the command line is the grant to write it; any other one
// needs the usual.
func TestJUnitWritesTheFileThatTheUserNamed(t *testing.T) {
	r, path := newReport(t)
	r.refuse = true
	err := r.fails(t, oneSuite+`junit(path, suites)`)
	if !isDenied(err) {
		t.Errorf("not named, not granted: %v", err)
	}
	r.named = map[string]engine.Kind{path: engine.KindString}
	if err := r.fails(t, oneSuite+`junit(path, suites)`); !isDenied(err) {
		t.Errorf("a text that happens to be a path: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("it was written all the same")
	}
	r.named[path] = engine.KindPath
	r.dryRun = true
	r.text(t, oneSuite+`out = junit(path, suites)`)
	if _, err := os.Stat(path); err == nil || len(r.shown) != 1 {
		t.Fatalf("a dry run shows, and does not write: %v", r.shown)
	}
	r.dryRun = false
	r.text(t, oneSuite+`out = junit(path, suites)`)
	if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), `<failure message="assert 0"`) {
		t.Errorf("%v\n%s", err, b)
	}
	r.named, r.refuse = nil, false
	r.text(t, oneSuite+`out = junit(path, suites)`)
	if len(r.confirmed) != 1 || r.confirmed[0].Nodes[0].Label != path {
		t.Errorf("what was asked for: %+v", r.confirmed)
	}
}

// Attempts in, tests out: a line a test, with what each run of it came to.
func TestJUnitTakesAttemptsApart(t *testing.T) {
	for _, c := range []struct {
		name, suite string
		want        []string
	}{
		{"nothing has run yet", `struct(name = "a.py", attempts = [], verdict = "")`, []string{"(the whole suite): unfinished"}},
		{"it goes on", `struct(name = "a.py", attempts = [run("passed", tests = [test("x", "passed")])], verdict = "")`, []string{"x: passed", "(the whole suite): passed unfinished"}},
		{"a hang in a test that had passed its setup", `struct(name = "a.py", attempts = [run("hang", tests = [test("w", "passed"), test("x", "passed")], running = ["x"]), run("passed", tests = [test("w", "passed"), test("x", "passed")])], verdict = "flaky-hang")`,
			[]string{"w: passed passed", "x: hang passed flaky-hang"}},
		{"a hang before any test", `struct(name = "a.py", attempts = [run("startup-hang"), run("passed", tests = [test("x", "passed")])], verdict = "flaky-hang")`,
			[]string{"(the whole suite): startup-hang passed flaky-hang", "x: passed"}},
		{"a pass and then a crash beside the tests", `struct(name = "a.py", attempts = [run("passed", tests = [test("x", "passed")]), run("crash", tests = [test("x", "passed")])], verdict = "flaky")`,
			[]string{"x: passed passed", "(the whole suite): passed crash"}},
		{"a failure is the test's own", `struct(name = "a.py", attempts = [run("failed", tests = [test("x", "failed"), test("y", "passed")], running = ["y"])], verdict = "failed")`, []string{"x: failed", "y: passed"}},
		{"a leak is nobody's", `struct(name = "a.py", attempts = [run("leak", tests = [test("x", "passed")])], verdict = "leak")`, []string{"x: passed", "(the whole suite): leak"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := newReport(t)
			globals, err := r.exec(`
def test(id, outcome):
    return struct(id = id, outcome = outcome, phase = "call", duration = time.parse_duration("1s"), message = "", text = "")
def run(outcome, tests = [], running = []):
    return struct(outcome = outcome, tests = tests, running = running, duration = time.parse_duration("2s"), output = "", phase = "", leaks = [])
out = ` + c.suite)
			if err != nil {
				t.Fatal(err)
			}
			s, err := suiteOf(globals["out"])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range s.Cases {
				line := x.ID + ":"
				bad := 0
				for _, a := range x.Attempts {
					line += " " + a.Outcome
					if a.Bad() {
						bad++
					}
				}
				if bad > 0 && bad < len(x.Attempts) && x.Flaky != "flaky" {
					line += " " + x.Flaky
				}
				got = append(got, line)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestJUnitWantsSuites(t *testing.T) {
	r, path := newReport(t)
	r.named = map[string]engine.Kind{path: engine.KindPath}
	wantError(t, r.fails(t, `junit(path, ["a.py"])`), "junit: suites[0]: string has no name")
	wantError(t, r.fails(t, `junit(path, [1])`), "junit: suites[0]: got int, want a struct")
	wantError(t, r.fails(t, `junit(path, [struct(attempts = [])])`), "suites[0]: struct has no name")
	wantError(t, r.fails(t, `junit(path, [struct(name = "a.py", attempts = [1])])`), "attempts[0]: got int")
	r.named["-"] = engine.KindPath
	wantError(t, r.fails(t, oneSuite+`junit("-", suites)`), "- is no file")
	r.names["path"] = starlark.String(filepath.Dir(path))
	r.named[filepath.Dir(path)] = engine.KindPath
	if got := r.text(t, oneSuite+`out = junit(path, suites)`); !strings.Contains(got, "is a directory") {
		t.Errorf("why it was not written: %s", got)
	}
}

// A recipe reads what it was given, and has no business in other files.
func TestReadReadsWhatTheUserNamed(t *testing.T) {
	r, path := newReport(t)
	if err := os.WriteFile(path, []byte("[1]"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, r.fails(t, `read(path)`), "only a file that the user named")
	for kind, ok := range map[engine.Kind]bool{engine.KindPath: true, engine.KindList: true, engine.KindRest: true, engine.KindString: false} {
		r.named = map[string]engine.Kind{path: kind}
		if _, err := r.exec(`out = read(path)`); (err == nil) != ok {
			t.Errorf("%s: %v", kind, err)
		}
	}
	r.named = map[string]engine.Kind{path + "x": engine.KindPath}
	wantError(t, r.fails(t, `read(path + "x")`), "report.xmlx: no such file or directory")
}

func TestFindingsAreWhatTheRunHasSaid(t *testing.T) {
	r := newRun(nil)
	if got := r.text(t, `out = findings()`); got != "[]" {
		t.Errorf("got %s", got)
	}
	r.findings = append(r.findings, faultAbout(aProcess(1, 0, "alpha")))
	if got, want := r.text(t, `out = [(f.verdict, f.rule, f.title) for f in findings()]`), `[("fault", "y", "")]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
