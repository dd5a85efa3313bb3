package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// trusted is $XDG_CONFIG_HOME/runbook/trusted.toml: recipes of repositories
// that the user has read, by the hash of their content. It is a list of our
// own, and no setting: people change it with `runbook trust`.
type trusted struct {
	name    string  // of the file; "" without a home directory
	Recipes []trust `toml:"recipe"`
}

// trust is one recipe as it was on a day. Content decides; the rest says to
// people what that was.
type trust struct {
	Content string    `toml:"content" json:"content"` // see engine.Recipe.Content
	File    string    `toml:"file" json:"file"`       // absolute
	At      time.Time `toml:"at" json:"at"`
}

func readTrusted() (*trusted, error) {
	dir, err := configDir()
	if err != nil {
		return &trusted{}, nil // no home: nothing was ever trusted there
	}
	t := &trusted{name: filepath.Join(dir, "trusted.toml")}
	b, err := os.ReadFile(t.name)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = toml.Unmarshal(b, t)
	}
	if err != nil {
		return t, fmt.Errorf("read what is trusted: %s: %w", t.name, err)
	}
	return t, nil
}

// has reports whether exactly this content is trusted.
func (t *trusted) has(content string) bool {
	return content != "" && slices.ContainsFunc(t.Recipes, func(r trust) bool { return r.Content == content })
}

// before is the trust in what was in that file once; ok is false when there
// was none.
func (t *trusted) before(file string) (r trust, ok bool) {
	i := slices.IndexFunc(t.Recipes, func(r trust) bool { return r.File == file })
	if i < 0 {
		return r, false
	}
	return t.Recipes[i], true
}

// add replaces what was trusted of that file: an older content of it is of the
// past, and whoever brings it back is asked again.
func (t *trusted) add(r trust) {
	t.drop(r.File)
	t.Recipes = append(t.Recipes, r)
}

// drop reports whether there was one of that file.
func (t *trusted) drop(file string) bool {
	n := len(t.Recipes)
	t.Recipes = slices.DeleteFunc(t.Recipes, func(r trust) bool { return r.File == file })
	return len(t.Recipes) < n
}

func (t *trusted) write() error {
	if t.name == "" {
		return fmt.Errorf("remember what is trusted: %w", errNoHome)
	}
	b, err := toml.Marshal(t)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(t.name), 0o700)
	}
	if err == nil {
		b = append([]byte("# Recipes that `runbook trust` was told to trust, by the hash of their content.\n\n"), b...)
		err = replaceFile(t.name, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember what is trusted: %w", err)
	}
	return nil
}
