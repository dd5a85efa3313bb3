package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/pack"
	"runbook/recipes"
)

// printBrought says what a pack has for those who pinned it: recipes, and files
// to load words from. What does not load is complained of, and no reason not to
// pin it: who did may want the rest.
func (d *door) printBrought(s *shelf, p pack.Pinned, files fs.FS) error {
	dir, err := cached(p.Content)
	if err != nil {
		return err
	}
	roots := []root{{Dir: dir, Pack: p.Name}}
	for _, r := range packRoots([]root{{Dir: s.dir}}) { // that it may load from
		if r.Pack != p.Name {
			roots = append(roots, r)
		}
	}
	c, err := openCell(append(roots, root{}))
	if err != nil {
		return err
	}
	defer func() { c.close() }()
	var found, words []string
	for _, name := range packFiles(files) {
		_, err := c.load(filepath.Join(dir, filepath.FromSlash(name)))
		hides := hidesEmbedded(name)
		var gone *died
		switch {
		case errors.Is(err, engine.ErrNoRecipe):
			words = append(words, name)
			continue
		case err == nil && hides:
			found = append(found, strings.TrimSuffix(name, ".star")+" (hides the one that ships with runbook)")
			continue
		case err == nil:
			found = append(found, strings.TrimSuffix(name, ".star"))
			continue
		case errors.As(err, &gone):
			if c, err = openCell(append(roots, root{})); err != nil {
				return err
			}
			err = gone
		}
		also := ""
		if hides {
			also = ", and hides the recipe that ships with runbook"
		}
		text, hint, _ := explain(err)
		fmt.Fprintf(d.err, "runbook: @%s/%s does not load%s: %s\n", p.Name, printable(name), also, printable(text))
		if hint != "" {
			fmt.Fprintf(d.err, "hint: %s\n", printable(hint))
		}
	}
	if len(found) > 0 {
		fmt.Fprintf(d.stdout(), "  recipes: %s\n", printable(strings.Join(found, ", ")))
	}
	for _, name := range words {
		fmt.Fprintf(d.stdout(), "  words: load(\"@%s//%s\", …)\n", p.Name, printable(name))
	}
	return nil
}

// packFiles are the recipes of a pack, and what they share: no tests.
func packFiles(files fs.FS) []string {
	top, _ := fs.Glob(files, "*.star")
	shared, _ := fs.Glob(files, "lib/*.star")
	return slices.DeleteFunc(append(top, shared...), engine.IsTest)
}

func hidesEmbedded(file string) bool {
	_, err := fs.Stat(recipes.FS, file)
	return err == nil && !strings.Contains(file, "/")
}
