package probe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Names of Thread.Syscall that are no system call.
const (
	onProcessor = "running" // on a processor, or about to be
	outsideAny  = "none"    // blocked, but not in a system call: a page fault, a stop
)

// ParseSyscall reads /proc/PID/task/TID/syscall (proc_pid_syscall(5)):
// "running", or a number with six arguments and two addresses, or -1 with the
// addresses alone. running is true only for the first; nr is -1 for all but the
// second.
func ParseSyscall(b []byte) (nr int, args [6]uint64, running bool, err error) {
	f := strings.Fields(string(b))
	if len(f) == 1 && f[0] == "running" {
		return -1, args, true, nil
	}
	if len(f) == 3 && f[0] == "-1" {
		return -1, args, false, nil
	}
	if len(f) != 9 {
		return -1, args, false, fmt.Errorf("syscall: %d fields, want 1, 3 or 9", len(f))
	}
	if nr, err = strconv.Atoi(f[0]); err != nil || nr < 0 {
		return -1, args, false, fmt.Errorf("syscall: number %q", f[0])
	}
	for i := range args {
		hex, ok := strings.CutPrefix(f[i+1], "0x")
		if !ok {
			return -1, [6]uint64{}, false, errors.New("syscall: argument without 0x")
		}
		if args[i], err = strconv.ParseUint(hex, 16, 64); err != nil {
			return -1, [6]uint64{}, false, fmt.Errorf("syscall: argument %d: %w", i, err)
		}
	}
	return nr, args, false, nil
}

// SyscallName returns the name of a system call on an architecture (as GOARCH
// says; "" = amd64), "syscall_N" when our table has none.
//
// The architecture is that of the machine that was looked at, which a snapshot
// may have brought from elsewhere.
func SyscallName(arch string, nr int) string {
	table := syscallsAMD64[:]
	if arch == "arm64" {
		table = syscallsARM64[:]
	}
	if nr >= 0 && nr < len(table) && table[nr] != "" {
		return table[nr]
	}
	return "syscall_" + strconv.Itoa(nr)
}

// takesFD reports whether the first argument of a call is the descriptor on which
// it can wait.
func takesFD(name string) bool {
	switch name {
	case "read", "pread64", "readv", "preadv", "preadv2", "recvfrom", "recvmsg", "recvmmsg", "accept",
		"accept4", "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg",
		"connect", "sendfile", "splice", "tee", "vmsplice", "copy_file_range", "ioctl", "fcntl", "flock",
		"lseek", "close", "fsync", "fdatasync", "sync_file_range", "syncfs", "ftruncate", "fallocate",
		"fadvise64", "readahead", "fstat", "getdents", "getdents64", "shutdown", "getsockopt",
		"setsockopt", "getsockname", "getpeername", "epoll_wait", "epoll_wait_old", "epoll_pwait",
		"epoll_pwait2", "epoll_ctl", "io_uring_enter", "timerfd_settime", "timerfd_gettime",
		"mq_timedsend", "mq_timedreceive", "pidfd_send_signal", "pidfd_getfd":
		return true
	}
	return false
}
