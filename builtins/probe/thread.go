package probe

import "time"

// Thread is one task of a process, at one moment.
//
// Source: /proc/PID/task/TID/{stat,status,wchan,syscall}.
type Thread struct {
	TID   int
	Name  string
	State string // as Process.State
	// Wchan is the kernel function in which it sleeps, without .constprop,
	// .isra and .part suffixes; "" when it runs or when the kernel hides it:
	// WchanHidden tells these apart.
	Wchan       string
	WchanHidden bool
	// Family is what the wait is for, whatever this kernel calls it: epoll,
	// poll, futex, sleep, pipe_read, pipe_write, fifo_open, socket (recv, send
	// or connect: see Syscall), unix_recv, unix_send, unix_connect, accept, wait,
	// flock, fcntl_lock, pause, sigwait, eventfd, vfork, stopped, traced, tty,
	// disk, frozen (by a cgroup), running, zombie, other; "" unknown.
	Family string
	// Syscall is the name of the system call in which the thread blocks;
	// "running" when it is on a processor, "none" when it blocks outside any, ""
	// when it could not be read (needs PTRACE_MODE_ATTACH).
	Syscall   string
	SyscallNr int       // -1 when Syscall is "" or "running", or blocked outside any
	Args      [6]uint64 // of the call
	FD        int       // first argument, where the call takes a descriptor there; else -1
	// Target says what FD is; nil when FD is -1 or the descriptor is gone.
	Target    *FD
	CPU       time.Duration
	Voluntary uint64 // context switches
	Forced    uint64
}

// Signals are the four masks of a process: bit N-1 stands for signal N.
//
// Source: SigBlk, SigIgn, SigCgt, SigPnd|ShdPnd of /proc/PID/status.
type Signals struct {
	Blocked, Ignored, Caught, Pending uint64
}

// Has reports whether sig is in the mask.
func Has(mask uint64, sig int) bool { return sig > 0 && mask>>(uint(sig)-1)&1 == 1 }

// FD is one open file descriptor.
type FD struct {
	Num   int
	Kind  string        // file, dir, pipe, fifo, socket, epoll, pidfd, eventfd, timerfd, tty, null, anon, other
	Link  string        // as readlink(2) gives it: "socket:[123]", "/dev/pts/3"; clean
	Inode uint64        // of pipe:[N] and socket:[N]; 0 otherwise
	PID   int           // of a pidfd: whom it refers to; 0 otherwise, -1 when that one is gone
	Timer time.Duration // of a timerfd: until it expires next; 0 otherwise, and of one that is not armed
	Write bool          // opened for writing (O_WRONLY or O_RDWR)
	Read  bool          // opened for reading
}

// EpollItem is one entry of the interest set of an epoll instance.
//
// With EPOLLONESHOT, as trio arms it, an entry without EPOLLIN and EPOLLOUT is
// registered but nobody waits.
//
// Source: tfd and events of /proc/PID/fdinfo/EPFD (proc_pid_fdinfo(5)).
type EpollItem struct {
	EpollFD int
	FD      int
	Events  uint32
	Inode   uint64
}

// The bits of EpollItem.Events that we ask for (epoll_ctl(2)).
const (
	EPOLLIN      = 0x1
	EPOLLOUT     = 0x4
	EPOLLONESHOT = 1 << 30
	EPOLLET      = 1 << 31
)

// Reading is everything that one look at one process gave. A nil slice with a
// false Has… flag means "could not look"; an empty one "looked, found none".
type Reading struct {
	At      time.Time
	Process Process
	Gone    bool // vanished before or while it was read

	Threads    []Thread
	HasThreads bool
	Signals    Signals
	HasSignals bool
	FDs        []FD
	HasFDs     bool
	Sockets    []Socket // joined within the processes that were read together
	HasSockets bool
	Epoll      []EpollItem
	HasEpoll   bool
	Pipes      map[int]PipeFill // by fd, of pipes in which a thread blocks, and of its fds 0-2
}

// Main is the thread whose TID is the pid; nil when threads could not be read.
func (r *Reading) Main() *Thread {
	for i := range r.Threads {
		if r.Threads[i].TID == r.Process.PID {
			return &r.Threads[i]
		}
	}
	return nil
}
