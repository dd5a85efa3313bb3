package world

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
)

// world is what the lines so far describe.
type world struct {
	name, kernel, arch string
	uid                int
	machine            probe.Machine
	procs              map[int]*process
	files              map[string]string
	failed             map[probe.Question]probe.Failure
	locks              []string
	trees              []probe.CapturedTree
}

type process struct {
	pid, ppid      int
	args           []string
	uid, tracer    int
	exit           int // as wait(2) tells it
	sid, pgid      int // 0: the root's
	age            time.Duration
	cgroup         string
	exe, netns     string
	ign, blk, caug uint64
	threads        map[int]*thread
	fds            map[int]*descriptor
	python         *python // nil: nobody asked
}

type thread struct {
	name, state, wchan, syscall string
	cpu                         time.Duration
	voluntary, forced           int
}

// descriptor is an open file; socket is set for one of these.
type descriptor struct {
	link   string
	flags  int    // O_RDONLY 0, O_WRONLY 1, O_RDWR 2
	inode  uint64 // as fdinfo has it
	info   string // further lines of fdinfo
	socket *probe.Socket
	peer   string // PID:FD
	pipe   *probe.PipeFill
	epoll  []watch
}

type watch struct {
	fd     int
	events uint64
}

func newWorld() *world {
	return &world{
		name: "box", kernel: "6.18.0", arch: "amd64", uid: 1000,
		machine: probe.Machine{CPUs: 2, PtraceScope: -1, PidMax: 32768},
		procs:   map[int]*process{},
		files:   map[string]string{},
		failed:  map[probe.Question]probe.Failure{},
	}
}

func (w *world) apply(words []string) error {
	what, rest := words[0], words[1:]
	switch what {
	case "host":
		return w.host(rest)
	case "lock":
		return w.lock(rest)
	case "file":
		if len(rest) != 2 {
			return errors.New(`file PATH "TEXT"`)
		}
		w.files[rest[0]] = bare(rest[1])
		return nil
	case "denied", "timeout":
		return w.fail(what, rest)
	case "chosen":
		return w.chosen(rest)
	case "doing":
		return w.doing(rest)
	case "python":
		return w.python(rest)
	case "gone":
		for _, r := range rest {
			if err := w.gone(r); err != nil {
				return err
			}
		}
		return nil
	}
	if pid, fd, ok := pair(what, ":"); ok {
		p := w.procs[pid]
		if p == nil {
			return fmt.Errorf("%s: there is no process %d yet", what, pid)
		}
		d, err := w.descriptor(pid, fd, rest)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		p.fds[fd] = d
		return nil
	}
	if pid, tid, ok := pair(what, "/"); ok {
		p := w.procs[pid]
		if p == nil {
			return fmt.Errorf("%s: there is no process %d yet", what, pid)
		}
		if err := p.thread(tid, rest); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	if pid, err := strconv.Atoi(what); err == nil && pid > 0 {
		if err := w.process(pid, rest); err != nil {
			return fmt.Errorf("process %d: %w", pid, err)
		}
		return nil
	}
	return fmt.Errorf("%q begins no line: PID, PID/TID, PID:FD, host, lock, file, python, denied, timeout, gone or ---", bare(what))
}

func pair(s, sep string) (a, b int, ok bool) {
	x, y, ok := strings.Cut(s, sep)
	a, errA := strconv.Atoi(x)
	b, errB := strconv.Atoi(y)
	return a, b, ok && errA == nil && errB == nil && a > 0 && b >= 0
}

func (w *world) host(rest []string) error {
	o, err := options(rest)
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	err = o.read(map[string]func(string) error{
		"uid": number(&w.uid), "kernel": text(&w.kernel), "arch": text(&w.arch), "name": text(&w.name),
		"cpus": number(&w.machine.CPUs), "ptrace_scope": number(&w.machine.PtraceScope),
		"load": func(s string) error {
			_, err := fmt.Sscanf(s, "%f,%f,%f", &w.machine.Load1, &w.machine.Load5, &w.machine.Load15)
			return err
		},
	})
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	return nil
}

// lock keeps the rows as /proc/locks has them; moment numbers them.
func (w *world) lock(rest []string) error {
	if len(rest) < 4 {
		return errors.New("lock KIND MODE PID DEV:INODE [waiters=…]")
	}
	o, err := options(rest[4:])
	if err != nil {
		return err
	}
	row := func(arrow string, pid string) string {
		return fmt.Sprintf("%s%-6s ADVISORY  %-5s %s %s 0 EOF", arrow, rest[0], rest[1], pid, rest[3])
	}
	rows := row("", rest[2])
	err = o.read(map[string]func(string) error{"waiters": func(s string) error {
		for _, pid := range fields(s) {
			rows += "\n" + row("-> ", pid)
		}
		return nil
	}})
	w.locks = append(w.locks, rows)
	return err
}

func (w *world) fail(how string, rest []string) error {
	f := probe.Failure{Kind: how, Text: how}
	for _, p := range rest {
		f.Text = fmt.Sprintf("read %s: %s", p, map[string]string{"denied": "permission denied", "timeout": probe.ErrTimeout.Error()}[how])
		first, about, _ := strings.Cut(p, "/")
		switch {
		case first == "sockets" || first == "pipe":
			w.failed[probe.Question{Op: first, About: about}] = f
		default:
			for _, op := range []string{"read", "readlink", "readdir"} {
				w.failed[probe.Question{Op: op, About: p}] = f
			}
		}
	}
	return nil
}

func (w *world) gone(what string) error {
	if pid, fd, ok := pair(what, ":"); ok && w.procs[pid] != nil && w.procs[pid].fds[fd] != nil {
		delete(w.procs[pid].fds, fd)
		return nil
	}
	if pid, tid, ok := pair(what, "/"); ok && w.procs[pid] != nil && w.procs[pid].threads[tid] != nil {
		delete(w.procs[pid].threads, tid)
		return nil
	}
	if pid, err := strconv.Atoi(what); err == nil && w.procs[pid] != nil {
		delete(w.procs, pid)
		return nil
	}
	return fmt.Errorf("gone %s: it is not there", what)
}

// process reads `PID PPID STATE "COMMAND" …`, or options alone for one that is
// there.
func (w *world) process(pid int, rest []string) error {
	p := w.procs[pid]
	at := firstOption(rest, 0)
	switch {
	case at == 0 && p != nil && len(rest) > 0:
	case at == 3:
		p = &process{pid: pid, uid: 1000, age: time.Minute, cgroup: "/", netns: "net:[4026531840]",
			threads: map[int]*thread{}, fds: map[int]*descriptor{}}
		var err error
		if p.ppid, err = strconv.Atoi(rest[0]); err != nil {
			return fmt.Errorf("parent %q: not a pid", bare(rest[0]))
		}
		if p.args, err = argv(bare(rest[2])); err != nil {
			return err
		}
		state := rest[1]
		if len(state) != 1 || !strings.Contains("RSDTtZXI", state) {
			return fmt.Errorf("state %q: not one of R S D T t Z X I", bare(state))
		}
		p.threads[pid] = &thread{state: state, voluntary: 1}
		if len(p.args) > 0 {
			name := p.args[0]
			if !strings.HasPrefix(name, "_subactor[") {
				name = path.Base(name)
			}
			p.threads[pid].name = name
			p.exe = "/usr/bin/" + name
			if strings.HasPrefix(name, "_subactor[") || strings.HasPrefix(name, "python") {
				p.exe = "/usr/bin/python3"
				p.caug = 1 << 1 // Python's own handler of SIGINT
			}
		}
		w.procs[pid] = p
	default:
		return errors.New(`PID PPID STATE "COMMAND" [name=value…]; or options alone for one that is there already`)
	}
	o, err := options(rest[at:])
	if err != nil {
		return err
	}
	main := p.threads[pid]
	known := main.options()
	delete(known, "name")
	known["comm"] = text(&main.name)
	for name, set := range map[string]func(string) error{
		"uid": number(&p.uid), "age": duration(&p.age), "tracer": number(&p.tracer), "sid": number(&p.sid), "pgid": number(&p.pgid),
		"cgroup": text(&p.cgroup), "exe": text(&p.exe), "netns": text(&p.netns),
		"ignored": signals(&p.ign), "blocked": signals(&p.blk), "caught": signals(&p.caug), "ppid": number(&p.ppid),
		"state": text(&main.state), "exit": number(&p.exit),
	} {
		known[name] = set
	}
	return o.read(known)
}

// argv splits a command line at blanks. An argument with blanks stands in '…':
// it ends at a ' with a blank or nothing behind, so that Python's tuples need
// no escapes.
func argv(s string) ([]string, error) {
	if strings.HasPrefix(s, "_subactor[") {
		return []string{s}, nil
	}
	var args []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		end := " "
		if s[0] == '\'' {
			s, end = s[1:], "' "
		}
		arg, rest, found := strings.Cut(s, end)
		if !found && end == "' " {
			if arg, found = strings.CutSuffix(s, "'"); !found {
				return nil, errors.New("command line: a ' that does not end")
			}
		}
		args, s = append(args, arg), rest
	}
	return args, nil
}

func (t *thread) options() map[string]func(string) error {
	return map[string]func(string) error{
		"name": text(&t.name), "wchan": text(&t.wchan), "syscall": text(&t.syscall), "cpu": duration(&t.cpu),
		"switches": fill(&t.voluntary, &t.forced), "state": text(&t.state),
	}
}

func (p *process) thread(tid int, rest []string) error {
	t := p.threads[tid]
	if len(rest) > 0 && len(rest[0]) == 1 {
		t = &thread{state: rest[0], name: p.threads[p.pid].name, voluntary: 1}
		p.threads[tid], rest = t, rest[1:]
	}
	if t == nil {
		return errors.New("PID/TID STATE [name=value…]")
	}
	o, err := options(rest)
	if err != nil {
		return err
	}
	return o.read(t.options())
}

// chosen is a tree that whoever took the capture had chosen, and perhaps why
// it should have ended.
func (w *world) chosen(words []string) error {
	var t probe.CapturedTree
	for _, word := range words {
		if strings.HasPrefix(word, quote) {
			t.Overdue = bare(word)
			continue
		}
		pid, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf(`chosen PID… ["WHY"]: %w`, err)
		}
		t.PIDs = append(t.PIDs, pid)
	}
	w.trees = append(w.trees, t)
	return nil
}

// doing is what a process of the tree that was chosen last said that it was at.
func (w *world) doing(words []string) error {
	if len(words) != 2 || len(w.trees) == 0 {
		return errors.New(`doing PID "TEXT", after chosen`)
	}
	pid, err := strconv.Atoi(words[0])
	if err != nil {
		return err
	}
	t := &w.trees[len(w.trees)-1]
	if t.Doing == nil {
		t.Doing = map[int]string{}
	}
	t.Doing[pid] = bare(words[1])
	return nil
}
