package builtins

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/stats"
	"runbook/engine"
	"runbook/engine/event"
)

func TestAMistypedFieldIsAnsweredWithTheRightOne(t *testing.T) {
	r := newRun(nil).withTree()
	r.names["sock"] = newRecord(socketKind, socketFact{probe.Socket{FD: 8}, starlark.None, starlark.None}, "getfd", boot)
	wantError(t, r.fails(t, `sock.recvq`), "socket has no .recvq field or method", "did you mean .recv_q?")
	wantError(t, r.fails(t, `beta.cmd_line`), "did you mean .cmdline?")
	wantError(t, r.fails(t, `tree(root).fault`), "did you mean .faulted?")
	wantError(t, r.fails(t, `beta.pid = 3`), "can't assign to .pid field of process")
	wantError(t, r.fails(t, `beta.args.append("x")`), "frozen")
}

func TestAProcessIsOneKeyForItsWholeLife(t *testing.T) {
	r := newRun(nil).withTree()
	later := aProcess(102, 1, "") // read again after its parent had died
	later.At = later.At.Add(time.Minute)
	reused := aProcess(102, 101, "beta")
	reused.Start++
	r.names["later"], r.names["reused"] = newProcess(later), newProcess(reused)
	got := r.text(t, `
notes = {beta: "wedged"}
out = [beta == later, beta != later, beta == reused, later in notes, reused in notes, len(set([beta, later, reused])), beta == 102, [beta] == [later], bool(beta)]`)
	if want := "[True, False, False, True, False, 2, False, True, True]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wantError(t, r.fails(t, `sorted([beta, root])`), "process < process not implemented", "key = lambda p: p.pid")
}

func TestValuesPrintShort(t *testing.T) {
	r := newRun(nil).withTree()
	got := r.text(t, `out = [str(beta), str(root), beta.label, root.label, type(beta), str(tree(root, [root, beta])), str([beta])]`)
	want := `["process(beta pid 102)", "process(app.py pid 100)", "beta (pid 102)", "app.py (pid 100)", "process", "tree(app.py (pid 100), 2 processes)", "[process(beta pid 102)]"]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatAProcessIsCalled(t *testing.T) {
	for args, want := range map[string]string{
		"python3 app.py":                 "app.py",
		"/usr/bin/python3.11 -u /a/b.py": "b.py",
		"python3 -m pytest -x":           "pytest",
		"python3 -W ignore -m pytest":    "pytest",
		"python3 -c print()":             "comm",
		"python3 -":                      "comm",
		"python3 -m":                     "comm",
		"sleep 100":                      "comm",
		"":                               "comm",
	} {
		p := probe.Process{Comm: "comm", Args: strings.Fields(args)}
		if got := called(&p); got != want {
			t.Errorf("%q is called %q, want %q", args, got, want)
		}
	}
}

// TestEvidence holds what a finding keeps of a value: type, source and time
// first, whole 64-bit integers, and nothing that is unknown.
func TestEvidence(t *testing.T) {
	s := newRecord(socketKind, socketFact{
		probe.Socket{PID: 102, FD: 8, Inode: math.MaxUint64, Family: "tcp", State: "ESTAB", Local: "127.0.0.1:5000", Remote: "127.0.0.1:1616", RecvQ: 45815, SendQ: -1,
			AcceptQ: -1, Backlog: -1, LastRecv: 1500 * time.Millisecond, PeerFD: -1},
		newProcess(aProcess(102, 101, "beta")), starlark.None,
	}, "sock_diag", boot)
	want := `{"type":"socket","source":"sock_diag","at":"2026-03-01T12:00:00Z","pid":102,"process":"beta (pid 102)","fd":8,"family":"tcp","state":"ESTAB",` +
		`"local":"127.0.0.1:5000","remote":"127.0.0.1:1616","recv_q":45815,"fin":false,"last_recv":"1.5s"}`
	got, err := json.Marshal(s.Fields())
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	item := newRecord(fdKind, &probe.FD{Num: 3, Kind: "pipe", Link: "pipe:[1]", Inode: math.MaxUint64}, "procfs", boot).Fields()
	if n, _ := item.Get("inode"); n != uint64(math.MaxUint64) {
		t.Errorf("inode became %v (%T)", n, n)
	}
}

func TestJSONOfARecipe(t *testing.T) {
	b, err := newProcess(aProcess(102, 101, "beta")).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got["name"] != "beta" || got["pid"] != 102.0 || got["type"] != "process" {
		t.Errorf("got %s", b)
	}
}

// samples are two values of each kind: one of which nothing is known, and one
// full of facts.
func samples() map[string][]starlark.Value {
	beta := aProcess(102, 101, "beta")
	beta.Cgroup, beta.Exe, beta.NetNS = "/user.slice", "/usr/bin/python3", "net:[1]"
	thread := probe.Thread{TID: 102, Name: "python3", State: "S", Wchan: "do_epoll_wait", Family: "epoll", Syscall: "read", SyscallNr: 0, Args: [6]uint64{8, math.MaxUint64}, FD: 8,
		Target: &probe.FD{Num: 8, Kind: "socket", Link: "socket:[7]", Inode: 7}, CPU: time.Second, Voluntary: 3, Forced: 4}
	blind := probe.Thread{TID: 102, SyscallNr: -1, FD: -1, WchanHidden: true}
	full := probe.Reading{At: boot, Process: beta, Threads: []probe.Thread{thread}, HasThreads: true, HasSignals: true, Signals: probe.Signals{Caught: 2, Ignored: math.MaxUint64},
		FDs: []probe.FD{*thread.Target, {Num: 1, Kind: "pipe"}}, HasFDs: true, Sockets: []probe.Socket{{PID: 102, FD: 8, PeerPID: 102, PeerFD: 9}}, HasSockets: true,
		Epoll: []probe.EpollItem{{EpollFD: 3, FD: 8, Events: 0x40000019}}, HasEpoll: true, Pipes: map[int]probe.PipeFill{1: {Bytes: 65536, Capacity: 65536}}}
	taken := newSample(&probe.Sample{Over: time.Second, At: boot, Pairs: []probe.Pair{{First: full, Second: full, Over: time.Second}}})
	none := newSample(&probe.Sample{Pairs: []probe.Pair{{First: probe.Reading{Gone: true, Process: probe.Process{UID: -1, Started: boot}}, Second: probe.Reading{Gone: true, Process: probe.Process{UID: -1, Started: boot}}}}})
	edges := []probe.Edge{
		{Waiter: beta.ID, Holder: beta.ID, Kind: "unread", FD: 8, Bytes: 45815, Text: "45,815 bytes", Facts: []probe.Fact{{Name: "recv_q", Value: 45815}, {Name: "d", Value: time.Second}, {Name: "x", Value: nil}}},
		{Waiter: beta.ID, HolderText: "10.0.0.1:443", Kind: "recv", FD: -1, Bytes: -1},
		{Waiter: beta.ID, FD: -1, Bytes: -1},
	}
	var wrapped []*edge
	var all []starlark.Value
	for _, e := range edges {
		v := taken.edge(e)
		all, wrapped = append(all, v), append(wrapped, v.(*edge))
	}
	g := newGraph(wrapped)
	ends := g.it.list(g.it.Sinks())
	tr := newTree(newProcess(beta), nil, func() []event.Finding { return nil })
	tr0 := newTree(newProcess(probe.Process{UID: -1, Started: boot}), nil, nil)
	report := &probe.KillReport{Ended: []probe.Ending{{Process: beta, Rung: "SIGINT", After: time.Second}}, Survived: []probe.Survivor{{Process: beta, Why: "D"}},
		Refused: []probe.Refusal{{Process: beta, Why: "ours"}}, Plan: []probe.Step{{Process: beta, Signals: []string{"SIGINT"}}}}
	plan, _ := stats.NewPlan(6, 0.05)
	ran := newAttempt(probe.PytestResult{Suite: "t.py", Outcome: "hang", Reason: "r", ExitCode: -1, Signal: "SIGKILL", Duration: time.Second, Phase: "call", Running: []string{"t.py::a"},
		Tests: []probe.PytestTest{{ID: "t.py::b", Outcome: "failed", Phase: "call", Duration: time.Second, Message: "m", Text: "x", Reruns: 1, Worker: "gw0"}, {}},
		Leaks: []probe.Leak{{Kind: "process", Text: "p", PID: 4}}, Output: []byte("o"), Cut: true, Traceback: "tb", Python: "/py", Version: "pytest 9", Pace: &probe.PytestPace{Over: time.Second, Ended: 1, CPU: time.Second, Delay: 1}}, "/a.tar.gz", boot)
	return map[string][]starlark.Value{
		"attempt": {ran, newAttempt(probe.PytestResult{}, "", time.Time{})},
		"test":    {ran.it.tests.Index(0), ran.it.tests.Index(1)},
		"leak":    {newRecord(leakKind, ran.it.Leaks[0], "procfs", time.Time{}), newRecord(leakKind, probe.Leak{}, "", time.Time{})},
		"pace":    {newRecord(paceKind, *ran.it.Pace, "procfs", time.Time{}), newRecord(paceKind, probe.PytestPace{}, "", time.Time{})},
		"module":  {newRecord(moduleKind, probe.PytestModule{Name: "a", Path: "/a.py", Child: "/b/a.py", Own: "/a.py", Theirs: true}, "pytest", time.Time{}), newRecord(moduleKind, probe.PytestModule{}, "", time.Time{})},
		"reach":   {newRecord(reachKind, probe.PytestReach{How: "named", Path: "/r/a.py", File: "a.py", By: "b.py"}, "pytest", time.Time{}), newRecord(reachKind, probe.PytestReach{}, "", time.Time{})},
		"guarded": {newRecord(guardedKind, probe.MainGuard{HasGuard: true, Text: "x", Starts: []int{1}, Missing: []string{"m"}, Error: "e", Line: 2, Argv: []string{"py"}}, "python", boot), newRecord(guardedKind, probe.MainGuard{}, "", time.Time{})},
		"booted": {newRecord(bootedKind, &bootedFact{probe.Booted{Outcome: "hang", Up: true, UpAfter: 1, EndedIn: 1, ExitCode: -1, Signal: "SIGINT", Output: []byte("o"), Members: []probe.ID{beta.ID},
			Leaks: ran.it.Leaks, Dialled: []probe.Dialled{{PID: 1, Address: ":1"}}}, "/a.tar.gz"}, "boot", boot), newRecord(bootedKind, &bootedFact{}, "", time.Time{})},
		"bare_call": {newRecord(bareKind, bareFact{probe.BareRun{Call: "m:f"}, probe.Bare{Outcome: "raised", Phase: "call", Runner: "trio", Took: 1, Value: "v", Blind: "b", Version: "3",
			Exception: probe.BareException{Type: "E", Bases: []string{"E"}, Text: "t", Traceback: "tb", Where: "f:1"}, Tripped: []probe.BareWire{{Kind: "child"}}}}, "python", boot), newRecord(bareKind, bareFact{}, "", time.Time{})},
		"tripwire":    {newRecord(wireKind, probe.BareWire{Phase: "call", Kind: "child", Text: "t", Where: "f:1"}, "audit", time.Time{}), newRecord(wireKind, probe.BareWire{}, "", time.Time{})},
		"dialled":     {newRecord(dialledKind, probe.Dialled{PID: 1, Bound: true, Address: ":1"}, "audit", time.Time{})},
		"process":     {newProcess(beta), newProcess(probe.Process{UID: -1, Started: boot})},
		"thread":      {newRecord(threadKind, &thread, "procfs", boot), newRecord(threadKind, &blind, "", time.Time{})},
		"signals":     {newSignals(full.Signals, boot), newSignals(probe.Signals{}, time.Time{})},
		"fd":          {newRecord(fdKind, thread.Target, "procfs", boot), newRecord(fdKind, &probe.FD{}, "", time.Time{})},
		"socket":      {socketList(full.Sockets, boot, taken.it.processes.byPID()).Index(0), newRecord(socketKind, socketFact{probe.Socket{FD: -1, RecvQ: -1, SendQ: -1, AcceptQ: -1, Backlog: -1, LastRecv: -1, PeerFD: -1}, starlark.None, starlark.None}, "", time.Time{})},
		"epoll_item":  {epollList(full.Epoll, boot).Index(0), newRecord(epollKind, probe.EpollItem{}, "", time.Time{})},
		"pipe":        {newRecord(pipeKind, probe.Pipe{Inode: 7, Fill: &probe.PipeFill{Bytes: 1, Capacity: 65536}, Readers: []probe.FDRef{{PID: 1, FD: 2}}}, "procfs", boot), newRecord(pipeKind, probe.Pipe{}, "", time.Time{})},
		"pipe_fill":   {newRecord(fillKind, probe.PipeFill{Bytes: 1, Capacity: 2}, "procfs", boot)},
		"holder":      {newHolder(probe.FDRef{PID: 1, FD: 2})},
		"lock":        {newRecord(lockKind, probe.Lock{Kind: "FLOCK", Mode: "WRITE", PID: 4, Inode: 5, Path: "/a", Waiters: []probe.LockWaiter{{PID: 6}}, Holders: []probe.FDRef{{PID: 4, FD: 2}}}, "procfs", boot), newRecord(lockKind, probe.Lock{PID: -1}, "", time.Time{})},
		"listener":    {newRecord(listenerKind, probe.Listener{Address: ":1", PID: 4, Comm: "x"}, "sock_diag", boot), newRecord(listenerKind, probe.Listener{FD: -1, AcceptQ: -1, Backlog: -1}, "", time.Time{})},
		"uds_file":    {newRecord(udsFileKind, probe.UDSFile{Path: "/a@3.sock", Owner: "a", PID: 3, HolderPID: 3}, "procfs", boot), newRecord(udsFileKind, probe.UDSFile{}, "", time.Time{})},
		"segment":     {newRecord(segmentKind, probe.Segment{Path: "/dev/shm/a", Size: 1 << 40, MappedBy: []int{1}}, "procfs", boot)},
		"machine":     {newRecord(machineKind, machineFact{probe.Machine{CPUs: 2, Load1: 0.5}, probe.Clock{Boot: boot}}, "procfs", boot), newRecord(machineKind, machineFact{probe.Machine{PtraceScope: -1}, probe.Clock{Boot: boot}}, "", time.Time{})},
		"sample":      {taken, none},
		"pair":        {taken.it.pairs[0], none.it.pairs[0]},
		"reading":     {taken.it.pairs[0].it.second, none.it.pairs[0].it.first},
		"edge":        all,
		"graph":       {g, newGraph(nil)},
		"place":       {ends.Index(0), ends.Index(1)},
		"tree":        {tr, tr0},
		"covered":     {newRecord(coverageKind, probe.Coverage{Probe: "ss", PID: 3, Status: "denied", Detail: "no", Remedy: "sudo"}, "", time.Time{}), newRecord(coverageKind, probe.Coverage{}, "", time.Time{})},
		"cleared":     {newCleared(*report, boot)},
		"ending":      {newRecord(endingKind, report.Ended[0], "", time.Time{})},
		"spared":      {newRecord(sparedKind, spared{beta, "D"}, "", time.Time{})},
		"planned":     {newRecord(plannedKind, report.Plan[0], "", time.Time{})},
		"repo":        {newRecord(repoKind, probe.GitState{Root: "/r", Head: "a", Branch: "b", Submodules: []probe.GitSubmodule{{Path: "p"}}}, "git", boot), newRecord(repoKind, probe.GitState{}, "", time.Time{})},
		"restoration": {newRecord(restorationKind, restoration{base: "c", done: probe.Restored{Meanwhile: []string{"f"}, Ref: "refs/runbook/x/meanwhile"}}, "git", time.Time{})},
		"submodule":   {newRecord(submoduleKind, probe.GitSubmodule{Path: "p", Commit: "c", Dirty: true}, "git", time.Time{})},
		"lack":        {newRecord(lackKind, probe.GitLack{Path: "data/", Kind: "large", Files: 2, Bytes: 9}, "git", boot), newRecord(lackKind, probe.GitLack{}, "", time.Time{})},
		"commit":      {newRecord(commitKind, probe.GitCommit{ID: "abc", Short: "a", Subject: "s", Author: "n", Date: boot, Parents: []string{"b"}}, "git", boot), newRecord(commitKind, probe.GitCommit{}, "", time.Time{})},
		"patch":       {&gitPatch{*newRecord(patchKind, probe.Patch{Base: "a", Text: []byte("x"), SHA256: "s", Files: []string{"f"}}, "git", boot)}, &gitPatch{*newRecord(patchKind, probe.Patch{}, "", time.Time{})}},
		"finding":     {newRecord(findingKind, event.Finding{Verdict: event.Fault, Rule: "x/y", Title: "T"}, "", time.Time{}), newRecord(findingKind, event.Finding{}, "", time.Time{})},
		"interval":    {newRecord(intervalKind, intervalFact{seen: stats.Tally{Failures: 2, Runs: 6}, confidence: 0.95}, "", time.Time{}), newRecord(intervalKind, intervalFact{}, "", time.Time{})},
		"comparison":  {newRecord(comparisonKind, &comparisonFact{Plan: plan, b: stats.Tally{Failures: 4, Runs: 4}, a: stats.Tally{Runs: 4}}, "", time.Time{}), newRecord(comparisonKind, &comparisonFact{Plan: plan, answer: stats.Differ}, "", time.Time{})},
		"search":      {newRecord(searchKind, searchFact{next: -1, among: []int{0}}, "", time.Time{})},
	}
}

// TestFieldsAreWhatTheReferenceSays reads every field of every kind, and holds
// its value against the type that the reference states.
func TestFieldsAreWhatTheReferenceSays(t *testing.T) {
	all := samples()
	maps.Copy(all, loggingSamples())
	maps.Copy(all, logSamples())
	maps.Copy(all, sourceSamples())
	maps.Copy(all, pythonSamples())
	for _, d := range Types() {
		values := all[d.Name]
		if len(values) == 0 {
			t.Errorf("no sample of type %s", d.Name)
		}
		for _, v := range values {
			if v.Type() != d.Name {
				t.Errorf("%s is of type %s", d.Name, v.Type())
			}
			_ = v.String()
			if _, err := v.Hash(); err != nil {
				t.Errorf("%s: %v", d.Name, err)
			}
			if _, err := json.Marshal(v.(engine.Fielder).Fields()); err != nil {
				t.Errorf("%s as evidence: %v", d.Name, err)
			}
			names := v.(starlark.HasAttrs).AttrNames()
			if !slices.IsSorted(names) || len(names) != len(d.Fields)+2 {
				t.Errorf("%s: fields twice, or not sorted: %v", d.Name, names)
			}
			for _, f := range d.Fields {
				got, err := v.(starlark.HasAttrs).Attr(f.Name)
				if err != nil || got == nil {
					t.Errorf("%s.%s: %v, %v", d.Name, f.Name, got, err)
					continue
				}
				if !fits(got, f.Type) {
					t.Errorf("%s.%s is %s (%s), the reference says %q", d.Name, f.Name, got, got.Type(), f.Type)
				}
			}
		}
	}
	if len(all) != len(Types()) {
		t.Errorf("%d types in the reference, %d in this test", len(Types()), len(all))
	}
}

// fits reports whether v is of a type as the reference words it: "list of X",
// "X or None", "function(…)", "dict …".
func fits(v starlark.Value, typ string) bool {
	if known, ok := strings.CutSuffix(typ, " or None"); ok && strings.HasPrefix(typ, "list of ") {
		return v == starlark.None || fits(v, known)
	}
	if element, ok := strings.CutPrefix(typ, "list of "); ok {
		list, ok := v.(*starlark.List)
		if !ok {
			return false
		}
		for i := range list.Len() {
			if !fits(list.Index(i), element) {
				return false
			}
		}
		return true
	}
	if strings.HasPrefix(typ, "function(") {
		_, ok := v.(*starlark.Builtin)
		return ok
	}
	if strings.HasPrefix(typ, "dict") {
		_, ok := v.(*starlark.Dict)
		return ok
	}
	word := map[string]string{"NoneType": "None", "time.duration": "duration", "time.time": "time"}[v.Type()]
	if word == "" {
		word = v.Type()
	}
	return slices.Contains(strings.Split(typ, " or "), word)
}

// TestTheReferenceNamesOnlyTypesThatThereAre guards the words in the tables.
func TestTheReferenceNamesOnlyTypesThatThereAre(t *testing.T) {
	known := map[string]bool{"int": true, "float": true, "bool": true, "string": true, "duration": true, "time": true, "None": true, "dict": true, "regexp": true, "whatever": true}
	for _, d := range Types() {
		known[d.Name] = true
	}
	plain := regexp.MustCompile(`list of |function\([a-z]*\) → |dict of [a-z]+ to | or |, `)
	for _, d := range Types() {
		for _, f := range d.Fields {
			for _, word := range strings.Fields(plain.ReplaceAllString(f.Type, " ")) {
				if !known[word] {
					t.Errorf("%s.%s: there is no type %q", d.Name, f.Name, word)
				}
			}
		}
	}
	for _, b := range Table(Options{}) {
		returns := strings.Fields(strings.TrimPrefix(b.Returns, "list of "))[0]
		if word := strings.Trim(returns, ",;"); !known[word] {
			t.Errorf("%s returns %q, which is no type", b.Name, word)
		}
	}
}

// FuzzScript lets a script do anything to any value. It may fail; it may not
// take the process down.
func FuzzScript(f *testing.F) {
	for _, seed := range []string{
		`x.pid`, `x.nope`, `x == x`, `x < x`, `x + x`, `x[x]`, `x in x`, `{x: 1}[x]`, `[y for y in x]`, `str(x) + repr(x)`, `dir(x)`, `hash(x)`, `x()`, `-x`, `len(x)`,
		`x.of(x)`, `x.victims([x])`, `x.edges_of(x)`, `x.faulted()`, `graph([x])`, `tree(x, [x], what = {x: "y"})`, `sample(x, over = "0s")`, `waits(x)`, `ps(x)`, `pkill(x)`,
		`threads(x)`, `ss(x, outside = x)`, `locks(x)`, `coverage()`, `x.processes[0].args[-1]`, `json.encode(x)`, `getattr(x, "at")`, `sorted([x, x], key = lambda v: v.at)`,
	} {
		f.Add(seed)
	}
	dangerous := regexp.MustCompile(`\*|<<|range|%`) // these make values too large to wait for, none of which is ours
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 200 || dangerous.MatchString(src) {
			t.Skip()
		}
		for name, values := range samples() {
			for _, v := range values {
				r := newRun(nil)
				r.names["x"] = v
				globals, err := r.exec("out = " + src)
				if err != nil {
					_ = err.Error()
					continue
				}
				for _, got := range globals {
					_ = fmt.Sprint(name, got)
					if e, ok := got.(engine.Fielder); ok {
						if _, err := json.Marshal(e.Fields()); err != nil {
							t.Errorf("%s as evidence: %v", src, err)
						}
					}
				}
			}
		}
	})
}

func TestNoBuiltinPanicsOnWrongArguments(t *testing.T) {
	r := newRun(nil)
	for _, b := range r.table {
		for _, args := range []string{"", "1", `"x"`, "None", "[1]", "[None]", "nope = 1", "1, 2, 3, 4, 5", `{"a": 1}`, "-1", "[[]]", `"["`} {
			globals, err := r.exec("out = " + b.Name + "(" + args + ")")
			if err == nil && !b.Pure && b.Name != "coverage" && b.Name != "findings" && !strings.HasPrefix(b.Name+args, "locks[[]]") {
				t.Errorf("%s(%s) without a machine gave %v", b.Name, args, globals["out"])
			}
		}
	}
}

func TestExamplesAreStarlark(t *testing.T) {
	for _, b := range Table(Options{}) {
		if _, err := newRun(nil).exec("def f(p, t, looks, root, members, dir, path, a, diagnose, struct):\n    return " + b.Example); err != nil && b.Example[:5] != "show(" {
			t.Errorf("%s: %v", b.Name, err)
		}
	}
}
