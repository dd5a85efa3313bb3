package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"a good file", small, ""},
		{"one that others load", "def helper(x):\n    return x\n", ""},
		{"all that is wrong", "def a(:\n", "1:7: error: got ':', want ')'"},
		{"two names", "def a():\n    return foo + pss()\nrecipe(steps = [a])\n", "2:12: error: undefined: foo\n2:18: error: undefined: pss (did you mean ps?)"},
		{"an input that nobody makes", "\"\"\"# T\"\"\"\ndef a(tree):\n    \"\"\"A\"\"\"\nrecipe(summary = 's', steps = [a], params = {'trees': param.list('T')})\n",
			"2:7: error: step a: needs tree, which is no parameter and no earlier step (did you mean trees?)"},
		{"effects, also of a helper, and git by its dotted name", `"""# T"""
def helper():
    kill([1])
def look():
    """Look"""
    show(forest())
def a():
    """A"""
    helper()
    git.write()
def b():
    """B"""
    kill([])
    [helper() for x in [1]]
recipe(summary = "s", steps = [look, a, step(b, needs = ["kill"])])
`, "3:5: error: step a calls kill, which needs the effect kill (step(a, needs = [\"kill\"]))\n10:5: error: step a calls git.write, which needs the effect write (step(a, needs = [\"write\"]))"},
		{"a parameter that is called like the step that acts", "\"\"\"# T\"\"\"\ndef l():\n    \"\"\"L\"\"\"\n    show(forest())\ndef a():\n    \"\"\"A\"\"\"\n    kill([])\ndef b(a):\n    \"\"\"B\"\"\"\n    print([x for x in a])\nrecipe(summary = 's', steps = [l, step(a, needs = ['kill']), b])\n", ""},
		{"what a reader would miss", "def a():\n    pass\nrecipe(steps = [a], params = {'x': param.list(), 'pid': param.pids('P')})\n",
			"1:1: warning: the file has no docstring (begin with \"\"\"# Title)\n1:1: warning: step a has no docstring: its first line is the title, the rest the guidance\n3:7: warning: recipe: no summary\n3:46: warning: param x has no doc\n3:46: warning: param x: no step takes it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.star")
			if err := os.WriteFile(file, []byte(c.source), 0o600); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range Check(context.Background(), newBench(t).library(nil), file) {
				line := strings.TrimPrefix(p.Pos, filepath.ToSlash(file)+":") + ": " + string(p.Severity) + ": " + p.Msg
				if p.Hint != "" {
					line += " (" + p.Hint + ")"
				}
				if p.Severity == SeverityError && p.Line == "" {
					t.Errorf("no source line: %s", line)
				}
				got = append(got, line)
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
	if p := Check(context.Background(), newBench(t).library(nil), "/does/not/exist.star"); len(p) != 1 || !strings.Contains(p[0].Msg, "no such file") {
		t.Errorf("a file that is not there: %v", p)
	}
}

// A file from another system is told the same, with the same lines below.
func TestCheckCountsLinesAsStarlarkDoes(t *testing.T) {
	for name, source := range map[string]string{
		"a name":    "def a():\n    return foo\nrecipe(steps = [a])\n",
		"a line":    "\"\"\"# T\"\"\"\ndef a()\n    pass\n",
		"a silence": "\"\"\"# T\"\"\"\n\ndef a():\n    \"\"\"A\"\"\"\n\nrecipe(steps = [a], summary = \"s\", params = {\n    # check:ignore unused-param: not yet\n    \"x\": param.string(doc = \"X\"),\n    \"y\": param.string(doc = \"Y\"),\n})\n",
	} {
		file := filepath.Join(t.TempDir(), "x.star")
		said := func(end string) string {
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(source, "\n", end)), 0o600); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range Check(context.Background(), newBench(t).library(nil), file) {
				got = append(got, p.String())
			}
			return strings.Join(got, "\n")
		}
		want := said("\n")
		for _, end := range []string{"\r\n", "\r"} {
			if got := said(end); got != want || want == "" {
				t.Errorf("%s: where lines end with %q it says\n%q\nand elsewhere\n%q", name, end, got, want)
			}
		}
	}
}
