package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile puts a text in the place of a file, which need not be there, as a
// whole or not at all: who reads it meanwhile, or after a crash, sees the old
// one or the new one. A link stays one: the file that it leads to is replaced.
func replaceFile(name string, text []byte, mode os.FileMode) (err error) {
	real, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		real = name
	} else if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(real), "."+filepath.Base(real)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Unwrap(err)) // it names the temporary file
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", name, err)
		}
	}()
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), real)
}
