package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What a change in place keeps lies in the repository's objects, under refs of
// its own:
//
//	refs/runbook/ID/worktree    commit: tracked files as they lay there, byte by byte
//	refs/runbook/ID/untracked   commit: the others, and ignored ones that were in the way
//	refs/runbook/ID/index       commit: what was staged
//	refs/runbook/ID/index-file  blob: the index file, with all flags
//	refs/runbook/ID/tree        blob: keptTree, with modes and times
//	refs/runbook/ID/meanwhile   commit: what others wrote into the work tree meanwhile
//
// refs/stash is never touched: it is the user's.
func keptRefs(id string) string { return "refs/runbook/" + id + "/" }

// onDisk makes git write to the disk before it says that it has.
var onDisk = []string{"-c", "core.fsync=all", "-c", "core.protectNTFS=false", "-c", "core.protectHFS=false"}

// store writes all that k names into the repository, and k itself.
func (g *Git) store(ctx context.Context, id, private string, k *keptTree) (tree string, err error) {
	tracked, err := g.tracked(ctx)
	if err != nil {
		return "", err
	}
	sum, err := g.hasher(ctx)
	if err != nil {
		return "", err
	}
	has := map[string]bool{}
	for _, f := range tracked {
		has[f.Blob] = true // a checked-out file's object is there
	}
	delete(has, sum.empty()) // but that of a file which is only intended to be added
	var files []keptFile
	for _, f := range k.Files {
		if !has[f.Blob] {
			files = append(files, f)
		}
	}
	if err := g.storeFiles(ctx, files); err != nil {
		return "", err
	}
	index := filepath.Join(private, "index-file")
	if err := copyFile(filepath.Join(g.Dir, "index"), index); err != nil {
		return "", fmt.Errorf("git: keep the index: %w", err)
	}
	blob, err := g.storeFile(ctx, index)
	if err != nil {
		return "", err
	}
	if blob != k.Index.Blob {
		return "", &busyError{"the index"}
	}
	out, err := g.call(ctx, gitCall{args: []string{"write-tree"}, env: []string{"GIT_INDEX_FILE=" + index}, settings: onDisk})
	if err != nil {
		return "", err
	}
	trees := map[string]string{"index": strings.TrimSpace(string(out))}
	for name, take := range map[string]func(keptFile) bool{
		"worktree":  func(f keptFile) bool { return f.Class == classTracked },
		"untracked": func(f keptFile) bool { return f.Class != classTracked },
	} {
		var rows bytes.Buffer
		for _, f := range k.Files {
			if take(f) {
				fmt.Fprintf(&rows, "%s %s 0\t%s\x00", f.Mode, f.Blob, f.Path)
			}
		}
		if trees[name], err = g.storeTree(ctx, private, "", rows.Bytes()); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	tree, err = g.storeText(ctx, text)
	if err != nil {
		return "", err
	}
	refs := fmt.Sprintf("create %[1]stree %[2]s\ncreate %[1]sindex-file %[3]s\n", keptRefs(id), tree, blob)
	for _, name := range []string{"worktree", "index", "untracked"} {
		commit, err := g.line(ctx, append([]string{"commit-tree", trees[name], "-m", "runbook " + id + ": " + name}, "-p", k.Head)...)
		if err != nil {
			return "", err
		}
		refs += "create " + keptRefs(id) + name + " " + commit + "\n"
	}
	return tree, g.updateRefs(ctx, refs)
}

// storeFiles writes the bytes of files as they lie on disk, and makes sure that
// they are still the ones that were read.
func (g *Git) storeFiles(ctx context.Context, files []keptFile) error {
	var paths bytes.Buffer
	var regular []keptFile
	for _, f := range files {
		if f.Mode == modeLink {
			text, err := os.Readlink(filepath.Join(g.Root, string(f.Path)))
			if err != nil {
				return fmt.Errorf("git: keep: %w", err)
			}
			id, err := g.storeText(ctx, []byte(text))
			if err != nil {
				return err
			}
			if id != f.Blob {
				return &busyError{string(f.Path)}
			}
			continue
		}
		regular = append(regular, f)
		paths.WriteString(quoteC(filepath.Join(g.Root, string(f.Path))) + "\n")
	}
	if len(regular) == 0 {
		return nil
	}
	out, err := g.call(ctx, gitCall{args: []string{"hash-object", "-w", "--no-filters", "--stdin-paths"}, stdin: paths.Bytes(), settings: onDisk, patience: checkoutPatience})
	if err != nil {
		return err
	}
	ids := strings.Fields(string(out))
	for i, f := range regular {
		if i >= len(ids) || ids[i] != f.Blob {
			return &busyError{string(f.Path)}
		}
	}
	return nil
}

func (g *Git) storeFile(ctx context.Context, path string) (string, error) {
	out, err := g.call(ctx, gitCall{args: []string{"hash-object", "-w", "--no-filters", "--stdin-paths"}, stdin: []byte(quoteC(path) + "\n"), settings: onDisk})
	return strings.TrimSpace(string(out)), err
}

func (g *Git) storeText(ctx context.Context, text []byte) (string, error) {
	out, err := g.call(ctx, gitCall{args: []string{"hash-object", "-w", "--stdin"}, stdin: text, settings: onDisk})
	return strings.TrimSpace(string(out)), err
}

// storeTree writes a tree of rows for `git update-index --index-info`, on top
// of another one ("" = of nothing), through an index file that is used once: the
// lock of one that a killed git has left would be in the way of the next.
func (g *Git) storeTree(ctx context.Context, private, onto string, rows []byte) (string, error) {
	index := filepath.Join(private, "index-"+newGitID())
	defer os.Remove(index)
	begin := []string{"read-tree", "--empty"}
	if onto != "" {
		begin = []string{"read-tree", onto}
	}
	var out []byte
	for _, c := range []gitCall{
		{args: begin},
		{args: []string{"update-index", "-z", "--replace", "--index-info"}, stdin: rows},
		{args: []string{"write-tree"}},
	} {
		var err error
		c.env, c.settings = []string{"GIT_INDEX_FILE=" + index}, onDisk
		if out, err = g.call(ctx, c); err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(string(out)), nil
}

// load reads what store has written.
func (g *Git) load(ctx context.Context, tree string) (*keptTree, error) {
	text, err := g.ask(ctx, "cat-file", "blob", tree)
	if err != nil {
		return nil, err
	}
	var k keptTree
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("git: what was kept of the work tree: %w", err)
	}
	return &k, nil
}

// updateRefs is one transaction, which goes on when we are killed: dying in it,
// git would leave packed-refs.lock to the user. Another git may hold a lock for
// a moment.
func (g *Git) updateRefs(ctx context.Context, commands string) error {
	if commands == "" {
		return nil
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		_, err := g.call(ctx, gitCall{args: []string{"update-ref", "--stdin"}, stdin: []byte(commands), settings: onDisk, survives: true})
		var failed *GitError
		locked := errors.As(err, &failed) && (failed.says(".lock") || failed.says("cannot lock"))
		if !locked || time.Since(began) > 5*time.Second || ctx.Err() != nil {
			return err
		}
	}
}

// dropRefs removes the refs of a change in place, but for what others wrote
// meanwhile, and returns the ref of that; "" = nobody did. A test that writes
// the same at each run is kept once.
func (g *Git) dropRefs(ctx context.Context, id string) (meanwhile string, err error) {
	refs, err := g.keptNow(ctx, id)
	if err != nil {
		return "", err
	}
	if ours := keptRefs(id) + "meanwhile"; slices.Contains(refs, ours) {
		if meanwhile, err = g.sameMeanwhile(ctx, ours); err != nil {
			return "", err
		}
	}
	commands := ""
	for _, ref := range refs {
		if ref != meanwhile {
			commands += "delete " + ref + "\n"
		}
	}
	if err := g.updateRefs(ctx, commands); err != nil {
		return "", err
	}
	g.tidyRefs(id)
	return meanwhile, nil
}

// tidyRefs removes the directories of our refs that git leaves empty.
func (g *Git) tidyRefs(id string) {
	for _, top := range []string{"refs/runbook", "logs/refs/runbook"} {
		_ = os.Remove(filepath.Join(g.Common, top, id))
		_ = os.Remove(filepath.Join(g.Common, top))
	}
}

// sameMeanwhile is the ref of an earlier run that keeps the same files as ours,
// or else ours.
func (g *Git) sameMeanwhile(ctx context.Context, ours string) (string, error) {
	out, err := g.ask(ctx, "for-each-ref", "--format=%(tree) %(refname)", "refs/runbook/*/meanwhile")
	if err != nil {
		return "", err
	}
	trees := map[string]string{} // of refs
	for line := range strings.Lines(string(out)) {
		tree, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		trees[ref] = tree
	}
	for ref, tree := range trees {
		if ref != ours && tree == trees[ours] {
			return ref, nil
		}
	}
	return ours, nil
}

// keptNow lists the refs of a change in place that are there.
func (g *Git) keptNow(ctx context.Context, id string) ([]string, error) {
	out, err := g.ask(ctx, "for-each-ref", "--format=%(refname)", keptRefs(id))
	return strings.Fields(string(out)), err
}
