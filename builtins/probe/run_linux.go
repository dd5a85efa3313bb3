package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settle is what the processes that a program leaves behind have to go by
	// themselves: Python's resource tracker, say, which cleans up after it.
	settle = 300 * time.Millisecond
	// lastWait is how long SIGKILL may take. More is an uninterruptible wait.
	lastWait = 2 * time.Second
	// watchEvery lies between two looks at a program that is watched.
	watchEvery = 50 * time.Millisecond
	// lastLook bounds what a caller may do before a program is ended.
	lastLook = 30 * time.Second
)

// Run implements Actor: it starts a program in a session of its own, and when
// it has exited, or c.Deadline or ctx ended it, nothing of its tree is left:
// neither what it put into another session nor what a double fork detached.
//
// At the deadline, and at ctx's end, all of the tree gets SIGTERM, and SIGKILL
// after c.Grace. What a program that exited leaves behind has a moment to go
// by itself, then the same happens to it, and Result.Outlived names it.
//
// The error is ctx's, or says that the program could not be started, or names
// processes that even SIGKILL did not end; Result holds in any case.
// A program that fails is no error.
func (a actor) Run(ctx context.Context, c Command) (Result, error) {
	if len(c.Args) == 0 {
		return Result{}, errors.New("run: no program is named")
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("run %s: %w", c.Args[0], err)
	}
	// The kernel sends Pdeathsig when the thread ends which forked: this keeps it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	began := time.Now()
	if c.Private != "" {
		if _, err := os.Lstat(c.Private); err == nil { // another's: it must not be removed
			return Result{}, fmt.Errorf("run %s: %w", c.Args[0], &os.PathError{Op: "mkdir", Path: c.Private, Err: os.ErrExist})
		}
		defer removePrivate(c.Private)
	}
	p, err := a.start(c)
	if err != nil {
		return Result{}, fmt.Errorf("run %s: %w", c.Args[0], err)
	}
	defer p.tree.forget()
	ended := false
	defer func() {
		if !ended { // a function of the caller's panicked: its tree must not stay
			p.tree.end(0)
			p.release()
		}
	}()

	var deadline <-chan time.Time
	if c.Deadline > 0 {
		timer := time.NewTimer(c.Deadline)
		defer timer.Stop()
		deadline = timer.C
	}
	var watch <-chan time.Time
	if c.Watch != nil {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		watch = ticker.C
	}
	var r Result
	for over := false; !over; {
		over = true
		select {
		case <-p.exited:
			if r.Outlived = p.tree.settled(settle); len(r.Outlived) > 0 && c.AtLeft != nil {
				before(ctx, func(ctx context.Context) { c.AtLeft(ctx, r.Outlived) })
			}
		case <-deadline:
			r.TimedOut = true
		case <-ctx.Done():
			err = ctx.Err()
		case <-watch:
			r.TimedOut = c.Watch(ctx, p.tree.ids())
			over = r.TimedOut
		}
	}
	if (r.TimedOut || err != nil) && c.AtDeadline != nil {
		before(ctx, func(ctx context.Context) { c.AtDeadline(ctx, p.tree.ids()) })
	}
	left := p.tree.end(c.Grace)
	ended = true
	if c.Collect != nil {
		c.Collect()
	}
	p.result(&r)
	r.Duration = time.Since(began)
	if len(left) > 0 {
		err = errors.Join(err, &SurvivorsError{left})
	}
	if err != nil {
		return r, fmt.Errorf("run %s: %w", c.Args[0], err)
	}
	return r, nil
}

// before calls what the caller wants to do before signals are sent.
func before(ctx context.Context, look func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	look(ctx)
}

// program is one that runs.
type program struct {
	cmd            *exec.Cmd
	guard          *guard   // who started it; nil = we did
	private        *os.File // its private directory, locked while we use it; nil = it has none
	tree           *tree
	exited         chan struct{} // closed when it has; without a guard it stays a zombie until result, so that its pid is not reused
	stdout, stderr *output
}

func newProgram(c Command) *program {
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	return &program{cmd: cmd, exited: make(chan struct{})}
}

func (a actor) start(c Command) (*program, error) {
	if c.Private != "" && canGuard {
		return a.startGuarded(c)
	}
	p := newProgram(c)
	var err error
	if p.private, err = c.prepare(); err != nil {
		return nil, err
	}
	cmd, pidfd := p.cmd, -1
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd}
	if c.Survives {
		cmd.SysProcAttr.Pdeathsig = 0
	}
	ends, err := p.connect(c)
	if err == nil {
		p.tree, err = reaping.start(a.live, c.Survives, func() (int, error) {
			if err := p.launch(cmd, c); err != nil {
				return 0, err
			}
			return cmd.Process.Pid, nil
		})
	}
	for _, f := range ends {
		f.Close()
	}
	if err == nil && pidfd < 0 {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		p.tree.forget()
		err = fmt.Errorf("pidfd of a new process: %w", ErrUnsupported)
	}
	if err != nil {
		p.release()
		p.output()
		return nil, err
	}
	go func() {
		_ = waitPidfd(context.Background(), pidfd)
		close(p.exited)
	}()
	return p, nil
}

// launch starts cmd, the program or its guard, with what c says of signals and
// without our own limit.
func (p *program) launch(cmd *exec.Cmd, c Command) error {
	start := cmd.Start
	if c.DefaultSignals {
		start = func() error { return withDefaultSignals(cmd.Start) }
	}
	return withoutMemoryLimit(start)
}

// release lets go of what a program has besides its processes: its guard, and
// its private directory.
func (p *program) release() {
	if p.guard != nil {
		p.guard.close()
	}
	if p.private != nil {
		p.private.Close()
	}
}

// connect makes the pipes, and returns the ends that are the program's.
func (p *program) connect(c Command) (ends []*os.File, err error) {
	var w *os.File
	if p.stdout, w, err = newOutput(c.MaxBytes, c.Tail); err != nil {
		return ends, err
	}
	p.cmd.Stdout, ends = w, append(ends, w)
	if c.Merged {
		p.cmd.Stderr = w
	} else {
		if p.stderr, w, err = newOutput(c.MaxBytes, c.Tail); err != nil {
			return ends, err
		}
		p.cmd.Stderr, ends = w, append(ends, w)
	}
	if len(c.Stdin) == 0 {
		return ends, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return ends, err
	}
	p.cmd.Stdin, ends = r, append(ends, r)
	go func() {
		_, _ = w.Write(c.Stdin) // EPIPE when the program does not want it
		w.Close()
	}()
	return ends, nil
}

// output returns what was printed, once nobody can print any more.
func (p *program) output() (stdout, stderr []byte, cut bool) {
	if p.stdout != nil {
		stdout, cut = p.stdout.close()
	}
	if p.stderr != nil {
		var more bool
		stderr, more = p.stderr.close()
		cut = cut || more
	}
	return stdout, stderr, cut
}

// result reaps the program and fills in what became of it. One that can't be
// ended is not waited for.
func (p *program) result(r *Result) {
	r.ExitCode, r.Parent = -1, os.Getpid()
	if p.guard != nil {
		r.Parent = p.guard.cmd.Process.Pid
	}
	select {
	case <-p.exited:
		status := p.wait()
		r.ExitCode = status.ExitStatus() // -1 = a signal
		if status.Signaled() {
			r.Signal = unix.SignalName(status.Signal())
		}
	case <-time.After(lastWait):
		go p.wait()
	}
	p.release()
	r.Stdout, r.Stderr, r.Cut = p.output()
}

// wait takes the status of a program that has exited.
func (p *program) wait() syscall.WaitStatus {
	if p.guard != nil {
		<-p.exited
		return p.guard.end()
	}
	_ = p.cmd.Wait() // the error repeats the status
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status
}

var memoryLimit sync.Mutex

// withoutMemoryLimit raises our own soft limit on address space for as long as
// start takes: a program that we start inherits it, and may need more than a
// recipe is allowed.
func withoutMemoryLimit(start func() error) error {
	memoryLimit.Lock()
	defer memoryLimit.Unlock()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || limit.Cur == limit.Max {
		return start()
	}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: limit.Max, Max: limit.Max}); err != nil {
		return fmt.Errorf("raise the memory limit: %w", err)
	}
	err := start()
	return errors.Join(err, unix.Setrlimit(unix.RLIMIT_AS, &limit))
}

// withDefaultSignals starts a program while we catch what we may have been told
// to ignore: the kernel gives a new program the default for what is caught, and
// what is ignored stays so. Afterwards it is ignored again.
func withDefaultSignals(start func() error) error {
	caught := make(chan os.Signal, 1)
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(caught, s)
			defer signal.Ignore(s)
		}
	}
	defer signal.Stop(caught)
	return start()
}
