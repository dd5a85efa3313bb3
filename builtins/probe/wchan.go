package probe

import (
	"bytes"
	"strings"

	"runbook/lazyregexp"
)

// Wait is what the kernel says of a thread that doesn't run: the input of
// WaitFamily. Empty fields are unknown.
type Wait struct {
	State   string // one letter of stat
	Wchan   string // clean, see CleanWchan
	Syscall string // name, "running" or "none"
	Cmd     uint64 // second argument of the call: fcntl's command
	NoFDs   bool   // the call is a poll or select of no descriptor, see watchesNone
	Target  string // kind of the descriptor in which it waits, see FD.Kind
	TTYs    bool   // the process holds a terminal
	Sockets bool   // the process holds a socket
	AllFDs  bool   // TTYs and Sockets are known
}

// wchanSuffix is what compilers append to the copies that they make of a
// function: it comes and goes from one kernel build to the next.
var wchanSuffix = lazyregexp.New(`\.(constprop|isra|part|cold|llvm|lto_priv|localalias)(\.[0-9]+)*$`)

// CleanWchan returns the function of /proc/PID/wchan without such suffixes; ""
// for the "0" that says both "doesn't sleep" and "you may not know".
func CleanWchan(b []byte) string {
	name := Clean(bytes.TrimSpace(b))
	for name != "0" {
		short := strings.TrimSpace(wchanSuffix().ReplaceAllString(name, ""))
		if short == name {
			return name
		}
		name = short
	}
	return ""
}

// WaitFamily says what a wait is for, whatever this kernel calls it; "" when
// that can't be told. See Thread.Family for the names.
//
// The system call is asked before the function: several waits share one
// function (wait_woken: TCP in both directions, and terminals), but not one
// call. A function that is more precise than the call comes first.
func WaitFamily(w Wait) string {
	switch w.State {
	case "R":
		return "running"
	case "Z", "X":
		return "zombie"
	case "T":
		return "stopped"
	case "t":
		return "traced"
	}
	if w.Syscall == onProcessor && w.Wchan == "" {
		return "running"
	}
	byName := wchanFamily(w.Wchan)
	switch {
	case precise[byName]:
		return byName
	case byName == "unix_connect" && (strings.HasPrefix(w.Syscall, "send") || strings.HasPrefix(w.Syscall, "write")):
		return "unix_send" // a datagram to a peer whose queue is full
	case byName == "flock" && w.Syscall == "fcntl":
		return "fcntl_lock"
	}
	byCall := syscallFamily(w)
	switch {
	case byCall == "socket" && strings.HasPrefix(byName, "unix_"):
		return byName
	case byCall != "" && byCall != "other":
		return byCall
	case byName != "":
		return byName
	case w.Wchan == "wait_woken":
		return wokenFamily(w)
	case w.Wchan == "pipe_wait", w.Wchan == "__skb_wait_for_more_packets", w.Wchan == "__skb_recv_datagram":
		return "" // a pipe in one of two directions; a datagram or a connection
	case byCall == "" && w.Wchan == "":
		return ""
	case w.State == "D" && (w.Target == "file" || w.Target == "dir"):
		return "disk"
	}
	return "other"
}

// precise families need no system call to be sure of.
var precise = set("epoll frozen stopped traced vfork fifo_open disk")

// wokenFamily guesses nothing: wait_woken is a wait in TCP or on a terminal,
// and only a process that holds but one of the two tells which.
func wokenFamily(w Wait) string {
	switch {
	case w.Target != "" && w.Target != "tty" && w.Target != "socket":
		return "other" // the descriptor is known, and is something else: inotify, a queue
	case w.Target == "tty" || w.AllFDs && w.TTYs && !w.Sockets:
		return "tty"
	case w.Target == "socket" || w.AllFDs && w.Sockets && !w.TTYs:
		return "socket"
	}
	return ""
}

// wchanFamily names the family of a kernel function that serves only one; "".
func wchanFamily(name string) string {
	if name == "" {
		return ""
	}
	if f := wchanFamilies[name]; f != "" {
		return f
	}
	for _, prefix := range []string{"__x64_sys_", "__arm64_sys_", "__ia32_sys_", "__se_sys_", "__do_sys_", "ksys_", "SyS_", "sys_"} {
		if call, ok := strings.CutPrefix(name, prefix); ok {
			return syscallFamily(Wait{Syscall: call})
		}
	}
	for _, prefix := range diskPrefixes {
		if strings.HasPrefix(name, prefix) {
			return "disk"
		}
	}
	return ""
}

// wchanFamilies holds the functions of Linux 3.x to 6.x in which threads sleep.
// fs/eventpoll.c, fs/select.c, kernel/futex, kernel/time/hrtimer.c, fs/pipe.c,
// net/core/stream.c, net/unix/af_unix.c, kernel/exit.c, fs/locks.c …
var wchanFamilies = families(map[string]string{
	"epoll":        "do_epoll_wait ep_poll do_epoll_pwait ep_send_events",
	"poll":         "poll_schedule_timeout do_poll do_select do_sys_poll core_sys_select do_pselect",
	"futex":        "futex_do_wait futex_wait_queue futex_wait_queue_me futex_wait __futex_wait futex_wait_multiple futex_wait_requeue_pi futex_lock_pi rt_mutex_slowlock rt_mutex_wait_proxy_lock rt_mutex_schedule",
	"sleep":        "hrtimer_nanosleep do_nanosleep common_nsleep common_nsleep_timens",
	"pipe_read":    "anon_pipe_read pipe_read fifo_pipe_read pipe_wait_readable",
	"pipe_write":   "anon_pipe_write pipe_write fifo_pipe_write pipe_wait_writable",
	"fifo_open":    "wait_for_partner fifo_open",
	"socket":       "sk_wait_data sk_stream_wait_memory sk_stream_wait_connect sk_stream_wait_close inet_wait_for_connect inet_stream_connect __inet_stream_connect tcp_recvmsg tcp_recvmsg_locked tcp_sendmsg tcp_sendmsg_locked tcp_data_wait __lock_sock lock_sock_nested",
	"unix_recv":    "unix_stream_read_generic unix_stream_data_wait unix_stream_recvmsg unix_dgram_recvmsg",
	"unix_send":    "sock_alloc_send_pskb sock_alloc_send_skb sock_wait_for_wmem unix_stream_sendmsg",
	"unix_connect": "unix_wait_for_peer unix_stream_connect",
	"accept":       "inet_csk_accept inet_csk_wait_for_connect unix_accept",
	"wait":         "do_wait do_wait_pid wait_consider_task kernel_wait4 kernel_waitid",
	"flock":        "locks_lock_inode_wait flock_lock_inode_wait flock_lock_file_wait",
	"fcntl_lock":   "fcntl_setlk fcntl_setlk64 do_lock_file_wait posix_lock_inode_wait posix_lock_file_wait",
	"pause":        "sigsuspend",
	"sigwait":      "do_sigtimedwait signalfd_dequeue signalfd_read signalfd_read_iter",
	"eventfd":      "eventfd_read eventfd_write eventfd_ctx_read do_wait_intr_irq",
	"vfork":        "kernel_clone _do_fork do_fork wait_for_vfork_done",
	"stopped":      "do_signal_stop do_jobctl_trap",
	"traced":       "ptrace_stop ptrace_do_notify ptrace_notify",
	"frozen":       "do_freezer_trap __refrigerator get_signal", // 6.18 inlines the trap into get_signal, which sleeps nowhere else
	"tty":          "n_tty_read n_tty_write tty_read tty_write tty_wait_until_sent tty_write_lock tty_ldisc_ref_wait",
	"disk": "io_schedule folio_wait_bit folio_wait_bit_common wait_on_page_bit wait_on_page_bit_common wait_on_page_bit_killable folio_wait_writeback " +
		"__lock_page __folio_lock bit_wait_io wait_on_buffer __wait_on_buffer submit_bio_wait balance_dirty_pages balance_dirty_pages_ratelimited_flags " +
		"rq_qos_wait blk_mq_get_tag blk_io_schedule request_wait_answer rpc_wait_bit_killable wait_for_response wait_transaction_locked",
})

// diskPrefixes begin the functions of filesystems, where a thread sleeps only
// for the disk or the server behind it.
var diskPrefixes = []string{"ext4_", "jbd2_", "xfs_", "btrfs_", "nfs_", "nfs4_", "cifs_", "smb2_", "fuse_", "ceph_", "f2fs_", "dm_", "md_", "blk_", "p9_client_", "zio_"}

func families(table map[string]string) map[string]string {
	m := map[string]string{}
	for family, names := range table {
		for _, n := range strings.Fields(names) {
			m[n] = family
		}
	}
	return m
}

// callFamilies holds the calls that wait for one thing only.
var callFamilies = families(map[string]string{
	"epoll":   "epoll_wait epoll_wait_old epoll_pwait epoll_pwait2",
	"poll":    "poll ppoll select pselect6",
	"futex":   "futex futex_wait futex_waitv futex_requeue",
	"sleep":   "nanosleep clock_nanosleep",
	"accept":  "accept accept4",
	"wait":    "wait4 waitid waitpid",
	"flock":   "flock",
	"pause":   "pause rt_sigsuspend sigsuspend",
	"sigwait": "rt_sigtimedwait",
	"vfork":   "vfork clone clone3 fork",
})

var (
	readCalls  = set("read readv pread64 preadv preadv2 recvfrom recvmsg recvmmsg")
	writeCalls = set("write writev pwrite64 pwritev pwritev2 sendto sendmsg sendmmsg sendfile splice vmsplice tee")
	diskCalls  = set("fsync fdatasync sync syncfs sync_file_range msync fallocate ftruncate getdents getdents64 unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir stat newfstatat statx openat openat2 open")
)

// syscallFamily names the family of a call, with the help of what its
// descriptor is; "" when it doesn't say.
func syscallFamily(w Wait) string {
	name := w.Syscall
	f := callFamilies[name]
	switch {
	case f == "poll" && w.NoFDs:
		return "sleep"
	case f != "":
		return f
	}
	switch {
	case name == "" || name == onProcessor || name == outsideAny || name == "restart_syscall":
		return "" // restart_syscall goes on with whatever a stop interrupted
	case name == "connect":
		return "socket"
	case name == "fcntl":
		if w.Cmd == fSetLKW || w.Cmd == fOFDSetLKW {
			return "fcntl_lock"
		}
		return "other"
	case strings.HasPrefix(name, "recv") || strings.HasPrefix(name, "send") && name != "sendfile":
		return "socket"
	case readCalls[name] || writeCalls[name]:
		return transferFamily(w.Target, readCalls[name], w.State)
	case diskCalls[name] && w.State == "D":
		return "disk"
	}
	return "other"
}

// watchesNone reports whether a call is poll(2) or select(2) of no descriptor:
// a sleep, and how time.sleep does it up to Python 3.10.
func watchesNone(call string, args [6]uint64) bool {
	switch call {
	case "poll", "ppoll":
		return uint32(args[1]) == 0
	case "select", "pselect6":
		return int32(args[0]) == 0
	}
	return false
}

// Commands of fcntl(2) that wait; the same on amd64 and arm64.
const (
	fSetLKW    = 7
	fOFDSetLKW = 38
)

// transferFamily is that of a read (else a write) on a kind of descriptor.
func transferFamily(target string, reads bool, state string) string {
	switch target {
	case "pipe", "fifo":
		if reads {
			return "pipe_read"
		}
		return "pipe_write"
	case "socket", "tty", "eventfd":
		return target
	case "file", "dir":
		if state == "D" {
			return "disk"
		}
		return "other"
	case "":
		return ""
	}
	return "other"
}
