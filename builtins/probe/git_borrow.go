package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// borrow makes the repository of a throw-away work tree: one of its own, which
// borrows the objects of the user's and has the same refs, configuration and
// hooks. HEAD is on the branch that the user is on, which is at commit there.
//
// A work tree that `git worktree add` makes shares the refs: what a test does
// with git, a commit, a tag, `git stash`, `git branch -D`, `git gc`, would be
// done to the user's own; and it can't be on the user's branch. Here only
// objects are shared, and git never writes to borrowed ones.
//
// Reflogs, the stash list and what git is amid of are not there.
func (g *Git) borrow(ctx context.Context, at, commit string) error {
	for _, dir := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "hooks"} {
		if err := os.MkdirAll(filepath.Join(at, dir), 0o777); err != nil {
			return fmt.Errorf("git: throw-away work tree: %w", err)
		}
	}
	branch, err := g.branch(ctx)
	if err != nil {
		return err
	}
	head, packed, links, err := g.refsAt(ctx, branch, commit)
	if err != nil {
		return err
	}
	config, err := g.ownConfig()
	if err != nil {
		return err
	}
	objects := filepath.Join(g.Common, "objects")
	if strings.HasPrefix(objects, `"`) || strings.HasPrefix(objects, "#") || strings.Contains(objects, "\n") {
		objects = quoteC(objects)
	}
	files := map[string]string{"HEAD": head, "packed-refs": packed, "config": config, "objects/info/alternates": objects + "\n"}
	for name, to := range links {
		files[name] = "ref: " + to + "\n"
	}
	for name, text := range files {
		path := filepath.Join(at, name)
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o666)
		}
		if err != nil {
			return fmt.Errorf("git: throw-away work tree: %w", err)
		}
	}
	if err := g.copyOwnFiles(at); err != nil {
		return fmt.Errorf("git: throw-away work tree: %w", err)
	}
	return g.settleConfig(ctx, filepath.Join(at, "config"), config)
}

// refsAt is the repository's refs as the texts of HEAD and packed-refs, and the
// symbolic ones by name, with branch at commit.
func (g *Git) refsAt(ctx context.Context, branch, commit string) (head, packed string, links map[string]string, err error) {
	out, err := g.ask(ctx, "for-each-ref", "--format=%(objectname) %(refname) %(symref)")
	if err != nil {
		return "", "", nil, err
	}
	head, links = commit+"\n", map[string]string{}
	var rows strings.Builder
	rows.WriteString("# pack-refs with: sorted \n")
	for line := range strings.Lines(string(out)) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(words) != 3 {
			return "", "", nil, fmt.Errorf("git for-each-ref: cannot read %q", line)
		}
		id, name, to := words[0], words[1], words[2]
		switch {
		case name == "refs/stash" || strings.HasPrefix(name, "refs/runbook/"):
			continue
		case to != "":
			links[name] = to
			continue
		case name == branch:
			head, id = "ref: "+branch+"\n", commit
		}
		rows.WriteString(id + " " + name + "\n")
	}
	return head, rows.String(), links, nil
}

// ownConfig is the text of the repository's configuration, and of the work
// tree's, with what a throw-away one needs behind it: no daemon, no gc.
func (g *Git) ownConfig() (string, error) {
	text, err := os.ReadFile(filepath.Join(g.Common, "config"))
	if err != nil {
		return "", fmt.Errorf("git: %w", err)
	}
	own := "[core]\n\tbare = false\n\tfsmonitor = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
	if lower := bytes.ToLower(text); bytes.Contains(lower, []byte("worktreeconfig")) {
		more, err := os.ReadFile(filepath.Join(g.Dir, "config.worktree"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("git: %w", err)
		}
		text = append(append(text, '\n'), more...)
		own += "[extensions]\n\tworktreeConfig = false\n"
	}
	return string(text) + "\n" + own, nil
}

// settleConfig takes out what ties a repository to its own work tree, and the
// format of refs that are not files.
func (g *Git) settleConfig(ctx context.Context, path, text string) error {
	for _, key := range []string{"core.worktree", "extensions.refstorage"} {
		if _, name, _ := strings.Cut(key, "."); !strings.Contains(strings.ToLower(text), name) {
			continue
		}
		_, err := g.ask(ctx, "config", "--file", path, "--unset-all", key)
		var failed *GitError
		if errors.As(err, &failed) && failed.Code == 5 {
			continue // it has no such key
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyOwnFiles copies what git reads of a repository besides objects and refs.
func (g *Git) copyOwnFiles(at string) error {
	from := map[string]string{"shallow": g.Common, "info/exclude": g.Common, "info/attributes": g.Common, "info/grafts": g.Common, "info/sparse-checkout": g.Dir}
	hooks, _ := os.ReadDir(filepath.Join(g.Common, "hooks"))
	for _, e := range hooks {
		if !strings.HasSuffix(e.Name(), ".sample") && !e.IsDir() {
			from["hooks/"+e.Name()] = g.Common
		}
	}
	for name, dir := range from {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(at, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
