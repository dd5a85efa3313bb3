package probe

import (
	"context"
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"strings"
)

// Listener is an address that somebody accepts connections at.
type Listener struct {
	Address string // "127.0.0.1:1616", "[::]:80", a path, "@abstract"
	Family  string // tcp, tcp6, unix
	Inode   uint64
	PID     int    // the first holder's; 0 unknown: nobody that we may look at
	FD      int    // the first holder's; -1 unknown
	Comm    string // the first holder's; "" unknown
	// Holders are all of them: several after a fork, or when who bound the
	// address ended and left it to its children.
	Holders []FDRef
	AcceptQ int // connections that wait; -1 unknown
	Backlog int // room for these; -1 unknown
	Source  string
}

// Listeners tells who listens, in our own network namespace: at addrs, or at
// all addresses when addrs is empty. An address is "host:port", ":port" or
// "port" (any host), a socket path, or "@abstract". A listener at a wildcard
// address, as "0.0.0.0:1616", answers for each host of it.
//
// An empty list means that nobody listens there. A row without PID has a holder
// whom we may not look at, or who sees it under another pid namespace.
//
// Cost: about 30 µs a process of the host when something was found. On a
// live host listeners alone are dumped by sock_diag(7), whatever the number of
// connections; else /proc/PID/net is read. Errors: fs.ErrPermission.
func Listeners(ctx context.Context, h Host, addrs []string) ([]Listener, error) {
	for _, addr := range addrs {
		if !isAddress(addr) {
			return nil, fmt.Errorf("listeners: %q is no address: want host:port, a port, a path or @name", Clean([]byte(addr)))
		}
	}
	rows, err := listening(ctx, h)
	Cover(ctx, "listeners", 0, err, Remedy(ctx, h, -1))
	if err != nil {
		return nil, fmt.Errorf("listeners: %w", err)
	}
	list := []Listener{}
	want := map[string]bool{}
	for i := range rows {
		s := &rows[i]
		if len(addrs) > 0 && !answersAny(s, addrs) {
			continue
		}
		list = append(list, Listener{Address: s.Local, Family: s.Family, Inode: s.Inode, FD: -1,
			AcceptQ: s.AcceptQ, Backlog: s.Backlog, Source: s.Source})
		want[socketLink(s.Inode)] = true
	}
	found, hidden, err := holders(ctx, h, want)
	if err != nil {
		return nil, fmt.Errorf("listeners: %w", err)
	}
	coverHidden(ctx, h, "listeners", hidden)
	for i := range list {
		l := &list[i]
		if l.Holders = found[socketLink(l.Inode)]; len(l.Holders) > 0 {
			l.PID, l.FD = l.Holders[0].PID, l.Holders[0].FD
			if b, err := h.ReadFile(ctx, strconv.Itoa(l.PID)+"/comm", nil); err == nil {
				l.Comm = Clean([]byte(strings.TrimSuffix(string(b), "\n")))
			}
		}
	}
	sort.SliceStable(list, func(a, b int) bool {
		if list[a].Family != list[b].Family {
			return list[a].Family < list[b].Family
		}
		return list[a].Address < list[b].Address
	})
	return list, nil
}

// listenerDump is a host that can list listeners without reading all sockets.
type listenerDump interface {
	listeners(ctx context.Context) ([]Socket, error)
}

func listening(ctx context.Context, h Host) ([]Socket, error) {
	if live, ok := h.(listenerDump); ok {
		if rows, err := live.listeners(ctx); err == nil {
			return rows, nil
		}
	}
	pid := h.Clock().PID
	if pid == 0 {
		pid = 1 // another /proc: its init's namespace
	}
	rows, err := netTCP(ctx, h, pid)
	if err != nil {
		return nil, err
	}
	local, err := netUnix(ctx, h, pid)
	if err != nil {
		return nil, err
	}
	list := rows[:0]
	for _, s := range append(rows, local...) {
		if s.Listening() {
			list = append(list, s)
		}
	}
	return list, nil
}

// isAddress reports whether anybody could listen at addr: nobody listening at a
// typing error says nothing.
func isAddress(addr string) bool {
	if strings.Contains(addr, "/") || strings.HasPrefix(addr, "@") {
		return true
	}
	if _, err := strconv.ParseUint(strings.TrimPrefix(addr, ":"), 10, 16); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(strings.Replace(addr, "localhost:", "127.0.0.1:", 1))
	return err == nil
}

func answersAny(s *Socket, addrs []string) bool {
	for _, addr := range addrs {
		if answers(s, addr) {
			return true
		}
	}
	return false
}

// answers reports whether dialling addr reaches the listener s.
func answers(s *Socket, addr string) bool {
	if s.Family == "unix" {
		return s.Local != "" && s.Local == addr
	}
	local, err := netip.ParseAddrPort(s.Local)
	if err != nil {
		return false
	}
	if port, err := strconv.ParseUint(strings.TrimPrefix(addr, ":"), 10, 16); err == nil {
		return local.Port() == uint16(port)
	}
	asked, err := netip.ParseAddrPort(strings.Replace(addr, "localhost:", "127.0.0.1:", 1))
	if err != nil || asked.Port() != local.Port() {
		return false
	}
	at, to := local.Addr().Unmap(), asked.Addr().Unmap()
	switch {
	case at == to, to.IsUnspecified() && at.Is4() == to.Is4():
		return true
	case at.IsUnspecified():
		// "[::]" takes IPv4 too, unless IPV6_V6ONLY is set, which is not told.
		return at.Is6() || to.Is4()
	}
	return false
}
