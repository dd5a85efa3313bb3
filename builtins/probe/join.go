package probe

import (
	"net/netip"
	"sort"
	"strings"
)

// Join finds the two ends of connections among the sockets of the processes
// that were read together, and fills PeerPID, PeerFD, PeerInode and Peers.
//
// TCP ends belong together when their addresses are each other's, in the same
// network namespace; an IPv4 address in IPv6 clothes is that IPv4 address. UNIX
// ends name each other's inode. Where no inode of the peer is known, the
// abstract name that the kernel gives a dialer decides, if one socket bears it
// and one other has it as its remote. Paths decide nothing: all connections of
// a listener share its path.
//
// A socket may be held by several processes, after a fork. PeerPID is then the
// one that can be told to be the other side: a process that holds the peer and
// not this end too; if there is none, the process itself; then the lowest pid.
// Peers has all of them.
func Join(sockets []*Socket) {
	j := newJoining(sockets)
	for _, s := range sockets {
		if s.Listening() || s.State == "TIME-WAIT" {
			continue
		}
		if s.Family == "unix" {
			j.unix(s)
		} else if key, ok := tupleOf(s); ok {
			j.peers(s, j.byTuple[tuple{key.netns, key.remote, key.local}])
		}
	}
}

// tuple is a TCP connection as one end sees it.
type tuple struct {
	netns         string
	local, remote netip.AddrPort
}

func tupleOf(s *Socket) (tuple, bool) {
	local, err1 := netip.ParseAddrPort(s.Local)
	remote, err2 := netip.ParseAddrPort(s.Remote)
	if err1 != nil || err2 != nil || s.Listening() {
		return tuple{}, false
	}
	bare := func(a netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
	}
	return tuple{s.NetNS, bare(local), bare(remote)}, true
}

// joining is an index of the sockets by everything that an end may know of
// the other.
type joining struct {
	byTuple  map[tuple][]*Socket
	byInode  map[uint64][]*Socket
	byPeer   map[uint64][]*Socket // by the inode of their peer
	byLocal  map[dialed][]*Socket // by an abstract name of their own
	byRemote map[dialed][]*Socket // by one of their peer
	held     map[holding]bool
}

// dialed names a UNIX connection where inodes do not: by the dialer's abstract
// name, which is private to a network namespace, and the listener's name.
type dialed struct{ netns, dialer, listener string }

type holding struct {
	pid   int
	inode uint64
}

func newJoining(sockets []*Socket) *joining {
	j := &joining{byTuple: map[tuple][]*Socket{}, byInode: map[uint64][]*Socket{}, byPeer: map[uint64][]*Socket{},
		byLocal: map[dialed][]*Socket{}, byRemote: map[dialed][]*Socket{}, held: map[holding]bool{}}
	for _, s := range sockets {
		j.held[holding{s.PID, s.Inode}] = true
		if s.Family != "unix" {
			if key, ok := tupleOf(s); ok {
				j.byTuple[key] = append(j.byTuple[key], s)
			}
			continue
		}
		j.byInode[s.Inode] = append(j.byInode[s.Inode], s)
		if s.PeerInode != 0 {
			j.byPeer[s.PeerInode] = append(j.byPeer[s.PeerInode], s)
		}
		if s.State == "ESTAB" && strings.HasPrefix(s.Local, "@") {
			key := dialed{s.NetNS, s.Local, s.Remote}
			j.byLocal[key] = append(j.byLocal[key], s)
		}
		if s.State == "ESTAB" && strings.HasPrefix(s.Remote, "@") {
			key := dialed{s.NetNS, s.Remote, s.Local}
			j.byRemote[key] = append(j.byRemote[key], s)
		}
	}
	return j
}

func (j *joining) unix(s *Socket) {
	if s.PeerInode != 0 {
		j.peers(s, j.byInode[s.PeerInode])
		return
	}
	if s.State != "ESTAB" || s.Type == "dgram" {
		return // many may send to one datagram socket: it has no single peer
	}
	if back := j.byPeer[s.Inode]; len(back) > 0 {
		j.peers(s, back)
		return
	}
	if key := (dialed{s.NetNS, s.Local, s.Remote}); j.one(j.byLocal[key]) && j.one(j.byRemote[key]) {
		j.peers(s, j.byRemote[key])
	} else if key := (dialed{s.NetNS, s.Remote, s.Local}); j.one(j.byLocal[key]) && j.one(j.byRemote[key]) {
		j.peers(s, j.byLocal[key])
	}
}

// one reports whether these are one socket, whoever holds it, and one whose
// peer is not known by inode already.
func (j *joining) one(sockets []*Socket) bool {
	for _, s := range sockets {
		if s.Inode != sockets[0].Inode || s.PeerInode != 0 && len(j.byInode[s.PeerInode]) == 0 {
			return false
		}
	}
	return len(sockets) > 0
}

func (j *joining) peers(s *Socket, ends []*Socket) {
	if len(ends) == 0 {
		return
	}
	ends = append([]*Socket(nil), ends...)
	rank := func(end *Socket) int {
		switch {
		case end.PID == s.PID:
			return 1
		case j.held[holding{end.PID, s.Inode}]:
			return 2
		}
		return 0
	}
	sort.SliceStable(ends, func(a, b int) bool {
		x, y := ends[a], ends[b]
		if rank(x) != rank(y) {
			return rank(x) < rank(y)
		}
		if x.PID != y.PID {
			return x.PID < y.PID
		}
		return x.FD < y.FD
	})
	s.PeerPID, s.PeerFD, s.PeerInode = ends[0].PID, ends[0].FD, ends[0].Inode
	s.Peers = s.Peers[:0]
	for _, end := range ends {
		s.Peers = append(s.Peers, FDRef{end.PID, end.FD})
	}
}
