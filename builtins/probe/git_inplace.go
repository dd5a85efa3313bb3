package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// InPlace is a user's work tree that holds another commit's content for a
// while, or its own while somebody may write to it. Nothing of git's own moves:
// HEAD, the index, the stash list and the branches stay; only files are
// exchanged.
//
//	scan ─▶ plan ─▶ store objects and refs ─▶ journal: changed ─▶ swap ─▶ … ─▶ Restore
//
// Files that make room are renamed into the git directory, not copied: they
// come back by a rename, with their times, attributes and owners, also on a
// disk that has become full. The objects are the second safety, and the proof.
type InPlace struct {
	ID   string
	Root string
	Base string // commit; "" = its own content stays
	// Changed are the paths that hold the base's content, or were removed since
	// it has none there.
	Changed []string

	git  *Git
	log  *Journal
	kept *keptTree

	mu   sync.Mutex
	over bool
	done Restored
}

// NotNowError is the error of a work tree that is not changed in place, since
// it would not be safe. Nothing was changed.
type NotNowError struct {
	Root string
	Why  string
	Do   string // what to type; ""
}

func (e *NotNowError) Error() string {
	return fmt.Sprintf("git: not changing %s in place: %s", Clean([]byte(e.Root)), e.Why)
}

// ChangeInPlace gives the user's work tree the content of ref: of all files, or
// only of those that layer, a list of pathspecs relative to the top, matches.
// Untracked files make room too; ignored ones stay, by choice, unless one lies
// where a file of ref belongs. With ref "" nothing is exchanged: what is there
// is kept, so that Restore undoes what others do to it.
//
// The caller calls Restore, whatever happens; when it is killed, Recover does.
// Errors: *NotNowError, *NoRefError; whatever fails, the work tree is as it was.
func (g *Git) ChangeInPlace(ctx context.Context, logs Journals, ref string, layer []string) (p *InPlace, err error) {
	base := ""
	if ref != "" {
		if base, err = g.Resolve(ctx, ref); err != nil {
			return nil, err
		}
	}
	if err := g.mayChange(ctx); err != nil {
		return nil, err
	}
	p = &InPlace{ID: newGitID(), Root: g.Root, Base: base, git: g}
	if p.log, err = logs.begin(ctx, g, Journal{ID: p.ID, Kind: JournalInPlace}); err != nil {
		if errors.Is(err, ErrUnderway) {
			err = &NotNowError{Root: g.Root, Why: "another run has done so, or one was killed before it could put it back", Do: "runbook recover"}
		}
		return nil, err
	}
	begun(p, func(ctx context.Context) error { _, err := p.Restore(ctx); return err })
	if err := p.change(ctx, layer); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
		defer cancel()
		done, undone := p.Restore(ctx)
		var busy *busyError
		if !errors.As(err, &busy) {
			return nil, errors.Join(err, undone)
		}
		if undone == nil {
			undone = busy.notNow(p.Root, done)
		}
		return nil, undone
	}
	return p, nil
}

// busyError is the error of a file that is written just as it is kept, or
// exchanged: an editor saves it.
type busyError struct{ path string }

func (e *busyError) Error() string {
	return fmt.Sprintf("git: %s changed while it was kept", Clean([]byte(e.path)))
}

// notNow is what its user is told when the work tree has been put back.
func (e *busyError) notNow(root string, done Restored) error {
	not := &NotNowError{Root: root, Why: Clean([]byte(e.path)) + " was written just then, by an editor or another program; the work tree is as that left it",
		Do: "run it again while nothing writes there; a throw-away work tree, without `--in-place`, does not mind"}
	if len(done.Meanwhile) > 0 {
		not.Why = fmt.Sprintf("%s was written just then, by an editor or another program; the work tree is as it was before, and what was written is kept under %s", Clean([]byte(e.path)), done.Ref)
		not.Do = "git show " + done.Ref + "; then " + not.Do
	}
	return not
}

// mayChange refuses what a change in place would endanger.
func (g *Git) mayChange(ctx context.Context) error {
	s, err := g.State(ctx)
	if err != nil {
		return err
	}
	not := func(why, do string) error { return &NotNowError{Root: g.Root, Why: why, Do: do} }
	switch {
	case s.Head == "":
		return not("it has no commit yet", "")
	case s.State == "conflict":
		return not("files have conflicts", "git status")
	case s.State != "":
		article := "a "
		if s.State == "am" {
			article = "an "
		}
		return not("it is amid "+article+s.State, "git status")
	case s.Locked:
		return not("index.lock is there: another git writes, or one has died", "")
	case s.Sparse:
		return not("it is a sparse checkout", "")
	}
	for _, m := range s.Submodules {
		switch {
		case m.Moved:
			return not("submodule "+Clean([]byte(m.Path))+" is at another commit than the index wants", "git submodule update; or git add, which makes it part of the change")
		case m.Dirty:
			return not("submodule "+Clean([]byte(m.Path))+" has changes of its own", "")
		}
	}
	return nil
}

// private is where files wait, on the same file system as a rule.
func (p *InPlace) private(name string) string { return privateOf(p.git, p.ID, name) }

func privateOf(g *Git, id, name string) string { return filepath.Join(g.Dir, "runbook", id, name) }

func (p *InPlace) change(ctx context.Context, layer []string) error {
	p.mu.Lock() // whoever puts it back waits
	defer p.mu.Unlock()
	g := p.git
	if err := os.MkdirAll(p.private("aside"), 0o700); err != nil {
		return fmt.Errorf("git: %w", err)
	}
	// Looked at again now that no other run of ours can begin.
	if err := g.mayChange(ctx); err != nil {
		return err
	}
	first, err := g.scan(ctx)
	if err != nil {
		return err
	}
	p.kept = first
	if p.Base != "" {
		if err := p.plan(ctx, layer); err != nil {
			return err
		}
	}
	if err := p.refuseWriters(ctx); err != nil {
		return err
	}
	tree, err := g.store(ctx, p.ID, p.private(""), p.kept)
	if err != nil {
		return err
	}
	p.log.Kept = tree
	for _, f := range p.kept.Files { // before anything is exchanged: what somebody saved now stays where it is
		if err := p.isAsKept(f); err != nil {
			return err
		}
	}
	if err := p.log.advance(PhaseChanged); err != nil {
		return err
	}
	return p.swap(ctx)
}

// isAsKept reports that a file which makes room was written since it was read.
func (p *InPlace) isAsKept(f keptFile) error {
	if !f.Aside {
		return nil
	}
	info, err := p.git.file(string(f.Path))
	if err != nil || info.ModTime().UnixNano() != f.MTime {
		return &busyError{string(f.Path)}
	}
	return nil
}

// swap exchanges the files. From here on only Restore leads back.
func (p *InPlace) swap(ctx context.Context) error {
	g := p.git
	for i, f := range p.kept.Files {
		if !f.Aside {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.isAsKept(f); err != nil {
			return err
		}
		path := string(f.Path)
		from, to := filepath.Join(g.Root, path), asideOf(p, i, "")
		err := os.Rename(from, to)
		if errors.Is(err, syscall.EXDEV) {
			err = os.Remove(from) // the object is what is left of it
		}
		if err != nil {
			return fmt.Errorf("git: make room: %w", err)
		}
		p.Changed = append(p.Changed, path)
	}
	for _, put := range p.kept.Put {
		if err := ctx.Err(); err != nil {
			return err
		}
		from, to := filepath.Join(p.private("base"), string(put.Path)), filepath.Join(g.Root, string(put.Path))
		switch info, err := os.Lstat(to); {
		case err == nil && info.IsDir():
			p.emptiedBelow(string(put.Path)) // what was in it waits aside
		case err == nil:
			return &busyError{string(put.Path)} // what lay there waits aside, too
		}
		err := os.MkdirAll(filepath.Dir(to), 0o777)
		if err == nil {
			err = os.Rename(from, to)
		}
		if errors.Is(err, syscall.EXDEV) {
			err = copyFile(from, to)
		}
		if err != nil {
			return fmt.Errorf("git: change in place: %w", err)
		}
		p.age(to, string(put.Path))
		p.Changed = append(p.Changed, string(put.Path))
	}
	for _, path := range p.Changed {
		for _, dir := range parents(path) {
			if !p.emptied(dir) { // Python would take it for a package
				break
			}
		}
	}
	slices.Sort(p.Changed)
	p.Changed = slices.Compact(p.Changed)
	return nil
}

// emptied takes a directory away in which nothing is left, and reports whether
// that was so. One that belongs there waits, as files do, and comes back with its
// attributes.
func (p *InPlace) emptied(dir string) bool {
	at := filepath.Join(p.Root, dir)
	info, err := p.git.place(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	if left, err := os.ReadDir(at); err != nil || len(left) > 0 {
		return false
	}
	i, here := p.kept.directory(dir)
	return here && os.Rename(at, asideOf(p, i, "d")) == nil || os.Remove(at) == nil
}

// emptiedBelow does so with a directory that holds nothing but such.
func (p *InPlace) emptiedBelow(dir string) {
	entries, _ := os.ReadDir(filepath.Join(p.Root, dir))
	for _, e := range entries {
		if e.IsDir() {
			p.emptiedBelow(filepath.Join(dir, e.Name()))
		}
	}
	p.emptied(dir)
}

// age makes a file that was put in place look older when its time of change is
// in the same second as that of the user's: Python takes a compiled file for
// that of a source with the same size and second.
func (p *InPlace) age(at, path string) {
	i, here := p.find(path)
	info, err := os.Lstat(at)
	if !here || err != nil || !info.Mode().IsRegular() || time.Unix(0, p.kept.Files[i].MTime).Unix() != info.ModTime().Unix() {
		return
	}
	older := info.ModTime().Add(-2 * time.Second)
	_ = os.Chtimes(at, older, older)
}

// asideOf is where file number i of the list waits, or directory "d" number i.
func asideOf(p *InPlace, i int, kind string) string {
	return filepath.Join(p.private("aside"), kind+strconv.Itoa(i))
}
