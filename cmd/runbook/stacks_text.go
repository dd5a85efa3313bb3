package main

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/lazyregexp"
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
