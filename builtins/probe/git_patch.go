package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Patch is a difference as git writes and applies it: binary files whole,
// object ids in full, no rename guessed.
type Patch struct {
	Base   string // commit
	Text   []byte
	SHA256 string   // of Text
	Files  []string // that it changes
}

// Diff is how the user's work tree differs from base: tracked files as they lie
// there, and untracked ones that are not ignored. paths are pathspecs, relative
// to the top; none means all.
//
// Nothing is written into the repository: what git must store to compare goes
// to a directory of our own. Error: paths match no file of either side.
func (g *Git) Diff(ctx context.Context, base string, paths []string) (Patch, error) {
	p := Patch{}
	var err error
	if p.Base, err = g.Resolve(ctx, base); err != nil {
		return p, err
	}
	dir, done, err := borrowPrivate()
	if err != nil {
		return p, fmt.Errorf("git: %w", err)
	}
	defer done()
	aside := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if len(paths) > 0 {
		if err := g.matchSome(ctx, aside, p.Base, paths); err != nil {
			return p, err
		}
	}
	aside = append(aside, "GIT_OBJECT_DIRECTORY="+dir, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+alternate(filepath.Join(g.Common, "objects")))
	tree, err := g.workTree(ctx, aside)
	if err != nil {
		return p, err
	}
	args := append([]string{"diff-tree", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all",
		"--src-prefix=a/", "--dst-prefix=b/", "-r", p.Base, tree, "--"}, paths...)
	if p.Text, err = g.call(ctx, gitCall{args: args, env: aside}); err != nil {
		return p, err
	}
	names := append([]string{"diff-tree", "--name-only", "-z", "--no-renames", "--ignore-submodules=all", "-r", p.Base, tree, "--"}, paths...)
	out, err := g.call(ctx, gitCall{args: names, env: aside})
	sum := sha256.Sum256(p.Text)
	p.SHA256, p.Files = hex.EncodeToString(sum[:]), nulFields(out)
	return p, err
}

// alternate quotes a path for GIT_ALTERNATE_OBJECT_DIRECTORIES, a list with
// colons in which a quoted entry is in C syntax.
func alternate(path string) string { return quoteC(path) }

// quoteC writes a path as git reads it in quotes: every byte that is not plain
// as an octal escape.
func quoteC(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(path); i++ {
		if c := path[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "\\%03o", c)
			continue
		}
		b.WriteByte(path[i])
	}
	b.WriteByte('"')
	return b.String()
}

// matchSome refuses paths that match nothing: a typing error would be a layer
// without an effect.
func (g *Git) matchSome(ctx context.Context, private []string, base string, paths []string) error {
	if _, err := g.call(ctx, gitCall{args: []string{"read-tree", base}, env: private}); err != nil {
		return err
	}
	for _, path := range paths {
		before, err := g.call(ctx, gitCall{args: []string{"ls-files", "-z", "--", path}, env: private})
		if err != nil {
			return err
		}
		now, err := g.ask(ctx, "ls-files", "-c", "-o", "--exclude-standard", "-z", "--", path)
		if err != nil {
			return err
		}
		if len(before)+len(now) == 0 {
			return &NoFileError{Path: path}
		}
	}
	return nil
}

// NoFileError is a path that names no file, neither at the baseline nor now.
type NoFileError struct{ Path string }

func (e *NoFileError) Error() string {
	return fmt.Sprintf("git: %q matches no file", Clean([]byte(e.Path)))
}

// workTree writes a tree of the work tree as it lies there, tracked and
// untracked, through the private index and object directory of env.
func (g *Git) workTree(ctx context.Context, env []string) (string, error) {
	tracked, err := g.tracked(ctx)
	if err != nil {
		return "", err
	}
	changed, err := g.ask(ctx, "diff-files", "--name-only", "-z", "--ignore-submodules=all")
	if err != nil {
		return "", err
	}
	look := map[string]bool{} // to be read from disk
	for _, path := range nulFields(changed) {
		look[path] = true
	}
	var rows bytes.Buffer
	var here []string
	for _, f := range tracked {
		if f.Stage != '0' {
			return "", fmt.Errorf("git: %s has a conflict", Clean([]byte(f.Path)))
		}
		_, err := g.file(f.Path)
		switch {
		case f.Mode == modeGitlink || err == nil && !look[f.Path] && !f.hidden():
		case err == nil:
			here = append(here, f.Path)
		case f.Flag == 'S' || f.Flag == 's': // never checked out, which is no change
		case errors.Is(err, fs.ErrNotExist):
			continue // deleted
		default:
			return "", fmt.Errorf("git: %w", err)
		}
		fmt.Fprintf(&rows, "%s %s 0\t%s\x00", f.Mode, f.Blob, f.Path)
	}
	new, err := g.untracked(ctx)
	if err != nil {
		return "", err
	}
	here = slices.DeleteFunc(append(here, new...), func(path string) bool { return strings.HasSuffix(path, "/") })
	for _, c := range []gitCall{
		{args: []string{"read-tree", "--empty"}},
		{args: []string{"update-index", "-z", "--index-info"}, stdin: rows.Bytes()},
		{args: []string{"update-index", "-z", "--add", "--replace", "--stdin"}, stdin: nulList(here)},
	} {
		c.env = env
		if _, err := g.call(ctx, c); err != nil {
			return "", err
		}
	}
	out, err := g.call(ctx, gitCall{args: []string{"write-tree"}, env: env})
	return strings.TrimSpace(string(out)), err
}

// PatchOptions say how to apply.
type PatchOptions struct {
	Reverse bool
	Check   bool // only whether it would apply
}

// Apply applies a patch to a throw-away work tree, wholly or not at all. The
// answer is why it does not fit; "" when it does.
func (w *GitWorktree) Apply(ctx context.Context, patch []byte, o PatchOptions) (misfit string, err error) {
	if len(bytes.TrimSpace(patch)) == 0 {
		return "", nil // git calls an empty patch an error
	}
	args := []string{"apply", "--binary", "--whitespace=nowarn", "-p1"}
	if o.Reverse {
		args = append(args, "--reverse")
	}
	check := append(slices.Clone(args), "--check", "-")
	if !o.Check {
		check = append(args, "-")
	}
	_, err = w.git.call(ctx, gitCall{args: check, dir: w.Path, stdin: patch})
	var failed *GitError
	if errors.As(err, &failed) && failed.Code == 1 {
		return strings.TrimPrefix(failed.Error(), "git apply: "), nil
	}
	if err != nil || o.Check {
		return "", err
	}
	out, err := w.git.call(ctx, gitCall{args: []string{"apply", "--numstat", "-z", "-"}, dir: w.Path, stdin: patch})
	for _, row := range nulFields(out) {
		if words := strings.SplitN(row, "\t", 3); len(words) == 3 {
			w.patched = append(w.patched, words[2])
		}
	}
	w.past = nil
	return "", err
}

// CopyChanges brings what the user has not committed into a throw-away work
// tree of the same commit: the bytes and modes of changed and untracked files,
// the absence of deleted ones, and which submodules there are, at which commits.
// Ignored files, and changes within submodules, stay behind.
//
// It returns the paths that changed. Error: the work tree is of another commit
// than HEAD: there, Diff and Apply may do.
func (w *GitWorktree) CopyChanges(ctx context.Context) ([]string, error) {
	g := w.git
	head, err := g.Resolve(ctx, "HEAD")
	if err != nil {
		return nil, err
	}
	if head != w.Commit {
		return nil, fmt.Errorf("git: the throw-away work tree is of %.12s, the changes are to HEAD, %.12s", w.Commit, head)
	}
	tracked, err := g.tracked(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.copySubmodules(ctx, tracked); err != nil {
		return nil, err
	}
	links := map[string]bool{}
	var paths []string
	for _, f := range tracked {
		links[f.Path] = f.Mode == modeGitlink
		_, err := g.file(f.Path)
		gone := errors.Is(err, fs.ErrNotExist)
		// An absent one with skip-worktree was never checked out; and git does not
		// see that one is gone whose directory became a link to itself.
		if f.hidden() && (!gone || f.Flag == 'h') || !f.hidden() && gone {
			paths = append(paths, f.Path)
		}
	}
	changed, err := g.ask(ctx, "diff-index", "--name-only", "-z", "--no-renames", "--ignore-submodules=all", "HEAD")
	if err != nil {
		return nil, err
	}
	new, err := g.untracked(ctx)
	if err != nil {
		return nil, err
	}
	paths = append(append(paths, nulFields(changed)...), new...)
	slices.Sort(paths)
	paths = slices.DeleteFunc(slices.Compact(paths), func(p string) bool { return links[p] || strings.HasSuffix(p, "/") })
	// What goes, goes first: a file may have become a directory.
	var here []string
	for _, path := range paths {
		if _, err := g.file(path); errors.Is(err, fs.ErrNotExist) {
			err = os.Remove(filepath.Join(w.Path, path))
			if absent(err) != nil && !errors.Is(absent(err), fs.ErrNotExist) {
				return nil, fmt.Errorf("git: %w", err)
			}
			for _, dir := range parents(path) {
				if os.Remove(filepath.Join(w.Path, dir)) != nil {
					break
				}
			}
			continue
		}
		here = append(here, path)
	}
	for _, path := range here {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		from := filepath.Join(g.Root, path)
		info, err := os.Lstat(from)
		if err == nil {
			err = copyInto(from, filepath.Join(w.Path, path), g.Root, w.Path)
		}
		if err != nil {
			return nil, fmt.Errorf("git: copy changes: %w", err)
		}
		w.from[path] = sourceOf(from, info)
	}
	w.past = nil
	return paths, nil
}

// copyInto is copyFile for what may also be a pipe. A link into the tree root is
// made one into its copy: it would lead both sides to the user's own.
func copyInto(from, to, root, copied string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeNamedPipe != 0 {
		return syscall.Mkfifo(to, uint32(info.Mode().Perm()))
	}
	if text, err := os.Readlink(from); err == nil {
		if rel, ours := below(root, text); ours {
			if err := absentIsFine(os.Remove(to)); err != nil {
				return err
			}
			return os.Symlink(filepath.Join(copied, rel), to)
		}
	}
	return copyFile(from, to)
}

// copyFile copies a regular file or a link, with its permissions and times.
func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		text, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(text, to)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a link", Clean([]byte(from)))
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = copyBytes(out, in, info.Size())
	err = errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close())
	if err == nil {
		err = os.Chtimes(to, info.ModTime(), info.ModTime())
	}
	return err
}

// copyBytes copies a file: a large one by sharing blocks where the file system
// can.
func copyBytes(out, in *os.File, size int64) error {
	if size > wholeFile {
		_, err := io.Copy(out, in)
		return err
	}
	text, err := io.ReadAll(in)
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}

const wholeFile = 128 << 10
