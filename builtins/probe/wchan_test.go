package probe

import (
	"strings"
	"testing"
)

// The table of waits: what kernels from 4.x to 6.x print for the same thing.
func TestWaitFamily(t *testing.T) {
	for _, c := range []struct {
		name string
		wait Wait
		want string
	}{
		{"epoll today", Wait{State: "S", Wchan: "do_epoll_wait", Syscall: "epoll_wait"}, "epoll"},
		{"epoll of old", Wait{State: "S", Wchan: "ep_poll"}, "epoll"},
		{"epoll, by the call alone", Wait{State: "S", Syscall: "epoll_pwait"}, "epoll"},
		{"poll", Wait{State: "S", Wchan: "poll_schedule_timeout"}, "poll"},
		{"select of no descriptor", Wait{State: "S", Wchan: "poll_schedule_timeout", Syscall: "select", NoFDs: true}, "sleep"},
		{"poll of no descriptor, wchan hidden", Wait{State: "S", Syscall: "ppoll", NoFDs: true}, "sleep"},
		{"futex today", Wait{State: "S", Wchan: "futex_do_wait"}, "futex"},
		{"futex of old", Wait{State: "S", Wchan: "futex_wait_queue_me"}, "futex"},
		{"sleep", Wait{State: "S", Wchan: "hrtimer_nanosleep", Syscall: "clock_nanosleep"}, "sleep"},
		{"pipe", Wait{State: "S", Wchan: "anon_pipe_write", Syscall: "write", Target: "pipe"}, "pipe_write"},
		{"pipe_wait lost the direction", Wait{State: "S", Wchan: "pipe_wait"}, ""},
		{"but the call has it", Wait{State: "S", Wchan: "pipe_wait", Syscall: "read", Target: "pipe"}, "pipe_read"},
		{"named pipe looks like a file", Wait{State: "S", Wchan: "anon_pipe_read", Syscall: "read", Target: "file"}, "pipe_read"},
		{"open of a named pipe", Wait{State: "S", Wchan: "wait_for_partner", Syscall: "openat"}, "fifo_open"},
		{"recv on TCP", Wait{State: "S", Wchan: "wait_woken", Syscall: "recvfrom", Target: "socket"}, "socket"},
		{"read of a terminal", Wait{State: "S", Wchan: "wait_woken", Syscall: "read", Target: "tty"}, "tty"},
		{"wait_woken says neither", Wait{State: "S", Wchan: "wait_woken", TTYs: true, Sockets: true, AllFDs: true}, ""},
		{"without descriptors neither", Wait{State: "S", Wchan: "wait_woken"}, ""},
		{"a process without terminal", Wait{State: "S", Wchan: "wait_woken", Sockets: true, AllFDs: true}, "socket"},
		{"a process without sockets", Wait{State: "S", Wchan: "wait_woken", TTYs: true, AllFDs: true}, "tty"},
		{"TCP of old", Wait{State: "S", Wchan: "sk_wait_data"}, "socket"},
		{"unix recv", Wait{State: "S", Wchan: "unix_stream_read_generic", Syscall: "recvmsg", Target: "socket"}, "unix_recv"},
		{"unix read(2)", Wait{State: "S", Wchan: "unix_stream_read_generic", Syscall: "read", Target: "socket"}, "unix_recv"},
		{"unix send", Wait{State: "S", Wchan: "sock_alloc_send_pskb", Syscall: "sendto", Target: "socket"}, "unix_send"},
		{"unix connect", Wait{State: "S", Wchan: "unix_wait_for_peer", Syscall: "connect", Target: "socket"}, "unix_connect"},
		{"unix datagram", Wait{State: "S", Wchan: "unix_wait_for_peer", Syscall: "sendmsg", Target: "socket"}, "unix_send"},
		{"accept", Wait{State: "S", Wchan: "inet_csk_accept", Syscall: "accept4", Target: "socket"}, "accept"},
		{"accept on unix", Wait{State: "S", Wchan: "__skb_wait_for_more_packets", Syscall: "accept4", Target: "socket"}, "accept"},
		{"the same function, a datagram", Wait{State: "S", Wchan: "__skb_wait_for_more_packets", Syscall: "recvfrom", Target: "socket"}, "socket"},
		{"or unknown", Wait{State: "S", Wchan: "__skb_wait_for_more_packets"}, ""},
		{"waitpid", Wait{State: "S", Wchan: "do_wait", Syscall: "wait4"}, "wait"},
		{"flock", Wait{State: "S", Wchan: "locks_lock_inode_wait", Syscall: "flock", Target: "file"}, "flock"},
		{"fcntl", Wait{State: "S", Wchan: "fcntl_setlk", Syscall: "fcntl", Cmd: 7, Target: "file"}, "fcntl_lock"},
		{"fcntl without wchan", Wait{State: "S", Syscall: "fcntl", Cmd: 38, Target: "file"}, "fcntl_lock"},
		{"fcntl that is no lock", Wait{State: "D", Syscall: "fcntl", Cmd: 3}, "other"},
		{"pause", Wait{State: "S", Wchan: "__do_sys_pause", Syscall: "pause"}, "pause"},
		{"pause on another build", Wait{State: "S", Wchan: "__x64_sys_pause"}, "pause"},
		{"sigwait", Wait{State: "S", Wchan: "do_sigtimedwait"}, "sigwait"},
		{"eventfd", Wait{State: "S", Wchan: "do_wait_intr_irq", Syscall: "read", Target: "eventfd"}, "eventfd"},
		{"vfork", Wait{State: "D", Wchan: "kernel_clone", Syscall: "vfork"}, "vfork"},
		{"disk", Wait{State: "D", Wchan: "folio_wait_bit_common", Syscall: "read", Target: "file"}, "disk"},
		{"a server that is gone", Wait{State: "D", Wchan: "nfs_wait_on_request"}, "disk"},
		{"fsync, wchan unknown to us", Wait{State: "D", Wchan: "wait_somewhere", Syscall: "fsync", Target: "file"}, "disk"},
		{"frozen cgroup", Wait{State: "S", Wchan: "do_freezer_trap", Syscall: "none"}, "frozen"},
		{"frozen cgroup, 6.18, amid a wait", Wait{State: "S", Wchan: "get_signal", Syscall: "epoll_wait"}, "frozen"},
		{"stopped", Wait{State: "T", Wchan: "do_signal_stop"}, "stopped"},
		{"traced", Wait{State: "t", Wchan: "ptrace_stop"}, "traced"},
		{"running", Wait{State: "R"}, "running"},
		{"woke up meanwhile", Wait{State: "S", Syscall: "running"}, "running"},
		{"zombie", Wait{State: "Z"}, "zombie"},
		{"a sleep that a stop interrupted", Wait{State: "S", Wchan: "hrtimer_nanosleep", Syscall: "restart_syscall"}, "sleep"},
		{"hidden", Wait{State: "S"}, ""},
		{"something new", Wait{State: "S", Wchan: "some_new_wait", Syscall: "ioctl", Target: "file"}, "other"},
	} {
		if got := WaitFamily(c.wait); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWchanLosesWhatTheCompilerAdded(t *testing.T) {
	for in, want := range map[string]string{
		"poll_schedule_timeout.constprop.0": "poll_schedule_timeout",
		"do_sigtimedwait.isra.0":            "do_sigtimedwait",
		"pipe_read.part.3.constprop.0":      "pipe_read",
		"futex_wait_queue.cold":             "futex_wait_queue",
		"ep_poll.llvm.1234567":              "ep_poll",
		"do_epoll_wait":                     "do_epoll_wait",
		"0":                                 "",
		"0\n":                               "",
		"0.cold":                            "",
		"ep_poll .isra.0":                   "ep_poll",
		"":                                  "",
		"a\x1bb":                            "a\uFFFDb",
	} {
		if got := CleanWchan([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanWchan(f *testing.F) {
	f.Add("poll_schedule_timeout.constprop.0.isra.1", "read", "pipe", "S")
	f.Fuzz(func(t *testing.T, wchan, call, target, state string) {
		name := CleanWchan([]byte(wchan))
		if CleanWchan([]byte(name)) != name {
			t.Errorf("%q: %q is not short yet", wchan, name)
		}
		family := WaitFamily(Wait{State: state, Wchan: name, Syscall: call, Target: target})
		if !knownFamilies[family] {
			t.Errorf("family %q", family)
		}
	})
}

var knownFamilies = func() map[string]bool {
	m := set(`epoll poll futex sleep pipe_read pipe_write fifo_open socket unix_recv unix_send unix_connect accept wait
		flock fcntl_lock pause sigwait eventfd vfork stopped traced tty disk frozen running zombie other`)
	m[""] = true
	return m
}()

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
