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
	"time"

	"golang.org/x/sys/unix"
)

// Restored says what putting a work tree back has come to.
type Restored struct {
	Files int // that were put back or taken away
	// Meanwhile are files that somebody wrote there while it was changed. They
	// are out of the way, and kept under Ref.
	Meanwhile []string
	Ref       string
	Lost      []string // what git ignored, and is gone: nothing of it was kept
	Passed    []string // what git ignores, or does not keep, made or changed meanwhile: it stays
	// Submodules are those with changes of their own now, which had none: they stay.
	Submodules []string
	Cut        []string // hard links: it was replaced meanwhile, and its other names are of the old file
	Moved      string   // HEAD is another commit now, which is left alone; "" = it is not
	// Writers had a file open when the work tree was put back: what they write from
	// then on goes where there is no name any more.
	Writers []GitWriter
}

// NotRestoredError is the loud one: the work tree is not as it was. Everything
// is kept, and Recover may try again.
type NotRestoredError struct {
	Root, ID    string
	Differences []string
	Err         error // what went wrong; nil = it merely differs
}

func (e *NotRestoredError) Error() string {
	what := "the next look found it different"
	switch {
	case e.Err != nil:
		what = strings.TrimPrefix(e.Err.Error(), "git: ")
	case len(e.Differences) > 3:
		what = fmt.Sprintf("%s and %d more", strings.Join(e.Differences[:3], ", "), len(e.Differences)-3)
	case len(e.Differences) > 0:
		what = strings.Join(e.Differences, ", ")
	}
	return fmt.Sprintf("git: %s is NOT as it was: %s; all of it is kept under %s (git show %sworktree:PATH), and runbook recover tries again",
		Clean([]byte(e.Root)), what, keptRefs(e.ID), keptRefs(e.ID))
}

func (e *NotRestoredError) Unwrap() error { return e.Err }

// Restore makes the work tree what it was, and proves it: paths, bytes, modes,
// owners and the index are compared with what was kept. Called again it says
// the same again; called by two it works once.
//
// Error: *NotRestoredError; then journal and refs stay.
func (p *InPlace) Restore(ctx context.Context) (Restored, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return p.done, nil
	}
	done, err := p.restore(ctx)
	if err != nil {
		return done, err
	}
	p.over, p.done = true, done
	over(p)
	return done, nil
}

func (p *InPlace) restore(ctx context.Context) (done Restored, err error) {
	g := p.git
	if p.log.Phase == PhaseChanged {
		if g.host != nil {
			done.Writers, _ = p.writers(ctx) // who cannot be asked for keeps nobody from putting back
		}
		b := &putBack{g: g, p: p, k: p.kept, done: &done}
		err := b.all(ctx)
		for n := 0; n < saves && wasWritten(err) && ctx.Err() == nil; n++ {
			time.Sleep(50 * time.Millisecond) // an editor saves
			err = b.all(ctx)
		}
		if err != nil {
			var not *NotRestoredError
			if !errors.As(err, &not) {
				err = &NotRestoredError{Root: p.Root, ID: p.ID, Err: err}
			}
			return done, err
		}
		if err := p.log.advance(PhaseRestored); err != nil {
			// The disk may be full, and nothing waits in our directory any more.
			if removeAll(p.private("")) != nil || p.log.advance(PhaseRestored) != nil {
				return done, err
			}
		}
	}
	if done.Ref, err = g.dropRefs(ctx, p.ID); err != nil {
		return done, err
	}
	if err := removeAll(p.private("")); err != nil {
		return done, fmt.Errorf("git: %w", err)
	}
	return done, p.log.end()
}

// saves is how often putting back begins anew when somebody writes there as it
// goes on.
const saves = 5

func wasWritten(err error) bool {
	var busy *busyError
	var not *NotRestoredError
	return errors.As(err, &busy) || errors.As(err, &not) && len(not.Differences) > 0
}

// putBack brings a work tree from any state to the kept one. Each thing that it
// does is right at any moment and may be done twice, so it can be killed and
// begun again.
type putBack struct {
	g    *Git
	p    *InPlace
	k    *keptTree
	sum  hasher
	put  map[RawPath]putFile
	was  map[RawPath]keptFile
	dirs map[RawPath]bool
	past map[RawPath]bool // files and directories that were ignored
	subs bool             // there are submodules
	done *Restored

	large []RawPath // new files that are too large to be kept
}

func (b *putBack) all(ctx context.Context) (err error) {
	if b.sum, err = b.g.hasher(ctx); err != nil {
		return err
	}
	b.put, b.was, b.dirs, b.past = map[RawPath]putFile{}, map[RawPath]keptFile{}, map[RawPath]bool{}, map[RawPath]bool{}
	for _, f := range b.k.Put {
		b.put[f.Path] = f
	}
	for _, f := range b.k.Files {
		b.was[f.Path] = f
	}
	for _, d := range b.k.Dirs {
		b.dirs[d.Path] = true
	}
	for _, f := range b.k.Passed {
		b.past[f.Path] = true
	}
	for _, dir := range b.k.Ignored {
		b.past[dir] = true
	}
	for _, do := range []func(context.Context) error{b.open, b.index, b.clear, b.fill, b.sweep, b.polish, b.prove} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// open makes what belongs there ours to read and to change, in case that a test
// took that away. polish gives all its own modes back.
func (b *putBack) open(context.Context) error {
	for _, f := range slices.Concat([]keptFile{{Path: "."}}, b.k.Dirs, b.k.Files) { // outer ones first
		need := fs.FileMode(0o400)
		info, err := b.g.place(string(f.Path))
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			continue // said by who needs it
		}
		if info.IsDir() {
			need = 0o700
		}
		if info.Mode()&need != need {
			_ = os.Chmod(filepath.Join(b.g.Root, string(f.Path)), info.Mode()|need)
		}
	}
	return nil
}

// index writes the index file back if it is another, under git's own lock. The
// lock is a second name of a file of ours, so that one which a killed run left
// is known.
func (b *putBack) index(ctx context.Context) error {
	path, waits := filepath.Join(b.g.Dir, "index"), b.p.private("index-back")
	if sameFile(waits, path+".lock") {
		if err := os.Remove(path + ".lock"); err != nil {
			return fmt.Errorf("git: put the index back: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err == nil {
		if blob, err := b.sum.blob(path, info); err == nil && blob == b.k.Index.Blob {
			if now := keptAs("index", info); now.Perm != b.k.Index.Perm || now.MTime != b.k.Index.MTime {
				return impress(path, b.k.Index) // the same, written again
			}
			return nil
		}
	}
	text, err := b.g.ask(ctx, "cat-file", "blob", b.k.Index.Blob)
	if err != nil {
		return err
	}
	err = writeSynced(waits, text)
	if err == nil {
		err = impress(waits, b.k.Index)
	}
	if err != nil {
		return fmt.Errorf("git: put the index back: %w", err)
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) { // another git may be at it
		err = os.Link(waits, path+".lock")
		if !errors.Is(err, fs.ErrExist) || time.Since(began) > 5*time.Second || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		err = os.Rename(path+".lock", path)
	}
	if err != nil {
		return fmt.Errorf("git: put the index back: %w", err)
	}
	return nil
}

func sameFile(a, b string) bool {
	x, err := os.Lstat(a)
	y, err2 := os.Lstat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// clear takes away what does not belong: the base's files, and what was written
// over the user's, which is kept.
func (b *putBack) clear(ctx context.Context) error {
	paths := map[RawPath]bool{}
	for path := range b.put {
		paths[path] = true
	}
	for path := range b.was {
		paths[path] = true
	}
	tracked, err := b.g.tracked(ctx)
	if err != nil {
		return err
	}
	for _, f := range tracked { // the user may have deleted one, and a test made it again
		if b.subs = b.subs || f.Mode == modeGitlink; f.Mode != modeGitlink {
			paths[RawPath(f.Path)] = true
		}
	}
	var wrong, foreign []string
	for path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		now, err := b.g.keep(string(path), b.sum)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("git: %w", err)
		}
		if was, ok := b.was[path]; ok && was.Mode == now.Mode && was.Blob == now.Blob {
			continue
		} else if ok && was.Blob == now.Blob && was.Mode != modeLink && now.Mode != modeLink {
			continue // only its mode, which polish sees to
		}
		wrong = append(wrong, string(path))
		if put, ok := b.put[path]; !ok || put.Blob != now.Blob {
			foreign = append(foreign, string(path))
		}
	}
	return b.takeAway(ctx, wrong, foreign)
}

// takeAway removes files, after it has kept those that are somebody's.
func (b *putBack) takeAway(ctx context.Context, wrong, foreign []string) error {
	if err := b.keepMeanwhile(ctx, foreign); err != nil {
		return err
	}
	for _, path := range wrong {
		if back, err := b.writeThrough(ctx, path); back || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if err := os.Remove(filepath.Join(b.g.Root, path)); err != nil && !errors.Is(absent(err), fs.ErrNotExist) {
			return fmt.Errorf("git: put back: %w", err)
		}
		if _, comesBack := b.was[RawPath(path)]; !comesBack {
			b.done.Files++
		}
		for _, dir := range parents(path) {
			if b.dirs[RawPath(dir)] || os.Remove(filepath.Join(b.g.Root, dir)) != nil {
				break
			}
		}
	}
	return nil
}

// writeThrough gives a file with several names its bytes back without a new
// inode: the others, which may lie anywhere, go on being names of it, and show
// what they showed.
func (b *putBack) writeThrough(ctx context.Context, path string) (done bool, err error) {
	f, ok := b.was[RawPath(path)]
	at := filepath.Join(b.g.Root, path)
	if !ok || f.Inode == 0 || inodeAt(at) != f.Inode {
		return false, nil
	}
	text, err := b.g.ask(ctx, "cat-file", "blob", f.Blob)
	if err != nil {
		return false, err
	}
	_ = os.Chmod(at, 0o600) // polish gives it its own
	file, err := os.OpenFile(at, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return false, nil // it is being executed: a new one, then
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return false, fmt.Errorf("git: put back: %w", err)
	}
	b.done.Files++
	return true, nil
}

// inodeAt is that of a regular file; 0 = there is none.
func inodeAt(path string) uint64 {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return fileOf(info).inode
}

// fill makes directories and files that are missing, from where they wait, or
// else from their objects.
func (b *putBack) fill(ctx context.Context) error {
	for i, d := range b.k.Dirs {
		at, waits := filepath.Join(b.g.Root, string(d.Path)), asideOf(b.p, i, "d")
		info, err := os.Lstat(at)
		if err == nil && info.IsDir() {
			if exists(waits) {
				b.takePlace(waits, at)
			}
			continue
		}
		if err == nil { // a file has come to stand there
			if err := b.takeAway(ctx, []string{string(d.Path)}, []string{string(d.Path)}); err != nil {
				return err
			}
		}
		_ = os.Chmod(waits, 0o700) // polish gives it its own
		if os.Rename(waits, at) == nil {
			continue
		}
		if err := os.Mkdir(at, 0o700); err != nil {
			return fmt.Errorf("git: put back: %w", err)
		}
	}
	for i, f := range b.k.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := string(f.Path)
		if _, err := b.g.file(path); err == nil {
			continue
		}
		at := filepath.Join(b.g.Root, path)
		if info, err := os.Lstat(at); err == nil { // a directory has come to stand there
			if !info.IsDir() { // or a pipe, a socket, in which nothing is to be kept
				err = os.Remove(at)
			} else {
				err = b.dissolve(ctx, path)
			}
			if err != nil {
				return fmt.Errorf("git: put back: %s is in the way: %w", Clean([]byte(path)), err)
			}
		}
		b.done.Files++
		if err := b.bring(ctx, i, f, at); err != nil {
			return err
		}
	}
	return nil
}

// takePlace puts a directory that waits in the place of one that was made
// meanwhile, with all that is in that. Where it cannot be done the new one stays:
// it becomes the same but for what its attributes were.
func (b *putBack) takePlace(waits, at string) {
	_ = os.Chmod(waits, 0o700) // polish gives it its own
	entries, _ := os.ReadDir(at)
	for _, e := range entries {
		if os.Rename(filepath.Join(at, e.Name()), filepath.Join(waits, e.Name())) != nil {
			break
		}
	}
	if os.Remove(at) == nil {
		_ = os.Rename(waits, at)
		return
	}
	entries, _ = os.ReadDir(waits)
	for _, e := range entries {
		_ = os.Rename(filepath.Join(waits, e.Name()), filepath.Join(at, e.Name()))
	}
}

// bring puts one file back: by a name that it has in the tree, from where it
// waits, or from its object.
func (b *putBack) bring(ctx context.Context, i int, f keptFile, at string) error {
	for _, other := range b.k.Files {
		if f.Inode != 0 && other.Inode == f.Inode && other.Path != f.Path {
			if from := filepath.Join(b.g.Root, string(other.Path)); inodeAt(from) == f.Inode && os.Link(from, at) == nil {
				return nil
			}
		}
	}
	waits := asideOf(b.p, i, "")
	if info, err := os.Lstat(waits); err == nil && keepable(info) {
		if blob, err := b.sum.blob(waits, info); err == nil && blob == f.Blob && os.Rename(waits, at) == nil {
			return nil
		}
	}
	text, err := b.g.ask(ctx, "cat-file", "blob", f.Blob)
	if err != nil {
		return err
	}
	if f.Mode == modeLink {
		if err := os.Symlink(string(text), at); err != nil {
			return fmt.Errorf("git: put back: %w", err)
		}
		return nil
	}
	temp := b.p.private("new")
	if err = writeSynced(temp, text); err == nil {
		err = os.Rename(temp, at)
		if errors.Is(err, unix.EXDEV) {
			err = copyFile(temp, at)
		}
	}
	if err != nil {
		return fmt.Errorf("git: put back: %w", err)
	}
	return nil
}
