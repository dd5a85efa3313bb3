package sink_test

import (
	"time"

	"runbook/engine/event"
)

// wedged is a run as people meet it: root, alpha, beta and gamma, where beta
// stopped consuming, root waits for beta, the network is ruled out, and nobody
// allowed the cleanup.
func wedged() []event.Event {
	var b builder
	root, alpha, beta, gamma := actor("root", 24168), actor("alpha", 24210), actor("beta", 24377), actor("gamma", 24390)
	b.emit(event.Event{RunStarted: &event.RunStarted{
		ID: "7f3a", Recipe: "wedged-actor", Title: "Wedged actor triage",
		Digest: "sha256:9a31c4", Origin: "embedded", Tool: "runbook 0.1.0", Host: "box7",
		Given:  []string{"pid", "older_than"},
		Params: event.Fields{{Name: "match", Value: ""}, {Name: "pid", Value: []any{int64(24168)}}, {Name: "older_than", Value: "2m"}, {Name: "over", Value: "1s"}, {Name: "force", Value: false}},
		Plan: []event.Planned{
			{Name: "trees", Title: "Find the trees", Guidance: "A long-lived actor under a parent that lives too is the mark of a wedge. By hand:\n\n```sh\nps -eo pid,etime,args | grep -E 'pytest|tractor._child|_subactor'\n```\n"},
			{Name: "looks", Title: "Look twice", Guidance: "What is stuck is **unchanged**."},
			{Name: "blame", Title: "Who waits for whom", Guidance: "- `Recv-Q > 0` on the parent connection, unchanged: the actor **stopped consuming**.\n- no external connection: wedged before, or without, provider IO. Don't blame the network.\n"},
			{Name: "cleanup", Title: "Clear the wedged trees away", Needs: []string{"kill"}},
		},
		Grants: []string{}, Started: b.at,
	}})

	b.step("trees", "Find the trees", 12*time.Millisecond, func() {
		b.call("ps", "lib/actors.star:49:18", 11*time.Millisecond, 4)
	})
	b.step("looks", "Look twice", 1021*time.Millisecond, func() {
		b.emit(event.Event{Progressed: &event.Progressed{Text: "second look in 0.5s"}})
		b.call("sample", "wedged-actor.star:55:18", 1020*time.Millisecond, 4)
		for _, pid := range []int{24168, 24210, 24377} {
			b.emit(event.Event{Covered: &event.Coverage{Probe: "syscall", PID: pid, Status: "denied", Detail: "read /proc/24168/syscall: permission denied", Remedy: "sudo runbook run wedged-actor --pid 24168"}})
		}
		b.emit(event.Event{Covered: &event.Coverage{Probe: "wchan", PID: 24377, Status: "read"}})
		b.emit(event.Event{Covered: &event.Coverage{Probe: "epoll", PID: 24390, Status: "absent", Detail: "read /proc/24390/fdinfo/3: no such process"}})
	})
	b.step("blame", "Who waits for whom", 3*time.Millisecond, func() {
		b.call("waits", "wedged-actor.star:75:13", time.Millisecond, 2)
		b.emit(event.Event{Shown: &event.View{
			Kind: "tree", Title: "Process tree of root (pid 24168)", Columns: []string{"age", "state", "what"},
			Nodes: []event.Node{
				node(root, "", "12m04s", "sleeping", "idle loop"),
				node(alpha, root.Key(), "12m03s", "sleeping", "idle loop"),
				node(beta, root.Key(), "12m03s", "sleeping", "idle loop, nobody reads fd 8"),
				node(gamma, beta.Key(), "11m58s", "sleeping", "idle loop"),
			},
		}})
		b.emit(event.Event{Shown: &event.View{
			Kind: "graph", Title: "Who waits for whom",
			Nodes: []event.Node{node(root, ""), node(alpha, ""), node(beta, "")},
			Edges: []event.Edge{
				{From: alpha.Key(), To: root.Key(), Kind: "recv", Label: "reads fd 8", Certain: false, Unchanged: true},
				{From: root.Key(), To: beta.Key(), Kind: "send", Label: "45,815 bytes unread on fd 8, unchanged over 1.0s", Certain: true, Unchanged: true},
			},
		}})
		b.emit(event.Event{Found: &event.Finding{
			Verdict: event.Fault, Rule: "wedged-actor/stopped-consuming",
			Title:   "`beta` (pid 24377) stopped consuming its parent's messages: its loop is alive and idle, and no task reads fd 8",
			About:   &beta,
			Victims: []event.Subject{root, alpha},
			Means:   "Its event loop runs, so this is **not** a blocked call: the task that reads the connection to the parent is gone or parked. It is a bug of the runtime, not of the network.",
			Do:      "Look at its tasks, if it has a handler for that: `kill -USR1 24377` only when `SigCgt` has bit 9. Then clear the tree away:\n\n```sh\nrunbook run wedged-actor --pid 24168 --allow kill\n```\n",
			Because: "45,815 bytes lay unread at both looks, 1.0s apart, and the epoll entry of fd 8 lacks EPOLLIN. One byte less at the second look would refute it.",
			Evidence: []event.Fields{
				{{Name: "type", Value: "socket"}, {Name: "source", Value: "sock_diag"}, {Name: "at", Value: "2026-10-01T12:03:12.104233Z"}, {Name: "fd", Value: int64(8)}, {Name: "state", Value: "ESTAB"}, {Name: "local", Value: "127.0.0.1:49012"}, {Name: "remote", Value: "127.0.0.1:1616"}, {Name: "recv_q", Value: int64(45815)}, {Name: "peer_pid", Value: int64(24168)}, {Name: "last_recv", Value: nil}},
				{{Name: "type", Value: "epoll"}, {Name: "source", Value: "/proc/24377/fdinfo/3"}, {Name: "at", Value: "2026-10-01T12:03:12.104400Z"}, {Name: "fd", Value: int64(8)}, {Name: "events", Value: "40000000"}, {Name: "armed", Value: false}},
				{{Name: "type", Value: "thread"}, {Name: "tid", Value: int64(24377)}, {Name: "wchan", Value: "do_epoll_wait"}, {Name: "cpu", Value: "0s"}},
			},
			Pos: "wedged-actor.star:70:22",
		}})
		b.emit(event.Event{Found: &event.Finding{
			Verdict: event.RuleOut, Rule: "wedged-actor/network", Title: "`beta` (pid 24377) has no connection out of its tree: do not blame the network",
			About: &beta, Because: "All of its 2 connections end inside the tree.", Pos: "lib/diagnose.star:160:13",
		}})
		b.emit(event.Event{Found: &event.Finding{
			Verdict: event.Note, Rule: "wedged-actor/hidden-wchan", Title: "this kernel shows the wait of every thread",
		}})
	})
	b.emit(event.Event{StepFinished: &event.StepFinished{
		Name: "cleanup", Title: "Clear the wedged trees away", Status: event.StatusDenied,
		Reason: "kill was not allowed", Detail: "runbook run wedged-actor --pid 24168 --allow kill\nby hand:\n    kill -INT 24168; sleep 5; kill -TERM 24168 24210 24377 24390",
	}})
	b.emit(event.Event{RunFinished: &event.RunFinished{
		Outcome: event.Faults, Counts: map[event.Verdict]int{event.Fault: 1, event.RuleOut: 1, event.Note: 1}, Finished: b.at,
	}})
	return b.events
}

// builder writes a stream as an engine does: numbered, in time, by kind.
type builder struct {
	events []event.Event
	seq    int
	at     time.Time
	name   string
}

func (b *builder) emit(e event.Event) {
	if b.at.IsZero() {
		b.at = time.Date(2026, 10, 1, 12, 3, 11, 80_000_000, time.UTC)
		if e.RunStarted != nil {
			e.RunStarted.Started = b.at
		}
	}
	if e.Progressed == nil {
		b.seq++
	}
	e.Seq, e.At, e.Step, e.Kind = b.seq, b.at, b.name, kindOf(e)
	b.events = append(b.events, e)
}

func (b *builder) step(name, title string, took time.Duration, body func()) {
	b.name = name
	b.emit(event.Event{StepStarted: &event.StepStarted{Name: name, Title: title}})
	body()
	b.at = b.at.Add(took)
	b.emit(event.Event{StepFinished: &event.StepFinished{Name: name, Title: title, Status: event.StatusDone, Duration: took}})
	b.name = ""
}

func (b *builder) call(builtin, pos string, took time.Duration, count int) {
	b.emit(event.Event{Called: &event.Called{Builtin: builtin, Pos: pos, Duration: took, Count: count}})
}

func kindOf(e event.Event) event.Kind {
	switch {
	case e.RunStarted != nil:
		return event.KindRunStarted
	case e.StepStarted != nil:
		return event.KindStepStarted
	case e.Called != nil:
		return event.KindCalled
	case e.Found != nil:
		return event.KindFound
	case e.Shown != nil:
		return event.KindShown
	case e.Covered != nil:
		return event.KindCovered
	case e.Said != nil:
		return event.KindSaid
	case e.Progressed != nil:
		return event.KindProgressed
	case e.Asked != nil:
		return event.KindAsked
	case e.Answered != nil:
		return event.KindAnswered
	case e.StepFinished != nil:
		return event.KindStepFinished
	default:
		return event.KindRunFinished
	}
}

func actor(name string, pid int) event.Subject {
	return event.Subject{
		Type: "process", PID: pid, StartTime: "2026-10-01T11:51:07Z", Name: name,
		Cmdline: []string{"python3", "-m", "tractor._child", "--uid", "('" + name + "', '1b7e')"},
	}
}

func node(s event.Subject, parent string, cells ...string) event.Node {
	return event.Node{ID: s.Key(), Parent: parent, Label: s.Label(), Cells: cells, Subject: &s}
}
