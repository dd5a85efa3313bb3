package probe_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"runbook/builtins/probe"
)

func TestInPlaceShowsTheBaseAndComesBackByteByByte(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print(".git/objects")
	stash := y.git("stash", "list")

	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := newYard(t)
	want.git("fetch", "-q", y.dir, "refs/tags/base:refs/heads/other")
	want.git("checkout", "-q", "other")
	got := content(t, y.dir, ".git")
	wanted := content(t, want.dir, ".git")
	// Ignored files stay; the one in the way of a file of the base does not.
	wanted["cache/x"], wanted["build/other"], wanted["sub/old.pyc"] = "ignored, mine\n", "ignored, mine\n", "ignored, mine\n"
	if d := cmp.Diff(wanted, got); d != "" {
		t.Errorf("the work tree is not the base's (-want +got):\n%s", d)
	}
	if now := y.print(".git/objects", ".git/runbook", ".git/refs"); now[".git/index"] != before[".git/index"] || now[".git/HEAD"] != before[".git/HEAD"] {
		t.Error("HEAD or the index moved")
	}

	done, err := there.Restore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(done.Meanwhile) > 0 || done.Ref != "" || done.Moved != "" || done.Files == 0 {
		t.Errorf("restored: %+v", done)
	}
	unchanged(t, before, y.print(".git/objects"))
	if now := y.git("stash", "list"); now != stash || stash == "" {
		t.Errorf("stash list %q, was %q", now, stash)
	}
	y.nothingLeft()
	if again, err := there.Restore(t.Context()); err != nil || !cmp.Equal(again, done) {
		t.Errorf("again: %+v, %v", again, err)
	}
}

func TestInPlaceUndoesWhatTheTestsDid(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"base", ""} { // in another commit's content, and in the user's own
		undoesWhatTheTestsDid(t, ref)
	}
}

func undoesWhatTheTestsDid(t *testing.T, ref string) {
	y := messy(t)
	before := y.print(".git/objects")
	there, err := y.open().ChangeInPlace(t.Context(), y.logs, ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	y.write(
		"staged", "a test wrote this\n", // one of the base's
		"same", "and this\n", // one that both have
		"tests/out/report.txt", "a report\n", // a new one
		"only-base/__pycache__/y.pyc", "ignored in the user's tree\n",
		"sub", "rm", "sub", "-> /tmp", // a link in place of a directory
		"df", "rm", "df/deep/z", "new\n", // a directory in place of a file
		"untracked.txt", "rm", "untracked.txt/x", "in the way\n",
		".pytest_cache/v", "cache\n", "cache/y", "ignored\n",
	)
	if err := os.MkdirAll(filepath.Join(y.dir, "left/empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	y.git("add", "-A") // also the index
	done, err := there.Restore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	after := y.print(".git/objects", ".git/refs/runbook")
	if _, kept := after["cache/y"]; !kept {
		t.Error("an ignored file was taken away")
	}
	delete(after, "cache/y")
	delete(before, "sub/old.pyc") // ignored: what the tests do to such a file stays done
	unchanged(t, before, after)
	want := []string{"df/deep/z", "same", "staged", "sub", "tests/out/report.txt", "untracked.txt/x"}
	slices.Sort(done.Meanwhile)
	if d := cmp.Diff(want, done.Meanwhile); d != "" {
		t.Errorf("kept of meanwhile:\n%s", d)
	}
	for path, text := range map[string]string{"same": "and this", "staged": "a test wrote this", "df/deep/z": "new", "sub": "/tmp"} {
		if got := y.git("show", done.Ref+":"+path); got != text {
			t.Errorf("%s was kept as %q", path, got)
		}
	}
}

// A run that writes the same each time is no new ref each time; what git
// ignores is named, and stays.
func TestInPlaceNamesWhatATestLeaves(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write(".gitignore", "*.log\nout/\n", "a", "1\n", "old.log", "mine\n", "other.log", "mine\n")
	y.commit("one")
	before := y.print(".git/objects")
	refs := map[string]bool{}
	for i := range 3 {
		there, err := y.open().ChangeInPlace(t.Context(), y.logs, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("run %d\n", i)
		y.write("a", "by a test\n", "report", "by a test\n", "new.log", text, "old.log", text, "out/x", text, "__pycache__/a.pyc", text)
		done, err := there.Restore(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		refs[done.Ref] = true
		want := []string{"new.log", "old.log", "out/"}
		if i > 0 { // it was there before
			want = want[:2]
		}
		if d := cmp.Diff(want, done.Passed); d != "" {
			t.Errorf("round %d:\n%s", i, d)
		}
	}
	y.write("new.log", "rm", "out", "rm")
	after := y.print(".git/objects", ".git/refs/runbook")
	delete(before, "old.log")
	delete(after, "old.log")
	unchanged(t, before, after)
	if listed := strings.Fields(y.git("for-each-ref", "--format=%(refname)", "refs/runbook")); len(refs) != 1 || len(listed) != 1 || !refs[listed[0]] {
		t.Errorf("kept under %v, there is %v", refs, listed)
	}
}

func TestInPlaceChangesALayerOnly(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before, was := y.print(".git/objects"), content(t, y.dir, ".git")
	g := y.open()
	there, err := g.ChangeInPlace(t.Context(), y.logs, "base", []string{"sub/**", "st*ged"})
	if err != nil {
		t.Fatal(err)
	}
	was["sub/deep/er/x"], was["staged"] = "1\n", "1\n"
	if d := cmp.Diff(was, content(t, y.dir, ".git")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"staged", "sub/deep/er/x"}, there.Changed); d != "" {
		t.Error(d)
	}
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, y.print(".git/objects"))
	if _, err := g.ChangeInPlace(t.Context(), y.logs, "base", []string{"sub/**", "strged"}); err == nil || !strings.Contains(err.Error(), `"strged" matches no file`) {
		t.Errorf("error %v", err)
	}
	unchanged(t, before, y.print(".git/objects"))
	y.nothingLeft()
}

func TestInPlaceRefusesWhatIsNotSafe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(y *yard)
		want string
	}{
		{"merge", func(y *yard) { y.write(".git/MERGE_HEAD", "x\n") }, "amid a merge"},
		{"rebase", func(y *yard) { y.write(".git/rebase-merge/done", "") }, "amid a rebase"},
		{"am", func(y *yard) { y.write(".git/rebase-apply/applying", "") }, "amid an am"},
		{"cherry-pick", func(y *yard) { y.write(".git/CHERRY_PICK_HEAD", "x\n") }, "amid a cherry-pick"},
		{"revert", func(y *yard) { y.write(".git/REVERT_HEAD", "x\n") }, "amid a revert"},
		{"bisect", func(y *yard) { y.git("bisect", "start") }, "amid a bisect"},
		{"lock", func(y *yard) { y.write(".git/index.lock", "") }, "index.lock is there"},
		{"sparse", func(y *yard) { y.git("config", "core.sparseCheckout", "true") }, "sparse"},
		{"file in the way", func(y *yard) {
			y.write("a", "rm")
			if err := os.MkdirAll(filepath.Join(y.dir, "a"), 0o755); err != nil {
				y.t.Fatal(err)
			}
			cmd := newYard(y.t)
			cmd.write("x", "1")
			cmd.commit("c")
			if err := os.Rename(cmd.dir, filepath.Join(y.dir, "a", "nested")); err != nil {
				y.t.Fatal(err)
			}
		}, "another repository, is in the way"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.write("a", "1\n")
			y.commit("one")
			y.write("a", "2\n")
			y.commit("two")
			c.do(y)
			before := y.print(".git/objects")
			_, err := y.open().ChangeInPlace(t.Context(), y.logs, "HEAD~1", nil)
			var not *probe.NotNowError
			if !errors.As(err, &not) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			unchanged(t, before, y.print(".git/objects"))
			if _, err := os.Stat(filepath.Join(y.dir, ".git/runbook")); err == nil {
				t.Error(".git/runbook is left")
			}
		})
	}
}

// A file that is open for writing would be exchanged under its writer.
func TestInPlaceRefusesAFileThatIsWritten(t *testing.T) {
	y := messy(t)
	before := y.print(".git/objects")
	for path, refused := range map[string]bool{"untracked.txt": true, "unstaged": true, "cache/x": false} {
		f, err := os.OpenFile(filepath.Join(y.dir, path), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		there, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
		f.Close()
		if refused != (err != nil) || refused && !strings.Contains(err.Error(), fmt.Sprintf("%s is open for writing by probe.test (pid %d)", path, os.Getpid())) {
			t.Errorf("%s: error %v", path, err)
		}
		if err == nil {
			if _, err := there.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		unchanged(t, before, y.print(".git/objects"))
	}
	f, err := os.Open(filepath.Join(y.dir, "untracked.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // reading does no harm
	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "", nil)
	if err != nil {
		t.Fatal(err)
	}

	// Whoever must leave at once puts back what others began.
	y.write("unstaged", "by a test\n")
	if err := probe.PutBackAll(t.Context()); err != nil {
		t.Error(err)
	}
	unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
	if done, err := there.Restore(t.Context()); err != nil || len(done.Meanwhile) != 1 {
		t.Errorf("restored %+v, %v", done, err)
	}
}

// An editor writes another file and gives it the name of the old one, which
// nobody sees coming: what it saved stays, and the run is told why there is none.
func TestInPlaceGivesWayToAnEditor(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"a", "changed", "new"} {
		y := newYard(t)
		y.write("a", "1\n", "changed", "1\n", ".gitattributes", "filtered filter=save\n", "filtered", "1\n")
		y.commit("one")
		y.write("a", "2\n", "changed", "2\n", "filtered", "2\n")
		y.commit("two")
		y.write("changed", "3\n", "new", "3\n")
		save := filepath.Join(t.TempDir(), "save")
		if err := os.WriteFile(save, fmt.Appendf(nil, "#!/bin/sh\ncd '%s' && echo saved > .git/saved && mv .git/saved %s; exec cat\n", y.dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
		y.git("config", "filter.save.smudge", save) // runs as the base is laid ready
		before := y.print(".git/objects")
		delete(before, path)
		_, err := y.open().ChangeInPlace(t.Context(), y.logs, "HEAD~1", nil)
		var not *probe.NotNowError
		if !errors.As(err, &not) || !strings.Contains(not.Why, path+" was written just then") || !strings.Contains(not.Do, "without `--in-place`") {
			t.Errorf("%s: error %v", path, err)
		}
		if got, err := os.ReadFile(filepath.Join(y.dir, path)); string(got) != "saved\n" {
			t.Errorf("%s holds %q, %v: what was saved is gone", path, got, err)
		}
		after := y.print(".git/objects")
		delete(after, path)
		unchanged(t, before, after)
		y.nothingLeft()
	}
}

// Python takes a compiled file for that of a source of the same size that
// changed in the same second.
func TestInPlaceIsNoSourceOfAStalePyc(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("a.py", "x = 1\n")
	y.commit("one")
	y.write("a.py", "x = 2\n")
	y.commit("two")
	mtime := func() int64 {
		info, err := os.Stat(filepath.Join(y.dir, "a.py"))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime().Unix()
	}
	for range 3 {
		y.write("a.py", "x = 3\n")
		before := mtime()
		there, err := y.open().ChangeInPlace(t.Context(), y.logs, "HEAD~1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := content(t, y.dir)["a.py"]; got != "x = 1\n" || mtime() == before {
			t.Errorf("holds %q of second %d, as before", got, before)
		}
		if _, err := there.Restore(t.Context()); err != nil || mtime() != before {
			t.Errorf("restored to second %d, was %d: %v", mtime(), before, err)
		}
	}
}

// 2026-11-28: directories came back as new ones, without their attributes, and
// names of one file were two files afterwards.
func TestInPlaceKeepsDirectoriesAndHardLinks(t *testing.T) {
	t.Parallel()
	y := messy(t)
	y.write("un/tra/two", "a file of several names\n", "pack/mod.py", "x = 1\n")
	at := func(path string) string { return filepath.Join(y.dir, path) }
	outside := filepath.Join(filepath.Dir(y.dir), "outside")
	err := errors.Join(os.Link(at("un/tra/two"), at("un/three")), os.Link(at("unstaged"), outside), os.Link(at("same"), at("same-too")), os.Chmod(at("pack"), 0o555))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(at("pack"), 0o755) })
	marked := unix.Setxattr(at("un/tra"), "user.mark", []byte("mine"), 0) == nil // not every file system can
	inode := func(path string) uint64 {
		t.Helper()
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	paths := []string{outside}
	for path := range y.print(".git") {
		if strings.HasSuffix(path, "/") {
			paths = append(paths, at(path))
		}
	}
	for _, path := range []string{"un/tra/two", "un/three", "unstaged", "same", "same-too"} {
		paths = append(paths, at(path))
	}
	inodes := map[string]uint64{}
	for _, path := range paths {
		inodes[path] = inode(path)
	}
	before := y.print(".git/objects")
	for _, ref := range []string{"base", ""} {
		there, err := y.open().ChangeInPlace(t.Context(), y.logs, ref, nil)
		if err != nil {
			t.Fatal(err)
		}
		y.write("un/tra/new/x", "a test made the directory again\n", "same-too", "rm")
		if f, err := os.OpenFile(at("same"), os.O_WRONLY|os.O_APPEND, 0); err != nil {
			t.Error(err)
		} else if _, err = f.WriteString("a test writes\n"); errors.Join(err, f.Close()) != nil {
			t.Error(err)
		}
		if _, err := there.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
		for _, path := range paths {
			if now := inode(path); now != inodes[path] {
				t.Errorf("%q: %s is inode %d, was %d", ref, path, now, inodes[path])
			}
		}
		var mark [8]byte
		if n, _ := unix.Getxattr(at("un/tra"), "user.mark", mark[:]); marked && string(mark[:max(0, n)]) != "mine" {
			t.Errorf("%q: the attribute of a directory is %q", ref, mark[:max(0, n)])
		}
	}
}

// 2026-11-28: 20 GB of a hole were read for minutes.
func TestInPlaceCopiesNoFileOfManyGigabytes(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print(".git/objects")
	hole := func(path string) {
		t.Helper()
		y.write(path, "")
		if err := os.Truncate(filepath.Join(y.dir, path), 20<<30); err != nil {
			t.Skip("no file can be so large here: ", err)
		}
	}
	hole("it's big.img")
	_, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	var not *probe.NotNowError
	if !errors.As(err, &not) || not.Why != "it's big.img is of 20 GiB, and what git does not ignore is copied first" || !strings.HasPrefix(not.Do, `echo '/it'\''s big.img' >>`) {
		t.Fatalf("%v", err)
	}
	y.nothingLeft()
	y.write("it's big.img", "rm")

	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	hole("new.img")
	hole("made/new.img")
	y.write("made/small", "kept\n")
	done, err := there.Restore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"made/new.img", "new.img"}, done.Passed); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"made/small"}, done.Meanwhile); d != "" {
		t.Errorf("kept (-want +got):\n%s", d)
	}
	y.write("new.img", "rm", "made", "rm")
	unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
}
