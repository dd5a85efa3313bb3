package probe

import "net/netip"

// loopback reports whether a TCP connection stays on its host: one end has a
// loopback address, or both have the same address. A listener (no remote end)
// counts when only its own host can reach it.
func loopback(local, remote string) bool {
	a, ok := addrOf(local)
	if !ok {
		return false
	}
	if remote == "" {
		return a.IsLoopback()
	}
	b, ok := addrOf(remote)
	return ok && (a.IsLoopback() && b.IsLoopback() || a == b)
}

// addrOf takes the address of "1.2.3.4:80" or "[::1]:80"; an IPv4 address in
// IPv6 clothes is the IPv4 one.
func addrOf(s string) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr().Unmap().WithZone(""), err == nil
}
