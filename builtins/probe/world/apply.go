package world

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
	"runbook/lazyregexp"
)

// world is what the lines so far describe.
type world struct {
	at                 place // of the line that is read
	name, kernel, arch string
	uid                int
	machine            probe.Machine
	procs              map[int]*process
	files              map[string]file
	failed             []failure
	locks              []string
	trees              []probe.CapturedTree
}

// place is a line of the text, and the sample in which it stands.
type place struct{ line, sample int }

// file is one below proc that a line gives in full.
type file struct {
	place
	text string
}

// failure is a path that cannot be read.
type failure struct {
	place
	path, how string // "denied", "timeout"
}

type process struct {
	place
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
	place
	name, state, wchan, syscall string
	cpu                         time.Duration
	voluntary, forced           int
}

// descriptor is an open file; socket is set for one of these.
type descriptor struct {
	place
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
		files:   map[string]file{},
	}
}

// apply reads a line. A thing may be said twice, in a later sample: then it has
// changed meanwhile.
func (w *world) apply(words []string) error {
	what, rest := words[0], words[1:]
	switch what {
	case "host":
		return w.host(rest)
	case "lock":
		return w.lock(rest)
	case "file":
		return w.file(rest)
	case "denied", "timeout":
		return w.fail(what, rest)
	case "chosen":
		return w.chosen(rest)
	case "doing":
		return w.doing(rest)
	case "python":
		return w.python(rest)
	case "gone":
		return w.gone(rest)
	}
	if pid, fd, ok := pair(what, ":"); ok {
		p := w.procs[pid]
		if p == nil {
			return fmt.Errorf("%s: there is no process %d yet", what, pid)
		}
		d, err := w.descriptor(pid, fd, rest)
		if had := p.fds[fd]; had != nil && err == nil {
			err = w.again(had.place)
		}
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
		if err := w.thread(p, tid, rest); err != nil {
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
	return &Unknown{fmt.Sprintf("no line begins with %q", bare(what)), bare(what), beginnings}
}

var beginnings = []string{"PID", "PID/TID", "PID:FD", "host", "lock", "file", "python", "denied", "timeout", "gone", "chosen", "doing", "---"}

// again is the error of saying a thing twice in one sample.
func (w *world) again(had place) error {
	if had.sample == w.at.sample {
		return fmt.Errorf("it is there already, since line %d", had.line)
	}
	return nil
}

func pair(s, sep string) (a, b int, ok bool) {
	x, y, ok := strings.Cut(s, sep)
	a, errA := strconv.Atoi(x)
	b, errB := strconv.Atoi(y)
	return a, b, ok && errA == nil && errB == nil && a > 0 && b >= 0
}

func (w *world) host(rest []string) error {
	o, err := options(rest)
	if err == nil {
		err = o.read(map[string]setter{
			"uid": whole(&w.uid, 0), "kernel": text(&w.kernel), "arch": oneOf(&w.arch, "arch", "amd64", "arm64"), "name": text(&w.name),
			"cpus": whole(&w.machine.CPUs, 1), "ptrace_scope": whole(&w.machine.PtraceScope, -1), "load": w.load,
		}, nil)
	}
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	return nil
}

func (w *world) load(s string) error {
	numbers := fields(s)
	if len(numbers) != 3 {
		return fmt.Errorf("%q is not three numbers, as 0.1,0.2,0.3 are", s)
	}
	for i, to := range []*float64{&w.machine.Load1, &w.machine.Load5, &w.machine.Load15} {
		x, err := strconv.ParseFloat(numbers[i], 64)
		if err != nil || !(x >= 0) {
			return fmt.Errorf("%q is no load", numbers[i])
		}
		*to = x
	}
	return nil
}

// Words of /proc/locks.
var (
	lockKinds = []string{"FLOCK", "POSIX", "OFDLCK", "LEASE", "DELEG"}
	lockModes = []string{"READ", "WRITE"}
	lockFile  = lazyregexp.New(`^[0-9a-f]+:[0-9a-f]+:[0-9]+$`)
)

// lock keeps the rows as /proc/locks has them; moment numbers them.
func (w *world) lock(rest []string) error {
	if len(rest) < 4 {
		return errors.New("lock KIND MODE PID DEV:INODE [waiters=…]")
	}
	kind, mode, pid, file := bare(rest[0]), bare(rest[1]), bare(rest[2]), bare(rest[3])
	owner, err := strconv.Atoi(pid)
	switch {
	case !slices.Contains(lockKinds, kind):
		return fmt.Errorf("lock: %w", unknown("kind", kind, lockKinds))
	case !slices.Contains(lockModes, mode):
		return fmt.Errorf("lock: %w", unknown("mode", mode, lockModes))
	case err != nil || owner < -1:
		return fmt.Errorf("lock: %q is no pid (-1: of an open file, 0: of somebody who cannot be seen)", pid)
	case !lockFile().MatchString(file):
		return fmt.Errorf("lock: %q is not DEV:INODE, as fe:00:5 is", file)
	}
	o, err := options(rest[4:])
	var waiters []int
	if err == nil {
		err = o.read(map[string]setter{"waiters": pids(&waiters)}, nil)
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	row := func(arrow string, pid int) string {
		return fmt.Sprintf("%s%-6s ADVISORY  %-5s %d %s 0 EOF", arrow, kind, mode, pid, file)
	}
	rows := row("", owner)
	for _, pid := range waiters {
		rows += "\n" + row("-> ", pid)
	}
	w.locks = append(w.locks, rows)
	return nil
}

func (w *world) file(rest []string) error {
	if len(rest) != 2 || !strings.HasPrefix(rest[1], quote) {
		return errors.New(`file PATH "TEXT"`)
	}
	path := bare(rest[0])
	if !filepath.IsLocal(path) {
		return fmt.Errorf("file %s: want a path below proc, as locks or 100/status", path)
	}
	if had, ok := w.files[path]; ok {
		if err := w.again(had.place); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
	}
	w.files[path] = file{w.at, bare(rest[1])}
	return nil
}

func (w *world) fail(how string, rest []string) error {
	if len(rest) == 0 {
		return fmt.Errorf("%s PATH…", how)
	}
	for _, path := range rest {
		w.failed = append(w.failed, failure{w.at, bare(path), how})
	}
	return nil
}

func (w *world) gone(rest []string) error {
	if len(rest) == 0 {
		return errors.New("gone PID|PID:FD|PID/TID…")
	}
	for _, what := range rest {
		if !w.remove(what) {
			return fmt.Errorf("gone %s: it is not there", bare(what))
		}
	}
	return nil
}

// remove reports whether it was there.
func (w *world) remove(what string) bool {
	if pid, fd, ok := pair(what, ":"); ok && w.procs[pid] != nil && w.procs[pid].fds[fd] != nil {
		delete(w.procs[pid].fds, fd)
		return true
	}
	if pid, tid, ok := pair(what, "/"); ok && tid != pid && w.procs[pid] != nil && w.procs[pid].threads[tid] != nil {
		delete(w.procs[pid].threads, tid)
		return true
	}
	if pid, err := strconv.Atoi(what); err == nil && w.procs[pid] != nil {
		delete(w.procs, pid)
		return true
	}
	return false
}

// process reads `PID PPID STATE "COMMAND" …`, or options alone for one that is
// there.
func (w *world) process(pid int, rest []string) error {
	p := w.procs[pid]
	at := firstOption(rest, 0)
	switch {
	case at == 0 && p != nil && len(rest) > 0:
	case at == 3 && p != nil && w.again(p.place) != nil:
		return w.again(p.place)
	case at == 3:
		p = &process{place: w.at, pid: pid, uid: 1000, age: time.Minute, cgroup: "/", netns: "net:[4026531840]",
			threads: map[int]*thread{}, fds: map[int]*descriptor{}}
		var err error
		if p.ppid, err = strconv.Atoi(rest[0]); err != nil || p.ppid < 0 || p.ppid == pid {
			return fmt.Errorf("parent %q: not the pid of one", bare(rest[0]))
		}
		if p.args, err = argv(bare(rest[2])); err != nil {
			return err
		}
		main := &thread{place: w.at, voluntary: 1}
		if err := state(main)(rest[1]); err != nil {
			return err
		}
		p.threads[pid] = main
		if len(p.args) > 0 {
			name := p.args[0]
			if !strings.HasPrefix(name, "_subactor[") {
				name = path.Base(name)
			}
			main.name = name
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
	known := main.options(w.at)
	delete(known, "name")
	known["comm"] = text(&main.name)
	maps.Copy(known, map[string]setter{
		"uid": whole(&p.uid, 0), "age": age(&p.age), "tracer": whole(&p.tracer, 0), "sid": whole(&p.sid, 0), "pgid": whole(&p.pgid, 0),
		"cgroup": text(&p.cgroup), "exe": text(&p.exe), "netns": text(&p.netns),
		"ignored": signals(&p.ign), "blocked": signals(&p.blk), "caught": signals(&p.caug), "ppid": whole(&p.ppid, 0),
		"exit": whole(&p.exit, 0),
	})
	return o.read(known, nil)
}

// age takes one that a process can have: none is older than the machine is up.
func age(to *time.Duration) setter {
	return func(s string) error {
		if err := duration(to)(s); err != nil {
			return err
		}
		if *to > Now.Sub(boot) {
			return fmt.Errorf("%s is longer than the machine is up, %v", s, Now.Sub(boot))
		}
		return nil
	}
}

// state takes a letter, as ps(1) has it.
func state(t *thread) setter {
	return oneOf(&t.state, "state", "R", "S", "D", "T", "t", "Z", "X", "I")
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

func (t *thread) options(at place) map[string]setter {
	return map[string]setter{
		"name": text(&t.name), "wchan": text(&t.wchan), "cpu": duration(&t.cpu), "switches": two(&t.voluntary, &t.forced), "state": state(t),
		"syscall": func(s string) error { t.syscall, t.place = s, at; return nil }, // it is read with all of the world at hand
	}
}

func (w *world) thread(p *process, tid int, rest []string) error {
	t := p.threads[tid]
	if len(rest) > 0 && firstOption(rest, 0) != 0 {
		if t != nil {
			if err := w.again(t.place); err != nil {
				return err
			}
		}
		t = &thread{place: w.at, name: p.threads[p.pid].name, voluntary: 1}
		if err := state(t)(rest[0]); err != nil {
			return err
		}
		p.threads[tid], rest = t, rest[1:]
	}
	if t == nil {
		return errors.New("PID/TID STATE [name=value…]")
	}
	o, err := options(rest)
	if err != nil {
		return err
	}
	return o.read(t.options(w.at), nil)
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
		pid, err := w.there(word)
		if err != nil {
			return fmt.Errorf(`chosen PID… ["WHY"]: %w`, err)
		}
		t.PIDs = append(t.PIDs, pid)
	}
	if len(t.PIDs) == 0 {
		return errors.New(`chosen PID… ["WHY"]`)
	}
	w.trees = append(w.trees, t)
	return nil
}

// doing is what a process of the tree that was chosen last said that it was at.
func (w *world) doing(words []string) error {
	if len(words) != 2 || len(w.trees) == 0 {
		return errors.New(`doing PID "TEXT", after chosen`)
	}
	pid, err := w.there(words[0])
	if err != nil {
		return fmt.Errorf("doing: %w", err)
	}
	t := &w.trees[len(w.trees)-1]
	if t.Doing == nil {
		t.Doing = map[int]string{}
	}
	t.Doing[pid] = bare(words[1])
	return nil
}

// there is the pid of a process of the world.
func (w *world) there(word string) (int, error) {
	pid, err := strconv.Atoi(word)
	if err != nil || w.procs[pid] == nil {
		return 0, fmt.Errorf("there is no process %s yet", bare(word))
	}
	return pid, nil
}
