package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func newLive(t testing.TB) *Live {
	t.Helper()
	live, err := NewLive(LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	live.deadline = 30 * time.Second // net/tcp is long where other tests left sockets behind
	return live
}

// dialOut connects to a helper process that listens at a TCP address and at a
// socket file, which come back.
func dialOut(t *testing.T) (s *stage, c *cast, address, path string) {
	s = newStage(t)
	path = filepath.Join(s.dir, "helper@1616.sock")
	t.Setenv("RUNBOOK_TEST_PATH", path)
	c = startCast(t, "listener")
	rows, err := newLive(t).Sockets(t.Context(), c.cmd.Process.Pid, c.fds)
	s.must(err)
	for _, row := range rows {
		if row.Family == "tcp" {
			address = row.Local
		}
	}
	_, port, _ := strings.Cut(address, ":")
	number, err := strconv.Atoi(port)
	s.must(err)
	s.dial("tcp", unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: loop4.Addr, Port: number})
	s.dial("unix", unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
	return s, c, address, path
}

func TestPeersOutsideAreFoundOnRequest(t *testing.T) {
	t.Setenv("RUNBOOK_TEST_ACCEPT", "1")
	s, c, _, _ := dialOut(t)
	pid := c.cmd.Process.Pid
	live := newLive(t)
	eventually(t, any([]int{pid, pid}), func() any {
		rows, err := live.Sockets(t.Context(), os.Getpid(), s.descriptors())
		s.must(err)
		var all []*Socket
		for i := range rows {
			all = append(all, &rows[i])
		}
		Join(all)
		for _, row := range rows {
			if row.PeerPID != 0 {
				t.Errorf("joined without looking: %+v", row)
			}
		}
		s.must(OutsidePeers(t.Context(), live, all))
		return []int{rows[0].PeerPID, rows[1].PeerPID}
	})
}

func TestOwnerlessRowsAreWhatNobodyHolds(t *testing.T) {
	s := newStage(t)
	at := s.listen("listener", unix.AF_INET, unix.SOCK_STREAM, loop4, 7).(*unix.SockaddrInet4)
	s.dial("waiting", unix.AF_INET, unix.SOCK_STREAM, at)
	s.dial("orphan", unix.AF_INET, unix.SOCK_STREAM, at)
	s.write("waiting", 5)
	live := newLive(t)
	want := map[string]int{"ESTAB rq=5": 1, "ESTAB rq=0": 1} // the far ends, not accepted
	eventually(t, any(want), func() any {
		rows, err := Ownerless(t.Context(), live, os.Getpid(), []int{at.Port})
		s.must(err)
		got := map[string]int{}
		for _, row := range rows {
			if row.PID != 0 || row.FD != -1 || !strings.HasSuffix(row.Local, fmt.Sprint(":", at.Port)) {
				t.Errorf("%+v", row)
			}
			got[fmt.Sprintf("%s rq=%d", row.State, row.RecvQ)]++
		}
		return got
	})
	all, err := Ownerless(t.Context(), live, os.Getpid(), nil)
	if err != nil || len(all) < 2 {
		t.Errorf("all ports: %d rows, %v", len(all), err)
	}
}

func TestListenersNameWhoOwnsAnAddress(t *testing.T) {
	_, c, address, path := dialOut(t)
	pid := c.cmd.Process.Pid
	_, port, _ := strings.Cut(address, ":")
	for _, addr := range []string{address, path, port, ":" + port, "localhost:" + port} {
		list, err := Listeners(t.Context(), newLive(t), []string{addr})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || list[0].PID != pid || list[0].Comm == "" || list[0].AcceptQ != 1 || list[0].Backlog != 1 || list[0].FD < 3 {
			t.Errorf("%s: %+v", addr, list)
		}
	}
	list, err := Listeners(t.Context(), newLive(t), []string{"127.0.0.2:" + port, path + "x"})
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("nobody listens there, but: %+v, %v", list, err)
	}
	// The same through text alone, as a recorder sees it.
	text, err := Listeners(t.Context(), struct{ Host }{newLive(t)}, []string{address, path})
	if err != nil || len(text) != 2 || text[0].PID != pid || text[1].PID != pid || text[0].AcceptQ != 1 || text[0].Backlog != -1 {
		t.Errorf("%+v, %v", text, err)
	}
}

func TestAddressesAnswer(t *testing.T) {
	for _, test := range []struct {
		family, local, asked string
		want                 bool
	}{
		{"tcp", "127.0.0.1:1616", "127.0.0.1:1616", true},
		{"tcp", "127.0.0.1:1616", "127.0.0.1:1617", false},
		{"tcp", "127.0.0.1:1616", "127.0.0.2:1616", false},
		{"tcp", "127.0.0.1:1616", "1616", true},
		{"tcp", "127.0.0.1:1616", ":1616", true},
		{"tcp", "0.0.0.0:1616", "127.0.0.1:1616", true},
		{"tcp", "0.0.0.0:1616", "[::1]:1616", false},
		{"tcp6", "[::]:1616", "127.0.0.1:1616", true},
		{"tcp6", "[::]:1616", "[::1]:1616", true},
		{"tcp6", "[::ffff:127.0.0.1]:1616", "127.0.0.1:1616", true},
		{"tcp", "127.0.0.1:1616", "0.0.0.0:1616", true},
		{"tcp", "127.0.0.1:1616", "nonsense", false},
		{"unix", "/run/r.sock", "/run/r.sock", true},
		{"unix", "@r", "@r", true},
		{"unix", "", "", false},
	} {
		if got := answers(&Socket{Family: test.family, Local: test.local}, test.asked); got != test.want {
			t.Errorf("%s %s answers %q: %v", test.family, test.local, test.asked, got)
		}
	}
}

func TestSocketFilesByKernelTruth(t *testing.T) {
	_, c, _, path := dialOut(t)
	dir := filepath.Dir(path)
	s := newStage(t)
	bind := func(name string) {
		s.listen(name, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: filepath.Join(dir, name)}, 1)
	}
	bind("gone@999999999.sock")
	s.close("gone@999999999.sock") // the file stays
	mine := fmt.Sprintf("a@b@%d.sock", os.Getpid())
	bind(mine)
	bind("renamed")
	s.must(os.Rename(filepath.Join(dir, "renamed"), filepath.Join(dir, "other name")))
	s.must(os.WriteFile(filepath.Join(dir, "plain@1.sock"), nil, 0o600))

	files, err := UDSFiles(t.Context(), newLive(t), dir)
	s.must(err)
	for i := range files {
		if files[i].Age < 0 || files[i].Age > time.Minute {
			t.Errorf("%s is %v old", files[i].Path, files[i].Age)
		}
		files[i].Age = 0
	}
	want := []UDSFile{
		{Path: filepath.Join(dir, mine), Owner: "a@b", PID: os.Getpid(), PIDAlive: true, Listening: true, HolderPID: os.Getpid()},
		{Path: filepath.Join(dir, "gone@999999999.sock"), Owner: "gone", PID: 999999999},
		{Path: path, Owner: "helper", Listening: true, HolderPID: c.cmd.Process.Pid}, // 1616 is not a pid
		{Path: filepath.Join(dir, "other name"), Owner: "other name", Listening: true, HolderPID: os.Getpid()},
	}
	if d := cmp.Diff(want, files); d != "" {
		t.Error(d)
	}
	none, err := UDSFiles(t.Context(), newLive(t), filepath.Join(dir, "nowhere"))
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("no directory: %v, %v", none, err)
	}
	if _, err := UDSFiles(t.Context(), procText{}, dir); err == nil {
		t.Error("a host of text knows of socket files")
	}
}

func TestSharedMemoryThatNobodyUses(t *testing.T) {
	s := newStage(t)
	for _, name := range []string{"left", "mapped", "open"} {
		s.must(os.WriteFile(filepath.Join(s.dir, name), make([]byte, 4096), 0o600))
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "mapped"), os.O_RDWR, 0)
	s.must(err)
	m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	s.must(err)
	t.Cleanup(func() { unix.Munmap(m) })
	f.Close()
	f, err = os.Open(filepath.Join(s.dir, "open"))
	s.must(err)
	t.Cleanup(func() { f.Close() })

	segments, err := sharedMemory(t.Context(), newLive(t), s.dir, true)
	s.must(err)
	got := map[string]string{}
	for _, seg := range segments {
		if seg.Size != 4096 || seg.UID != os.Getuid() || seg.Age < 0 || seg.Age > time.Minute {
			t.Errorf("%+v", seg)
		}
		got[filepath.Base(seg.Path)] = fmt.Sprint(seg.MappedBy)
	}
	me := fmt.Sprint([]int{os.Getpid()})
	if d := cmp.Diff(map[string]string{"left": "[]", "mapped": me, "open": me}, got); d != "" {
		t.Error(d)
	}
	if _, err := SharedMemory(t.Context(), newLive(t), true); err != nil {
		t.Error(err)
	}

	// Who only wants to know what there is reads no process, and claims nothing.
	var l Ledger
	segments, err = sharedMemory(WithLedger(t.Context(), &l), newLive(t), s.dir, false)
	s.must(err)
	for _, seg := range segments {
		if seg.Certain || len(seg.MappedBy) > 0 {
			t.Errorf("%+v, without a look at its users", seg)
		}
	}
	if len(segments) != 3 || len(l.Rows()) > 0 {
		t.Errorf("%d segments, read %v", len(segments), l.Rows())
	}
}

func TestEpollOfALiveProcess(t *testing.T) {
	s := newStage(t)
	at := s.listen("listener", unix.AF_INET, unix.SOCK_STREAM, loop4, 1)
	s.dial("armed", unix.AF_INET, unix.SOCK_STREAM, at)
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	s.must(err)
	s.put("epoll", ep)
	nested, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	s.must(err)
	s.put("nested", nested)
	add := func(name string, events uint32) {
		s.must(unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, s.fds[name], &unix.EpollEvent{Events: events, Fd: int32(s.fds[name])}))
	}
	add("listener", EPOLLONESHOT)
	add("armed", EPOLLONESHOT|EPOLLIN|EPOLLOUT)
	add("nested", EPOLLIN)

	items, err := Epoll(t.Context(), newLive(t), os.Getpid(), s.descriptors())
	s.must(err)
	got := map[int]EpollItem{}
	for _, item := range items {
		got[item.FD] = item
	}
	inode := func(name string) uint64 { return describe(t, s.fds[name]).Inode }
	kernel := uint32(0x18) // EPOLLERR and EPOLLHUP, which the kernel adds
	for name, want := range map[string]EpollItem{
		"listener": {EpollFD: ep, FD: s.fds["listener"], Events: EPOLLONESHOT | kernel, Inode: inode("listener")},
		"armed":    {EpollFD: ep, FD: s.fds["armed"], Events: EPOLLONESHOT | EPOLLIN | EPOLLOUT | kernel, Inode: inode("armed")},
	} {
		if d := cmp.Diff(want, got[s.fds[name]]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if len(items) != 3 || got[nested].Events != EPOLLIN|kernel {
		t.Errorf("%+v", items)
	}
	var ledger Ledger
	none, err := Epoll(WithLedger(t.Context(), &ledger), newLive(t), os.Getpid(), nil)
	if err != nil || none == nil || len(none) != 0 || len(ledger.Rows()) != 1 {
		t.Errorf("%v, %v, %v", none, err, ledger.Rows())
	}
}

func TestPipesTellFillAndBothEnds(t *testing.T) {
	s := newStage(t)
	var ends [2]int
	s.must(unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	s.put("read", ends[0])
	s.put("write", ends[1])
	s.write("write", 100)
	path := filepath.Join(s.dir, "a fifo")
	s.must(unix.Mkfifo(path, 0o600))
	fifo, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	s.must(err)
	s.put("fifo", fifo)
	s.write("fifo", 7)

	reading := Reading{Process: Process{ID: ID{PID: os.Getpid()}}, FDs: s.descriptors(), HasFDs: true}
	pipes, err := Pipes(t.Context(), newLive(t), []Reading{reading}, false)
	s.must(err)
	ref := func(name string) []FDRef { return []FDRef{{os.Getpid(), s.fds[name]}} }
	want := []Pipe{
		{Inode: describe(t, ends[0]).Inode, Fill: &PipeFill{100, 65536}, Readers: ref("read"), Writers: ref("write")},
		{Path: path, Fill: &PipeFill{7, 65536}, Readers: ref("fifo"), Writers: ref("fifo")},
	}
	if os.Getuid() != 0 {
		want[0].Fill.Capacity, want[1].Fill.Capacity = pipes[0].Fill.Capacity, pipes[1].Fill.Capacity // users have a quota
	}
	if d := cmp.Diff(want, pipes); d != "" {
		t.Error(d)
	}
	for err == nil {
		_, err = unix.Write(ends[1], make([]byte, 4096))
	}
	pipes, err = Pipes(t.Context(), newLive(t), []Reading{reading}, false)
	if err != nil || !pipes[0].Full() || pipes[1].Full() {
		t.Errorf("%+v %+v, %v", pipes[0].Fill, pipes[1].Fill, err)
	}
	refused, err := NewLive(LiveOptions{RefuseAttach: true})
	s.must(err)
	var ledger Ledger
	pipes, err = Pipes(WithLedger(t.Context(), &ledger), refused, []Reading{reading}, false)
	if err != nil || len(pipes) != 2 || pipes[0].Fill != nil || pipes[0].Full() || len(ledger.Rows()) == 0 {
		t.Errorf("%+v, %v, %+v", pipes, err, ledger.Rows())
	}
}

func TestPipeHoldersEverywhere(t *testing.T) {
	s := newStage(t)
	var ends [2]int
	s.must(unix.Pipe2(ends[:], unix.O_CLOEXEC))
	s.put("read", ends[0])
	s.put("write", ends[1])
	child := startCastWith(t, "idle", os.NewFile(uintptr(mustDup(t, ends[0])), "pipe"))
	reading := Reading{Process: Process{ID: ID{PID: os.Getpid()}}, FDs: s.descriptors(), HasFDs: true}
	pipes, err := Pipes(t.Context(), newLive(t), []Reading{reading}, true)
	s.must(err)
	readers := map[int]bool{}
	for _, ref := range pipes[0].Readers {
		readers[ref.PID] = true
	}
	if len(pipes) != 1 || !readers[child.cmd.Process.Pid] || !readers[os.Getpid()] {
		t.Errorf("%+v", pipes)
	}
	for _, ref := range pipes[0].Writers {
		if ref.PID != os.Getpid() {
			t.Errorf("%+v", pipes)
		}
	}
}

func mustDup(t *testing.T, fd int) int {
	t.Helper()
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return dup
}

func TestLiveLockNamesItsFile(t *testing.T) {
	s := newStage(t)
	path := filepath.Join(s.dir, "a.lock")
	f, err := os.Create(path)
	s.must(err)
	t.Cleanup(func() { f.Close() })
	s.must(unix.Flock(int(f.Fd()), unix.LOCK_EX))
	waiter := func() { // another description: it waits as another process would
		g, err := os.Open(path)
		if err == nil {
			unix.Flock(int(g.Fd()), unix.LOCK_EX)
			g.Close()
		}
	}
	done := make(chan bool)
	go func() { waiter(); close(done) }()
	t.Cleanup(func() { unix.Flock(int(f.Fd()), unix.LOCK_UN); <-done })
	info, err := f.Stat()
	s.must(err)
	eventually(t, any("waited for"), func() any {
		locks, err := Locks(t.Context(), newLive(t))
		s.must(err)
		for _, l := range locks {
			if l.Inode == fileOf(info).inode && l.PID == os.Getpid() {
				if len(l.Waiters) == 0 {
					return "nobody waits yet"
				}
				if l.Path != path || l.Kind != "FLOCK" || l.Mode != "WRITE" || len(l.Holders) == 0 {
					t.Errorf("%+v", l)
				}
				return "waited for"
			}
		}
		return "no such lock"
	})
}
