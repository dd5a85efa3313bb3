// Package world makes a small world out of a few lines, for the tests of recipes
// and for our own: a host with just the processes, descriptors and sockets that a
// story needs.
//
//	h, err := world.Parse(`
//		100 1   S "python3 app.py"      age=10m wchan=do_epoll_wait
//		101 100 S "_subactor[beta@101]" age=9m  wchan=do_epoll_wait
//		100:3 epoll 8=40000019
//		100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=0
//		101:3 epoll 8=40000000
//		101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=45815
//		--- over=1s
//		101 cpu=2s
//	`)
//
// A line begins with what it is about. Words are separated by blanks; "…" holds
// blanks, with \" and \\ inside. # begins a comment. Options are name=value.
// Whatever a line leaves out has the value that such a process would have.
//
// # Processes
//
//	PID PPID STATE "COMMAND LINE" [option…]
//
// STATE is a letter as in ps. The command line is split at blanks, with '…'
// around an argument that has some: --uid '('beta', 'uuid')'. One that begins
// with _subactor[ is a title, and one argument. Options:
//
//	comm=python3   its name; of argv[0] otherwise
//	uid=1000       age=10m        cpu=1.5s       tracer=99
//	sid=100        pgid=100       the root's, of its tree, otherwise
//	cgroup=/x      exe=/usr/bin/python3          netns=net:[4026531840]
//	exit=9         of one that has ended, as wait(2) tells it: 9 SIGKILL, 512 exit status 2
//	ignored=2,15   blocked=2      caught=2       signal numbers; Python catches 2
//	and the options of its main thread, below
//
// # Threads
//
//	PID/TID STATE [option…]
//
//	name=worker    wchan=futex_do_wait           "0" where it runs, otherwise guessed from syscall
//	syscall=read:7:0x10     name or number, then arguments; "running", "denied";
//	                        guessed from wchan otherwise; a poll or select
//	                        without arguments has descriptors
//	cpu=0s         switches=100/3                voluntary / forced
//
// # Descriptors
//
//	PID:FD tcp|tcp6 STATE LOCAL [REMOTE] [option…]
//	PID:FD unix STATE [LOCAL] [option…]          "" = unnamed
//	   rq=0 sq=0 fin lastrecv=1s received=N type=stream ino=N
//	                                             rq=unknown: nobody could read it
//	   acceptq=0 backlog=128                     of a listener
//	   peer=PID:FD                               the other end of a UNIX socket
//	   remote=/run/x.sock cred=PID source=getfd
//	PID:FD epoll [FD=EVENTS …]                   events in hexadecimal, as in fdinfo
//	PID:FD pipe INODE r|w [fill=65536/65536]
//	PID:FD file PATH r|w|rw [ino=5]              also FIFOs, ttys, /dev/null; ino as in `lock`
//	PID:FD pidfd PID
//	PID:FD timerfd 2.5s                          until it expires; 0s: not armed
//	PID:FD link TEXT                             anything else: anon_inode:[eventfd]
//
// # Python
//
//	python PID 3.11 [unproven]                   unproven: it ran while it was read
//	python PID thread NAME "FUNCTION FILE:LINE SOURCE"… [gil tid=N back=SECONDS]
//	python PID task NAME parked "FUNCTION FILE:LINE SOURCE"… [option…]
//
// The frames of a thread stand innermost first, those of a task outermost first,
// as pystack gives them; SOURCE may be missing. Options of a task:
//
//	wait=lock      owner=TASK     fd=8            pid=9        detail="…"
//	parent=TASK    nursery=0      schedules=7     candidate=TASK deadline=9
//	cancelled      shielded       deaf            endless                    library=asyncio  tid=N
//
// # The rest
//
//	host uid=1000 kernel=6.18.0 arch=amd64 name=box cpus=2 load=0.1,0.2,0.3 ptrace_scope=-1
//	lock FLOCK|POSIX|OFDLCK READ|WRITE PID DEV:INODE [waiters=101,102]
//	file PATH "TEXT"        any file below proc, "\n" is a line's end
//	denied PATH…            reading it fails: 101/syscall, 101/fd, sockets/101, pipe/101/1
//	timeout PATH…           as above
//	gone PID | PID:FD | PID/TID
//	chosen PID… ["WHY"]     a tree that whoever captured it chose, its root first, and why it is overdue
//	doing PID "TEXT"        what a process of that tree said that it was at
//
// # Samples
//
// A line --- begins the next sample (over=1s otherwise). Everything stays as
// it was but for what the lines below it say; a process or thread that is
// already there may be named with options alone: `101 cpu=2s`. Nothing may be
// said twice in one sample, and what no kernel would show is a mistake.
package world
