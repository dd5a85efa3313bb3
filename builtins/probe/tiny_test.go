package probe

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// tiny is a Host of a few files: enough for the probes of processes.
type tiny struct {
	files map[string]string // "7/stat" → content; "denied" and "stuck" are errors
	links map[string]string
	clock Clock

	mu    sync.Mutex
	reads []string // paths that were read, in order
}

// newTiny is a machine that booted an hour ago and that runbook (pid 900, under
// the shell 800) looks at.
func newTiny() *tiny {
	return &tiny{
		files: map[string]string{}, links: map[string]string{},
		clock: Clock{Boot: tinyNow.Add(-time.Hour), Ticks: 100, UID: 1000, PID: 900, Live: true, Arch: "amd64"},
	}
}

var tinyNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// add writes the files of a process: "100 1 S python3 app.py" is pid, parent,
// state and command line, whose words are parted by one space ('~' stands for
// one inside a word). It is alone in its group unless group names another.
func (h *tiny) add(line string, group ...int) {
	var pid, ppid int
	var state string
	head := strings.SplitN(line, " ", 4)
	fmt.Sscan(head[0], &pid)
	fmt.Sscan(head[1], &ppid)
	state = head[2]
	cmdline, comm := "", "zombie"
	if len(head) > 3 {
		words := strings.Split(head[3], " ")
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "~", " ")
		}
		cmdline = strings.Join(words, "\x00") + "\x00"
		comm = words[0][:min(15, len(words[0]))]
	}
	pgid := pid
	if len(group) > 0 {
		pgid = group[0]
	}
	dir := fmt.Sprintf("%d/", pid)
	stat := fmt.Sprintf("%d (%s) %s %d %d %d 0 -1 4194304 0 0 0 0 7 3 0 0 20 0 1 0 %d 0 0\n", pid, comm, state, ppid, pgid, pgid, pid)
	status := fmt.Sprintf("Name:\t%s\nTgid:\t%d\nPid:\t%d\nTracerPid:\t0\nUid:\t1000\t1000\t1000\t1000\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n", comm, pid, pid)
	h.files[dir+"stat"], h.files[dir+"status"], h.files[dir+"cmdline"], h.files[dir+"cgroup"] = stat, status, cmdline, "0::/user.slice\n"
	h.links[dir+"exe"], h.links[dir+"ns/net"] = "/usr/bin/x", "net:[1]"
	task := fmt.Sprintf("%d/task/%d/", pid, pid)
	h.files[task+"stat"], h.files[task+"status"], h.files[task+"children"] = stat, status, ""
	h.files[task+"wchan"], h.files[task+"syscall"] = "do_epoll_wait", "232 0x3 0x7f 0x40 0xffffffff 0x0 0x0 0x7ffe 0x7f5a\n"
	if up := fmt.Sprintf("%d/task/%d/children", ppid, ppid); ppid > 0 {
		if _, ok := h.files[up]; ok {
			h.files[up] += fmt.Sprintf("%d ", pid)
		}
	}
}

func (h *tiny) ReadFile(_ context.Context, path string, _ []byte) ([]byte, error) {
	h.mu.Lock()
	h.reads = append(h.reads, path)
	h.mu.Unlock()
	s, ok := h.files[path]
	err := fs.ErrNotExist
	switch {
	case ok && s == "denied":
		err = fs.ErrPermission
	case ok && s == "stuck":
		err = ErrTimeout
	case ok:
		return []byte(s), nil
	}
	return nil, &fs.PathError{Op: "read", Path: "/proc/" + path, Err: err}
}

func (h *tiny) Readlink(_ context.Context, path string) (string, error) {
	s, ok := h.links[path]
	if !ok {
		return "", &fs.PathError{Op: "readlink", Path: "/proc/" + path, Err: fs.ErrNotExist}
	}
	if s == "denied" {
		return "", &fs.PathError{Op: "readlink", Path: "/proc/" + path, Err: fs.ErrPermission}
	}
	return s, nil
}

func (h *tiny) ReadDir(_ context.Context, path string) ([]string, error) {
	if h.files[path] == "denied" {
		return nil, &fs.PathError{Op: "list", Path: "/proc/" + path, Err: fs.ErrPermission}
	}
	prefix := path + "/"
	if path == "." {
		prefix = ""
	}
	names := map[string]bool{}
	for _, m := range []map[string]string{h.files, h.links} {
		for p := range m {
			if rest, ok := strings.CutPrefix(p, prefix); ok {
				name, _, _ := strings.Cut(rest, "/")
				names[name] = true
			}
		}
	}
	if len(names) == 0 {
		return nil, &fs.PathError{Op: "list", Path: "/proc/" + path, Err: fs.ErrNotExist}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func (h *tiny) Sockets(context.Context, int, []FD) ([]Socket, error) { return nil, ErrUnsupported }
func (h *tiny) Pipe(context.Context, int, FD) (PipeFill, error)      { return PipeFill{}, ErrUnsupported }
func (h *tiny) Machine(context.Context) (Machine, error)             { return Machine{}, ErrUnsupported }
func (h *tiny) Now() time.Time                                       { return tinyNow }
func (h *tiny) Clock() Clock                                         { return h.clock }
func (h *tiny) Act() Actor                                           { return nil }
func (h *tiny) Sleep(_ context.Context, d time.Duration) (time.Duration, error) {
	return d, nil
}
