package builtins

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
	worlds "runbook/builtins/probe/world"
)

// wedged is an actor whose message loop waits for a lock that another of its
// tasks holds, while that reads a socket.
var wedged = pystack.Answer{At: boot, Process: &pystack.Process{
	PID: 102, Python: "3.11", Proof: pystack.Proof{Proved: true, Tries: 1},
	Threads: []pystack.Thread{{TID: 102, Name: "MainThread", HoldsGIL: true, Frames: []pystack.Frame{{Func: "run", File: "/lib/trio/_core/_run.py", Line: 2087}}}},
	Tasks: []pystack.Task{
		{ID: 0, Library: "trio", Name: "main", Parent: -1, Nursery: -1, State: pystack.Parked, Schedules: 3, Chain: []pystack.Frame{{Func: "main", File: "/srv/a.py", Line: 9}}, Waits: []pystack.Wait{{Kind: "nursery", FD: -1, Owner: -1}}},
		{ID: 1, Library: "trio", Name: "process_messages", Parent: 0, State: pystack.Parked, Schedules: 7, Chain: []pystack.Frame{{Func: "process_messages", File: "/srv/a.py", Line: 5}},
			Waits: []pystack.Wait{{Kind: "lock", FD: -1, Owner: 2}}},
		{ID: 2, Library: "trio", Name: "writer", Parent: 0, State: pystack.Parked, Schedules: -1, Cancelled: new(true), Shielded: true, Chain: []pystack.Frame{{Func: "writer", File: "/srv/a.py", Line: 7}},
			Waits: []pystack.Wait{{Kind: "write", FD: 9, Owner: -1}}},
	}},
	Lines: pystack.Lines{"/srv/a.py": {5: "async with lock:"}},
}

func pythonSamples() map[string][]starlark.Value {
	p := newProcess(aProcess(102, 101, "beta"))
	full := newPython(p, &wedged)
	none := newPython(p, &pystack.Answer{Process: &pystack.Process{Tasks: []pystack.Task{{Parent: -1, Schedules: -1, Waits: []pystack.Wait{{FD: -1, Owner: -1}}}}, Threads: []pystack.Thread{{Frames: []pystack.Frame{{}}}}}})
	return map[string][]starlark.Value{
		"python":        {full, none},
		"python_thread": {full.it.threads[0], none.it.threads[0]},
		"frame":         {full.it.threads[0].it.frames[0], none.it.threads[0].it.frames[0]},
		"task":          {full.it.tasks[1], none.it.tasks[0]},
		"task_wait":     {full.it.tasks[1].it.waits[0], none.it.tasks[0].it.waits[0]},
	}
}

// pythonWorld is a root and two actors: of beta the Python was kept when it was
// captured, of gamma it could not be read, of the others nobody asked.
func pythonWorld(t *testing.T, answer pystack.Answer) probe.Host {
	t.Helper()
	b, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	h, err := worlds.Parse(`
100 1   S "python3 app.py"       age=10m wchan=do_epoll_wait
102 100 S "_subactor[beta@102]"  age=9m wchan=do_epoll_wait
103 100 S "_subactor[gamma@103]" age=9m wchan=do_epoll_wait
104 100 S "sh -c wait"           age=9m
102:9 unix ESTAB peer=100:5 rq=0
100:5 unix ESTAB peer=102:9 rq=4096
denied 103/python
file 104/python "{\"not\": \"python\", \"why\": \"no CPython\"}"
file 102/python "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(b)) + `"
---`)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestPystackGivesTheTasksAndWhatTheyWaitFor(t *testing.T) {
	r := newRun(pythonWorld(t, wedged))
	got := r.text(t, `
p = ps(pid = 102, relatives = False)[0]
x = pystack(p)
deaf = [t for t in tasks(p) if t.name == "process_messages"][0]
out = [x.version, x.proved, x.main.holds_gil, len(x.tasks), deaf.parent.name, deaf.state, deaf.frames[-1].where, deaf.frames[-1].text,
	deaf.waits[0].kind, deaf.waits[0].owner.name, deaf.waits[0].owner.shielded, deaf.waits[0].owner.waits[0].fd, deaf.schedules, deaf.waits[0].owner.schedules, x.source]`)
	want := `["3.11", True, True, 3, "main", "parked", "process_messages (/srv/a.py:5)", "async with lock:", "lock", "writer", True, 9, 7, None, "memory"]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A row of the coverage says what could not be read: what is no Python, and
// what nobody asked when it was captured, is none.
func TestPystacksLeavesOutWhatItCannotRead(t *testing.T) {
	r := newRun(pythonWorld(t, wedged))
	got := r.text(t, `
found = pystacks(ps(pid = [100, 102, 103, 104], relatives = False))
out = [[p.pid for p in found], [(c.pid, c.status) for c in coverage() if c.probe == "pystack"]]`)
	if want := `[[102], [(102, "read"), (103, "denied")]]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	wantError(t, r.fails(t, `pystack(ps(pid = 103, relatives = False)[0])`), "103/python")
	wantError(t, r.fails(t, `pystack(ps(pid = 104, relatives = False)[0])`), "no CPython")
	wantError(t, r.fails(t, `tasks(ps(pid = 100, relatives = False)[0])`), "not in the snapshot")
}

func TestPystacksOfThoseWithTasksAlone(t *testing.T) {
	bare := wedged
	process := *wedged.Process
	process.Tasks = nil
	bare.Process = &process
	for _, s := range []struct {
		answer pystack.Answer
		want   string
	}{{wedged, "[102]"}, {bare, "[]"}} {
		r := newRun(pythonWorld(t, s.answer))
		got := r.text(t, `
found = pystacks(ps(pid = [100, 102, 103, 104], relatives = False), tasks = True)
out = [[p.pid for p in found], [(c.pid, c.status) for c in coverage() if c.probe == "pystack"]]`)
		if want := `[` + s.want + `, [(102, "read"), (103, "denied")]]`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Rules that ask about the same process one after the other share what was read.
func TestPystacksReadsAgainOnlyWhenAsked(t *testing.T) {
	now := wedged
	now.At = pythonWorld(t, wedged).Now()
	h := &counted{Host: pythonWorld(t, now)}
	r := newRun(h)
	r.text(t, `
p = ps(pid = 102, relatives = False)[0]
first = pystacks(p)
second = pystacks([p], tasks = True)
out = first[p] == second[p]`)
	if h.reads != 1 {
		t.Errorf("read %d times, want once", h.reads)
	}
	r.text(t, `out = pystacks(ps(pid = 102, relatives = False), again = True)`)
	if h.reads != 2 {
		t.Errorf("read %d times after again = True, want twice", h.reads)
	}
}

// counted counts how often the Python of a process is read.
type counted struct {
	probe.Host
	reads int
}

func (c *counted) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	if path == "102/python" {
		c.reads++
	}
	return c.Host.ReadFile(ctx, path, buf)
}

// The chain goes from the actor through its task, and who holds what that waits
// for, to the process at the other end of a socket.
func TestWaitsLeadThroughTasks(t *testing.T) {
	r := newRun(pythonWorld(t, wedged))
	got := r.text(t, `
s = sample(ps(pid = [100, 102], relatives = False), over = "1s")
edges = [e for e in waits(s, stacks = pystacks(s.processes)) if e.kind != "unread"]
def name(p, t): return t.name if t else p.label if p else "nobody"
out = [(name(e.waiter, e.waiter_task), e.kind, name(e.holder, e.holder_task), e.certain, e.unchanged) for e in edges if e.holder_task == None or e.holder_task.name != "main"]`)
	want := `[("main", "nursery", "nobody", False, True), ("main", "nursery", "process_messages", True, True), ("main", "nursery", "writer", True, True), ("beta (pid 102)", "task", "process_messages", True, True), ("process_messages", "lock", "writer", True, True), ` +
		`("beta (pid 102)", "task", "writer", True, True), ("writer", "write", "app.py (pid 100)", True, True)]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Drawn, each edge names what it leads from and to.
	r.text(t, `
s = sample(ps(pid = [100, 102], relatives = False), over = "1s")
out = len(graph(waits(s, stacks = pystacks(s.processes))).nodes)`)
}

// Names, files and lines are somebody else's: none steers a terminal.
func TestPystackIsClean(t *testing.T) {
	evil := "a\x1b[31m\u202e\nb"
	a := pystack.Answer{Process: &pystack.Process{PID: 102, Python: evil, Notes: []string{evil},
		Threads: []pystack.Thread{{TID: 102, Name: evil, Frames: []pystack.Frame{{Func: evil, File: evil, Line: 1, Locals: []pystack.Local{{Name: evil, Type: evil}}}}}},
		Tasks:   []pystack.Task{{Name: evil, Library: evil, State: evil, Parent: -1, Chain: []pystack.Frame{{Func: evil, File: evil, Line: 1}}, Waits: []pystack.Wait{{Kind: evil, Detail: evil, FD: -1, Owner: -1}}}}},
		Lines: pystack.Lines{evil: {1: evil}}}
	r := newRun(pythonWorld(t, a))
	got := r.text(t, `
x = pystack(ps(pid = 102, relatives = False)[0])
out = json.encode([x, x.main, x.main.frames, x.tasks, x.tasks[0].frames, x.tasks[0].waits])`)
	for _, bad := range []string{"\x1b", `\u001b`, "\u202e", `\u202e`, `\\n`} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in %s", bad, got)
		}
	}
	if !strings.Contains(got, "a\ufffd[31m") {
		t.Errorf("the name is lost: %s", got)
	}
}
