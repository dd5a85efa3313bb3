package world

import (
	"fmt"
	"strconv"
	"strings"
)

// What a thread that blocks shows, in wchan of a recent kernel and as a system
// call with its first argument: each is guessed from the other.
var blocked = []struct {
	syscall string
	fd      bool // the first argument is a descriptor
	wchan   string
}{
	{"epoll_wait", true, "do_epoll_wait"},
	{"epoll_pwait", true, "do_epoll_wait"},
	{"futex", false, "futex_do_wait"},
	{"poll", false, "poll_schedule_timeout.constprop.0"},
	{"select", false, "poll_schedule_timeout.constprop.0"},
	{"clock_nanosleep", false, "hrtimer_nanosleep"},
	{"nanosleep", false, "hrtimer_nanosleep"},
	{"recvfrom", true, "wait_woken"},
	{"sendto", true, "wait_woken"},
	{"connect", true, "wait_woken"},
	{"read", true, "anon_pipe_read"},
	{"write", true, "anon_pipe_write"},
	{"accept4", true, "inet_csk_accept"},
	{"accept", true, "inet_csk_accept"},
	{"wait4", false, "do_wait"},
	{"waitid", false, "do_wait"},
	{"flock", true, "locks_lock_inode_wait"},
	{"fcntl", true, "fcntl_setlk"},
	{"openat", false, "wait_for_partner"},
	{"pause", false, "__do_sys_pause"},
	{"rt_sigtimedwait", false, "do_sigtimedwait.isra.0"},
	{"vfork", false, "kernel_clone"},
	{"sendmsg", true, "sock_alloc_send_pskb"},
	{"recvmsg", true, "unix_stream_read_generic"},
}

// Numbers of unistd_64.h (x86) and of asm-generic/unistd.h (arm64), which has
// no more than one call of each kind.
var numbers = map[string]map[string]int{
	"amd64": {"read": 0, "write": 1, "poll": 7, "select": 23, "pause": 34, "nanosleep": 35, "connect": 42, "accept": 43, "sendto": 44,
		"recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "vfork": 58, "wait4": 61, "fcntl": 72, "flock": 73, "rt_sigtimedwait": 128,
		"futex": 202, "clock_nanosleep": 230, "epoll_wait": 232, "waitid": 247, "openat": 257, "epoll_pwait": 281, "accept4": 288},
	"arm64": {"epoll_pwait": 22, "fcntl": 25, "flock": 32, "openat": 56, "read": 63, "write": 64, "waitid": 95, "futex": 98, "nanosleep": 101,
		"clock_nanosleep": 115, "rt_sigtimedwait": 137, "accept": 202, "connect": 203, "sendto": 206, "recvfrom": 207, "sendmsg": 211,
		"recvmsg": 212, "accept4": 242, "wait4": 260},
}

func (t *thread) wchanText() string {
	if t.wchan != "" {
		return t.wchan
	}
	name, _, _ := strings.Cut(t.syscall, ":")
	for _, b := range blocked {
		if b.syscall == name {
			return b.wchan
		}
	}
	switch t.state {
	case "T":
		return "do_signal_stop"
	case "t":
		return "ptrace_stop"
	case "S", "D":
		if t.syscall == "" || t.syscall == "denied" {
			return "do_epoll_wait" // an idle actor
		}
	}
	return "0"
}

// syscallText is the content of the file syscall; "denied" when it can't be read.
func (t *thread) syscallText(arch string) (string, error) {
	switch {
	case t.syscall == "denied" || t.syscall == "running":
		return t.syscall, nil
	case t.syscall == "" && t.state == "R":
		return "running", nil
	case t.syscall == "" && (t.state == "Z" || t.state == "X"):
		return "-1 0x0 0x0", nil
	case t.syscall == "":
		return t.guess(arch), nil
	}
	parts := strings.Split(t.syscall, ":")
	nr, ok := numbers[arch][parts[0]]
	if n, err := strconv.Atoi(parts[0]); err == nil {
		nr, ok = n, true
	}
	if !ok {
		return "", fmt.Errorf("syscall %q: give its number on %s", parts[0], arch)
	}
	args := [6]uint64{}
	if len(parts) > 7 {
		return "", fmt.Errorf("syscall %q has more than six arguments", t.syscall)
	}
	if len(parts) == 1 {
		args = unstated(parts[0])
	}
	for i, p := range parts[1:] {
		v, err := strconv.ParseInt(p, 0, 64)
		if err != nil {
			return "", fmt.Errorf("syscall %s: argument %q is no number", parts[0], p)
		}
		args[i] = uint64(v)
	}
	return syscallLine(nr, args), nil
}

// guess names the call that goes with a wchan.
func (t *thread) guess(arch string) string {
	wchan := t.wchanText()
	for _, b := range blocked {
		nr, ok := numbers[arch][b.syscall]
		if ok && b.wchan == wchan {
			args := unstated(b.syscall)
			if b.fd {
				args[0] = 3 // trio's epoll instance
			}
			if strings.HasPrefix(b.syscall, "epoll") {
				args[3] = noTimeout
			}
			return syscallLine(nr, args)
		}
	}
	return "-1 0x7ffd00000000 0x7f0000000000"
}

// unstated are the arguments of a call that is given without: of a poll or
// select, that it has descriptors, for without any it is a sleep.
func unstated(call string) (args [6]uint64) {
	switch call {
	case "poll":
		args[1] = 1
	case "select":
		args[0] = 64
	}
	return args
}

// noTimeout is the -1 of epoll_wait, an int, in a register.
const noTimeout = 0xffffffff

func syscallLine(nr int, args [6]uint64) string {
	line := strconv.Itoa(nr)
	for _, a := range args {
		line += fmt.Sprintf(" %#x", a)
	}
	return line + " 0x7ffd00000000 0x7f0000000000"
}
