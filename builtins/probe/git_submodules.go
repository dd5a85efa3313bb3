package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// copySubmodules gives a throw-away work tree of HEAD the submodules that the
// user's index has, where these are others: added, removed, or at another commit.
// Changes within one are not copied; callers refuse these.
func (w *GitWorktree) copySubmodules(ctx context.Context, tracked []gitFile) error {
	g := w.git
	out, err := g.ask(ctx, "ls-tree", "-r", "-z", "--full-tree", w.Commit)
	if err != nil {
		return err
	}
	tree, err := parseLsTree(out)
	if err != nil {
		return err
	}
	now, was := map[string]gitFile{}, map[string]string{}
	for _, f := range tracked {
		if f.Mode == modeGitlink {
			now[f.Path] = f
		}
	}
	for _, f := range tree {
		if f.Mode == modeGitlink {
			if was[f.Path] = f.Blob; now[f.Path].Blob != f.Blob {
				if err := w.clear(f.Path); err != nil {
					return err
				}
			}
		}
	}
	var names map[string]string
	for path, f := range now {
		if was[path] == f.Blob {
			continue
		}
		if names == nil {
			if names, err = g.submoduleNames(ctx, ""); err != nil { // of the index
				return err
			}
		}
		if err := w.clear(path); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(w.Path, path), 0o777); err != nil {
			return fmt.Errorf("git: copy changes: %w", err)
		}
		if !hasGit(filepath.Join(g.Root, path)) {
			continue // the user has none there either
		}
		if why := g.fillSubmodule(ctx, w, f, names[path]); why != "" {
			return fmt.Errorf("git: copy changes: submodule %s: %s", Clean([]byte(path)), why)
		}
	}
	return nil
}

// SubmodulesAt lists the submodules that a commit has at another commit than the
// index, or that only one of both has. Error: *NoRefError.
func (g *Git) SubmodulesAt(ctx context.Context, ref string) ([]string, error) {
	commit, err := g.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	out, err := g.ask(ctx, "diff-index", "--cached", "--raw", "-z", "--no-renames", "--ignore-submodules=none", commit)
	if err != nil {
		return nil, err
	}
	var paths []string
	rows := nulFields(out)
	for i := 0; i+1 < len(rows); i += 2 { // ":100644 160000 OID OID M", PATH
		if modes := strings.Fields(rows[i]); len(modes) == 5 && (modes[0] == ":"+modeGitlink || modes[1] == modeGitlink) {
			paths = append(paths, rows[i+1])
		}
	}
	return paths, nil
}

// clear removes what lies at a path of the throw-away work tree, unless that lies
// behind a link.
func (w *GitWorktree) clear(path string) error {
	if _, err := placeBelow(w.Path, path); err != nil {
		return nil
	}
	if err := removeAll(filepath.Join(w.Path, path)); err != nil {
		return fmt.Errorf("git: copy changes: %w", err)
	}
	w.filled = slices.DeleteFunc(w.filled, func(s filledSubmodule) bool { return s.file.Path == path })
	return nil
}

// fillSubmodule writes the files of a submodule's commit from the clone that
// the user has of it. `git submodule update` would fetch, and write the user's
// configuration. why says what kept it; "" = nothing.
func (g *Git) fillSubmodule(ctx context.Context, w *GitWorktree, f gitFile, name string) (why string) {
	clone := ""
	for _, at := range []string{filepath.Join(g.Common, "modules", name), filepath.Join(g.Root, f.Path, ".git")} {
		if info, err := os.Stat(filepath.Join(at, "objects")); err == nil && info.IsDir() && (name != "" || at != filepath.Join(g.Common, "modules")) {
			clone = at
			break
		}
	}
	if clone == "" {
		return "it is not initialised in this clone"
	}
	index := w.kept("index-of-submodule")
	defer os.Remove(index)
	to := filepath.Join(w.Path, f.Path)
	env := []string{"GIT_DIR=" + clone, "GIT_WORK_TREE=" + to, "GIT_INDEX_FILE=" + index}
	for _, args := range [][]string{{"read-tree", f.Blob}, {"checkout-index", "-a", "-f", "-q"}} {
		if _, err := g.call(ctx, gitCall{args: args, env: env, dir: to, patience: checkoutPatience}); err != nil {
			var failed *GitError
			if errors.As(err, &failed) && args[0] == "read-tree" {
				return fmt.Sprintf("its commit %.12s is not in this clone", f.Blob)
			}
			return err.Error()
		}
	}
	if !slices.ContainsFunc(w.filled, func(s filledSubmodule) bool { return s.file.Path == f.Path }) {
		w.filled = append(w.filled, filledSubmodule{f, name})
	}
	return ""
}

// filledSubmodule is a submodule of a throw-away work tree that has its files.
type filledSubmodule struct {
	file gitFile
	name string
}

// submoduleNames reads .gitmodules of a commit: name by path.
func (g *Git) submoduleNames(ctx context.Context, commit string) (map[string]string, error) {
	out, err := g.ask(ctx, "config", "-z", "--blob", commit+":.gitmodules", "--get-regexp", `^submodule\..*\.path$`)
	var failed *GitError
	if errors.As(err, &failed) {
		return map[string]string{}, nil // a gitlink that no file speaks of
	}
	names := map[string]string{}
	for _, r := range nulFields(out) {
		key, path, _ := strings.Cut(r, "\n")
		name := strings.TrimSuffix(strings.TrimPrefix(key, "submodule."), ".path")
		if name != "" && !strings.Contains(name, "..") {
			names[path] = name
		}
	}
	return names, err
}
