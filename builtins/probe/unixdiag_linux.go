package probe

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Layout of struct unix_diag_req and unix_diag_msg, and what can be asked for
// (linux/unix_diag.h).
const (
	unixDiagReqSize = 24
	unixDiagMsgSize = 16

	unixShowName   = 1 << 0
	unixShowVFS    = 1 << 1
	unixShowPeer   = 1 << 2
	unixShowQueues = 1 << 4

	unixAttrName     = 0
	unixAttrVFS      = 1
	unixAttrPeer     = 2
	unixAttrQueues   = 4
	unixAttrShutdown = 6
)

// unixRow is what unix_diag tells of one socket.
type unixRow struct {
	Socket
	// fileDev and fileInode name the socket file that a path was bound to, by
	// kernel truth: the path itself may be relative, renamed or shadowed.
	fileDev, fileInode uint64
}

// unixDump streams the UNIX sockets in the given states whose inode is wanted;
// nil wants all.
func (d *diag) unixDump(states uint32, want func(inode uint64) bool, each func(unixRow)) error {
	return d.dump(unixRequest(states, 0), func(payload []byte) error {
		if len(payload) < unixDiagMsgSize {
			return fmt.Errorf("read sock_diag: a row of %d bytes", len(payload))
		}
		if want != nil && !want(uint64(binary.NativeEndian.Uint32(payload[4:]))) {
			return nil
		}
		row, err := parseUnixDiag(payload)
		if err == nil {
			each(row)
		}
		return err
	})
}

// unixExact asks for the one socket with this inode. Not ok: it is gone.
func (d *diag) unixExact(inode uint64) (row unixRow, ok bool, err error) {
	if err := d.ask(unixRequest(^uint32(0), uint32(inode)), unix.NLM_F_REQUEST); err != nil {
		return row, false, err
	}
	_, err = d.receive(func(payload []byte) (err error) {
		row, err = parseUnixDiag(payload)
		ok = err == nil
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		return row, false, nil
	}
	return row, ok, err
}

func unixRequest(states, inode uint32) []byte {
	request := make([]byte, unixDiagReqSize)
	request[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(request[4:], states)
	binary.NativeEndian.PutUint32(request[8:], inode)
	binary.NativeEndian.PutUint32(request[12:], unixShowName|unixShowVFS|unixShowPeer|unixShowQueues)
	binary.NativeEndian.PutUint64(request[16:], ^uint64(0)) // any cookie
	return request
}

// parseUnixDiag turns one answer into a row without pid, fd and Remote.
//
// A peer that closed its end, and a connection that nobody has accepted yet,
// have no inode: PeerInode stays 0.
func parseUnixDiag(b []byte) (unixRow, error) {
	row := unixRow{Socket: newSocket()}
	s := &row.Socket
	if len(b) < unixDiagMsgSize {
		return row, fmt.Errorf("read sock_diag: a row of %d bytes", len(b))
	}
	s.Family, s.Source = "unix", "sock_diag"
	s.Type, s.State = socketType(int(b[1])), tcpState(int(b[2]))
	s.Inode = uint64(binary.NativeEndian.Uint32(b[4:]))
	if s.Listening() {
		s.RecvQ, s.SendQ, s.AcceptQ, s.Backlog = 0, 0, -1, -1
	}
	eachAttribute(b[unixDiagMsgSize:], func(kind uint16, value []byte) {
		switch {
		case kind == unixAttrName:
			s.Local = unixNameText(value)
		case kind == unixAttrVFS && len(value) >= 8:
			row.fileInode = uint64(binary.NativeEndian.Uint32(value))
			row.fileDev = unix.Mkdev(kernelDev(binary.NativeEndian.Uint32(value[4:])))
		case kind == unixAttrPeer && len(value) >= 4:
			s.PeerInode = uint64(binary.NativeEndian.Uint32(value))
		case kind == unixAttrQueues && len(value) >= 8:
			recv, send := int(binary.NativeEndian.Uint32(value)), int(binary.NativeEndian.Uint32(value[4:]))
			if s.Listening() {
				s.AcceptQ, s.Backlog = recv, send
			} else {
				s.RecvQ, s.SendQ = recv, send
			}
		case kind == unixAttrShutdown && len(value) >= 1:
			s.FIN = value[0]&1 != 0 && !s.Listening() // RCV_SHUTDOWN
		}
	})
	return row, nil
}

// kernelDev takes a dev_t of the kernel's own making apart (linux/kdev_t.h).
func kernelDev(dev uint32) (major, minor uint32) { return dev >> 20, dev & (1<<20 - 1) }
