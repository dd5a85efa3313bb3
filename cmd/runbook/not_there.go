package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"runbook/engine"
)

// recipeFile is the file of the recipe of that name; "" when there is none, or it
// ships with the tool.
func (d *door) recipeFile(name string) string {
	place, err := newBench(d.roots()).library.Locate(name)
	if err != nil || place.Root.Embedded {
		return ""
	}
	return shortPath(fileOf(place)) // of a pack it lies in the cache
}

// notThere is the error of a file that was named and could not be looked at, with
// the one that was probably meant: a recipe's, or one beside it.
func (d *door) notThere(name string, err error) error {
	if name == "" {
		return usage("a file is named by an empty argument", "a variable that is not set, in a script?")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return usageBecause(err)
	}
	if place, err := newBench(d.roots()).library.Locate(name); err == nil && place.Root.Embedded {
		return usage("no such file "+name, "the recipe of that name ships with runbook, and is tested there")
	}
	meant := d.recipeFile(name)
	if meant == "" {
		meant = nearestFile(name)
	}
	var lost *engine.NotFoundError
	if _, err := newBench(d.roots()).library.Locate(strings.TrimSuffix(name, ".star")); meant == "" && errors.As(err, &lost) && lost.Near != "" {
		meant = d.recipeFile(lost.Near)
	}
	if meant != "" {
		meant = "did you mean " + shortPath(meant) + "?"
	}
	return usage("no such file "+name, meant)
}

// nearestFile is the name in the same directory that is nearest; "" for none.
func nearestFile(name string) string {
	dir, base := filepath.Split(name)
	entries, err := os.ReadDir(filepath.Join(dir, "."))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), ".star") || strings.HasSuffix(e.Name(), ".txtar") {
			names = append(names, e.Name())
		}
	}
	if n := engine.Nearest(base, names); n != "" {
		return dir + n
	}
	return ""
}
