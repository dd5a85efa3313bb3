package builtins

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/engine/event"
)

// wedge is a tree in which beta no longer reads what root sends it, and gamma
// waits for a lock that beta holds; alpha is well.
const wedge = `
	host uid=1000 kernel=6.18.0 name=box cpus=2 load=0.1,0.2,0.3 ptrace_scope=1
	100 1   S "python3 app.py" age=10m wchan=do_epoll_wait uid=1000
	101 100 S "python3 -m tractor._child --uid ('alpha',_'u') --parent_addr ('127.0.0.1',_6000)" age=9m wchan=do_epoll_wait
	102 100 S "_subactor[beta@102]"  age=8m wchan=do_epoll_wait ignored=2
	103 100 S "_subactor[gamma@103]" age=7m wchan=locks_lock_inode_wait syscall=flock:5:2
	900 1   S "sleep 1000" age=1h

	100:3 epoll 8=40000019 9=40000019
	100:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5001 sq=0
	100:9 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5002 sq=45815
	101:3 epoll 8=40000019
	101:8 tcp ESTAB 127.0.0.1:5001 127.0.0.1:6000 rq=0
	102:1 pipe 77 w fill=65536/65536
	102:3 epoll 8=40000000
	102:5 file /tmp/x.lock rw
	102:8 tcp ESTAB 127.0.0.1:5002 127.0.0.1:6000 rq=45815
	103:5 file /tmp/x.lock rw
	---
	101 cpu=1s switches=200/3
`

func TestPSFindsATree(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	got := r.text(t, `
tree_of = ps(match = "_subactor")
out = [[(p.pid, p.name, p.population, p.matched, p.state, p.comm, str(p.age)) for p in tree_of],
	[p.pid for p in ps(pid = [102], relatives = False)],
	[p.pid for p in ps(pid = tree_of[-1])],
	[p.pid for p in ps(match = "sleep")],
	ps(match = "no such thing"),
	900 in [p.pid for p in ps()]]`)
	want := `[[(100, None, "", False, "S", "python3", "10m0s"), (101, None, "argv", False, "S", "python3", "9m0s"), (102, "beta", "title", True, "S", "_subactor[beta@", "8m0s"), (103, "gamma", "title", True, "S", "_subactor[gamma", "7m0s")], [102], [100, 101, 102, 103], [900], [], True]`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	err := r.fails(t, `ps(pid = [4242])`)
	wantError(t, err, "4242")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	wantError(t, r.fails(t, `ps(match = "(")`), `for parameter "match": "(": no regular expression: missing closing )`)
	wantError(t, r.fails(t, `ps(pid = ["102"])`), `for parameter "pid": element 0 is "102", want int or process`)
}

func TestOneProcessIsReadFromEverySide(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	got := r.text(t, `
beta, gamma = ps(match = "beta@|gamma@", relatives = False)
main = threads(gamma)[0]
out = [wchan(beta), wchan(gamma), (main.family, main.syscall, main.fd, main.target.link, main.doing),
	"SIGINT" in signals(beta).ignored, "SIGINT" in signals(gamma).ignored,
	[(f.num, f.kind) for f in fds(beta)],
	[(e.fd, e.reads, e.writes, e.oneshot) for e in epoll(beta)],
	[(s.fd, s.recv_q, s.peer_pid, s.peer, s.process == beta, s.loopback) for s in ss(beta)],
	[(p.inode, p.bytes, p.full, [w.pid for w in p.writers], p.readers) for p in pipes([beta])],
	(machine().kernel, machine().host, machine().cpus, machine().ptrace_scope, machine().live)]`)
	want := `["do_epoll_wait", "locks_lock_inode_wait", ("flock", "flock", 5, "/tmp/x.lock", "flock"), True, False, ` +
		`[(1, "pipe"), (3, "epoll"), (5, "file"), (8, "socket")], [(8, False, False, True)], ` +
		`[(8, 45815, None, None, True, True)], [(77, 65536, True, [102], [])], ("6.18.0", "box", 2, 1, False)]`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(r.covered) == 0 {
		t.Error("no coverage was noted")
	}
}

func TestSocketsAreJoinedWithinTheGivenProcesses(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	got := r.text(t, `
all = ps(match = "_subactor")
out = [(s.pid, s.fd, s.send_q or 0, s.peer_pid, s.peer_fd, s.peer.name) for s in ss(tree(all[0], all)) if s.pid in (100, 102)]`)
	if want := `[(100, 8, 0, 101, 8, None), (100, 9, 45815, 102, 8, "beta"), (102, 8, 0, 100, 9, None)]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestASampleSaysWhatChanged(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	got := r.text(t, `
root, alpha, beta, gamma = ps(match = "_subactor")
looks = sample([alpha, beta], over = "1s")
pair = looks[beta]
out = [str(looks.over), looks[alpha].switches != 0, str(looks[alpha].cpu), looks[alpha].still, pair.still, pair.unchanged_main, pair.spins, pair.gone,
	beta in looks, root in looks, looks.of(root), looks.of(beta) == pair, pair.second.main.wchan, pair.second.has_sockets,
	[s.recv_q for s in pair.first.sockets], [p.pid for p in looks.processes], pair.first.main == pair.first.main]`)
	want := `["1s", True, "1s", False, True, True, False, False, True, False, None, True, "do_epoll_wait", True, [45815], [101, 102], True]`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	wantError(t, r.fails(t, `sample(ps(), over = "1s")[ps(pid = 900)[0].pid]`), "got int, want process")
	wantError(t, r.fails(t, `sample(ps(), over = "-1s")`), "want a duration that is not negative")
	wantError(t, r.fails(t, `sample(ps(pid = 101), over = "1s")[ps(pid = 900)[-1]]`), "not in sample")
}

// TestBlameEndToEnd goes the way of a recipe: sample, waits, graph.
func TestBlameEndToEnd(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	globals, err := r.exec(`
root, alpha, beta, gamma = ps(match = "_subactor")
looks = sample([root, alpha, beta, gamma], over = "1s")
edges = [e for e in waits(looks) if e.unchanged and not e.holder_armed]
g = graph(edges)
edge = [e for e in edges if e.holder == beta][0]
out = [g.sinks, g.cycles, g.victims([beta]), g.victims(beta), [e.kind for e in g.edges_of([beta])], edge.waiter == root, edge.bytes, edge.certain, edge.holder_text,
	edge.evidence["recv_q"], edge.evidence["source"], g.nodes]`)
	if err != nil {
		t.Fatal(err)
	}
	want := `[[process(beta pid 102)], [], [process(app.py pid 100)], [process(app.py pid 100)], ["unread"], True, 45815, False, "beta (pid 102)", 45815, "getfd", [process(app.py pid 100), process(beta pid 102)]]`
	if d := cmp.Diff(want, globals["out"].String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	view := globals["g"].(engine.Viewer).View()
	beta := globals["beta"].(engine.Subjecter).Subject().Key()
	root := globals["root"].(engine.Subjecter).Subject().Key()
	if len(view.Edges) != 1 || view.Edges[0].From != root || view.Edges[0].To != beta || view.Kind != "graph" || len(view.Nodes) != 2 {
		t.Errorf("view %+v", view)
	}
}

func TestWhatMayNotBeReadIsAnErrorAndNeverAnEmptyList(t *testing.T) {
	for _, script := range []string{`fds(p)`, `ss([p])`, `epoll(p)`, `pipes([p])`} {
		r := newRun(probetest.World(t, `
			100 1 S "python3 app.py"
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000
			denied 100/fd`))
		err := r.fails(t, "p = ps(pid = 100)[0]\nout = "+script)
		var blind engine.Unknownable
		if !errors.As(err, &blind) || !probe.Denied(err) {
			t.Errorf("%s: %v, want one that says could-not-look", script, err)
			continue
		}
		if blind.Probe() == "" || blind.Remedy() == "" {
			t.Errorf("%s: probe %q, remedy %q", script, blind.Probe(), blind.Remedy())
		}
		if denied := denied(r.covered); denied == 0 {
			t.Errorf("%s: no coverage row says so: %v", script, r.covered)
		}
	}
	got := newRun(probetest.World(t, `
		100 1 S "python3 app.py"
		denied 100/fd 100/task/100/wchan`)).text(t, `
p = ps(pid = 100)[0]
r = sample(p, over = "0s")[p].second
out = [wchan(p), r.fds, r.has_fds, r.has_threads, r.main.wchan_hidden, [c.probe for c in coverage() if c.status == "denied" and c.remedy] != []]`)
	if want := `[None, [], False, True, True, True]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOneThatMayNotBeReadDoesNotHideTheOthers(t *testing.T) {
	const world = `
		100 1   S "python3 app.py"
		101 100 S "_subactor[beta@101]"
		102 100 S "_subactor[gamma@102]"
		100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000
		100:9 pipe 77 w
		101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000
		101:9 pipe 77 r
		102:8 tcp ESTAB 127.0.0.1:5001 127.0.0.1:6000
		102:9 pipe 77 r
		denied 101/fd DENIED`
	for _, c := range []struct{ script, denied, want string }{
		{`[(s.pid, s.fd) for s in ss(of)]`, "", "[(100, 8), (102, 8)]"},
		{`[(s.pid, s.fd) for s in ss(of)]`, "sockets/102", "[(100, 8)]"},
		{`[[h.pid for h in p.writers + p.readers] for p in pipes(of)]`, "", "[[100, 102]]"},
	} {
		r := newRun(probetest.World(t, strings.ReplaceAll(world, "DENIED", c.denied)))
		got := r.text(t, "of = ps(pid = 100)\nout = "+c.script+` + [sorted([x.pid for x in coverage() if x.status == "denied" and x.probe in ("ss", "pipes")])]`)
		want := strings.TrimSuffix(c.want, "]") + ", [101]]"
		if c.denied != "" {
			want = strings.TrimSuffix(c.want, "]") + ", [101, 102]]"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", c.script, got, want)
		}
	}
}

func denied(rows []event.Coverage) (n int) {
	for _, c := range rows {
		if c.Status == "denied" {
			n++
		}
	}
	return n
}

func TestAProcessThatEndedIsNotTakenForAnother(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	old := aProcess(102, 100, "beta") // started long before the one that has its pid now
	r.names["old"] = newProcess(old)
	for _, script := range []string{`threads(old)`, `wchan(old)`, `fds(old)`, `signals(old)`, `epoll(old)`} {
		if err := r.fails(t, script); !errors.Is(err, probe.ErrReused) {
			t.Errorf("%s: %v", script, err)
		}
	}
	if got := r.text(t, `out = [ss(old), pipes(old), sample(old, over = "0s")[old].gone]`); got != "[[], [], True]" {
		t.Errorf("got %s", got)
	}
}

func TestALookEndsWithTheRun(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.ctx = ctx
	err := r.fails(t, `ps()`)
	var blind engine.Unknownable
	if !errors.Is(err, context.Canceled) || errors.As(err, &blind) {
		t.Errorf("%v: a run that was told to stop is not one that could not look", err)
	}
}

func TestCoverageIsSaidOnce(t *testing.T) {
	r := newRun(probetest.World(t, wedge))
	got := r.text(t, `
p = ps(pid = 102)[0]
wchan(p)
before = len(coverage())
wchan(p)
out = [before > 0, before == len(coverage())]`)
	if got != "[True, True]" {
		t.Errorf("got %s", got)
	}
}
