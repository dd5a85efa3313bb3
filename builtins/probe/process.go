package probe

import "time"

// Process is what one look at /proc/PID says, in our words. Values that could
// not be read are marked as said at each field.
//
// Source: proc_pid_stat(5), proc_pid_status(5), proc_pid_cmdline(5),
// proc_pid_cgroup(5).
type Process struct {
	ID
	At      time.Time // of the reading
	PPID    int
	PGID    int
	SID     int
	UID     int      // real uid; -1 unknown
	State   string   // one letter: R S D T t Z X I
	Comm    string   // at most 15 bytes, clean
	Args    []string // argv: masked, clean of control characters; empty for kernel threads and zombies
	Started time.Time
	Age     time.Duration // At - Started
	CPU     time.Duration // user + system, of all threads, without waited-for children
	Threads int
	Cgroup  string // path in the unified (or first) hierarchy; "" unknown
	Exe     string // /proc/PID/exe; "" unknown
	NetNS   string // "net:[4026531840]"; "" unknown
	Actor   Identity
	Matched bool // by the pattern or pid that was asked for, not merely a relative
	Above   bool // an ancestor of ours, such as the shell in which we were called
	Tracer  int  // TracerPid; 0 none
	Exit    int  // of a zombie: how it ended, as wait(2) tells it; 0 exit status 0, or hidden (needs PTRACE_MODE_READ)
}

// Identity is who a process says it is.
//
// Population "argv": `-m tractor._child --uid ('name', 'uuid') …` (exact name,
// uuid, parent address); "title": the whole command line is
// `_subactor[name@pid]`; "comm": only the name in comm is left, cut at 15
// bytes, as in a zombie; "mp": a multiprocessing child, which has no name;
// "helper": a multiprocessing resource tracker or fork server; "" none of these.
type Identity struct {
	Population string
	Name       string // "" unknown
	UUID       string
	ParentAddr string // "127.0.0.1:1616", or a socket path; "" unknown
}

// Zombie reports whether the process has ended and waits to be reaped. State Z
// is that of its main thread, which may end before the others do.
func (p *Process) Zombie() bool { return (p.State == "Z" || p.State == "X") && p.Threads <= 1 }

// Stopped reports whether a signal or a tracer stopped it.
func (p *Process) Stopped() bool { return p.State == "T" || p.State == "t" }
