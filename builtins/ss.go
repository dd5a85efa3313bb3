package builtins

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) ss() engine.Builtin {
	return engine.Builtin{
		Name: "ss",
		Doc: "The TCP and UNIX sockets of processes, both ends joined where both are held by the processes given.\n\n" +
			"`recv_q` and `send_q` are bytes. The two other things that the kernel says in these columns are told apart: " +
			"the FIN of a closed peer is `fin`, a listener's queue is `accept_q` of `backlog`.",
		Params: []engine.Arg{
			{Name: "processes", Type: "list of process", Doc: "Also one process, or a tree. One that has ended has no sockets."},
			{Name: "outside", Type: "bool", Default: "False", Doc: "Looks for peers among all processes of the machine: reads every /proc/PID/fd, about 30 µs a process."},
			{Name: "ownerless", Type: "bool", Default: "False", Doc: "Adds rows that no process holds, on the local ports of those found: TIME-WAIT, FIN-WAIT-2, not yet accepted. Reads every TCP socket of the namespace."},
		},
		Returns: "list of socket, by process and descriptor",
		Errors:  "none of the processes may be read; of one that may not, `coverage` tells",
		Example: `[s for s in ss(t.processes) if s.recv_q]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				of                 processList
				outside, ownerless bool
			)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "processes", &of, "outside?", &outside, "ownerless?", &ownerless); err != nil {
				return nil, err
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				found, err := readSockets(ctx, h, of, outside, ownerless)
				return socketList(found, h.Now(), of.byPID()), err
			})
		},
	}
}

func readSockets(ctx context.Context, h probe.Host, of processList, outside, ownerless bool) ([]probe.Socket, error) {
	// All descriptors first: the sockets of all processes then come out of one
	// dump where they must be dumped.
	open := make([][]probe.FD, len(of))
	var seen partly
	for i, p := range of {
		err := same(ctx, h, p)
		if err == nil {
			open[i], err = probe.FDs(ctx, h, p.it.PID)
		}
		switch {
		case err != nil:
			open[i] = nil
			seen.note(err)
			if ended(err) {
				continue
			}
			probe.Cover(ctx, "ss", p.it.PID, err, probe.Remedy(ctx, h, p.it.UID))
		case len(open[i]) == 0:
			seen.note(nil) // it has none, and that was read
		}
	}
	ctx = probe.Together(ctx, open...)
	var found []probe.Socket
	for i, p := range of {
		if open[i] == nil {
			continue
		}
		rows, err := h.Sockets(ctx, p.it.PID, open[i])
		remedy := ""
		if err != nil {
			remedy = probe.Remedy(ctx, h, p.it.UID)
		}
		probe.Cover(ctx, "ss", p.it.PID, err, remedy)
		seen.note(err)
		if err == nil {
			found = append(found, rows...)
		}
	}
	if err := seen.nothing(ctx); err != nil {
		return nil, err
	}
	refs := make([]*probe.Socket, len(found))
	for i := range found {
		refs[i] = &found[i]
	}
	probe.Join(refs)
	if outside {
		if err := probe.OutsidePeers(ctx, h, refs); err != nil {
			return nil, err
		}
	}
	if ownerless {
		rows, err := readOwnerless(ctx, h, found)
		if err != nil {
			return nil, err
		}
		found = append(found, rows...)
	}
	return found, nil
}

func socketList(found []probe.Socket, at time.Time, process func(pid int) starlark.Value) *starlark.List {
	return listOf(found, func(s probe.Socket) starlark.Value {
		return newRecord(socketKind, socketFact{s, process(s.PID), process(s.PeerPID)}, s.Source, at)
	})
}

// socketFact is a socket with its holders, where these are among the processes
// that were asked about.
type socketFact struct {
	probe.Socket
	process, peer starlark.Value
}

var socketKind = &kind[socketFact]{
	name: "socket",
	doc:  "A socket that a process holds open.",
	text: func(s socketFact) string {
		return strings.Join(strings.Fields(fmt.Sprintf("%s %s pid %d fd %d %s %s", s.Family, s.State, s.PID, s.FD, s.Local, s.Remote)), " ")
	},
	fields: []field[socketFact]{
		{name: "pid", typ: "int or None", doc: "None: nobody holds it", get: func(s socketFact) starlark.Value { return unless(0, s.PID) }},
		{name: "process", typ: "process or None", doc: "the same, if it is one of those asked about", get: func(s socketFact) starlark.Value { return s.process }},
		{name: "fd", typ: "int or None", get: func(s socketFact) starlark.Value { return unless(-1, s.FD) }},
		{name: "family", typ: "string", doc: "tcp, tcp6, unix", get: func(s socketFact) starlark.Value { return text(s.Family) }},
		{name: "type", typ: "string", doc: "stream, dgram, seqpacket", aside: true, get: func(s socketFact) starlark.Value { return text(s.Socket.Type) }},
		{name: "state", typ: "string", doc: "ESTAB, LISTEN, CLOSE-WAIT … as ss says", get: func(s socketFact) starlark.Value { return text(s.State) }},
		{name: "local", typ: "string", doc: `"127.0.0.1:1616"; UNIX: a path, "@abstract", or "" for none`, get: func(s socketFact) starlark.Value { return text(s.Local) }},
		{name: "remote", typ: "string", doc: `"" when there is none`, get: func(s socketFact) starlark.Value { return text(s.Remote) }},
		{name: "recv_q", typ: "int or None", doc: "bytes that the process has not read", get: func(s socketFact) starlark.Value { return unless(-1, s.RecvQ) }},
		{name: "send_q", typ: "int or None", doc: "bytes that the peer has not acknowledged (TCP) or not read (UNIX: buffer space)",
			get: func(s socketFact) starlark.Value { return unless(-1, s.SendQ) }},
		{name: "fin", typ: "bool", doc: "the peer will send no more", get: func(s socketFact) starlark.Value { return truth(s.FIN) }},
		{name: "accept_q", typ: "int or None", doc: "LISTEN: connections that wait to be accepted", get: func(s socketFact) starlark.Value { return unless(-1, s.AcceptQ) }},
		{name: "backlog", typ: "int or None", doc: "LISTEN: room for these", get: func(s socketFact) starlark.Value { return unless(-1, s.Backlog) }},
		{name: "last_recv", typ: "duration or None", doc: "how long ago data last arrived (TCP)", get: func(s socketFact) starlark.Value {
			if s.LastRecv < 0 {
				return starlark.None
			}
			return span(s.LastRecv)
		}},
		{name: "received", typ: "int or None", doc: "bytes that ever arrived (TCP)", aside: true, get: func(s socketFact) starlark.Value {
			if s.Received == 0 {
				return starlark.None
			}
			return unsigned(s.Received)
		}},
		{name: "inode", typ: "int or None", aside: true, get: func(s socketFact) starlark.Value { return inode(s.Inode) }},
		{name: "netns", typ: "string or None", doc: "network namespace; None ours, or unknown", aside: true, get: func(s socketFact) starlark.Value { return orNone(s.NetNS) }},
		{name: "peer_pid", typ: "int or None", doc: "who holds the other end, among the processes that were read together", get: func(s socketFact) starlark.Value { return unless(0, s.PeerPID) }},
		{name: "peer", typ: "process or None", doc: "the same as a process", get: func(s socketFact) starlark.Value { return s.peer }},
		{name: "peer_fd", typ: "int or None", get: func(s socketFact) starlark.Value {
			if s.PeerPID == 0 {
				return starlark.None
			}
			return unless(-1, s.PeerFD)
		}},
		{name: "peers", typ: "list of holder", doc: "all who hold the other end: several after a fork", aside: true, get: func(s socketFact) starlark.Value { return listOf(s.Peers, newHolder) }},
		{name: "peer_inode", typ: "int or None", aside: true, get: func(s socketFact) starlark.Value { return inode(s.PeerInode) }},
		{name: "peer_cred_pid", typ: "int or None", doc: "who held the other end when a UNIX socket was connected: a hint, not who holds it now", aside: true,
			get: func(s socketFact) starlark.Value { return unless(0, s.PeerCredPID) }},
		{name: "listening", typ: "bool", aside: true, get: func(s socketFact) starlark.Value { return truth(s.Listening()) }},
		{name: "loopback", typ: "bool", doc: "both ends are on this host", aside: true, get: func(s socketFact) starlark.Value { return truth(s.Loopback()) }},
	},
}

// readOwnerless asks once for each network namespace, through one of its
// processes. The far end of a connection to a peer that died lies on our remote
// port, so these count too.
func readOwnerless(ctx context.Context, h probe.Host, found []probe.Socket) ([]probe.Socket, error) {
	type namespace struct {
		pid   int
		ports []int
	}
	spaces := map[string]*namespace{}
	var order []*namespace
	for _, s := range found {
		space := spaces[s.NetNS]
		if space == nil {
			space = &namespace{pid: s.PID}
			spaces[s.NetNS] = space
			order = append(order, space)
		}
		for _, address := range []string{s.Local, s.Remote} {
			if at, err := netip.ParseAddrPort(address); err == nil && at.Port() != 0 {
				space.ports = append(space.ports, int(at.Port()))
			}
		}
	}
	var rows []probe.Socket
	for _, space := range order {
		if len(space.ports) == 0 {
			continue // no ports would mean all
		}
		more, err := probe.Ownerless(ctx, h, space.pid, space.ports)
		if err != nil && !ended(err) {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}
