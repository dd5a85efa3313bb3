package world_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
	"runbook/builtins/probe/world"
)

const want = `
100 1 S ["python3" "app.py" "a b"] python3 10m0s 1.5s uid=1000
101 100 S ["_subactor[beta b@101]"] _subactor[beta  9m0s 0s uid=1001
102 100 T ["python3" "-m" "tractor._child" "--uid" "('x y', 'uuid')" "--parent_addr" "('127.0.0.1', 1616)"] python3 1m0s 0s uid=1000
103 100 Z [] python3 1m0s 0s uid=1000
104 2 I [] kworker/0:1 1m0s 0s uid=1000
sample 0, 100: S cpu=1.5s ign=0 blk=0 fds=true
  thread 100 python3 S epoll epoll_wait fd=3 7/2
  thread 150 worker S pipe_read read fd=1 3/0
  fd 1 pipe pipe:[77] pid=0
  fd 3 epoll anon_inode:[eventpoll] pid=0
  fd 8 socket socket:[100008] pid=0
  fd 9 socket socket:[100009] pid=0
  fd 10 socket socket:[100010] pid=0
  socket 8 tcp ESTAB 127.0.0.1:5000>127.0.0.1:6000 rq=0 sq=10 fin=false accept=-1 peer=101:8
  socket 9 unix LISTEN /run/root.sock> rq=0 sq=0 fin=false accept=2 peer=0:-1
  socket 10 unix ESTAB /run/root.sock> rq=0 sq=0 fin=false accept=-1 peer=101:10
  epoll 3: 8=40000019
  epoll 3: 9=1
  pipe 1 65536/65536
sample 1, 100: R cpu=3.5s ign=0 blk=0 fds=true
  thread 100 python3 R running running fd=-1 7/2
sample 0, 101: S cpu=0s ign=4002 blk=4 fds=true
  thread 101 _subactor[beta  S epoll epoll_wait fd=3 1/0
  fd 0 pipe pipe:[77] pid=0
  fd 4 file /tmp/log pid=0
  fd 5 pidfd anon_inode:[pidfd] pid=100
  fd 6 eventfd anon_inode:[eventfd] pid=0
  fd 8 socket socket:[101008] pid=0
  fd 10 socket socket:[101010] pid=0
  socket 8 tcp CLOSE-WAIT 127.0.0.1:6000>127.0.0.1:5000 rq=45815 sq=0 fin=true accept=-1 peer=100:8
  socket 10 unix ESTAB @a897b>/run/root.sock rq=3 sq=0 fin=true accept=-1 peer=100:10
sample 1, 101: S cpu=0s ign=4002 blk=4 fds=true
  thread 101 _subactor[beta  S epoll epoll_wait fd=3 1/0
sample 0, 102: T cpu=0s ign=0 blk=0 fds=false
  thread 102 python3 T stopped none fd=-1 1/0
sample 1, 102: gone
sample 0, 103: Z cpu=0s ign=0 blk=0 fds=false
sample 1, 103: Z cpu=0s ign=0 blk=0 fds=false
sample 0, 104: I cpu=0s ign=0 blk=0 fds=true
  thread 104 kworker/0:1 I  none fd=-1 1/0
sample 1, 104: I cpu=0s ign=0 blk=0 fds=true
  thread 104 kworker/0:1 I  none fd=-1 1/0
lock POSIX 100 [{101 WRITE} {102 WRITE}]
`

// What a world says comes out at the other end of the real probes.
func TestWorldIsReadByTheProbes(t *testing.T) {
	h := probetest.World(t, `
		host uid=1000 ptrace_scope=-1 cpus=4
		100 1   S "python3 app.py 'a b'" age=10m cpu=1500ms switches=7/2 cgroup=/user.slice
		100/150 S name=worker syscall=read:1 switches=3/0
		101 100 S "_subactor[beta b@101]" age=9m uid=1001 ignored=2,15 blocked=3
		102 100 T "python3 -m tractor._child --uid '('x y', 'uuid')' --parent_addr '('127.0.0.1', 1616)'"
		103 100 Z "" comm=python3
		104 2   I "" comm=kworker/0:1
		100:1 pipe 77 w fill=65536/65536
		101:0 pipe 77 r fill=65536/65536
		100:3 epoll 8=40000019 9=1
		100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=10 lastrecv=3s
		101:8 tcp CLOSE-WAIT 127.0.0.1:6000 127.0.0.1:5000 rq=45815
		100:9 unix LISTEN /run/root.sock acceptq=2 backlog=5
		100:10 unix ESTAB /run/root.sock peer=101:10
		101:10 unix ESTAB @a897b remote=/run/root.sock peer=100:10 rq=3 fin
		101:4 file /tmp/log w
		101:5 pidfd 100
		101:6 link anon_inode:[eventfd]
		lock POSIX WRITE 100 fe:00:5 waiters=101,102
		denied sockets/102 102/fd
		--- over=2s
		100 cpu=3500ms state=R
		gone 102 101:4 100/150
	`)
	ctx := context.Background()
	procs, err := probe.PS(ctx, h, probe.PSQuery{All: true})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, p := range procs {
		fmt.Fprintf(&b, "%d %d %s %q %s %v %v uid=%d\n", p.PID, p.PPID, p.State, p.Args, p.Comm, p.Age, p.CPU, p.UID)
	}
	s, err := probe.TakeSample(ctx, h, procs, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Pairs {
		for i, r := range []probe.Reading{p.First, p.Second} {
			fmt.Fprintf(&b, "sample %d, %d:", i, r.Process.PID)
			if r.Gone {
				fmt.Fprintln(&b, " gone")
				continue
			}
			fmt.Fprintf(&b, " %s cpu=%v ign=%x blk=%x fds=%v\n", r.Process.State, r.Process.CPU, r.Signals.Ignored, r.Signals.Blocked, r.HasFDs)
			for _, t := range r.Threads {
				fmt.Fprintf(&b, "  thread %d %s %s %s %s fd=%d %d/%d\n", t.TID, t.Name, t.State, t.Family, t.Syscall, t.FD, t.Voluntary, t.Forced)
			}
			if i == 1 {
				continue
			}
			for _, f := range r.FDs {
				fmt.Fprintf(&b, "  fd %d %s %s pid=%d\n", f.Num, f.Kind, f.Link, f.PID)
			}
			for _, s := range r.Sockets {
				fmt.Fprintf(&b, "  socket %d %s %s %s>%s rq=%d sq=%d fin=%v accept=%d peer=%d:%d\n",
					s.FD, s.Family, s.State, s.Local, s.Remote, s.RecvQ, s.SendQ, s.FIN, s.AcceptQ, s.PeerPID, s.PeerFD)
			}
			for _, e := range r.Epoll {
				fmt.Fprintf(&b, "  epoll %d: %d=%x\n", e.EpollFD, e.FD, e.Events)
			}
			for fd, p := range r.Pipes {
				fmt.Fprintf(&b, "  pipe %d %d/%d\n", fd, p.Bytes, p.Capacity)
			}
		}
	}
	for _, l := range s.Locks {
		fmt.Fprintf(&b, "lock %s %d %v\n", l.Kind, l.PID, l.Waiters)
	}
	if diff := cmp.Diff(strings.TrimLeft(want, "\n"), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Who listens in a world is who listens there when somebody asks.
func TestListenersOfAWorld(t *testing.T) {
	h := probetest.World(t, `
		100 1 S "postgres"
		100:5 tcp LISTEN 127.0.0.1:5432 acceptq=3
		100:6 tcp6 LISTEN [::]:5432
		100:7 tcp LISTEN *:80
		100:8 unix LISTEN /run/root.sock
		100:9 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000
		101 100 S "postgres"
		101:5 tcp LISTEN 127.0.0.1:5432 ino=100005
	`)
	found, err := probe.Listeners(context.Background(), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range found {
		got = append(got, fmt.Sprintf("%s %s %d:%d %s q=%d %v", l.Family, l.Address, l.PID, l.FD, l.Comm, l.AcceptQ, l.Holders))
	}
	want := []string{
		"tcp 0.0.0.0:80 100:7 postgres q=0 [{100 7}]",
		"tcp 127.0.0.1:5432 100:5 postgres q=3 [{100 5} {101 5}]",
		"tcp6 [::]:5432 100:6 postgres q=0 [{100 6}]",
		"unix /run/root.sock 100:8 postgres q=-1 [{100 8}]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseNamesTheLineOfAMistake(t *testing.T) {
	for text, want := range map[string]string{
		"\n100 1 S":                                         `line 2: process 100: PID PPID STATE "COMMAND" [name=value…]; or options alone for one that is there already`,
		`100 1 S "x" colour=red`:                            `line 1: process 100: no option "colour"; there are age, blocked,`,
		`100 1 Q "x"`:                                       `line 1: process 100: no state "Q"; there are R, S, D, T, t, Z, X, I`,
		`100 one S "x"`:                                     `line 1: process 100: parent "one": not the pid of one`,
		`100 100 S "x"`:                                     `line 1: process 100: parent "100": not the pid of one`,
		`100 1 S "x`:                                        `line 1: a quote that does not end`,
		`100 1 S "x 'y"`:                                    `line 1: process 100: command line: a ' that does not end`,
		`100 1 S "x" age=old`:                               `line 1: process 100: age: "old" is no duration, as 5s, 1m30s or 250ms are`,
		`100 1 S "x" age=5`:                                 `line 1: process 100: age: "5" is no duration, as 5s, 1m30s or 250ms are`,
		`100 1 S "x" age=2000h`:                             `line 1: process 100: age: 2000h is longer than the machine is up, 1000h0m0s`,
		`100 1 S "x" cpu=-5s`:                               `line 1: process 100: cpu: -5s is below 0`,
		`100 1 S "x" uid=root`:                              `line 1: process 100: uid: "root" is no number`,
		`100 1 S "x" switches=5/-1`:                         `line 1: process 100: switches: -1 is below 0`,
		`100 1 S "x" caught=INT`:                            `line 1: process 100: caught: "INT" is no signal number`,
		`100 1 S "x" age=1s age=2s`:                         `line 1: process 100: age stands there twice`,
		`100 1 S "x" wchan=0 age`:                           `line 1: process 100: age: want age=VALUE`,
		"100 1 S x\n101 1 S x\n100 1 S y":                   `line 3: process 100: it is there already, since line 1`,
		"100 1 S x state=Q":                                 `line 1: process 100: state: no state "Q"; there are R, S,`,
		`100:3 epoll`:                                       `line 1: 100:3: there is no process 100 yet`,
		"100 1 S x\n100:3 epol":                             `line 2: 100:3: no kind "epol"; there are tcp, tcp6, unix, epoll, pipe, file, pidfd, timerfd, link`,
		"100 1 S x\n100:3 epoll 8=xyz":                      `line 2: 100:3: epoll: "8=xyz" is not FD=EVENTS, in hexadecimal`,
		"100 1 S x\n100:3 tcp":                              `line 2: 100:3: tcp|tcp6|unix STATE LOCAL [REMOTE] [name=value…]`,
		"100 1 S x\n100:3 tcp ESTABX *:1":                   `line 2: 100:3: no state "ESTABX"; there are ESTAB, SYN-SENT, SYN-RECV, FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, UNCONN, CLOSE-WAIT, LAST-ACK, LISTEN, CLOSING`,
		"100 1 S x\n100:3 tcp ESTAB a *:1":                  `line 2: 100:3: "a" is no address, as 127.0.0.1:5000 or [::1]:5000 are`,
		"100 1 S x\n100:3 tcp ESTAB *:1 rq=-1":              `line 2: 100:3: rq: -1 is below 0`,
		"100 1 S x\n100:3 tcp ESTAB *:1 fin=1":              `line 2: 100:3: fin takes no value, not "1"`,
		"100 1 S x\n100:3 tcp ESTAB *:1 backlog=1":          `line 2: 100:3: no option "backlog"; there are cred, fin,`,
		"100 1 S x\n100:3 pipe 5 r\n100:3 pipe 5 w":         `line 3: 100:3: it is there already, since line 2`,
		"100 1 S x\n100:3 pipe 7 x":                         `line 2: 100:3: pipe INODE r|w [fill=BYTES/CAPACITY]`,
		"100 1 S x\n100:3 pipe 7 r fill=9/5":                `line 2: 100:3: fill: 9 bytes do not fit into 5`,
		"100 1 S x\n100:3 file /x":                          `line 2: 100:3: file PATH r|w|rw [ino=N]`,
		"100 1 S x\n100:3 file /x w inode=5":                `line 2: 100:3: no option "inode"; there are ino`,
		"100 1 S x\n100:3 file /x w ino=fe:00:5":            `line 2: 100:3: ino: "fe:00:5" is no number: want the inode alone, 5`,
		"100 1 S x\n100:3 pidfd me":                         `line 2: 100:3: pidfd PID`,
		"100 1 S x\n100/7 wchan=0":                          `line 2: 100/7: PID/TID STATE [name=value…]`,
		"100 1 S x\n100/7 Sleeps":                           `line 2: 100/7: no state "Sleeps"; there are R, S,`,
		"100 1 S x\n100:3 unix ESTAB peer=9:9":              `line 2: 100:3: peer 9:9 is no socket`,
		"100 1 S x\n100:3 unix ESTAB peer=9":                `line 2: 100:3: peer: "9" is not PID:FD`,
		"host arch=amd64\n100 1 S \"x\" syscall=frobnicate": `line 2: 100/100: syscall "frobnicate": give its number on amd64`,
		"100 1 S x\n100/101 S syscall=read:x":               `line 2: 100/101: syscall read: argument "x" is no number`,
		"gone 5":                                            `line 1: gone 5: it is not there`,
		"lock FLOCK":                                        `line 1: lock KIND MODE PID DEV:INODE [waiters=…]`,
		"lock A B 1 2":                                      `line 1: lock: no kind "A"; there are FLOCK, POSIX, OFDLCK, LEASE, DELEG`,
		"lock FLOCK B 1 2":                                  `line 1: lock: no mode "B"; there are READ, WRITE`,
		"lock FLOCK WRITE me 2":                             `line 1: lock: "me" is no pid (-1: of an open file, 0: of somebody who cannot be seen)`,
		"lock FLOCK WRITE 1 2":                              `line 1: lock: "2" is not DEV:INODE, as fe:00:5 is`,
		"lock FLOCK WRITE 1 fe:00:5 waiters=x":              `line 1: lock: waiters: "x" is no pid`,
		"host uid=a":                                        `line 1: host: uid: "a" is no number`,
		"host load=1,2":                                     `line 1: host: load: "1,2" is not three numbers, as 0.1,0.2,0.3 are`,
		"host arch=m68k":                                    `line 1: host: arch: no arch "m68k"; there are amd64, arm64`,
		"frobnicate":                                        `line 1: no line begins with "frobnicate"; there are PID, PID/TID, PID:FD, host, lock, file, python, denied, timeout, gone, chosen, doing, ---`,
		"file /proc/locks \"\"":                             `line 1: file /proc/locks: want a path below proc, as locks or 100/status`,
		"file 100/status \"\"":                              `line 1: file 100/status: there is no process 100`,
		"100 1 S x\ndenied 100/fd 100/syscal":               `line 2: denied 100/syscal: it is no file of the world; there are 100/cgroup, 100/cmdline,`,
		"100 1 S x\n100:3 epoll\ndenied 100/fdinfo/4":       `line 3: denied 100/fdinfo/4: it is no file of the world; there are 100/cgroup,`,
		"denied sockets/100":                                `line 1: denied sockets/100: there is no process 100`,
		"timeout lock":                                      `line 1: timeout lock: it is no file of the world; there are ., loadavg, locks, self/wchan`,
		"chosen 100":                                        `line 1: chosen PID… ["WHY"]: there is no process 100 yet`,
		"python 5 3.11":                                     `line 1: python: there is no process 5 yet`,
		"100 1 S x\npython 100 task a parked":               `line 2: python PID VERSION [unproven]; or`,
		"100 1 S x\npython 100 3.x":                         `line 2: python PID VERSION [unproven]; or`,
		"100 1 S x\npython 100 3.11\npython 100 task a parked \"f\"":                            `line 3: "f" is not "FUNCTION FILE:LINE SOURCE"`,
		"100 1 S x\npython 100 3.11\npython 100 task a gone":                                    `line 3: task a: no state "gone"; there are parked, running, runnable`,
		"100 1 S x\npython 100 3.11\npython 100 task a parked wait=lok":                         `line 3: task a: wait: no wait "lok"; there are read, write, lock,`,
		"100 1 S x\npython 100 3.11\npython 100 task a parked owner=b":                          `line 3: task a: owner=b, and wait= says of what`,
		"100 1 S x\npython 100 3.11\npython 100 task a parked candidate=b":                      `line 3: task a: candidate=b, and wait= says of what, owner= that it is known`,
		"100 1 S x\npython 100 3.11\npython 100 task a parked \"f /a:1\" wait=send candidate=b": `line 3: task a: candidate=b: there is no such task`,
		"100 1 S x\npython 100 3.11\npython 100 task a parked \"f /a:1\" wait=lock owner=b":     `line 3: task a: owner=b: there is no such task`,
		"--- over=soon":   `line 1: ---: over: "soon" is no duration, as 5s, 1m30s or 250ms are`,
		"--- over=-1s":    `line 1: ---: over: -1s is below 0`,
		"100 1 S \"\\q\"": `line 1: "\q": only \" and \\, \n and \t stand behind a \`,
	} {
		var m *world.Mistake
		if _, err := world.Parse(text); !errors.As(err, &m) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestWorldCanBeSavedAndReadAgain(t *testing.T) {
	var b bytes.Buffer
	if err := probetest.World(t, "100 1 S x\n---\n100 cpu=1s").Save(&b); err != nil {
		t.Fatal(err)
	}
	s, err := probe.ReadSnapshot(&b)
	if err != nil {
		t.Fatal(err)
	}
	if over, err := s.Sleep(context.Background(), 0); over != time.Second || err != nil {
		t.Errorf("over %v %v", over, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("100 1 S \"x\" age=1m\n100:3 epoll 4=1\n100:4 tcp ESTAB a b rq=1\n---\ngone 100:4")
	f.Add("host load=1,2,3\nlock FLOCK WRITE 1 0:0:1 waiters=2\ndenied 1/stat\nfile locks \"\"")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := world.Parse(text)
		if err != nil {
			return
		}
		procs, _ := probe.PS(context.Background(), s, probe.PSQuery{All: true})
		_, _ = probe.TakeSample(context.Background(), s, procs, time.Second)
	})
}
