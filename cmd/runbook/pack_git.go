package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"runbook/engine"
	"runbook/engine/pack"
)

// fetchPatience is how long a repository of recipes may take to come.
const fetchPatience = 5 * time.Minute

// upstream is a bare clone of a pack's repository, made by the user's own git:
// it knows their keys, proxies and rewritten URLs.
type upstream struct {
	url string // as people may see it
	dir string
}

// cloneUpstream clones into a directory of its own; close removes it.
func cloneUpstream(ctx context.Context, url string) (*upstream, error) {
	dir, err := os.MkdirTemp("", "runbook-pack-")
	if err != nil {
		return nil, err
	}
	u := &upstream{url: shownURL(url), dir: filepath.Join(dir, "git")}
	if _, err := gitOutput(ctx, "clone", "--quiet", "--bare", "--", url, u.dir); err != nil {
		u.close()
		return nil, err
	}
	return u, nil
}

func (u *upstream) close() { os.RemoveAll(filepath.Dir(u.dir)) }

// resolve returns the commit that ref means: a branch, a tag, a commit; ""
// means the branch that the repository stands on.
func (u *upstream) resolve(ctx context.Context, ref string) (string, error) {
	if ref == "" {
		ref = "HEAD"
	}
	out, err := gitOutput(ctx, "-C", u.dir, "rev-parse", "--quiet", "--verify", "--end-of-options", ref+"^{commit}")
	if err == nil {
		return strings.TrimSpace(string(out)), nil
	}
	known, _ := gitOutput(ctx, "-C", u.dir, "for-each-ref", "--format=%(refname:short)")
	return "", &hinted{
		err:  fmt.Errorf("%s has no branch, tag or commit %q", u.url, ref),
		hint: hintNearest(ref, strings.Fields(string(known)), "it has"), code: exitUsage,
	}
}

// blob is a file of a commit.
type blob struct {
	name string
	id   string
}

// extract writes the files of a commit below dir, as they are in it: no filter,
// no line ending and no attribute of the user's git touches them, so that their
// hash is the same everywhere.
func (u *upstream) extract(ctx context.Context, commit, dir string) error {
	blobs, err := u.list(ctx, commit)
	if err != nil {
		return err
	}
	var ids bytes.Buffer
	for _, b := range blobs {
		fmt.Fprintln(&ids, b.id)
	}
	cmd := gitCommand(ctx, "-C", u.dir, "cat-file", "--batch")
	cmd.Stdin = &ids
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start git: %w", err)
	}
	in := bufio.NewReader(out)
	for _, b := range blobs {
		if err = writeBlob(in, filepath.Join(dir, filepath.FromSlash(b.name))); err != nil {
			err = fmt.Errorf("read %s of %s: %w", b.name, u.url, err)
			break
		}
	}
	if err != nil {
		_ = cmd.Process.Kill()
	}
	return errors.Join(err, cmd.Wait())
}

// list is every file of the commit.
func (u *upstream) list(ctx context.Context, commit string) ([]blob, error) {
	out, err := gitOutput(ctx, "-C", u.dir, "ls-tree", "-r", "-z", "--long", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	var blobs []blob
	size := int64(0)
	for row := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		meta, name, ok := strings.Cut(row, "\t")
		f := strings.Fields(meta) // mode, type, id, size
		switch {
		case row == "":
			continue
		case !ok || len(f) != 4:
			return nil, fmt.Errorf("read %s: git ls-tree says %q", u.url, row)
		case f[0] != "100644" && f[0] != "100755":
			return nil, fmt.Errorf("%s: %s is a link or a repository of its own, which a pack cannot hold", u.url, name)
		case !filepath.IsLocal(name) || strings.ContainsAny(name, "\n\\"):
			return nil, fmt.Errorf("%s: %q is no name of a file", u.url, name)
		}
		n, _ := strconv.ParseInt(f[3], 10, 64)
		if size += n; size > pack.MaxBytes || len(blobs) >= pack.MaxFiles {
			return nil, fmt.Errorf("%s: %w", u.url, pack.ErrTooLarge)
		}
		blobs = append(blobs, blob{name, f[2]})
	}
	return blobs, nil
}

// writeBlob takes one object out of git cat-file --batch.
func writeBlob(in *bufio.Reader, name string) error {
	head, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	f := strings.Fields(head) // id, type, size
	if len(f) != 3 {
		return fmt.Errorf("git cat-file says %q", strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size > pack.MaxBytes {
		return fmt.Errorf("git cat-file says %q", strings.TrimSpace(head))
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, in, size)
	err = errors.Join(err, out.Close())
	if err == nil {
		_, err = in.Discard(1)
	}
	return err
}

// gitCommand is the user's git. It asks no questions where nobody sits, and
// speaks no protocol that runs a command of the URL's choice.
func gitCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0")
	}
	if os.Getenv("GIT_ALLOW_PROTOCOL") == "" {
		cmd.Env = append(cmd.Env, "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh")
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// gitOutput runs git and returns what it printed; what it complained of is the
// error, in one line.
func gitOutput(ctx context.Context, args ...string) ([]byte, error) {
	var complaint bytes.Buffer
	cmd := gitCommand(ctx, args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("packs come by git, and no git is in the PATH")
	case errors.Is(context.Cause(ctx), engine.ErrInterrupted), errors.Is(context.Cause(ctx), engine.ErrTerminated):
		return nil, context.Cause(ctx)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: gave up after %s", verbOf(args), fetchPatience)
	}
	return nil, fmt.Errorf("git %s: %s", verbOf(args), printable(cmp.Or(complaintOf(complaint.String()), err.Error())))
}

// complaintOf is what git complained of, in one line: the first line that is
// fatal, and the one before, in which ssh or the server says why. "" = it said
// nothing.
func complaintOf(stderr string) string {
	var before, all []string
	for l := range strings.Lines(stderr) {
		l = strings.TrimSpace(l)
		switch {
		case l == "" || strings.HasPrefix(l, "warning: "):
			continue
		case strings.HasPrefix(l, "fatal: "):
			return strings.Join(append(before, l), "; ")
		}
		before, all = []string{l}, append(all, l)
	}
	return strings.Join(all, "; ")
}

func verbOf(args []string) string {
	if args[0] == "-C" {
		return args[2]
	}
	return args[0]
}
