package probe

// The tables of wchan stand as switches, which need not be built when the tool
// starts.

// sleepsIn names the family of a function of Linux 3.x to 6.x in which threads
// sleep; "" when it is none of these.
// fs/eventpoll.c, fs/select.c, kernel/futex, kernel/time/hrtimer.c, fs/pipe.c,
// net/core/stream.c, net/unix/af_unix.c, kernel/exit.c, fs/locks.c …
func sleepsIn(name string) string {
	switch name {
	case "do_epoll_wait", "ep_poll", "do_epoll_pwait", "ep_send_events":
		return "epoll"
	case "poll_schedule_timeout", "do_poll", "do_select", "do_sys_poll", "core_sys_select",
		"do_pselect":
		return "poll"
	case "futex_do_wait", "futex_wait_queue", "futex_wait_queue_me", "futex_wait", "__futex_wait",
		"futex_wait_multiple", "futex_wait_requeue_pi", "futex_lock_pi", "rt_mutex_slowlock",
		"rt_mutex_wait_proxy_lock", "rt_mutex_schedule":
		return "futex"
	case "hrtimer_nanosleep", "do_nanosleep", "common_nsleep", "common_nsleep_timens":
		return "sleep"
	case "anon_pipe_read", "pipe_read", "fifo_pipe_read", "pipe_wait_readable":
		return "pipe_read"
	case "anon_pipe_write", "pipe_write", "fifo_pipe_write", "pipe_wait_writable":
		return "pipe_write"
	case "wait_for_partner", "fifo_open":
		return "fifo_open"
	case "sk_wait_data", "sk_stream_wait_memory", "sk_stream_wait_connect", "sk_stream_wait_close",
		"inet_wait_for_connect", "inet_stream_connect", "__inet_stream_connect", "tcp_recvmsg",
		"tcp_recvmsg_locked", "tcp_sendmsg", "tcp_sendmsg_locked", "tcp_data_wait", "__lock_sock",
		"lock_sock_nested":
		return "socket"
	case "unix_stream_read_generic", "unix_stream_data_wait", "unix_stream_recvmsg",
		"unix_dgram_recvmsg":
		return "unix_recv"
	case "sock_alloc_send_pskb", "sock_alloc_send_skb", "sock_wait_for_wmem", "unix_stream_sendmsg":
		return "unix_send"
	case "unix_wait_for_peer", "unix_stream_connect":
		return "unix_connect"
	case "inet_csk_accept", "inet_csk_wait_for_connect", "unix_accept":
		return "accept"
	case "do_wait", "do_wait_pid", "wait_consider_task", "kernel_wait4", "kernel_waitid":
		return "wait"
	case "locks_lock_inode_wait", "flock_lock_inode_wait", "flock_lock_file_wait":
		return "flock"
	case "fcntl_setlk", "fcntl_setlk64", "do_lock_file_wait", "posix_lock_inode_wait",
		"posix_lock_file_wait":
		return "fcntl_lock"
	case "sigsuspend":
		return "pause"
	case "do_sigtimedwait", "signalfd_dequeue", "signalfd_read", "signalfd_read_iter":
		return "sigwait"
	case "eventfd_read", "eventfd_write", "eventfd_ctx_read", "do_wait_intr_irq":
		return "eventfd"
	case "kernel_clone", "_do_fork", "do_fork", "wait_for_vfork_done":
		return "vfork"
	case "do_signal_stop", "do_jobctl_trap":
		return "stopped"
	case "ptrace_stop", "ptrace_do_notify", "ptrace_notify":
		return "traced"
	// 6.18 inlines the trap into get_signal, which sleeps nowhere else
	case "do_freezer_trap", "__refrigerator", "get_signal":
		return "frozen"
	case "n_tty_read", "n_tty_write", "tty_read", "tty_write", "tty_wait_until_sent", "tty_write_lock",
		"tty_ldisc_ref_wait":
		return "tty"
	case "io_schedule", "folio_wait_bit", "folio_wait_bit_common", "wait_on_page_bit",
		"wait_on_page_bit_common", "wait_on_page_bit_killable", "folio_wait_writeback", "__lock_page",
		"__folio_lock", "bit_wait_io", "wait_on_buffer", "__wait_on_buffer", "submit_bio_wait",
		"balance_dirty_pages", "balance_dirty_pages_ratelimited_flags", "rq_qos_wait", "blk_mq_get_tag",
		"blk_io_schedule", "request_wait_answer", "rpc_wait_bit_killable", "wait_for_response",
		"wait_transaction_locked":
		return "disk"
	}
	return ""
}

// waitsIn names the family of a call that waits for one thing only; "" when it is
// none of these.
func waitsIn(name string) string {
	switch name {
	case "epoll_wait", "epoll_wait_old", "epoll_pwait", "epoll_pwait2":
		return "epoll"
	case "poll", "ppoll", "select", "pselect6":
		return "poll"
	case "futex", "futex_wait", "futex_waitv", "futex_requeue":
		return "futex"
	case "nanosleep", "clock_nanosleep":
		return "sleep"
	case "accept", "accept4":
		return "accept"
	case "wait4", "waitid", "waitpid":
		return "wait"
	case "flock":
		return "flock"
	case "pause", "rt_sigsuspend", "sigsuspend":
		return "pause"
	case "rt_sigtimedwait":
		return "sigwait"
	case "vfork", "clone", "clone3", "fork":
		return "vfork"
	}
	return ""
}

func reads(name string) bool {
	switch name {
	case "read", "readv", "pread64", "preadv", "preadv2", "recvfrom", "recvmsg", "recvmmsg":
		return true
	}
	return false
}

func writes(name string) bool {
	switch name {
	case "write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg",
		"sendfile", "splice", "vmsplice", "tee":
		return true
	}
	return false
}

func goesToDisk(name string) bool {
	switch name {
	case "fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync", "fallocate", "ftruncate",
		"getdents", "getdents64", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir",
		"mkdirat", "rmdir", "stat", "newfstatat", "statx", "openat", "openat2", "open":
		return true
	}
	return false
}
