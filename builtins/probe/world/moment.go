package world

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
)

// moment writes the world as the kernel would show it at one time. Errors:
// *Mistake.
func (w *world) moment(at time.Time, sample int) (*probe.Moment, error) {
	m := probe.NewAnswers()
	m.Machine = &w.machine
	m.Files["locks"] = []byte(w.lockRows())
	m.Files["loadavg"] = fmt.Appendf(nil, "%.2f %.2f %.2f 1/100 9999\n", w.machine.Load1, w.machine.Load5, w.machine.Load15)
	m.Files["sys/kernel/pid_max"] = fmt.Appendf(nil, "%d\n", w.machine.PidMax)
	m.Files["self/wchan"] = []byte("0")
	if w.machine.PtraceScope >= 0 {
		m.Files["sys/kernel/yama/ptrace_scope"] = fmt.Appendf(nil, "%d\n", w.machine.PtraceScope)
	} else {
		m.Failed[probe.Question{Op: "read", About: "sys/kernel/yama/ptrace_scope"}] = absent("sys/kernel/yama/ptrace_scope")
	}
	m.Dirs["."] = []string{}
	for _, pid := range sorted(w.procs) {
		m.Dirs["."] = append(m.Dirs["."], strconv.Itoa(pid))
		if err := w.show(m, w.procs[pid], at); err != nil {
			return nil, err
		}
	}
	w.listening(m)
	for path, f := range w.files {
		if err := w.below(path); err != nil && f.sample == sample {
			return nil, &Mistake{f.line, fmt.Errorf("file %s: %w", path, err)}
		}
		m.Files[path] = []byte(f.text)
	}
	for _, f := range w.failed {
		if err := w.readable(m, f.path); err != nil && f.sample == sample {
			return nil, &Mistake{f.line, fmt.Errorf("%s %s: %w", f.how, f.path, err)}
		}
	}
	for _, f := range w.failed {
		f.show(m)
	}
	return &probe.Moment{At: at, Asked: []*probe.Answers{m}}, nil
}

func absent(path string) probe.Failure {
	return probe.Failure{Kind: "absent", Text: "open " + path + ": no such file or directory"}
}

func (w *world) lockRows() string {
	var b strings.Builder
	for i, rows := range w.locks {
		for row := range strings.Lines(rows + "\n") {
			fmt.Fprintf(&b, "%d: %s", i+1, row)
		}
	}
	return b.String()
}

// show writes one process.
func (w *world) show(m *probe.Answers, p *process, at time.Time) error {
	dir := strconv.Itoa(p.pid) + "/"
	main := p.threads[p.pid]
	cpu := time.Duration(0)
	for _, t := range p.threads {
		cpu += t.cpu
	}
	m.Files[dir+"stat"] = w.stat(p, p.pid, main, cpu)
	m.Files[dir+"status"] = w.status(p, p.pid, main)
	m.Files[dir+"comm"] = []byte(cut(main.name) + "\n")
	m.Files[dir+"wchan"] = []byte(main.wchanText())
	m.Files[dir+"cgroup"] = []byte("0::" + p.cgroup + "\n")
	if main.state == "Z" || main.state == "X" {
		m.Files[dir+"cmdline"] = nil
		w.gonePaths(m, dir, "exe", "cwd", "ns/net")
		m.Dirs[dir+"fd"], m.Dirs[dir+"fdinfo"] = []string{}, []string{}
		m.Sockets[p.pid] = probe.SocketAnswer{}
	} else {
		m.Files[dir+"cmdline"] = []byte(strings.Join(p.args, "\x00") + "\x00")
		m.Links[dir+"exe"], m.Links[dir+"ns/net"] = p.exe, p.netns
		if len(p.args) == 0 { // a kernel thread
			m.Files[dir+"cmdline"] = nil
			w.gonePaths(m, dir, "exe")
		}
		if err := w.showFDs(m, p, dir); err != nil {
			return err
		}
		if p.python != nil {
			if err := p.python.show(m, dir, at); err != nil {
				return err
			}
		}
	}
	m.Dirs[dir+"task"] = []string{}
	for _, tid := range sorted(p.threads) {
		t := p.threads[tid]
		m.Dirs[dir+"task"] = append(m.Dirs[dir+"task"], strconv.Itoa(tid))
		task := fmt.Sprintf("%stask/%d/", dir, tid)
		m.Files[task+"stat"] = w.stat(p, tid, t, t.cpu)
		m.Files[task+"status"] = w.status(p, tid, t)
		m.Files[task+"comm"] = []byte(cut(t.name) + "\n")
		m.Files[task+"wchan"] = []byte(t.wchanText())
		m.Files[task+"children"] = nil
		nr, err := t.syscallText(w.arch)
		switch {
		case err != nil:
			return &Mistake{t.line, fmt.Errorf("%d/%d: %w", p.pid, tid, err)}
		case nr == "denied":
			w.denied(m, task+"syscall")
			if tid == p.pid {
				w.denied(m, dir+"syscall")
			}
		default:
			m.Files[task+"syscall"] = []byte(nr + "\n")
			if tid == p.pid {
				m.Files[dir+"syscall"] = []byte(nr + "\n")
			}
		}
	}
	// The kernel lists children by the thread that forked them: here the main one.
	var children strings.Builder
	for _, pid := range sorted(w.procs) {
		if w.procs[pid].ppid == p.pid {
			fmt.Fprintf(&children, "%d ", pid)
		}
	}
	m.Files[fmt.Sprintf("%stask/%d/children", dir, p.pid)] = []byte(children.String())
	return nil
}

func (w *world) denied(m *probe.Answers, path string) {
	m.Failed[probe.Question{Op: "read", About: path}] = probe.Failure{Kind: "denied", Text: "open " + path + ": permission denied"}
}

func (w *world) gonePaths(m *probe.Answers, dir string, names ...string) {
	for _, name := range names {
		m.Failed[probe.Question{Op: "readlink", About: dir + name}] = absent(dir + name)
	}
}

func (w *world) showFDs(m *probe.Answers, p *process, dir string) error {
	names := []string{}
	answer := probe.SocketAnswer{Rows: []probe.Socket{}}
	for _, n := range sorted(p.fds) {
		d := p.fds[n]
		name := strconv.Itoa(n)
		names = append(names, name)
		m.Links[dir+"fd/"+name] = d.link
		info := fmt.Sprintf("pos:\t0\nflags:\t0%o\nmnt_id:\t15\nino:\t%d\n%s", 0o2000000|d.flags, d.inode, d.info)
		for _, e := range d.epoll {
			inode := uint64(0)
			if on := p.fds[e.fd]; on != nil && on.socket != nil {
				inode = on.socket.Inode
			}
			info += fmt.Sprintf("tfd: %8d events: %8x data: %16x  pos:0 ino:%x sdev:9\n", e.fd, e.events, e.fd, inode)
		}
		m.Files[dir+"fdinfo/"+name] = []byte(info)
		answer.Asked = append(answer.Asked, n)
		if d.pipe != nil {
			m.Pipes[dir+name] = *d.pipe
		}
		if d.socket == nil {
			continue
		}
		s := *d.socket
		if d.peer != "" {
			peer, fd, ok := pair(d.peer, ":")
			if !ok || w.procs[peer] == nil || w.procs[peer].fds[fd] == nil || w.procs[peer].fds[fd].socket == nil {
				return &Mistake{d.line, fmt.Errorf("%d:%d: peer %s is no socket", p.pid, n, d.peer)}
			}
			s.PeerInode = w.procs[peer].fds[fd].socket.Inode
		}
		answer.Rows = append(answer.Rows, s)
	}
	m.Dirs[dir+"fd"], m.Dirs[dir+"fdinfo"] = names, names
	m.Sockets[p.pid] = answer
	return nil
}

// stat writes a line of proc_pid_stat(5).
func (w *world) stat(p *process, tid int, t *thread, cpu time.Duration) []byte {
	root := p
	for up := w.procs[root.ppid]; up != nil && up != p; up = w.procs[root.ppid] {
		root = up
	}
	sid, pgid := p.sid, p.pgid
	if sid == 0 {
		sid = root.pid
	}
	if pgid == 0 {
		pgid = sid
	}
	start := Now.Add(-p.age).Sub(boot) / (time.Second / ticks)
	user := cpu / (time.Second / ticks)
	flags := 4194560
	if len(p.args) == 0 && t.state != "Z" && t.state != "X" {
		flags |= 0x00200000 // a kernel thread
	}
	return fmt.Appendf(nil, "%d (%s) %s %d %d %d 0 -1 %d 0 0 0 0 %d 0 0 0 20 0 %d 0 %d 0 0 "+
		"18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 %d\n",
		tid, cut(t.name), t.state, p.ppid, pgid, sid, flags, int64(user), len(p.threads), int64(start), p.exit)
}

// status writes proc_pid_status(5), as much of it as anybody reads.
func (w *world) status(p *process, tid int, t *thread) []byte {
	return fmt.Appendf(nil, "Name:\t%s\nUmask:\t0022\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n"+
		"Uid:\t%[8]d\t%[8]d\t%[8]d\t%[8]d\nGid:\t%[8]d\t%[8]d\t%[8]d\t%[8]d\nThreads:\t%[9]d\n"+
		"SigPnd:\t%016[10]x\nShdPnd:\t%016[10]x\nSigBlk:\t%016[11]x\nSigIgn:\t%016[12]x\nSigCgt:\t%016[13]x\n"+
		"voluntary_ctxt_switches:\t%[14]d\nnonvoluntary_ctxt_switches:\t%[15]d\n",
		cut(t.name), t.state, p.pid, tid, p.ppid, p.tracer, 0,
		p.uid, len(p.threads), 0, p.blk, p.ign, p.caug, t.voluntary, t.forced)
}

// cut is what comm has room for.
func cut(name string) string { return name[:min(len(name), 15)] }

func sorted[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
