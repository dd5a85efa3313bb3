package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sweep finds files and directories that were not there. It runs when the
// user's .gitignore is back: with another one in its place, ignored files would
// look new.
func (b *putBack) sweep(ctx context.Context) error {
	if err := b.sweepRules(ctx); err != nil {
		return err
	}
	for {
		new, err := b.newFiles(ctx)
		if err != nil {
			return err
		}
		if len(new) == 0 {
			break
		}
		if err := b.takeAway(ctx, new, new); err != nil {
			return err
		} // and again: one of these may have been a .gitignore
	}
	dirs, _, err := b.g.walk(ctx, b.skip())
	if err != nil {
		return err
	}
	var strange []string
	for _, d := range dirs {
		if !b.dirs[d.Path] && !slices.ContainsFunc(strange, func(s string) bool { return strings.HasPrefix(string(d.Path), s+"/") }) {
			strange = append(strange, string(d.Path))
		}
	}
	ignored, err := b.ignored(ctx, strange)
	if err != nil {
		return err
	}
	for _, dir := range strange {
		if !ignored[dir] {
			if err := b.dissolve(ctx, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepRules takes away each .gitignore that was not there, in directories that
// were: one that ignores itself and all that lies beside it hides both from git.
// A new directory that does so is left alone, as all that git ignores.
func (b *putBack) sweepRules(ctx context.Context) error {
	var new []string
	for _, dir := range append(b.k.Dirs, keptFile{Path: "."}) {
		path := filepath.Join(string(dir.Path), ".gitignore")
		if _, was := b.was[RawPath(path)]; was || b.wasIgnored(path) {
			continue
		}
		if _, err := b.g.file(path); err == nil {
			new = append(new, path)
		}
	}
	return b.takeAway(ctx, new, new)
}

// newFiles lists what is neither tracked nor ignored, and was not there. What
// was ignored is the user's, whatever git says of it now: a rule may be gone.
func (b *putBack) newFiles(ctx context.Context) ([]string, error) {
	new, err := b.g.untracked(ctx)
	return slices.DeleteFunc(new, func(path string) bool {
		_, was := b.was[RawPath(path)]
		// Those with a slash at their end are other repositories: not ours to move.
		return was || strings.HasSuffix(path, "/") || b.wasIgnored(path) || b.tooLarge(path)
	}), err
}

// tooLarge reports whether a new file is too large to be kept. Then it stays, and
// is named.
func (b *putBack) tooLarge(path string) bool {
	if b.g.sizeOf(path) <= mostKept {
		return false
	}
	if !slices.Contains(b.large, RawPath(path)) {
		b.large = append(b.large, RawPath(path))
	}
	return true
}

// wasIgnored reports whether git ignored a path, or a directory that it lies in.
func (b *putBack) wasIgnored(path string) bool {
	return slices.ContainsFunc(append(parents(path), path), func(at string) bool { return b.past[RawPath(at)] })
}

func (b *putBack) skip() map[string]bool {
	skip := map[string]bool{}
	for _, dir := range b.k.Ignored {
		skip[string(dir)] = true
	}
	return skip
}

// ignored says which of these directories are ignored themselves, not merely
// all that is in them: the first are left alone. Python imports the second, a
// package directory with nothing but a stale __pycache__, as a package.
func (b *putBack) ignored(ctx context.Context, dirs []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(dirs) == 0 {
		return out, nil
	}
	var ask []string
	for _, dir := range dirs {
		ask = append(ask, dir+"/")
	}
	got, err := b.g.call(ctx, gitCall{args: []string{"check-ignore", "-z", "--stdin"}, stdin: nulList(ask)})
	var failed *GitError
	if errors.As(err, &failed) && failed.Code == 1 {
		err = nil // none
	}
	for _, dir := range nulFields(got) {
		out[strings.TrimSuffix(dir, "/")] = true
	}
	return out, err
}

// dissolve takes a directory away that was not there, and keeps what is in it.
// Another repository in it is left alone.
func (b *putBack) dissolve(ctx context.Context, dir string) error {
	var files []string
	err := filepath.WalkDir(filepath.Join(b.g.Root, dir), func(at string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && hasGit(at):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		if path := strings.TrimPrefix(at, b.g.Root+"/"); !b.tooLarge(path) {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("git: put back: %w", err)
	}
	if err := b.takeAway(ctx, files, files); err != nil {
		return err
	}
	removeEmpty(filepath.Join(b.g.Root, dir))
	return nil
}

// removeEmpty removes directories that hold nothing but such.
func removeEmpty(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeEmpty(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}

// keepMeanwhile stores files that are in the way before they are removed.
func (b *putBack) keepMeanwhile(ctx context.Context, paths []string) error {
	var files []keptFile
	var rows bytes.Buffer
	for _, path := range paths {
		if isCache(path) {
			continue
		}
		f, err := b.g.keep(path, b.sum)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone, or a socket: nothing to keep
		}
		if err != nil {
			return fmt.Errorf("git: keep what was written meanwhile: %w", err)
		}
		files = append(files, f)
		fmt.Fprintf(&rows, "%s %s 0\t%s\x00", f.Mode, f.Blob, f.Path)
		if !slices.Contains(b.done.Meanwhile, path) {
			b.done.Meanwhile = append(b.done.Meanwhile, path)
		}
	}
	if len(files) == 0 {
		return nil
	}
	if err := b.g.storeFiles(ctx, files); err != nil {
		return err
	}
	ref := keptRefs(b.p.ID) + "meanwhile"
	refs, err := b.g.keptNow(ctx, b.p.ID)
	if err != nil {
		return err
	}
	onto := ""
	commit := []string{"commit-tree", "-m", "runbook " + b.p.ID + ": written meanwhile"}
	if slices.Contains(refs, ref) {
		onto = ref // no parent: git show --stat lists all
	}
	tree, err := b.g.storeTree(ctx, b.p.private(""), onto, rows.Bytes())
	if err != nil {
		return err
	}
	id, err := b.g.line(ctx, append(commit, tree)...)
	if err != nil {
		return err
	}
	b.done.Ref = ref
	return b.g.updateRefs(ctx, "update "+ref+" "+id+"\n")
}

// isCache reports whether a new file is one that Python or pytest makes again
// by itself: not worth a ref after each run.
func isCache(path string) bool {
	return strings.HasSuffix(path, ".pyc") || strings.Contains("/"+path, "/__pycache__/") || strings.Contains("/"+path, "/.pytest_cache/")
}
