package probe

import (
	"bytes"
	"strings"

	"runbook/engine/lazyregexp"
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
	case precise(byName):
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

// precise reports whether a family needs no system call to be sure of.
func precise(family string) bool {
	switch family {
	case "epoll", "frozen", "stopped", "traced", "vfork", "fifo_open", "disk":
		return true
	}
	return false
}

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
	if f := sleepsIn(name); f != "" {
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

// diskPrefixes begin the functions of filesystems, where a thread sleeps only
// for the disk or the server behind it.
var diskPrefixes = []string{"ext4_", "jbd2_", "xfs_", "btrfs_", "nfs_", "nfs4_", "cifs_", "smb2_", "fuse_", "ceph_", "f2fs_", "dm_", "md_", "blk_", "p9_client_", "zio_"}

// syscallFamily names the family of a call, with the help of what its
// descriptor is; "" when it doesn't say.
func syscallFamily(w Wait) string {
	name := w.Syscall
	f := waitsIn(name)
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
	case reads(name) || writes(name):
		return transferFamily(w.Target, reads(name), w.State)
	case goesToDisk(name) && w.State == "D":
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
