package probe_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What git lists depends on files that a test may write. What was kept is
// looked for by its path, and the user's ignored files are nobody's litter.
func TestInPlaceOutlivesOtherIgnoreRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(y *yard)
		kept []string // as written meanwhile
	}{
		{"a directory that ignores itself", func(y *yard) { y.write("mine/.gitignore", "*\n") }, []string{"mine/.gitignore"}},
		{"and what is new in it", func(y *yard) { y.write("mine/deep/.gitignore", "*\n", "mine/deep/new", "by a test\n") }, []string{"mine/deep/.gitignore", "mine/deep/new"}},
		{"all of it", func(y *yard) { y.write(".git/info/exclude", "*\n", "mine/deep/new", "by a test\n") }, nil},
		{"no rule any more", func(y *yard) { y.write(".git/info/exclude", "") }, nil},
		{"its rules are gone", func(y *yard) { y.write("mine/.gitignore", "*\n", ".gitignore", "rm") }, []string{"mine/.gitignore"}},
		{"a link in place of a rule", func(y *yard) { y.write("mine/.gitignore", "-> /nowhere") }, []string{"mine/.gitignore"}},
		{"a directory in place of a rule", func(y *yard) { y.write("mine/.gitignore/x", "by a test\n") }, []string{"mine/.gitignore/x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, ref := range []string{"", "HEAD~1"} {
				y := newYard(t)
				y.write(".gitignore", "*.log\n", "a", "1\n")
				y.commit("one")
				y.write("a", "2\n")
				y.commit("two")
				y.write(".git/info/exclude", "*.bak\nown/\n", "mine/x", "mine\n", "mine/deep/y", "mine\n", "a.log", "mine\n", "a.bak", "mine\n", "own/z", "mine\n")
				before := y.print(".git/objects", ".git/info/exclude", ".git/refs/runbook")
				there, err := y.open().ChangeInPlace(t.Context(), y.logs, ref, nil)
				if err != nil {
					t.Fatal(err)
				}
				c.do(y)
				done, err := there.Restore(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				slices.Sort(done.Meanwhile)
				if d := cmp.Diff(c.kept, done.Meanwhile); d != "" {
					t.Errorf("from %q, kept of meanwhile:\n%s", ref, d)
				}
				after := y.print(".git/objects", ".git/info/exclude", ".git/refs/runbook")
				if c.name == "all of it" { // git ignores what is new: where it lies is named, and it stays
					if !slices.Contains(done.Passed, "mine/") {
						t.Errorf("passed %v", done.Passed)
					}
					delete(after, "mine/deep/new")
				}
				unchanged(t, before, after)
			}
		})
	}
}

func TestInPlaceLeavesNoEmptyDirectoryOfRefs(t *testing.T) {
	t.Parallel()
	y := messy(t)
	y.git("config", "core.logAllRefUpdates", "always")
	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"refs/runbook", "logs/refs/runbook"} {
		if _, err := os.Stat(filepath.Join(y.dir, ".git", dir)); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
}

// git was told not to look at them; they differ all the same.
func TestStateSeesChangesThatAreHidden(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--assume-unchanged", "--skip-worktree"} {
		y := newYard(t)
		y.write(".gitattributes", "crlf text eol=crlf\n", "a", "1\n", "crlf", "1\n", "link", "-> a")
		y.commit("one")
		y.write("crlf", "1\r\n")
		y.git("add", "-A")
		y.git("update-index", flag, "a", "crlf", "link")
		for _, c := range []struct {
			path, text string
			dirty      bool
		}{{"a", "1\n", false}, {"a", "2\n", true}, {"a", "1\n", false}, {"crlf", "2\r\n", true}, {"crlf", "1\r\n", false}, {"link", "-> b", true}, {"link", "-> a", false}, {"a", "rm", flag == "--assume-unchanged"}} {
			y.write(c.path, c.text)
			if s, err := y.open().State(t.Context()); err != nil || s.Dirty != c.dirty {
				t.Errorf("%s, %s is %q: %+v, %v", flag, c.path, c.text, s, err)
			}
		}
	}
}

// Nothing that a test takes the permissions of is lost behind them; what is
// neither a file nor a directory of the work tree stays, and is named.
func TestInPlaceOpensWhatATestHasClosed(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print(".git/objects")
	if err := os.Chmod(y.dir, 0o750); err != nil {
		t.Fatal(err)
	}
	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	other := newYard(t)
	if err := os.Rename(other.dir, filepath.Join(y.dir, "sub/other")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(y.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	y.write("df", "rm", "sub/old.pyc", "rm", "cache", "rm")
	if err := syscall.Mkfifo(filepath.Join(y.dir, "untracked.txt"), 0o600); err != nil { // where a file of the user's belongs
		t.Fatal(err)
	}
	for _, path := range []string{"staged", "same", "sub/deep/er/x", "sub/deep/er", "sub/deep", "tests", "."} {
		mode := fs.FileMode(0)
		if path == "." {
			mode = 0o500
		}
		if err := os.Chmod(filepath.Join(y.dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	done, err := there.Restore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"pipe", "sub/other"}, done.Passed); d != "" {
		t.Errorf("passed:\n%s", d)
	}
	if d := cmp.Diff([]string{"cache"}, done.Lost); d != "" { // a cache of Python's is no loss
		t.Errorf("lost:\n%s", d)
	}
	for _, path := range []string{"cache/", "cache/x", "sub/old.pyc"} {
		delete(before, path)
	}
	if info, err := os.Stat(y.dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("the top is %v, %v", info.Mode(), err)
	}
	y.write("pipe", "rm", "sub/other", "rm")
	unchanged(t, before, y.print(".git/objects"))
	y.nothingLeft()
}
