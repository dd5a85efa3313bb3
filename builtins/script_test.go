package builtins

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	starjson "go.starlark.net/lib/json"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

var update = flag.Bool("update", false, "write the golden files")

// run is a run of the engine, as far as builtins know one.
type run struct {
	table    []engine.Builtin
	names    starlark.StringDict // what the script sees besides
	given    map[string]bool
	named    map[string]engine.Kind
	dryRun   bool
	findings []event.Finding
	refuse   bool // nobody grants anything
	ctx      context.Context
	artefact func(name string) (string, error) // nil: nothing is recorded

	covered   []event.Coverage
	shown     []event.View
	confirmed []event.View
}

func newRun(host probe.Host) *run {
	return &run{table: Table(Options{Host: host}), names: starlark.StringDict{"time": startime.Module, "json": starjson.Module}, ctx: context.Background()}
}

func (r *run) call(b *engine.Builtin, thread *starlark.Thread) *engine.Call {
	return &engine.Call{
		Context: r.ctx, Name: b.Name, Pos: "test.star:1:1", DryRun: r.dryRun, Thread: thread, Given: r.given,
		Named:    func(text string) engine.Kind { return r.named[text] },
		Cover:    func(c event.Coverage) { r.covered = append(r.covered, c) },
		Progress: func(string) {}, Milestone: func(string) {},
		Show:     func(v event.View) { r.shown = append(r.shown, v) },
		Findings: func() []event.Finding { return r.findings },
		Undo:     func(string, func(context.Context) error) {},
		Artefact: func(name string) (string, error) {
			if r.artefact == nil {
				return "", nil
			}
			return r.artefact(name)
		},
		Confirm: func(effect engine.Effect, v event.View) error {
			if r.refuse {
				return &engine.Denied{Effect: effect, What: v}
			}
			r.confirmed = append(r.confirmed, v)
			return nil
		},
	}
}

// exec runs a script, and returns its globals.
func (r *run) exec(src string) (starlark.StringDict, error) {
	env := starlark.StringDict{}
	for name, v := range r.names {
		env[name] = v
	}
	for i := range r.table {
		b := &r.table[i]
		word := starlark.NewBuiltin(b.Name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return b.Func(r.call(b, thread), args, kwargs)
		})
		space, name, dotted := strings.Cut(b.Name, ".")
		if !dotted {
			env[b.Name] = word
			continue
		}
		if env[space] == nil {
			env[space] = &starlarkstruct.Module{Name: space, Members: starlark.StringDict{}}
		}
		env[space].(*starlarkstruct.Module).Members[name] = word
	}
	thread := &starlark.Thread{Name: "test"}
	thread.SetMaxExecutionSteps(100_000)
	// Recipes have no top-level loops; these tests are shorter with them.
	opts := &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}
	return starlark.ExecFileOptions(opts, thread, "test.star", src, env)
}

// text is the value of the script's variable `out`.
func (r *run) text(t *testing.T, src string) string {
	t.Helper()
	globals, err := r.exec(src)
	if err != nil {
		t.Fatalf("%s\n%v", src, err)
	}
	return globals["out"].String()
}

// fails is the error of a script that must have one.
func (r *run) fails(t *testing.T, src string) error {
	t.Helper()
	globals, err := r.exec(src)
	if err == nil {
		t.Fatalf("no error:\n%s\nout = %v", src, globals["out"])
	}
	return err
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v (write it with: go test ./builtins -update)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s is stale (write it with: go test ./builtins -update) (-have +want):\n%s", name, d)
	}
}

// The tree of these tests: an application, its actor alpha, and beta below.

var boot = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func aProcess(pid, ppid int, name string) probe.Process {
	p := probe.Process{
		ID: probe.ID{PID: pid, Start: uint64(pid) * 100}, At: boot.Add(time.Hour), PPID: ppid, PGID: 100, SID: 100, UID: 1000, State: "S", Comm: "python3",
		Args: []string{"/usr/bin/python3", "-X", "dev", "app.py", "--now"}, Started: boot.Add(time.Duration(pid) * time.Second), Age: 12*time.Minute + 3*time.Second, Threads: 1,
	}
	if name != "" {
		p.Args = []string{"python3", "-m", "tractor._child", "--uid", "('" + name + "', 'u-u-i-d')"}
		p.Actor = probe.Identity{Population: "argv", Name: name, UUID: "u-u-i-d", ParentAddr: "127.0.0.1:1616"}
	}
	return p
}

func (r *run) withTree() *run {
	for name, p := range map[string]probe.Process{
		"root": aProcess(100, 1, ""), "alpha": aProcess(101, 100, "alpha"), "beta": aProcess(102, 101, "beta"), "other": aProcess(200, 1, ""),
	} {
		r.names[name] = newProcess(p)
	}
	return r
}

func faultAbout(p probe.Process) event.Finding {
	s := subjectOf(&p)
	return event.Finding{Verdict: event.Fault, Rule: "x/y", About: &s}
}

func isDenied(err error) bool {
	var d *engine.Denied
	return errors.As(err, &d)
}
