package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// getfdSockets reads the sockets of pid by borrowing each with pidfd_getfd(2)
// and asking it what its owner could ask: addresses, queues, TCP_INFO. The cost
// is that of the process's own sockets, whatever else the machine has open, and
// the process's network namespace does not matter.
//
// Each is held for about ten microseconds. A close by its owner in that time
// takes effect at ours, which nobody notices.
//
// Descriptors that are closed, reused or neither TCP nor UNIX by now have no
// row. Errors: fs.ErrPermission (needs PTRACE_MODE_ATTACH), fs.ErrNotExist.
func getfdSockets(pid int, fds []FD) ([]Socket, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, gone(err))
	}
	defer unix.Close(pidfd)
	rows := []Socket{}
	for i := range fds {
		if fds[i].Kind != "socket" {
			continue
		}
		fd, err := unix.PidfdGetfd(pidfd, fds[i].Num, 0)
		if errors.Is(err, unix.EBADF) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("pidfd_getfd %d of %d: %w", fds[i].Num, pid, gone(err))
		}
		s, ok := askSocket(fd, fds[i].Inode)
		unix.Close(fd)
		if ok {
			s.PID, s.FD = pid, fds[i].Num
			rows = append(rows, s)
		}
	}
	return rows, nil
}

// gone turns ESRCH, which says that the process ended, into fs.ErrNotExist.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	}
	return err
}

// askSocket reads one socket that we hold. Not ok: it is of another kind, or
// its number names another socket now.
func askSocket(fd int, inode uint64) (s Socket, ok bool) {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFSOCK || stat.Ino != inode {
		return s, false
	}
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return s, false
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return s, false
	}
	s = newSocket()
	s.Inode, s.Type, s.Source = inode, socketType(kind), "getfd"
	switch {
	case domain == unix.AF_UNIX:
		s.Family = "unix"
		return s, askUnix(fd, &s)
	case domain == unix.AF_INET && kind == unix.SOCK_STREAM:
		s.Family = "tcp"
	case domain == unix.AF_INET6 && kind == unix.SOCK_STREAM:
		s.Family = "tcp6"
	default:
		return s, false
	}
	return s, askTCP(fd, &s)
}

func askTCP(fd int, s *Socket) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false // SCTP and the like
	}
	s.tcpInfo(info)
	s.Local = addressOf(fd, unix.SYS_GETSOCKNAME)
	s.RecvQ, s.SendQ = 0, 0
	if s.Listening() {
		s.AcceptQ, s.Backlog = int(info.Unacked), int(info.Sacked)
		return true
	}
	s.Remote = addressOf(fd, unix.SYS_GETPEERNAME)
	s.RecvQ, s.SendQ = waitingBytes(fd) // SIOCINQ leaves a FIN out already
	s.SendQ = withoutFIN(s.State, s.SendQ)
	return true
}

// tcpInfo takes from struct tcp_info (tcp(7)) what both of its givers give.
func (s *Socket) tcpInfo(info *unix.TCPInfo) {
	s.State = tcpState(int(info.State))
	s.FIN = finReceived(s.State)
	switch s.State {
	case "LISTEN", "SYN-SENT", "SYN-RECV", "UNCONN":
		return
	}
	s.LastRecv = time.Duration(info.Last_data_recv) * time.Millisecond
	s.Received = info.Bytes_received
	if s.FIN && s.Received > 0 {
		s.Received-- // the kernel counts what took a sequence number
	}
}

func askUnix(fd int, s *Socket) bool {
	accepts, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return false
	}
	s.Local = addressOf(fd, unix.SYS_GETSOCKNAME)
	if accepts != 0 {
		// How many wait to be accepted only sock_diag tells.
		s.State, s.RecvQ, s.SendQ, s.AcceptQ, s.Backlog = "LISTEN", 0, 0, -1, -1
		return true
	}
	s.State = "UNCONN"
	s.RecvQ, s.SendQ = waitingBytes(fd)
	var peer [unix.SizeofSockaddrAny]byte
	if n, ok := sockaddr(fd, unix.SYS_GETPEERNAME, peer[:]); ok {
		s.State, s.Remote = "ESTAB", sockaddrText(peer[:n])
	}
	if cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil && cred.Pid > 0 {
		s.PeerCredPID = int(cred.Pid)
	}
	// POLLRDHUP is the only word that a UNIX socket itself has for the peer's
	// shutdown; asking does not wait.
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	if n, err := unix.Poll(poll, 0); err == nil && n == 1 {
		s.FIN = poll[0].Revents&unix.POLLRDHUP != 0
	}
	return true
}

// waitingBytes asks SIOCINQ and SIOCOUTQ; -1 unknown.
func waitingBytes(fd int) (in, out int) {
	in, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
	if err != nil {
		in = -1
	}
	out, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		out = -1
	}
	return in, out
}

func addressOf(fd int, call uintptr) string {
	var buf [unix.SizeofSockaddrAny]byte
	n, ok := sockaddr(fd, call, buf[:])
	if !ok {
		return ""
	}
	return sockaddrText(buf[:n])
}

// sockaddr calls getsockname or getpeername. The ready-made wrappers cut an
// abstract name at its first NUL and cannot tell an empty one from none.
func sockaddr(fd int, call uintptr, buf []byte) (int, bool) {
	n := uint32(len(buf))
	_, _, errno := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)))
	return min(int(n), len(buf)), errno == 0
}

// sockaddrText writes a struct sockaddr as Socket.Local has it; "" when it
// names nothing.
func sockaddrText(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET && len(b) >= 8:
		return hostPort(b[4:8], b[2:4])
	case family == unix.AF_INET6 && len(b) >= 24:
		return hostPort(b[8:24], b[2:4])
	case family == unix.AF_UNIX:
		return unixNameText(b[2:])
	}
	return ""
}

// hostPort writes an address and a port that stand in network order.
func hostPort(host, port []byte) string {
	addr, ok := netip.AddrFromSlice(host)
	if !ok {
		return ""
	}
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(port)).String()
}

// unixNameText writes sun_path: a path ends at its NUL, an abstract name begins
// with one and has its whole length; its NULs read '@', as in /proc/net/unix.
func unixNameText(path []byte) string {
	if len(path) == 0 {
		return ""
	}
	text := make([]byte, 0, len(path))
	abstract := path[0] == 0
	for _, c := range path {
		if c == 0 {
			if !abstract {
				break
			}
			c = '@'
		}
		text = append(text, c)
	}
	return Clean(text)
}
