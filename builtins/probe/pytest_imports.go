package probe

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PytestModule is a module of the tree that is tested, or one that took its
// place: an editable install, or a copy in site-packages, is often what is
// really imported.
type PytestModule struct {
	Name string
	// Path is the file that pytest imported; "" = it did not.
	Path string
	// Child is the file that a program started by the tests would import, with
	// the same interpreter, directory and environment; "" = none was started, or
	// it would find no such module.
	Child string
	Own   string // the file below PytestRun.Code that is this module
	// Theirs says that Path, or Child, is not Own.
	Theirs bool
}

// imported tells in the result where the code came from, and what led out of
// the tree.
func (s *pytestSession) imported(ctx context.Context, python interpreter, result *PytestResult) {
	if s.run.Code == "" {
		return
	}
	s.mu.Lock()
	heard, programs, opened := s.story.modules, s.story.programs, s.story.reached
	s.mu.Unlock()
	if heard == nil {
		return
	}
	t := newCodeTree(s.run.Code, s.run.Original)
	result.Programs = len(programs) > 0
	result.Reached = t.reaches(s.run.Dir, s.run.Suite, opened, programs)
	result.Imported = t.modules(heard)
	names := t.packages()
	for _, m := range result.Imported {
		names = append(names, m.Name)
	}
	for _, first := range s.firsts(programs) {
		if ctx.Err() != nil {
			return
		}
		result.Imported = t.withChildren(result.Imported, s.wouldImport(ctx, python, first, names))
	}
}

// codeTree is a tree of code that is tested, and the one of which it is a copy.
type codeTree struct{ code, original string }

func newCodeTree(code, original string) codeTree {
	real := func(dir string) string {
		if to, err := filepath.EvalSymlinks(dir); err == nil {
			return to
		}
		return dir
	}
	t := codeTree{code: real(code)}
	if original != "" {
		t.original = real(original)
	}
	return t
}

// modules keeps, of name, path, and path without links, what is of the tree or
// stands in for what is. The later of equal names counts.
func (t codeTree) modules(heard [][3]string) []PytestModule {
	var out []PytestModule
	for _, h := range heard {
		m := PytestModule{Name: h[0], Path: h[1]}
		if m.Own = t.own(h[0], h[1], h[2]); m.Own == "" {
			continue
		}
		m.Theirs = !t.has(h[1]) && !t.has(h[2])
		if i := slices.IndexFunc(out, func(o PytestModule) bool { return o.Name == m.Name }); i >= 0 {
			out[i] = m
			continue
		}
		out = append(out, m)
	}
	return out
}

// own is the file of the tree that is the module, which was imported from path:
// path itself; the file at the same place of the copy; or the one that bears
// its name. "" = it is none of this tree: another project's.
//
// A virtual environment that lies within the original is not in the copy, so
// what is installed there is another project's too.
func (t codeTree) own(name, path, real string) string {
	for _, p := range []string{path, real} {
		if t.has(p) {
			return p
		}
		if rel, ok := below(t.original, p); ok && hasFile(filepath.Join(t.code, rel)) {
			return filepath.Join(t.code, rel)
		}
	}
	file := strings.ReplaceAll(name, ".", "/") + ".py"
	if filepath.Base(path) == "__init__.py" {
		file = strings.ReplaceAll(name, ".", "/") + "/__init__.py"
	}
	for _, top := range codeTops {
		if p := filepath.Join(t.code, top, file); hasFile(p) {
			return p
		}
	}
	return ""
}

// codeTops are where packages lie in a tree.
var codeTops = []string{"", "src"}

// packages are the names of the tree's own packages and modules, without its tests.
func (t codeTree) packages() []string {
	var names []string
	for _, top := range codeTops {
		entries, _ := os.ReadDir(filepath.Join(t.code, top))
		for _, e := range entries {
			name := e.Name()
			module, isModule := strings.CutSuffix(name, ".py")
			switch {
			case strings.HasPrefix(name, "test"):
			case e.IsDir() && hasFile(filepath.Join(t.code, top, name, "__init__.py")):
				names = append(names, name)
			case isModule && module != "conftest" && module != "setup":
				names = append(names, module)
			}
		}
	}
	return names
}

// withChildren adds what programs would import: path and path without links,
// by name.
func (t codeTree) withChildren(modules []PytestModule, found map[string][2]string) []PytestModule {
	for i := range modules {
		m := &modules[i]
		at, ok := found[m.Name]
		if !ok {
			continue
		}
		theirs := !t.has(at[0]) && !t.has(at[1])
		if m.Child == "" || theirs { // of several programs the one that goes astray counts
			m.Child = at[0]
		}
		m.Theirs = m.Theirs || theirs
		delete(found, m.Name)
	}
	for _, name := range t.packages() {
		at, ok := found[name]
		if !ok {
			continue
		}
		delete(found, name)
		if own := t.own(name, at[0], at[1]); own != "" {
			modules = append(modules, PytestModule{Name: name, Child: at[0], Own: own, Theirs: !t.has(at[0]) && !t.has(at[1])})
		}
	}
	return modules
}

// has reports whether a file is of the tree; what is installed in a virtual
// environment there is not.
func (t codeTree) has(path string) bool {
	rel, ok := below(t.code, path)
	return ok && !strings.Contains("/"+rel, "/site-packages/")
}

func hasFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// below is the path relative to a directory in which it lies.
func below(dir, path string) (string, bool) {
	if dir == "" {
		return "", false
	}
	return strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
