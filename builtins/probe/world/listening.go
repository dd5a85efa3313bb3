package world

import (
	"fmt"
	"net/netip"
	"strings"

	"runbook/builtins/probe"
)

// listening writes net/tcp, net/tcp6 and net/unix (proc_pid_net(5)) as far as
// they tell who listens: whoever asks for listeners reads them there. A world in
// which nobody does has no such files.
func (w *world) listening(m *probe.Answers) {
	files := map[string]*strings.Builder{"tcp": {}, "tcp6": {}, "unix": {}}
	for _, b := range files {
		b.WriteString("a heading\n")
	}
	seen := map[uint64]bool{} // a socket has one row, however many hold it
	for _, pid := range sorted(w.procs) {
		for _, fd := range sorted(w.procs[pid].fds) {
			s := w.procs[pid].fds[fd].socket
			switch {
			case s == nil || !s.Listening() || seen[s.Inode]:
				continue
			case s.Family == "unix":
				fmt.Fprintf(files["unix"], "0: 2 0 10000 1 01 %d %s\n", s.Inode, s.Local)
			default:
				fmt.Fprintf(files[s.Family], "0: %s %s 0A 0:%X 0:0 0 %d 0 %d\n", hexAddress(s.Local, s.Family), hexAddress("*:0", s.Family), s.AcceptQ, w.procs[pid].uid, s.Inode)
			}
			seen[s.Inode] = true
		}
	}
	if len(seen) == 0 {
		return
	}
	for name, b := range files {
		m.Files["1/net/"+name] = []byte(b.String())
	}
	if w.procs[1] == nil { // its network is all that the world says of init
		for _, name := range []string{"stat", "status", "cmdline", "comm"} {
			m.Failed[probe.Question{Op: "read", About: "1/" + name}] = absent("1/" + name)
		}
	}
}

// hexAddress writes an address as the kernel does: each word of four bytes is a
// number of a little-endian machine.
func hexAddress(address, family string) string {
	zero := "0.0.0.0:"
	if family == "tcp6" {
		zero = "[::]:"
	}
	a := netip.MustParseAddrPort(strings.Replace(address, "*:", zero, 1)) // tcpAddress took it
	raw := a.Addr().AsSlice()
	if family == "tcp6" {
		wide := a.Addr().As16()
		raw = wide[:]
	}
	text := ""
	for i := 0; i < len(raw); i += 4 {
		text += fmt.Sprintf("%02X%02X%02X%02X", raw[i+3], raw[i+2], raw[i+1], raw[i])
	}
	return fmt.Sprintf("%s:%04X", text, a.Port())
}
