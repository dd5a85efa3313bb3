package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// GitWorktree is a throw-away work tree: a commit checked out into a private
// directory outside of the user's repository, with a repository of its own that
// borrows the user's objects. Nothing that is done there, also by git, reaches
// the user's work tree, index, stash list, refs or objects.
type GitWorktree struct {
	Path   string // absolute; its last name is that of the user's own work tree
	Commit string
	Notes  []string // what a reader must know: which files it lacks

	git  *Git
	shed string            // the private directory, of which Path is in
	lock *os.File          // on shed, where no journal is written
	from map[string]source // files that were copied, by path relative to Path
	past *pastTree         // nil = Rewind was not called since it was furnished

	lacks   []GitLack         // besides what CopyIgnored meets
	patched []string          // files that Apply changed
	filled  []filledSubmodule // with files

	mu  sync.Mutex
	log *Journal // nil: it is removed
}

// checkoutPatience is how long a checkout may take.
const checkoutPatience = 10 * time.Minute

// worktreePrefix begins the names of throw-away work trees, and of the
// directory of each.
const worktreePrefix = "runbook-"

// AddWorktree checks out ref. The caller removes it, whatever happens; what a
// killed process left behind is found by Recover through the journal.
//
// No hook runs, git-lfs downloads nothing, submodules come from the user's own
// clone of them; what is not there is in Notes. Errors: *NoRefError; git's own.
func (g *Git) AddWorktree(ctx context.Context, logs Journals, ref string) (w *GitWorktree, err error) {
	commit, err := g.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	id := newGitID()
	name := worktreePrefix + id
	if logs.Dir == "" { // nobody would find it by a journal
		name = worktreePrefix + "run-" + id
	}
	shed := filepath.Join(os.TempDir(), name)
	if strings.HasPrefix(shed+"/", g.Root+"/") {
		return nil, fmt.Errorf("git: the directory for temporary files, %s, lies in the work tree; set TMPDIR", Clean([]byte(os.TempDir())))
	}
	w = &GitWorktree{Path: filepath.Join(shed, filepath.Base(g.Root)), Commit: commit, git: g, shed: shed, from: map[string]source{}}
	if w.log, err = logs.begin(ctx, g, Journal{ID: id, Kind: JournalWorktree, Path: RawPath(shed)}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, w.Remove(ctx))
			w = nil
		}
	}()
	if logs.Dir == "" {
		w.lock, err = makePrivate(shed)
	} else {
		err = os.Mkdir(shed, 0o700)
	}
	if err != nil {
		return w, fmt.Errorf("git: throw-away work tree: %w", err)
	}
	for _, dir := range []string{w.Path, w.kept("")} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			return w, fmt.Errorf("git: throw-away work tree: %w", err)
		}
	}
	if err := g.borrow(ctx, filepath.Join(w.Path, ".git"), commit); err != nil {
		return w, err
	}
	if _, err := g.call(ctx, gitCall{args: []string{"read-tree", "--reset", "-u", commit}, dir: w.Path, patience: checkoutPatience}); err != nil {
		return w, err
	}
	if w.Notes, err = g.furnish(ctx, w); err == nil {
		begun(w, w.Remove)
	}
	return w, err
}

// kept is a place for what belongs to the work tree, and is not in it.
func (w *GitWorktree) kept(name string) string { return filepath.Join(w.shed, ".kept", name) }

// Remove removes the work tree with its repository. It may be called again.
func (w *GitWorktree) Remove(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log == nil {
		return nil
	}
	if err := removeWorktree(ctx, w.git, w.shed, filepath.Join(w.git.Common, "worktrees", filepath.Base(w.shed))); err != nil {
		return err
	}
	if w.lock != nil {
		w.lock.Close()
	}
	err := w.log.end()
	w.log = nil
	over(w)
	return err
}

// removeWorktree also removes what git itself knows of one that was made with
// `git worktree add`, as they once were. It does without `git worktree prune`, which would also drop
// those of the user whose disk is not mounted today, and without `git worktree
// remove`, which refuses some of what a killed process leaves.
func removeWorktree(ctx context.Context, g *Git, path, meta string) error {
	if !strings.HasPrefix(filepath.Base(path), worktreePrefix) || !strings.HasPrefix(filepath.Base(meta), worktreePrefix) {
		return fmt.Errorf("git: %s is no throw-away work tree of ours", Clean([]byte(path)))
	}
	for range 50 { // a program of ours may just be ending
		err := removeAll(path)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return fmt.Errorf("git: remove the throw-away work tree: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := removeAll(path); err != nil {
		return fmt.Errorf("git: remove the throw-away work tree: %w", err)
	}
	if !exists(meta) {
		return nil
	}
	if err := removeAll(meta); err != nil {
		return fmt.Errorf("git: remove the throw-away work tree: %w", err)
	}
	_ = os.Remove(filepath.Dir(meta)) // .git/worktrees, as git does when it was the last one
	return nil
}

// removeAll is os.RemoveAll that opens directories which a test has closed.
func removeAll(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}

func newGitID() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// furnish fills in submodules, and notes what the work tree lacks.
func (g *Git) furnish(ctx context.Context, w *GitWorktree) ([]string, error) {
	var notes []string
	out, err := g.ask(ctx, "ls-tree", "-r", "-z", "--full-tree", w.Commit)
	if err != nil {
		return nil, err
	}
	tree, err := parseLsTree(out)
	if err != nil {
		return nil, err
	}
	names := map[string]string{} // of submodules, by path
	lfs := false
	for _, f := range tree {
		lfs = lfs || filepath.Base(f.Path) == ".gitattributes" && fileContains(filepath.Join(w.Path, f.Path), "filter=lfs")
		if f.Mode != modeGitlink {
			continue
		}
		if len(names) == 0 {
			if names, err = g.submoduleNames(ctx, w.Commit); err != nil {
				return nil, err
			}
		}
		if why := g.fillSubmodule(ctx, w, f, names[f.Path]); why != "" {
			notes = append(notes, fmt.Sprintf("submodule %s is empty: %s", Clean([]byte(f.Path)), why))
			if hasGit(filepath.Join(g.Root, f.Path)) { // else the user's is empty, too
				w.lacks = append(w.lacks, GitLack{Path: f.Path + "/", Kind: "submodule"})
			}
		}
	}
	if lfs {
		notes = append(notes, "files of git-lfs are pointers only: nothing was downloaded")
		if exists(filepath.Join(g.Common, "lfs", "objects")) {
			w.lacks = append(w.lacks, GitLack{Path: "files of git-lfs", Kind: "lfs"})
		}
	}
	if s, err := g.config(ctx, "--type=bool", "--get", "core.sparseCheckout"); err == nil && s == "true" {
		notes = append(notes, "the checkout is sparse, as the user's is")
	}
	return notes, nil
}

// parseLsTree reads `git ls-tree -r -z`: "100644 blob OID\tPATH".
func parseLsTree(b []byte) ([]gitFile, error) {
	var files []gitFile
	for _, r := range nulFields(b) {
		left, path, ok := strings.Cut(r, "\t")
		parts := strings.Split(left, " ")
		if !ok || path == "" || len(parts) != 3 {
			return nil, fmt.Errorf("git ls-tree: cannot read %q", r)
		}
		files = append(files, gitFile{Path: path, Mode: parts[0], Blob: parts[2], Stage: '0', Flag: 'H'})
	}
	return files, nil
}

func fileContains(path, text string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(b), text)
}
