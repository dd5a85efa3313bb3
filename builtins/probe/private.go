package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"runbook/engine/lazyregexp"
)

// A private directory holds what a program of ours needs besides what is the
// user's: see Command.Private. Who uses one has a lock on it, which ends with
// the process however that ends; so one that is not locked is nobody's. A pid in
// its name would say less: containers share a directory and not their pids.

// privateName is an absolute path for a private directory, which is not there.
func privateName() (string, error) {
	return filepath.Abs(filepath.Join(os.TempDir(), "runbook-run-"+newGitID()))
}

var privateNames = lazyregexp.New(`^runbook-run-[0-9a-f]+$`)

// prepare makes the private directory of a command, with what belongs in it.
// The caller keeps it open, which is the lock, until the command is over; nil =
// the command has none.
func (c Command) prepare() (*os.File, error) {
	if c.Private == "" {
		return nil, nil
	}
	dir, err := makePrivate(c.Private)
	if err == nil && c.Prepare != nil {
		if err = c.Prepare(); err != nil {
			dir.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	return dir, nil
}

// makePrivate makes one, which is locked until it is closed.
func makePrivate(path string) (*os.File, error) {
	// It gets its name when it is locked: nobody sees one that is not.
	if err := os.Mkdir(path+unlocked, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.Open(path + unlocked)
	if err != nil {
		return nil, err
	}
	_ = lock(dir, syscall.LOCK_SH) // where none can be had, recover can have none either
	if err := os.Rename(path+unlocked, path); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// borrowPrivate makes one for us alone, which is gone when done was called.
func borrowPrivate() (path string, done func(), err error) {
	if path, err = privateName(); err != nil {
		return "", nil, err
	}
	dir, err := makePrivate(path)
	if err != nil {
		return "", nil, err
	}
	return path, func() {
		_ = removePrivate(path)
		dir.Close()
	}, nil
}

// unlocked ends the name of a private directory that is being made.
const unlocked = ".new"

// removePrivate removes one, however far it came.
func removePrivate(path string) error {
	return errors.Join(removeAll(path), removeAll(path+unlocked))
}

func lock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// LeftDirectory is the Kind of a Recovery that is a private directory.
const LeftDirectory = "directory"

// leftDirectories finds the private directories of this user that nobody uses.
// Each is locked until done is called, so that it stays so.
func leftDirectories(ctx context.Context, h Host) (found []*leftover, done func()) {
	var open []*os.File
	entries, _ := os.ReadDir(os.TempDir()) // none there: nothing was left there
	for _, e := range entries {
		path := filepath.Join(os.TempDir(), e.Name())
		marked := privateNames().MatchString(e.Name())
		if !marked && !unmarkedNames().MatchString(e.Name()) || !e.IsDir() || ctx.Err() != nil {
			continue
		}
		dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
		if err != nil {
			continue // gone, or another user's
		}
		info, err := dir.Stat()
		if err != nil || ownerOf(info) != h.Clock().UID || lock(dir, syscall.LOCK_EX|syscall.LOCK_NB) != nil || !marked && !isUnmarked(dir, h.Clock().UID) {
			dir.Close()
			continue
		}
		open = append(open, dir)
		found = append(found, &leftover{Recovery: Recovery{ID: e.Name(), Kind: LeftDirectory, Path: path, Begun: info.ModTime()}})
	}
	return found, func() {
		for _, dir := range open {
			dir.Close()
		}
	}
}

// finishDirectory removes one.
func (l *leftover) finishDirectory() error {
	if err := removePrivate(l.Path); err != nil {
		return fmt.Errorf("remove the private directory of a run: %w", err)
	}
	return nil
}
