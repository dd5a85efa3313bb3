package probe

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Host is the machine, as a value: the one seam between our probes and a
// kernel. Live reads this machine, Snapshot a capture, Recorder notes what
// passes through it. Probes hold no other way in.
//
// Paths are relative to the root of proc: "4242/stat", "locks"; "4242/python" is
// no kernel's, see LiveOptions. Errors are
// fs.ErrNotExist (also for a process that vanished: ESRCH), fs.ErrPermission
// and ErrTimeout, wrapped with the path that was tried.
type Host interface {
	// ReadFile returns the whole file. buf may be nil; when it is large enough
	// the result lies in it.
	ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error)
	// Readlink returns the text of a link, never what it leads to.
	Readlink(ctx context.Context, path string) (string, error)
	// ReadDir returns the names, sorted as the kernel gives them (pids and fds
	// numerically).
	ReadDir(ctx context.Context, path string) ([]string, error)

	// Sockets returns one row for each of fds that is a TCP or UNIX socket, as
	// the process itself would see it; unjoined (see Join).
	Sockets(ctx context.Context, pid int, fds []FD) ([]Socket, error)
	// Pipe returns how full the pipe behind a file descriptor is.
	Pipe(ctx context.Context, pid int, fd FD) (PipeFill, error)
	// Machine returns load, pressure and what this host lets us see.
	Machine(ctx context.Context) (Machine, error)

	// Now is the clock, at the time of the reading.
	Now() time.Time
	// Clock converts the kernel's ticks. It never changes.
	Clock() Clock
	// Sleep waits between two samples. A Snapshot goes to its next sample
	// instead and returns how long the two lay apart; so does a Recorder.
	Sleep(ctx context.Context, d time.Duration) (time.Duration, error)

	// Act runs programs and sends signals; nil on a host that only looks.
	Act() Actor
}

// Actor is the half of a live host that changes things.
type Actor interface {
	// Run starts a program, waits for it, and ends its whole tree at the deadline.
	Run(ctx context.Context, c Command) (Result, error)
	// Signal sends sig to exactly the process that id names: opened as a pidfd,
	// start time checked again, then signalled through the pidfd.
	// Errors: ErrReused when the pid is another process now, fs.ErrNotExist
	// when it is gone, fs.ErrPermission.
	Signal(ctx context.Context, id ID, sig int) error
	// Wait returns when id has ended, or with ctx's error.
	Wait(ctx context.Context, id ID) error
}

// Errors that callers tell apart, besides fs.ErrNotExist and fs.ErrPermission.
var (
	ErrTimeout     = errors.New("gave up waiting for the kernel")
	ErrReused      = errors.New("the pid belongs to another process now")
	ErrUnsupported = errors.New("not supported on this host")
	ErrOtherPIDs   = errors.New("it counts the processes of another pid namespace")
)

// Clock says how the kernel of a host counts.
type Clock struct {
	Boot     time.Time // time of boot
	Ticks    int64     // per second (USER_HZ), 100 nearly everywhere
	UID      int       // ours, when reading
	PID      int       // ours, in the proc that is read; 0 when that is not our own
	Hostname string
	Kernel   string // release, "6.18.44"
	Arch     string // as GOARCH says: it numbers the system calls; "" = amd64
	Live     bool
}

// At converts clock ticks since boot, as in field starttime of
// proc_pid_stat(5).
func (c Clock) At(ticks uint64) time.Time {
	return c.Boot.Add(c.Span(ticks))
}

// Span converts a number of clock ticks into a duration.
func (c Clock) Span(ticks uint64) time.Duration {
	hz := c.Ticks
	if hz <= 0 {
		hz = 100
	}
	return time.Duration(ticks) * (time.Second / time.Duration(hz))
}

// ID names a process for its whole life. A pid alone does not: the kernel
// hands it out again.
type ID struct {
	PID   int
	Start uint64 // starttime, clock ticks since boot
}

// PipeFill is how much lies in a pipe.
type PipeFill struct {
	Bytes    int // unread, FIONREAD
	Capacity int // F_GETPIPE_SZ
}

// Machine is the state of the host as a whole.
type Machine struct {
	CPUs        int
	Load1       float64
	Load5       float64
	Load15      float64
	PtraceScope int // kernel.yama.ptrace_scope; -1 when there is no Yama
	PidMax      int
}

// Denied reports whether err means that we may not look (not that there is
// nothing).
func Denied(err error) bool { return errors.Is(err, fs.ErrPermission) }

// Gone reports whether err means that the process or file is not there (any
// more).
func Gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
