package probe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sockets reads a few lines: pid:fd, inode, family, state, local, remote, and
// after them peer=INODE, netns=NAME, dgram. A dash is nothing.
func socketLines(t *testing.T, text string) []*Socket {
	t.Helper()
	var rows []*Socket
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		s := newSocket()
		s.Type = "stream"
		if _, err := fmt.Sscanf(strings.Join(words[:3], " "), "%d:%d %d %s", &s.PID, &s.FD, &s.Inode, &s.Family); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s.State, s.Local, s.Remote = words[3], words[4], words[5]
		for _, name := range []*string{&s.Local, &s.Remote} {
			if *name == "-" {
				*name = ""
			}
		}
		for _, word := range words[6:] {
			fmt.Sscanf(word, "peer=%d", &s.PeerInode)
			fmt.Sscanf(word, "netns=%s", &s.NetNS)
			if word == "dgram" {
				s.Type = word
			}
		}
		rows = append(rows, &s)
	}
	return rows
}

func joined(sockets []*Socket) string {
	var b strings.Builder
	for _, s := range sockets {
		fmt.Fprintf(&b, "%d:%d", s.PID, s.FD)
		for i, peer := range s.Peers {
			fmt.Fprintf(&b, " %s%d:%d", [...]string{"-> ", "or "}[min(i, 1)], peer.PID, peer.FD)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestJoinFindsTheOtherEnd(t *testing.T) {
	for _, test := range []struct{ name, sockets, want string }{
		{"a child dials its parent", `
			100:3 1 tcp LISTEN 127.0.0.1:1616 -
			100:7 2 tcp ESTAB 127.0.0.1:1616 127.0.0.1:5000
			200:8 3 tcp ESTAB 127.0.0.1:5000 127.0.0.1:1616`,
			"100:3\n100:7 -> 200:8\n200:8 -> 100:7\n"},
		{"an IPv6 listener accepted an IPv4 dialer", `
			100:7 2 tcp6 ESTAB [::ffff:127.0.0.1]:1616 [::ffff:127.0.0.1]:5000
			200:8 3 tcp ESTAB 127.0.0.1:5000 127.0.0.1:1616`,
			"100:7 -> 200:8\n200:8 -> 100:7\n"},
		{"equal addresses in two network namespaces are strangers", `
			100:7 2 tcp ESTAB 127.0.0.1:1616 127.0.0.1:5000
			200:8 3 tcp ESTAB 127.0.0.1:5000 127.0.0.1:1616 netns=net:[9]`,
			"100:7\n200:8\n"},
		{"a half-closed connection still has two ends", `
			100:7 2 tcp FIN-WAIT-2 127.0.0.1:1616 127.0.0.1:5000
			200:8 3 tcp CLOSE-WAIT 127.0.0.1:5000 127.0.0.1:1616`,
			"100:7 -> 200:8\n200:8 -> 100:7\n"},
		{"the peer is outside", `
			200:8 3 tcp ESTAB 10.0.0.1:5000 93.184.216.34:443`,
			"200:8\n"},
		{"UNIX ends know each other's inode", `
			100:4 10 unix ESTAB /run/r.sock @a897b peer=11
			200:8 11 unix ESTAB @a897b /run/r.sock peer=10`,
			"100:4 -> 200:8\n200:8 -> 100:4\n"},
		{"only one of them knows", `
			100:4 10 unix ESTAB - -
			200:8 11 unix ESTAB - - peer=10`,
			"100:4 -> 200:8\n200:8 -> 100:4\n"},
		{"neither knows, but the dialer's name is unique", `
			100:3 9 unix LISTEN /run/r.sock -
			100:4 10 unix ESTAB /run/r.sock @a897b
			200:8 11 unix ESTAB @a897b /run/r.sock`,
			"100:3\n100:4 -> 200:8\n200:8 -> 100:4\n"},
		{"the path of a listener proves nothing", `
			100:4 10 unix ESTAB /run/r.sock -
			200:8 11 unix ESTAB - /run/r.sock`,
			"100:4\n200:8\n"},
		{"two unnamed dialers cannot be told apart", `
			100:4 10 unix ESTAB /run/r.sock -
			100:5 12 unix ESTAB /run/r.sock -
			200:8 11 unix ESTAB - /run/r.sock
			300:8 13 unix ESTAB - /run/r.sock`,
			"100:4\n100:5\n200:8\n300:8\n"},
		{"the same abstract name in two namespaces", `
			100:4 10 unix ESTAB @server @a897b
			200:8 11 unix ESTAB @a897b @server netns=net:[9]`,
			"100:4\n200:8\n"},
		{"many write to one datagram socket, which has no peer", `
			100:4 10 unix UNCONN /run/log - dgram
			200:8 11 unix ESTAB - /run/log peer=10 dgram
			300:8 12 unix ESTAB - /run/log peer=10 dgram`,
			"100:4\n200:8 -> 100:4\n300:8 -> 100:4\n"},
		{"a wakeup pair inside one process", `
			100:4 10 unix ESTAB - - peer=11
			100:5 11 unix ESTAB - - peer=10`,
			"100:4 -> 100:5\n100:5 -> 100:4\n"},
		{"a wakeup pair that a forked child inherited is still inside each", `
			100:4 10 unix ESTAB - - peer=11
			100:5 11 unix ESTAB - - peer=10
			200:4 10 unix ESTAB - - peer=11
			200:5 11 unix ESTAB - - peer=10`,
			"100:4 -> 100:5 or 200:5\n100:5 -> 100:4 or 200:4\n200:4 -> 200:5 or 100:5\n200:5 -> 200:4 or 100:4\n"},
		{"a pair between parent and child of which the parent kept both ends", `
			100:4 10 unix ESTAB - - peer=11
			100:5 11 unix ESTAB - - peer=10
			200:5 11 unix ESTAB - - peer=10`,
			"100:4 -> 200:5 or 100:5\n100:5 -> 100:4\n200:5 -> 100:4\n"},
		{"a sibling inherited the parent's end: the lowest pid is it", `
			100:7 2 tcp ESTAB 127.0.0.1:1616 127.0.0.1:5000
			300:7 2 tcp ESTAB 127.0.0.1:1616 127.0.0.1:5000
			200:8 3 tcp ESTAB 127.0.0.1:5000 127.0.0.1:1616`,
			"100:7 -> 200:8\n300:7 -> 200:8\n200:8 -> 100:7 or 300:7\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sockets := socketLines(t, test.sockets)
			Join(sockets)
			if d := cmp.Diff(test.want, joined(sockets)); d != "" {
				t.Error(d)
			}
			Join(sockets)
			if d := cmp.Diff(test.want, joined(sockets)); d != "" {
				t.Errorf("joined again: %s", d)
			}
		})
	}
}

func BenchmarkJoin(b *testing.B) {
	var sockets []*Socket
	for i := range 2000 {
		near, far := fmt.Sprintf("127.0.0.1:%d", 10000+i), "127.0.0.1:1616"
		one, other := newSocket(), newSocket()
		one.PID, one.FD, one.Inode, one.Family, one.State, one.Local, one.Remote = 100, i, uint64(2*i), "tcp", "ESTAB", far, near
		other.PID, other.FD, other.Inode, other.Family, other.State, other.Local, other.Remote = 200+i%13, i, uint64(2*i+1), "tcp", "ESTAB", near, far
		sockets = append(sockets, &one, &other)
	}
	b.ReportAllocs()
	for b.Loop() {
		Join(sockets)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(sockets)), "ns/socket")
}
