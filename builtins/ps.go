package builtins

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) ps() engine.Builtin {
	return engine.Builtin{
		Name: "ps",
		Doc: "The processes of the machine, or those of a tree.\n\n" +
			"Command lines are split at NUL, never at columns; values that look like secrets are masked. " +
			"With `pid` and no `match` only the tree is read, however many processes there are beside it.",
		Params: []engine.Arg{
			{Name: "match", Type: "regexp or string", Default: "None", Doc: "Picks processes whose command line or name it finds. None picks all, unless `pid` is given."},
			{Name: "pid", Type: "list of int", Default: "[]", Doc: "Picks these. One that does not exist is an error."},
			{Name: "relatives", Type: "bool", Default: "True", Doc: "Adds the ancestors and descendants of what was picked, with `matched` False."},
		},
		Returns: "list of process, oldest first",
		Errors:  "a pid of `pid` does not exist; with `relatives`, it is init or a thread of the kernel, whose tree is the machine; /proc cannot be read",
		Example: `ps(match = "tractor")`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				match     pattern
				pids      pidList
				relatives = true
			)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "match??", &match, "pid??", &pids, "relatives?", &relatives); err != nil {
				return nil, err
			}
			query := probe.PSQuery{Match: match.re, PIDs: pids, Relatives: relatives, All: match.re == nil && len(pids) == 0}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				found, err := probe.PS(ctx, h, query)
				return listOf(found, func(p probe.Process) starlark.Value { return newProcess(p) }), err
			})
		},
	}
}

// process is one process, for its whole life: two readings of it are equal,
// and one key of a dict, when pid and start time are.
type process struct{ record[*probe.Process] }

func newProcess(p probe.Process) *process {
	return &process{*newRecord(processKind, &p, "procfs", p.At)}
}

var processKind = &kind[*probe.Process]{
	name: "process",
	doc:  "A process, as it was when it was read. Equal to another reading of the same process; serves as a key of a dict.",
	text: func(p *probe.Process) string {
		return strings.TrimSpace(fmt.Sprintf("%s pid %d", called(p), p.PID))
	},
	fields: []field[*probe.Process]{
		{name: "pid", typ: "int", get: func(p *probe.Process) starlark.Value { return integer(p.PID) }},
		{name: "label", typ: "string", doc: `name and pid, for people: "beta (pid 24377)"`, aside: true,
			get: func(p *probe.Process) starlark.Value { return text(subjectOf(p).Label()) }},
		{name: "name", typ: "string or None", doc: "the actor's name; None when it has none, or hides it",
			get: func(p *probe.Process) starlark.Value { return orNone(p.Actor.Name) }},
		{name: "uuid", typ: "string or None", doc: "the actor's uuid",
			get: func(p *probe.Process) starlark.Value { return orNone(p.Actor.UUID) }},
		{name: "population", typ: "string", doc: `how it says that it is an actor: "argv", "title", "comm", "mp"; "helper" of multiprocessing; "" it does not`,
			get: func(p *probe.Process) starlark.Value { return text(p.Actor.Population) }},
		{name: "parent_addr", typ: "string or None", doc: "where its parent actor listens, as its command line says",
			get: func(p *probe.Process) starlark.Value { return orNone(p.Actor.ParentAddr) }},
		{name: "ppid", typ: "int", doc: "1, or a subreaper's, once the parent is gone", get: func(p *probe.Process) starlark.Value { return integer(p.PPID) }},
		{name: "pgid", typ: "int", doc: "process group", aside: true, get: func(p *probe.Process) starlark.Value { return integer(p.PGID) }},
		{name: "sid", typ: "int", doc: "session; stays when the parent is gone", get: func(p *probe.Process) starlark.Value { return integer(p.SID) }},
		{name: "uid", typ: "int or None", doc: "real uid", get: func(p *probe.Process) starlark.Value { return unless(-1, p.UID) }},
		{name: "state", typ: "string", doc: "one letter, as ps prints it: R S D T t Z X I", get: func(p *probe.Process) starlark.Value { return text(p.State) }},
		{name: "comm", typ: "string", doc: "name in the kernel, cut at 15 bytes", get: func(p *probe.Process) starlark.Value { return text(p.Comm) }},
		{name: "args", typ: "list of string", doc: "argv; [] for zombies and kernel threads", aside: true,
			get: func(p *probe.Process) starlark.Value { return listOf(p.Args, text) }},
		{name: "cmdline", typ: "string", doc: "argv, joined with spaces", get: func(p *probe.Process) starlark.Value { return text(strings.Join(p.Args, " ")) }},
		{name: "started", typ: "time", get: func(p *probe.Process) starlark.Value { return moment(p.Started) }},
		{name: "start_ticks", typ: "int", doc: "start time in clock ticks since boot, as the kernel counts", aside: true,
			get: func(p *probe.Process) starlark.Value { return unsigned(p.Start) }},
		{name: "age", typ: "duration", get: func(p *probe.Process) starlark.Value { return span(p.Age) }},
		{name: "cpu", typ: "duration", doc: "processor time of all its threads so far", get: func(p *probe.Process) starlark.Value { return span(p.CPU) }},
		{name: "threads", typ: "int", doc: "how many", get: func(p *probe.Process) starlark.Value { return integer(p.Threads) }},
		{name: "cgroup", typ: "string or None", get: func(p *probe.Process) starlark.Value { return orNone(p.Cgroup) }},
		{name: "exe", typ: "string or None", doc: "the program's file", get: func(p *probe.Process) starlark.Value { return orNone(p.Exe) }},
		{name: "netns", typ: "string or None", doc: `network namespace: "net:[4026531840]"`, aside: true,
			get: func(p *probe.Process) starlark.Value { return orNone(p.NetNS) }},
		{name: "matched", typ: "bool", doc: "picked by `match` or `pid`, not merely a relative", aside: true,
			get: func(p *probe.Process) starlark.Value { return truth(p.Matched) }},
		{name: "above", typ: "bool", doc: "an ancestor of this run, such as the shell in which it was called: what that waits for is the run itself", aside: true,
			get: func(p *probe.Process) starlark.Value { return truth(p.Above) }},
		{name: "zombie", typ: "bool", doc: "has ended, and its parent has not asked how", aside: true,
			get: func(p *probe.Process) starlark.Value { return truth(p.Zombie()) }},
		{name: "stopped", typ: "bool", doc: "by a signal or a tracer", aside: true,
			get: func(p *probe.Process) starlark.Value { return truth(p.Stopped()) }},
		{name: "exit", typ: "string or None", doc: `of a zombie: how it ended, "SIGKILL" or "exit status 2"; None: with exit status 0, or we may not know`,
			get: func(p *probe.Process) starlark.Value { return orNone(exit(p)) }},
		{name: "tracer", typ: "int", doc: "pid of the debugger that is attached; 0 none", get: func(p *probe.Process) starlark.Value { return integer(p.Tracer) }},
	},
}

// exit names the wait status of a zombie: a signal in the low seven bits, an
// exit status above them. "" is 0.
func exit(p *probe.Process) string {
	switch signal := p.Exit & 0x7f; {
	case !p.Zombie() || p.Exit == 0:
		return ""
	case signal != 0:
		return signalName(signal)
	default:
		return fmt.Sprintf("exit status %d", p.Exit>>8&0xff)
	}
}

// Subject makes a process what a finding can be about.
func (p *process) Subject() event.Subject { return subjectOf(p.it) }

func subjectOf(p *probe.Process) event.Subject {
	return event.Subject{
		Type:      "process",
		PID:       p.PID,
		StartTime: p.Started.Format(time.RFC3339Nano),
		Name:      called(p),
		Cmdline:   p.Args,
	}
}

// called is what a person calls a process: the actor's name, the script or
// module that an interpreter runs, else the name in the kernel. "python3" says
// little in a tree of pythons.
func called(p *probe.Process) string {
	if p.Actor.Name != "" {
		return p.Actor.Name
	}
	if len(p.Args) > 1 && strings.HasPrefix(filepath.Base(p.Args[0]), "python") {
		for i := 1; i < len(p.Args); i++ {
			switch arg := p.Args[i]; {
			case arg == "-m" && i+1 < len(p.Args):
				return p.Args[i+1]
			case arg == "-W" || arg == "-X":
				i++ // takes a value
			case arg == "-c" || arg == "-":
				return p.Comm
			case !strings.HasPrefix(arg, "-"):
				return filepath.Base(arg)
			}
		}
	}
	return p.Comm
}

func (p *process) Hash() (uint32, error) {
	return uint32(p.it.PID)*2654435761 ^ uint32(p.it.Start) ^ uint32(p.it.Start>>32), nil
}

// CompareSameType knows == and != only: of two processes none is less.
func (p *process) CompareSameType(op syntax.Token, other starlark.Value, _ int) (bool, error) {
	q, ok := other.(*process)
	switch op {
	case syntax.EQL:
		return ok && p.it.ID == q.it.ID, nil
	case syntax.NEQ:
		return !ok || p.it.ID != q.it.ID, nil
	default:
		return false, fmt.Errorf("process %s process not implemented: sort them with key = lambda p: p.pid", op)
	}
}

var (
	_ starlark.Comparable = (*process)(nil)
	_ engine.Subjecter    = (*process)(nil)
	_ engine.Fielder      = (*process)(nil)
)
