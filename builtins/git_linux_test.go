package builtins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
)

// aRepo is a repository with two commits, base and HEAD, and a change to that.
func aRepo(t *testing.T) (*run, string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	host, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "a repo")
	script := `git init -q -b main "$0" && cd "$0" && git config user.name n && git config user.email n@example.com && mkdir src &&
		echo 1 > src/a && echo 1 > b && git add . && git commit -q -m base && git tag base &&
		echo 2 > src/a && git commit -q -a -m change && echo 3 > src/a && echo mine > new`
	cmd := exec.Command("sh", "-e", "-c", script, dir)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := newRun(host)
	r.names["d"] = starlark.String(dir)
	r.names["cat"] = starlark.NewBuiltin("cat", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var path string
		if err := starlark.UnpackArgs("cat", args, kwargs, "path", &path); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return starlark.String("absent"), nil
		}
		return starlark.String(strings.TrimSpace(string(text))), err
	})
	return r, dir
}

func TestGitLooksAtARepository(t *testing.T) {
	t.Parallel()
	r, _ := aRepo(t)
	for src, want := range map[string]string{
		`s = git.repo(d); out = [s.root == d, s.branch, s.dirty, s.untracked, s.state, s.submodules, s.locked]`:                   `[True, "main", True, 1, "", [], False]`,
		`out = git.resolve("base", dir = d) == git.resolve("HEAD~1", dir = d)`:                                                    `True`,
		`out = [git.commit(c, dir = d).subject for c in git.commits("base", "HEAD", dir = d)]`:                                    `["change"]`,
		`p = git.diff("base", dir = d); out = [p.files, len(p.sha256), p.bytes == len(p.text), p.base]`:                           `[["new", "src/a"], 64, True, "` + `"]`,
		`out = git.diff("base", paths = "src/**", dir = d + "/src").files`:                                                        `["src/a"]`,
		`out = [git.repo(d).source, str(git.diff("HEAD", paths = ["b"], dir = d)), git.diff("HEAD", paths = ["b"], dir=d).files]`: `["git", "patch(0 files, sha256 e3b0c44298fc)", []]`,
	} {
		src = strings.Replace(src, ", p.base]", ", p.base[:0]]", 1)
		if got := r.text(t, src); got != want {
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
	wantError(t, r.fails(t, `git.resolve("bsae", dir = d)`), `no commit "bsae" here (did you mean base?)`)
	wantError(t, r.fails(t, `git.repo("/proc")`), "lies in no git work tree")
	wantError(t, r.fails(t, `git.diff("base", paths = ["scr/**"], dir = d)`), `"scr/**" matches no file`)
}

func TestGitWorktreeIsThereForTheFunctionAlone(t *testing.T) {
	t.Parallel()
	r, dir := aRepo(t)
	got := r.text(t, `
layer = git.diff("HEAD", paths = "src/**", dir = d)
seen = []
def there(path):
    seen.append(path)
    seen.append(cat(path + "/src/a"))
    why = git.apply(path, layer, check = True)
    seen.append("src/a" in why)
    return cat(path + "/src/a")
def head(path):
    changed = git.copy_changes(path)
    back = git.apply(path, layer, reverse = True)
    return [changed, back, cat(path + "/src/a"), cat(path + "/new")]
out = [git.worktree("base", there, dir = d), seen[1:], cat(seen[0] + "/b"), git.worktree("HEAD", head, dir = d), cat(d + "/src/a")]
`)
	if want := `["1", ["1", True], "absent", [["new", "src/a"], "", "2", "mine"], "3"]`; got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	wantError(t, r.fails(t, `git.apply(d, "")`), "is no throw-away work tree of this run")
	wantError(t, r.fails(t, `git.copy_changes("/tmp")`), "is no throw-away work tree of this run")
	wantError(t, r.fails(t, `git.worktree("base", lambda path: fail("oh " + path), dir = d)`), "oh /")
	left, err := filepath.Glob(filepath.Join(dir, ".git/worktrees/*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestGitInPlacePutsBackWhateverEndsTheFunction(t *testing.T) {
	t.Parallel()
	r, dir := aRepo(t)
	clean := func() {
		t.Helper()
		a, err := os.ReadFile(filepath.Join(dir, "src/a"))
		mine, err2 := os.ReadFile(filepath.Join(dir, "new"))
		if string(a) != "3\n" || string(mine) != "mine\n" {
			t.Errorf("the work tree holds %q, %q (%v, %v)", a, mine, err, err2)
		}
	}
	if got := r.text(t, `out = git.in_place("base", lambda path: [path == d, cat(path + "/src/a"), cat(path + "/new")], dir = d)`); got != `[True, "1", "absent"]` {
		t.Error(got)
	}
	clean()
	if got := r.text(t, `out = git.in_place("base", lambda path: [cat(path + "/src/a"), cat(path + "/new")], layer = ["src/**"], dir = d)`); got != `["1", "mine"]` {
		t.Error(got)
	}
	clean()
	if len(r.covered) > 0 {
		t.Errorf("said %+v", r.covered)
	}
	wantError(t, r.fails(t, `git.in_place("base", lambda path: fail("oh"), dir = d)`), "oh")
	clean()

	// The function of a bracket in a bracket: the second finds the first.
	wantError(t, r.fails(t, `git.in_place("base", lambda path: git.in_place("base", lambda path: 1, dir = d), dir = d)`), "another run has done so")
	clean()

	// What others write meanwhile is kept, and said.
	r.names["scribble"] = starlark.NewBuiltin("scribble", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return starlark.None, os.WriteFile(filepath.Join(dir, "b"), []byte("scribbled\n"), 0o644)
	})
	r.text(t, `out = git.in_place("base", lambda path: scribble(), dir = d)`)
	clean()
	if len(r.covered) != 1 || !strings.Contains(r.covered[0].Detail, "what was written into the work tree meanwhile is out of it, and kept under refs/runbook/") || !strings.HasSuffix(r.covered[0].Detail, "/meanwhile: b") {
		t.Errorf("said %+v", r.covered)
	}

	// So is who has a file open, and goes on in one that has no name any more.
	log := exec.Command("sleep", "100")
	r.names["scribble"] = starlark.NewBuiltin("scribble", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		f, err := os.OpenFile(filepath.Join(dir, "b"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		log.Stdout = f
		return starlark.None, log.Start()
	})
	who := r.text(t, `
git.in_place("base", lambda path: scribble(), dir = d)
out = git.meanwhile()[-1].writers`)
	if want := fmt.Sprintf(`["b is open for writing by sleep (pid %d)"]`, log.Process.Pid); who != want {
		t.Errorf("writers %s, want %s", who, want)
	}
	_ = log.Process.Kill()
	_ = log.Wait()
	clean()

	// That brings it back, new files too, and stages nothing.
	r.names["scribble"] = starlark.NewBuiltin("scribble", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return starlark.None, errors.Join(os.WriteFile(filepath.Join(dir, "src/a"), []byte("3\nsaved\n"), 0o644), os.WriteFile(filepath.Join(dir, "fresh é"), []byte("fresh\n"), 0o644))
	})
	ref := r.text(t, `
git.in_place("base", lambda path: scribble(), dir = d)
got = git.meanwhile()
if [sorted(r.files) for r in got] != [[], [], [], [], ["b"], [], ["fresh é", "src/a"]] or got[-1].base != git.resolve("base", dir = d):
    fail(got)
out = got[-1].ref`)
	clean()
	back := exec.Command("git", "restore", "--overlay", "--source="+strings.Trim(ref, `"`), ":/")
	back.Dir = filepath.Join(dir, "src")
	if out, err := back.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for file, want := range map[string]string{"src/a": "3\nsaved\n", "fresh é": "fresh\n", "new": "mine\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); string(got) != want {
			t.Errorf("brought back, %s holds %q (%v)", file, got, err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "src/a"), []byte("3\n"), 0o644), os.Remove(filepath.Join(dir, "fresh é"))); err != nil {
		t.Fatal(err)
	}

	// The end of the run.
	ctx, cancel := context.WithCancel(context.Background())
	r.ctx = ctx
	r.names["end"] = starlark.NewBuiltin("end", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		cancel()
		return nil, ctx.Err()
	})
	wantError(t, r.fails(t, `git.in_place("base", lambda path: end(), dir = d)`), "canceled")
	clean()
}

func TestGitShowsInsteadOfDoing(t *testing.T) {
	t.Parallel()
	r, _ := aRepo(t)
	r.dryRun = true
	r.text(t, `out = [git.worktree("base", len, dir = d), git.in_place("base", len, layer = "src/**", dir = d)]`)
	if len(r.confirmed) != 2 || !strings.Contains(r.confirmed[0].Nodes[0].Label, "check base out into a throw-away work tree, call len there") ||
		!strings.Contains(r.confirmed[1].Nodes[0].Label, "give src/** of the work tree the content of base") {
		t.Errorf("shown: %+v", r.confirmed)
	}
	r.dryRun, r.refuse = false, true
	other, err := probe.NewLive(probe.LiveOptions{Proc: "/proc"}) // as of the host in a container
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newRun(other)
	for _, src := range []string{`git.repo()`, `git.worktree("HEAD", len)`, `git.in_place("HEAD", len)`, `git.apply("/x", "")`} {
		if err := elsewhere.fails(t, src); !isDenied(err) {
			t.Errorf("%s where nothing can be run: %v", src, err)
		}
	}
}
