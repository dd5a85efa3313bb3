package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Sockets goes down a ladder until a rung holds, and each row says which did:
//
//	getfd      borrows each socket: all facts, any namespace; needs attach
//	sock_diag  asks the kernel for the namespace's table; needs CAP_SYS_ADMIN
//	           for a namespace that is not ours
//	proc       reads that table as text: no UNIX queues or peers, no backlog,
//	           no time of the last data
//
// UNIX rows of the first rung are completed from sock_diag where it answers:
// only there stand the peer's inode and a listener's queue.
//
// The lower rungs cannot tell a socket of another family from one that was
// never bound or connected: neither has a row. Errors: fs.ErrNotExist when the
// process is gone; else those of all rungs, when none held.
func (l *Live) Sockets(ctx context.Context, pid int, fds []FD) ([]Socket, error) {
	if !anySocket(fds) {
		return []Socket{}, nil
	}
	netns, err := l.netns(ctx, pid)
	if Gone(err) {
		return nil, err
	}
	r := &reading{live: l, pid: pid, fds: fds, netns: netns, shared: sharing(ctx, fds)}
	rungs := []func(context.Context) ([]Socket, error){r.getfd, r.sockDiag, r.procNet}
	if err != nil {
		rungs = []func(context.Context) ([]Socket, error){r.getfd, r.procNet} // whose table is not known
	}
	if !l.self {
		rungs = rungs[len(rungs)-1:] // neither these pids nor this namespace are our kernel's
	}
	var failed []error
	for _, rung := range rungs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows, err := rung(ctx)
		if err == nil {
			for i := range rows {
				rows[i].NetNS = netns
			}
			return rows, nil
		}
		if Gone(err) {
			return nil, fmt.Errorf("ss %d: %w", pid, err)
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("ss %d: %w", pid, errors.Join(failed...))
}

func anySocket(fds []FD) bool {
	for i := range fds {
		if fds[i].Kind == "socket" {
			return true
		}
	}
	return false
}

// netns names the network namespace of pid; "" when it is ours.
func (l *Live) netns(ctx context.Context, pid int) (string, error) {
	theirs, err := l.Readlink(ctx, strconv.Itoa(pid)+"/ns/net")
	if err != nil {
		return "", err
	}
	if l.self && ownNetNS() == theirs {
		return "", nil
	}
	return theirs, nil
}

// ownNetNS names the network namespace that we live in, and never leave; "" =
// unknown.
var ownNetNS = sync.OnceValue(func() string {
	ours, _ := os.Readlink("/proc/self/ns/net")
	return ours
})

// reading is one call of Sockets.
type reading struct {
	live   *Live
	pid    int
	fds    []FD
	netns  string
	shared *together
}

func (r *reading) getfd(context.Context) ([]Socket, error) {
	if r.live.refuseAttach {
		return nil, fmt.Errorf("pidfd_getfd of %d: %w", r.pid, fs.ErrPermission)
	}
	rows, err := getfdSockets(r.pid, r.fds)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].Family == "unix" {
			r.complete(rows)
			break
		}
	}
	return rows, nil
}

// complete adds to borrowed UNIX sockets what only sock_diag knows. Where that
// does not answer, a listener's queue and the peers stay unknown.
func (r *reading) complete(rows []Socket) {
	table, err := r.unixTable()
	if err != nil {
		return
	}
	for i := range rows {
		known, ok := table[rows[i].Inode]
		if !ok || rows[i].Family != "unix" {
			continue
		}
		rows[i].PeerInode = known.PeerInode
		if rows[i].Listening() {
			rows[i].AcceptQ, rows[i].Backlog = known.AcceptQ, known.Backlog
		}
	}
}

func (r *reading) sockDiag(context.Context) ([]Socket, error) {
	tcp, err := r.shared.table("tcp "+r.netns, r.withDiag(func(d *diag, want map[uint64]bool, keep func(Socket)) error {
		wanted := func(inode uint64) bool { return want[inode] }
		if err := d.tcpDump(unix.AF_INET, ownedTCPState, wanted, keep); err != nil {
			return err
		}
		// A kernel without IPv6 has no such sockets, and says so by ENOENT.
		if err := d.tcpDump(unix.AF_INET6, ownedTCPState, wanted, keep); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	local, err := r.unixTable()
	if err != nil {
		return nil, err
	}
	return r.rows(tcp, local), nil
}

// unixTable is unix_diag's dump of the namespace, with Remote filled from the
// name of each row's peer.
func (r *reading) unixTable() (map[uint64]Socket, error) {
	return r.shared.table("unix "+r.netns, r.withDiag(func(d *diag, want map[uint64]bool, keep func(Socket)) error {
		var rows []Socket
		names := map[uint64]string{}
		err := d.unixDump(^uint32(0), func(inode uint64) bool { return want[inode] }, func(row unixRow) {
			rows = append(rows, row.Socket)
			names[row.Inode] = row.Local
		})
		if err != nil {
			return err
		}
		for _, s := range rows {
			name, ok := names[s.PeerInode]
			if !ok && s.PeerInode != 0 {
				peer, found, err := d.unixExact(s.PeerInode)
				if err != nil {
					return err
				}
				if found {
					name = peer.Local
				}
			}
			s.Remote = name
			keep(s)
		}
		return nil
	}))
}

type fill = func(want map[uint64]bool, keep func(Socket)) error

// withDiag gives fn an open sock_diag socket in the namespace of the process.
func (r *reading) withDiag(fn func(d *diag, want map[uint64]bool, keep func(Socket)) error) fill {
	return func(want map[uint64]bool, keep func(Socket)) error {
		file := ""
		if r.netns != "" {
			file = filepath.Join(r.live.proc, strconv.Itoa(r.pid), "ns/net")
		}
		d, err := dialDiag(file)
		if err != nil {
			return err
		}
		defer d.close()
		return fn(d, want, keep)
	}
}

func (r *reading) procNet(ctx context.Context) ([]Socket, error) {
	var tables [3]map[uint64]Socket
	for i, name := range []string{"tcp", "tcp6", "unix"} {
		each := eachNetTCP
		if name == "unix" {
			each = eachNetUnix
		}
		table, err := r.shared.table("proc "+name+" "+r.netns, func(want map[uint64]bool, keep func(Socket)) error {
			f, err := r.open(ctx, "net/"+name)
			if name == "tcp6" && Gone(err) {
				return nil // a kernel without IPv6
			}
			if err != nil {
				return err
			}
			defer f.Close()
			return each(untilDone{ctx, f}, func(inode uint64) bool { return want[inode] }, keep)
		})
		if err != nil {
			return nil, err
		}
		tables[i] = table
	}
	return r.rows(tables[0], tables[1], tables[2]), nil
}

// open opens a table below /proc/PID. Ours is read as a stream: with many
// sockets it is larger than everything else that we read.
func (r *reading) open(ctx context.Context, name string) (io.ReadCloser, error) {
	name = strconv.Itoa(r.pid) + "/" + name
	if r.live.self {
		return os.Open(filepath.Join(r.live.proc, name))
	}
	b, err := r.live.ReadFile(ctx, name, nil)
	return io.NopCloser(bytes.NewReader(b)), err
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(b)
}

// rows picks the process's own sockets out of tables by inode.
func (r *reading) rows(tables ...map[uint64]Socket) []Socket {
	rows := []Socket{}
	for i := range r.fds {
		if r.fds[i].Kind != "socket" {
			continue
		}
		for _, table := range tables {
			if s, ok := table[r.fds[i].Inode]; ok {
				s.PID, s.FD = r.pid, r.fds[i].Num
				rows = append(rows, s)
				break
			}
		}
	}
	return rows
}

// listeners dumps the listening sockets of our network namespace alone, which
// the kernel keeps apart from the connections.
func (l *Live) listeners(context.Context) ([]Socket, error) {
	if !l.self {
		return nil, ErrUnsupported
	}
	d, err := dialDiag("")
	if err != nil {
		return nil, err
	}
	defer d.close()
	rows := []Socket{}
	keep := func(s Socket) { rows = append(rows, s) }
	if err := d.tcpDump(unix.AF_INET, listenOnly, nil, keep); err != nil {
		return nil, err
	}
	if err := d.tcpDump(unix.AF_INET6, listenOnly, nil, keep); err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, err
	}
	err = d.unixDump(listenOnly, nil, func(row unixRow) { keep(row.Socket) })
	return rows, err
}

// boundFiles dumps which files the listening UNIX sockets of our network
// namespace are bound to.
func (l *Live) boundFiles(context.Context) (*boundTable, error) {
	if !l.self {
		return nil, ErrUnsupported
	}
	d, err := dialDiag("")
	if err != nil {
		return nil, err
	}
	defer d.close()
	var rows []Socket
	byFile := map[devInode]uint64{}
	err = d.unixDump(listenOnly, nil, func(row unixRow) {
		rows = append(rows, row.Socket)
		if row.fileInode != 0 {
			byFile[devInode{row.fileDev, row.fileInode}] = row.Inode
		}
	})
	if err != nil {
		return nil, err
	}
	table := boundPaths(rows)
	table.byFile = byFile
	return table, nil
}
