package builtins

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) boot() engine.Builtin {
	return engine.Builtin{
		Name: "boot",
		Doc: "Brings a program up, lets the recipe look at it while it lives, ends it, and tells what is left. Nothing of its tree is left then.\n\n" +
			"It gets a session of its own, the signals that a terminal would give it, and a private directory for which `{dir}` stands in `args` and `env`. " +
			"`up` is called with its tree again and again, until it returns true; then the program alone gets SIGINT, and its tree has `grace` to end. Outcomes:\n\n" +
			"- `interrupted`: it came up, got SIGINT, and ended; `ended`: it ended by itself\n" +
			"- `hang`: its time was over, and it had neither come up nor ended; `end-hang`: it had come up, and did not end\n\n" +
			"Before a tree that hangs is ended, `on_hang` is called with it, and a capture of it is saved beside the record: `evidence`.",
		Params: []engine.Arg{
			{Name: "args", Type: "list of string", Doc: "The program and its arguments."},
			{Name: "up", Type: "function(tree)", Default: "None", Doc: "Says whether it has come up. None: it is to end by itself."},
			{Name: "ends", Type: "bool", Default: "False", Doc: "Its own end is waited for also when it has come up: no SIGINT."},
			{Name: "timeout", Type: "duration", Default: `"60s"`, Doc: "For coming up, or for ending by itself."},
			{Name: "grace", Type: "duration", Default: `"10s"`, Doc: "From SIGINT to its end, and from SIGTERM to SIGKILL."},
			{Name: "files", Type: "dict of string to string", Default: "{}", Doc: "Names and texts of files for the private directory."},
			{Name: "env", Type: "dict of string to string", Default: "{}", Doc: "Added to the environment; None takes a name away."},
			{Name: "dir", Type: "string", Default: `""`, Doc: "Where it runs. Empty: here."},
			{Name: "trace", Type: "bool", Default: "False", Doc: "Python programs of the tree note the addresses that they dial and bind: `dialled`."},
			{Name: "on_hang", Type: "function(tree)", Default: "None", Doc: "Called before a tree that hangs is ended; what it finds are findings of this run. It has 30 seconds."},
		},
		Returns: "booted",
		Errors:  "the program could not be started; `up` or `on_hang` fails",
		Example: `boot(["python3", "app.py"], up = lambda t: "alpha" in [p.name for p in t.processes])`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				run        probe.BootRun
				argv       *starlark.List
				up, onHang starlark.Value
				timeout    = startime.Duration(60 * time.Second)
				grace      = startime.Duration(10 * time.Second)
				files, env *starlark.Dict
			)
			err := starlark.UnpackArgs(call.Name, args, kwargs, "args", &argv, "up??", &up, "ends?", &run.Ends, "timeout??", &timeout, "grace??", &grace,
				"files??", &files, "env??", &env, "dir??", &run.Dir, "trace?", &run.Trace, "on_hang??", &onHang)
			b := &booting{world: w, call: call}
			b.watch = &hangWatch{world: w, call: call, stand: b.stand}
			if err == nil {
				run.Args, err = stringList("args", argv)
			}
			if err == nil {
				run.Env, err = environment(env)
			}
			if err == nil {
				run.Files, err = textsOf("files", files)
			}
			if err == nil {
				b.up, err = callback("up", up)
			}
			if err == nil {
				b.watch.say, err = callback("on_hang", onHang)
			}
			run.Timeout, run.Grace = time.Duration(timeout), time.Duration(grace)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", call.Name, strip(err, call.Name))
			case len(run.Args) == 0 || run.Args[0] == "":
				return nil, fmt.Errorf("%s: for parameter \"args\": it names no program", call.Name)
			case run.Timeout <= 0:
				return nil, fmt.Errorf("%s: for parameter \"timeout\": %s is no time at all", call.Name, timeout)
			case run.Grace <= 0:
				return nil, fmt.Errorf("%s: for parameter \"grace\": %s is no time at all", call.Name, grace)
			}
			b.run = run
			return b.do()
		},
	}
}

// textsOf takes a dict of string to string.
func textsOf(name string, d *starlark.Dict) (map[string]string, error) {
	out := map[string]string{}
	if d == nil {
		return out, nil
	}
	for _, item := range d.Items() {
		key, isKey := starlark.AsString(item[0])
		value, isText := starlark.AsString(item[1])
		if !isKey || !isText {
			return nil, fmt.Errorf("for parameter %q: got %s: %s, want string: string", name, item[0].Type(), item[1].Type())
		}
		out[key] = value
	}
	return out, nil
}

// booting is one boot: its functions are called by the step's own goroutine.
type booting struct {
	world *world
	call  *engine.Call
	run   probe.BootRun
	up    starlark.Callable
	watch *hangWatch

	began time.Time
	tree  int   // processes at the last look
	came  bool  // it was up
	err   error // of the recipe's function
}

// name is what the program is called in a line: its script, if it has one.
func (b *booting) name() string {
	for _, a := range b.run.Args[1:] {
		if strings.HasSuffix(a, ".py") {
			return filepath.Base(a)
		}
	}
	return filepath.Base(b.run.Args[0])
}

func (b *booting) do() (starlark.Value, error) {
	w, call := b.world, b.call
	b.watch.suite = b.name()
	if w.host == nil {
		return nil, &blind{probe: call.Name, err: errNoHost}
	}
	if call.DryRun {
		return nil, call.Confirm(engine.Run, b.plan())
	}
	if w.host.Act() == nil {
		return nil, &engine.Denied{Effect: engine.Run, What: b.plan(), Reason: "nothing can be run here: what is looked at is not this machine, now"}
	}
	defer awaited(call, "boot "+b.name())()
	b.began = time.Now()
	b.run.OnHang = func(ctx context.Context, tree []probe.ID) {
		b.watch.over = b.overdue()
		b.watch.look(ctx, tree, nil)
	}
	if b.up != nil {
		b.run.Until = b.isUp
	}
	var booted probe.Booted
	at := w.host.Now()
	_, err := w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		run := b.run
		if run.Until != nil {
			run.Until = func(ctx context.Context, tree []probe.ID) bool {
				up := b.isUp(ctx, tree)
				if b.err != nil {
					cancel() // no use in going on
				}
				return up
			}
		}
		var err error
		booted, err = probe.BootUp(ctx, h, run)
		return nil, err
	})
	switch {
	case b.err != nil:
		return nil, b.err
	case b.watch.err != nil:
		return nil, b.watch.err
	case err != nil:
		return nil, err
	}
	return newRecord(bootedKind, &bootedFact{Booted: booted, evidence: b.watch.evidence}, "boot", at), nil
}

// overdue is why the tree should have ended; "" when it was to come up.
func (b *booting) overdue() string {
	switch {
	case b.run.Until != nil && !b.came && !b.run.Ends:
		return ""
	case b.came && !b.run.Ends:
		return fmt.Sprintf("it got SIGINT %s before", b.run.Grace)
	}
	return fmt.Sprintf("its time of %s was over", b.run.Timeout)
}

// isUp asks the recipe. One that ended at this very moment is not up.
func (b *booting) isUp(ctx context.Context, ids []probe.ID) bool {
	procs := processesOf(ctx, b.world.host, ids)
	if len(procs) == 0 || procs[0].ID != ids[0] {
		return false
	}
	b.tree = len(procs)
	b.call.Progress(fmt.Sprintf("%s · %s · %s", b.name(), seconds(time.Since(b.began)), plural(len(procs), "process", "processes")))
	t := newTree(newProcess(procs[0]), wrapped(procs), b.call.Findings)
	v, err := starlark.Call(b.call.Thread, b.up, starlark.Tuple{t}, nil)
	var blind engine.Unknownable
	switch {
	case errors.As(err, &blind):
		return false // it may see the next time; what it did not see is in the coverage
	case err != nil:
		b.err = err
		return false
	}
	b.came = bool(v.Truth())
	return b.came
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// stand is what is known of a boot that the user ends.
func (b *booting) stand() event.View {
	return event.View{Kind: "table", Title: "Interrupted", Columns: []string{"after", "processes"},
		Nodes: []event.Node{{ID: b.name(), Label: b.name(), Cells: []string{time.Since(b.began).Round(100 * time.Millisecond).String(), fmt.Sprint(b.tree)}}}}
}

// plan shows what would be run.
func (b *booting) plan() event.View {
	return event.View{Kind: "table", Title: "boot (run)", Columns: []string{"timeout"},
		Nodes: []event.Node{{ID: b.name(), Label: strings.Join(b.run.Args, " "), Cells: []string{b.run.Timeout.String()}}}}
}

type bootedFact struct {
	probe.Booted
	evidence string
}

var bootedKind = &kind[*bootedFact]{
	name: "booted",
	doc:  "What became of a program that was brought up.",
	text: func(b *bootedFact) string { return b.Outcome },
	fields: []field[*bootedFact]{
		{name: "outcome", typ: "string", doc: "interrupted, ended, hang, end-hang; see `boot`", get: func(b *bootedFact) starlark.Value { return text(b.Outcome) }},
		{name: "came_up", typ: "bool", doc: "it came up: `up` returned true", get: func(b *bootedFact) starlark.Value { return truth(b.Up) }},
		{name: "up_after", typ: "duration or None", doc: "from its start; None: it did not come up", get: func(b *bootedFact) starlark.Value {
			if !b.Up {
				return starlark.None
			}
			return span(b.UpAfter)
		}},
		{name: "ended_in", typ: "duration or None", doc: "from SIGINT, or from being up, to its end; None: it did not come up, or did not end", get: func(b *bootedFact) starlark.Value {
			if b.EndedIn == 0 {
				return starlark.None
			}
			return span(b.EndedIn)
		}},
		{name: "exit_code", typ: "int or None", doc: "None when a signal ended it", get: func(b *bootedFact) starlark.Value { return unless(-1, b.ExitCode) }},
		{name: "signal", typ: "string or None", doc: "that ended it, also ours: SIGKILL", get: func(b *bootedFact) starlark.Value { return orNone(b.Signal) }},
		{name: "duration", typ: "duration", doc: "to its end, or to the moment at which it was given up", get: func(b *bootedFact) starlark.Value { return span(b.Duration) }},
		{name: "output", typ: "string", doc: "the end of what it printed, stdout and stderr in the order of writing", aside: true,
			get: func(b *bootedFact) starlark.Value { return text(string(b.Output)) }},
		{name: "cut", typ: "bool", doc: "more was printed than `output` holds", aside: true, get: func(b *bootedFact) starlark.Value { return truth(b.Cut) }},
		{name: "pids", typ: "list of int", doc: "of its tree, over all its life; who lived for less than 50 ms may be missing", aside: true,
			get: func(b *bootedFact) starlark.Value {
				return listOf(b.Members, func(id probe.ID) starlark.Value { return integer(id.PID) })
			}},
		{name: "leaks", typ: "list of leak", doc: "what it left behind; of the processes none is left now", aside: true,
			get: func(b *bootedFact) starlark.Value {
				return listOf(b.Leaks, func(l probe.Leak) starlark.Value { return newRecord(leakKind, l, "procfs", time.Time{}) })
			}},
		{name: "dialled", typ: "list of dialled", doc: "with `trace`: the addresses that Python programs of the tree connected to, or bound", aside: true,
			get: func(b *bootedFact) starlark.Value {
				return listOf(b.Dialled, func(d probe.Dialled) starlark.Value { return newRecord(dialledKind, d, "audit", time.Time{}) })
			}},
		{name: "evidence", typ: "string or None", doc: "path of the capture that was taken while it hung, for `--from`; None: it did not hang, or nothing is recorded",
			get: func(b *bootedFact) starlark.Value { return orNone(b.evidence) }},
	},
}

var dialledKind = &kind[probe.Dialled]{
	name: "dialled",
	doc:  "An address that a Python program connected to or bound, by its own account.",
	text: func(d probe.Dialled) string { return fmt.Sprintf("pid %d %s", d.PID, d.Address) },
	fields: []field[probe.Dialled]{
		{name: "pid", typ: "int", get: func(d probe.Dialled) starlark.Value { return integer(d.PID) }},
		{name: "bound", typ: "bool", doc: "it bound the address; False: it connected to it", get: func(d probe.Dialled) starlark.Value { return truth(d.Bound) }},
		{name: "address", typ: "string", doc: `"127.0.0.1:1616", a path, "@abstract"`, get: func(d probe.Dialled) starlark.Value { return text(d.Address) }},
	},
}
