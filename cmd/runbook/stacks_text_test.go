package main

import (
	"bytes"
	"strings"
	"testing"
)

// page draws a process, as a terminal of that width has it.
func page(width int, x stacksProcess) string {
	var b bytes.Buffer
	p := &stacksPage{w: &b, width: width, cut: width > 0, rails: railsOf(true)}
	p.process(&x)
	return b.String()
}

func TestStacksKeepFileAndLineOfALongName(t *testing.T) {
	wrapper := stacksFrame{Function: "TrioBackend.run_sync_in_worker_thread.<locals>.wrapper", File: "/srv/app/lib/python3.12/site-packages/anyio/_backends/_trio.py", Line: 964}
	long := stacksFrame{Function: strings.Repeat("x", 3000), File: "/srv/some/where/deep/down/app.py", Line: 7}
	for _, width := range []int{40, 60, 100} {
		got := page(width, stacksProcess{Python: "3.12", Proved: true, Threads: []stacksThread{{Frames: []stacksFrame{wrapper, long}}}})
		for _, line := range strings.Split(got, "\n") {
			if n := len([]rune(line)); n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		for _, where := range []string{"wrapper (", "_trio.py:964)", "x (…/app.py:7)"} {
			if !strings.Contains(got, where) {
				t.Errorf("at %d columns %s is missing:\n%s", width, where, got)
			}
		}
	}
}

func TestStacksFoldWhatRepeatsAndSayWhatIsCut(t *testing.T) {
	leaf, down := stacksFrame{Function: "r", File: "app.py", Line: 21}, stacksFrame{Function: "r", File: "app.py", Line: 22}
	frames := []stacksFrame{leaf}
	for range 4095 {
		frames = append(frames, down)
	}
	tid := 12
	got := page(0, stacksProcess{Name: "app", PID: 11, Python: "3.12", Proved: true, Threads: []stacksThread{
		{TID: &tid, Name: "deep", Frames: frames, Cut: true},
		{Sub: true, Frames: []stacksFrame{leaf}},
		{Name: "MainThread", TID: &tid, In: "zombie"},
	}})
	want := `app (pid 11): CPython 3.12, 3 threads
  thread deep (12)
    r (app.py:21)
    r (app.py:22)
    … and 4094 more calls there, below each other
    … and further out more calls than these 4096: they were not read
  thread unnamed (of unknown id), in a subinterpreter
    r (app.py:21)
  thread MainThread (12): has ended, runs no Python
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestStacksKeepTheTreeWhereTheyWrap(t *testing.T) {
	parent := 0
	got := page(60, stacksProcess{Name: "app", PID: 11, Python: "3.12", Proved: true, Threads: []stacksThread{}, Tasks: []stacksTask{
		{ID: 0, Name: "app.a_task_with_a_name", State: "parked", Cancelled: new(true), Shielded: true, Waits: []stacksWait{{Kind: "nursery"}}},
		{ID: 1, Name: "", State: "parked", Parent: &parent, Cancelled: new(true), Shielded: true, Waits: []stacksWait{{Kind: "event"}}, Frames: []stacksFrame{{Function: "f", File: "app.py", Line: 1}}},
	}})
	want := `app (pid 11): CPython 3.12, 0 threads, 2 tasks
  └─ app.a_task_with_a_name: waits for its children;
     │  cancelled, and shielded from that
     └─ unnamed: waits for an event; cancelled, and
           shielded from that
           f (app.py:1)
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Tasks that stand at one line for the same thing are one line of the page, and
// those that wait for different tasks never are, though they have one name: who
// waits in a circle could not be told otherwise.
func TestStacksFoldNoCircle(t *testing.T) {
	waiting := func(id int, name, kind string, owner int) stacksTask {
		return stacksTask{ID: id, Name: name, Library: "trio", State: "parked", Frames: []stacksFrame{{Function: "t", File: "/srv/a.py", Line: 5}}, Waits: []stacksWait{{Kind: kind, Owner: &owner}}}
	}
	x := stacksProcess{Name: "a.py", PID: 7, Python: "3.11", Proved: true, Tasks: []stacksTask{
		waiting(0, "t", "lock", 1), waiting(1, "t", "lock", 0), // each for the other's
		waiting(2, "t", "lock", 0), waiting(3, "t", "lock", 0), // and two more for one of these
		waiting(4, "a", "task", 5), waiting(5, "b", "task", 6), waiting(6, "c", "task", 4),
	}}
	want := `a.py (pid 7): CPython 3.11, 0 threads, 7 tasks
  ├─ t: waits for a lock that task t holds, and that task for one that this holds
  │     t (/srv/a.py:5)
  ├─ t: waits for a lock that task t holds, and that task for one that this holds
  │     t (/srv/a.py:5)
  ├─ t (and 1 more): waits for a lock that task t holds
  │     t (/srv/a.py:5)
  ├─ a: waits for task b, in a circle of 3 tasks
  │     t (/srv/a.py:5)
  ├─ b: waits for task c, in a circle of 3 tasks
  │     t (/srv/a.py:5)
  └─ c: waits for task a, in a circle of 3 tasks
        t (/srv/a.py:5)
`
	if got := page(0, x); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
