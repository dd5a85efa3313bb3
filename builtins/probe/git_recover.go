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
)

// Recovery is one thing that a killed run left, and what became of it.
type Recovery struct {
	ID    string
	Kind  string // JournalWorktree, JournalInPlace, LeftDirectory, LeftProcess
	Repo  string // "" of a LeftDirectory and a LeftProcess
	Path  string // of a throw-away work tree, or a LeftDirectory
	Begun time.Time
	Phase string
	Alive bool // its owner still runs, or may: it is left alone
	Owner Owner
	Notes []string // files of the journal
	Lost  bool     // the repository of a JournalInPlace is not where it was

	Process *Process // a LeftProcess; else nil

	Done     bool
	Restored Restored
	Kept     string // by Forget: the refs of what was kept, as "refs/runbook/ID/"; "" = there are none
	Err      error
}

// Left lists what runs have left that were killed, and what living ones have:
// from the journals in the user's state directory, and in the repositories that
// the directories of dirs lie in. Of private directories it lists those alone
// that nobody uses.
//
// The error is of what could not be looked at; the list holds the rest.
func Left(ctx context.Context, h Host, logs Journals, dirs []string) ([]Recovery, error) {
	found, done, err := everything(ctx, h, logs, dirs)
	defer done()
	out := []Recovery{}
	for _, l := range found {
		out = append(out, l.Recovery)
	}
	return out, err
}

// everything finds all that was left: first the processes, which may write into
// what comes after them. What it locks stays so until done is called.
func everything(ctx context.Context, h Host, logs Journals, dirs []string) (found []*leftover, done func(), err error) {
	found, err = strays(ctx, h)
	trees, failed := gather(ctx, h, logs, dirs)
	left, done := leftDirectories(ctx, h)
	return slices.Concat(found, trees, left), done, errors.Join(err, failed)
}

// Recover finishes what Left lists, or of that only what the caller wants (nil:
// all). What is healthy already stays as it is; it may be killed itself, and
// called again.
func Recover(ctx context.Context, h Host, logs Journals, dirs []string, only func(Recovery) bool) ([]Recovery, error) {
	found, done, err := everything(ctx, h, logs, dirs)
	defer done()
	out := []Recovery{}
	for _, l := range found {
		if only != nil && !only(l.Recovery) {
			continue
		}
		if !l.Alive {
			l.Err = l.finish(ctx, h)
			l.Done = l.Err == nil
		}
		out = append(out, l.Recovery)
	}
	return out, err
}

// ErrNoNote is the error of an id that no journal has.
var ErrNoNote = errors.New("no run has noted that")

// Forget ends the journal of one thing that Left lists, and touches nothing
// else: the work tree stays as it lies, and what was kept of it stays kept.
//
// Errors: ErrNoNote; its owner still runs.
func Forget(ctx context.Context, h Host, logs Journals, dirs []string, id string) (Recovery, error) {
	found, failed := gather(ctx, h, logs, dirs)
	i := slices.IndexFunc(found, func(l *leftover) bool { return l.ID == id && len(l.Notes) > 0 })
	if i < 0 {
		return Recovery{}, errors.Join(fmt.Errorf("%q: %w", id, ErrNoNote), failed)
	}
	l := found[i]
	if l.Alive {
		return l.Recovery, fmt.Errorf("%s: its run is not over, pid %d on %s", id, l.Owner.PID, l.Owner.Host)
	}
	if g, err := OpenGit(ctx, h, l.Repo); err == nil {
		if refs, err := g.keptNow(ctx, id); err == nil && len(refs) > 0 {
			l.Kept = keptRefs(id)
		}
	}
	return l.Recovery, l.log.end()
}

// leftover is a journal, however many files hold it.
type leftover struct {
	Recovery
	log *Journal // nil = of what has none: a LeftDirectory, a LeftProcess
}

func gather(ctx context.Context, h Host, logs Journals, dirs []string) ([]*leftover, error) {
	var places []string
	var failed []error
	var repos []*Git
	if logs.Dir != "" {
		tidy(ctx, h, logs.Dir)
		entries, err := os.ReadDir(logs.Dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("journals: %w", err))
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".json") {
				places = append(places, filepath.Join(logs.Dir, e.Name()))
			}
		}
	}
	for _, dir := range dirs {
		g, err := OpenGit(ctx, h, dir)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		repos = append(repos, g)
		tidy(ctx, h, filepath.Dir(filepath.Join(g.Dir, inPlaceJournal)))
		if place := filepath.Join(g.Dir, inPlaceJournal); exists(place) {
			places = append(places, place)
		}
	}
	type one struct {
		id  string
		dir RawPath
	}
	byDir, ids := map[one]*leftover{}, map[string]bool{}
	var out []*leftover
	for _, place := range places {
		j, err := readJournal(place)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				failed = append(failed, err)
			}
			continue
		}
		for _, g := range repos { // a repository that was moved, or copied, has a note of another place
			if place == filepath.Join(g.Dir, inPlaceJournal) && !sameFile(string(j.GitDir), g.Dir) {
				j.Repo, j.GitDir = RawPath(g.Root), RawPath(g.Dir)
			}
		}
		// The one in the git directory may not be in the list yet.
		if other := filepath.Join(string(j.GitDir), inPlaceJournal); j.Kind == JournalInPlace && other != place && exists(other) && !slices.Contains(places, other) {
			if twin, err := readJournal(other); err == nil && twin.ID == j.ID {
				j = later(j, twin)
			}
		}
		ids[j.ID] = true
		if l := byDir[one{j.ID, j.GitDir}]; l != nil {
			l.log = later(l.log, j)
			continue
		}
		l := &leftover{log: j}
		byDir[one{j.ID, j.GitDir}] = l
		out = append(out, l)
	}
	for _, g := range repos {
		for _, j := range g.strayWorktrees() {
			if !ids[j.ID] {
				ids[j.ID] = true
				out = append(out, &leftover{log: j})
			}
		}
	}
	out = reunited(out)
	for _, l := range out {
		j := l.log
		l.Recovery = Recovery{ID: j.ID, Kind: j.Kind, Repo: string(j.Repo), Path: string(j.Path), Begun: j.Begun, Phase: j.Phase, Owner: j.Owner, Alive: j.Owner.lives(ctx, h),
			Notes: j.places, Lost: j.Kind == JournalInPlace && !exists(string(j.GitDir))}
	}
	return out, errors.Join(failed...)
}

// reunited brings the note that a moved repository left in the state directory
// together with the one that moved with it.
func reunited(all []*leftover) []*leftover {
	return slices.DeleteFunc(slices.Clone(all), func(l *leftover) bool {
		if l.log.Kind != JournalInPlace || exists(string(l.log.GitDir)) {
			return false
		}
		i := slices.IndexFunc(all, func(m *leftover) bool { return m.log.ID == l.log.ID && exists(string(m.log.GitDir)) })
		if i < 0 {
			return false
		}
		here := all[i].log
		repo, dir := here.Repo, here.GitDir
		here = later(here, l.log)
		here.Repo, here.GitDir = repo, dir
		all[i].log = here
		return true
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// later is the journal of the two that got further, held by both files.
func later(a, b *Journal) *Journal {
	places := slices.Concat(a.places, b.places)
	if phases[b.Phase] > phases[a.Phase] {
		a = b
	}
	slices.Sort(places)
	a.places = slices.Compact(places)
	return a
}

// strayWorktrees finds throw-away work trees by git's own metadata, for a run
// without a state directory. Their owner is known by its pid alone.
func (g *Git) strayWorktrees() []*Journal {
	entries, _ := os.ReadDir(filepath.Join(g.Common, "worktrees"))
	var out []*Journal
	for _, e := range entries {
		id, ours := strings.CutPrefix(e.Name(), worktreePrefix)
		text, err := os.ReadFile(filepath.Join(g.Common, "worktrees", e.Name(), "gitdir"))
		if !ours || !plainID(id) || err != nil {
			continue
		}
		path := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "/.git")
		if filepath.Base(path) != e.Name() {
			continue
		}
		j := &Journal{Version: 1, ID: id, Kind: JournalWorktree, Repo: RawPath(g.Root), GitDir: RawPath(g.Dir), Path: RawPath(path), Phase: PhaseSaving}
		locked, _ := os.ReadFile(filepath.Join(g.Common, "worktrees", e.Name(), "locked"))
		_, _ = fmt.Sscanf(string(locked), "runbook "+id+", of pid %d", &j.Owner.PID)
		j.Owner.Host = g.host.Clock().Hostname
		if info, err := e.Info(); err == nil {
			j.Begun = info.ModTime()
		}
		out = append(out, j)
	}
	return out
}

func (l *leftover) finish(ctx context.Context, h Host) error {
	j := l.log
	switch l.Kind {
	case LeftDirectory:
		return l.finishDirectory()
	case LeftProcess:
		return l.finishProcess(ctx, h)
	}
	g, err := OpenGit(ctx, h, l.Repo)
	gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoRepository)
	switch {
	case err != nil && !gone:
		return err
	case j.Kind == JournalWorktree && gone:
		if !strings.HasPrefix(filepath.Base(l.Path), worktreePrefix) {
			return fmt.Errorf("%s is no throw-away work tree of ours", Clean([]byte(l.Path)))
		}
		if err := removeAll(l.Path); err != nil {
			return err
		}
		return j.end()
	case j.Kind == JournalWorktree:
		if err := removeWorktree(ctx, g, l.Path, filepath.Join(g.Common, "worktrees", worktreePrefix+j.ID)); err != nil {
			return err
		}
		return j.end()
	case gone:
		return errors.New("its repository is not there")
	}
	p := &InPlace{ID: j.ID, Root: g.Root, git: g, log: j}
	// A git that survived the one who was killed may still hold a lock of a ref
	// for a moment; what is left after that has no owner any more.
	if err := g.unlockKept(ctx, j.ID); err != nil {
		return err
	}
	if j.Phase == PhaseChanged {
		var failed *GitError
		if p.kept, err = g.load(ctx, j.Kept); errors.As(err, &failed) {
			return fmt.Errorf("what was kept of it is not in the repository that lies there now: %w", err)
		} else if err != nil {
			return err
		}
		p.Base = p.kept.Base
		if err := os.MkdirAll(p.private("aside"), 0o700); err != nil {
			return fmt.Errorf("git: %w", err)
		}
	}
	l.Restored, err = p.Restore(ctx)
	return err
}

// unlockKept removes locks of our own refs.
func (g *Git) unlockKept(ctx context.Context, id string) error {
	for began := time.Now(); ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		locks, _ := filepath.Glob(filepath.Join(escapeGlob(g.Common), keptRefs(id), "*.lock"))
		if len(locks) == 0 {
			return nil
		}
		if time.Since(began) < 2*time.Second {
			continue
		}
		for _, lock := range locks {
			if err := os.Remove(lock); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("git: %w", err)
			}
		}
	}
	return ctx.Err()
}

// escapeGlob makes a path match itself alone.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
