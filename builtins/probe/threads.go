package probe

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
)

// Threads reads every thread of a process, ordered by id. fds are those of the
// same process (see FDs), with which Target is found; nil when these could not
// be read.
//
// wchan and syscall that may not be read leave WchanHidden and an empty
// Syscall, and are noted as coverage of the probes "wchan" and "syscall".
//
// Source: /proc/PID/task. Errors: fs.ErrNotExist when the process is gone.
// Cost: about 30 µs each.
func Threads(ctx context.Context, h Host, pid int, fds []FD) ([]Thread, error) {
	r := threadReader{h: h, pid: pid, fds: fds, clock: h.Clock()}
	for _, fd := range fds {
		r.ttys = r.ttys || fd.Kind == "tty"
		r.sockets = r.sockets || fd.Kind == "socket"
	}
	threads, err := r.readAll(ctx)
	Cover(ctx, "threads", pid, err, "")
	if err != nil {
		return nil, err
	}
	remedy := ""
	if r.hidden || Denied(r.syscallErr) {
		remedy = Remedy(ctx, h, r.uid)
	}
	var wchanErr error
	if r.hidden {
		wchanErr = fmt.Errorf("wchan of %d: %w", pid, errHidden)
	}
	Cover(ctx, "wchan", pid, wchanErr, remedy)
	Cover(ctx, "syscall", pid, r.syscallErr, remedy)
	return threads, nil
}

type threadReader struct {
	h             Host
	pid           int
	fds           []FD
	clock         Clock
	ttys, sockets bool

	uid        int
	hidden     bool  // some wchan was
	syscallErr error // the first that was not of a thread's end
}

func (r *threadReader) readAll(ctx context.Context) ([]Thread, error) {
	r.uid = -1
	dir := pidPath(r.pid, "task")
	names, err := r.h.ReadDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	threads := make([]Thread, 0, len(names))
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		t, err := r.read(ctx, dir+"/"+name+"/", tid)
		switch {
		case Gone(err): // ended meanwhile
		case err != nil:
			return nil, err
		default:
			threads = append(threads, t)
		}
	}
	if len(threads) == 0 {
		return nil, &fs.PathError{Op: "read", Path: dir, Err: fs.ErrNotExist}
	}
	slices.SortFunc(threads, func(a, b Thread) int { return a.TID - b.TID })
	return threads, nil
}

func (r *threadReader) read(ctx context.Context, dir string, tid int) (Thread, error) {
	b, err := r.h.ReadFile(ctx, dir+"stat", nil)
	if err != nil {
		return Thread{}, err
	}
	st, err := ParseStat(b)
	if err != nil {
		return Thread{}, fmt.Errorf("thread %d: %w", tid, err)
	}
	t := Thread{
		TID: tid, Name: Clean([]byte(st.Comm)), State: st.State,
		CPU: r.clock.Span(st.User + st.System), SyscallNr: -1, FD: -1,
	}
	if b, err = r.h.ReadFile(ctx, dir+"status", nil); err != nil {
		return Thread{}, err
	}
	status, err := ParseStatus(b)
	if err != nil {
		return Thread{}, fmt.Errorf("thread %d: %w", tid, err)
	}
	t.Voluntary, t.Forced = status.Voluntary, status.Forced
	r.uid = status.UID
	if t.State == "Z" || t.State == "X" {
		t.Family = "zombie"
		return t, nil
	}
	if err := r.readWait(ctx, dir, &t); err != nil {
		return Thread{}, err
	}
	return t, nil
}

// readWait reads in what a thread waits.
func (r *threadReader) readWait(ctx context.Context, dir string, t *Thread) error {
	hides := false
	b, err := r.h.ReadFile(ctx, dir+"wchan", nil)
	switch {
	case err == nil:
		t.Wchan = CleanWchan(b)
	case Gone(err): // a kernel without kallsyms, unless it ends just now
		if _, err := r.h.ReadFile(ctx, dir+"stat", nil); err != nil {
			return err
		}
		hides = true
	case Denied(err):
		hides = true
	default:
		return err
	}
	if err := r.readSyscall(ctx, dir, t); err != nil {
		return err
	}
	// "0" of a sleeping thread: we may not know, or the kernel can't tell, or it
	// woke up between two reads. Only syscall sees the last; and where that names
	// a call, it may have fallen asleep again since, so wchan is asked once more.
	asleep := t.State == "S" || t.State == "D" || t.State == "I"
	if asleep && !hides && t.Wchan == "" && t.Syscall != "" && t.Syscall != onProcessor {
		if b, err := r.h.ReadFile(ctx, dir+"wchan", nil); err == nil {
			t.Wchan = CleanWchan(b)
		}
	}
	t.WchanHidden = hides || asleep && t.Wchan == "" && t.Syscall != onProcessor
	r.hidden = r.hidden || t.WchanHidden

	w := Wait{
		State: t.State, Wchan: t.Wchan, Syscall: t.Syscall, Cmd: t.Args[1], NoFDs: watchesNone(t.Syscall, t.Args),
		TTYs: r.ttys, Sockets: r.sockets, AllFDs: r.fds != nil,
	}
	r.resolve(ctx, t)
	if t.Target != nil {
		w.Target = t.Target.Kind
	}
	t.Family = WaitFamily(w)
	if t.Target != nil && t.Target.Kind == "file" && (t.Family == "pipe_read" || t.Family == "pipe_write") {
		named := *t.Target
		named.Kind = "fifo"
		t.Target = &named
	}
	return nil
}

func (r *threadReader) readSyscall(ctx context.Context, dir string, t *Thread) error {
	if Denied(r.syscallErr) {
		return nil // of one thread means of all
	}
	b, err := r.h.ReadFile(ctx, dir+"syscall", nil)
	if err != nil {
		if Gone(err) {
			if _, err := r.h.ReadFile(ctx, dir+"stat", nil); err != nil {
				return err // it ended
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.syscallErr == nil {
			r.syscallErr = err
		}
		return nil
	}
	nr, args, running, err := ParseSyscall(b)
	switch {
	case err != nil:
		r.syscallErr = fmt.Errorf("thread %d: %w", t.TID, err)
	case running:
		t.Syscall = onProcessor
	case nr < 0:
		t.Syscall = outsideAny
	default:
		t.Syscall, t.SyscallNr, t.Args = SyscallName(r.clock.Arch, nr), nr, args
		if takesFD(t.Syscall) {
			t.FD = int(int32(args[0]))
		}
	}
	return nil
}

// resolve finds the descriptor in which a thread waits.
func (r *threadReader) resolve(ctx context.Context, t *Thread) {
	if t.FD < 0 {
		t.FD = -1
		return
	}
	i, ok := slices.BinarySearchFunc(r.fds, t.FD, func(fd FD, num int) int { return fd.Num - num })
	if ok {
		t.Target = &r.fds[i]
		return
	}
	if fd, err := readFD(ctx, r.h, r.pid, t.FD); err == nil { // opened since
		t.Target = &fd
	}
}
