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

	"golang.org/x/sys/unix"
)

// polish gives files and directories their modes, owners and times.
func (b *putBack) polish(context.Context) error {
	every := slices.Concat(b.k.Files, b.k.Dirs)
	slices.SortFunc(every, func(x, y keptFile) int { return strings.Compare(string(y.Path), string(x.Path)) }) // inner ones first
	if b.k.Top.Path != "" {
		every = append(every, b.k.Top)
	}
	for _, f := range every {
		at := filepath.Join(b.g.Root, string(f.Path))
		info, err := os.Lstat(at)
		if err != nil {
			return fmt.Errorf("git: put back: %w", err)
		}
		if now := keptAs(string(f.Path), info); now.Perm == f.Perm && now.MTime == f.MTime && now.UID == f.UID && now.GID == f.GID {
			continue
		}
		if err := impress(at, f); err != nil {
			return fmt.Errorf("git: put back: %w", err)
		}
	}
	return nil
}

// impress gives a file the owner, mode and time of f. The owner is tried only:
// prove sees whether it mattered.
func impress(at string, f keptFile) error {
	_ = os.Lchown(at, f.UID, f.GID)
	if f.Mode != modeLink {
		if err := os.Chmod(at, fs.FileMode(f.Perm)); err != nil {
			return err
		}
	}
	t := unix.NsecToTimespec(f.MTime)
	return unix.UtimesNanoAt(unix.AT_FDCWD, at, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
}

// prove looks at everything again, each path that was kept by itself: what git
// lists now may depend on what came to lie there.
func (b *putBack) prove(ctx context.Context) error {
	now, err := b.lie(ctx)
	if err != nil {
		return err
	}
	b.done.Passed, b.done.Lost = b.k.passedBy(now), nil
	for path := range b.past {
		if p := string(path); !b.g.there(p) && !isCache(p) && !isCache(p+"/") {
			b.done.Lost = append(b.done.Lost, string(path))
		}
	}
	slices.Sort(b.done.Lost)
	b.done.Cut = nil
	for _, f := range b.k.Files {
		if f.Inode != 0 && inodeAt(filepath.Join(b.g.Root, string(f.Path))) != f.Inode {
			b.done.Cut = append(b.done.Cut, string(f.Path))
		}
	}
	b.done.Moved = ""
	if now.Head != b.k.Head || now.Branch != b.k.Branch {
		b.done.Moved = now.Head
	}
	if b.subs {
		s, err := b.g.State(ctx)
		if err != nil {
			return err
		}
		b.done.Submodules = nil
		for _, m := range s.Submodules {
			if m.Dirty {
				b.done.Submodules = append(b.done.Submodules, m.Path)
			}
		}
	}
	if d := b.k.differences(now); len(d) > 0 {
		return &NotRestoredError{Root: b.g.Root, ID: b.p.ID, Differences: d}
	}
	return nil
}

// lie is what lies at the paths of the kept tree, with new files, and what is
// ignored. New directories were seen to by sweep.
func (b *putBack) lie(ctx context.Context) (*keptTree, error) {
	now, err := b.g.standing(ctx, b.sum)
	if err != nil {
		return nil, err
	}
	new, err := b.newFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range b.k.Files {
		new = append(new, string(f.Path))
	}
	for _, path := range new {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := b.g.keep(path, b.sum)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("git: %w", err)
		}
		now.Files = append(now.Files, f)
	}
	if err := b.g.directories(ctx, now); err != nil { // for what is ignored
		return nil, err
	}
	now.Odd = append(now.Odd, b.large...)
	now.Dirs = nil
	for _, d := range b.k.Dirs {
		if info, err := b.g.place(string(d.Path)); err == nil && info.IsDir() {
			now.Dirs = append(now.Dirs, keptAs(string(d.Path), info))
		}
	}
	return now, nil
}
