package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
	"runbook/engine/event"
)

const stacksSchema = "runbook/stacks/v1"

// stacksReport is what `stacks --json` prints. Readers ignore fields that they
// do not know; fields are never renamed.
type stacksReport struct {
	Schema string       `json:"schema"`
	Host   string       `json:"host"`
	At     time.Time    `json:"at"`
	Trees  []stacksTree `json:"trees"`
}

type stacksTree struct {
	Root      int             `json:"root"`
	Processes []stacksProcess `json:"processes"` // the root first, parents before children
}

// stacksProcess is one process. Python is "" where Missing says why.
type stacksProcess struct {
	PID     int      `json:"pid"`
	PPID    int      `json:"ppid"`
	Name    string   `json:"name"`
	Cmdline []string `json:"cmdline"`
	State   string   `json:"state"` // one letter, as ps prints it

	Python  string         `json:"python,omitempty"`
	Proved  bool           `json:"proved"`        // it is the state of one moment
	Ran     []int          `json:"ran,omitempty"` // threads that ran meanwhile, where it is not
	Threads []stacksThread `json:"threads"`
	Tasks   []stacksTask   `json:"tasks"` // parents before children
	Notes   []string       `json:"notes,omitempty"`

	Missing string `json:"missing,omitempty"` // why there is no Python to show
	Remedy  string `json:"remedy,omitempty"`
	Blind   bool   `json:"blind,omitempty"` // there may be one, and it could not be read
}

type stacksThread struct {
	TID    *int          `json:"tid"` // null: not known
	Name   string        `json:"name,omitempty"`
	Sub    bool          `json:"subinterpreter,omitempty"` // this is what it runs there
	GIL    bool          `json:"holds_gil"`
	In     string        `json:"in,omitempty"`  // what the kernel has it wait for, see thread.family
	Frames []stacksFrame `json:"frames"`        // innermost first
	Cut    bool          `json:"cut,omitempty"` // there are more, further out, which were not read
}

type stacksFrame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Text     string `json:"text,omitempty"` // that line of the source; notes say why it is missing
}

type stacksTask struct {
	ID        int           `json:"id"`
	Library   string        `json:"library"`
	Name      string        `json:"name"`
	Parent    *int          `json:"parent"` // null: none
	State     string        `json:"state"`
	TID       int           `json:"tid,omitempty"`        // of the thread that runs it, or whose loop it belongs to
	Cancelled *bool         `json:"cancelled"`            // it was, or a scope around it; null: nothing tells
	Shielded  bool          `json:"shielded"`             // and a shield keeps that from it
	Deaf      bool          `json:"deaf"`                 // what it waits for cannot be cancelled
	Deadline  *float64      `json:"deadline_s,omitempty"` // seconds until a scope around it is cancelled; negative: it should have been
	Schedules *int64        `json:"schedules"`            // how often it ran; null: nobody counts
	Frames    []stacksFrame `json:"frames"`               // outermost first: the last is where it is
	Cut       bool          `json:"cut,omitempty"`        // there are more, further in, which were not read
	Waits     []stacksWait  `json:"waits"`
}

type stacksWait struct {
	Kind  string     `json:"kind"`
	FD    *int       `json:"fd,omitempty"`
	PID   int        `json:"pid,omitempty"`   // process that is to end
	End   *stacksEnd `json:"end,omitempty"`   // what the descriptor leads to
	Owner *int       `json:"owner,omitempty"` // task that holds it, or alone has its other end
	// Candidates are tasks that were seen to have the event, or the other end of the
	// channel, where nobody is known to be the only one.
	Candidates []int  `json:"candidates,omitempty"`
	Detail     string `json:"detail,omitempty"`
}

// stacksEnd is the other end of a descriptor that a task waits for.
type stacksEnd struct {
	What   string `json:"what"` // an address, a process, a pipe
	PID    int    `json:"pid,omitempty"`
	FD     int    `json:"fd,omitempty"`
	Unread int    `json:"unread,omitempty"` // bytes that lie at the process there
	// Readers are the tasks there that wait to read it; null: not known.
	Readers []int `json:"readers"`
}

func newStacksProcess(r *probe.Reading, a *pystack.Answer, err error, ends *ends) stacksProcess {
	p := r.Process
	out := stacksProcess{PID: p.PID, PPID: p.PPID, Name: ends.called(p.PID), Cmdline: p.Args, State: p.State, Threads: []stacksThread{}, Tasks: []stacksTask{}}
	switch {
	case r.Gone:
		out.Missing = "it has ended"
	case p.Zombie():
		out.Missing = "it has ended, and nobody has reaped it"
	case errors.Is(err, pystack.ErrNotPython):
		out.Missing = "no Python"
	case errors.Is(err, pystack.ErrNoMemory):
		out.Missing, out.Blind = "its Python is not in the capture: runbook capture --with-memory keeps that of all", true
	case err != nil:
		out.Missing, out.Blind = strings.TrimPrefix(err.Error(), fmt.Sprintf("read Python's memory of %d: ", p.PID)), true
	}
	if a == nil {
		return out
	}
	x := a.Process
	out.Python, out.Proved, out.Ran, out.Notes = x.Python, x.Proof.Proved, x.Proof.Ran, x.Notes
	families := map[int]string{}
	for _, t := range r.Threads {
		families[t.TID] = t.Family
	}
	for _, t := range x.Threads {
		thread := stacksThread{Name: t.Name, Sub: t.Sub, GIL: t.HoldsGIL, In: families[t.TID], Frames: framesIn(a, t.Frames), Cut: t.Cut}
		if t.TID != 0 {
			thread.TID = &t.TID
		}
		out.Threads = append(out.Threads, thread)
	}
	ids := map[int]bool{}
	for i := range x.Tasks {
		ids[x.Tasks[i].ID] = true
	}
	for i := range x.Tasks {
		out.Tasks = append(out.Tasks, newStacksTask(a, &x.Tasks[i], ids, r, ends))
	}
	return out
}

func newStacksTask(a *pystack.Answer, t *pystack.Task, ids map[int]bool, r *probe.Reading, ends *ends) stacksTask {
	out := stacksTask{ID: t.ID, Library: t.Library, Name: t.Name, State: t.State, TID: t.TID, Cancelled: t.Cancelled, Shielded: t.Shielded, Deaf: t.Deaf, Deadline: t.Deadline,
		Frames: framesIn(a, t.Chain), Cut: t.Cut, Waits: []stacksWait{}}
	if t.Schedules >= 0 {
		out.Schedules = &t.Schedules
	}
	if ids[t.Parent] {
		out.Parent = &t.Parent
	}
	for i := range t.Waits {
		w := &t.Waits[i]
		wait := stacksWait{Kind: w.Kind, PID: w.PID, Detail: w.Detail}
		if onDescriptor(w) {
			wait.FD, wait.End = &w.FD, ends.of(r, w)
		}
		if ids[w.Owner] {
			wait.Owner = &w.Owner
		}
		for _, id := range w.Candidates {
			if ids[id] {
				wait.Candidates = append(wait.Candidates, id)
			}
		}
		out.Waits = append(out.Waits, wait)
	}
	return out
}

func onDescriptor(w *pystack.Wait) bool {
	return (w.Kind == "read" || w.Kind == "write") && w.FD >= 0
}

func framesIn(a *pystack.Answer, frames []pystack.Frame) []stacksFrame {
	out := make([]stacksFrame, len(frames))
	for i, f := range frames {
		out[i] = stacksFrame{f.Func, f.File, f.Line, a.Lines[f.File][f.Line]}
	}
	return out
}

// blind reports whether some Python could not be read.
func (r *stacksReport) blind() bool {
	for _, t := range r.Trees {
		for i := range t.Processes {
			if t.Processes[i].Blind {
				return true
			}
		}
	}
	return false
}

// ends knows what lies at the other end of the descriptors of some processes.
type ends struct {
	readings map[int]*probe.Reading
	answers  map[int]*pystack.Answer
	as       map[int]event.Subject
}

func newEnds(readings []probe.Reading, answers []*pystack.Answer, as map[int]event.Subject) *ends {
	e := &ends{readings: map[int]*probe.Reading{}, answers: map[int]*pystack.Answer{}, as: as}
	for i := range readings {
		pid := readings[i].Process.PID
		e.readings[pid], e.answers[pid] = &readings[i], answers[i]
	}
	return e
}

// called is what a person calls a process, without its pid.
func (e *ends) called(pid int) string {
	if s, ok := e.as[pid]; ok && s.Name != "" {
		return s.Name
	}
	if r := e.readings[pid]; r != nil {
		return r.Process.Comm
	}
	return ""
}

// of is the other end of what a task waits for; nil: not known.
func (e *ends) of(r *probe.Reading, w *pystack.Wait) *stacksEnd {
	for i := range r.Sockets {
		s := &r.Sockets[i]
		if s.FD != w.FD {
			continue
		}
		switch {
		case s.Listening():
			return &stacksEnd{What: "connections to " + s.Local}
		case s.PeerPID == r.Process.PID:
			return &stacksEnd{What: "itself", PID: s.PeerPID, FD: s.PeerFD}
		case s.PeerPID > 0:
			return e.at(s)
		case s.Remote != "":
			return &stacksEnd{What: s.Remote}
		}
		return nil
	}
	for i := range r.FDs {
		if fd := &r.FDs[i]; fd.Num == w.FD && fd.Kind != "socket" {
			return &stacksEnd{What: fd.Link}
		}
	}
	return nil
}

// at is the end of s that another process of ours has.
func (e *ends) at(s *probe.Socket) *stacksEnd {
	end := &stacksEnd{What: fmt.Sprintf("%s (pid %d)", e.called(s.PeerPID), s.PeerPID), PID: s.PeerPID, FD: s.PeerFD}
	peer := e.readings[s.PeerPID]
	if peer == nil {
		return end
	}
	for i := range peer.Sockets {
		if q := &peer.Sockets[i]; q.FD == s.PeerFD {
			end.Unread = max(q.RecvQ, 0)
		}
	}
	if a := e.answers[s.PeerPID]; a != nil {
		end.Readers = []int{}
		for i := range a.Process.Tasks {
			for _, w := range a.Process.Tasks[i].Waits {
				if w.Kind == "read" && w.FD == s.PeerFD {
					end.Readers = append(end.Readers, a.Process.Tasks[i].ID)
				}
			}
		}
	}
	return end
}
