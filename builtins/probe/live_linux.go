package probe

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// procRoot is an open proc directory.
type procRoot struct {
	dir    *os.File
	fd     int
	procfs bool     // the kernel's, not a copy of files on a disk
	walk   *os.Root // stands in where openat2(2) is refused; else nil
}

// beneath keeps a path inside the directory that it starts from: links that
// stay inside are followed (net → self/net), /proc/PID/fd/N and the like never.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS

func (l *Live) open() error {
	dir, err := os.Open(l.proc)
	if err != nil {
		return unwrapPath(err)
	}
	l.root = procRoot{dir: dir, fd: int(dir.Fd())}
	var st unix.Statfs_t
	if err := unix.Fstatfs(l.root.fd, &st); err != nil {
		return err
	}
	l.root.procfs = st.Type == unix.PROC_SUPER_MAGIC
	if l.self && !l.root.procfs {
		return errors.New("not a proc filesystem")
	}
	if l.self && !l.root.countsAsWeDo() {
		return ErrOtherPIDs
	}
	if err := l.root.holdsProcesses(); err != nil {
		return err
	}

	probe, err := unix.Openat2(l.root.fd, ".", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: beneath})
	if err == nil {
		unix.Close(probe)
	} else if l.root.walk, err = os.OpenRoot(l.proc); err != nil {
		return unwrapPath(err)
	}
	l.clock = l.readClock()
	return nil
}

// countsAsWeDo reports whether a pid in this proc is the same process to the
// kernel when we name it: a proc keeps the numbers of the pid namespace that it
// was mounted for, whoever reads it (pid_namespaces(7), "/proc and PID
// namespaces"). Otherwise we would read the memory of strangers, and end them.
func (r *procRoot) countsAsWeDo() bool {
	self, err := r.readlink("self")
	return err == nil && self == strconv.Itoa(os.Getpid())
}

// holdsProcesses refuses a directory in which no process could ever be found:
// there, every question would be answered "none", which exonerates.
func (r *procRoot) holdsProcesses() error {
	for {
		names, err := r.dir.Readdirnames(64)
		for _, n := range names {
			if pid, err := strconv.Atoi(n); err == nil && pid > 0 {
				_, err := r.dir.Seek(0, io.SeekStart)
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return errors.New("no /proc: it has no numbered directory")
		}
		if err != nil {
			return unwrapPath(err)
		}
	}
}

// ReadFile reads a file below the proc directory, to its end: `children` comes
// in pieces of 4 KB, and no file there knows its size.
func (l *Live) ReadFile(ctx context.Context, name string, buf []byte) ([]byte, error) {
	if l.refuseAttach && needsAttach(name) {
		return nil, &fs.PathError{Op: "read", Path: l.full(name), Err: fs.ErrPermission}
	}
	if pid, file, ok := pythonOf(name); ok && l.python != nil && l.self {
		return l.python(ctx, l, pid, file)
	}
	a, err := l.look(ctx, errand{op: opRead, name: name, buf: buf})
	return a.data, err
}

// pythonOf is the process and the file of a path such as 4242/python.
func pythonOf(name string) (pid int, file string, ok bool) {
	first, file, _ := strings.Cut(name, "/")
	if file != "python" && file != "python.loops" {
		return 0, "", false
	}
	pid, err := strconv.Atoi(first)
	return pid, file, err == nil && pid > 0
}

// Readlink returns the text of a link below the proc directory.
func (l *Live) Readlink(ctx context.Context, name string) (string, error) {
	a, err := l.look(ctx, errand{op: opLink, name: name})
	return a.text, err
}

// ReadDir returns the names in a directory below the proc directory; "." is
// that itself.
func (l *Live) ReadDir(ctx context.Context, name string) ([]string, error) {
	if name == "" {
		name = "."
	}
	a, err := l.look(ctx, errand{op: opDir, name: name})
	return a.names, err
}

// look does an errand at once if nothing in it can block, else through a
// goroutine that can be left behind.
func (l *Live) look(ctx context.Context, e errand) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	e.live = l
	a := answer{}
	if l.root.procfs && (neverBlocks(e) || l.root.watchesNothing(e)) {
		a = e.do(e.buf)
	} else {
		a = e.doInTime(ctx)
	}
	if a.err != nil {
		return answer{}, l.explain(e, a.err)
	}
	return a, nil
}

// explain wraps an error with the path that was tried. A process that vanishes
// while it is read gives ESRCH, which means what ENOENT means.
func (l *Live) explain(e errand, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if err = unwrapPath(err); errors.Is(err, unix.ESRCH) {
		err = fs.ErrNotExist
	}
	return &fs.PathError{Op: e.op.String(), Path: l.full(e.name), Err: err}
}

func (l *Live) full(name string) string { return filepath.Join(l.proc, name) }

func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// neverBlocks reports whether the kernel answers an errand without waiting for
// the process that it is about.
//
// It is a list of the harmless, so that what we forgot costs a microsecond and
// not a hang. Not on it: cmdline, environ and maps (memory lock), syscall and
// stack (exec lock), fdinfo (an epoll instance that watches a FUSE file).
func neverBlocks(e errand) bool {
	if e.op != opRead {
		return true
	}
	switch path.Base(e.name) {
	case "stat", "status", "wchan", "comm", "children", "cgroup", "loadavg", "locks", "tcp", "tcp6", "unix":
		return true
	}
	return false
}

// watchesNothing reports whether an errand is for the fdinfo of anything but an
// epoll instance: then it is as harmless. Of a tree of actors three of four are.
func (r *procRoot) watchesNothing(e errand) bool {
	pid, fd, ok := strings.Cut(e.name, "/fdinfo/")
	if !ok || e.op != opRead {
		return false
	}
	link, err := r.readlink(pid + "/fd/" + fd)
	return err == nil && link != "anon_inode:[eventpoll]"
}

// comesWhole reports whether one read gives all of a file if there is room: it
// spares the read that only says "end", a seventh of the cost.
func comesWhole(name string) bool {
	switch path.Base(name) {
	case "stat", "status", "wchan", "comm", "cmdline", "syscall", "cgroup":
		return name != "stat" // /proc/stat is another thing
	}
	return false
}

// roomFor is how many bytes to begin with: status has 1,500, most have a tenth.
func roomFor(name string) int {
	if path.Base(name) == "status" {
		return 2048
	}
	return 512
}

// needsAttach reports whether the kernel asks for PTRACE_MODE_ATTACH.
func needsAttach(name string) bool {
	switch path.Base(name) {
	case "syscall", "stack", "personality", "mem", "auxv", "python", "python.loops":
		return true
	}
	return false
}

// readClock finds out how this kernel counts. Boot is computed from
// CLOCK_BOOTTIME where pids are ours: btime in /proc/stat has whole seconds,
// and an actor that booted 0.4 s ago should not be 1 s old.
func (l *Live) readClock() Clock {
	c := Clock{Ticks: userHZ(), UID: os.Geteuid(), Hostname: hostname(), Arch: runtime.GOARCH, Live: true}
	ctx := context.Background()
	if b, err := l.ReadFile(ctx, "sys/kernel/osrelease", nil); err == nil {
		c.Kernel = Clean([]byte(strings.TrimSpace(string(b))))
	}
	if l.root.procfs {
		if self, err := l.Readlink(ctx, "self"); err == nil {
			c.PID, _ = strconv.Atoi(self)
		}
	}
	var since unix.Timespec
	if l.root.procfs && unix.ClockGettime(unix.CLOCK_BOOTTIME, &since) == nil {
		c.Boot = time.Now().Round(0).Add(-time.Duration(since.Nano()))
		return c
	}
	if b, err := l.ReadFile(ctx, "stat", nil); err == nil {
		c.Boot = parseBootTime(b)
	}
	return c
}

// userHZ is the unit of times in /proc: 100 nearly everywhere, told by the
// kernel in the auxiliary vector (AT_CLKTCK, getauxval(3)).
func userHZ() int64 {
	const atClktck = 17
	aux, err := unix.Auxv()
	if err == nil {
		for _, kv := range aux {
			if kv[0] == atClktck && kv[1] > 0 {
				return int64(kv[1])
			}
		}
	}
	return 100
}

// do runs an errand, in buf where there is something to read.
func (e errand) do(buf []byte) (a answer) {
	if e.live.before != nil {
		e.live.before(e.name)
	}
	switch e.op {
	case opRead:
		a.data, a.err = e.live.root.read(e.name, buf)
	case opLink:
		a.text, a.err = e.live.root.readlink(e.name)
	case opDir:
		a.names, a.err = e.live.root.readdir(e.name)
	}
	return a
}

func (r *procRoot) openat(name string, flags int) (int, error) {
	if r.walk != nil {
		f, err := r.walk.OpenFile(name, flags&^unix.O_PATH, 0)
		if err != nil {
			return -1, err
		}
		defer f.Close()
		return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: beneath}
	for {
		fd, err := unix.Openat2(r.fd, name, &how)
		if err != unix.EINTR && err != unix.EAGAIN { // EAGAIN: a rename raced with the walk
			return fd, err
		}
	}
}

func (r *procRoot) read(name string, buf []byte) ([]byte, error) {
	fd, err := r.openat(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if !r.procfs { // a directory from who knows where: devices and FIFOs are not for reading
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return nil, err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			return nil, errors.New("not a regular file")
		}
	}
	whole := r.procfs && comesWhole(name)
	if cap(buf) == 0 {
		buf = make([]byte, roomFor(name))
	}
	b := buf[:0]
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, cap(b))
		}
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return b, nil
		}
		b = b[:len(b)+n]
		if whole && len(b) < cap(b) {
			return b, nil
		}
		if len(b) > readLimit {
			return nil, errors.New("larger than 64 MiB")
		}
	}
}

// readlink opens the link first, by a path that can't lead out; a third of
// that does where no directory on the way can be a link.
func (r *procRoot) readlink(name string) (string, error) {
	fd := r.fd
	switch {
	case r.walk != nil:
		return r.walk.Readlink(name)
	case !r.procfs || !straight(name):
		opened, err := r.openat(name, unix.O_PATH|unix.O_NOFOLLOW)
		if err != nil {
			return "", err
		}
		defer unix.Close(opened)
		fd, name = opened, ""
	}
	buf := make([]byte, 256)
	for {
		n, err := unix.Readlinkat(fd, name, buf)
		if err == unix.ENOENT && name == "" {
			err = unix.EINVAL // what we opened is no link
		}
		if err != nil {
			return "", err
		}
		if n < len(buf) {
			return string(buf[:n]), nil
		}
		buf = make([]byte, 2*len(buf))
	}
}

// straight reports whether the directories of a path are plain ones of procfs:
// PID/fd/N, PID/ns/net, PID/task/TID/fd/N.
func straight(name string) bool {
	dirs := strings.Split(name, "/")
	for i, d := range dirs {
		if i == len(dirs)-1 {
			return d != "" && d != "." && d != ".."
		}
		if _, err := strconv.ParseUint(d, 10, 32); err != nil && d != "fd" && d != "ns" && d != "task" {
			return false
		}
	}
	return false
}

func (r *procRoot) readdir(name string) ([]string, error) {
	fd, err := r.openat(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err == nil && !r.procfs {
		slices.SortFunc(names, byNumber)
	}
	return names, err
}

// byNumber orders names as /proc does: words first, then numbers by value.
func byNumber(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	switch {
	case errX != nil && errY != nil:
		return strings.Compare(a, b)
	case errX != nil:
		return -1
	case errY != nil:
		return 1
	}
	return x - y
}
