package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// diag is an open sock_diag(7) socket: a question, then a stream of answers of
// which nothing is kept but what the caller takes.
//
// Written by hand because a dump has a row for each socket of the machine: the
// libraries make a slice of them all, and cost three to six times as much.
type diag struct {
	fd  int
	buf []byte
}

// dialDiag opens a sock_diag socket in the network namespace that the file
// netns stands for; "" is our own. Entering another one needs CAP_SYS_ADMIN.
func dialDiag(netns string) (*diag, error) {
	var fd int
	open := func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
		return err
	}
	var err error
	if netns == "" {
		err = open()
	} else {
		err = within(netns, open)
	}
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	// The kernel answers within the call, or not at all.
	patience := unix.NsecToTimeval(int64(2 * time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	return &diag{fd: fd, buf: make([]byte, 64<<10)}, nil
}

func (d *diag) close() { unix.Close(d.fd) }

// within runs fn on a thread that stands in another network namespace. A
// thread that finds no way back is not given back to the runtime: it ends with
// its goroutine.
func within(netns string, fn func() error) error {
	there, err := os.Open(netns)
	if err != nil {
		return err
	}
	defer there.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		here, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer here.Close()
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		err = fn()
		if unix.Setns(int(here.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// The two halves of a netlink conversation (netlink(7), sock_diag(7)).
const (
	sockDiagByFamily = 20
	nlHeader         = 16
)

// dump sends one request for a whole table and hands each answer's payload to
// each, valid until it returns.
func (d *diag) dump(request []byte, each func(payload []byte) error) error {
	if err := d.ask(request, unix.NLM_F_REQUEST|unix.NLM_F_DUMP); err != nil {
		return err
	}
	for {
		done, err := d.receive(each)
		if done || err != nil {
			return err
		}
	}
}

func (d *diag) ask(request []byte, flags uint16) error {
	msg := make([]byte, nlHeader, nlHeader+len(request))
	binary.NativeEndian.PutUint32(msg[0:], uint32(nlHeader+len(request)))
	binary.NativeEndian.PutUint16(msg[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(msg[6:], flags)
	msg = append(msg, request...)
	if err := unix.Sendto(d.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask sock_diag: %w", err)
	}
	return nil
}

func (d *diag) receive(each func(payload []byte) error) (done bool, err error) {
	n, err := unix.Read(d.fd, d.buf)
	switch {
	case errors.Is(err, unix.EINTR):
		return false, nil
	case errors.Is(err, unix.EAGAIN):
		return false, fmt.Errorf("read sock_diag: %w", ErrTimeout)
	case err != nil:
		return false, fmt.Errorf("read sock_diag: %w", err)
	}
	return eachNetlink(d.buf[:n], each)
}

// eachNetlink walks the messages of one datagram; done when the kernel said
// that these were the last.
func eachNetlink(b []byte, each func(payload []byte) error) (done bool, err error) {
	for len(b) >= nlHeader {
		size := int(binary.NativeEndian.Uint32(b))
		if size < nlHeader || size > len(b) {
			return false, fmt.Errorf("read sock_diag: message of %d bytes in %d", size, len(b))
		}
		payload := b[nlHeader:size]
		switch binary.NativeEndian.Uint16(b[4:]) {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			// Both carry an errno, negative; 0 is the end.
			if len(payload) >= 4 {
				if errno := int32(binary.NativeEndian.Uint32(payload)); errno < 0 {
					return true, fmt.Errorf("read sock_diag: %w", unix.Errno(-errno))
				}
			}
			return true, nil
		case sockDiagByFamily:
			if err := each(payload); err != nil {
				return false, err
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return false, nil
}

// eachAttribute walks the attributes behind a message's fixed part.
func eachAttribute(b []byte, each func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return
		}
		each(binary.NativeEndian.Uint16(b[2:])&0x3fff, b[4:size])
		b = b[min((size+3)&^3, len(b)):]
	}
}

// Layout of struct inet_diag_req_v2 and inet_diag_msg (linux/inet_diag.h).
const (
	inetDiagReqSize = 56
	inetDiagIDSize  = 48
	inetDiagMsgSize = 72
	inetDiagInfo    = 2  // attribute: struct tcp_info
	inetDiagULP     = 19 // attribute: what is layered on TCP, by name
	inetDiagInode   = 68

	everyTCPState = 1<<13 - 1
	ownedTCPState = everyTCPState &^ (1<<3 | 1<<6 | 1<<12) // no process has a SYN-RECV or a TIME-WAIT
	listenOnly    = 1 << tcpListen
)

// tcpDump streams the TCP sockets of one family in the given states (a bit for
// each: 1<<number) whose inode is wanted; nil wants all.
//
// With a choice, struct tcp_info is asked for the chosen only: to have the
// kernel write it for all is what costs most of a dump.
func (d *diag) tcpDump(family uint8, states uint32, want func(inode uint64) bool, each func(Socket)) error {
	request := inetRequest(family, states, nil)
	if want != nil {
		request[2] = 0
	}
	var chosen [][]byte
	err := d.dump(request, func(payload []byte) error {
		if len(payload) < inetDiagMsgSize {
			return fmt.Errorf("read sock_diag: a row of %d bytes", len(payload))
		}
		if want == nil {
			s, err := parseInetDiag(payload)
			each(s)
			return err
		}
		if want(uint64(binary.NativeEndian.Uint32(payload[inetDiagInode:]))) {
			chosen = append(chosen, bytes.Clone(payload))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, payload := range chosen {
		if payload[1] != tcpListen {
			if payload, err = d.tcpExact(payload); err != nil {
				return err
			}
		}
		s, err := parseInetDiag(payload)
		if err != nil {
			return err
		}
		each(s)
	}
	return nil
}

// tcpExact asks again for the socket of a row, now with tcp_info. One that was
// closed since stays as it was.
func (d *diag) tcpExact(row []byte) ([]byte, error) {
	if err := d.ask(inetRequest(row[0], everyTCPState, row[4:4+inetDiagIDSize]), unix.NLM_F_REQUEST); err != nil {
		return nil, err
	}
	_, err := d.receive(func(payload []byte) error {
		if len(payload) >= inetDiagMsgSize && binary.NativeEndian.Uint32(payload[inetDiagInode:]) == binary.NativeEndian.Uint32(row[inetDiagInode:]) {
			row = bytes.Clone(payload)
		}
		return nil
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) {
		return row, nil
	}
	return row, err
}

func inetRequest(family uint8, states uint32, id []byte) []byte {
	request := make([]byte, inetDiagReqSize)
	request[0], request[1], request[2] = family, unix.IPPROTO_TCP, 1<<(inetDiagInfo-1)
	binary.NativeEndian.PutUint32(request[4:], states)
	copy(request[8:], id)
	return request
}

// parseInetDiag turns one answer into a row without pid and fd.
//
// The queues of a Multipath TCP connection are unknown here: the row is that of
// the path below it, whose own are empty while bytes wait above.
func parseInetDiag(b []byte) (Socket, error) {
	s := newSocket()
	if len(b) < inetDiagMsgSize {
		return s, fmt.Errorf("read sock_diag: a row of %d bytes", len(b))
	}
	s.Family, s.Type, s.Source = "tcp", "stream", "sock_diag"
	size := 4
	if b[0] == unix.AF_INET6 {
		s.Family, size = "tcp6", 16
	}
	s.State = tcpState(int(b[1]))
	s.Local = hostPort(b[8:8+size], b[4:6])
	if b[6] != 0 || b[7] != 0 {
		s.Remote = hostPort(b[24:24+size], b[6:8])
	}
	s.Inode = uint64(binary.NativeEndian.Uint32(b[inetDiagInode:]))
	multipath := false
	eachAttribute(b[inetDiagMsgSize:], func(kind uint16, value []byte) {
		switch kind {
		case inetDiagULP:
			multipath = bytes.Contains(value, []byte("mptcp\x00"))
		case inetDiagInfo:
			var info unix.TCPInfo // older kernels know fewer fields: the rest stays 0
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info)), value)
			s.tcpInfo(&info)
		}
	})
	s.State = tcpState(int(b[1]))
	s.queues(int(binary.NativeEndian.Uint32(b[56:])), int(binary.NativeEndian.Uint32(b[60:])))
	if multipath && !s.Listening() {
		s.RecvQ, s.SendQ, s.Received = -1, -1, 0
	}
	return s, nil
}
