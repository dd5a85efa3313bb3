package world

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"
	"time"
)

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
