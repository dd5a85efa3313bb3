package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"runbook/recipes"
)

// Readable is a recipe or a library that ships in this binary, as a file that an
// editor can open: all of them are written once, into a directory of the cache
// that is named after what they say, and nobody may write them.
func (a *analyst) Readable(path string) (string, error) {
	dir, err := shippedDir()
	if err != nil {
		return "", fmt.Errorf("write what ships with runbook: %w", err)
	}
	file := filepath.Join(dir, filepath.FromSlash(path))
	if _, err := os.Stat(file); err != nil {
		return "", err
	}
	return file, nil
}

var shippedDir = sync.OnceValues(func() (string, error) {
	cache, err := xdg("XDG_CACHE_HOME", ".cache")
	if err != nil {
		return "", err
	}
	texts, sum := map[string][]byte{}, sha256.New()
	err = fs.WalkDir(recipes.FS, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, ".star") {
			return err
		}
		text, err := recipes.FS.ReadFile(name)
		if err != nil {
			return err
		}
		texts[name] = text
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
		return nil
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "shipped", hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(made) // what a rename took is not there any more
	for name, text := range texts {
		file := filepath.Join(made, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, text, 0o400); err != nil {
			return "", err
		}
	}
	if err := os.Rename(made, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err // else another editor was faster
		}
	}
	return dir, nil
})
