package probe

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// stage is a set of real sockets of this process, by what they play.
type stage struct {
	t     testing.TB
	order []string
	fds   map[string]int
	dir   string
}

func newStage(t testing.TB) *stage {
	s := &stage{t: t, fds: map[string]int{}, dir: t.TempDir()}
	t.Cleanup(func() {
		for _, fd := range s.fds {
			unix.Close(fd)
		}
	})
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) put(name string, fd int) int {
	s.fds[name] = fd
	s.order = append(s.order, name)
	return fd
}

func (s *stage) close(name string) {
	unix.Close(s.fds[name])
	delete(s.fds, name)
}

func (s *stage) socket(name string, domain, kind int) int {
	s.t.Helper()
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	s.must(err)
	return s.put(name, fd)
}

// listen makes a listener; its own address comes back.
func (s *stage) listen(name string, domain, kind int, at unix.Sockaddr, backlog int) unix.Sockaddr {
	s.t.Helper()
	fd := s.socket(name, domain, kind)
	s.must(unix.Bind(fd, at))
	s.must(unix.Listen(fd, backlog))
	addr, err := unix.Getsockname(fd)
	s.must(err)
	return addr
}

func (s *stage) dial(name string, domain, kind int, to unix.Sockaddr) int {
	s.t.Helper()
	fd := s.socket(name, domain, kind)
	s.must(unix.Connect(fd, to))
	return fd
}

func (s *stage) accept(name, listener string) int {
	s.t.Helper()
	fd, _, err := unix.Accept4(s.fds[listener], unix.SOCK_CLOEXEC)
	s.must(err)
	return s.put(name, fd)
}

func (s *stage) write(name string, n int) {
	s.t.Helper()
	_, err := unix.Write(s.fds[name], make([]byte, n))
	s.must(err)
}

// descriptors are the stage's sockets as FDs would list them.
func (s *stage) descriptors() []FD {
	s.t.Helper()
	var fds []FD
	for _, name := range s.order {
		if fd, ok := s.fds[name]; ok {
			fds = append(fds, describe(s.t, fd))
		}
	}
	return fds
}

func describe(t testing.TB, fd int) FD {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		t.Fatal(err)
	}
	link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	out := FD{Num: fd, Kind: "other", Link: link, Inode: stat.Ino, Read: true, Write: true}
	switch {
	case stat.Mode&unix.S_IFMT == unix.S_IFSOCK:
		out.Kind = "socket"
	case strings.HasPrefix(link, "pipe:"):
		out.Kind = "pipe"
	case stat.Mode&unix.S_IFMT == unix.S_IFIFO:
		out.Kind, out.Inode = "fifo", 0
	case link == "anon_inode:[eventpoll]":
		out.Kind, out.Inode = "epoll", 0
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil && out.Kind != "socket" {
		out.Read, out.Write = flags&unix.O_ACCMODE != unix.O_WRONLY, flags&unix.O_ACCMODE != unix.O_RDONLY
	}
	return out
}

// said writes rows as one line for each role, addresses as roles too.
func (s *stage) said(rows []Socket) map[string]string {
	byFD := map[int]Socket{}
	for _, row := range rows {
		byFD[row.FD] = row
	}
	out := map[string]string{}
	for name, fd := range s.fds {
		row, ok := byFD[fd]
		if !ok {
			out[name] = "no row"
			continue
		}
		text := fmt.Sprintf("%s %s %s rq=%d sq=%d", row.Family, row.Type, row.State, row.RecvQ, row.SendQ)
		if row.FIN {
			text += " FIN"
		}
		if row.Listening() {
			text += fmt.Sprintf(" accept=%d/%d", row.AcceptQ, row.Backlog)
		}
		out[name] = text
	}
	return out
}

func ladder(t testing.TB, s *stage) map[string]func() ([]Socket, error) {
	t.Helper()
	live, err := NewLive(LiveOptions{})
	s.must(err)
	fds := s.descriptors()
	r := func() *reading {
		return &reading{live: live, pid: os.Getpid(), fds: fds, shared: sharing(context.Background(), fds)}
	}
	return map[string]func() ([]Socket, error){
		"getfd":     func() ([]Socket, error) { return r().getfd(t.Context()) },
		"sock_diag": func() ([]Socket, error) { return r().sockDiag(t.Context()) },
		"proc":      func() ([]Socket, error) { return r().procNet(t.Context()) },
	}
}

// eventually looks until the sockets say what they should: loopback delivers
// soon, not at once.
func eventually(t testing.TB, want any, got func() any) {
	t.Helper()
	var diff string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if diff = cmp.Diff(want, got()); diff == "" {
			return
		}
	}
	t.Error(diff)
}

var (
	loop4 = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	loop6 = &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	any6  = &unix.SockaddrInet6{}
)

// tcpStage plays every state of TCP that a process can hold at will.
func tcpStage(t testing.TB) (*stage, map[string]string) {
	s := newStage(t)
	at := s.listen("listener", unix.AF_INET, unix.SOCK_STREAM, loop4, 7)
	pair := func(near, far string) {
		s.dial(near, unix.AF_INET, unix.SOCK_STREAM, at)
		s.accept(far, "listener")
	}
	pair("unread", "unread peer")
	s.write("unread peer", 1000)
	pair("eof", "eof peer")
	s.must(unix.Shutdown(s.fds["eof peer"], unix.SHUT_WR))
	pair("bytes and eof", "bytes and eof peer")
	s.write("bytes and eof peer", 10)
	s.must(unix.Shutdown(s.fds["bytes and eof peer"], unix.SHUT_WR))
	pair("eof read", "eof read peer")
	s.must(unix.Shutdown(s.fds["eof read peer"], unix.SHUT_WR))
	n, err := unix.Read(s.fds["eof read"], make([]byte, 1)) // waits for the FIN
	if n != 0 || err != nil {
		t.Fatalf("read %d, %v", n, err)
	}
	pair("orphan", "orphan peer")
	s.close("orphan peer")
	s.dial("waiting", unix.AF_INET, unix.SOCK_STREAM, at)
	s.dial("waiting too", unix.AF_INET, unix.SOCK_STREAM, at)
	s.socket("bound to nothing", unix.AF_INET, unix.SOCK_STREAM)
	s.socket("udp", unix.AF_INET, unix.SOCK_DGRAM)
	return s, map[string]string{
		"listener":           "tcp stream LISTEN rq=0 sq=0 accept=2/7",
		"unread":             "tcp stream ESTAB rq=1000 sq=0",
		"unread peer":        "tcp stream ESTAB rq=0 sq=0",
		"eof":                "tcp stream CLOSE-WAIT rq=0 sq=0 FIN",
		"eof peer":           "tcp stream FIN-WAIT-2 rq=0 sq=0",
		"bytes and eof":      "tcp stream CLOSE-WAIT rq=10 sq=0 FIN",
		"bytes and eof peer": "tcp stream FIN-WAIT-2 rq=0 sq=0",
		"eof read":           "tcp stream CLOSE-WAIT rq=0 sq=0 FIN",
		"eof read peer":      "tcp stream FIN-WAIT-2 rq=0 sq=0",
		"orphan":             "tcp stream CLOSE-WAIT rq=0 sq=0 FIN",
		"waiting":            "tcp stream ESTAB rq=0 sq=0",
		"waiting too":        "tcp stream ESTAB rq=0 sq=0",
		"bound to nothing":   "tcp stream UNCONN rq=0 sq=0",
		"udp":                "no row",
	}
}

func TestTCPRungsAgree(t *testing.T) {
	s, want := tcpStage(t)
	for source, rung := range ladder(t, s) {
		t.Run(source, func(t *testing.T) {
			expect := map[string]string{}
			for name, text := range want {
				expect[name] = text
			}
			if source != "getfd" {
				expect["bound to nothing"] = "no row" // in no table yet
			}
			if source == "proc" {
				expect["listener"] = "tcp stream LISTEN rq=0 sq=0 accept=2/-1"
			}
			eventually(t, any(expect), func() any {
				rows, err := rung()
				s.must(err)
				for _, row := range rows {
					if row.Source != source || row.PID != os.Getpid() {
						t.Errorf("%+v", row)
					}
				}
				return s.said(rows)
			})
		})
	}
}

// The rows of the rungs are equal in everything that both know.
func TestRungsGiveEqualRows(t *testing.T) {
	tcp, _ := tcpStage(t)
	local, _ := unixStage(t)
	for _, s := range []*stage{tcp, local} {
		if fd, ok := s.fds["bound to nothing"]; ok {
			unix.Close(fd)
			delete(s.fds, "bound to nothing")
		}
		rungs := ladder(t, s)
		eventually(t, any(""), func() any {
			a, err := rungs["getfd"]()
			s.must(err)
			b, err := rungs["sock_diag"]()
			s.must(err)
			c, err := rungs["proc"]()
			s.must(err)
			ignore := cmpopts.IgnoreFields(Socket{}, "Source", "LastRecv", "PeerCredPID")
			for i := range a {
				if a[i].State == "ESTAB" && a[i].PeerInode == 0 && a[i].Family == "unix" {
					a[i].Remote = "" // of a connection that is not accepted yet only connect knows
				}
			}
			diff := cmp.Diff(a, b, ignore)
			for i := range c {
				if a[i].Family == "unix" { // what the text has not
					c[i].RecvQ, c[i].SendQ, c[i].PeerInode, c[i].Remote, c[i].FIN = a[i].RecvQ, a[i].SendQ, a[i].PeerInode, a[i].Remote, a[i].FIN
					c[i].AcceptQ = a[i].AcceptQ
				}
				c[i].Received, c[i].Backlog = a[i].Received, a[i].Backlog
			}
			return diff + cmp.Diff(a, c, ignore)
		})
	}
}

func TestTCPTellsWhenDataLastCame(t *testing.T) {
	s, _ := tcpStage(t)
	rungs := ladder(t, s)
	for _, source := range []string{"getfd", "sock_diag"} {
		rows, err := rungs[source]()
		s.must(err)
		for _, row := range rows {
			switch row.FD {
			case s.fds["unread"]:
				if row.LastRecv < 0 || row.LastRecv > time.Minute || row.Received != 1000 {
					t.Errorf("%s: last data %v ago, %d bytes ever", source, row.LastRecv, row.Received)
				}
			case s.fds["bytes and eof"]:
				if row.Received != 10 { // the kernel counts the FIN: 11
					t.Errorf("%s: %d bytes ever, want 10", source, row.Received)
				}
			case s.fds["listener"]:
				if row.LastRecv != -1 {
					t.Errorf("%s: a listener received %v ago", source, row.LastRecv)
				}
			}
		}
	}
}

func TestSenderOfAFullQueueHasBytesInSendQ(t *testing.T) {
	s := newStage(t)
	at := s.listen("listener", unix.AF_INET, unix.SOCK_STREAM, loop4, 1)
	s.dial("deaf", unix.AF_INET, unix.SOCK_STREAM, at)
	s.accept("sender", "listener")
	s.must(unix.SetNonblock(s.fds["sender"], true))
	for quiet := 0; quiet < 3; { // until nothing more is taken
		if _, err := unix.Write(s.fds["sender"], make([]byte, 64<<10)); err != nil {
			quiet++
			time.Sleep(time.Millisecond)
		} else {
			quiet = 0
		}
	}
	s.must(unix.Shutdown(s.fds["sender"], unix.SHUT_WR)) // its FIN waits behind the bytes
	for source, rung := range ladder(t, s) {
		rows, err := rung()
		s.must(err)
		for _, row := range rows {
			switch row.FD {
			case s.fds["deaf"]:
				if row.State != "ESTAB" || row.RecvQ == 0 || row.FIN {
					t.Errorf("%s: deaf %+v", source, row)
				}
			case s.fds["sender"]:
				if row.State != "FIN-WAIT-1" || row.SendQ == 0 {
					t.Errorf("%s: sender %+v", source, row)
				}
			}
		}
	}
}

func TestIPv6AndMappedAddresses(t *testing.T) {
	s := newStage(t)
	if fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0); err != nil {
		t.Skip("no IPv6 here:", err)
	} else if err := unix.Bind(fd, loop6); err != nil {
		unix.Close(fd)
		t.Skip("no ::1 here:", err)
	} else {
		unix.Close(fd)
	}
	at6 := s.listen("six", unix.AF_INET6, unix.SOCK_STREAM, loop6, 1)
	s.dial("dials six", unix.AF_INET6, unix.SOCK_STREAM, at6)
	s.accept("accepted six", "six")
	port := s.listen("both", unix.AF_INET6, unix.SOCK_STREAM, any6, 1).(*unix.SockaddrInet6).Port
	s.dial("dials four", unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: loop4.Addr, Port: port})
	s.accept("accepted four", "both")
	for source, rung := range ladder(t, s) {
		rows, err := rung()
		s.must(err)
		if len(rows) != 6 {
			t.Fatalf("%s: %d rows", source, len(rows))
		}
		var all []*Socket
		byFD := map[int]*Socket{}
		for i := range rows {
			all = append(all, &rows[i])
			byFD[rows[i].FD] = &rows[i]
		}
		Join(all)
		four := byFD[s.fds["accepted four"]]
		if a, err := netip.ParseAddrPort(four.Local); err != nil || !a.Addr().Is4In6() || four.Family != "tcp6" || !four.Loopback() {
			t.Errorf("%s: %+v", source, four)
		}
		if four.PeerFD != s.fds["dials four"] || byFD[s.fds["dials six"]].PeerFD != s.fds["accepted six"] {
			t.Errorf("%s: not joined", source)
		}
		if l := byFD[s.fds["both"]]; l.Local != fmt.Sprintf("[::]:%d", port) || l.Remote != "" {
			t.Errorf("%s: listener %+v", source, l)
		}
	}
}

// Bytes that wait above the path that sock_diag shows must not read as none.
func TestMultipathQueuesAreReadOrUnknown(t *testing.T) {
	s := newStage(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		t.Skip("no Multipath TCP here:", err)
	}
	s.put("listener", fd)
	s.must(unix.Bind(fd, loop4))
	s.must(unix.Listen(fd, 1))
	at, err := unix.Getsockname(fd)
	s.must(err)
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	s.must(err)
	s.put("deaf", fd)
	s.must(unix.Connect(fd, at))
	s.accept("sender", "listener")
	s.write("sender", 100)
	rungs := ladder(t, s)
	for source, want := range map[string]int{"getfd": 100, "sock_diag": -1} {
		if source == "sock_diag" && os.Getuid() != 0 {
			continue // older kernels tell root alone what is layered on TCP
		}
		eventually(t, any(want), func() any {
			rows, err := rungs[source]()
			s.must(err)
			for _, row := range rows {
				if row.FD == s.fds["deaf"] {
					return row.RecvQ
				}
			}
			return "no row"
		})
	}
}

// unixStage plays what UNIX sockets can be.
func unixStage(t testing.TB) (*stage, map[string]string) {
	s := newStage(t)
	pair := func(a, b string, kind int) {
		fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		s.must(err)
		s.put(a, fds[0])
		s.put(b, fds[1])
	}
	pair("a", "b", unix.SOCK_STREAM)
	s.write("a", 7)
	pair("half", "closed", unix.SOCK_STREAM)
	s.close("closed")
	pair("shut", "shutter", unix.SOCK_STREAM)
	s.write("shutter", 3)
	s.must(unix.Shutdown(s.fds["shutter"], unix.SHUT_WR))
	pair("datagrams", "other datagrams", unix.SOCK_DGRAM)
	pair("packets", "other packets", unix.SOCK_SEQPACKET)
	path := filepath.Join(s.dir, "name with blank@1616.sock")
	s.listen("listener", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}, 5)
	s.dial("unnamed", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
	s.accept("accepted unnamed", "listener")
	bound := s.socket("autobound", unix.AF_UNIX, unix.SOCK_STREAM)
	s.must(unix.SetsockoptInt(bound, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)) // binds at connect
	s.must(unix.Connect(bound, &unix.SockaddrUnix{Name: path}))
	s.accept("accepted autobound", "listener")
	s.dial("waiting", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
	name := fmt.Sprintf("@runbook-test-%d", os.Getpid())
	s.listen("abstract", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: name}, 0)
	s.socket("bound to nothing", unix.AF_UNIX, unix.SOCK_STREAM)
	return s, map[string]string{
		"a": "unix stream ESTAB rq=0", "b": "unix stream ESTAB rq=7",
		"half": "unix stream ESTAB rq=0 FIN",
		"shut": "unix stream ESTAB rq=3 FIN", "shutter": "unix stream ESTAB rq=0",
		"datagrams": "unix dgram ESTAB rq=0", "other datagrams": "unix dgram ESTAB rq=0",
		"packets": "unix seqpacket ESTAB rq=0", "other packets": "unix seqpacket ESTAB rq=0",
		"listener": "unix stream LISTEN rq=0 accept=1/5", "abstract": "unix stream LISTEN rq=0 accept=0/0",
		"unnamed": "unix stream ESTAB rq=0", "accepted unnamed": "unix stream ESTAB rq=0",
		"autobound": "unix stream ESTAB rq=0", "accepted autobound": "unix stream ESTAB rq=0",
		"waiting": "unix stream ESTAB rq=0", "bound to nothing": "unix stream UNCONN rq=0",
	}
}

var sendQueue = regexp.MustCompile(` sq=\d+`)

func TestUnixRungsAgree(t *testing.T) {
	s, want := unixStage(t)
	for _, source := range []string{"getfd", "sock_diag"} {
		rows, err := ladder(t, s)[source]()
		s.must(err)
		got := s.said(rows)
		for name, text := range got {
			got[name] = sendQueue.ReplaceAllString(text, "") // what a byte weighs is the kernel's business
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", source, d)
		}
	}
}

func TestUnixEndsFindEachOtherOnEachRung(t *testing.T) {
	s, _ := unixStage(t)
	for source, rung := range ladder(t, s) {
		rows, err := rung()
		s.must(err)
		var all []*Socket
		for i := range rows {
			all = append(all, &rows[i])
		}
		Join(all)
		role := map[int]string{-1: "nobody"}
		for name, fd := range s.fds {
			role[fd] = name
		}
		got := map[string]string{}
		for _, row := range rows {
			got[role[row.FD]] = role[row.PeerFD]
		}
		for a, b := range map[string]string{
			"a": "b", "packets": "other packets", "datagrams": "other datagrams", "unnamed": "accepted unnamed",
			"autobound": "accepted autobound", "half": "nobody", "listener": "nobody", "waiting": "nobody",
		} {
			if source == "proc" && a != "half" && a != "listener" && a != "waiting" {
				continue // the text names no peers: nothing is guessed
			}
			if got[a] != b || b != "nobody" && got[b] != a {
				t.Errorf("%s: peer of %s is %s, and back %s", source, a, got[a], got[b])
			}
		}
		if source == "proc" && got["a"] != "nobody" {
			t.Errorf("proc: peer of a is %s", got["a"])
		}
	}
}

func TestUnixNamesAreWholeAndClean(t *testing.T) {
	s := newStage(t)
	nul := fmt.Sprintf("@runbook\x00%d\x1b[31m", os.Getpid())
	s.listen("abstract", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: nul}, 1)
	newline := filepath.Join(s.dir, "a\nb")
	s.listen("path", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: newline}, 1)
	var names []string
	for _, source := range []string{"getfd", "sock_diag"} {
		rows, err := ladder(t, s)[source]()
		s.must(err)
		for _, row := range rows {
			names = append(names, row.Local)
			if strings.ContainsAny(row.Local, "\x00\n\x1b") {
				t.Errorf("%s: %q", source, row.Local)
			}
		}
	}
	if len(names) != 4 || names[0] != names[2] || names[1] != names[3] || !strings.HasPrefix(names[0], fmt.Sprintf("@runbook@%d", os.Getpid())) {
		t.Errorf("names %q", names)
	}
}

func TestSocketsSkipsWhatWasClosedOrReused(t *testing.T) {
	s := newStage(t)
	s.listen("listener", unix.AF_INET, unix.SOCK_STREAM, loop4, 1)
	fds := s.descriptors()
	reused := fds[0]
	reused.Inode++
	closed := fds[0]
	closed.Num = 1 << 19
	live, err := NewLive(LiveOptions{})
	s.must(err)
	rows, err := live.Sockets(t.Context(), os.Getpid(), []FD{reused, closed, fds[0]})
	if err != nil || len(rows) != 1 || rows[0].Inode != fds[0].Inode || rows[0].Source != "getfd" || rows[0].NetNS != "" {
		t.Errorf("%+v, %v", rows, err)
	}
	none, err := live.Sockets(t.Context(), os.Getpid(), nil)
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("no descriptors gave %v, %v", none, err)
	}
}

func TestRefusedAttachFallsToSockDiag(t *testing.T) {
	s, want := tcpStage(t)
	live, err := NewLive(LiveOptions{RefuseAttach: true})
	s.must(err)
	want["bound to nothing"] = "no row"
	eventually(t, any(want), func() any {
		rows, err := live.Sockets(t.Context(), os.Getpid(), s.descriptors())
		s.must(err)
		for _, row := range rows {
			if row.Source != "sock_diag" {
				t.Errorf("%+v", row)
			}
		}
		return s.said(rows)
	})
	if _, err := live.Pipe(t.Context(), os.Getpid(), FD{Num: 0}); !Denied(err) {
		t.Errorf("pipe: %v", err)
	}
}

func TestSocketsOfAnEndedProcessAreNotNone(t *testing.T) {
	c := startCast(t, "idle")
	pid := c.cmd.Process.Pid
	c.end()
	for _, refuse := range []bool{false, true} {
		live, err := NewLive(LiveOptions{RefuseAttach: refuse})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := live.Sockets(t.Context(), pid, []FD{{Num: 3, Kind: "socket", Inode: 1}})
		if !errors.Is(err, fs.ErrNotExist) || rows != nil {
			t.Errorf("refuse %v: %v, %v", refuse, rows, err)
		}
	}
}

func TestTogetherDumpsOnceAndForAll(t *testing.T) {
	a, wantA := tcpStage(t)
	b, _ := unixStage(t)
	live, err := NewLive(LiveOptions{RefuseAttach: true})
	a.must(err)
	var ctx context.Context
	wantA["bound to nothing"] = "no row"
	eventually(t, any(wantA), func() any {
		ctx = Together(t.Context(), a.descriptors(), b.descriptors())
		rows, err := live.Sockets(ctx, os.Getpid(), a.descriptors())
		a.must(err)
		return a.said(rows)
	})
	// Bytes that come later are not in it: it is one moment.
	a.write("unread peer", 1)
	rows, err := live.Sockets(ctx, os.Getpid(), a.descriptors())
	a.must(err)
	if got := a.said(rows)["unread"]; got != wantA["unread"] {
		t.Errorf("a second dump was made: %s", got)
	}
	// One that it was not made for is read for itself.
	c := newStage(t)
	c.listen("listener", unix.AF_INET, unix.SOCK_STREAM, loop4, 1)
	if rows, err := live.Sockets(ctx, os.Getpid(), c.descriptors()); err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
}

// A cast is a helper process, this test binary again, that holds sockets until
// its standard input closes.
type cast struct {
	cmd *exec.Cmd
	in  interface{ Close() error }
	fds []FD
}

func startCast(t testing.TB, role string) *cast {
	t.Helper()
	return startCastWith(t, role)
}

// startCastWith gives the helper open files, from its fd 3 on.
func startCastWith(t testing.TB, role string, files ...*os.File) *cast {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCast$")
	cmd.Env = append(os.Environ(), "RUNBOOK_TEST_CAST="+role)
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = files
	if role == "namespace" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f.Close()
	}
	c := &cast{cmd: cmd, in: in}
	t.Cleanup(c.end)
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		var fd FD
		if _, err := fmt.Sscanf(lines.Text(), "%d %s %d", &fd.Num, &fd.Kind, &fd.Inode); err == nil {
			c.fds = append(c.fds, fd)
		}
	}
	return c
}

func (c *cast) end() {
	c.in.Close()
	c.cmd.Wait()
}

func TestCast(t *testing.T) {
	role := os.Getenv("RUNBOOK_TEST_CAST")
	if role == "" {
		t.Skip("a helper process of other tests")
	}
	var s *stage
	switch role {
	case "idle":
		s = newStage(t)
	case "namespace":
		raiseLoopback(t)
		s, _ = tcpStage(t)
		local, _ := unixStage(t)
		for _, fd := range local.descriptors() {
			s.put(fmt.Sprint(fd.Num), fd.Num)
		}
	case "crowd":
		s = newStage(t)
		at := s.listen("listener", unix.AF_INET, unix.SOCK_STREAM, loop4, 128)
		for i := range crowdEach / 2 {
			s.dial(fmt.Sprint(i), unix.AF_INET, unix.SOCK_STREAM, at)
			s.accept(fmt.Sprint("accepted ", i), "listener")
		}
	case "listener":
		s = newStage(t)
		s.listen("tcp", unix.AF_INET, unix.SOCK_STREAM, loop4, 1)
		s.listen("unix", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: os.Getenv("RUNBOOK_TEST_PATH")}, 1)
	}
	for _, fd := range s.descriptors() {
		fmt.Println(fd.Num, fd.Kind, fd.Inode)
	}
	fmt.Println("ready")
	if os.Getenv("RUNBOOK_TEST_ACCEPT") != "" {
		s.accept("accepted tcp", "tcp")
		s.accept("accepted unix", "unix")
	}
	os.Stdin.Read(make([]byte, 1))
}

func raiseLoopback(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		t.Fatal(err)
	}
}

func TestSocketsOfAnotherNetworkNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	c := startCast(t, "namespace")
	pid := c.cmd.Process.Pid
	if len(c.fds) < 20 {
		t.Fatalf("the helper made %d sockets", len(c.fds))
	}
	for _, refuse := range []bool{false, true} {
		live, err := NewLive(LiveOptions{RefuseAttach: refuse})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := live.Sockets(t.Context(), pid, c.fds)
		if err != nil {
			t.Fatal(err)
		}
		theirs, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		pairs := 0
		var all []*Socket
		for i := range rows {
			all = append(all, &rows[i])
			if rows[i].NetNS != theirs || theirs == "" {
				t.Errorf("netns %q, want %q", rows[i].NetNS, theirs)
			}
		}
		Join(all)
		for _, row := range rows {
			if row.PeerPID == pid {
				pairs++
			}
		}
		if pairs < 20 {
			t.Errorf("refuse %v: %d of %d sockets have a peer", refuse, pairs, len(rows))
		}
		// The text of that namespace has the same TCP rows.
		r := &reading{live: live, pid: pid, fds: c.fds, netns: theirs, shared: sharing(t.Context(), c.fds)}
		text, err := r.procNet(t.Context())
		if err != nil || len(text) < len(rows)-2 {
			t.Errorf("proc: %d rows of %d, %v", len(text), len(rows), err)
		}
	}
}

// ss(8) is an oracle: same states, same queues, for every TCP socket.
func TestSocketsAgreeWithSS(t *testing.T) {
	ss, err := exec.LookPath("ss")
	if err != nil {
		t.Skip("no ss here")
	}
	s, _ := tcpStage(t)
	rungs := ladder(t, s)
	eventually(t, any(""), func() any {
		out, err := exec.Command(ss, "-Htan").Output()
		s.must(err)
		theirs := map[string]string{}
		for line := range strings.Lines(string(out)) {
			if w := strings.Fields(line); len(w) >= 5 {
				theirs[w[3]+" "+w[4]] = strings.Join(w[:3], " ")
			}
		}
		rows, err := rungs["sock_diag"]()
		s.must(err)
		for _, row := range rows {
			recv, send, remote := row.RecvQ, row.SendQ, row.Remote
			if row.Listening() {
				recv, send, remote = row.AcceptQ, row.Backlog, "0.0.0.0:*"
			}
			if row.FIN && row.FD != s.fds["eof read"] {
				recv++ // ss counts the FIN until it is read
			}
			if row.State == "FIN-WAIT-1" {
				send++ // and ours until it is acknowledged
			}
			want := fmt.Sprintf("%s %d %d", row.State, recv, send)
			if got := theirs[row.Local+" "+remote]; got != want {
				return fmt.Sprintf("%s %s: ss says %q, we say %q", row.Local, remote, got, want)
			}
		}
		return ""
	})
}

var crowd = flag.Int("crowd", 0, "TCP sockets that other processes hold while BenchmarkSockets runs")

// BenchmarkSockets reads a process with some 30 sockets among -crowd others,
// on each rung.
func BenchmarkSockets(b *testing.B) {
	for left := *crowd; left > 0; left -= crowdEach {
		startCast(b, "crowd")
	}
	tcp, _ := tcpStage(b)
	local, _ := unixStage(b)
	for name, fd := range local.fds {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		tcp.must(err)
		tcp.put("unix "+name, dup)
	}
	for _, source := range []string{"getfd", "sock_diag", "proc"} {
		b.Run(source, func(b *testing.B) {
			rung := ladder(b, tcp)[source]
			b.ReportAllocs()
			var before, after unix.Rusage
			unix.Getrusage(unix.RUSAGE_SELF, &before)
			for b.Loop() {
				if _, err := rung(); err != nil {
					b.Fatal(err)
				}
			}
			unix.Getrusage(unix.RUSAGE_SELF, &after)
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op") // what a loaded machine does not change
		})
	}
}

// crowdEach is how many sockets one process of the crowd holds: the usual limit
// of descriptors is 20,000 or more.
const crowdEach = 15000
