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
)

// plan decides which files make room (Aside) and which are put in their place
// (Put), and lays the latter ready, as a checkout would write them.
func (p *InPlace) plan(ctx context.Context, layer []string) error {
	g, k := p.git, p.kept
	k.Base = p.Base
	env := []string{"GIT_INDEX_FILE=" + p.private("index-of-base")}
	if len(layer) > 0 {
		if err := g.matchSome(ctx, env, p.Base, layer); err != nil {
			return err
		}
	} else if _, err := g.call(ctx, gitCall{args: []string{"read-tree", p.Base}, env: env}); err != nil {
		return err
	}
	out, err := g.call(ctx, gitCall{args: append([]string{"ls-files", "-s", "-v", "-z", "--"}, layer...), env: env})
	if err != nil {
		return err
	}
	base, err := parseLsFiles(out)
	if err != nil {
		return err
	}
	ours, err := g.tracked(ctx, layer...)
	if err != nil {
		return err
	}
	new, err := g.untracked(ctx, layer...)
	if err != nil {
		return err
	}
	changed, err := g.ask(ctx, "diff-files", "--name-only", "-z", "--ignore-submodules=all")
	if err != nil {
		return err
	}
	dirty, staged, wanted := map[string]bool{}, map[string]gitFile{}, map[string]bool{}
	for _, path := range nulFields(changed) {
		dirty[path] = true
	}
	links := map[string]string{}
	for _, f := range ours {
		staged[f.Path] = f
		dirty[f.Path] = dirty[f.Path] || f.hidden()
		if f.Mode == modeGitlink {
			links[f.Path] = f.Blob
		}
	}
	var write []string
	for _, f := range base {
		wanted[f.Path] = true
		if f.Mode == modeGitlink {
			if links[f.Path] != f.Blob {
				return p.not("submodule " + Clean([]byte(f.Path)) + " is at another commit there")
			}
			delete(links, f.Path)
			continue
		}
		// git does not see that a file is gone whose directory became a link to itself.
		_, here := p.find(f.Path)
		if s, ok := staged[f.Path]; !here || !ok || s.Mode != f.Mode || s.Blob != f.Blob || dirty[f.Path] {
			write = append(write, f.Path)
		}
	}
	for path := range links {
		return p.not("submodule " + Clean([]byte(path)) + " is not there at that commit")
	}
	if err := p.layReady(ctx, env, write); err != nil {
		return err
	}
	for _, f := range ours {
		if !wanted[f.Path] {
			p.moveAside(f.Path)
		}
	}
	for _, path := range new {
		if !wanted[path] {
			p.moveAside(path)
		}
	}
	return p.makeRoom(ctx)
}

func (p *InPlace) not(why string) error { return &NotNowError{Root: p.Root, Why: why} }

// layReady lets git write the base's files, with its own attributes, filters
// and line endings, into a private directory, and drops those that are the same
// already.
func (p *InPlace) layReady(ctx context.Context, env, paths []string) error {
	g := p.git
	ready := p.private("base")
	if err := os.MkdirAll(ready, 0o700); err != nil {
		return fmt.Errorf("git: %w", err)
	}
	// The attributes are those of the index when the work tree has none, and
	// this one is empty.
	_, err := g.call(ctx, gitCall{args: []string{"checkout-index", "-f", "-q", "-z", "--stdin"}, stdin: nulList(paths), dir: ready,
		env: append([]string{"GIT_DIR=" + g.Dir, "GIT_WORK_TREE=" + ready}, env...), patience: checkoutPatience})
	if err != nil {
		return err
	}
	sum, err := g.hasher(ctx)
	if err != nil {
		return err
	}
	for _, path := range paths {
		info, err := placeBelow(ready, path)
		if err != nil {
			return fmt.Errorf("git: %s of %.12s: %w", Clean([]byte(path)), p.Base, err)
		}
		f := keptAs(path, info)
		if f.Blob, err = sum.blob(filepath.Join(ready, path), info); err != nil {
			return fmt.Errorf("git: %w", err)
		}
		i, here := p.find(path)
		if here && p.kept.Files[i].Mode == f.Mode && p.kept.Files[i].Blob == f.Blob {
			continue
		}
		if here {
			p.kept.Files[i].Aside = true
		}
		p.kept.Put = append(p.kept.Put, putFile{Path: f.Path, Mode: f.Mode, Blob: f.Blob})
	}
	return nil
}

func (p *InPlace) find(path string) (int, bool) {
	return slices.BinarySearchFunc(p.kept.Files, RawPath(path), func(f keptFile, path RawPath) int {
		return strings.Compare(string(f.Path), string(path))
	})
}

func (p *InPlace) moveAside(path string) {
	if i, here := p.find(path); here {
		p.kept.Files[i].Aside = true
	}
}

// makeRoom finds what else lies where the base's files belong: a file in place
// of a directory, a directory in place of a file, an ignored file.
func (p *InPlace) makeRoom(ctx context.Context) error {
	g := p.git
	sum, err := g.hasher(ctx)
	if err != nil {
		return err
	}
	take := func(path string) error {
		if i, here := p.find(path); here {
			p.kept.Files[i].Aside = true
			return nil
		}
		f, err := g.keep(path, sum)
		if errors.Is(err, fs.ErrNotExist) {
			return p.not(Clean([]byte(path)) + " is in the way, and is neither a file nor a link")
		}
		if err != nil {
			return fmt.Errorf("git: read what must be kept: %w", err)
		}
		f.Class, f.Aside = classIgnored, true
		i, _ := p.find(path)
		p.kept.Files = slices.Insert(p.kept.Files, i, f)
		for _, dir := range parents(path) { // one that is ignored may become empty, and go
			if err := p.keepDirectory(dir); err != nil {
				return err
			}
		}
		return nil
	}
	for _, put := range p.kept.Put {
		path := string(put.Path)
		up := parents(path)
		slices.Reverse(up)
		blocked := false
		for _, dir := range up {
			info, err := os.Lstat(filepath.Join(g.Root, dir))
			if absent(err) != nil {
				break
			}
			if !info.IsDir() {
				if err := take(dir); err != nil {
					return err
				}
				blocked = true
				break
			}
			if hasGit(filepath.Join(g.Root, dir)) {
				return p.not(Clean([]byte(dir)) + ", another repository, is in the way")
			}
			if err := p.keepDirectory(dir); err != nil { // it may lie in an ignored one
				return err
			}
		}
		info, err := os.Lstat(filepath.Join(g.Root, path))
		switch {
		case blocked || err != nil:
		case info.IsDir():
			if err := p.takeDirectory(path, take); err != nil {
				return err
			}
		default:
			if err := take(path); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// takeDirectory takes all of a directory that stands where a file belongs, the
// ignored ones in it too.
func (p *InPlace) takeDirectory(dir string, take func(string) error) error {
	return filepath.WalkDir(filepath.Join(p.Root, dir), func(at string, d fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(at, p.Root+"/")
		switch {
		case err != nil:
			return fmt.Errorf("git: read what must be kept: %w", err)
		case !d.IsDir():
			return take(rel)
		case hasGit(at):
			return p.not(Clean([]byte(rel)) + ", another repository, is in the way")
		}
		return p.keepDirectory(rel)
	})
}

// keepDirectory adds a directory to those that are kept.
func (p *InPlace) keepDirectory(dir string) error {
	i, known := p.kept.directory(dir)
	if known {
		return nil
	}
	info, err := os.Lstat(filepath.Join(p.Root, dir))
	if err != nil {
		return fmt.Errorf("git: %w", err)
	}
	p.kept.Dirs = slices.Insert(p.kept.Dirs, i, keptAs(dir, info))
	return nil
}
