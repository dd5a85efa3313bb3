package probe_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"runbook/builtins/probe"
)

func TestGitSaysHowARepositoryStands(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	g := y.open()
	s, err := g.State(t.Context())
	if err != nil || s.Head != "" || s.Branch != "main" || s.Dirty || s.Root != y.dir {
		t.Errorf("before the first commit: %+v, %v", s, err)
	}
	if _, err := g.ChangeInPlace(t.Context(), y.logs, "HEAD", nil); err == nil {
		t.Error("changed a work tree without a commit in place")
	}
	y.write("a", "1\n", "b", "1\n")
	head := y.commit("one")
	y.write("a", "2\n", "new/x", "1\n", "new/y", "1\n", "other", "1\n")
	s, err = g.State(t.Context())
	want := probe.GitState{Root: y.dir, Head: head, Branch: "main", Dirty: true, Untracked: 2}
	if d := cmp.Diff(want, s); d != "" || err != nil {
		t.Errorf("%s%v", d, err)
	}
	y.git("checkout", "-q", "--detach")
	y.git("merge-base", "HEAD", "main")
	if s, _ := g.State(t.Context()); s.Branch != "" || s.Head != head {
		t.Errorf("detached: %+v", s)
	}
	y.git("stash", "-q")
	y.write("a", "3\n")
	y.commit("two")
	if s, _ := g.State(t.Context()); s.Dirty {
		t.Errorf("clean: %+v", s)
	}
	y.write("sub/deep/x", "")
	h := live(t)
	if in, err := probe.OpenGit(t.Context(), h, filepath.Join(y.dir, "sub/deep")); err != nil || in.Root != y.dir || in.Common != filepath.Join(y.dir, ".git") {
		t.Errorf("from below: %+v, %v", in, err)
	}
}

func TestGitSaysInOneLineWhatIsWrong(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("a", "1\n")
	y.commit("one")
	y.git("tag", "v1.2")
	y.git("checkout", "-q", "--orphan", "island")
	y.git("commit", "-q", "-m", "apart")
	g, h := y.open(), live(t)
	before := y.print()
	bare := filepath.Join(t.TempDir(), "bare")
	y.git("init", "-q", "--bare", bare)
	open := func(dir string) error { _, err := probe.OpenGit(t.Context(), h, dir); return err }
	resolve := func(ref string) error { _, err := g.Resolve(t.Context(), ref); return err }
	commits := func(a, b string) error { _, err := g.Commits(t.Context(), a, b); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{open(t.TempDir()), "lies in no git work tree"},
		{open(bare), "lies in no git work tree"},
		{open(filepath.Join(y.dir, ".git")), "lies in no git work tree"},
		{open(filepath.Join(y.dir, "a")), "is no directory"},
		{open("/no/such/dir"), "no such file or directory"},
		{resolve("mian"), `no commit "mian" here`},
		{resolve(""), `no commit "" here`},
		{resolve("--all"), `no commit "--all" here`},
		{resolve("two\nlines\xff"), `no commit "two`},
		{resolve("main:a"), `no commit "main:a" here`}, // a file
		{commits("main", "island"), "main is no ancestor of island"},
		{func() error { _, err := g.AddWorktree(t.Context(), y.logs, "mian"); return err }(), `no commit "mian"`},
		{func() error { _, err := g.Diff(t.Context(), "main", []string{"nowhere/**"}); return err }(), `"nowhere/**" matches no file`},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || strings.Contains(c.err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", c.err, c.want)
		}
	}
	var lost *probe.NoRefError
	if !errors.As(resolve("mian"), &lost) || !slices.Contains(lost.Names, "main") || !slices.Contains(lost.Names, "v1.2") {
		t.Errorf("names to choose from: %+v", lost)
	}
	unchanged(t, before, y.print())
}

func TestGitListsCommitsAlongTheFirstParents(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	var want []string
	for i := range 4 {
		y.write("a", fmt.Sprint(i))
		want = append(want, y.commit(fmt.Sprint("commit ", i)))
	}
	y.git("checkout", "-q", "-b", "side", "HEAD~1")
	y.write("b", "1")
	y.commit("on the side")
	y.git("checkout", "-q", "main")
	y.git("merge", "-q", "--no-ff", "-m", "merge side", "side")
	want = append(want, y.git("rev-parse", "HEAD"))
	g := y.open()
	got, err := g.Commits(t.Context(), want[0], "HEAD")
	if d := cmp.Diff(want[1:], got); d != "" || err != nil {
		t.Error(d, err)
	}
	if none, err := g.Commits(t.Context(), "HEAD", "HEAD"); err != nil || len(none) != 0 {
		t.Errorf("none: %v, %v", none, err)
	}
	c, err := g.Commit(t.Context(), "main")
	if err != nil || c.ID != want[4] || !strings.HasPrefix(c.ID, c.Short) || c.Subject != "merge side" || c.Author != "n" || len(c.Parents) != 2 || c.Date.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
}

// A hook of any kind would leave a file.
func (y *yard) plantHooks() {
	for _, hook := range []string{"post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc", "post-commit", "fsmonitor-watchman"} {
		y.write(".git/hooks/"+hook, "+x #!/bin/sh\ntouch "+filepath.Join(y.logs.Dir, "..", "hooked")+"\n")
	}
	y.git("config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman")
}

func TestAThrowAwayWorkTreeTouchesNothingOfTheUsers(t *testing.T) {
	t.Parallel()
	y := messy(t)
	y.plantHooks()
	before, stash := y.print(), y.git("stash", "list")
	hooked := filepath.Join(y.logs.Dir, "..", "hooked")
	if err := os.RemoveAll(hooked); err != nil {
		t.Fatal(err)
	}
	g := y.open()

	w, err := g.AddWorktree(t.Context(), y.logs, "base")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Dir(w.Path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", filepath.Dir(w.Path), info.Mode(), err)
	}
	want := newYard(t)
	want.git("fetch", "-q", y.dir, "refs/tags/base:refs/heads/other")
	want.git("checkout", "-q", "other")
	if d := cmp.Diff(content(t, want.dir, ".git"), content(t, w.Path, ".git")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	unchanged(t, before, y.print()) // git at home knows nothing of it
	// The tests that run there are no angels.
	if err := os.MkdirAll(filepath.Join(w.Path, "closed/inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(w.Path, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(w.Path)); err == nil {
		t.Error("it is still there")
	}
	unchanged(t, before, y.print())
	if now := y.git("-c", "core.hooksPath=/dev/null", "stash", "list"); now != stash {
		t.Errorf("stash list %q, was %q", now, stash)
	}
	if _, err := os.Stat(hooked); err == nil {
		t.Error("a hook ran")
	}

	// Nor does the change in place run one.
	there, err := g.ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, y.only(before, ".git/objects/"), y.print(".git/objects"))
	if _, err := os.Stat(hooked); err == nil {
		t.Error("a hook ran")
	}
}

// only is a fingerprint without what begins with prefix.
func (y *yard) only(print map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for path, v := range print {
		if !strings.HasPrefix(path, prefix) {
			out[path] = v
		}
	}
	return out
}

func TestAUsersStaleWorkTreeIsNotPruned(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("a", "1")
	y.commit("one")
	theirs := filepath.Join(t.TempDir(), "on a disk that is not mounted")
	y.git("worktree", "add", "-q", "-b", "theirs", theirs)
	if err := os.RemoveAll(theirs); err != nil {
		t.Fatal(err)
	}
	before := y.print()
	w, err := y.open().AddWorktree(t.Context(), y.logs, "main")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, y.print())
}

// What is written into a submodule stays there, and is not passed over in silence:
// the work tree is as it was but for that.
func TestInPlaceNamesASubmoduleThatWasWritten(t *testing.T) {
	t.Parallel()
	lib := newYard(t)
	lib.write("lib.py", "x = 1\n")
	lib.commit("lib")
	y := newYard(t)
	y.write("a", "1")
	y.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", lib.dir, "lib")
	y.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", lib.dir, "other")
	y.commit("one")
	y.write("a", "2")
	for _, wrote := range []string{"", "lib"} {
		there, err := y.open().ChangeInPlace(t.Context(), y.logs, "HEAD", nil)
		if err != nil {
			t.Fatal(err)
		}
		if wrote != "" {
			y.write("lib/by-a-test", "x\n")
		}
		done, err := there.Restore(t.Context())
		if err != nil || strings.Join(done.Submodules, " ") != wrote {
			t.Errorf("submodules %q, want %q; %v", done.Submodules, wrote, err)
		}
	}
	if _, err := os.Stat(filepath.Join(y.dir, "lib/by-a-test")); err != nil {
		t.Error(err)
	}
}

// A submodule that is added, removed, or moved to another commit in the index is so
// in a copy of the changes, too: what is tested there is what the user has.
func TestCopiedChangesHaveTheSubmodulesOfTheIndex(t *testing.T) {
	t.Parallel()
	lib := newYard(t)
	lib.write("lib.py", "x = 1\n")
	lib.commit("lib")
	y := newYard(t)
	y.write("a", "1")
	for _, name := range []string{"moved", "removed", "replaced", "same"} {
		y.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", lib.dir, name)
	}
	y.commit("one")
	lib.write("lib.py", "x = 2\n")
	lib.commit("two")
	y.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", lib.dir, "dir/added")
	y.git("-C", "moved", "pull", "-q")
	y.git("add", "moved")
	y.git("rm", "-q", "removed", "replaced")
	y.write("replaced/own.py", "x = 3\n")
	before := y.print()
	w, err := y.open().AddWorktree(t.Context(), y.logs, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.CopyChanges(t.Context()); err != nil {
		t.Error(err)
	}
	want, got := content(t, y.dir, ".git"), content(t, w.Path, ".git")
	for _, files := range []map[string]string{want, got} {
		for path := range files {
			if filepath.Base(path) == ".git" { // a file, of a submodule
				delete(files, path)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the copy is not the user's work tree (-want +got):\n%s", d)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, y.print())
}

func TestSubmodulesComeFromTheUsersClone(t *testing.T) {
	t.Parallel()
	lib := newYard(t)
	lib.write("lib.py", "x = 1\n", "bin/tool", "+x #!/bin/sh\n")
	lib.commit("lib")
	y := newYard(t)
	y.write("a", "1")
	y.commit("one")
	y.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", lib.dir, "libs/a lib")
	y.commit("with a submodule")
	y.git("tag", "base")
	y.write("a", "2")
	y.commit("two")
	before := y.print()
	g := y.open()
	w, err := g.AddWorktree(t.Context(), y.logs, "base")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"lib.py": "x = 1\n", "bin/tool": "+x #!/bin/sh\n"}, content(t, filepath.Join(w.Path, "libs/a lib"))); d != "" || len(w.Notes) > 0 {
		t.Error(d, w.Notes)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, y.print())

	there, err := g.ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	before = y.only(before, ".git/objects/")
	unchanged(t, before, y.print(".git/objects"))
	if _, err := g.ChangeInPlace(t.Context(), y.logs, "base~1", nil); err == nil || !strings.Contains(err.Error(), "submodule libs/a lib is not there at that commit") {
		t.Errorf("to before the submodule: %v", err)
	}
	y.write("libs/a lib/lib.py", "x = 2\n")
	if s, err := g.State(t.Context()); err != nil || len(s.Submodules) != 1 || !s.Submodules[0].Dirty {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := g.ChangeInPlace(t.Context(), y.logs, "base", nil); err == nil || !strings.Contains(err.Error(), "submodule libs/a lib has changes of its own") {
		t.Errorf("with a dirty submodule: %v", err)
	}
	y.git("-C", "libs/a lib", "-c", "user.name=n", "-c", "user.email=n", "commit", "-q", "--allow-empty", "-m", "moved")
	if s, err := g.State(t.Context()); err != nil || !s.Submodules[0].Moved {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := g.ChangeInPlace(t.Context(), y.logs, "base", nil); err == nil || !strings.Contains(err.Error(), "submodule libs/a lib is at another commit than the index wants") {
		t.Errorf("with a moved submodule: %v", err)
	}

	other := filepath.Join(t.TempDir(), "clone")
	y.git("clone", "-q", y.dir, other)
	h := live(t)
	o, err := probe.OpenGit(t.Context(), h, other)
	if err != nil {
		t.Fatal(err)
	}
	w, err = o.AddWorktree(t.Context(), y.logs, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"submodule libs/a lib is empty: it is not initialised in this clone"}, w.Notes); d != "" {
		t.Error(d)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestALayerMovesAsAPatchBothWays(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print()
	g := y.open()
	all, err := g.Diff(t.Context(), "HEAD", nil)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := g.Diff(t.Context(), "base", []string{"sub/**", "bin.dat", "un/**", "assumed", "tool.sh"})
	if err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, y.print())
	if d := cmp.Diff([]string{"assumed", "bin.dat", "sub/deep/er/x", "tool.sh", "un/tra/cked"}, layer.Files); d != "" || len(layer.SHA256) != 64 {
		t.Error(d, layer.SHA256)
	}

	// The base with the layer.
	w, err := g.AddWorktree(t.Context(), y.logs, "base")
	if err != nil {
		t.Fatal(err)
	}
	want := content(t, w.Path, ".git")
	pure := content(t, w.Path, ".git")
	want["assumed"], want["bin.dat"], want["sub/deep/er/x"], want["un/tra/cked"] = "mine\n", "\x00\x03\x00", "2\n", "mine\n"
	delete(want, "tool.sh")
	apply := func(w *probe.GitWorktree, p probe.Patch, o probe.PatchOptions) string {
		t.Helper()
		misfit, err := w.Apply(t.Context(), p.Text, o)
		if err != nil {
			t.Fatal(err)
		}
		return misfit
	}
	if why := apply(w, layer, probe.PatchOptions{Reverse: true, Check: true}); why == "" {
		t.Error("the layer can be taken back where it is not")
	}
	if why := apply(w, layer, probe.PatchOptions{Check: true}) + apply(w, layer, probe.PatchOptions{}); why != "" {
		t.Errorf("does not fit: %s", why)
	}
	if d := cmp.Diff(want, content(t, w.Path, ".git")); d != "" {
		t.Errorf("base + layer (-want +got):\n%s", d)
	}
	if why := apply(w, layer, probe.PatchOptions{}); why == "" || strings.Contains(why, "\n") {
		t.Errorf("applied twice: %q", why)
	}
	if why := apply(w, layer, probe.PatchOptions{Reverse: true}); why != "" {
		t.Error(why)
	}
	if d := cmp.Diff(pure, content(t, w.Path, ".git")); d != "" {
		t.Errorf("there and back (-want +got):\n%s", d)
	}
	if _, err := w.CopyChanges(t.Context()); err == nil || !strings.Contains(err.Error(), "the changes are to HEAD") {
		t.Errorf("error %v", err)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}

	// All changes, by patch and by copy, come to the same.
	var got []map[string]string
	for _, bring := range []func(*probe.GitWorktree) error{
		func(w *probe.GitWorktree) error { _, err := w.CopyChanges(t.Context()); return err },
		func(w *probe.GitWorktree) error {
			if why := apply(w, all, probe.PatchOptions{}); why != "" {
				return errors.New(why)
			}
			return nil
		},
	} {
		w, err := g.AddWorktree(t.Context(), y.logs, "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		if err := bring(w); err != nil {
			t.Error(err)
		}
		got = append(got, content(t, w.Path, ".git"))
		if err := w.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want = content(t, y.dir, ".git", "build", "cache", "collide.txt", "sub/old.pyc")
	for i, way := range []string{"copied", "as a patch"} {
		if d := cmp.Diff(want, got[i]); d != "" {
			t.Errorf("%s (-want +got):\n%s", way, d)
		}
	}
	unchanged(t, before, y.print())
}

var gitShapes = flag.Int("git-shapes", 12, "how many histories TestInPlaceOnWorkTreesOfAnyShape plays")

var gitSeed = flag.Uint64("git-seed", 0, "the history that TestInPlaceOnWorkTreesOfAnyShape plays")

// TestInPlaceOnWorkTreesOfAnyShape plays random histories: whatever the base,
// the commit, the index and the disk hold, the work tree comes back.
func TestInPlaceOnWorkTreesOfAnyShape(t *testing.T) {
	t.Parallel()
	rounds := *gitShapes
	if testing.Short() {
		rounds = min(rounds, 3)
	}
	met := []uint64{
		7871856242980481355,  // a test made a .gitignore that the user had deleted
		11276905286526243872, // a directory had become a link to itself
	}
	for round := range rounds {
		seed := rand.Uint64()
		if *gitSeed != 0 {
			seed = *gitSeed
		} else if round < len(met) {
			seed = met[round]
		}
		r := rand.New(rand.NewPCG(seed, 0))
		y := newYard(t)
		paths := []string{"a", "a/b", "a/b/c", "d", "d/e", "d/f g", "h\xff", "i\nj", "k/l.pyc", "m/n", "m/o/p", ".gitignore"}
		scribble := func(n int) {
			for range n {
				path := paths[r.IntN(len(paths))]
				if path == ".gitignore" {
					y.write(path, []string{"*.pyc\n", "m/\n", "d\n", "rm"}[r.IntN(4)])
					continue
				}
				for _, up := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
					if info, err := os.Lstat(filepath.Join(y.dir, up)); err == nil && !info.IsDir() {
						y.write(up, "rm")
					}
				}
				y.write(path, []string{"1\n", "2\n", "\x00\xff", "+x 1\n", "-> a", "-> /nowhere", "rm", ""}[r.IntN(8)])
			}
		}
		y.write("always", "here\n")
		scribble(8)
		y.commit("base")
		y.git("tag", "base")
		scribble(8)
		y.git("add", "-A")
		y.git("commit", "-q", "--allow-empty", "-m", "change")
		scribble(6)
		y.git("add", "-A")
		scribble(6)
		before := y.print(".git/objects")
		what := fmt.Sprintf("seed %d", seed)
		g := y.open()
		w, err := g.AddWorktree(t.Context(), y.logs, "base")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		want := content(t, w.Path, ".git")
		if err := w.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		ignored := map[string]bool{}
		for _, path := range strings.Split(y.git("ls-files", "-z", "-o", "-i", "--exclude-standard"), "\x00") {
			if _, based := want[path]; !based && path != "" {
				want[path] = content(t, y.dir, ".git")[path]
				ignored[path] = true
			}
		}
		there, err := g.ChangeInPlace(t.Context(), y.logs, "base", nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got := content(t, y.dir, ".git")
		for path, text := range want {
			moved := ignored[path] && slices.Contains(there.Changed, path) // it made room
			if got[path] != text && !moved {
				t.Errorf("%s: %q holds %q, want %q", what, path, got[path], text)
			}
			delete(got, path)
		}
		if len(got) > 0 {
			t.Errorf("%s: not the base's: %q", what, got)
		}
		if r.IntN(2) == 0 {
			scribble(5)
		}
		if _, err := there.Restore(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		after := y.print(".git/objects", ".git/refs/runbook")
		scribbled := y.git("ls-files", "-z", "-o", "-i", "--exclude-standard") // ignored files stay as they were made
		for path := range ignored {
			scribbled += "\x00" + path
		}
		for _, path := range strings.Split(scribbled, "\x00") {
			for ; path != "" && path != "."; path = filepath.Dir(path) {
				for _, print := range []map[string]string{before, after} {
					delete(print, path)
					delete(print, path+"/")
				}
			}
		}
		unchanged(t, before, after)
		if t.Failed() {
			t.Fatal(what)
		}
	}
}

func TestAFullOrReadOnlyDiskChangesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("root may not mount here, as in a container: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	y := newYard(t)
	y.dir = filepath.Join(dir, "repo")
	if err := os.Mkdir(y.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	y.git("init", "-q", "-b", "main")
	y.git("config", "user.name", "n")
	y.git("config", "user.email", "n@example.com")
	noise := make([]byte, 400<<10)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	y.write("big", string(noise), "small", "1\n")
	y.commit("base")
	y.git("tag", "base")
	y.write("big", "rm", "small", "2\n")
	y.commit("change")
	y.write("small", "3\n", "mine", string(noise[:300<<10]))
	g := y.open()
	free := func() int {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil {
			t.Fatal(err)
		}
		return int(s.Bavail) * int(s.Bsize)
	}
	for left := 0; left < 900<<10; left += 60 << 10 {
		fill := filepath.Join(dir, "fill")
		if err := os.WriteFile(fill, make([]byte, max(0, free()-left)), 0o600); err != nil {
			t.Fatal(err)
		}
		before := y.print(".git/objects")
		there, err := g.ChangeInPlace(t.Context(), y.logs, "base", nil)
		switch {
		case err == nil:
			if _, err := there.Restore(t.Context()); err != nil {
				t.Errorf("%d bytes left: %v", left, err)
			}
		case strings.Contains(err.Error(), "NOT as it was"):
			t.Errorf("%d bytes left: %v", left, err)
		default:
			t.Logf("%d bytes left: %v", left, err)
		}
		if _, err := os.Stat(filepath.Join(y.dir, ".git", "runbook")); err == nil {
			t.Errorf("%d bytes left: .git/runbook is left", left)
		}
		unchanged(t, before, y.print(".git/objects"))
		y.recover()
		unchanged(t, before, y.print(".git/objects"))
		if err := os.Remove(fill); err != nil {
			t.Fatal(err)
		}
	}
	y.nothingLeft()

	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	before := y.print()
	_, err := g.ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err == nil || !strings.Contains(err.Error(), "read-only file system") || strings.Contains(err.Error(), "\n") {
		t.Errorf("in place: %v", err)
	}
	w, err := g.AddWorktree(t.Context(), y.logs, "base") // which writes nothing there
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	unchanged(t, before, y.print())
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=2m"); err != nil {
		t.Fatal(err)
	}
	y.nothingLeft()
}

func TestInPlaceInALinkedWorkTreeAndWithOtherHashes(t *testing.T) {
	t.Parallel()
	y := messy(t)
	link := filepath.Join(t.TempDir(), "linked")
	y.git("worktree", "add", "-q", "-b", "linked", link)
	linked := &yard{t: t, dir: link, logs: y.logs}
	linked.write("staged", "mine\n", "new", "mine\n")
	theirs, before := y.print(".git/objects", ".git/refs"), linked.print()
	there, err := linked.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, link)["staged"]; got != "1\n" {
		t.Errorf("staged is %q", got)
	}
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, linked.print())
	unchanged(t, theirs, y.print(".git/objects", ".git/refs"))

	other := newYard(t)
	other.write(".git", "rm")
	other.git("init", "-q", "--object-format=sha256", "-b", "main")
	other.git("config", "user.name", "n")
	other.git("config", "user.email", "n@example.com")
	other.write("a", "1\n", "b", "1\n")
	other.commit("one")
	other.write("a", "2\n", "c", "-> b")
	other.commit("two")
	other.write("a", "3\n", "d", "mine\n")
	before = other.print(".git/objects")
	there, err = other.open().ChangeInPlace(t.Context(), y.logs, "HEAD~1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, other.print(".git/objects"))
}

// With filters the bytes on disk are not those of the objects.
func TestInPlaceKeepsBytesThatAFilterWouldChange(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.git("config", "core.autocrlf", "true")
	y.git("config", "filter.shout.clean", "tr A-Z a-z")
	y.git("config", "filter.shout.smudge", "tr a-z A-Z")
	y.write(".gitattributes", "*.shout filter=shout\n", "a.txt", "one\r\ntwo\r\n", "b.shout", "LOUD\n", "c.shout", "LOUD\n")
	y.commit("base")
	y.write("a.txt", "one\r\nTWO\r\n", "b.shout", "LOUDER\n")
	y.commit("change")
	y.write("a.txt", "mixed\r\nends\n", "b.shout", "Mixed Case\n", "d.shout", "New\n")
	before := y.print(".git/objects")
	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "HEAD~1", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{".gitattributes": "*.shout filter=shout\n", "a.txt": "one\r\ntwo\r\n", "b.shout": "LOUD\r\n", "c.shout": "LOUD\n"} // as a checkout would: c is not touched
	if d := cmp.Diff(want, content(t, y.dir, ".git")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	y.write("d.shout", "by a test\n")
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
}

func TestGitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print(".git/objects")
	for n := range 8 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			h := live(t)
			_, _ = h.Sleep(t.Context(), 1+rand.N(400*time.Millisecond))
			cancel()
		}()
		there, err := y.open().ChangeInPlace(ctx, y.logs, "base", nil)
		if err == nil {
			_, err = there.Restore(t.Context())
		} else if !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "git ") {
			t.Errorf("error %v", err)
		}
		cancel()
		unchanged(t, before, y.print(".git/objects"))
		if t.Failed() {
			t.Fatalf("round %d: %v", n, err)
		}
	}
	y.nothingLeft()
}

func TestAThrowAwayWorkTreeSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write(".gitattributes", "*.bin filter=lfs diff=lfs\n", "x.bin", "version https://git-lfs.github.com/spec/v1\n", "in/a", "1", "out/b", "1")
	y.commit("one")
	y.git("sparse-checkout", "set", "in")
	g := y.open()
	if s, err := g.State(t.Context()); err != nil || !s.Sparse || s.Dirty {
		t.Errorf("%+v, %v", s, err)
	}
	w, err := g.AddWorktree(t.Context(), y.logs, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"files of git-lfs are pointers only: nothing was downloaded", "the checkout is sparse, as the user's is"}, w.Notes); d != "" {
		t.Error(d)
	}
	y.write("in/a", "2")
	if changed, err := w.CopyChanges(t.Context()); err != nil || !slices.Equal(changed, []string{"in/a"}) {
		t.Errorf("changes of a sparse checkout: %v, %v", changed, err)
	}
	if p, err := g.Diff(t.Context(), "HEAD", nil); err != nil || !slices.Equal(p.Files, []string{"in/a"}) {
		t.Errorf("diff of a sparse checkout: %v, %v", p.Files, err)
	}
	if err := w.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	y.nothingLeft()
}

func TestGitThatIsNotThereIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := probe.OpenGit(t.Context(), h, "."); !errors.Is(err, probe.ErrNoGit) || err.Error() != "git: there is no git in PATH" {
		t.Errorf("error %v", err)
	}
}

// What the two ways cost on a project of 2,000 files, 20 of which differ.
func BenchmarkGit(b *testing.B) {
	y := newYard(b)
	for i := range 2000 {
		y.write(fmt.Sprintf("pkg%d/mod%d.py", i%40, i), strings.Repeat("x = 1\n", 100))
	}
	y.commit("base")
	for i := range 20 {
		y.write(fmt.Sprintf("pkg%d/mod%d.py", i%40, i), "x = 2\n")
	}
	y.commit("change")
	y.write("pkg0/mod0.py", "x = 3\n", "new.py", "x = 4\n")
	g := y.open()
	b.Run("worktree", func(b *testing.B) {
		for b.Loop() {
			w, err := g.AddWorktree(b.Context(), y.logs, "HEAD~1")
			if err == nil {
				err = w.Remove(b.Context())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in place", func(b *testing.B) {
		for b.Loop() {
			there, err := g.ChangeInPlace(b.Context(), y.logs, "HEAD~1", nil)
			if err == nil {
				_, err = there.Restore(b.Context())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
