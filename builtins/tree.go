package builtins

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) tree() engine.Builtin {
	return engine.Builtin{
		Name: "tree",
		Doc: "A process tree as one value: to show, to sample, to clear away.\n\n" +
			"What belongs together is the recipe's to say: an orphan stays in the tree that it was born in, although its parent is another now.",
		Params: []engine.Arg{
			{Name: "root", Type: "process", Doc: "The topmost. It is a member, also when `processes` lacks it."},
			{Name: "processes", Type: "list of process", Default: "[]", Doc: "The members."},
			{Name: "what", Type: "dict of process to string", Default: "{}", Doc: "What each one does: a column of the drawing."},
			{Name: "doing", Type: "dict of process to string", Default: "{}", Doc: "What each one said that it was doing, such as the test that it ran."},
			{Name: "overdue", Type: "string", Default: `""`, Doc: "Why it should have ended by now. Empty: nobody says that."},
		},
		Returns: "tree",
		Example: `show(tree(root, members, what = {p: "stopped consuming"}))`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				root    oneProcess
				members processList
				what    *starlark.Dict
				doing   *starlark.Dict
				overdue string
			)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "root", &root, "processes?", &members, "what??", &what, "doing??", &doing, "overdue??", &overdue); err != nil {
				return nil, err
			}
			t := newTree(root.process, members, call.Findings)
			t.it.overdue = overdue
			if err := errors.Join(noteEach("what", what, t.it.what), noteEach("doing", doing, t.it.doing)); err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			w.mu.Lock()
			w.trees = append(w.trees, t)
			t.it.suite = w.hung[root.it.ID]
			w.mu.Unlock()
			return t, nil
		},
	}
}

type tree struct{ record[*treeFact] }

type treeFact struct {
	root      *process
	processes processList            // the root first, then as they started
	what      map[probe.ID]string    // for the drawing
	doing     map[probe.ID]string    // by its own account
	overdue   string                 // why it should have ended; "" = nobody says that
	suite     string                 // that it runs, of a hang; "" = none
	findings  func() []event.Finding // of the run, at the time of asking
}

func newTree(root *process, members processList, findings func() []event.Finding) *tree {
	f := &treeFact{root: root, what: map[probe.ID]string{}, doing: map[probe.ID]string{}, findings: findings}
	for _, p := range members {
		if p.it.ID != root.it.ID {
			f.processes = append(f.processes, p)
		}
	}
	slices.SortStableFunc(f.processes, func(a, b *process) int {
		return cmp.Or(cmp.Compare(a.it.Start, b.it.Start), cmp.Compare(a.it.PID, b.it.PID))
	})
	f.processes = append(processList{root}, f.processes...)
	return &tree{*newRecord(treeKind, f, "procfs", root.at)}
}

// noteEach reads a dict of process to string; nil is empty.
func noteEach(name string, said *starlark.Dict, notes map[probe.ID]string) error {
	if said == nil {
		return nil
	}
	for _, item := range said.Items() {
		p, isProcess := item[0].(*process)
		note, isText := starlark.AsString(item[1])
		if !isProcess || !isText {
			return fmt.Errorf("for parameter %q: want a dict of process to string", name)
		}
		notes[p.it.ID] = note
	}
	return nil
}

// faulted reports whether a fault of this run is about a process of the tree.
// Being the victim of a fault elsewhere is no reason to be cleared away.
func (t *treeFact) faulted() bool {
	if t.findings == nil {
		return false // while a file loads there is no run
	}
	members := map[string]bool{}
	for _, p := range t.processes {
		members[p.Subject().Key()] = true
	}
	return slices.ContainsFunc(culprits(t.findings()), func(s event.Subject) bool { return members[s.Key()] })
}

// culprits are the processes that the faults are about.
func culprits(findings []event.Finding) []event.Subject {
	var found []event.Subject
	for _, f := range findings {
		if f.Verdict != event.Fault {
			continue
		}
		if f.About != nil && f.About.Type == "process" {
			found = append(found, *f.About)
		}
		for _, m := range f.Members {
			if m.Type == "process" {
				found = append(found, m)
			}
		}
	}
	return found
}

var treeKind = &kind[*treeFact]{
	name: "tree",
	doc:  "A process tree.",
	text: func(t *treeFact) string {
		return fmt.Sprintf("%s, %d processes", subjectOf(t.root.it).Label(), len(t.processes))
	},
	fields: []field[*treeFact]{
		{name: "root", typ: "process", doc: "the topmost", get: func(t *treeFact) starlark.Value { return t.root }},
		{name: "name", typ: "string", doc: "what the root is called", get: func(t *treeFact) starlark.Value { return text(called(t.root.it)) }},
		{name: "processes", typ: "list of process", doc: "the root first, then in the order in which they started", get: func(t *treeFact) starlark.Value {
			return listOf(t.processes, func(p *process) starlark.Value { return p })
		}},
		{name: "overdue", typ: "string or None", doc: "why it should have ended by now; None: nobody says that", get: func(t *treeFact) starlark.Value { return orNone(t.overdue) }},
		{name: "doing", typ: "dict of process to string", doc: "what each one said that it was doing, such as the test that it ran; who said nothing is not in it", aside: true,
			get: func(t *treeFact) starlark.Value {
				said := starlark.NewDict(len(t.doing))
				for _, p := range t.processes {
					if note, ok := t.doing[p.it.ID]; ok {
						_ = said.SetKey(p, text(note)) // a process hashes
					}
				}
				return said
			}},
		{name: "faulted", typ: "function() → bool", doc: "a fault that this run has found so far is about a process of the tree, or has one among its members", aside: true,
			get: func(t *treeFact) starlark.Value {
				return method("faulted", func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
					if err := starlark.UnpackArgs("faulted", args, kwargs); err != nil {
						return nil, err
					}
					return truth(t.faulted()), nil
				})
			}},
	},
}

// Subject is the tree as one: its root.
func (t *tree) Subject() event.Subject { return t.it.root.Subject() }

// View draws the tree. A member whose parent is not one stands at the top,
// beside the root: that is how an orphan looks.
func (t *tree) View() event.View {
	view := event.View{Kind: "tree", Title: "Process tree of " + t.Subject().Label(), Columns: []string{"age", "state", "what"}}
	if t.it.suite != "" {
		view.Title += ", which runs " + t.it.suite
	}
	byPID := map[int]*process{}
	for _, p := range t.it.processes {
		byPID[p.it.PID] = p
	}
	children := map[int][]*process{}
	var top []*process
	for _, p := range t.it.processes {
		if parent := byPID[p.it.PPID]; parent != nil && parent != p {
			children[p.it.PPID] = append(children[p.it.PPID], p)
		} else {
			top = append(top, p)
		}
	}
	drawn := map[*process]bool{}
	var draw func(p *process, parent string)
	draw = func(p *process, parent string) {
		if drawn[p] {
			return
		}
		drawn[p] = true
		n := t.it.node(p, parent)
		view.Nodes = append(view.Nodes, n)
		for _, child := range children[p.it.PID] {
			draw(child, n.ID)
		}
	}
	for _, p := range top {
		draw(p, "")
	}
	for _, p := range t.it.processes {
		draw(p, "") // parents read at different times may point in a circle
	}
	return view
}

func (t *treeFact) node(p *process, parent string) event.Node {
	subject := p.Subject()
	what, ok := t.what[p.it.ID]
	if !ok {
		what = program(p.it)
	}
	return event.Node{
		ID: subject.Key(), Parent: parent, Label: subject.Label(), Subject: &subject,
		Cells: []string{age(p.it.Age), stateWord(p.it.State), what},
	}
}

// program is what a process runs, as far as its label does not say so.
func program(p *probe.Process) string {
	switch {
	case p.Zombie():
		return "ended, not reaped"
	case p.Actor.Population == "helper":
		return "multiprocessing helper"
	case p.Actor.Population != "" || len(p.Args) == 0:
		return ""
	}
	args := append([]string{filepath.Base(p.Args[0])}, p.Args[1:]...)
	return strings.Join(args, " ")
}

var stateWords = map[string]string{
	"R": "running", "S": "sleeping", "D": "disk wait", "T": "stopped", "t": "traced", "Z": "zombie", "X": "dead", "I": "idle",
}

func stateWord(state string) string {
	if word := stateWords[state]; word != "" {
		return word
	}
	return state
}

// age is a duration in two units at most: 8s, 12m03s, 3h02m, 5d07h.
func age(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds()) // as evidence has it: what boots is a second older at the second look
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}

var (
	_ engine.Viewer    = (*tree)(nil)
	_ engine.Subjecter = (*tree)(nil)
)
