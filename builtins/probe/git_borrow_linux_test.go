package probe_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins/probe"
)

// in runs git in a throw-away work tree, as a test there would.
func in(t testing.TB, w *probe.GitWorktree, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.Path
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (y *yard) worktree(ref string) *probe.GitWorktree {
	y.t.Helper()
	w, err := y.open().AddWorktree(y.t.Context(), y.logs, ref)
	if err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(func() { _ = w.Remove(y.t.Context()) })
	return w
}

func TestAThrowAwayWorkTreeAnswersAsHomeDoes(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		y := newYard(t)
		y.git("init", "-q", "-b", "main", "--object-format="+format, y.dir+"/other")
		y.dir += "/other"
		y.git("config", "user.name", "n")
		y.git("config", "user.email", "n@example.com")
		y.write("m.py", "1\n")
		first := y.commit("one")
		y.git("tag", "-a", "v1.0", "-m", "first")
		y.git("update-ref", "refs/remotes/origin/main", first)
		y.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
		y.git("remote", "add", "origin", "https://example.com/x.git")
		y.git("checkout", "-q", "-b", "feature/x")
		y.git("branch", "-q", "--set-upstream-to=origin/main")
		y.write("m.py", "2\n")
		y.commit("two")
		y.git("pack-refs")
		y.git("tag", "v1.1rc")
		w := y.worktree("HEAD")
		for _, ask := range [][]string{
			{"describe", "--tags", "--long"}, {"describe"}, {"branch", "--show-current"}, {"rev-parse", "HEAD", "main", "@{upstream}"}, {"remote", "get-url", "origin"},
			{"symbolic-ref", "refs/remotes/origin/HEAD"}, {"for-each-ref"}, {"status", "--porcelain=v2", "--branch"}, {"log", "--format=%H %D"}, {"ls-files", "-s"}, {"config", "user.name"},
		} {
			if home, there := y.git(ask...), in(t, w, ask...); home != there {
				t.Errorf("git %s: %q at home, %q there", strings.Join(ask, " "), home, there)
			}
		}
		if filepath.Base(w.Path) != filepath.Base(y.dir) {
			t.Errorf("it is called %s", w.Path)
		}
		base := y.worktree("v1.0")
		if name, at := in(t, base, "branch", "--show-current"), in(t, base, "rev-parse", "feature/x"); name != "feature/x" || at != first {
			t.Errorf("the baseline is on %s at %s", name, at)
		}
	}
}

// A test may do all that with git in its tree; in a linked one each would have
// been done to the user's own refs, stash list or objects.
func TestWhatATestDoesWithGitDoesNotReachTheUser(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("m.py", "1\n")
	y.commit("one")
	y.git("branch", "other")
	y.write("m.py", "mine\n")
	y.git("stash", "-q")
	y.write("m.py", "2\n")
	before := y.print()
	w := y.worktree("HEAD")
	if _, err := w.CopyChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Rewind(t.Context()); err != nil {
		t.Fatal(err)
	}
	was := content(t, w.Path)
	for _, do := range [][]string{
		{"stash"}, {"commit", "-q", "--allow-empty", "-m", "x"}, {"tag", "x"}, {"branch", "-D", "other"}, {"branch", "-f", "more", "HEAD~1"}, {"config", "user.name", "somebody"},
		{"remote", "add", "x", "y"}, {"worktree", "prune"}, {"repack", "-adq"}, {"gc", "-q", "--prune=now"}, {"reflog", "expire", "--expire=now", "--all"}, {"stash", "clear"},
		{"checkout", "-q", "--orphan", "new"}, {"update-ref", "-d", "refs/heads/main"},
	} {
		in(t, w, do...)
	}
	unchanged(t, before, y.print())
	if out := y.git("fsck", "--full", "--strict"); strings.Contains(out, "missing") {
		t.Error(out)
	}
	done, err := w.Rewind(t.Context())
	if err != nil || !strings.HasPrefix(strings.Join(done, " "), ".git") {
		t.Errorf("put right: %v, %v", done, err)
	}
	if d := cmp.Diff(was, content(t, w.Path)); d != "" {
		t.Errorf("(-was +is):\n%s", d)
	}
}

func TestIgnoredFilesAndEmptyDirectoriesComeAlong(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("m.py", "1\n", ".gitignore", "*.ign\n/out\n__pycache__\n.venv\nnode_modules\n", "kept/x", "x\n")
	y.commit("one")
	y.write("a.ign", "a\n", "kept/b.ign", "+x b\n", "out/so/_x.so", "so\n", "out/link", "-> "+y.dir+"/m.py", "out/gone", "-> nowhere",
		"__pycache__/m.pyc", "c", "out/__pycache__/m.pyc", "c", ".venv/pyvenv.cfg", "v", ".venv/bin/x", "v", "node_modules/x", "n", "out/repo/.git/HEAD", "g", "kept/new/x", "untracked\n")
	for _, dir := range []string{"data", "kept/new/empty/er", "out/closed", "kept/empty"} {
		if err := os.MkdirAll(filepath.Join(y.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.Command("mkfifo", filepath.Join(y.dir, "out/pipe")).Run(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(y.dir, "out/closed"), 0o550); err != nil {
		t.Fatal(err)
	}
	w := y.worktree("HEAD")
	lacks, err := w.CopyIgnored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, l := range lacks {
		said = append(said, l.Kind+" "+l.Path)
	}
	if d := cmp.Diff([]string{"environment .venv/", "cache __pycache__/", "environment node_modules/", "cache out/__pycache__/", "repository out/repo/"}, said); d != "" {
		t.Errorf("lacks (-want +got):\n%s", d)
	}
	for path, want := range map[string]string{"a.ign": "a\n", "kept/b.ign": "b\n", "out/so/_x.so": "so\n", "out/link": "1\n"} {
		if got, err := os.ReadFile(filepath.Join(w.Path, path)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for path, want := range map[string]fs.FileMode{"data": fs.ModeDir | 0o755, "kept/new/empty/er": fs.ModeDir | 0o755, "out/closed": fs.ModeDir | 0o550, "kept/b.ign": 0o755, "out/pipe": fs.ModeNamedPipe | 0o644, "kept/empty": fs.ModeDir | 0o755} {
		if info, err := os.Lstat(filepath.Join(w.Path, path)); err != nil || info.Mode() != want {
			t.Errorf("%s: want %v: %v, %v", path, want, info, err)
		}
	}
	if to, _ := os.Readlink(filepath.Join(w.Path, "out/link")); to != filepath.Join(w.Path, "m.py") {
		t.Errorf("a link into the user's tree leads to %s", to)
	}
	if _, err := os.Lstat(filepath.Join(w.Path, "kept/new/x")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an untracked file came, which is of the change")
	}
}

// What does not fit stays, a directory at a time; the rest comes.
func TestWhatIsTooLargeStaysBehind(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write(".gitignore", "/data\n/big\n", "m.py", "1\n")
	y.commit("one")
	y.write("data/small/x", "x", "data/many/0", "")
	for i := range 5_001 {
		if err := os.WriteFile(filepath.Join(y.dir, "data/many", fmt.Sprint(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	big, err := os.Create(filepath.Join(y.dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if err := big.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	w := y.worktree("HEAD")
	lacks, err := w.CopyIgnored(t.Context())
	want := []probe.GitLack{{Path: "big", Kind: "large", Files: 1, Bytes: 1 << 30}, {Path: "data/many/", Kind: "large", Files: 5_001}}
	if d := cmp.Diff(want, lacks); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if got, err := os.ReadFile(filepath.Join(w.Path, "data/small/x")); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRewindMakesTheTreeWhatItWas(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("m.py", "1\n", "gone.py", "g\n", "dir/x.py", "x\n", "dir/tool", "+x t\n", "link", "-> m.py", ".gitignore", "*.ign\n", "patched.py", "1\n")
	y.commit("one")
	y.write("mine.py", "untracked\n", "a.ign", "ignored\n", "dir/x.py", "changed\n", "closed.ign/x", "x\n")
	y.write("patched.py", "2\n")
	patch, err := y.open().Diff(t.Context(), "HEAD", []string{"patched.py"})
	if err != nil {
		t.Fatal(err)
	}
	w := y.worktree("HEAD")
	if _, err := w.CopyChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Apply(t.Context(), patch.Text, probe.PatchOptions{Reverse: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CopyIgnored(t.Context()); err != nil {
		t.Fatal(err)
	}
	was := content(t, w.Path)
	if done, err := w.Rewind(t.Context()); err != nil || len(done) > 0 {
		t.Fatalf("at first: %v, %v", done, err)
	}
	there := func(path string) string { return filepath.Join(w.Path, path) }
	script := `echo longer > m.py; rm gone.py; printf 'changed!' > dir/x.py; chmod -x dir/tool; ln -sf dir link; echo > mine.py; rm a.ign; echo 3 > patched.py
		mkdir -p new/deep __pycache__; echo > new/deep/f; echo > new.ign; echo > __pycache__/m.pyc; rm -r closed.ign; mkdir cache; chmod 0 cache; git stash -q`
	for range 2 {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = w.Path
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		done, err := w.Rewind(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(was, content(t, w.Path, "__pycache__")); d != "" {
			t.Fatalf("(-was +is):\n%s", d)
		}
		if len(done) < 10 {
			t.Errorf("put right: %v", done)
		}
	}
	if done, err := w.Rewind(t.Context()); err != nil || len(done) > 0 {
		t.Errorf("nothing had changed: %v, %v", done, err)
	}
	if err := os.WriteFile(there("mine.py"), []byte("by the test"), 0o644); err != nil {
		t.Fatal(err)
	}
	y.write("mine.py", "by the user\n")
	if _, err := w.Rewind(t.Context()); err == nil || !strings.Contains(err.Error(), "mine.py was changed by the test, and in your own tree meanwhile") {
		t.Errorf("changed by both: %v", err)
	}
}
