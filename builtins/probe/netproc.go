package probe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strconv"
)

// ParseNetTCP parses /proc/PID/net/tcp or tcp6 (proc_pid_net(5)): one Socket a
// line, without pid and fd, which the file does not know. A row whose inode is
// 0 belongs to no process: TIME-WAIT, a closed socket that still sends, a
// connection that nobody has accepted yet.
//
// Backlog, LastRecv and Received are unknown here. Source: get_tcp4_sock in
// net/ipv4/tcp_ipv4.c, get_tcp6_sock in net/ipv6/tcp_ipv6.c.
func ParseNetTCP(b []byte) ([]Socket, error) {
	var rows []Socket
	err := eachNetTCP(bytes.NewReader(b), nil, func(s Socket) { rows = append(rows, s) })
	return rows, err
}

// eachNetTCP is ParseNetTCP in one pass that keeps nothing: the file has 155
// bytes a socket, of all processes of a network namespace. want picks rows by
// inode before the rest of the line is parsed; nil wants all.
func eachNetTCP(r io.Reader, want func(inode uint64) bool, each func(Socket)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	lines.Scan() // the heading
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			continue
		}
		var f [10][]byte
		if n, _ := columns(line, f[:]); n < len(f) {
			return fmt.Errorf("net/tcp: line %.160q has too few columns", line)
		}
		inode, err := strconv.ParseUint(string(f[9]), 10, 64)
		if err != nil {
			return fmt.Errorf("net/tcp: inode in line %.160q: %w", line, err)
		}
		if want != nil && !want(inode) {
			continue
		}
		s, err := netTCPRow(f[1], f[2], f[3], f[4])
		if err != nil {
			return fmt.Errorf("net/tcp: line %.160q: %w", line, err)
		}
		s.Inode = inode
		each(s)
	}
	return lines.Err()
}

func netTCPRow(local, remote, state, queues []byte) (Socket, error) {
	s := newSocket()
	s.Type, s.Source, s.Family = "stream", "proc", "tcp"
	l, err := hexAddress(local)
	if err != nil {
		return s, err
	}
	r, err := hexAddress(remote)
	if err != nil {
		return s, err
	}
	if l.Addr().Is6() {
		s.Family = "tcp6"
	}
	number, err := strconv.ParseUint(string(state), 16, 8)
	if err != nil {
		return s, err
	}
	s.State = tcpState(int(number))
	s.Local = l.String()
	if r.Port() != 0 {
		s.Remote = r.String()
	}
	tx, rx, ok := bytes.Cut(queues, []byte{':'})
	if !ok {
		return s, fmt.Errorf("no colon between queues %q", queues)
	}
	send, err := strconv.ParseUint(string(tx), 16, 32)
	if err != nil {
		return s, err
	}
	recv, err := strconv.ParseUint(string(rx), 16, 32)
	if err != nil {
		return s, err
	}
	s.queues(int(recv), int(send))
	if s.Listening() {
		s.Backlog = -1 // the column is always 0 here
	}
	return s, nil
}

// hexAddress parses "0100007F:0650" and its IPv6 form: one or four words,
// each printed as a number of the machine, so that its bytes stand reversed on
// the little-endian machines that we run on. The port is not reversed.
func hexAddress(text []byte) (netip.AddrPort, error) {
	var none netip.AddrPort
	host, tail, ok := bytes.Cut(text, []byte{':'})
	if !ok || (len(host) != 8 && len(host) != 32) {
		return none, fmt.Errorf("%q is not an address", text)
	}
	port, err := strconv.ParseUint(string(tail), 16, 16)
	if err != nil {
		return none, fmt.Errorf("port of %q: %w", text, err)
	}
	var raw [16]byte
	for i := 0; i < len(host); i += 8 {
		word, err := strconv.ParseUint(string(host[i:i+8]), 16, 32)
		if err != nil {
			return none, fmt.Errorf("%q is not an address: %w", text, err)
		}
		for j := range 4 {
			raw[i/2+j] = byte(word >> (8 * j))
		}
	}
	addr := netip.AddrFrom16(raw)
	if len(host) == 8 {
		addr = netip.AddrFrom4([4]byte(raw[:4]))
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// ParseNetUnix parses /proc/PID/net/unix: one Socket a line, without pid and
// fd. The file has no queues and no peers: those stay unknown.
//
// A socket's name may hold any byte, newlines included, and the kernel prints
// it raw. A line that does not look like a row is therefore the rest of a name
// and skipped; a name can also forge a row, which is one reason why this file
// is only read where sock_diag(7) cannot be asked.
//
// Source: unix_seq_show in net/unix/af_unix.c.
func ParseNetUnix(b []byte) ([]Socket, error) {
	var rows []Socket
	err := eachNetUnix(bytes.NewReader(b), nil, func(s Socket) { rows = append(rows, s) })
	return rows, err
}

func eachNetUnix(r io.Reader, want func(inode uint64) bool, each func(Socket)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	lines.Scan() // the heading
	for lines.Scan() {
		var f [7][]byte
		line := lines.Bytes()
		n, end := columns(line, f[:])
		if n < len(f) || !bytes.HasSuffix(f[0], []byte{':'}) {
			continue
		}
		flags, err1 := strconv.ParseUint(string(f[3]), 16, 32)
		kind, err2 := strconv.ParseUint(string(f[4]), 16, 16)
		state, err3 := strconv.ParseUint(string(f[5]), 16, 8)
		inode, err4 := strconv.ParseUint(string(f[6]), 10, 64)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil || (want != nil && !want(inode)) {
			continue
		}
		s := newSocket()
		s.Family, s.Source, s.Inode, s.Type = "unix", "proc", inode, socketType(int(kind))
		switch {
		case flags&unixAccepts != 0:
			s.State, s.RecvQ, s.SendQ, s.AcceptQ, s.Backlog = "LISTEN", 0, 0, -1, -1
		case state == unixConnected || state == unixConnecting:
			s.State = "ESTAB"
		default:
			s.State = "UNCONN"
		}
		// The name follows the inode after one space, to the end of the line.
		if end+1 < len(line) {
			s.Local = Clean(line[end+1:])
		}
		each(s)
	}
	return lines.Err()
}

const (
	unixAccepts    = 1 << 16 // __SO_ACCEPTCON
	unixConnecting = 2       // SS_CONNECTING: connected, and not accepted
	unixConnected  = 3       // SS_CONNECTED
)

func socketType(n int) string {
	switch n {
	case 1:
		return "stream"
	case 2:
		return "dgram"
	case 5:
		return "seqpacket"
	}
	return strconv.Itoa(n)
}

// columns fills f with the first fields of line that blanks part, and returns
// how many there were and where the last one ends.
func columns(line []byte, f [][]byte) (n, end int) {
	i := 0
	for n < len(f) {
		for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			i++
		}
		start := i
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			i++
		}
		if i == start {
			break
		}
		f[n], end = line[start:i], i
		n++
	}
	return n, end
}
