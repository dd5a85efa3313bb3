package probe

import "time"

// Socket is one TCP or UNIX socket that a process holds open.
//
// RecvQ and SendQ are bytes, as `ss` prints them, but for two columns that the
// kernel uses twice: a listener's backlog stands in AcceptQ and Backlog, and
// the FIN that a closed peer leaves counts one in the kernel's Recv-Q, here FIN
// and not a byte.
//
// Source: pidfd_getfd(2) with getsockname, getpeername, SIOCINQ, SIOCOUTQ and
// TCP_INFO where attach is allowed; else sock_diag(7); else /proc/PID/net.
type Socket struct {
	PID     int
	FD      int // -1: nobody's (ownerless rows)
	Inode   uint64
	Family  string // tcp, tcp6, unix
	Type    string // stream, dgram, seqpacket
	State   string // ESTAB, SYN-SENT, FIN-WAIT-1, CLOSE-WAIT, LISTEN … as ss says
	Local   string // "127.0.0.1:1616", "[::1]:80"; UNIX: path, "@abstract", ""
	Remote  string // "" when there is none
	RecvQ   int    // unread bytes; -1 unknown
	SendQ   int    // bytes the peer has not acknowledged (TCP), or not read (UNIX); -1 unknown
	FIN     bool   // the peer will send no more
	AcceptQ int    // LISTEN: connections that wait to be accepted; -1 unknown
	Backlog int    // LISTEN: room for these; -1 unknown
	// LastRecv is how long ago data last arrived; -1 unknown (UNIX, or no tcp_info).
	LastRecv time.Duration
	// Received counts the bytes that ever arrived (tcpi_bytes_received): with
	// RecvQ it tells how many were consumed. 0 unknown (UNIX, or no tcp_info).
	Received uint64
	NetNS    string // "net:[…]"; "" ours, or unknown
	Source   string // getfd, sock_diag, proc

	// Filled by Join. PeerPID and PeerFD are 0 and -1 when the peer is not one
	// of the processes that were read together.
	PeerPID   int
	PeerFD    int
	PeerInode uint64 // 0 unknown
	// Peers are all who hold the other end, PeerPID first: several after a fork.
	Peers []FDRef
	// PeerCredPID is who held the other end when a UNIX socket was connected
	// (SO_PEERCRED): a hint, not proof of who holds it now. 0 unknown.
	PeerCredPID int
}

// Listening reports whether it waits for connections.
func (s *Socket) Listening() bool { return s.State == "LISTEN" }

// Loopback reports whether both ends are on this host: a UNIX socket, or TCP
// over a loopback address or between two addresses that are equal.
func (s *Socket) Loopback() bool { return s.Family == "unix" || loopback(s.Local, s.Remote) }
