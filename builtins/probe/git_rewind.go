package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is the user's file of which one in a throw-away work tree is a copy.
type source struct {
	path  string
	size  int64
	mtime int64
}

func sourceOf(path string, info fs.FileInfo) source {
	return source{path, info.Size(), info.ModTime().UnixNano()}
}

// unchanged reports whether it is still what was copied.
func (s source) unchanged() bool {
	info, err := os.Lstat(s.path)
	return err == nil && sourceOf(s.path, info) == s
}

// pastTree is what a throw-away work tree was before the first run in it.
type pastTree struct {
	files map[string]fs.FileInfo // all but the repository, by path; directories too
	git   map[string]fs.FileInfo // the repository
}

// Rewind makes the work tree what it was when Rewind was first called: bytes and
// modes of files, what is not there any more, what is new, also of what git
// ignores, and the repository. Other runs in it then meet what the first one
// met. It returns the paths that were put right, sorted.
//
// Only files are read that lstat(2) shows to have changed. A __pycache__ stays,
// unless a file beside it had changed.
//
// Error: a file that is a copy of the user's was changed, and the user's too.
func (w *GitWorktree) Rewind(ctx context.Context) ([]string, error) {
	own := filepath.Join(w.Path, ".git")
	now, err := w.lookAt(ctx)
	if err != nil {
		return nil, err
	}
	if w.past == nil {
		err := copyTree(own, w.kept("git"), now.git)
		if err == nil {
			err = w.keepPatched()
		}
		if err != nil {
			return nil, fmt.Errorf("git: rewind: %w", err)
		}
		w.past = now
		return nil, nil
	}
	var done []string
	if !sameTrees(w.past.git, now.git) {
		err := removeAll(own)
		if err == nil {
			err = copyTree(w.kept("git"), own, w.past.git)
		}
		if err != nil {
			return nil, fmt.Errorf("git: rewind: %w", err)
		}
		if w.past.git, err = lookBelow(ctx, own, nil); err != nil {
			return nil, err
		}
		done = []string{".git"}
	}
	files, err := w.rewindFiles(ctx, now.files)
	if err != nil {
		return nil, fmt.Errorf("git: rewind: %w", err)
	}
	done = append(done, files...)
	slices.Sort(done)
	return done, nil
}

func (w *GitWorktree) lookAt(ctx context.Context) (*pastTree, error) {
	skip := func(path string) bool { return path == ".git" || filepath.Base(path) == "__pycache__" }
	files, err := lookBelow(ctx, w.Path, skip)
	if err != nil {
		return nil, err
	}
	git, err := lookBelow(ctx, filepath.Join(w.Path, ".git"), nil)
	return &pastTree{files: files, git: git}, err
}

// lookBelow is what lstat says of all below a directory. A directory that a test
// has closed is opened.
func lookBelow(ctx context.Context, top string, skip func(path string) bool) (map[string]fs.FileInfo, error) {
	out := map[string]fs.FileInfo{}
	var walk func(dir string) error
	walk = func(dir string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		full := filepath.Join(top, dir)
		entries, err := os.ReadDir(full)
		if errors.Is(err, fs.ErrPermission) && os.Chmod(full, 0o700) == nil {
			entries, err = os.ReadDir(full)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if skip != nil && skip(path) {
				continue
			}
			info, err := e.Info()
			if err != nil {
				continue // gone
			}
			out[path] = info
			if e.IsDir() {
				if err := walk(path); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk("."); err != nil {
		return nil, fmt.Errorf("git: rewind: %w", err)
	}
	return out, nil
}

// isSame reports whether lstat says the same of a file as before; of a directory
// only the mode counts.
func isSame(a, b fs.FileInfo) bool {
	if a.Mode() != b.Mode() || a.IsDir() {
		return a.Mode() == b.Mode()
	}
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && fileOf(a) == fileOf(b)
}

func sameTrees(a, b map[string]fs.FileInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for path, info := range a {
		if now, here := b[path]; !here || !isSame(info, now) {
			return false
		}
	}
	return true
}

// rewindFiles takes away what is new, then brings back what is not as it was.
func (w *GitWorktree) rewindFiles(ctx context.Context, now map[string]fs.FileInfo) ([]string, error) {
	var gone, back []string
	for path, info := range now {
		if was, here := w.past.files[path]; !here || was.Mode().Type() != info.Mode().Type() {
			gone = append(gone, path)
		}
	}
	for path, was := range w.past.files {
		if info, here := now[path]; !here || !isSame(was, info) {
			back = append(back, path)
		}
	}
	if len(gone)+len(back) == 0 {
		return nil, nil
	}
	slices.Sort(gone)
	slices.Sort(back) // parents first
	for _, path := range gone {
		full := filepath.Join(w.Path, path)
		if err := forced(full, func() error { return removeAll(full) }); err != nil {
			return nil, err
		}
	}
	if err := w.bringBack(ctx, back); err != nil {
		return nil, err
	}
	return slices.Compact(slices.Sorted(slices.Values(append(gone, back...)))), w.closeAgain()
}

// forced does something in a directory, which is opened if it is read-only.
func forced(path string, do func() error) error {
	err := do()
	if errors.Is(err, fs.ErrPermission) && os.Chmod(filepath.Dir(path), 0o700) == nil {
		err = do()
	}
	return err
}

func (w *GitWorktree) bringBack(ctx context.Context, paths []string) error {
	var tracked []string
	submodules := map[string]bool{}
	for _, path := range paths {
		full, was := filepath.Join(w.Path, path), w.past.files[path]
		if was.IsDir() {
			if err := forced(full, func() error { return os.MkdirAll(full, 0o700) }); err != nil {
				return err
			}
			continue // its mode comes last
		}
		if strings.HasSuffix(path, ".py") { // what was compiled may be of what a test had put there
			_ = removeAll(filepath.Join(filepath.Dir(full), "__pycache__"))
		}
		if err := forced(full, func() error { return absentIsFine(os.Remove(full)) }); err != nil {
			return err
		}
		from, copied := w.from[path]
		i := slices.IndexFunc(w.filled, func(s filledSubmodule) bool { return strings.HasPrefix(path, s.file.Path+"/") })
		switch {
		case slices.Contains(w.patched, path):
			if err := copyFile(w.kept("patched/"+path), full); err != nil {
				return err
			}
		case copied && !from.unchanged():
			return fmt.Errorf("%s was changed by the test, and in your own tree meanwhile", Clean([]byte(path)))
		case copied:
			if err := copyInto(from.path, full, w.git.Root, w.Path); err != nil {
				return err
			}
		case i >= 0:
			submodules[w.filled[i].file.Path] = true
		default:
			tracked = append(tracked, path)
		}
	}
	if len(tracked) > 0 {
		if _, err := w.git.call(ctx, gitCall{args: []string{"checkout-index", "-f", "-q", "-z", "--stdin"}, dir: w.Path, stdin: nulList(tracked), patience: checkoutPatience}); err != nil {
			return err
		}
	}
	for _, s := range w.filled {
		if submodules[s.file.Path] {
			if why := w.git.fillSubmodule(ctx, w, s.file, s.name); why != "" {
				return fmt.Errorf("submodule %s: %s", Clean([]byte(s.file.Path)), why)
			}
		}
	}
	for _, path := range paths {
		full, was := filepath.Join(w.Path, path), w.past.files[path]
		if was.Mode().IsRegular() {
			_ = os.Chmod(full, was.Mode())
			_ = os.Chtimes(full, was.ModTime(), was.ModTime())
		}
	}
	if len(submodules) > 0 { // all of it was written
		for path := range w.past.files {
			if slices.ContainsFunc(w.filled, func(s filledSubmodule) bool {
				return submodules[s.file.Path] && strings.HasPrefix(path, s.file.Path+"/")
			}) {
				paths = append(paths, path)
			}
		}
	}
	for _, path := range paths {
		info, err := os.Lstat(filepath.Join(w.Path, path))
		if err != nil {
			return err
		}
		if !info.IsDir() {
			w.past.files[path] = info
		}
	}
	return nil
}

// closeAgain gives directories the modes that they had, the deepest first.
func (w *GitWorktree) closeAgain() error {
	var dirs []string
	for path, was := range w.past.files {
		if was.IsDir() {
			dirs = append(dirs, path)
		}
	}
	slices.Sort(dirs)
	for _, path := range slices.Backward(dirs) {
		full, was := filepath.Join(w.Path, path), w.past.files[path]
		info, err := os.Lstat(full)
		if err == nil && info.Mode() != was.Mode() {
			err = os.Chmod(full, was.Mode())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func absentIsFine(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyTree copies what lookBelow saw: directories, files and links.
func copyTree(from, to string, files map[string]fs.FileInfo) error {
	if err := os.Mkdir(to, 0o777); err != nil {
		return err
	}
	for path, info := range files {
		var err error
		if info.IsDir() {
			err = os.MkdirAll(filepath.Join(to, path), 0o777)
		} else {
			err = copyFile(filepath.Join(from, path), filepath.Join(to, path))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepPatched copies the files that a patch has changed, which nobody else has.
func (w *GitWorktree) keepPatched() error {
	for _, path := range w.patched {
		if err := copyFile(filepath.Join(w.Path, path), w.kept("patched/"+path)); err != nil && absent(err) != fs.ErrNotExist {
			return err
		}
	}
	return nil
}
