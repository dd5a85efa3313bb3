package main

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// taskTree draws the tasks of one process.
type taskTree struct {
	*stacksPage
	byID     map[int]*stacksTask
	children map[int][]*stacksTask
	drawn    map[int]bool // a ring of parents, which nobody has met, must not hang us
}

// list draws siblings. Of such that stand at the same place for the same thing
// the first is drawn, and the others are named.
func (t *taskTree) list(lead string, siblings []*stacksTask) {
	alike := map[string][]*stacksTask{}
	var order []string
	for _, x := range siblings {
		key := t.key(x)
		if alike[key] == nil {
			order = append(order, key)
		}
		alike[key] = append(alike[key], x)
	}
	for i, key := range order {
		fork, down := t.rails.fork, t.rails.down
		if i == len(order)-1 {
			fork, down = t.rails.last, t.rails.gap
		}
		t.task(lead+fork, lead+down, alike[key])
	}
}

func (t *taskTree) key(x *stacksTask) string {
	if t.verbose || len(t.children[x.ID]) > 0 {
		return fmt.Sprint("#", x.ID)
	}
	var b strings.Builder
	fmt.Fprint(&b, x.Library, t.doing(x))
	for _, f := range x.Frames {
		fmt.Fprint(&b, f.File, f.Line, f.Function)
	}
	for i := range x.Waits {
		if owner := x.Waits[i].Owner; owner != nil {
			fmt.Fprint(&b, "#", *owner) // two tasks may have one name
		}
	}
	return b.String()
}

func (t *taskTree) task(first, rest string, alike []*stacksTask) {
	x := alike[0]
	if t.drawn[x.ID] {
		return
	}
	t.drawn[x.ID] = true
	name := t.ink(inkBold, cmp.Or(x.Name, "unnamed"))
	if n := len(alike) - 1; n > 0 {
		name += fmt.Sprintf(" (and %d more)", n)
	}
	lead := rest
	if len(t.children[x.ID]) > 0 {
		lead += t.rails.down
	} else {
		lead += t.rails.gap
	}
	t.flowTask(first, lead, name+": "+t.doing(x))
	shown, tail := x.Frames, []string(nil)
	if !t.verbose {
		shown, tail = own(x.Frames)
	}
	t.frames(lead, shown, true)
	if x.Cut {
		t.line(lead + t.ink(inkYellow, fmt.Sprintf("%s and further in more than these %d: they were not read", t.rails.dots, len(x.Frames))))
	}
	if len(tail) > 0 {
		t.line(lead + t.ink(inkDim, "awaits "+strings.Join(tail, " > ")))
	}
	t.list(rest, t.children[x.ID])
}

// flowTask wraps what a task does below its name.
func (t *taskTree) flowTask(first, rest, text string) {
	if !t.cut {
		fmt.Fprintln(t.w, first+text)
		return
	}
	room := t.width - ansi.StringWidth(rest)
	for i, l := range wrap(text, max(room, 12)) {
		if i > 0 {
			first = rest
		}
		fmt.Fprintln(t.w, first+l)
	}
}

// own are the frames that are not plumbing, and the functions behind the last
// of them.
func own(frames []stacksFrame) (shown []stacksFrame, tail []string) {
	for _, f := range frames {
		if !isPlumbing(f.File) {
			shown, tail = append(shown, f), nil
		} else {
			tail = append(tail, f.Function)
		}
	}
	return shown, tail
}

// doing says in a few words what a task does.
func (t *taskTree) doing(x *stacksTask) string {
	var said []string
	for i := range x.Waits {
		said = append(said, t.wait(&x.Waits[i]))
	}
	text := strings.Join(said, ", or ")
	switch n := t.circle(x); {
	case n == 2 && x.Waits[0].Kind == "lock":
		text += ", and that task for one that this holds"
	case n == 2:
		text += ", and that task for this"
	case n > 2:
		text += fmt.Sprintf(", in a circle of %d tasks", n)
	}
	switch {
	case x.State == "running" && x.TID > 0:
		text = fmt.Sprintf("runs on thread %d", x.TID)
	case x.State == "running":
		text = "runs"
	case x.State == "runnable":
		text = "could run"
	case text == "":
		text = "parked"
	}
	if x.Deadline != nil && x.State == "parked" {
		text = strings.Replace(text, waitWords["forever"], "sleeps until cancelled", 1) + "; " + deadline(*x.Deadline)
	}
	cancelled := x.Cancelled != nil && *x.Cancelled
	switch {
	case x.Shielded:
		text += "; cancelled, and shielded from that"
	case cancelled && x.Deaf:
		text += "; cancelled, which that does not hear"
	case cancelled:
		text += "; cancelled"
	}
	return text
}

// circle is how many tasks wait for each other in the circle that x is in, each for
// a lock of the next or for its end; 0: it is in none.
func (t *taskTree) circle(x *stacksTask) int {
	at := x
	for n := 1; n <= len(t.byID); n++ {
		if at.State != "parked" || len(at.Waits) != 1 || at.Waits[0].Owner == nil || at.Waits[0].Kind != "lock" && at.Waits[0].Kind != "task" {
			return 0
		}
		if at = t.byID[*at.Waits[0].Owner]; at == x {
			return n
		}
	}
	return 0
}

// deadline says when a scope around a task is cancelled, as coarsely as lets tasks
// that began together stand in one line.
func deadline(seconds float64) string {
	n := math.Abs(seconds)
	said := fmt.Sprintf("%.0f s", n)
	switch {
	case n >= 2*3600:
		said = fmt.Sprintf("%.0f h", n/3600)
	case n >= 120:
		said = fmt.Sprintf("%.0f min", n/60)
	}
	if seconds < 0 {
		return "its deadline passed " + said + " ago"
	}
	return "its deadline is in " + said
}

// waitWords say what a kind of wait is.
var waitWords = map[string]string{
	"read": "reads", "write": "writes",
	"lock": "waits for a lock", "semaphore": "waits for a semaphore", "capacity": "waits for capacity", "condition": "waits for a condition",
	"event": "waits for an event", "receive": "waits for what a channel brings", "send": "waits for room in a channel", "queue": "waits for a queue",
	"nursery": "waits for its children", "gather": "waits for what it gathers", "group": "waits for its group", "task": "waits for a task",
	"sleep": "sleeps", "forever": "sleeps for ever", "thread": "waits for a thread", "process": "waits for a process to end", "future": "waits for a future",
}

func (t *taskTree) wait(w *stacksWait) string {
	text := waitWords[w.Kind]
	switch {
	case text == "":
		text = cmp.Or(w.Detail, "parked")
	case w.FD != nil:
		text += fmt.Sprintf(" fd %d", *w.FD)
		if w.End != nil {
			text += t.end(w)
		}
	case w.PID > 0:
		text = fmt.Sprintf("waits for pid %d to end", w.PID)
	}
	if w.Owner == nil && (w.Kind == "receive" || w.Kind == "send") {
		return text + t.otherEnd(w)
	}
	if w.Owner == nil {
		return text
	}
	owner := t.byID[*w.Owner].Name
	switch w.Kind {
	case "task", "gather", "group":
		return "waits for task " + owner
	case "receive", "send":
		return text + ", at its other end: task " + owner
	}
	return text + " that task " + owner + " holds"
}

// otherEnd says with whom the other end of a channel was seen, of which nobody is
// known to be the only one who has it.
func (t *taskTree) otherEnd(w *stacksWait) string {
	const most = 3
	var names []string
	for _, id := range w.Candidates[:min(most, len(w.Candidates))] {
		names = append(names, t.byID[id].Name)
	}
	switch n := len(w.Candidates); {
	case n == 1:
		return "; its other end was seen with task " + names[0]
	case n > most:
		return fmt.Sprintf("; its other end was seen with tasks %s and %d more", strings.Join(names, ", "), n-most)
	case n > 1:
		return "; its other end was seen with tasks " + strings.Join(names, ", ")
	case w.Detail != "":
		return " (" + w.Detail + ")"
	}
	return ""
}

// end says where a descriptor leads, and what of it lies there.
func (t *taskTree) end(w *stacksWait) string {
	to := map[string]string{"read": " from ", "write": " to "}[w.Kind]
	text := to + printable(w.End.What)
	if w.Kind == "write" && w.End.Unread > 0 {
		text += fmt.Sprintf(", where %d bytes lie unread", w.End.Unread)
		if w.End.Readers != nil && len(w.End.Readers) == 0 {
			text += " and no task reads them"
		}
	}
	return text
}
