package pack

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"runbook/engine/lazyregexp"
)

// LockFile is the name of the file, beside the recipes that use the packs.
const LockFile = "packs.lock"

// Lock is a packs.lock: the packs, by name.
type Lock struct {
	Packs []Pinned `toml:"pack"`
}

// Pinned is one pack at one state.
type Pinned struct {
	Name    string `toml:"name" json:"name"` // as in load("@name//x.star")
	URL     string `toml:"url" json:"url"`   // as git takes it
	Ref     string `toml:"ref,omitempty" json:"ref,omitempty"`
	Commit  string `toml:"commit" json:"commit"`   // that Ref meant when it was pinned
	Content string `toml:"content" json:"content"` // "h1:…", see Digest
}

// ParseLock reads a packs.lock. No bytes are no packs. Errors say the line.
func ParseLock(b []byte) (Lock, error) {
	var l Lock
	dec := toml.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Lock{}, placed(err, "name, url, ref, commit, content")
	}
	for i, p := range l.Packs {
		if err := p.check(); err != nil {
			return Lock{}, fmt.Errorf("pack %d: %w", i+1, err)
		}
		if slices.ContainsFunc(l.Packs[:i], func(q Pinned) bool { return q.Name == p.Name }) {
			return Lock{}, fmt.Errorf("pack %s is pinned twice", p.Name)
		}
	}
	return l, nil
}

// placed is an error of the TOML reader with its line and column, in words of
// the file. keys are those that there are.
func placed(err error, keys string) error {
	var strict *toml.StrictMissingError
	var syntax *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		row, col := strict.Errors[0].Position()
		return fmt.Errorf("line %d:%d: no key %s; there are %s", row, col, strings.Join(strict.Errors[0].Key(), "."), keys)
	case errors.As(err, &syntax):
		row, col := syntax.Position()
		text := strings.TrimPrefix(syntax.Error(), "toml: ")
		if key := strings.Join(syntax.Key(), "."); key != "" && strings.HasPrefix(text, "cannot decode ") {
			text = fmt.Sprintf("%s: want %s", key, wanted(key))
		}
		return fmt.Errorf("line %d:%d: %s", row, col, text)
	}
	return err
}

// wanted is what stands behind a key of our files.
func wanted(key string) string {
	switch key {
	case "api":
		return "a whole number"
	case "pack":
		return "a part for each pack, [[pack]]"
	}
	return "text in quotes"
}

var (
	names   = lazyregexp.New(`^[a-z][a-z0-9_-]{0,63}$`)
	commits = lazyregexp.New(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	sums    = lazyregexp.New(`^h1:[A-Za-z0-9+/]{43}=$`)
)

func (p Pinned) check() error {
	switch {
	case !names().MatchString(p.Name):
		return fmt.Errorf("%q is no name of a pack: want small letters, digits, - and _", p.Name)
	case p.URL == "" || p.URL[0] == '-':
		return fmt.Errorf("%s: %q is no URL", p.Name, p.URL)
	case !commits().MatchString(p.Commit):
		return fmt.Errorf("%s: %q is no commit", p.Name, p.Commit)
	case !sums().MatchString(p.Content):
		return fmt.Errorf("%s: %q is no hash: want h1:…", p.Name, p.Content)
	}
	return nil
}

// Bytes is the file, packs by name.
func (l Lock) Bytes() []byte {
	sorted := Lock{slices.SortedFunc(slices.Values(l.Packs), func(a, b Pinned) int { return strings.Compare(a.Name, b.Name) })}
	b, err := toml.Marshal(sorted)
	if err != nil {
		panic(err) // of strings alone
	}
	return append([]byte("# Packs of recipes, pinned by the hash of their content. `runbook pack` writes this file.\n\n"), b...)
}

// Find returns the pack of that name.
func (l Lock) Find(name string) (Pinned, bool) {
	i := slices.IndexFunc(l.Packs, func(p Pinned) bool { return p.Name == name })
	if i < 0 {
		return Pinned{}, false
	}
	return l.Packs[i], true
}

// Put pins p, in place of one with its name. Errors: p is not one that
// ParseLock would take.
func (l *Lock) Put(p Pinned) error {
	if err := p.check(); err != nil {
		return err
	}
	l.Drop(p.Name)
	l.Packs = append(l.Packs, p)
	return nil
}

// Drop reports whether there was one of that name.
func (l *Lock) Drop(name string) bool {
	n := len(l.Packs)
	l.Packs = slices.DeleteFunc(l.Packs, func(p Pinned) bool { return p.Name == name })
	return len(l.Packs) < n
}
