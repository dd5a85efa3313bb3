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

// GitWorktree is a throw-away work tree: a commit checked out, detached, into a
// private directory outside the repository. The user's work tree, index, stash
// list, refs, untracked and ignored files are not touched; git keeps some
// metadata in .git/worktrees/NAME until Remove.
type GitWorktree struct {
	Path   string
	Commit string
	Notes  []string // what a reader must know: which files it lacks

	git  *Git
	meta string // .git/worktrees/NAME

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
	path := filepath.Join(os.TempDir(), worktreePrefix+id)
	if strings.HasPrefix(path+"/", g.Root+"/") {
		return nil, fmt.Errorf("git: the directory for temporary files, %s, lies in the work tree; set TMPDIR", Clean([]byte(os.TempDir())))
	}
	w = &GitWorktree{Path: path, Commit: commit, git: g, meta: filepath.Join(g.Common, "worktrees", worktreePrefix+id)}
	if w.log, err = logs.begin(ctx, g, Journal{ID: id, Kind: JournalWorktree, Path: RawPath(path)}); err != nil {
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
	if err := os.Mkdir(path, 0o700); err != nil {
		return w, fmt.Errorf("git: throw-away work tree: %w", err)
	}
	if _, err := g.call(ctx, gitCall{args: []string{"worktree", "add", "--quiet", "--detach", "--lock", path, commit}, patience: checkoutPatience}); err != nil {
		return w, err
	}
	// A locked one is not pruned by another git, and says whose it is.
	if err := os.WriteFile(filepath.Join(w.meta, "locked"), []byte("runbook "+id+", of pid "+pidText(w.log.Owner.PID)+"; after a crash: runbook recover\n"), 0o666); err != nil {
		return w, fmt.Errorf("git: throw-away work tree: %w", err)
	}
	if w.Notes, err = g.furnish(ctx, w); err == nil {
		begun(w, w.Remove)
	}
	return w, err
}

// Remove removes the work tree and git's metadata of it, and nothing else of
// the repository. It may be called again.
func (w *GitWorktree) Remove(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log == nil {
		return nil
	}
	if err := removeWorktree(ctx, w.git, w.Path, w.meta); err != nil {
		return err
	}
	err := w.log.end()
	w.log = nil
	over(w)
	return err
}

// removeWorktree does without `git worktree prune`, which would also drop
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
		}
	}
	if lfs {
		notes = append(notes, "files of git-lfs are pointers only: nothing was downloaded")
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
