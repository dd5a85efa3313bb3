package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"runbook/engine/event"
)

const acting = `
def spares():
    """S"""
    kill([])
def kills():
    """K

    By hand:

    ` + "```sh\n    kill -INT 7\n    ```" + `
    """
    kill([7, 8])
def again():
    """K"""
    kill([9])
    kill([10])
def starts():
    """R"""
    start()
def writes():
    """W"""
    git.write()
recipe(steps = [step(spares, needs = ["kill"]), step(kills, needs = ["kill"]), step(again, needs = ["kill"]), step(starts, needs = ["run"]), step(writes, needs = ["write"])])
`

func TestGrants(t *testing.T) {
	answers := func(say map[Effect]bool, asked *[]string) func(context.Context, Effect, string, event.View) (bool, error) {
		return func(_ context.Context, e Effect, step string, v event.View) (bool, error) {
			*asked = append(*asked, fmt.Sprintf("%s in %s: %s %d", e, step, v.Title, len(v.Nodes)))
			return say[e], nil
		}
	}
	for _, c := range []struct {
		name     string
		allow    []Effect
		say      map[Effect]bool // nil: nobody to ask
		dry      bool
		embedded bool
		steps    string
		did      string
		asked    string
	}{
		{name: "nothing granted, nobody to ask",
			steps: "spares done\nkills denied: kill was not granted; grant it with --allow kill\nagain denied: kill was not granted; grant it with --allow kill\nstarts denied: run was not granted; grant it with --allow run\nwrites denied: write was not granted; grant it with --allow write", asked: "[]"},
		{name: "naming an embedded recipe grants its run", embedded: true,
			steps: "spares done\nkills denied: kill was not granted; grant it with --allow kill\nagain denied: kill was not granted; grant it with --allow kill\nstarts done\nwrites denied: write was not granted; grant it with --allow write", did: "start", asked: "[]"},
		{name: "all granted", allow: []Effect{Kill, Run, Write},
			steps: "spares done\nkills done\nagain done\nstarts done\nwrites done", did: "kill 2; kill 1; kill 1; start; write", asked: "[]"},
		{name: "yes to all: each kill is asked for with its targets", say: map[Effect]bool{Kill: true, Run: true, Write: true},
			steps: "spares done\nkills done\nagain done\nstarts done\nwrites done", did: "kill 2; kill 1; kill 1; start; write",
			asked: "[kill in kills: would be killed 2 kill in again: would be killed 1 kill in again: would be killed 1 run in starts: start (run) 0 write in writes: git.write (write) 0]"},
		{name: "no", say: map[Effect]bool{},
			steps: "spares done\nkills denied: kill was refused\nagain denied: kill was refused\nstarts denied: run was refused\nwrites denied: write was refused",
			asked: "[kill in kills: would be killed 2 kill in again: would be killed 1 run in starts: start (run) 0 write in writes: git.write (write) 0]"},
		{name: "dry run shows and does nothing, also a builtin that forgot to look", dry: true, allow: []Effect{Kill, Run},
			steps: "spares done\nkills done\nagain done\nstarts done\nwrites done", did: "write", asked: "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			asked := []string{}
			m, f := b.run(context.Background(), acting, func(_ *Engine, r *Request) {
				r.Recipe.Embedded, r.Recipe.Trusted = c.embedded, c.embedded
				r.Grants = Grants{Allow: c.allow}
				r.DryRun = c.dry
				if c.say != nil {
					r.Grants.Ask = answers(c.say, &asked)
				}
			})
			if got := m.steps(); got != c.steps {
				t.Errorf("steps:\n%s\nwant:\n%s", got, c.steps)
			}
			if b.notes() != c.did {
				t.Errorf("did %q, want %q", b.notes(), c.did)
			}
			if fmt.Sprint(asked) != c.asked {
				t.Errorf("asked %v, want %s", asked, c.asked)
			}
			if denied := c.did == "" || c.name == "naming an embedded recipe grants its run"; denied {
				if d := m.detail("kills"); d != "by hand:\nkill -INT 7" {
					t.Errorf("detail %q", d)
				}
				if f.Outcome != event.Incomplete {
					t.Errorf("outcome %s", f.Outcome)
				}
			}
		})
	}
}

func TestAnAskThatFailsDoesNotGrant(t *testing.T) {
	b := newBench(t)
	m, _ := b.run(context.Background(), "def a():\n    \"\"\"A\"\"\"\n    kill([1])\nrecipe(steps = [step(a, needs = ['kill'])])\n", func(_ *Engine, r *Request) {
		r.Grants.Ask = func(context.Context, Effect, string, event.View) (bool, error) {
			return true, errors.New("the terminal is gone")
		}
	})
	if got := m.steps(); got != "a failed: demo.star:3:9: kill: ask for kill: the terminal is gone" || b.notes() != "" {
		t.Errorf("%s; did %q", got, b.notes())
	}
}

// Who reads the stream learns of a question before it is put, and how it ended:
// also when nobody answered before the run was over.
func TestAQuestionIsInTheStream(t *testing.T) {
	const recipe = "def a():\n    \"\"\"A\"\"\"\n    kill([1])\nrecipe(steps = [step(a, needs = ['kill'])])\n"
	ctx, interrupt := context.WithCancelCause(context.Background())
	for _, c := range []struct {
		name   string
		answer func(context.Context) (bool, error)
		want   string
	}{
		{"yes", func(context.Context) (bool, error) { return true, nil }, "asked kill of 1; answered true "},
		{"no", func(context.Context) (bool, error) { return false, nil }, "asked kill of 1; answered false "},
		{"Ctrl-C", func(step context.Context) (bool, error) {
			interrupt(ErrInterrupted)
			<-step.Done()
			return false, context.Cause(step)
		}, "asked kill of 1; answered false interrupted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := 0
			m, _ := newBench(t).run(ctx, recipe, func(_ *Engine, r *Request) {
				sink := r.Sink.(*memory)
				r.Grants.Ask = func(ctx context.Context, _ Effect, _ string, _ event.View) (bool, error) {
					before = len(sink.events)
					return c.answer(ctx)
				}
			})
			var said []string
			for i, e := range m.events {
				if e.Asked != nil {
					said = append(said, fmt.Sprintf("asked %s of %d", e.Asked.Effect, len(e.Asked.What.Nodes)))
					if i >= before {
						t.Error("the question was put before the event of it")
					}
				}
				if e.Answered != nil {
					said = append(said, fmt.Sprintf("answered %v %s", e.Answered.Yes, e.Answered.Error))
				}
			}
			if got := strings.Join(said, "; "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A builtin that asks itself may spare the user a question about what the user
// named; whether it did is its own to say.
func TestAFileThatTheUserNamedNeedsNoGrant(t *testing.T) {
	const report = `
def a(out, name, files):
    """A"""
    save(out)
    save(files[0])
    save(name)
recipe(
    params = {"out": param.path("P"), "name": param.string("", "N"), "files": param.list("F")},
    steps = [step(a, needs = ["write"])],
)
`
	b := newBench(t)
	m, _ := b.run(context.Background(), report, func(_ *Engine, r *Request) {
		r.Params = map[string][]string{"out": {"r.xml"}, "files": {"r.xml", "other"}, "name": {"secret"}}
	})
	want := `r.xml by "path"; r.xml by "path"; secret by "string"`
	if b.notes() != want || m.steps() != "a denied: write was not granted; grant it with --allow write" {
		t.Errorf("%s\n%s\nwant %s", b.notes(), m.steps(), want)
	}
}
