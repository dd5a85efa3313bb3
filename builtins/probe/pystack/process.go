package pystack

import (
	"errors"
	"time"
)

// Process is what a Python process does, as it was read.
type Process struct {
	PID     int      `json:"pid"`
	Python  string   `json:"python"` // "3.11"
	Proof   Proof    `json:"proof"`
	Threads []Thread `json:"threads"`         // of all interpreters; the main thread first where it is known
	Tasks   []Task   `json:"tasks"`           // trio's and asyncio's, each behind its parent
	Notes   []string `json:"notes,omitempty"` // what is missing, and why; empty: nothing that we know of

	through int // the thread through which it was read: the pid, or one that lives on where the main one has ended
}

// Proof says whether all that was read is one state of the process. It is when
// no thread was on a CPU before the first and after the last read, and none was
// put on one in between: the kernel counts that (State and the context switches
// of /proc/PID/task/TID/status).
type Proof struct {
	Proved bool          `json:"proved"`
	Tries  int           `json:"tries"`
	Ran    []int         `json:"ran,omitempty"` // threads that ran in the last try; empty when proved
	Span   time.Duration `json:"span_ns"`       // from the first read to the last
}

// Thread is a thread that runs, or ran, Python.
type Thread struct {
	TID      int     `json:"tid"`  // as the kernel counts, outside any pid namespace; 0 unknown
	Name     string  `json:"name"` // of its threading.Thread; "" it has none
	HoldsGIL bool    `json:"holds_gil"`
	Daemon   bool    `json:"daemon,omitempty"` // nobody waits for it at the end; false: somebody may
	Frames   []Frame `json:"frames"`           // innermost first
	Cut      bool    `json:"cut,omitempty"`    // there are more frames, further out, which were not read
	Sub      bool    `json:"sub,omitempty"`    // it is a thread of a subinterpreter: what it runs there
	Moved    bool    `json:"moved,omitempty"`  // pointers that led here had changed at the end: it may be seen in two states
	Limit    *Limit  `json:"limit,omitempty"`  // of the call in which it waits; nil: it has none, or that is not known
}

// Frame is a Python function that was entered.
type Frame struct {
	Func   string  `json:"function"` // qualified from 3.11 on
	File   string  `json:"file"`     // as its code says; may be relative, or "<string>"
	Line   int     `json:"line"`     // 0: its code has no line there
	Locals []Local `json:"locals,omitempty"`

	first int // line at which its code begins
}

// Local is a variable. Its value is never read.
type Local struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Task is one of trio or asyncio.
type Task struct {
	ID      int     `json:"id"`      // its index in Process.Tasks
	Library string  `json:"library"` // trio or asyncio
	Name    string  `json:"name"`
	Parent  int     `json:"parent"`  // the task whose nursery, group or await it is in; -1 none
	Nursery int     `json:"nursery"` // trio: which nursery of the parent, outermost first; -1 none
	State   string  `json:"state"`
	TID     int     `json:"tid,omitempty"` // the thread that runs it, or whose loop it belongs to; 0 unknown
	Chain   []Frame `json:"chain"`         // its await chain, outermost first; empty when it is over
	Cut     bool    `json:"cut,omitempty"` // there are more, further in, which were not read
	Waits   []Wait  `json:"waits"`         // empty: unknown, or it does not wait

	// Cancelled: a scope around it was cancelled, or the task; nil: nothing tells,
	// as of one of asyncio before 3.11 that has heard of it. Shielded: a shield
	// between that scope and the task keeps it from being delivered. Deaf: what it
	// waits for does not let itself be cancelled.
	Cancelled *bool `json:"cancelled"`
	Shielded  bool  `json:"shielded"`
	Deaf      bool  `json:"deaf"`

	// Deadline is how many seconds later a scope around a parked task of trio is to be
	// cancelled, negative: it should have been; nil: none is, or not known.
	// Endless: none is, as far as scopes go; false: one is, or not known.
	Deadline *float64 `json:"deadline_s,omitempty"`
	Endless  bool     `json:"endless,omitempty"`

	Schedules int64 `json:"schedules"`       // how often trio has run it; -1 unknown
	Ran       int64 `json:"ran"`             // how often during Options.Settle; -1 unknown
	Moved     bool  `json:"moved,omitempty"` // as of a Thread
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
	Kind  string `json:"kind"`
	FD    int    `json:"fd"`            // -1 none
	PID   int    `json:"pid,omitempty"` // 0 none
	Owner int    `json:"owner"`         // the task that holds it or has to act; -1 unknown
	// Candidates were seen to have the event, or the other end of the channel, at
	// hand. Others may, unseen; empty where the owner is known.
	Candidates []int  `json:"candidates,omitempty"`
	Detail     string `json:"detail,omitempty"` // what more is known: "2 senders open"; "" nothing
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
