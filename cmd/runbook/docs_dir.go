package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// ownMark is the file by which a directory of pages is known as ours: who wrote
// it, and then the files that were written.
const ownMark = ".runbook-docs"

// ownDir is a directory of which every file that we wrote may be written anew,
// and no other one.
type ownDir struct {
	root    *os.Root
	by      string
	earlier []string // what was written before
}

// openOwn opens dir for pages that by writes. It must be new, empty, or written by
// the same before.
func openOwn(dir, by string) (*ownDir, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, usageBecause(fmt.Errorf("docs: %w", err))
	}
	o := &ownDir{by: by}
	if o.root, err = os.OpenRoot(dir); err != nil {
		return nil, usageBecause(fmt.Errorf("docs: %w", err))
	}
	mark, err := o.root.ReadFile(ownMark)
	lines := strings.Split(strings.TrimSpace(string(mark)), "\n")
	switch {
	case err == nil && lines[0] == by:
		o.earlier = lines[1:]
		return o, nil
	case len(entries) == 0 && errors.Is(err, fs.ErrNotExist):
		return o, nil
	}
	o.close()
	return nil, usage(fmt.Sprintf("docs: %s is not empty, and was not written by %s", dir, by), "name a directory that is new or empty")
}

func (o *ownDir) close() { o.root.Close() }

// replace writes the files, and removes what was written before and is not among
// them. The mark is written first: what is cut off half-way is known as ours.
func (o *ownDir) replace(files map[string][]byte) error {
	names := slices.Sorted(maps.Keys(files))
	if err := o.mark(append(slices.Clone(names), o.earlier...)); err != nil {
		return fmt.Errorf("docs: %w", err)
	}
	for _, name := range names {
		if old, err := o.root.ReadFile(name); err == nil && bytes.Equal(old, files[name]) {
			continue // so that who copies what changed copies no more
		}
		err := o.root.MkdirAll(path.Dir(name), 0o755)
		if err == nil {
			err = o.root.WriteFile(name, files[name], 0o644)
		}
		if err != nil {
			return fmt.Errorf("docs: %w", err)
		}
	}
	for _, name := range o.earlier {
		if _, stays := files[name]; !stays && fs.ValidPath(name) {
			if err := o.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("docs: %w", err)
			}
		}
	}
	if err := o.mark(names); err != nil {
		return fmt.Errorf("docs: %w", err)
	}
	return nil
}

func (o *ownDir) mark(names []string) error {
	slices.Sort(names)
	text := o.by + "\n" + strings.Join(slices.Compact(names), "\n") + "\n"
	return o.root.WriteFile(ownMark, []byte(text), 0o644)
}
