package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A guard is a process of ours between us and a program. When we are killed,
// which nobody can answer to, it ends all of the program's tree, removes the
// program's private directory, and goes.
//
//	we ◀── lifeline ──▶ guard ──▶ program ──▶ …
//
// It can, since it is the parent: what a program puts into a session of its own,
// or detaches by a double fork, comes back to the nearest ancestor that asked
// for orphans (PR_SET_CHILD_SUBREAPER). A watcher beside the program would find
// only what is not init's child by then. Nothing but its descendants is
// touched. Whoever kills the guard as well leaves strays, which Recover ends.
//
// The lifeline is a socket whose other end we alone have, so the kernel
// closes it however we end.
type guard struct {
	cmd  *exec.Cmd
	line *os.File
	from *json.Decoder

	status syscall.WaitStatus // of the program, once program.exited is closed
	heard  bool               // of that; false: the guard was killed, and the program with it
}

// guardLine is the descriptor of the lifeline in a guard.
const guardLine = 3

// guardPatience is how long a guard goes on with SIGKILL, alone. More is an
// uninterruptible wait, which it does not share.
const guardPatience = 10 * time.Second

// canGuard says that this program calls BeGuard.
var canGuard bool

// BeGuard serves as the guard of a program when this process was started as
// one, and then does not return. Whoever calls it, first of all, can have its
// programs guarded: those with a private directory.
func BeGuard() {
	if os.Getenv(guardEnv) == "" {
		canGuard = true
		return
	}
	os.Unsetenv(guardEnv)
	unix.CloseOnExec(guardLine)
	standGuard(os.NewFile(guardLine, "lifeline"))
	os.Exit(0)
}

// guardOrder is what a guard is told, in this order: what to remove in the
// end, before it is made; and what to start.
type guardOrder struct {
	Private RawPath `json:"private,omitempty"`

	Path RawPath   `json:"path,omitempty"`
	Args []RawPath `json:"args,omitempty"`
	Env  []RawPath `json:"env,omitempty"`
	Dir  RawPath   `json:"dir,omitempty"`
}

// guardWord is what a guard says: once that the program runs, or does not;
// once that it ended.
type guardWord struct {
	PID    int  `json:"pid,omitempty"`
	Errno  int  `json:"errno,omitempty"`
	Status *int `json:"status,omitempty"`
}

func standGuard(line *os.File) {
	// The kernel sends Pdeathsig when the thread ends which forked: this keeps it.
	runtime.LockOSThread()
	// Who signals all that is called runbook means those who decide: we end with
	// them. Not ignored, since a program inherits that.
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	from, to := json.NewDecoder(line), json.NewEncoder(line)
	var o guardOrder
	if from.Decode(&o) != nil {
		return
	}
	if o.Private != "" {
		defer removePrivate(string(o.Private))
	}
	var p guardOrder
	if from.Decode(&p) != nil || unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil {
		return
	}
	pid, err := syscall.ForkExec(string(p.Path), textList(p.Args), &syscall.ProcAttr{
		Dir: string(p.Dir), Env: textList(p.Env), Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		_ = to.Encode(guardWord{Errno: int(errno)})
		return
	}
	_ = to.Encode(guardWord{PID: pid})
	letGo()
	alone := make(chan struct{})
	go func() {
		defer close(alone)
		reapAll(pid, func(status syscall.WaitStatus) {
			code := int(status)
			_ = to.Encode(guardWord{Status: &code})
		})
	}()
	_ = from.Decode(&p) // nothing more is said: it returns when the line is cut
	endChildren(alone)
}

// letGo closes what the program has of us: whoever reads its output waits until
// nobody can write any more.
func letGo() {
	_ = os.Chdir("/")
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	for fd := range 3 {
		if err != nil || unix.Dup3(null, fd, 0) != nil {
			_ = unix.Close(fd)
		}
	}
}

// reapAll waits for all children, and returns when there are none, and nobody
// is left who could become one. ended is called when the program has.
func reapAll(program int, ended func(syscall.WaitStatus)) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return
		case pid == program:
			program = 0 // the number may come again
			ended(status)
		}
	}
}

// endChildren sends SIGKILL to all below us until alone is closed.
func endChildren(alone chan struct{}) {
	host, err := NewLive(LiveOptions{})
	if err != nil {
		return // no /proc: the kernel ends the program itself, with us
	}
	r := &reaper{host: host}
	t := &tree{r: r}
	deadline := time.Now().Add(guardPatience)
	for pause := time.Millisecond; time.Now().Before(deadline); pause = min(2*pause, 20*time.Millisecond) {
		children, _, _ := r.children(os.Getpid())
		for _, l := range r.below(children) {
			t.signal(l, unix.SIGKILL)
		}
		select {
		case <-alone:
			return
		case <-time.After(pause):
		}
	}
}

// startGuarded is start with a guard between us and the program.
func (a actor) startGuarded(c Command) (p *program, err error) {
	p = newProgram(c)
	if p.cmd.Err != nil {
		return nil, p.cmd.Err
	}
	p.cmd.Env = append(p.cmd.Environ(), markOf(context.Background(), a.live, c.Private))
	order := guardOrder{Path: RawPath(p.cmd.Path), Args: rawList(p.cmd.Args), Env: rawList(p.cmd.Environ()), Dir: RawPath(c.Dir)}
	ours, theirs, err := lifeline()
	if err != nil {
		return nil, err
	}
	ends, err := p.connect(c)
	g := &guard{cmd: exec.Command("/proc/self/exe", "guard"), line: ours, from: json.NewDecoder(ours)}
	g.cmd.Args[0] = "runbook"
	g.cmd.Env = append(os.Environ(), guardEnv+"=1")
	g.cmd.Stdin, g.cmd.Stdout, g.cmd.Stderr = p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr
	g.cmd.ExtraFiles = []*os.File{theirs}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err == nil {
		p.tree, err = reaping.start(a.live, false, func() (int, error) {
			if err := p.launch(g.cmd, c); err != nil {
				return 0, err
			}
			return g.cmd.Process.Pid, nil
		})
	}
	for _, f := range append(ends, theirs) {
		f.Close()
	}
	if err != nil {
		ours.Close()
		p.output()
		return nil, fmt.Errorf("guard: %w", err)
	}
	p.guard, p.tree.guarded = g, true
	if err = g.prepare(c); err == nil {
		p.private, err = c.prepare()
	}
	if err == nil {
		p.tree.program, err = g.start(order)
	}
	if err != nil {
		p.release()
		p.tree.forget()
		p.output()
		return nil, err
	}
	go func() {
		var w guardWord
		if g.from.Decode(&w) == nil && w.Status != nil {
			g.status, g.heard = syscall.WaitStatus(*w.Status), true
		}
		close(p.exited)
	}()
	return p, nil
}

// prepare tells the guard of the private directory, which is not there yet.
func (g *guard) prepare(c Command) error {
	if err := json.NewEncoder(g.line).Encode(guardOrder{Private: RawPath(c.Private)}); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

// start lets the guard start the program.
func (g *guard) start(order guardOrder) (pid int, err error) {
	err = json.NewEncoder(g.line).Encode(order)
	var w guardWord
	if err == nil {
		err = g.from.Decode(&w)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("guard: %w", err)
	case w.PID == 0:
		return 0, &os.PathError{Op: "fork/exec", Path: string(order.Path), Err: syscall.Errno(w.Errno)}
	}
	return w.PID, nil
}

// close cuts the lifeline and waits for the guard, whom nobody keeps any more.
func (g *guard) close() {
	g.line.Close()
	gone := make(chan struct{})
	go func() {
		_ = g.cmd.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(lastWait): // it waits for what even SIGKILL does not end
	}
}

// end is what became of the program. Of a guard that was killed we hear
// nothing; the program then got SIGKILL from the kernel.
func (g *guard) end() syscall.WaitStatus {
	if !g.heard {
		return syscall.WaitStatus(unix.SIGKILL)
	}
	return g.status
}

// lifeline makes a pair of connected sockets. A program that we start
// meanwhile inherits neither.
func lifeline() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	_ = unix.SetNonblock(fds[0], true) // so that closing it ends a read
	return os.NewFile(uintptr(fds[0]), "lifeline"), os.NewFile(uintptr(fds[1]), "lifeline"), nil
}

func rawList(list []string) []RawPath {
	out := make([]RawPath, len(list))
	for i, s := range list {
		out[i] = RawPath(s)
	}
	return out
}

func textList(list []RawPath) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// firstOf moves the process with that pid to the front.
func firstOf(list []life, pid int) {
	if i := slices.IndexFunc(list, func(l life) bool { return l.PID == pid }); i > 0 {
		l := list[i]
		copy(list[1:i+1], list[:i])
		list[0] = l
	}
}
