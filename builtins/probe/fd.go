package probe

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// FDs lists the open file descriptors of a process, by number. An empty list
// means that it has none, as a zombie.
//
// Read and Write are known for pipes, terminals, sockets and the numbers 0 to
// 2, not for other files: nobody waits on those, and each costs a read. A named
// pipe looks like a file here; a thread that waits in it gives it away (see
// Thread.Target).
//
// Source: /proc/PID/fd, fdinfo. Errors: fs.ErrPermission when the process is
// another user's or not dumpable, fs.ErrNotExist when it is gone. Cost: about
// 4 µs each.
func FDs(ctx context.Context, h Host, pid int) ([]FD, error) {
	fds, err := readFDs(ctx, h, pid)
	if Denied(err) && hasEnded(ctx, h, pid) {
		fds, err = nil, nil // a zombie belongs to root, and holds nothing
	}
	remedy := ""
	if Denied(err) {
		remedy = Remedy(ctx, h, realUID(ctx, h, pid))
	}
	Cover(ctx, "fds", pid, err, remedy)
	return fds, err
}

func readFDs(ctx context.Context, h Host, pid int) ([]FD, error) {
	dir := pidPath(pid, "fd")
	names, err := h.ReadDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	fds := make([]FD, 0, len(names))
	for _, name := range names {
		num, err := strconv.Atoi(name)
		if err != nil || num < 0 {
			continue
		}
		fd, err := readFD(ctx, h, pid, num)
		switch {
		case Gone(err): // closed meanwhile
		case err != nil:
			return nil, err
		default:
			fds = append(fds, fd)
		}
	}
	slices.SortFunc(fds, func(a, b FD) int { return a.Num - b.Num })
	return fds, nil
}

func readFD(ctx context.Context, h Host, pid, num int) (FD, error) {
	name := strconv.Itoa(num)
	link, err := h.Readlink(ctx, pidPath(pid, "fd/"+name))
	if err != nil {
		return FD{}, err
	}
	fd := ParseFDLink(link)
	fd.Num = num
	switch {
	case fd.Kind == "socket":
		fd.Read, fd.Write = true, true
		return fd, nil
	case fd.Kind == "pipe", fd.Kind == "fifo", fd.Kind == "tty", fd.Kind == "pidfd", fd.Kind == "timerfd", num <= 2:
	default:
		return fd, nil
	}
	b, err := h.ReadFile(ctx, pidPath(pid, "fdinfo/"+name), nil)
	if err != nil {
		return fd, err
	}
	info, err := ParseFDInfo(b)
	if err != nil {
		return fd, nil // a kernel that says it otherwise; the link holds
	}
	fd.Read, fd.Write = info.Reads(), info.Writes()
	switch fd.Kind {
	case "pidfd":
		fd.PID = info.PID
	case "timerfd":
		fd.Timer = info.Timer
	}
	return fd, nil
}

// ParseFDLink tells what a descriptor is from the text of its link in
// /proc/PID/fd. Num, Read and Write are not in it.
func ParseFDLink(link string) FD {
	fd := FD{Link: Clean([]byte(link)), Kind: "other"}
	head, rest, special := strings.Cut(link, ":")
	if strings.HasPrefix(link, "/") {
		fd.Kind = pathKind(link)
		return fd
	}
	if !special {
		return fd
	}
	inside := strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]")
	switch head {
	case "pipe", "socket":
		fd.Kind = head
		fd.Inode, _ = strconv.ParseUint(inside, 10, 64)
	case "pidfd":
		fd.Kind = "pidfd"
	case "anon_inode":
		switch inside {
		case "eventpoll":
			fd.Kind = "epoll"
		case "pidfd", "eventfd", "timerfd":
			fd.Kind = inside
		default:
			fd.Kind = "anon"
		}
	}
	return fd
}

func pathKind(path string) string {
	switch path {
	case "/dev/null", "/dev/null (deleted)":
		return "null"
	case "/dev/console", "/dev/ptmx", "/dev/pts/ptmx", "/dev/tty":
		return "tty"
	case "/":
		return "dir"
	}
	for _, prefix := range []string{"/dev/pts/", "/dev/tty", "/dev/hvc"} {
		if n, ok := strings.CutPrefix(path, prefix); ok && !strings.Contains(n, "/") {
			return "tty"
		}
	}
	return "file"
}

// hasEnded reports whether a process is a zombie.
func hasEnded(ctx context.Context, h Host, pid int) bool {
	b, err := h.ReadFile(ctx, pidPath(pid, "stat"), nil)
	if err != nil {
		return false
	}
	st, err := ParseStat(b)
	return err == nil && (st.State == "Z" || st.State == "X")
}

// realUID returns the real uid of a process, -1 when unknown.
func realUID(ctx context.Context, h Host, pid int) int {
	b, err := h.ReadFile(ctx, pidPath(pid, "status"), nil)
	if err != nil {
		return -1
	}
	st, err := ParseStatus(b)
	if err != nil {
		return -1
	}
	return st.UID
}
