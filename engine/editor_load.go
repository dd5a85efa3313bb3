package engine

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"runbook/engine/lazyregexp"
)

var (
	loadHead  = lazyregexp.New(`(^|\n)\s*load$`)
	needsHead = lazyregexp.New(`\bneeds\s*=\s*$`)
	firstPath = lazyregexp.New(`^\s*["']([^"'\n]*)["']\s*,`)
)

// completionsInString are files and their names within a load(), and effects
// within needs = [].
func (c *Checker) completionsInString(ctx context.Context, file, text string, around surroundings) []Completion {
	if len(around.open) == 0 {
		return nil
	}
	open := around.open[len(around.open)-1]
	before := text[:open]
	switch {
	case text[open] == '[' && needsHead().MatchString(before):
		var out []Completion
		for _, e := range effects {
			out = append(out, Completion{Name: string(e), Kind: "effect", Detail: "the user must grant it"})
		}
		return out
	case text[open] != '(' || !loadHead().MatchString(before):
		return nil
	case strings.TrimSpace(text[open+1:around.quote]) == "":
		return c.loadPaths(file)
	}
	m := firstPath().FindStringSubmatch(text[open+1:])
	place, err := c.place(file)
	if m == nil || err != nil {
		return nil
	}
	key, err := c.loader.find(moduleKey{place.Root, place.Path}, m[1])
	if err != nil {
		return nil
	}
	from, err := c.loader.open(ctx, Place{Root: key.root, Path: key.path})
	if err != nil || from.syntax == nil {
		return nil
	}
	var out []Completion
	p := c.page(from)
	for _, name := range from.globals.Keys() {
		if strings.HasPrefix(name, "_") {
			continue // load() refuses it
		}
		one := Completion{Name: name, Kind: "variable", Detail: m[1]}
		if def := p.defs[name]; def != nil {
			one.Kind, one.Detail, one.Doc = "function", strings.TrimPrefix(defText(def), "def "), defDoc(def)
		}
		out = append(out, one)
	}
	return out
}

const mostFiles = 500 // that are offered

// loadPaths are the files that a file can load, as it would say them.
func (c *Checker) loadPaths(file string) []Completion {
	place, err := c.place(file)
	if err != nil {
		return nil
	}
	var out []Completion
	add := func(root *Root, dir, as string) {
		_ = fs.WalkDir(root.FS, dir, func(name string, e fs.DirEntry, err error) error {
			rel := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
			switch {
			case err != nil, e.IsDir() && name != dir && (strings.HasPrefix(e.Name(), ".") || as == "./"):
				if e != nil && e.IsDir() {
					return fs.SkipDir
				}
				return nil
			case len(out) >= mostFiles:
				return fs.SkipAll
			case e.IsDir() || !strings.HasSuffix(name, ".star") || IsTest(name) || root == place.Root && name == place.Path:
				return nil
			}
			if said := as + rel; !slices.ContainsFunc(out, func(o Completion) bool { return o.Name == said }) {
				out = append(out, Completion{Name: said, Kind: "file", Detail: root.place(name)})
			}
			return nil
		})
	}
	add(place.Root, "lib", "lib/")
	for i := range c.lib.Roots {
		switch r := &c.lib.Roots[i]; {
		case r.Refused != nil:
		case r.Embedded:
			add(r, "lib", "lib/")
		case r.Pack != "":
			add(r, ".", fmt.Sprintf("@%s//", r.Pack))
		}
	}
	add(place.Root, path.Dir(place.Path), "./")
	return out
}
