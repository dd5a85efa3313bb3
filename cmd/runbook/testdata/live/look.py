"""Whether a process has reached the state that the story wants, by /proc alone.

The program under test is never asked: what it says is compared with this.
"""
import os
import re

WCHAN = {
    "epoll": ("do_epoll_wait", "ep_poll"),
    "poll": ("poll_schedule_timeout", "do_poll", "do_select"),
    "futex": ("futex_do_wait", "futex_wait_queue", "futex_wait_queue_me"),
    "sleep": ("hrtimer_nanosleep", "do_nanosleep"),
    "pipe_read": ("anon_pipe_read", "fifo_pipe_read", "pipe_read", "pipe_wait"),
    "pipe_write": ("anon_pipe_write", "fifo_pipe_write", "pipe_write", "pipe_wait"),
    "fifo_open": ("wait_for_partner",),
    "inet": ("wait_woken", "sk_wait_data", "sk_stream_wait_memory"),
    "unix_recv": ("unix_stream_read_generic", "unix_stream_data_wait"),
    "unix_send": ("sock_alloc_send_pskb",),
    "unix_connect": ("unix_wait_for_peer",),
    "accept": ("inet_csk_accept", "__skb_wait_for_more_packets"),
    "wait": ("do_wait", "__do_wait"),
    "flock": ("locks_lock_inode_wait", "flock_lock_inode_wait"),
    "fcntl": ("fcntl_setlk", "do_lock_file_wait"),
    "pause": ("__do_sys_pause", "sys_pause"),
    "sigwait": ("do_sigtimedwait",),
    "eventfd": ("do_wait_intr_irq", "eventfd_read"),
    "vfork": ("kernel_clone", "wait_for_vfork_done"),
    "sem": ("__do_semtimedop", "do_semtimedop"),
    "inotify": ("wait_woken", "inotify_read"),
    "tty": ("wait_woken", "n_tty_read", "n_tty_write"),
    "frozen": ("do_freezer_trap", "__refrigerator", "get_signal", "do_signal_stop"),
}
STATE = {"stopped": "T", "traced": "t", "zombie": "Z", "disk": "D", "running": "R"}


def stat(pid):
    """(state, ppid, sid, start time in ticks), or None when pid is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            rest = f.read().rsplit(b")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return rest[0].decode(), int(rest[1]), int(rest[3]), int(rest[19])


def wchan(pid):
    try:
        with open(f"/proc/{pid}/wchan") as f:
            return re.sub(r"\.(constprop|isra|part)\.\d+", "", f.read())
    except OSError:
        return ""


def sockets(pid):
    """Inodes of its sockets."""
    out = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            if link.startswith("socket:["):
                out.add(link[8:-1])
    except OSError:
        pass
    return out


def tcp(pid):
    """(state, bytes to send, bytes unread) of its TCP sockets."""
    mine = sockets(pid)
    with open(f"/proc/{pid}/net/tcp") as f:
        for line in list(f)[1:]:
            col = line.split()
            if col[9] in mine:
                tx, rx = (int(x, 16) for x in col[4].split(":"))
                yield col[3], tx, rx


def holds(pid, what):
    got = stat(pid)
    if got is None:
        return what == "gone"
    if what in STATE:
        return got[0] == STATE[what]
    if what == "unread":
        return any(st == "01" and rx > 0 for st, _, rx in tcp(pid))
    if what == "unsent":
        return any(st == "01" and tx > 0 for st, tx, _ in tcp(pid))
    if what == "close_wait":
        return any(st == "08" for st, _, _ in tcp(pid))
    if what == "backlog":
        return any(st == "0A" and rx > 0 for st, _, rx in tcp(pid))
    return wchan(pid) in WCHAN[what]
