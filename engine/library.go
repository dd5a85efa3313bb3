package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"go.starlark.net/starlark"
)

// Library is where recipes are looked for: its roots, first one first.
type Library struct {
	Roots    []Root
	Builtins []Builtin // the words of Go; what a file may use is decided while it loads
	Types    []Type    // what they return; only Check asks. Empty: attributes of records are not checked

	Compiled fs.FS // programs of the files that ship with the tool, which a run needs no more of; nil: all is parsed

	Parsed  *Parsed  // shared with other libraries; nil: this one parses for itself
	Cover   *Cover   // counts which lines run; nil: nobody does
	Explain *Explain // notes what lines see, for the reasons of findings; nil: nobody does

	Held map[string]string // texts that an editor holds, by absolute path: they stand for what is on disk
}

// Root is one directory of recipes. NAME.star in it is the recipe NAME; lib/
// beside them holds what they load.
type Root struct {
	Name     string // "embedded", or the directory as positions and origins show it
	FS       fs.FS
	Dir      string // on disk; "" when embedded
	Trusted  bool   // the user's own: naming a recipe grants the `run` it declares
	Embedded bool   // ships with the tool: the second place where load("lib/…") looks
	Pack     string // its name, as in load("@name//…"); "" = it is none
	Refused  error  // why nothing of it may be read; nil = it may
}

// shown is the name of a file in positions: what a person can open.
func (r *Root) shown(file string) string {
	if r.Embedded || r.Name == "" {
		return file
	}
	return path.Join(filepath.ToSlash(r.Name), file)
}

func (r *Root) origin(file string) string {
	if r.Embedded {
		return "embedded"
	}
	return r.shown(file)
}

// Place is where a recipe lies. Nothing of it has been read.
type Place struct {
	Name    string
	Root    *Root
	Path    string // within Root.FS
	Shadows string // origin of the next recipe of that name, which this one hides; "" = none
}

// Origin is "embedded", or the path to the file.
func (p Place) Origin() string { return p.Root.origin(p.Path) }

// NotFoundError is a name that no root knows.
type NotFoundError struct {
	Name  string
	Near  string   // the name it was probably meant to be; "" = none is near
	Known []string // all there are
	Roots []string // where we looked

	Unread error // of places where it may be, and that must not, or cannot be read; nil = none
}

// Unwrap is why a place could not be read.
func (e *NotFoundError) Unwrap() error { return e.Unread }

func (e *NotFoundError) Error() string {
	if e.Unread != nil { // that it is not there nobody knows
		name := fmt.Sprintf("recipe %q", e.Name)
		if e.Near != "" {
			name += fmt.Sprintf(" (did you mean %s?)", e.Near)
		}
		return fmt.Sprintf("%s: %v", name, e.Unread)
	}
	msg := fmt.Sprintf("no recipe %q", e.Name)
	if len(e.Roots) > 1 { // of places of one's own: that there are those that ship with us is no news
		msg += " in " + strings.Join(e.Roots, ", ")
	}
	if e.Near != "" {
		msg += fmt.Sprintf("\nhint: did you mean %s?", e.Near)
	} else if len(e.Known) > 0 {
		msg += "\nhint: there are " + strings.Join(e.Known, ", ")
	}
	return msg
}

// Locate finds the file of a recipe and reads none. A name with a slash or
// .star at its end is a path on disk. Errors: *NotFoundError.
func (l *Library) Locate(name string) (Place, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".star") {
		return l.locateFile(name)
	}
	all, unread := l.Places()
	missing := &NotFoundError{Name: name, Unread: unread}
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
		missing.Known = append(missing.Known, p.Name)
	}
	for i := range l.Roots {
		missing.Roots = append(missing.Roots, l.Roots[i].Name)
	}
	missing.Near = Nearest(name, missing.Known)
	return Place{}, missing
}

// locateFile makes a root of the file's directory, unless it is one already: a
// recipe named by its path is the same recipe.
func (l *Library) locateFile(name string) (Place, error) {
	if _, held := l.Held[name]; !held {
		info, err := os.Stat(name)
		if err != nil {
			return Place{}, fmt.Errorf("recipe file: %w", err)
		}
		if !info.Mode().IsRegular() {
			return Place{}, fmt.Errorf("recipe file %s: %w", name, ErrNotFile)
		}
	}
	dir, file := filepath.Dir(name), filepath.Base(name)
	place := Place{Name: strings.TrimSuffix(file, ".star"), Path: file}
	if place.Root = l.rootAt(dir); place.Root != nil {
		return place, nil
	}
	if above, below := l.aboveLib(dir); above != "" {
		dir, place.Path = above, path.Join(below, file)
		if place.Root = l.rootAt(dir); place.Root != nil {
			return place, nil
		}
	}
	place.Root = &Root{Name: filepath.Clean(dir), Dir: dir, FS: os.DirFS(dir)}
	return place, nil
}

// rootAt is the root that is the directory; nil when none is.
func (l *Library) rootAt(dir string) *Root {
	for i := range l.Roots {
		if r := &l.Roots[i]; r.Dir != "" && sameDir(r.Dir, dir) {
			return r
		}
	}
	return nil
}

// aboveLib takes the directory of a file that others load apart: where the
// recipes lie, from which load("lib/…") looks for it and for what it loads
// itself, and the rest. "" for a directory that is no lib/ of recipes.
func (l *Library) aboveLib(dir string) (above, below string) {
	dir = filepath.Clean(dir)
	for at := dir; filepath.Dir(at) != at; at = filepath.Dir(at) {
		below = path.Join(filepath.Base(at), below)
		if up := filepath.Dir(at); filepath.Base(at) == "lib" && (at == dir || l.rootAt(up) != nil) {
			return up, below
		}
	}
	return "", ""
}

// held is what an editor holds of a file.
func (l *Library) held(r *Root, file string) (text string, ok bool) {
	if r.Dir == "" {
		return "", false
	}
	text, ok = l.Held[filepath.Join(r.Dir, filepath.FromSlash(file))]
	return text, ok
}

func sameDir(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// Places lists the files that Find would read, by name. A root that is not
// there is empty; one that cannot be read is an error, and the others are
// still listed.
func (l *Library) Places() ([]Place, error) {
	var out []Place
	var failed error
	at := map[string]int{}
	for i := range l.Roots {
		r := &l.Roots[i]
		if r.Refused != nil {
			failed = errors.Join(failed, r.Refused)
			continue
		}
		entries, err := fs.ReadDir(r.FS, ".")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("recipes of %s: %w", r.Name, err))
		}
		for _, e := range entries {
			name, ok := strings.CutSuffix(e.Name(), ".star")
			if !ok || e.IsDir() || name == "" || IsTest(e.Name()) {
				continue
			}
			if first, seen := at[name]; seen {
				if out[first].Shadows == "" {
					out[first].Shadows = r.origin(e.Name())
				}
				continue
			}
			at[name] = len(out)
			out = append(out, Place{Name: name, Root: r, Path: e.Name()})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, failed
}

// Find loads the recipe of that name, or of that path.
//
// Errors: *NotFoundError, LoadErrors (see errors.As for *LoadError), or what
// reading the file said.
func (l *Library) Find(ctx context.Context, name string) (*Recipe, error) {
	place, err := l.Locate(name)
	if err != nil {
		return nil, err
	}
	return l.Load(ctx, place)
}

// Load reads the file of a place and all that it loads. Nothing of the host is
// touched: words of Go that look or act refuse outside a step.
func (l *Library) Load(ctx context.Context, place Place) (*Recipe, error) {
	return newLoader(l).recipe(ctx, place)
}

// Page is the text that the function PAGE of an embedded file makes: guidance made
// of the data beside it, and of what others know, a name and a text each. Errors:
// the file is not there, does not load, has no such function, or that fails.
func (l *Library) Page(ctx context.Context, file string, own [][2]string) (string, error) {
	for i := range l.Roots {
		r := &l.Roots[i]
		if !r.Embedded {
			continue
		}
		m, err := newLoader(l).open(ctx, Place{Name: file, Root: r, Path: file})
		if err != nil {
			return "", err
		}
		known := &starlark.List{}
		for _, o := range own {
			_ = known.Append(starlark.Tuple{starlark.String(o[0]), starlark.String(o[1])})
		}
		thread := &starlark.Thread{Name: file}
		thread.SetMaxExecutionSteps(maxLoadSteps)
		value, err := starlark.Call(thread, m.globals["PAGE"], starlark.Tuple{known}, nil)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		text, _ := starlark.AsString(value)
		return text, nil
	}
	return "", fmt.Errorf("%s: nothing is embedded", file)
}

// Entry is a recipe of the library, or why it could not be loaded.
type Entry struct {
	Place
	Recipe *Recipe // nil when Err is set
	Err    error
}

// List loads all recipes, by name. One that is broken is an entry with its
// error: it must not hide the others. A file that declares no recipe is one
// that others load, and is left out.
func (l *Library) List(ctx context.Context) ([]Entry, error) {
	places, err := l.Places()
	shared := newLoader(l)
	var out []Entry
	for _, p := range places {
		recipe, err := shared.recipe(ctx, p)
		if errors.Is(err, ErrNoRecipe) {
			continue
		}
		if errors.Is(err, errAbandoned) {
			shared = newLoader(l) // the old one still belongs to the file that does not end
		}
		out = append(out, Entry{Place: p, Recipe: recipe, Err: err})
	}
	return out, err
}
