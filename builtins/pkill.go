package builtins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) pkill() engine.Builtin {
	return engine.Builtin{
		Name: "pkill",
		Doc: "Ends a process tree, politely first: SIGINT to the root, then SIGINT, SIGTERM and SIGKILL to those that are left.\n\n" +
			"It ends only trees in which this run has found a fault, only processes that are still the ones that were looked at, and never ourselves or our ancestors. " +
			"Rungs that a process ignores are left out for it. When several trees have a fault, the user must have named one with `--pid` or `--match`.",
		Params: []engine.Arg{
			{Name: "target", Type: "tree, or list of process", Doc: "What is to end; also one process."},
			{Name: "grace", Type: "duration", Default: `"5s"`, Doc: "How long to wait after each rung."},
			{Name: "force", Type: "bool", Default: "False", Doc: "Ends trees in which a process is at a prompt, where a person may sit."},
		},
		Returns: "cleared; to find nothing to end is no failure",
		Errors:  "denied: no fault in the tree, several trees, not granted, the processes are those of a snapshot",
		Example: `pkill(t, grace = "5s")`,
		Effect:  engine.Kill,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				targets processList
				grace   = startime.Duration(5 * time.Second)
				force   bool
			)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "target", &targets, "grace?", &grace, "force?", &force); err != nil {
				return nil, err
			}
			if grace <= 0 {
				return nil, fmt.Errorf("%s: for parameter \"grace\": %s is no time at all", call.Name, grace)
			}
			request := probe.KillRequest{Targets: targets.probe(), Grace: time.Duration(grace), Force: force, Progress: call.Progress}
			return w.clear(call, targets, request)
		},
	}
}

// clear shows what would be hit, asks for the grant, and only then acts.
func (w *world) clear(call *engine.Call, targets processList, request probe.KillRequest) (starlark.Value, error) {
	if w.host == nil {
		return nil, &blind{probe: call.Name, err: errNoHost}
	}
	if err := w.mayClear(call, targets); err != nil {
		return nil, err
	}
	request.Paused = w.paused(call, targets)

	request.DryRun = true
	plan, err := probe.Kill(call.Context, w.host, request)
	if err != nil {
		return nil, err
	}
	view := planView(plan)
	if call.DryRun {
		call.Show(view)
		return newCleared(plan, w.host.Now()), nil
	}
	if len(plan.Plan)+len(plan.Refused) == 0 {
		return newCleared(plan, w.host.Now()), nil
	}
	if w.host.Act() == nil {
		return nil, &engine.Denied{Effect: engine.Kill, What: view, Reason: "nothing can be ended here: the processes are not those of this machine, now", ByHand: new(string)}
	}
	// Also when all are spared: who did not ask for an end need not hear that
	// there was none.
	if err := call.Confirm(engine.Kill, view); err != nil {
		if denied := (*engine.Denied)(nil); errors.As(err, &denied) {
			typed := byHand(plan.Plan, request.Grace)
			denied.ByHand = &typed
		}
		return nil, err
	}
	if len(plan.Plan) == 0 {
		return newCleared(plan, w.host.Now()), nil
	}
	request.DryRun = false
	report, err := probe.Kill(call.Context, w.host, request)
	report.Plan = plan.Plan
	return newCleared(report, w.host.Now()), err
}

// mayClear holds the rule that a run ends only what it has found at fault.
func (w *world) mayClear(call *engine.Call, targets processList) error {
	guilty := map[string]bool{}
	for _, s := range culprits(call.Findings()) {
		guilty[s.Key()] = true
	}
	faulted := map[probe.ID]bool{}   // processes of trees with a fault
	roots := map[probe.ID]*process{} // of these trees
	below := map[probe.ID]bool{}     // members that are not the root of theirs
	w.mu.Lock()
	for _, t := range w.trees {
		if !t.it.faulted() {
			continue
		}
		root := t.it.root
		roots[root.it.ID] = root
		for _, p := range t.it.processes {
			faulted[p.it.ID] = true
			below[p.it.ID] = below[p.it.ID] || p != root
		}
	}
	w.mu.Unlock()
	for id := range roots {
		if below[id] {
			delete(roots, id) // a branch that the recipe made a tree of its own
		}
	}
	for _, p := range targets {
		if !faulted[p.it.ID] && !guilty[p.Subject().Key()] {
			return &engine.Denied{Effect: engine.Kill, Reason: fmt.Sprintf("%s is spared: this run found no fault in its tree", p.Subject().Label()), ByHand: new(string)}
		}
	}
	if len(roots) > 1 && !call.Given["pid"] && !call.Given["match"] {
		var names []string
		for _, p := range roots {
			names = append(names, p.Subject().Label())
		}
		slices.Sort(names)
		return &engine.Denied{Effect: engine.Kill, Reason: fmt.Sprintf("%d trees have a fault (%s): say which one with --pid or --match", len(names), strings.Join(names, ", ")), ByHand: new(string)}
	}
	return nil
}

// paused finds processes at a debugger's prompt: a person may sit there. Only
// Python and actors have one. A shell that waits at its own is a program of the
// tree like any other; the one that a person types in is an ancestor of ours,
// and spared as such.
func (w *world) paused(call *engine.Call, targets processList) map[probe.ID]bool {
	found := map[probe.ID]bool{}
	for _, p := range targets {
		if p.it.Actor.Population == "" && !p.it.Python() {
			continue
		}
		open, err := probe.FDs(call.Context, w.host, p.it.PID)
		if err != nil {
			continue // it has ended, or its terminal is none of ours to know
		}
		threads, err := probe.Threads(call.Context, w.host, p.it.PID, open)
		if err != nil {
			continue
		}
		terminal := slices.ContainsFunc(open, func(f probe.FD) bool { return f.Num == 0 && f.Kind == "tty" })
		for _, t := range threads {
			if atPrompt(&t, terminal, t.TID == p.it.PID) {
				found[p.it.ID] = true
			}
		}
	}
	return found
}

// atPrompt reports whether a thread waits for what a person types: it reads a
// terminal, or is a line editor, which waits in select over descriptor 0 alone
// before it reads. A debugger may sit in any thread. Without the right to see
// that call any such wait of the main one counts: force overrules a process that
// was spared in vain.
func atPrompt(t *probe.Thread, terminal, main bool) bool {
	switch {
	case t.Family == "tty":
		return t.Syscall != "write" && t.Syscall != "writev"
	case t.Family != "poll" || !terminal:
		return false
	case t.Syscall == "select" || t.Syscall == "pselect6":
		return t.Args[0] == 1 // one more than the highest descriptor
	default:
		return main && t.Syscall == ""
	}
}

// byHand is the plan as a person would type it: SIGINT to the roots, then each
// signal to whoever does not ignore it.
func byHand(plan []probe.Step, grace time.Duration) string {
	planned := map[int]bool{}
	for _, s := range plan {
		planned[s.PID] = true
	}
	var rungs []string
	for _, signal := range []string{"SIGINT", "SIGTERM", "SIGKILL"} {
		var pids strings.Builder
		for _, s := range plan {
			if slices.Contains(s.Signals, signal) && (signal != "SIGINT" || !planned[s.PPID]) {
				fmt.Fprintf(&pids, " %d", s.PID)
			}
		}
		if pids.Len() > 0 {
			rungs = append(rungs, "kill -"+strings.TrimPrefix(signal, "SIG")+pids.String())
		}
	}
	return strings.Join(rungs, fmt.Sprintf("; sleep %.0f; ", max(1, grace.Seconds())))
}

// planView shows exactly what would be hit.
func planView(plan probe.KillReport) event.View {
	view := event.View{Kind: "table", Title: "To be ended", Columns: []string{"age", "signals", "command"}, Nodes: []event.Node{}}
	row := func(p probe.Process, what string) {
		subject := subjectOf(&p)
		view.Nodes = append(view.Nodes, event.Node{ID: subject.Key(), Label: subject.Label(), Subject: &subject,
			Cells: []string{age(p.Age), what, strings.Join(p.Args, " ")}})
	}
	for _, s := range plan.Plan {
		what := strings.Join(s.Signals, " → ")
		if s.Why != "" {
			what += " (" + s.Why + ")"
		}
		row(s.Process, what)
	}
	for i, r := range plan.Refused {
		row(r.Process, sparedAs(plan.Refused[:i], r))
	}
	return view
}

// sparedAs says why r is spared, once: a whole tree is for the one reason.
func sparedAs(before []probe.Refusal, r probe.Refusal) string {
	if n := len(before); n > 0 && before[n-1].Why == r.Why {
		return "spared likewise"
	}
	return "spared: " + r.Why
}

// cleared is what pkill returns: show(pkill(t)) draws it.
type cleared struct{ record[*probe.KillReport] }

func newCleared(r probe.KillReport, at time.Time) *cleared {
	return &cleared{*newRecord(clearedKind, &r, "", at)}
}

// View tells of each process what became of it.
func (c *cleared) View() event.View {
	view := event.View{Kind: "table", Title: "Ended", Columns: []string{"age", "what became of it"}, Nodes: []event.Node{}}
	row := func(p probe.Process, what string) {
		subject := subjectOf(&p)
		view.Nodes = append(view.Nodes, event.Node{ID: subject.Key(), Label: subject.Label(), Subject: &subject, Cells: []string{age(p.Age), what}})
	}
	for _, e := range c.it.Ended {
		how := "ended by " + e.Rung
		if !strings.HasPrefix(e.Rung, "SIG") {
			how = "ended " + e.Rung
		}
		row(e.Process, fmt.Sprintf("%s after %s", how, e.After.Round(time.Millisecond)))
	}
	for _, s := range c.it.Survived {
		row(s.Process, "survived: "+s.Why)
	}
	for i, r := range c.it.Refused {
		row(r.Process, sparedAs(c.it.Refused[:i], r))
	}
	return view
}

var _ engine.Viewer = (*cleared)(nil)

var clearedKind = &kind[*probe.KillReport]{
	name: "cleared",
	doc:  "What became of every process that was to end. `show` draws it.",
	text: func(r *probe.KillReport) string {
		return fmt.Sprintf("%d ended, %d survived, %d refused", len(r.Ended), len(r.Survived), len(r.Refused))
	},
	fields: []field[*probe.KillReport]{
		{name: "ended", typ: "list of ending", get: func(r *probe.KillReport) starlark.Value {
			return listOf(r.Ended, func(e probe.Ending) starlark.Value { return newRecord(endingKind, e, "", time.Time{}) })
		}},
		{name: "survived", typ: "list of spared", doc: "still there after the last rung", get: func(r *probe.KillReport) starlark.Value {
			return listOf(r.Survived, func(s probe.Survivor) starlark.Value {
				return newRecord(sparedKind, spared{s.Process, s.Why}, "", time.Time{})
			})
		}},
		{name: "refused", typ: "list of spared", doc: "never signalled", get: func(r *probe.KillReport) starlark.Value {
			return listOf(r.Refused, func(s probe.Refusal) starlark.Value {
				return newRecord(sparedKind, spared{s.Process, s.Why}, "", time.Time{})
			})
		}},
		{name: "plan", typ: "list of planned", doc: "root first; all there is in a dry run", aside: true, get: func(r *probe.KillReport) starlark.Value {
			return listOf(r.Plan, func(s probe.Step) starlark.Value { return newRecord(plannedKind, s, "", time.Time{}) })
		}},
	},
}

var endingKind = &kind[probe.Ending]{
	name: "ending",
	doc:  "A process that has ended.",
	text: func(e probe.Ending) string { return subjectOf(&e.Process).Label() + " " + e.Rung },
	fields: []field[probe.Ending]{
		{name: "process", typ: "process", get: func(e probe.Ending) starlark.Value { return newProcess(e.Process) }},
		{name: "rung", typ: "string", doc: `SIGINT, SIGTERM, SIGKILL: the rung being climbed when it ended; or "by itself"`, get: func(e probe.Ending) starlark.Value { return text(e.Rung) }},
		{name: "after", typ: "duration", doc: "since the first signal", get: func(e probe.Ending) starlark.Value { return span(e.After) }},
	},
}

type spared struct {
	probe.Process
	why string
}

var sparedKind = &kind[spared]{
	name: "spared",
	doc:  "A process that is still there.",
	text: func(s spared) string { return subjectOf(&s.Process).Label() + ": " + s.why },
	fields: []field[spared]{
		{name: "process", typ: "process", get: func(s spared) starlark.Value { return newProcess(s.Process) }},
		{name: "why", typ: "string", get: func(s spared) starlark.Value { return text(s.why) }},
	},
}

var plannedKind = &kind[probe.Step]{
	name: "planned",
	doc:  "What would be done about one process for as long as it lives.",
	text: func(s probe.Step) string { return subjectOf(&s.Process).Label() + " " + strings.Join(s.Signals, " ") },
	fields: []field[probe.Step]{
		{name: "process", typ: "process", get: func(s probe.Step) starlark.Value { return newProcess(s.Process) }},
		{name: "signals", typ: "list of string", doc: "in order", get: func(s probe.Step) starlark.Value { return listOf(s.Signals, text) }},
		{name: "why", typ: "string", doc: `why a rung is left out; ""`, get: func(s probe.Step) starlark.Value { return text(s.Why) }},
	},
}
