package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

var update = flag.Bool("update", false, "write the golden files")

// actor is what the fake ps returns: it can be a subject and evidence.
type actor struct {
	pid  int
	name string
}

func (a *actor) String() string        { return fmt.Sprintf("process(%s pid %d)", a.name, a.pid) }
func (a *actor) Type() string          { return "process" }
func (a *actor) Freeze()               {}
func (a *actor) Truth() starlark.Bool  { return true }
func (a *actor) Hash() (uint32, error) { return uint32(a.pid), nil }
func (a *actor) AttrNames() []string   { return []string{"name", "pid"} }
func (a *actor) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(a.name), nil
	case "pid":
		return starlark.MakeInt(a.pid), nil
	}
	return nil, nil
}
func (a *actor) Subject() event.Subject {
	return event.Subject{Type: "process", PID: a.pid, StartTime: "2026-01-02T03:04:05Z", Name: a.name, Cmdline: []string{"python3", "-m", a.name}}
}
func (a *actor) Fields() event.Fields {
	return event.Fields{{Name: "type", Value: "process"}, {Name: "source", Value: "procfs"}, {Name: "pid", Value: int64(a.pid)}}
}

// forest is something to draw.
type forest struct{ starlark.NoneType }

func (forest) View() event.View {
	return event.View{Kind: "tree", Title: "a tree", Nodes: []event.Node{{ID: "1", Label: "root"}, {ID: "2", Parent: "1", Label: "beta"}}}
}

// blindness is an error of a probe that may not look.
type blindness struct{}

func (blindness) Error() string  { return "wchan 4242: read /proc/4242/wchan: permission denied" }
func (blindness) Probe() string  { return "wchan" }
func (blindness) Remedy() string { return "sudo runbook run demo" }

// bench is a table of fake builtins and what they were asked to do.
type bench struct {
	t    *testing.T
	mu   sync.Mutex
	log  []string
	wake chan struct{} // closed when a builtin that waits has begun
	once sync.Once
	free chan struct{} // releases the builtin that heeds nothing
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, wake: make(chan struct{}), free: make(chan struct{})}
	t.Cleanup(func() { close(b.free) })
	return b
}

func (b *bench) note(format string, a ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, fmt.Sprintf(format, a...))
}

func (b *bench) notes() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.log, "; ")
}

func (b *bench) table() []Builtin {
	none := func(err error) (starlark.Value, error) { return starlark.None, err }
	return []Builtin{
		{Name: "ps", Func: func(call *Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var match starlark.Value
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "match?", &match); err != nil {
				return nil, err
			}
			call.Cover(event.Coverage{Probe: "ps", Status: "read"})
			call.Cover(event.Coverage{Probe: "ps", Status: "read"})
			call.Progress("2 of 2")
			return starlark.NewList([]starlark.Value{&actor{1, "root"}, &actor{2, "beta"}}), nil
		}},
		{Name: "forest", Func: func(*Call, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) { return forest{}, nil }},
		{Name: "eq", Pure: true, Func: func(call *Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			if len(args) != 2 {
				return nil, errors.New("eq: want two values")
			}
			same, err := starlark.Equal(args[0], args[1])
			if err == nil && !same {
				err = fmt.Errorf("eq: %v != %v", args[0], args[1])
			}
			return none(err)
		}},
		{Name: "artefact", Func: func(call *Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			name, _ := starlark.AsString(args[0])
			path, err := call.Artefact(name)
			return starlark.String(path), err
		}},
		{Name: "given", Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return starlark.Bool(call.Given["pid"]), nil
		}},
		{Name: "boom", Func: func(*Call, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) { panic("boom in Go") }},
		{Name: "blind", Func: func(*Call, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return nil, fmt.Errorf("blind: %w", blindness{})
		}},
		{Name: "wait", Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			b.once.Do(func() { close(b.wake) })
			<-call.Context.Done()
			return nil, call.Context.Err()
		}},
		{Name: "wake", Func: func(*Call, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			b.once.Do(func() { close(b.wake) })
			return starlark.None, nil
		}},
		{Name: "deaf", Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			b.once.Do(func() { close(b.wake) })
			<-b.free
			call.Cover(event.Coverage{Probe: "late", Status: "read"})
			return starlark.None, nil
		}},
		{Name: "begin", Func: func(call *Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var name string
			var fails bool
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "name", &name, "fails?", &fails); err != nil {
				return nil, err
			}
			b.note("begin %s", name)
			call.Undo(name, func(ctx context.Context) error {
				b.note("undo %s", name)
				if fails {
					return errors.New("cannot be put back")
				}
				return ctx.Err()
			})
			return starlark.None, nil
		}},
		{Name: "start", Effect: Run, Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			if call.DryRun {
				call.Show(event.View{Kind: "table", Title: "would start"})
				return starlark.None, nil
			}
			b.note("start")
			return starlark.None, nil
		}},
		{Name: "git.write", Effect: Write, Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			b.note("write")
			return starlark.None, nil
		}},
		{Name: "save", Effect: Write, Asks: true, Func: func(call *Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			path, _ := starlark.AsString(args[0])
			b.note("%s by %q", path, call.Named(path))
			if call.Named(path) == KindPath {
				return starlark.None, nil
			}
			return nil, call.Confirm(Write, event.View{Kind: "table", Title: path})
		}},
		{Name: "kill", Effect: Kill, Func: func(call *Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var targets *starlark.List
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "targets", &targets); err != nil {
				return nil, err
			}
			if targets.Len() == 0 {
				return starlark.None, nil
			}
			v := event.View{Kind: "table", Title: "would be killed"}
			for i := range targets.Len() {
				v.Nodes = append(v.Nodes, event.Node{ID: fmt.Sprint(i), Label: targets.Index(i).String()})
			}
			if err := call.Confirm(Kill, v); err != nil {
				return nil, err
			}
			b.note("kill %d", targets.Len())
			return starlark.None, nil
		}},
	}
}

// memory is a sink that keeps everything.
type memory struct{ events []event.Event }

func (m *memory) Write(e event.Event) error { m.events = append(m.events, e); return nil }
func (m *memory) Close() error              { return nil }

// steps writes what became of the steps: "a done, b failed: reason".
func (m *memory) steps() string {
	var out []string
	for _, e := range m.events {
		if f := e.StepFinished; f != nil {
			s := f.Name + " " + string(f.Status)
			if f.Reason != "" {
				s += ": " + f.Reason
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}

func (m *memory) findings() string {
	var out []string
	for _, e := range m.events {
		if f := e.Found; f != nil {
			out = append(out, fmt.Sprintf("%s %s %q at %s", f.Verdict, f.Rule, f.Title, f.Pos))
		}
	}
	return strings.Join(out, "\n")
}

func (m *memory) detail(step string) string {
	for _, e := range m.events {
		if e.StepFinished != nil && e.StepFinished.Name == step {
			return e.StepFinished.Detail
		}
	}
	return ""
}

// ticking is a clock that goes on by a millisecond whenever it is read.
func ticking() func() time.Time {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var mu sync.Mutex
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Millisecond)
		return at
	}
}

// library is an embedded root made of files.
func (b *bench) library(files map[string]string) *Library {
	return &Library{Roots: []Root{{Name: "embedded", FS: tree(files), Embedded: true}}, Builtins: b.table()}
}

func tree(files map[string]string) fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

func (b *bench) recipe(source string) *Recipe {
	b.t.Helper()
	r, err := b.library(map[string]string{"demo.star": source}).Find(context.Background(), "demo")
	if err != nil {
		b.t.Fatalf("load: %v", err)
	}
	return r
}

// run runs a recipe of one file with a clock that ticks.
func (b *bench) run(ctx context.Context, source string, change ...func(*Engine, *Request)) (*memory, event.RunFinished) {
	b.t.Helper()
	m := &memory{}
	e := &Engine{Now: ticking(), Grace: 50 * time.Millisecond}
	req := Request{Recipe: b.recipe(source), Sink: m, ID: "id", Tool: "runbook test", Host: "box"}
	for _, c := range change {
		c(e, &req)
	}
	f, err := e.Run(ctx, req)
	if err != nil {
		b.t.Fatalf("run: %v", err)
	}
	b.wellFormed(m)
	return m, f
}

// wellFormed holds what every stream promises, whatever happened.
func (b *bench) wellFormed(m *memory) {
	b.t.Helper()
	var planned, finished []string
	seq := 0
	for i, e := range m.events {
		if e.Progressed == nil {
			seq++
		}
		if e.Seq != seq {
			b.t.Errorf("event %d has seq %d, want %d", i+1, e.Seq, seq)
		}
		switch {
		case e.RunStarted != nil:
			for _, p := range e.RunStarted.Plan {
				planned = append(planned, p.Name)
			}
		case e.StepFinished != nil:
			finished = append(finished, e.StepFinished.Name)
		}
	}
	last := len(m.events) - 1
	if last < 0 || m.events[0].Kind != event.KindRunStarted || m.events[last].Kind != event.KindRunFinished {
		b.t.Error("the stream is not closed by run_started and run_finished")
	}
	if fmt.Sprint(planned) != fmt.Sprint(finished) {
		b.t.Errorf("planned %v, finished %v", planned, finished)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; to accept: go test ./engine -update\n%s", file, got)
	}
}
