package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Act runs programs and signals processes of this machine. It is nil where
// pids are not ours: on a host with another proc directory.
func (l *Live) Act() Actor {
	if !l.self {
		return nil
	}
	return actor{l}
}

type actor struct{ live *Live }

// Signal implements Actor.
//
// The order makes it safe: a pidfd refers to one process for good, so once the
// start time read after opening it is the right one, so is the pidfd.
func (a actor) Signal(ctx context.Context, id ID, sig int) error {
	pidfd, err := a.open(ctx, id)
	if err != nil {
		return fmt.Errorf("signal %d to pid %d: %w", sig, id.PID, err)
	}
	defer unix.Close(pidfd)
	if err := unix.PidfdSendSignal(pidfd, unix.Signal(sig), nil, 0); err != nil {
		return fmt.Errorf("signal %d to pid %d: %w", sig, id.PID, gone(err))
	}
	return nil
}

// open returns a pidfd of exactly id. Errors: fs.ErrNotExist, ErrReused,
// ErrUnsupported on kernels before 5.3.
func (a actor) open(ctx context.Context, id ID) (int, error) {
	if id.PID <= 0 {
		return -1, fs.ErrNotExist
	}
	pidfd, err := unix.PidfdOpen(id.PID, 0)
	switch {
	case errors.Is(err, unix.EINVAL):
		return -1, fs.ErrNotExist // a thread, not a process: older kernels say EINVAL
	case errors.Is(err, unix.ENOSYS):
		return -1, fmt.Errorf("pidfd_open: %w", ErrUnsupported)
	case err != nil:
		return -1, fmt.Errorf("pidfd_open: %w", gone(err))
	}
	now, err := readLife(ctx, a.live, id.PID)
	if err == nil && now.ID != id {
		err = ErrReused
	}
	if err != nil {
		unix.Close(pidfd)
		return -1, err
	}
	return pidfd, nil
}

// Wait implements Actor. A pidfd becomes readable when its process ends, also
// when that is no child of ours, and whether or not it was reaped: a zombie has
// ended.
func (a actor) Wait(ctx context.Context, id ID) error {
	pidfd, err := a.open(ctx, id)
	if Gone(err) || errors.Is(err, ErrReused) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for pid %d: %w", id.PID, err)
	}
	if err := waitPidfd(ctx, pidfd); err != nil {
		return fmt.Errorf("wait for pid %d: %w", id.PID, err)
	}
	return nil
}

// waitPidfd waits in the runtime's own poller, so that it costs no thread and
// no polling, and closes the pidfd.
func waitPidfd(ctx context.Context, pidfd int) error {
	if err := unix.SetNonblock(pidfd, true); err != nil { // or os.NewFile would not poll it
		unix.Close(pidfd)
		return err
	}
	f := os.NewFile(uintptr(pidfd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = conn.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
