package probe_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins/probe"
)

// Nobody's configuration decides what these tests see.
func init() {
	os.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	os.Setenv("GIT_CONFIG_NOSYSTEM", "1")
}

// yard is a repository to play in, and a state directory.
type yard struct {
	t    testing.TB
	dir  string
	logs probe.Journals
}

func newYard(t testing.TB) *yard {
	t.Helper()
	probe.Needs(t, "git")
	top := t.TempDir()
	y := &yard{t: t, dir: filepath.Join(top, "a repo\nof ours"), logs: probe.Journals{Dir: filepath.Join(top, "state")}}
	if err := os.Mkdir(y.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	y.git("init", "-q", "-b", "main")
	y.git("config", "user.name", "n")
	y.git("config", "user.email", "n@example.com")
	return y
}

func (y *yard) git(args ...string) string {
	y.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = y.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		y.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// write makes files: path, content, path, content. A content "-> x" makes a
// link, "+x …" an executable file, "rm" none.
func (y *yard) write(files ...string) {
	y.t.Helper()
	for i := 0; i < len(files); i += 2 {
		path, content := filepath.Join(y.dir, files[i]), files[i+1]
		if err := os.RemoveAll(path); err != nil {
			y.t.Fatal(err)
		}
		if content == "rm" {
			continue
		}
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if to, link := strings.CutPrefix(content, "-> "); link {
			err = errors.Join(err, os.Symlink(to, path))
		} else if text, exe := strings.CutPrefix(content, "+x "); exe {
			err = errors.Join(err, os.WriteFile(path, []byte(text), 0o755))
		} else {
			err = errors.Join(err, os.WriteFile(path, []byte(content), 0o644))
		}
		if err != nil {
			y.t.Fatal(err)
		}
	}
}

func (y *yard) commit(message string) string {
	y.t.Helper()
	y.git("add", "-A")
	y.git("commit", "-q", "-m", message)
	return y.git("rev-parse", "HEAD")
}

func (y *yard) open() *probe.Git {
	y.t.Helper()
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		y.t.Fatal(err)
	}
	g, err := probe.OpenGit(y.t.Context(), h, y.dir)
	if err != nil {
		y.t.Fatal(err)
	}
	return g
}

// messy is a repository in which everything has happened: a base commit of the
// same name, another on top, and all kinds of uncommitted changes to that.
func messy(t testing.TB) *yard {
	y := newYard(t)
	y.write(
		".gitignore", "*.pyc\n", "staged", "1\n", "unstaged", "1\n", "both", "1\n", "same", "same\n", "tool.sh", "+x #!/bin/sh\n", "plain.sh", "#!/bin/sh\n",
		"link", "-> same", "bin.dat", "\x00\x01\xff\r\n\x00", "odd\xff\xfename", "1\n", "new\nline", "1\n", "sub/deep/er/x", "1\n", "only-base/y", "base only\n",
		"df", "a file in the base\n", "fd/y", "a directory in the base\n", "collide.txt", "tracked in the base\n", "build/gen.py", "tracked in the base\n",
		"assumed", "1\n", "skipped", "1\n", "gone-staged", "1\n", "gone", "1\n", "todir", "1\n", "dirlink/z", "1\n", "renamed-from", strings.Repeat("long enough to be seen as renamed\n", 9),
		"crlf.txt", "one\r\ntwo\r\n", "tests/test_x.py", "def test_y(): assert 1\n",
	)
	y.commit("base")
	y.git("tag", "base")
	y.write("stashed-once", "1\n", "staged", "stash\n")
	y.git("stash", "push", "-q", "-u")

	y.write(
		".gitignore", "*.pyc\ncollide.txt\nbuild/\ncache/\n", "staged", "2\n", "unstaged", "2\n", "both", "2\n", "odd\xff\xfename", "2\n", "new\nline", "2\n", "sub/deep/er/x", "2\n",
		"tool.sh", "rm", "only-base", "rm", "df", "rm", "df/x", "tracked\n", "fd", "rm", "collide.txt", "rm", "build", "rm", "link", "-> unstaged", "bin.dat", "\x00\x02", "only-head/z", "1\n",
	)
	y.git("mv", "renamed-from", "renamed-to")
	y.commit("change")

	y.write("staged", "3\n", "both", "3\n", "plain.sh", "+x #!/bin/sh\n")
	y.git("add", "staged", "both", "plain.sh")
	y.git("rm", "-q", "gone-staged")
	y.write(
		"unstaged", "3\n", "both", "4\n", "gone", "rm", "bin.dat", "\x00\x03\x00", "link", "-> nowhere", "todir", "rm", "todir/inner", "1\n", "dirlink", "rm", "dirlink", "-> sub",
		"assumed", "mine\n", "skipped", "mine\n", "intended", "to be added\n",
		"untracked.txt", "mine\n", "run.sh", "+x mine\n", "un/tra/cked", "mine\n", "ulink", "-> /nowhere", "raw\xe9\xff", "mine\n", "ubin", "\x00\xff\n", "line\nfeed", "mine\n", "fd", "a file now\n",
		"collide.txt", "ignored, mine\n", "build/gen.py", "ignored, mine\n", "build/other", "ignored, mine\n", "cache/x", "ignored, mine\n", "sub/old.pyc", "ignored, mine\n", "tests/test_new.py", "mine\n",
	)
	y.git("add", "-N", "intended")
	y.git("update-index", "--assume-unchanged", "assumed")
	y.git("update-index", "--skip-worktree", "skipped")
	for path, mode := range map[string]fs.FileMode{"untracked.txt": 0o600, "same": 0o640, "un/tra": 0o700, "build": 0o750} {
		if err := os.Chmod(filepath.Join(y.dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(y.dir, "empty/dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	return y
}

// print is the fingerprint of all files: content, mode, time of change, for
// directories their mode. Below .git directories do not count, and paths that
// without says may differ.
func (y *yard) print(without ...string) map[string]string {
	y.t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(y.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(path, y.dir+"/")
		git := strings.HasPrefix(rel+"/", ".git/")
		if slices.Contains(without, rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case path == y.dir:
		case d.IsDir() && !git:
			out[rel+"/"] = info.Mode().String()
		case d.IsDir():
		case info.Mode()&fs.ModeSymlink != 0:
			text, err := os.Readlink(path)
			if err != nil {
				return err
			}
			out[rel] = fmt.Sprint("-> ", text, " ", info.ModTime().UnixNano())
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(text)
			out[rel] = fmt.Sprint(info.Mode(), " ", hex.EncodeToString(sum[:8]))
			if !strings.HasPrefix(rel, ".git/objects/") { // git marks one as used by its time
				out[rel] += fmt.Sprint(" ", info.ModTime().UnixNano())
			}
		}
		return nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
	return out
}

// unchanged fails when a fingerprint differs.
func unchanged(t testing.TB, before, after map[string]string) {
	t.Helper()
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("not as it was (-before +after):\n%s", d)
	}
}

// content is what the files of a directory say, links and executables as write
// takes them.
func content(t testing.TB, dir string, skip ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, dir+"/")
		switch {
		case err != nil:
			return err
		case slices.Contains(skip, rel) && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || slices.Contains(skip, rel):
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			text, err := os.Readlink(path)
			out[rel] = "-> " + text
			return err
		}
		text, err := os.ReadFile(path)
		if info, _ := d.Info(); info != nil && info.Mode()&0o100 != 0 {
			text = append([]byte("+x "), text...)
		}
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// nothingLeft fails when a run left anything behind in the repository or the
// state directory.
func (y *yard) nothingLeft() {
	y.t.Helper()
	if refs := y.git("for-each-ref", "refs/runbook"); refs != "" {
		y.t.Errorf("refs are left:\n%s", refs)
	}
	for _, pattern := range []string{".git/runbook", ".git/worktrees/*", "../state/*", ".git/*.lock", ".git/refs/runbook/*/*"} {
		left, err := filepath.Glob(filepath.Join(y.dir, pattern))
		if err != nil {
			y.t.Fatal(err)
		}
		if len(left) > 0 {
			y.t.Errorf("left behind: %q", left)
		}
	}
}
