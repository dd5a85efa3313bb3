package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A copy of a repository, the repository with its virtual environment, and
// modules that were imported from here and there: which of them are the
// project's, and which of those are not the copy's.
func TestWhoseCodeWasImported(t *testing.T) {
	at := t.TempDir()
	for _, name := range []string{
		"copy/calc/__init__.py", "copy/src/ipc/__init__.py", "copy/one.py", "copy/tests/__init__.py", "copy/conftest.py",
		"repo/calc/__init__.py", "repo/src/ipc/__init__.py", "repo/.venv/lib/python3/site-packages/trio/__init__.py",
		"venv/site-packages/calc/__init__.py", "venv/site-packages/pytest/__init__.py", "venv/site-packages/tests.py",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("repo", filepath.Join(at, "link")); err != nil {
		t.Fatal(err)
	}
	copied := newCodeTree(filepath.Join(at, "copy"), filepath.Join(at, "link"))
	itself := newCodeTree(filepath.Join(at, "repo"), "")
	for _, c := range []struct {
		tree       codeTree
		name, path string
		want       string // own, and whether theirs; "" = not of the project
	}{
		{copied, "calc", "copy/calc/__init__.py", "copy/calc/__init__.py false"},
		{copied, "conftest", "copy/conftest.py", "copy/conftest.py false"},
		{copied, "calc", "repo/calc/__init__.py", "copy/calc/__init__.py true"},               // an editable install
		{copied, "calc", "venv/site-packages/calc/__init__.py", "copy/calc/__init__.py true"}, // a plain one
		{copied, "ipc", "repo/src/ipc/__init__.py", "copy/src/ipc/__init__.py true"},          // from src
		{copied, "trio", "repo/.venv/lib/python3/site-packages/trio/__init__.py", ""},         // somebody else's
		{copied, "pytest", "venv/site-packages/pytest/__init__.py", ""},                       //
		{copied, "tests", "venv/site-packages/tests.py", ""},                                  // a module, no package
		{itself, "calc", "repo/calc/__init__.py", "repo/calc/__init__.py false"},              //
		{itself, "calc", "venv/site-packages/calc/__init__.py", "repo/calc/__init__.py true"}, //
		{itself, "trio", "repo/.venv/lib/python3/site-packages/trio/__init__.py", ""},         // in the tree, not of it
		{copied, "one", "venv/site-packages/one.py", "copy/one.py true"},                      //
		{copied, "calcite", "copyright/calcite.py", ""},                                       // copy is no prefix of it
		{copied, "src.ipc", "repo/src/ipc/__init__.py", "copy/src/ipc/__init__.py true"},      //
		{itself, "src.ipc", "repo/src/ipc/__init__.py", "repo/src/ipc/__init__.py false"},     //
	} {
		path := filepath.Join(at, c.path)
		got := ""
		for _, m := range c.tree.modules([][3]string{{c.name, path, path}}) {
			got = fmt.Sprintf("%s %t", strings.TrimPrefix(m.Own, at+"/"), m.Theirs)
		}
		if got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.name, c.path, got, c.want)
		}
	}
	if got := fmt.Sprint(copied.packages()); got != "[calc one ipc]" {
		t.Errorf("packages %s", got)
	}
}

// What pytest imported itself may be the copy's, and what its tests start not.
func TestWhoseCodeAChildWouldImport(t *testing.T) {
	at := t.TempDir()
	for _, name := range []string{"copy/calc/__init__.py", "copy/tool/__init__.py", "repo/calc/__init__.py", "repo/tool/__init__.py"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree := newCodeTree(filepath.Join(at, "copy"), filepath.Join(at, "repo"))
	own, theirs, tool := filepath.Join(at, "copy/calc/__init__.py"), filepath.Join(at, "repo/calc/__init__.py"), filepath.Join(at, "repo/tool/__init__.py")
	got := tree.withChildren(tree.modules([][3]string{{"calc", own, own}}), map[string][2]string{"calc": {theirs, theirs}, "tool": {tool, tool}, "os": {"/os.py", "/os.py"}})
	want := []PytestModule{{Name: "calc", Path: own, Child: theirs, Own: own, Theirs: true}, {Name: "tool", Child: tool, Own: filepath.Join(at, "copy/tool/__init__.py"), Theirs: true}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Paths to the original, of which the copy has its own: what the tests opened,
// what programs were given, and what stands in their files.
func TestWhatLedOutOfTheCopy(t *testing.T) {
	at := t.TempDir()
	repo, code := filepath.Join(at, "my repo"), filepath.Join(at, "copy")
	for name, text := range map[string]string{
		"copy/pkg/a.py": "", "copy/tests/test_x.py": "", "copy/run.py": "R = '" + repo + "'", "copy/other.sh": "cd " + repo + "-old",
		"my repo/pkg/a.py": "", "my repo/new.txt": "", "my repo/tests/test_x.py": "", "my repo/.git/HEAD": "",
		"my repo/.venv/lib/python3/site-packages/trio.py": "", "my repo/ignored/x": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree := newCodeTree(code, repo)
	for _, c := range []struct {
		opened   []PytestReach
		programs []pytestProgram
		want     string
	}{
		{opened: []PytestReach{{How: "open", Path: repo + "/pkg/a.py"}}, want: "open pkg/a.py"},
		{opened: []PytestReach{{How: "open", Path: repo + "/pkg/__pycache__/a.cpython-312.pyc"}}, want: "open pkg/a.py"},
		{opened: []PytestReach{{How: "open", Path: repo + "/new.txt"}, {How: "open", Path: repo + "/./new.txt"}}, want: "open new.txt"},
		{opened: []PytestReach{{How: "open", Path: repo + "/.git/HEAD"}, {How: "open", Path: repo + "/.venv/lib/python3/site-packages/trio.py"}}},
		{opened: []PytestReach{{How: "open", Path: repo + "/nothing"}, {How: "chdir", Path: repo + "/ignored"}, {How: "open", Path: "/etc/passwd"}}},
		{opened: []PytestReach{{How: "chdir", Path: repo}}, want: "chdir "},
		{programs: []pytestProgram{{Args: []string{"ls"}}}},
		{programs: []pytestProgram{{Args: []string{"cat", repo + "/pkg/a.py"}}}, want: "program pkg/a.py"},
		{programs: []pytestProgram{{Args: []string{"sh", "-c", "cd '" + repo + "' && ls"}}}, want: "program "},
		{programs: []pytestProgram{{Args: []string{"sh", "-c", "cd '" + repo + "-old' && ls"}}}},
		{programs: []pytestProgram{{Args: []string{"ls"}, Path: "/x:" + repo + "/pkg:/y"}}, want: "program "},
		{programs: []pytestProgram{{Args: []string{"ls"}, Dir: repo + "/pkg"}}, want: "program "},
		{programs: []pytestProgram{{Args: []string{"python3", "run.py"}}}, want: "named  run.py"},
		{programs: []pytestProgram{{Args: []string{"sh", "other.sh"}}}},
	} {
		var said []string
		for _, r := range tree.reaches(code, "tests/test_x.py::test_y", c.opened, c.programs) {
			said = append(said, strings.TrimSuffix(fmt.Sprintf("%s %s %s", r.How, r.File, r.By), " "))
		}
		if got := strings.Join(said, ", "); got != c.want {
			t.Errorf("%v %v: got %q, want %q", c.opened, c.programs, got, c.want)
		}
	}
}
