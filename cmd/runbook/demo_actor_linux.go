package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An actor of a demonstration is seen from outside only, so it talks to the
// kernel itself: sockets of package net and files of package os would bring
// the Go runtime's own epoll instance and its waiting thread into the picture.

// The descriptors that an actor is born with, besides 0 to 2.
const (
	readyFD = 3 // write end: "name pid\n" once the planted state is reached
	lifeFD  = 4 // read end: closed when the demonstration is over
	keepFD  = 5 // write end of lifeFD's pipe, so that a kept tree outlives us
)

func init() {
	if os.Getenv(demoRoleEnv) != "" {
		// The state of a process is that of its main thread, so the loop must
		// run there. Only init is sure to be on it.
		runtime.LockOSThread()
	}
}

// beActor turns this process into an actor when it was started as one, and
// then does not return.
func beActor() {
	text := os.Getenv(demoRoleEnv)
	if text == "" {
		return
	}
	var a role
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		fmt.Fprintln(os.Stderr, "runbook: demo role:", err)
		os.Exit(2)
	}
	l := newLoop()
	l.play(a)
	os.Exit(0)
}

// must ends an actor that cannot play its part. Its parent reads the reason in
// place of the report, so the demonstration fails to boot rather than showing
// a half.
func must[T any](v T, err error) T {
	if err != nil {
		_, _ = unix.Write(readyFD, []byte("! "+err.Error()+"\n"))
		os.Exit(1)
	}
	return v
}

func check(err error) { must(0, err) }

// loop is an event loop as trio runs it: one epoll instance, each descriptor
// armed with EPOLLONESHOT for as long as a task waits for it.
type loop struct {
	ep   int
	recv map[int]func(fd int) // called once when fd is readable; arm again to go on
}

func newLoop() *loop {
	return &loop{ep: must(unix.EpollCreate1(unix.EPOLL_CLOEXEC)), recv: map[int]func(int){}}
}

// wait arms fd: a task waits to read it.
func (l *loop) wait(fd int, fn func(fd int)) {
	op := unix.EPOLL_CTL_MOD
	if _, known := l.recv[fd]; !known {
		op = unix.EPOLL_CTL_ADD
	}
	l.recv[fd] = fn
	check(unix.EpollCtl(l.ep, op, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)}))
}

// turn runs what became readable, once.
func (l *loop) turn() {
	var events [8]unix.EpollEvent
	n, err := unix.EpollWait(l.ep, events[:], -1)
	if err == unix.EINTR {
		return
	}
	check(err)
	for _, e := range events[:n] {
		l.recv[int(e.Fd)](int(e.Fd))
	}
}

const (
	greeting = 64     // bytes: what every actor reads from its parent
	work     = 45_000 // bytes: what follows; more than a message, less than a socket's buffer
)

// play boots the part of the tree below a, reaches the state that was planted
// in a, says so, and stays in it.
func (l *loop) play(a role) {
	name := must(unix.BytePtrFromString("python3")) // comm, which exec set to ours
	check(unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0))
	pair := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))
	l.wait(pair[0], func(int) {})
	l.wait(lifeFD, func(int) { os.Exit(0) })
	unix.CloseOnExec(lifeFD)
	unix.CloseOnExec(readyFD)

	parent := -1
	if a.Parent != 0 {
		parent = must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
		check(unix.Connect(parent, &unix.SockaddrInet4{Port: a.Parent, Addr: [4]byte{127, 0, 0, 1}}))
		check(unix.SetNonblock(parent, true))
	}
	conns, ready := l.raise(a)

	serve := func(fd int) {}
	serve = func(fd int) {
		if drain(fd) {
			l.wait(fd, serve)
		}
	}
	if parent >= 0 {
		// Everybody reads the greeting, also those who read nothing after it.
		check(exactly(parent, greeting))
		l.wait(parent, serve)
	}
	// The children stand once they have read theirs.
	report := ready(len(a.Children))
	var mine, yours int
	if a.Does == locks {
		// Both now: who planted us may take the files away once we have said that
		// we stand.
		mine, yours = must(openFile(a.Mine)), must(openFile(a.Yours))
		check(flock(mine))
	}
	if a.Does != serves && parent >= 0 {
		// Registered, but nobody waits: the mask that trio leaves behind.
		check(unix.EpollCtl(l.ep, unix.EPOLL_CTL_MOD, parent, &unix.EpollEvent{Events: unix.EPOLLONESHOT, Fd: int32(parent)}))
	}
	for _, c := range conns {
		must(unix.Write(c, make([]byte, work)))
	}
	say(report + fmt.Sprintf("%s %d\n", a.Name, os.Getpid()))

	switch a.Does {
	case sleeps:
		for {
			_ = unix.Nanosleep(&unix.Timespec{Sec: 1 << 30}, nil)
		}
	case locks:
		check(exactly(parent, greeting)) // the order to begin: now everybody holds one
		check(flock(yours))
	case stops:
		check(unix.Kill(os.Getpid(), unix.SIGSTOP))
	case dies:
		check(unix.Kill(os.Getpid(), unix.SIGKILL))
	}
	for {
		l.turn()
	}
}

// raise listens, starts a's children and greets them. It returns the
// connections to them and a function that waits until n of them, with all
// below, stand.
func (l *loop) raise(a role) (conns []int, ready func(n int) string) {
	lis := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	check(unix.Bind(lis, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(unix.Listen(lis, 128))
	port := must(unix.Getsockname(lis)).(*unix.SockaddrInet4).Port

	var pipe [2]int
	check(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	for _, c := range a.Children {
		c.Parent = port
		must(startActor(c, pipe[1], lifeFD, -1, !c.Orphans, false))
		fd, _, err := unix.Accept4(lis, unix.SOCK_CLOEXEC)
		check(err)
		must(unix.Write(fd, make([]byte, greeting)))
		check(unix.SetNonblock(fd, true))
		conns = append(conns, fd)
		l.wait(fd, func(int) {})
	}
	check(unix.SetNonblock(lis, true))
	l.wait(lis, func(int) {})
	check(unix.Close(pipe[1]))
	return conns, func(n int) string {
		defer unix.Close(pipe[0])
		want := 0
		for _, c := range a.Children[:n] {
			want += c.count()
		}
		return readLines(pipe[0], want)
	}
}

// readLines reads from a pipe until n lines came, or its writers are gone.
func readLines(fd, n int) string {
	var text []byte
	buf := make([]byte, 256)
	for n > 0 {
		got, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if got <= 0 {
			break
		}
		text = append(text, buf[:got]...)
		for _, c := range buf[:got] {
			if c == '\n' {
				n--
			}
		}
	}
	return string(text)
}

func say(text string) {
	must(unix.Write(readyFD, []byte(text)))
	check(unix.Close(readyFD))
}

// drain reads what is there; false when the peer is gone.
func drain(fd int) bool {
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return true
		case n <= 0:
			return false
		}
	}
}

// exactly reads n bytes from fd, waiting for them outside the loop.
func exactly(fd, n int) error {
	buf := make([]byte, n)
	for got := 0; got < n; {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return err
		}
		m, err := unix.Read(fd, buf[got:])
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
		case err != nil:
			return err
		case m == 0:
			return unix.ECONNRESET
		default:
			got += m
		}
	}
	return nil
}

// openFile opens a file that lies in the memory of who planted us.
func openFile(path string) (int, error) {
	return unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
}

// flock locks an open file for the life of the process.
func flock(fd int) error {
	for {
		if err := unix.Flock(fd, unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

// startActor executes this very binary as a. ready, life and keep are its
// descriptors 3 to 5 (keep may be -1); diesWithUs asks the kernel to kill it
// when the calling thread ends. With session, it and those below it are a session
// of their own: Ctrl-C would take the tree from under the diagnosis, and a group
// of our session with a stopped process in it is sent SIGHUP when we end
// (setpgid(2), orphaned process groups).
func startActor(a role, ready, life, keep int, diesWithUs, session bool) (pid int, err error) {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open /dev/null: %w", err)
	}
	defer unix.Close(null)
	files := []uintptr{uintptr(null), uintptr(null), uintptr(null), uintptr(ready), uintptr(life)}
	if keep >= 0 {
		files = append(files, uintptr(keep))
	}
	attr := &syscall.ProcAttr{
		// No collector: it wakes the runtime's scavenger, whose timer makes the
		// runtime's own epoll instance.
		Env:   []string{a.env(), "GOMAXPROCS=1", "GOGC=off", "GOTRACEBACK=none"},
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: session},
	}
	if diesWithUs {
		attr.Sys.Pdeathsig = syscall.SIGKILL
	}
	pid, err = syscall.ForkExec("/proc/self/exe", a.argv(uuid4()), attr)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", a.Name, err)
	}
	return pid, nil
}

func uuid4() string {
	// Not crypto/rand: its first use starts a timer, and with it the runtime's
	// own epoll instance.
	var b [16]byte
	_, _ = unix.Getrandom(b[:], 0)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
