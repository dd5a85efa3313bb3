package pystack

import (
	"errors"
	"time"
)

// Process is what a Python process does, as it was read.
type Process struct {
	PID     int
	Python  string // "3.11"
	Proof   Proof
	Threads []Thread // of all interpreters; the main thread first where it is known
	Tasks   []Task   // trio's and asyncio's, each behind its parent
	Notes   []string // what is missing, and why; empty: nothing that we know of
}

// Proof says whether all that was read is one state of the process. It is when
// no thread was on a CPU before the first and after the last read, and none was
// put on one in between: the kernel counts that (State and the context switches
// of /proc/PID/task/TID/status).
type Proof struct {
	Proved bool
	Tries  int
	Ran    []int         // threads that ran in the last try; empty when proved
	Span   time.Duration // from the first read to the last
}

// Thread is a thread that runs, or ran, Python.
type Thread struct {
	TID      int    // as the kernel counts; 0 unknown
	Name     string // of its threading.Thread; "" it has none
	HoldsGIL bool
	Frames   []Frame // innermost first
	Moved    bool    // pointers that led here had changed at the end: it may be seen in two states
}

// Frame is a Python function that was entered.
type Frame struct {
	Func   string // qualified from 3.11 on
	File   string // as its code says; may be relative, or "<string>"
	Line   int    // 0: its code has no line there
	Locals []Local
}

// Local is a variable. Its value is never read.
type Local struct{ Name, Type string }

// Task is one of trio or asyncio.
type Task struct {
	ID      int    // its index in Process.Tasks
	Library string // trio or asyncio
	Name    string
	Parent  int // the task whose nursery, group or await it is in; -1 none
	Nursery int // trio: which nursery of the parent, outermost first; -1 none
	State   string
	TID     int     // the thread that runs it, or whose loop it belongs to; 0 unknown
	Chain   []Frame // its await chain, outermost first; empty when it is over
	Waits   []Wait  // empty: unknown, or it does not wait

	// Cancelled: a scope around it was cancelled. Shielded: a shield between
	// that scope and the task keeps it from being delivered. Deaf: what it waits
	// for does not let itself be cancelled.
	Cancelled, Shielded, Deaf bool

	Schedules int64 // how often trio has run it; -1 unknown
	Ran       int64 // how often during Options.Settle; -1 unknown
	Moved     bool  // as of a Thread
}

// States of a task.
const (
	Running  = "running"  // a thread is in it now
	Runnable = "runnable" // the loop will run it
	Parked   = "parked"   // it waits
)

// Wait is what a parked task waits for.
type Wait struct {
	// Kind is read, write (of FD), lock, semaphore, capacity, condition, event,
	// receive, send (of a memory channel), nursery (its children), task,
	// gather, group, sleep, forever, thread (a worker), process (PID), queue or
	// future.
	Kind   string
	FD     int    // -1 none
	PID    int    // 0 none
	Owner  int    // the task that holds it or has to act; -1 unknown
	Detail string // what more is known: "2 senders open"; "" nothing
}

// Errors that callers tell apart, besides fs.ErrPermission and fs.ErrNotExist.
var (
	ErrNotPython   = errors.New("no CPython")
	ErrUnsupported = errors.New("not supported")
	ErrLayout      = errors.New("its layout is not understood")
	ErrNoMemory    = errors.New("its memory was not saved")
)

// Options say how hard to try. The zero value is sensible.
type Options struct {
	Deadline time.Duration // for all of it; 0: 2s
	Tries    int           // until a read is proved to be one state; 0: 8
	Settle   time.Duration // look again after so long at which trio tasks ran; 0: don't
	Locals   bool          // names and types of the frames' variables
	Record   *Recording    // is filled with what was read; nil: don't keep it

	version uint32 // a test's: use this version's row
}
