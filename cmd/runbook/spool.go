package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// spool copies the capture on stdin to a file of ours, and returns its path and
// what removes it: `runbook capture -o - | ssh … runbook run RECIPE --from -`. A
// confined process has orders on its stdin, so it could not read it there.
func (d *door) spool() (name string, done func(), err error) {
	if isTerminal(d.in) {
		return "", nil, usage("--from -: stdin is a terminal", "runbook capture -o - | runbook run RECIPE --from -")
	}
	dir, err := os.MkdirTemp("", "runbook-from-") // mode 0700: it holds other people's command lines
	if err != nil {
		return "", nil, fmt.Errorf("--from -: %w", err)
	}
	done = func() { os.RemoveAll(dir) }
	name = filepath.Join(dir, "stdin")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(f, d.in)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		done()
		return "", nil, fmt.Errorf("--from -: %w", err)
	}
	return name, done, nil
}
