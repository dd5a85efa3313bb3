package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"runbook/lazyregexp"
)

// stacksPage draws a stacksReport for people.
type stacksPage struct {
	w       io.Writer
	width   int
	cut     bool // lines end at width; where they go into a pipe they stay whole
	verbose bool
	color   bool
	rails   rails
}

// rails are what a tree is drawn with.
type rails struct{ fork, last, down, gap, dots, from string }

func railsOf(unicode bool) rails {
	if unicode {
		return rails{"├─ ", "└─ ", "│  ", "   ", "…", "←"}
	}
	return rails{"|- ", "`- ", "|  ", "   ", "...", "<-"}
}

const (
	inkBold   = "1"
	inkDim    = "2"
	inkYellow = "33"
)

func (p *stacksPage) ink(how, text string) string {
	if !p.color || text == "" {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

func (p *stacksPage) line(text string) {
	if p.cut {
		text = ansi.Truncate(text, p.width, p.rails.dots)
	}
	fmt.Fprintln(p.w, strings.TrimRight(text, " "))
}

func (p *stacksPage) draw(r *stacksReport) {
	first := true
	for i := range r.Trees {
		for j := range r.Trees[i].Processes {
			if !first {
				fmt.Fprintln(p.w)
			}
			first = false
			p.process(&r.Trees[i].Processes[j])
		}
	}
}

func (p *stacksPage) process(x *stacksProcess) {
	facts := x.Missing
	if x.Python != "" {
		facts = fmt.Sprintf("CPython %s, %s", x.Python, counted(len(x.Threads), "thread"))
		if len(x.Tasks) > 0 {
			facts += ", " + counted(len(x.Tasks), "task")
		}
	}
	p.flow("", "  ", p.ink(inkBold, fmt.Sprintf("%s (pid %d)", printable(x.Name), x.PID))+": "+facts)
	if x.Remedy != "" {
		p.flow("  ", "  ", "to see it: "+x.Remedy)
	}
	if cmdline := strings.Join(x.Cmdline, " "); cmdline != "" && x.Python != "" {
		p.line("  " + p.ink(inkDim, printable(cmdline)))
	}
	if x.Python == "" {
		return
	}
	if !x.Proved {
		p.flow("  ", "  ", p.ink(inkYellow, "it ran while it was read: what stands here may be of different moments"))
	}
	for _, n := range x.Notes {
		p.flow("  ", "  ", p.ink(inkYellow, n))
	}
	for i := range x.Threads {
		p.thread(&x.Threads[i])
	}
	p.tasks(x)
}

// flow writes text with an indent, wrapped where lines have an end.
func (p *stacksPage) flow(first, rest, text string) {
	if !p.cut {
		fmt.Fprintln(p.w, first+text)
		return
	}
	for i, l := range wrap(text, max(p.width-len(rest), 8)) {
		if i > 0 {
			first = rest
		}
		fmt.Fprintln(p.w, first+l)
	}
}

func (p *stacksPage) thread(t *stacksThread) {
	head := fmt.Sprintf("  thread %s", cmp.Or(t.Name, "unnamed"))
	if t.TID != nil {
		head += fmt.Sprintf(" (%d)", *t.TID)
	} else {
		head += " (of unknown id)"
	}
	if t.Sub {
		head += ", in a subinterpreter"
	}
	var how []string
	if t.In != "" {
		how = append(how, inWords(t.In))
	}
	if t.GIL {
		how = append(how, "holds the interpreter")
	}
	if len(t.Frames) == 0 {
		how = append(how, "runs no Python")
	}
	if len(how) > 0 {
		head += ": " + strings.Join(how, ", ")
	}
	p.line(head)
	const lead = "    "
	p.frames(lead, t.Frames, false)
	if t.Cut {
		p.flow(lead, lead, p.ink(inkYellow, fmt.Sprintf("%s and further out more calls than these %d: they were not read", p.rails.dots, len(t.Frames))))
	}
}

// frames draws calls, and the same one below itself once. Where all says so, also
// those of plumbing say at which source they stand.
func (p *stacksPage) frames(lead string, list []stacksFrame, all bool) {
	for i := 0; i < len(list); {
		f := &list[i]
		p.frame(lead, f, all || i == 0 || !isPlumbing(f.File))
		first := i
		for i++; i < len(list) && list[i] == *f; i++ {
		}
		if more := i - first - 1; more > 0 {
			p.line(lead + p.ink(inkDim, fmt.Sprintf("%s and %s there, below each other", p.rails.dots, counted(more, "more call"))))
		}
	}
}

func inWords(family string) string {
	switch family {
	case "running":
		return "runs"
	case "zombie":
		return "has ended"
	}
	return "in " + family
}

// frame draws a call, and the line of source at which it is where that says
// something.
func (p *stacksPage) frame(lead string, f *stacksFrame, says bool) {
	where := shortFile(f.File)
	if f.Line > 0 {
		where += fmt.Sprintf(":%d", f.Line)
	}
	function := f.Function
	if p.cut {
		function, where = p.fit(function, where, p.width-ansi.StringWidth(lead)-len(" ()"))
	}
	text := lead + function + p.ink(inkDim, " ("+where+")")
	if (!says && !p.verbose) || f.Text == "" {
		p.line(text)
		return
	}
	source := "  " + f.Text
	if room := p.width - ansi.StringWidth(text); p.cut && room < min(ansi.StringWidth(source), 40) {
		p.line(text)
		text = lead
	}
	p.line(text + p.ink(inkYellow, source))
}

// fit shortens what is too wide for room: first the directories of a file, then
// the name of the function. The end of each says more than its beginning, and
// where it is says the most.
func (p *stacksPage) fit(function, where string, room int) (string, string) {
	tail := func(text string, width int) string {
		over := ansi.StringWidth(text) - max(width, 0)
		if over <= 0 {
			return text
		}
		return ansi.TruncateLeft(text, over+ansi.StringWidth(p.rails.dots), p.rails.dots)
	}
	least := ansi.StringWidth(path.Base(where))
	if least < ansi.StringWidth(where) {
		least += ansi.StringWidth(p.rails.dots) + len("/")
	}
	where = tail(where, max(room-ansi.StringWidth(function), least))
	return tail(function, room-ansi.StringWidth(where)), where
}

var (
	libraries = lazyregexp.New(`^.*/(site|dist)-packages/`)
	standard  = lazyregexp.New(`^.*/lib/python[0-9.]+/`)
	engines   = lazyregexp.New(`/(trio|asyncio|outcome|sniffio|anyio)/[^/]`)
)

// shortFile is a file's path without where the interpreter keeps its libraries.
func shortFile(file string) string {
	for _, at := range []*regexp.Regexp{libraries(), standard()} {
		if short := at.ReplaceAllString(file, ""); short != file && short != "" {
			return short
		}
	}
	return file
}

// isPlumbing reports whether a file is of the standard library, or of what runs
// tasks: how a task waits is told in words, and whose code it is matters more.
func isPlumbing(file string) bool {
	return strings.HasPrefix(file, "<") || engines().MatchString(file) || standard().MatchString(file) && !libraries().MatchString(file)
}

func (p *stacksPage) tasks(x *stacksProcess) {
	byID := map[int]*stacksTask{}
	children := map[int][]*stacksTask{}
	var roots []*stacksTask
	for i := range x.Tasks {
		t := &x.Tasks[i]
		byID[t.ID] = t
		if t.Parent == nil {
			roots = append(roots, t)
		} else {
			children[*t.Parent] = append(children[*t.Parent], t)
		}
	}
	t := taskTree{stacksPage: p, byID: byID, children: children, drawn: map[int]bool{}}
	t.list("  ", roots)
}

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
