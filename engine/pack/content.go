package pack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/dirhash"
)

// What is larger is no pack of recipes, or an attack on who reads it.
const (
	MaxFiles = 5000
	MaxBytes = 64 << 20 // of all files
)

// ErrTooLarge is the error of more than MaxFiles or MaxBytes.
var ErrTooLarge = errors.New("too large for a pack of recipes")

// TamperedError is a pack whose content is not what was pinned.
type TamperedError struct{ Name, Want, Got string }

func (e *TamperedError) Error() string {
	return fmt.Sprintf("pack %s is not what was pinned: its content is %s, packs.lock says %s", e.Name, e.Got, e.Want)
}

// Verify reports whether the files are those that were pinned. Errors:
// *TamperedError, and those of Digest.
func (p Pinned) Verify(files fs.FS) error {
	got, err := Digest(files)
	switch {
	case err != nil:
		return fmt.Errorf("pack %s: %w", p.Name, err)
	case got != p.Content:
		return &TamperedError{p.Name, p.Content, got}
	}
	return nil
}

// Digest is the hash of the content of all files, and of their names: "h1:…", as
// in go.sum. Modes do not count: nothing of a pack is executed. Errors:
// ErrTooLarge; a link or a device, which a pack has none of.
func Digest(files fs.FS) (string, error) {
	names, err := list(files)
	if err != nil {
		return "", err
	}
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) { return files.Open(name) })
}

func list(files fs.FS) ([]string, error) {
	var names []string
	var bytes int64
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", name)
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		names = append(names, name)
		if bytes += info.Size(); len(names) > MaxFiles || bytes > MaxBytes {
			return ErrTooLarge
		}
		return nil
	})
	return names, err
}
