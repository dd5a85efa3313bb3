package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"runbook/engine/pack"
)

// shelf is a directory of recipes with the packs that it pins.
type shelf struct {
	dir  string // .runbook, or the user's own recipes
	mine bool   // it is the latter
	lock pack.Lock
}

// openShelf reads packs.lock of dir; none is no packs.
func openShelf(dir string) (*shelf, error) {
	s := &shelf{dir: dir}
	if own, err := configDir(); err == nil {
		s.mine = filepath.Clean(dir) == filepath.Join(own, "recipes")
	}
	b, err := os.ReadFile(filepath.Join(dir, pack.LockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		s.lock, err = pack.ParseLock(b)
	}
	if err != nil {
		return s, &hinted{err: fmt.Errorf("%s: %w", shortPath(filepath.Join(dir, pack.LockFile)), err), code: exitUsage}
	}
	return s, nil
}

func (s *shelf) write() error {
	err := os.MkdirAll(s.dir, 0o755)
	if err == nil {
		err = replaceFile(filepath.Join(s.dir, pack.LockFile), s.lock.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("pin packs: %w", err)
	}
	return nil
}

// vendored is where a pack lies that was copied beside the recipes.
func (s *shelf) vendored(name string) string { return filepath.Join(s.dir, "vendor", name) }

func (s *shelf) isVendored(name string) bool {
	_, err := os.Stat(s.vendored(name))
	return err == nil
}

// verb is what to type for a verb on these packs.
func (s *shelf) verb(name string) string {
	if s.mine {
		name += " --user"
	}
	return "runbook pack " + name
}

// find returns the directory of a pack's files, once they are known to be what
// was pinned. Errors: *pack.TamperedError; errNotHere.
func (s *shelf) find(p pack.Pinned) (string, error) {
	dir, again := s.vendored(p.Name), s.verb("vendor")
	if !s.isVendored(p.Name) {
		again = s.verb("fetch")
		var err error
		if dir, err = cached(p.Content); err != nil {
			return "", err
		}
		if _, err := os.Stat(dir); err != nil {
			return "", &hinted{err: fmt.Errorf("pack %s: %w", p.Name, errNotHere), hint: again, code: exitWrong}
		}
	}
	if err := p.Verify(os.DirFS(dir)); err != nil {
		return dir, &hinted{err: err, hint: "what changed lies in " + shortPath(shortHome(dir)) + "; to have it again as it was pinned: " + again, code: exitWrong}
	}
	return dir, nil
}

var errNotHere = errors.New("its files are not on this machine")

// cached is where the files of that content lie on this machine, if they do.
func cached(content string) (string, error) {
	dir, err := xdg("XDG_CACHE_HOME", ".cache")
	if err != nil {
		return "", fmt.Errorf("no place for packs: %w", err)
	}
	return filepath.Join(dir, "packs", strings.NewReplacer("/", "_", "+", "-", ":", "-", "=", "").Replace(content)), nil
}

// packRoots are the packs of the directories of recipes, as roots. One that
// must not be read is a root with the reason. A name that is pinned in two
// places is the first one's.
func packRoots(roots []root) []root {
	var out []root
	seen := map[string]bool{}
	for _, r := range roots {
		s, err := openShelf(r.Dir)
		if err != nil {
			out = append(out, root{Dir: r.Dir, Pack: "?", Refused: err.Error()})
			continue
		}
		for _, p := range s.lock.Packs {
			if seen[p.Name] {
				continue
			}
			seen[p.Name] = true
			dir, err := s.find(p)
			row := root{Dir: dir, Pack: p.Name}
			if err != nil {
				text, hint, _ := explain(err)
				row.Refused = text
				if hint != "" {
					row.Refused += "\nhint: " + hint
				}
			}
			out = append(out, row)
		}
	}
	return out
}
