package probe

import (
	"context"
	"fmt"
)

// OutsidePeers finds peers on this host that Join did not: it fills PeerInode,
// PeerPID, PeerFD and Peers of socks whose other end is held by a process that
// was not read with them. Peers that run as another user stay unknown (see the
// ledger), and so do those in another network namespace.
//
// Cost: about 30 µs a process of the host, and for TCP about 1 µs a socket of
// each network namespace. Errors: fs.ErrPermission, and ctx's own.
func OutsidePeers(ctx context.Context, h Host, socks []*Socket) error {
	var open []*Socket // their other end is still looked for
	for _, s := range socks {
		if s.PeerPID == 0 && !s.Listening() && s.PID != 0 && (s.Remote != "" || s.PeerInode != 0) {
			open = append(open, s)
		}
	}
	if err := peerInodes(ctx, h, open); err != nil {
		Cover(ctx, "ss", 0, err, Remedy(ctx, h, -1))
		return fmt.Errorf("peers outside: %w", err)
	}
	want := map[string]bool{}
	for _, s := range open {
		if s.PeerInode != 0 {
			want[socketLink(s.PeerInode)] = true
		}
	}
	if len(want) == 0 {
		return nil
	}
	found, hidden, err := holders(ctx, h, want)
	if err != nil {
		return fmt.Errorf("peers outside: %w", err)
	}
	coverHidden(ctx, h, "ss", hidden)
	for _, s := range open {
		if refs := found[socketLink(s.PeerInode)]; s.PeerInode != 0 && len(refs) > 0 {
			s.PeerPID, s.PeerFD, s.Peers = refs[0].PID, refs[0].FD, refs
		}
	}
	return nil
}

// peerInodes fills PeerInode of TCP sockets from the table of the network
// namespace in which each lies, read once through one of its processes.
func peerInodes(ctx context.Context, h Host, socks []*Socket) error {
	byTuple := map[tuple][]*Socket{}
	through := map[string]int{} // netns → a pid in it
	for _, s := range socks {
		key, ok := tupleOf(s)
		if s.Family == "unix" || s.PeerInode != 0 || !ok {
			continue
		}
		theirs := tuple{key.netns, key.remote, key.local}
		byTuple[theirs] = append(byTuple[theirs], s)
		through[s.NetNS] = s.PID
	}
	for netns, pid := range through {
		rows, err := netTCP(ctx, h, pid)
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].NetNS = netns
			if key, ok := tupleOf(&rows[i]); ok {
				for _, s := range byTuple[key] {
					s.PeerInode = rows[i].Inode
				}
			}
		}
	}
	return nil
}

// Ownerless returns the TCP sockets that belong to no process, in the network
// namespace of process nsPID: connections that were never accepted, and what
// the kernel keeps after a close (FIN-WAIT, LAST-ACK, TIME-WAIT). ports picks
// them by local port; none means all. Their PID is 0 and their FD -1.
//
// A connection of the accept queue that a program takes right now is in neither
// list for a moment. Cost: about 1 µs a socket of the namespace.
// Errors: fs.ErrPermission, fs.ErrNotExist when nsPID is gone.
func Ownerless(ctx context.Context, h Host, nsPID int, ports []int) ([]Socket, error) {
	all, err := netTCP(ctx, h, nsPID)
	Cover(ctx, "ss", nsPID, err, Remedy(ctx, h, -1))
	if err != nil {
		return nil, fmt.Errorf("ownerless sockets: %w", err)
	}
	wanted := map[int]bool{}
	for _, port := range ports {
		wanted[port] = true
	}
	rows := []Socket{}
	for _, s := range all {
		if s.Inode != 0 || s.Listening() {
			continue
		}
		if key, ok := tupleOf(&s); ok && (len(ports) == 0 || wanted[int(key.local.Port())]) {
			rows = append(rows, s)
		}
	}
	return rows, nil
}

// netTCP reads the TCP sockets of pid's network namespace, both families.
func netTCP(ctx context.Context, h Host, pid int) ([]Socket, error) {
	var rows []Socket
	for _, name := range []string{"tcp", "tcp6"} {
		path := fmt.Sprintf("%d/net/%s", pid, name)
		b, err := h.ReadFile(ctx, path, nil)
		if name == "tcp6" && Gone(err) {
			break // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		found, err := ParseNetTCP(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rows = append(rows, found...)
	}
	return rows, nil
}

// netUnix reads the UNIX sockets of pid's network namespace.
func netUnix(ctx context.Context, h Host, pid int) ([]Socket, error) {
	path := fmt.Sprintf("%d/net/unix", pid)
	b, err := h.ReadFile(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	rows, err := ParseNetUnix(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}
