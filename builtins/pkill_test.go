package builtins

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/engine/event"
)

// arena is a world in which signals are noted, and end whom they reach.
type arena struct {
	*probe.Snapshot
	mu   sync.Mutex
	sent []string
	dead map[int]bool
}

func newArena(t *testing.T, world string) *arena {
	return &arena{Snapshot: probetest.World(t, world), dead: map[int]bool{}}
}

func (a *arena) Act() probe.Actor { return a }

func (a *arena) isDead(path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	var pid int
	_, err := fmt.Sscanf(path, "%d", &pid)
	return err == nil && a.dead[pid]
}

func (a *arena) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	if a.isDead(path) {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return a.Snapshot.ReadFile(ctx, path, buf)
}

func (a *arena) ReadDir(ctx context.Context, path string) ([]string, error) {
	if a.isDead(path) {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return a.Snapshot.ReadDir(ctx, path)
}

func (a *arena) Run(context.Context, probe.Command) (probe.Result, error) {
	return probe.Result{}, errors.New("nothing is run here")
}

func (a *arena) Signal(_ context.Context, id probe.ID, sig int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = append(a.sent, fmt.Sprintf("%d:%d", id.PID, sig))
	a.dead[id.PID] = true
	return nil
}

func (a *arena) Wait(ctx context.Context, id probe.ID) error {
	if a.isDead(fmt.Sprint(id.PID)) {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// twoTrees are one wedged tree and a second one beside it.
const twoTrees = `
	100 1   S "python3 app.py"       age=10m caught=2
	101 100 S "_subactor[beta@101]"  age=9m  caught=2
	200 1   S "python3 other.py"     age=10m caught=2
	201 200 S "_subactor[gamma@201]" age=9m  caught=2
`

const trees = `
seen = {p.pid: p for p in ps(match = "_subactor")}
t1 = tree(seen[100], [seen[101]])
t2 = tree(seen[200], [seen[201]])
`

// blamed lets the run have found a fault about these pids.
func (r *run) blamed(t *testing.T, pids ...int) *run {
	t.Helper()
	globals, err := r.exec(`seen = {p.pid: p for p in ps()}` + "\n" + `out = [seen[p] for p in ` + strings.ReplaceAll(fmt.Sprint(pids), " ", ", ") + `]`)
	if err != nil {
		t.Fatal(err)
	}
	for p := range starlark.Elements(globals["out"].(*starlark.List)) {
		s := p.(*process).Subject()
		r.findings = append(r.findings, event.Finding{Verdict: event.Fault, About: &s})
	}
	return r
}

func TestPkillEndsAFaultedTreeAndSparesTheOther(t *testing.T) {
	a := newArena(t, twoTrees)
	r := newRun(a).blamed(t, 101)
	got := r.text(t, trees+`
c = pkill(t1, grace = "20ms")
out = [sorted([(e.process.pid, e.rung) for e in c.ended]), c.survived, c.refused]`)
	if !strings.HasPrefix(got, `[[(100, "SIGINT"), (101, `) || !strings.HasSuffix(got, "], [], []]") {
		t.Errorf("got %s", got)
	}
	if len(a.sent) == 0 || a.sent[0] != "100:2" {
		t.Errorf("the root gets SIGINT first; sent %v", a.sent)
	}
	for _, s := range a.sent {
		if strings.HasPrefix(s, "20") {
			t.Errorf("the second tree was signalled: %v", a.sent)
		}
	}
	if len(r.confirmed) != 1 {
		t.Fatalf("asked %d times", len(r.confirmed))
	}
	var rows []string
	for _, n := range r.confirmed[0].Nodes {
		rows = append(rows, n.Label+" "+n.Cells[1])
	}
	want := []string{"app.py (pid 100) SIGINT → SIGTERM → SIGKILL", "beta (pid 101) SIGINT → SIGTERM → SIGKILL"}
	for i := range rows {
		rows[i], _, _ = strings.Cut(rows[i], " (SIG")
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("what was asked for (-want +got):\n%s", d)
	}
}

func TestPkillIsDenied(t *testing.T) {
	tests := []struct {
		name   string
		blamed []int
		given  map[string]bool
		refuse bool
		script string
		want   string
	}{
		{name: "without a fault in the tree", blamed: []int{201}, script: `pkill(t1)`, want: "app.py (pid 100) is spared: this run found no fault in its tree"},
		{name: "for a process of a well tree", blamed: []int{201}, script: `pkill(seen[101])`, want: "beta (pid 101) is spared"},
		{name: "for one well process among others", blamed: []int{201}, script: `pkill([seen[201], seen[101]])`, want: "beta (pid 101) is spared"},
		{name: "when several trees have a fault and none was named", blamed: []int{101, 201}, script: `pkill(t1)`,
			want: "2 trees have a fault (app.py (pid 100), other.py (pid 200)): say which one with --pid or --match"},
		{name: "when the user does not grant it", blamed: []int{101}, refuse: true, script: `pkill(t1)`, want: "--allow kill"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newArena(t, twoTrees)
			r := newRun(a).blamed(t, test.blamed...)
			r.given, r.refuse = test.given, test.refuse
			err := r.fails(t, trees+test.script)
			if !isDenied(err) {
				t.Errorf("%v is not a denial", err)
			}
			wantError(t, err, test.want)
			if len(a.sent) > 0 {
				t.Errorf("signals were sent: %v", a.sent)
			}
		})
	}
}

func TestABranchIsNoSecondTree(t *testing.T) {
	a := newArena(t, twoTrees)
	r := newRun(a).blamed(t, 101)
	globals, err := r.exec(trees + `
tree(seen[101], [])
c = pkill(t1, grace = "20ms")`)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, n := range globals["c"].(engine.Viewer).View().Nodes {
		rows = append(rows, n.Label+" "+n.Cells[0]+" "+strings.Fields(n.Cells[1])[2])
	}
	if want := []string{"app.py (pid 100) 10m00s SIGINT", "beta (pid 101) 9m00s SIGINT"}; !cmp.Equal(rows, want) {
		t.Errorf("got %q, want %q", rows, want)
	}
}

func TestPkillTakesOneOfSeveralTreesThatWasNamed(t *testing.T) {
	for _, flag := range []string{"pid", "match"} {
		a := newArena(t, twoTrees)
		r := newRun(a).blamed(t, 101, 201)
		r.given = map[string]bool{flag: true}
		r.text(t, trees+`out = pkill(t2, grace = "20ms")`)
		if len(a.sent) == 0 || a.dead[100] || !a.dead[200] {
			t.Errorf("--%s: sent %v", flag, a.sent)
		}
	}
}

func TestADryRunShowsThePlanAndSignalsNobody(t *testing.T) {
	a := newArena(t, twoTrees)
	r := newRun(a).blamed(t, 101)
	r.dryRun, r.refuse = true, true
	got := r.text(t, trees+`
c = pkill(t1, grace = "20ms")
out = [[p.process.pid for p in c.plan], c.plan[0].signals[0], c.ended]`)
	if want := `[[100, 101], "SIGINT", []]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(a.sent) > 0 || len(r.shown) != 1 || len(r.shown[0].Nodes) != 2 {
		t.Errorf("sent %v, shown %+v", a.sent, r.shown)
	}
}

func TestNobodyLeftToEndIsNoFailureAndAsksNobody(t *testing.T) {
	a := newArena(t, twoTrees)
	r := newRun(a).blamed(t, 101)
	a.dead[100], a.dead[101] = true, true
	r.names["root"], r.refuse = newProcess(aProcess(100, 1, "")), true
	globals, err := newRun(probetest.World(t, twoTrees)).exec(`p = {p.pid: p for p in ps()}[101]`)
	if err != nil {
		t.Fatal(err)
	}
	r.names["p"] = globals["p"]
	got := r.text(t, `
c = pkill(p)
out = [[(e.process.pid, e.rung) for e in c.ended], c.survived]`)
	if want := `[[(101, "by itself")], []]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProcessesOfASnapshotAreNotEnded(t *testing.T) {
	r := newRun(probetest.World(t, twoTrees)).blamed(t, 101)
	err := r.fails(t, trees+`pkill(t1)`)
	if !isDenied(err) {
		t.Errorf("%v is not a denial", err)
	}
	var d *engine.Denied
	if errors.As(err, &d) && len(d.What.Nodes) != 2 {
		t.Errorf("the denial does not say what would have been hit: %+v", d.What)
	}
	if d != nil && (d.ByHand == nil || *d.ByHand != "") {
		t.Error("the denial says how to end by hand what is not here")
	}
}

// Who did not grant it is told what to type: pids, and no signal that they ignore.
func TestADenialSaysHowToDoItByHand(t *testing.T) {
	a := newArena(t, strings.Replace(twoTrees, "caught=2", "ignored=2", 1))
	r := newRun(a).blamed(t, 101)
	r.refuse = true
	var d *engine.Denied
	if err := r.fails(t, trees+`pkill(t1, grace = "3s")`); !errors.As(err, &d) || d.ByHand == nil {
		t.Fatalf("got %v, want a denial with what to do by hand", err)
	}
	if want := "kill -TERM 100 101; sleep 3; kill -KILL 100 101"; *d.ByHand != want {
		t.Errorf("got %q, want %q", *d.ByHand, want)
	}
}

func TestATreeWithAPersonAtAPromptIsSpared(t *testing.T) {
	const debugged = `
	100 1   S "python3 app.py"       age=10m caught=2
	101 100 S "_subactor[beta@101]"  age=9m  caught=2 wchan=poll_schedule_timeout syscall=270:1
	101:0 file /dev/pts/3 rw
`
	a := newArena(t, debugged)
	r := newRun(a).blamed(t, 101)
	script := `
seen = {p.pid: p for p in ps(match = "_subactor")}
c = pkill(tree(seen[100], [seen[101]]), grace = "20ms", force = FORCE)
out = [[(x.process.pid, "prompt" in x.why) for x in c.refused], len(c.ended)]`
	if got, want := r.text(t, strings.ReplaceAll(script, "FORCE", "False")), `[[(100, True), (101, True)], 0]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(a.sent) > 0 {
		t.Errorf("sent %v", a.sent)
	}
	if got, want := r.text(t, strings.ReplaceAll(script, "FORCE", "True")), `[[], 2]`; got != want {
		t.Errorf("with force: got %s, want %s", got, want)
	}
}

// What holds for a whole tree is said once in what is shown of it.
func TestAReasonToSpareIsShownOnce(t *testing.T) {
	r := probe.KillReport{Refused: []probe.Refusal{
		{Process: probe.Process{ID: probe.ID{PID: 1}}, Why: "b is at a prompt"}, {Process: probe.Process{ID: probe.ID{PID: 2}}, Why: "b is at a prompt"}, {Process: probe.Process{ID: probe.ID{PID: 3}}, Why: "init"},
	}}
	want := []string{"spared: b is at a prompt", "spared likewise", "spared: init"}
	for i, n := range newCleared(r, time.Time{}).View().Nodes {
		if got := n.Cells[1]; got != want[i] {
			t.Errorf("shown %q, want %q", got, want[i])
		}
	}
	for i, n := range planView(r).Nodes {
		if got := n.Cells[1]; got != want[i] {
			t.Errorf("planned %q, want %q", got, want[i])
		}
	}
}

// A shell that waits for a person is a program of the tree. Whose own shell it
// is, is above us, and spared for that.
func TestAShellAtItsPromptIsNoDebugger(t *testing.T) {
	const shell = `
	100 1   S "python3 app.py" age=10m caught=2
	101 100 S "bash -i"        age=9m  caught=2 wchan=poll_schedule_timeout syscall=270:1
	101:0 file /dev/pts/3 rw
`
	script := `
seen = {p.pid: p for p in ps(match = "app.py")}
c = pkill(tree(seen[100], [seen[101]]), grace = "20ms")
out = [[x.process.pid for x in c.refused], len(c.ended)]`
	a := newArena(t, shell)
	r := newRun(a).blamed(t, 100)
	if got, want := r.text(t, script), `[[], 2]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Who grants nothing is told so, also where nobody would be hit.
func TestToSpareEverybodyIsNoGrant(t *testing.T) {
	const debugged = `
	100 1   S "python3 app.py" age=10m caught=2 wchan=poll_schedule_timeout syscall=270:1
	100:0 file /dev/pts/3 rw
`
	script := `pkill(ps(match = "app.py"), grace = "20ms")`
	r := newRun(newArena(t, debugged)).blamed(t, 100)
	r.refuse = true
	err := r.fails(t, script)
	if !isDenied(err) {
		t.Errorf("%v is not a denial", err)
	}
	wantError(t, err, "--allow kill")
	if err := newRun(probetest.World(t, debugged)).blamed(t, 100).fails(t, script); !isDenied(err) {
		t.Errorf("of a snapshot: %v is not a denial", err)
	}
}

func TestWhoSitsAtAPrompt(t *testing.T) {
	for _, test := range []struct {
		what     string
		thread   probe.Thread
		terminal bool
		want     bool
	}{
		{"reads a terminal", probe.Thread{Family: "tty"}, false, true},
		{"writes to a terminal that takes nothing", probe.Thread{Family: "tty", Syscall: "write"}, true, false},
		{"a line editor", probe.Thread{Family: "poll", Syscall: "select", Args: [6]uint64{1}}, true, true},
		{"the same, hidden from us", probe.Thread{Family: "poll"}, true, true},
		{"select on other descriptors, started from a terminal", probe.Thread{Family: "poll", Syscall: "pselect6", Args: [6]uint64{9}}, true, false},
		{"a socket with a timeout, started from a terminal", probe.Thread{Family: "poll", Syscall: "poll"}, true, false},
		{"a loop that reads a pipe", probe.Thread{Family: "poll"}, false, false},
		{"an idle actor, started from a terminal", probe.Thread{Family: "epoll"}, true, false},
	} {
		if got := atPrompt(&test.thread, test.terminal, true); got != test.want {
			t.Errorf("%s: %t", test.what, got)
		}
	}
}

// A debugger may sit in any thread; a worker that polls for something hidden
// from us is no sign of one.
func TestWhoSitsAtAPromptBesideTheMainThread(t *testing.T) {
	if !atPrompt(&probe.Thread{Family: "tty"}, true, false) {
		t.Error("a worker thread that reads the terminal is nobody's prompt")
	}
	if atPrompt(&probe.Thread{Family: "poll"}, true, false) {
		t.Error("a worker thread that polls is somebody's prompt")
	}
}

func TestPkillWantsTimeToBeKind(t *testing.T) {
	r := newRun(newArena(t, twoTrees)).blamed(t, 101)
	wantError(t, r.fails(t, trees+`pkill(t1, grace = "0s")`), `pkill: for parameter "grace": 0s is no time at all`)
	wantError(t, r.fails(t, trees+`pkill(101)`), "want process or tree")
}
