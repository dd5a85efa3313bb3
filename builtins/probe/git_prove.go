package probe

import (
	"context"
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

// prove reads everything again.
func (b *putBack) prove(ctx context.Context) error {
	var also []RawPath
	for _, f := range b.k.Files {
		if f.Class == classIgnored {
			also = append(also, f.Path)
		}
	}
	now, err := b.g.scan(ctx, also)
	if err != nil {
		return err
	}
	// Whether a directory is ignored may depend on what came to lie in it, so both
	// sides go by what was ignored before. New ones were seen to by sweep.
	was := *b.k
	ignored := func(d keptFile) bool {
		return slices.ContainsFunc(b.k.Ignored, func(i RawPath) bool { return strings.HasPrefix(string(d.Path)+"/", string(i)+"/") })
	}
	was.Dirs = slices.DeleteFunc(slices.Clone(was.Dirs), ignored)
	if now.Dirs, err = b.g.walk(ctx, b.skip()); err != nil {
		return err
	}
	now.Dirs = slices.DeleteFunc(now.Dirs, func(d keptFile) bool { return !b.dirs[d.Path] })
	b.done.Passed = b.k.passedBy(now)
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
	if d := was.differences(now); len(d) > 0 {
		return &NotRestoredError{Root: b.g.Root, ID: b.p.ID, Differences: d}
	}
	return nil
}
