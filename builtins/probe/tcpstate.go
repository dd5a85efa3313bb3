package probe

import "strconv"

// The states of a TCP socket by the kernel's number (include/net/tcp_states.h),
// in the words of ss(8). A connection whose handshake is not finished has two
// numbers (3, and 12 for a request without a socket yet), and one word.
var tcpStates = [...]string{
	1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT",
	7: "UNCONN", 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECV",
}

const tcpListen = 10

// tcpState names a state; a number that we do not know stays visible.
func tcpState(n int) string {
	if n > 0 && n < len(tcpStates) {
		return tcpStates[n]
	}
	return "STATE-" + strconv.Itoa(n)
}

// finReceived reports whether the peer's FIN has arrived, in a state where this
// side still holds the socket.
func finReceived(state string) bool {
	return state == "CLOSE-WAIT" || state == "LAST-ACK" || state == "CLOSING"
}

// newSocket is a row that knows nothing yet.
func newSocket() Socket {
	return Socket{FD: -1, RecvQ: -1, SendQ: -1, LastRecv: -1, PeerFD: -1}
}

// queues sets the queue columns of a TCP socket from the two numbers that
// sock_diag and /proc/net/tcp give. The kernel uses them three times over: a
// listener's accept queue and its backlog; rcv_nxt - copied_seq, which counts a
// FIN that was not read yet as one byte; write_seq - snd_una, which counts our
// own FIN and the SYN of an unanswered connect. Only bytes are bytes here.
func (s *Socket) queues(recv, send int) {
	s.RecvQ, s.SendQ = 0, 0
	switch s.State {
	case "LISTEN":
		s.AcceptQ, s.Backlog = recv, send
	case "SYN-SENT", "SYN-RECV":
	default:
		s.FIN = finReceived(s.State)
		if s.FIN && recv > 0 {
			recv--
		}
		s.RecvQ, s.SendQ = recv, withoutFIN(s.State, send)
	}
}

// withoutFIN takes our own FIN from the bytes that the peer has not
// acknowledged: in these states it is always among them.
func withoutFIN(state string, send int) int {
	if send > 0 && (state == "FIN-WAIT-1" || state == "LAST-ACK" || state == "CLOSING") {
		send--
	}
	return send
}
