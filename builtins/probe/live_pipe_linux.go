package probe

import (
	"context"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Pipe borrows the pipe or FIFO behind a descriptor with pidfd_getfd(2) and
// asks it for its unread bytes and its size. Opening /proc/PID/fd/N instead
// would need less permission, but it adds a reader or writer that the program
// can notice: an open that waits for its partner would go on.
//
// Errors: fs.ErrPermission (needs PTRACE_MODE_ATTACH), fs.ErrNotExist when the
// process is gone or the descriptor is another one now.
func (l *Live) Pipe(_ context.Context, pid int, fd FD) (PipeFill, error) {
	fail := func(err error) (PipeFill, error) {
		return PipeFill{}, fmt.Errorf("pipe %d of %d: %w", fd.Num, pid, err)
	}
	if l.refuseAttach || !l.self {
		return fail(fs.ErrPermission)
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fail(gone(err))
	}
	defer unix.Close(pidfd)
	ours, err := unix.PidfdGetfd(pidfd, fd.Num, 0)
	if err == unix.EBADF {
		return fail(fs.ErrNotExist)
	}
	if err != nil {
		return fail(gone(err))
	}
	defer unix.Close(ours)
	var stat unix.Stat_t
	if err := unix.Fstat(ours, &stat); err != nil {
		return fail(err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFIFO || fd.Inode != 0 && stat.Ino != fd.Inode {
		return fail(fmt.Errorf("it is another file now: %w", fs.ErrNotExist))
	}
	capacity, err := unix.FcntlInt(uintptr(ours), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return fail(err)
	}
	bytes, err := unix.IoctlGetInt(ours, unix.TIOCINQ) // FIONREAD
	if err != nil {
		return fail(err)
	}
	return PipeFill{Bytes: bytes, Capacity: capacity}, nil
}
