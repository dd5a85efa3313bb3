package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// GitLack is something of the user's work tree that a throw-away one does not
// have.
//
// Kind:
//
//	cache        Python and its tools make it again by themselves
//	environment  bound to where it lies: a virtual environment, node_modules, .tox
//	large        it is too much to be copied
//	repository   another one, which lies in the work tree
//	special      a socket, a device
//	submodule    its commit is not in the user's clone of it
//	lfs          files of git-lfs, which are pointers in the copy
//	worktree     a linked work tree of git's, which lies in this one
//	unreadable   we may not, or it changed while it was read
type GitLack struct {
	Path  string // relative to the top; a directory has a slash at its end
	Kind  string
	Files int   // at least; 0 = not counted
	Bytes int64 // of these
}

// Bounds of what CopyIgnored copies, for each work tree: 5,000 files of 2 kB took
// 1.1 s of CPU time at best on a busy virtual machine with two cores.
const (
	ignoredFiles = 5_000
	ignoredBytes = 128 << 20
	ignoredWalk  = 20 * ignoredFiles // entries that are looked at
	ignoredAlone = 16 << 20          // a file of this size comes, or stays behind, by itself
)

// CopyIgnored brings what the user has besides what git keeps, into a throw-away
// work tree of whatever commit: ignored files, and empty directories. What lies
// there already stays as it is. A link into the user's own tree comes to lead
// into the copy.
//
// What stays behind is returned, sorted by path: caches and environments always,
// and what goes beyond the bounds, of a directory all files or none. The smallest
// ones come first, so that as much as can be does.
func (w *GitWorktree) CopyIgnored(ctx context.Context) ([]GitLack, error) {
	g := w.git
	rows, err := g.ignored(ctx)
	if err != nil {
		return nil, err
	}
	out, err := g.ask(ctx, "ls-files", "-o", "--exclude-standard", "--directory", "-z")
	if err != nil {
		return nil, err
	}
	c := ignoredCopy{w: w, lacks: append([]GitLack{}, w.lacks...), bytes: copyRoom(w.shed)}
	for _, row := range rows {
		c.look(ctx, row, row)
	}
	var untracked []string // of these only the empty directories are wanted
	for _, row := range nulFields(out) {
		if strings.HasSuffix(row, "/") && !slices.Contains(rows, row) {
			untracked = append(untracked, row)
		}
	}
	for _, row := range untracked {
		c.lookForEmpty(ctx, strings.TrimSuffix(row, "/"))
	}
	w.past = nil
	c.choose()
	if err := cmp.Or(ctx.Err(), c.copy(ctx)); err != nil {
		return nil, fmt.Errorf("git: copy what is ignored: %w", err)
	}
	slices.SortFunc(c.lacks, func(a, b GitLack) int { return cmp.Compare(a.Path, b.Path) })
	return c.lacks, nil
}

// copyRoom is how many bytes may be copied to where path lies: a quarter of what
// is free there, at most.
func copyRoom(path string) int64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return ignoredBytes
	}
	return min(ignoredBytes, int64(fs.Bavail)*int64(fs.Bsize)/4)
}

type ignoredCopy struct {
	w     *GitWorktree
	seen  int   // entries
	bytes int64 // that may be copied
	dirs  []ignoredFile
	units []ignoredUnit
	lacks []GitLack
}

type ignoredFile struct {
	path string
	info fs.FileInfo
}

// ignoredUnit are the files of a directory, or a large one: they come together
// or not at all.
type ignoredUnit struct {
	row   string // what git names, in which they lie
	path  string // what is said of them: the directory, or the file
	files []ignoredFile
	bytes int64
}

// look takes in what lies at a path that git ignores.
func (c *ignoredCopy) look(ctx context.Context, row, path string) {
	full := filepath.Join(c.w.git.Root, path)
	info, err := os.Lstat(full)
	switch {
	case ctx.Err() != nil || errors.Is(err, fs.ErrNotExist):
	case err != nil:
		c.lack(path, "unreadable")
	case info.IsDir():
		c.lookInto(ctx, row, strings.TrimSuffix(path, "/"), info)
	case info.Mode()&(fs.ModeSocket|fs.ModeDevice|fs.ModeIrregular) != 0:
		c.lack(path, "special")
	default:
		c.units = append(c.units, ignoredUnit{row: path, path: path, files: []ignoredFile{{path, info}}, bytes: info.Size()})
	}
}

func (c *ignoredCopy) lookInto(ctx context.Context, row, dir string, info fs.FileInfo) {
	full := filepath.Join(c.w.git.Root, dir)
	if kind := staysBehind(full); kind != "" {
		c.lack(dir+"/", kind)
		return
	}
	entries, err := os.ReadDir(full)
	if c.seen += len(entries); c.seen > ignoredWalk {
		c.lacks = append(c.lacks, GitLack{Path: dir + "/", Kind: "large", Files: len(entries)})
		return
	}
	if err != nil {
		c.lack(dir+"/", "unreadable")
		return
	}
	c.dirs = append(c.dirs, ignoredFile{dir, info})
	u := ignoredUnit{row: row, path: dir + "/"}
	for _, e := range entries {
		path := dir + "/" + e.Name()
		info, err := e.Info()
		if !e.Type().IsRegular() || err != nil || info.Size() >= ignoredAlone {
			if e.Type()&(fs.ModeSymlink|fs.ModeNamedPipe) == 0 || err != nil {
				c.look(ctx, row, path)
				continue
			}
		}
		u.files = append(u.files, ignoredFile{path, info})
		u.bytes += info.Size()
	}
	if len(u.files) > 0 {
		c.units = append(c.units, u)
	}
}

// lookForEmpty takes in the empty directories at a path that git does not keep.
func (c *ignoredCopy) lookForEmpty(ctx context.Context, dir string) {
	full := filepath.Join(c.w.git.Root, dir)
	entries, err := os.ReadDir(full)
	c.seen += len(entries)
	info, statErr := os.Lstat(full)
	switch {
	case ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) || statErr != nil || c.seen > ignoredWalk:
		return
	case err != nil:
		c.lack(dir+"/", "unreadable")
		return
	case hasGit(full):
		c.lack(dir+"/", staysBehind(full))
		return
	case len(entries) == 0:
		c.dirs = append(c.dirs, ignoredFile{dir, info})
	}
	for _, e := range entries {
		if e.IsDir() {
			c.lookForEmpty(ctx, dir+"/"+e.Name())
		}
	}
}

func (c *ignoredCopy) lack(path, kind string) {
	c.lacks = append(c.lacks, GitLack{Path: path, Kind: kind})
}

// staysBehind says as what a directory is never copied; "" = it may be.
func staysBehind(dir string) string {
	switch filepath.Base(dir) {
	case "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache":
		return "cache"
	case "node_modules", ".tox", ".nox", "__pypackages__", ".pixi":
		return "environment"
	}
	for name, kind := range map[string]string{"CACHEDIR.TAG": "cache", "pyvenv.cfg": "environment", "conda-meta": "environment"} {
		if exists(filepath.Join(dir, name)) {
			return kind
		}
	}
	if !hasGit(dir) {
		return ""
	}
	if fileContains(filepath.Join(dir, ".git"), "/worktrees/") {
		return "worktree"
	}
	return "repository"
}

// choose keeps the units that fit, the smallest first.
func (c *ignoredCopy) choose() {
	slices.SortStableFunc(c.units, func(a, b ignoredUnit) int { return cmp.Compare(a.bytes, b.bytes) })
	files, bytes := 0, int64(0)
	left := map[string]int{} // where a lack is in the list, by row
	c.units = slices.DeleteFunc(c.units, func(u ignoredUnit) bool {
		if files+len(u.files) <= ignoredFiles && bytes+u.bytes <= c.bytes {
			files, bytes = files+len(u.files), bytes+u.bytes
			return false
		}
		i, again := left[u.row]
		if !again {
			left[u.row] = len(c.lacks)
			c.lacks = append(c.lacks, GitLack{Path: u.path, Kind: "large", Files: len(u.files), Bytes: u.bytes})
			return true
		}
		c.lacks[i].Path = u.row // several of one: it is named whole
		c.lacks[i].Files += len(u.files)
		c.lacks[i].Bytes += u.bytes
		return true
	})
}

// copy makes directories, then files, a few at a time, and closes last what is
// read-only.
func (c *ignoredCopy) copy(ctx context.Context) error {
	var made []ignoredFile
	open := map[string]bool{} // directories of the copy into which we may write
	for _, d := range c.dirs {
		is, isNew, err := c.makeDir(d.path)
		if err != nil {
			return err
		}
		if open[d.path] = is; isNew {
			made = append(made, d)
		}
	}
	var files []ignoredFile
	for _, u := range c.units {
		for _, f := range u.files {
			dir := filepath.Dir(f.path)
			if _, known := open[dir]; !known {
				var err error
				if open[dir], _, err = c.makeDir(dir); err != nil {
					return err
				}
			}
			if open[dir] && !exists(filepath.Join(c.w.Path, f.path)) {
				files = append(files, f)
			}
		}
	}
	failed := make([]error, len(files))
	var all sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), 4)
	for n := range workers {
		all.Go(func() {
			for i := n; i < len(files) && ctx.Err() == nil; i += workers {
				failed[i] = copyInto(filepath.Join(c.w.git.Root, files[i].path), filepath.Join(c.w.Path, files[i].path), c.w.git.Root, c.w.Path)
			}
		})
	}
	all.Wait()
	for i, f := range files {
		switch err := failed[i]; {
		case err == nil:
			c.w.from[f.path] = sourceOf(filepath.Join(c.w.git.Root, f.path), f.info)
		case errors.Is(err, fs.ErrPermission):
			c.lack(f.path, "unreadable")
		case errors.Is(err, fs.ErrNotExist): // gone meanwhile
		default:
			return err
		}
	}
	for _, d := range slices.Backward(made) {
		if err := os.Chmod(filepath.Join(c.w.Path, d.path), d.info.Mode()&(fs.ModePerm|fs.ModeSetgid|fs.ModeSticky)); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory of the copy with those that it lies in. Where a file
// or a link is in the way there is none, since what is there stays.
func (c *ignoredCopy) makeDir(dir string) (is, isNew bool, err error) {
	if dir == "." {
		return true, false, nil
	}
	for i := 0; i <= len(dir); i++ {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		err = os.Mkdir(filepath.Join(c.w.Path, dir[:i]), 0o777)
		isNew = err == nil
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return false, false, err
		}
		if info, err := os.Lstat(filepath.Join(c.w.Path, dir[:i])); err != nil || !info.IsDir() {
			return false, false, err
		}
	}
	return true, isNew, nil
}
