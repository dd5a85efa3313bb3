package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// spool copies the capture on stdin, or that of a pipe with a name, to a file of
// ours, and returns its path, what to call it, and what removes it:
// `runbook capture -o - | ssh … runbook run RECIPE --from -`. A confined process
// has orders on its stdin, so it could not read it there; and while a run waits
// for whoever writes into a pipe, nothing could interrupt it. Errors: also why ctx
// ended; nothing is left then.
func (d *door) spool(ctx context.Context, from string) (name, called string, done func(), err error) {
	called = from
	if !isPipe(from) {
		called = "stdin"
		if isTerminal(d.in) {
			return "", "", nil, usage("--from -: stdin is a terminal", "runbook capture -o - | runbook run RECIPE --from -")
		}
	}
	dir, err := os.MkdirTemp("", "runbook-from-") // mode 0700: it holds other people's command lines
	if err != nil {
		return "", "", nil, fmt.Errorf("--from %s: %w", called, err)
	}
	done = func() { os.RemoveAll(dir) }
	name = filepath.Join(dir, "capture")
	copied := make(chan error, 1)
	go func() { copied <- d.copyCapture(name, from) }() // which may wait for ever
	select {
	case err = <-copied:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		done()
		return "", "", nil, fmt.Errorf("--from %s: %w", called, err)
	}
	return name, called, done, nil
}

// copyCapture writes what comes through a pipe with a name, else through stdin,
// to a new file.
func (d *door) copyCapture(name, from string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	in := d.in
	if isPipe(from) {
		if in, err = os.Open(from); err != nil {
			return err
		}
		defer in.Close()
	}
	if _, err := io.Copy(f, in); err != nil {
		return err
	}
	return f.Close()
}

// isPipe reports whether name is a pipe: a FIFO, or what <(…) of a shell gives.
func isPipe(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().Type() == os.ModeNamedPipe
}
