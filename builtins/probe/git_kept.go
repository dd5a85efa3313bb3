package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// keptTree is what a work tree was before it was changed in place, and what was
// put into it: with the objects that it names, enough to make it so again. It is
// kept as JSON, an object of the repository.
type keptTree struct {
	Head    string     `json:"head"`
	Branch  string     `json:"branch"` // "" when detached
	Index   keptFile   `json:"index"`
	Files   []keptFile `json:"files"`   // tracked and untracked, sorted; ignored ones only where they were in the way
	Top     keptFile   `json:"top"`     // the directory of all
	Dirs    []keptFile `json:"dirs"`    // all but ignored ones, parents first; an empty one is a fact too
	Ignored []RawPath  `json:"ignored"` // directories that we never enter
	Passed  []keptFile `json:"passed"`  // ignored files outside of these: left as they are
	Odd     []RawPath  `json:"odd"`     // other repositories, sockets, pipes: left, too
	Base    string     `json:"base"`    // the commit whose content took its place; "" = none
	Put     []putFile  `json:"put"`
}

// keptFile is one file, link or directory as lstat(2) shows it.
type keptFile struct {
	Path  RawPath `json:"path"`
	Mode  string  `json:"mode,omitempty"` // as git says; "" = directory
	Perm  uint32  `json:"perm"`           // permission bits, with setuid, setgid and sticky as in fs.FileMode
	MTime int64   `json:"mtime"`          // ns since 1970
	UID   int     `json:"uid"`
	GID   int     `json:"gid"`
	Blob  string  `json:"blob,omitempty"` // of the bytes as they lie on disk
	Class string  `json:"class,omitempty"`
	Aside bool    `json:"aside,omitempty"` // it makes room for the base's content
	Inode uint64  `json:"inode,omitempty"` // of a file with several names (hard links); 0 = it has one
}

// Classes of a keptFile.
const (
	classTracked   = "tracked"
	classUntracked = "untracked"
	classIgnored   = "ignored"
)

// putFile is one of the base's, as it lies on disk.
type putFile struct {
	Path RawPath `json:"path"`
	Mode string  `json:"mode"`
	Blob string  `json:"blob"`
}

// keptAs is lstat's answer, as it is kept.
func keptAs(path string, info fs.FileInfo) keptFile {
	k := keptFile{Path: RawPath(path), MTime: info.ModTime().UnixNano(), UID: -1, GID: -1,
		Perm: uint32(info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky))}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		k.UID, k.GID = int(st.Uid), int(st.Gid)
		if st.Nlink > 1 && info.Mode().IsRegular() {
			k.Inode = st.Ino
		}
	}
	switch {
	case info.IsDir():
	case info.Mode()&fs.ModeSymlink != 0:
		k.Mode, k.Perm = modeLink, 0o777
	case info.Mode()&0o100 != 0:
		k.Mode = modeExec
	default:
		k.Mode = modeFile
	}
	return k
}

// directory is the place of one in the list, or where it would stand.
func (k *keptTree) directory(dir string) (i int, here bool) {
	return slices.BinarySearchFunc(k.Dirs, RawPath(dir), func(f keptFile, path RawPath) int { return cmp.Compare(f.Path, path) })
}

// standing is a kept tree with where HEAD is, and the index, and no files yet.
func (g *Git) standing(ctx context.Context, sum hasher) (k *keptTree, err error) {
	k = &keptTree{}
	if k.Head, err = g.line(ctx, "rev-parse", "--verify", "HEAD"); err != nil {
		return nil, err
	}
	if k.Branch, err = g.branch(ctx); err != nil {
		return nil, err
	}
	info, err := os.Lstat(g.Root)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	k.Top = keptAs(".", info)
	index := filepath.Join(g.Dir, "index")
	info, err = os.Stat(index)
	if err == nil {
		k.Index = keptAs("index", info)
		k.Index.Blob, err = sum.blob(index, info)
	}
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	return k, nil
}

// scan reads all that a change in place must bring back, with the object ids of
// every file's bytes.
func (g *Git) scan(ctx context.Context) (*keptTree, error) {
	sum, err := g.hasher(ctx)
	if err != nil {
		return nil, err
	}
	k, err := g.standing(ctx, sum)
	if err != nil {
		return nil, err
	}
	tracked, err := g.tracked(ctx)
	if err != nil {
		return nil, err
	}
	untracked, err := g.untracked(ctx)
	if err != nil {
		return nil, err
	}
	class := map[string]string{}
	for _, path := range untracked {
		if !strings.HasSuffix(path, "/") {
			class[path] = classUntracked
		}
	}
	for _, f := range tracked {
		if f.Mode != modeGitlink {
			class[f.Path] = classTracked
		}
	}
	for path, class := range class {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if size := g.sizeOf(path); size > mostKept {
			not := &NotNowError{Root: g.Root, Why: fmt.Sprintf("%s is of %d GiB, and what git does not ignore is copied first", Clean([]byte(path)), size>>30)}
			if class == classUntracked {
				not.Do = fmt.Sprintf(`echo '/%s' >> "$(git rev-parse --git-path info/exclude)"`, strings.ReplaceAll(Clean([]byte(path)), "'", `'\''`))
			}
			return nil, not
		}
		f, err := g.keep(path, sum)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("git: read what must be kept: %w", err)
		}
		f.Class = class
		k.Files = append(k.Files, f)
	}
	slices.SortFunc(k.Files, func(a, b keptFile) int { return cmp.Compare(a.Path, b.Path) })
	return k, g.directories(ctx, k)
}

// mostKept is how large a file is at most of which a copy is kept: to read and to
// store it takes a minute. One with holes is read as a whole, too.
const mostKept = 4 << 30

// sizeOf is that of a regular file in bytes, as ls shows it; 0 = there is none.
func (g *Git) sizeOf(path string) int64 {
	info, err := g.file(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// keep reads one file of the work tree.
func (g *Git) keep(path string, sum hasher) (keptFile, error) {
	info, err := g.file(path)
	if err != nil {
		return keptFile{}, err
	}
	f := keptAs(path, info)
	f.Blob, err = sum.blob(filepath.Join(g.Root, path), info)
	return f, err
}

func (g *Git) branch(ctx context.Context) (string, error) {
	name, err := g.line(ctx, "symbolic-ref", "--quiet", "HEAD")
	var failed *GitError
	if errors.As(err, &failed) && failed.Code == 1 {
		return "", nil
	}
	return name, err
}

// directories walks the work tree but for ignored directories and other
// repositories in it, and notes what is ignored.
func (g *Git) directories(ctx context.Context, k *keptTree) error {
	names, err := g.ignored(ctx)
	if err != nil {
		return err
	}
	skip := map[string]bool{}
	for _, name := range names {
		if dir, is := strings.CutSuffix(name, "/"); is {
			skip[dir] = true
			k.Ignored = append(k.Ignored, RawPath(dir))
		} else if info, err := g.file(name); err == nil {
			k.Passed = append(k.Passed, keptAs(name, info))
		}
	}
	k.Dirs, k.Odd, err = g.walk(ctx, skip)
	return err
}

// walk finds directories, and odd ones: what git keeps neither of, nor looks
// into.
func (g *Git) walk(ctx context.Context, skip map[string]bool) (dirs []keptFile, odd []RawPath, err error) {
	err = filepath.WalkDir(g.Root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case d == nil || err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case path == g.Root || d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0:
			return nil
		}
		rel := strings.TrimPrefix(path, g.Root+"/")
		switch {
		case !d.IsDir():
			odd = append(odd, RawPath(rel))
			return nil
		case rel == ".git" || skip[rel]:
			return fs.SkipDir
		case hasGit(path):
			odd = append(odd, RawPath(rel))
			return fs.SkipDir
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			dirs = append(dirs, keptAs(rel, info))
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("git: walk the work tree: %w", err)
	}
	slices.SortFunc(dirs, func(a, b keptFile) int { return cmp.Compare(a.Path, b.Path) })
	return dirs, odd, nil
}

// hasGit reports whether a directory is the top of another work tree.
func hasGit(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, ".git"))
	return err == nil
}

// differences names, at most a few, what is not in b as it is in a. Times are
// put back too, but a file system may keep them less exactly than it showed
// them, so they prove nothing.
func (a *keptTree) differences(b *keptTree) []string {
	var out []string
	say := func(path RawPath, what string) { out = append(out, Clean([]byte(path))+" "+what) }
	pairs := func(was, is []keptFile) {
		now := map[RawPath]keptFile{}
		for _, f := range is {
			now[f.Path] = f
		}
		for _, f := range was {
			n, here := now[f.Path]
			delete(now, f.Path)
			switch {
			case !here:
				say(f.Path, "is missing")
			case n.Mode != f.Mode || n.Blob != f.Blob:
				say(f.Path, "differs")
			case n.Perm != f.Perm || n.UID != f.UID || n.GID != f.GID:
				say(f.Path, "has another mode or owner")
			}
		}
		for _, f := range is {
			if _, extra := now[f.Path]; extra {
				say(f.Path, "is new")
			}
		}
	}
	pairs(a.Files, b.Files)
	pairs(a.Dirs, b.Dirs)
	if a.Top.Path != "" {
		pairs([]keptFile{a.Top}, []keptFile{b.Top})
	}
	if a.Index.Blob != b.Index.Blob || a.Index.Perm != b.Index.Perm {
		out = append(out, "the index differs")
	}
	return out
}

// passedBy names what git ignores, or does not keep, and was made or changed
// since a, but for caches. What came to lie in a directory that is ignored itself is not looked
// at.
func (a *keptTree) passedBy(now *keptTree) []string {
	was := map[RawPath]int64{}
	for _, f := range slices.Concat(a.Passed, a.Files) { // one of Files made room, and is back
		was[f.Path] = f.MTime
	}
	var out []string
	for _, f := range now.Passed {
		if mtime, here := was[f.Path]; (!here || mtime != f.MTime) && !isCache(string(f.Path)) {
			out = append(out, string(f.Path))
		}
	}
	for _, path := range now.Odd {
		if !slices.Contains(a.Odd, path) {
			out = append(out, string(path))
		}
	}
	for _, dir := range now.Ignored {
		if !slices.Contains(a.Ignored, dir) && !isCache(string(dir)+"/") {
			out = append(out, string(dir)+"/")
		}
	}
	return out
}
