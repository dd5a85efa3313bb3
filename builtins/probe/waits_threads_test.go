package probe_test

import "testing"

func TestWaitsOfThreads(t *testing.T) {
	tell(t, []story{
		{"receives from its child", parentAndChild + `
			100 syscall=recvfrom:8
			---`,
			`100 → 101 recv fd=8 certain unchanged`},
		{"receives from an address outside", `
			100 1 S "python3 app.py" syscall=recvfrom:8
			100:8 tcp ESTAB 10.0.0.2:6000 10.0.0.1:443
			---`,
			`100 → 10.0.0.1:443 recv fd=8 certain unchanged`},
		{"receives from itself: nobody else can end that", `
			100 1 S "python3 app.py" syscall=recvfrom:4 wchan=unix_stream_read_generic
			100:4 unix ESTAB peer=100:5
			100:5 unix ESTAB peer=100:4
			---`,
			``},
		{"receives from its child over a pair that has no address", `
			100 1   S "python3 app.py" syscall=recvfrom:4 wchan=unix_stream_read_generic
			101 100 S "python3 worker.py"
			100:4 unix ESTAB peer=101:5
			101:5 unix ESTAB peer=100:4
			---`,
			`100 → 101 recv fd=4 certain unchanged`},
		{"receives, the kernel does not say on what", parentAndChild + `
			100 syscall=denied wchan=unix_stream_read_generic
			---`,
			`100 → an unknown peer recv certain unchanged`},
		{"sends to its child", parentAndChild + `
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=2500000
			100 syscall=sendto:8
			---`,
			`100 → 101 send fd=8 bytes=2500000 certain unchanged`},
		{"sends, and got on a little between the looks", parentAndChild + `
			100 syscall=sendto:8
			---
			100 switches=9/0`,
			`100 → 101 send fd=8 bytes=0 certain`},
		{"a worker thread receives: its loop goes on", parentAndChild + `
			100/150 S syscall=recvfrom:8
			---`,
			`100 → 101 recv fd=8 unchanged beside`},
		{"connects to a listener that does not accept", `
			100 1   S "python3 app.py" syscall=connect:8
			101 100 S "_subactor[beta@101]"
			100:8 tcp SYN-SENT 127.0.0.1:6000 127.0.0.1:5000
			101:9 tcp LISTEN 127.0.0.1:5000 acceptq=129 backlog=128
			---`,
			`100 → 101 connect fd=8 certain unchanged
			 100 → 101 accept fd=9 unchanged`},
		{"connects over unix: the one full listener is whom it dials", `
			100 1   S "python3 app.py" syscall=connect:8 wchan=unix_wait_for_peer
			101 100 S "_subactor[beta@101]"
			102 100 S "_subactor[gamma@102]"
			100:8 unix UNCONN
			101:9 unix LISTEN /run/beta.sock acceptq=2 backlog=1
			102:9 unix LISTEN /run/gamma.sock
			---`,
			`100 → 101 connect fd=8 certain unchanged`},
		{"connects over unix, and two listeners are full: it is one of these", `
			100 1   S "python3 app.py" syscall=connect:8 wchan=unix_wait_for_peer
			101 100 S "_subactor[beta@101]"
			102 100 S "_subactor[gamma@102]"
			100:8 unix UNCONN
			101:9 unix LISTEN /run/beta.sock acceptq=2 backlog=1
			102:9 unix LISTEN /run/gamma.sock acceptq=2 backlog=1
			---`,
			`100 → 101 connect fd=8 unchanged
			 100 → 102 connect fd=8 unchanged`},
		{"connects over unix to somebody outside", `
			100 1   S "python3 app.py" syscall=connect:8 wchan=unix_wait_for_peer
			100:8 unix UNCONN
			---`,
			`100 → an unknown peer connect fd=8 certain unchanged`},

		{"waits for a child by its pid", family + `
			100 syscall=wait4:102
			---`,
			`100 → 102 waitpid certain unchanged`},
		{"waits for a child by its pidfd", family + `
			100:7 pidfd 101
			100 syscall=waitid:3:7
			---`,
			`100 → 101 waitpid certain unchanged`},
		{"waits for any child, of which there are two", family + `
			100 syscall=wait4:-1
			---`,
			`100 → 101 waitpid unchanged
			 100 → 102 waitpid unchanged`},
		{"waits for any child, of which there is one alive", family + `
			102 state=Z
			100 syscall=wait4:-1
			---`,
			`100 → 101 waitpid certain unchanged`},
		{"waits for children, and has none", `
			100 1 S "python3 app.py" syscall=wait4:-1
			---`,
			``},
		{"waits for a process that is not in the sample", family + `
			100 syscall=wait4:777
			---`,
			`100 → pid 777 waitpid certain unchanged`},
		{"vfork: the youngest child has not become another program", family + `
			100 state=D syscall=vfork
			---`,
			`100 → 102 vfork certain unchanged`},

		{"is stopped by a tracer within the sample, and outside of it", family + `
			101 state=t tracer=102
			102 state=t tracer=999
			---`,
			`101 → 102 traced certain unchanged
			 102 → pid 999 traced certain unchanged`},
		{"opens a FIFO", `
			100 1 S "python3 app.py" wchan=wait_for_partner
			---`,
			`100 → the other end of a FIFO fifo_open certain unchanged`},
	})
}

func TestWaitsOnPipes(t *testing.T) {
	tell(t, []story{
		{"writes to a full pipe that its parent should read", family + `
			100:5 pipe 77 r fill=65536/65536
			101:1 pipe 77 w fill=65536/65536
			101 syscall=write:1
			---`,
			`101 → 100 pipe_write fd=1 bytes=65536 certain unchanged`},
		{"two could read it: neither alone holds it up", family + `
			100:5 pipe 77 r
			102:5 pipe 77 r
			101:1 pipe 77 w fill=65536/65536
			101 syscall=write:1
			---`,
			`101 → 100 pipe_write fd=1 bytes=65536 unchanged
			 101 → 102 pipe_write fd=1 bytes=65536 unchanged`},
		{"a pipe of which it holds both ends itself", `
			100 1 S "python3 app.py" syscall=write:1
			100:1 pipe 77 w fill=65536/65536
			100:5 pipe 77 r
			---`,
			`100 → itself: it holds both ends of pipe:[77] pipe_write fd=1 bytes=65536 certain unchanged`},
		{"nobody of the sample holds the other end", `
			100 1 S "python3 app.py" syscall=write:1
			100:1 pipe 77 w fill=65536/65536
			---`,
			`100 → pipe:[77] pipe_write fd=1 bytes=65536 certain unchanged`},
		{"reads from an empty pipe into which its child should write", family + `
			100 syscall=read:5
			100:5 pipe 77 r fill=0/65536
			101:4 pipe 77 w
			---`,
			`100 → 101 pipe_read fd=5 bytes=0 certain unchanged`},
		{"the kernel hides the call: it is the one pipe that it has open for reading", family + `
			100 syscall=denied wchan=anon_pipe_read
			100:5 pipe 77 r
			100:6 pipe 78 w
			101:4 pipe 77 w
			---`,
			`100 → 101 pipe_read fd=5 certain unchanged`},
		{"the kernel hides the call, and there are two pipes", family + `
			100 syscall=denied wchan=anon_pipe_read
			100:5 pipe 77 r
			100:6 pipe 78 r
			101:4 pipe 77 w
			---`,
			`100 → a pipe pipe_read unchanged`},
		{"a FIFO is known by its path", family + `
			100 syscall=read:5 wchan=fifo_pipe_read
			100:5 file /run/fifo r
			101:4 file /run/fifo w
			---`,
			`100 → 101 pipe_read fd=5 certain unchanged`},
	})
}

func TestWaitsOnLocks(t *testing.T) {
	tell(t, []story{
		{"waits for a lock that another holds", family + `
			101:4 file /run/lock w
			102:4 file /run/lock w
			101 syscall=flock:4
			lock FLOCK WRITE 102 fe:00:5 waiters=101
			---`,
			`101 → 102 lock fd=4 certain unchanged`},
		{"who took the lock has ended; its child inherited the file, and with it the lock", family + `
			101:4 file /run/lock w
			102:4 file /run/lock w
			file 101/fdinfo/4 "pos:\t0\nflags:\t0100001\nino:\t5\n"
			file 102/fdinfo/4 "pos:\t0\nflags:\t0100001\nino:\t5\nlock:\t1: FLOCK  ADVISORY  WRITE 999 fe:00:5 0 EOF\n"
			101 syscall=flock:4
			lock FLOCK WRITE 999 fe:00:5 waiters=101
			---`,
			`101 → 102 lock fd=4 certain unchanged`},
		{"held by nobody whom we know", family + `
			101:4 file /run/lock w
			101 syscall=flock:4
			lock FLOCK WRITE 999 fe:00:5 waiters=101
			---`,
			`101 → pid 999 lock fd=4 certain unchanged`},
		{"held through an open file, not by a process, and nobody is known to have it open", family + `
			101 syscall=fcntl:4:7
			101:4 file /run/lock w
			lock OFDLCK WRITE -1 fe:00:5 waiters=101
			---`,
			`101 → whoever has inode fe:00:5 locked lock fd=4 certain unchanged`},
		{"both ends of an open file's lock: the waiter has no pid in the table, and blocks on that file", family + `
			101 syscall=fcntl:4:7
			101:4 file /run/lock w
			102:4 file /run/lock w
			file 102/fdinfo/4 "pos:\t0\nflags:\t0100001\nino:\t5\nlock:\t1: OFDLCK ADVISORY  WRITE -1 fe:00:5 0 EOF\n"
			file 101/fdinfo/4 "pos:\t0\nflags:\t0100001\nino:\t5\n"
			file locks "1: OFDLCK ADVISORY  WRITE -1 fe:00:5 0 EOF\n1: -> OFDLCK ADVISORY  WRITE -1 fe:00:5 0 EOF\n"
			---`,
			`101 → 102 lock fd=4 certain unchanged`},
		{"a thread beside the main one waits", family + `
			101/150 S syscall=flock:4
			lock FLOCK WRITE 102 fe:00:5 waiters=101
			---`,
			`101 → 102 lock fd=4 unchanged beside`},
		{"each thread was seen to wait for something else: the table of locks is dear, and is not read", family + `
			lock FLOCK WRITE 102 fe:00:5 waiters=101
			---`,
			``},
		{"what its only thread waits for is hidden, but for this table", family + `
			101 wchan=0 syscall=denied
			lock FLOCK WRITE 102 fe:00:5 waiters=101
			---`,
			`101 → 102 lock certain unchanged`},
		{"two that wait are two edges, the next in the queue too", family + `
			100 syscall=flock:4
			101 syscall=flock:4
			lock FLOCK WRITE 102 fe:00:5 waiters=100,101
			---`,
			`100 → 102 lock fd=4 certain unchanged
			 101 → 102 lock fd=4 certain unchanged`},
		{"somebody who is not in the sample waits", family + `
			lock FLOCK WRITE 102 fe:00:5 waiters=999
			---`,
			``},
	})
}

func TestWaitsLeavesOutWhoeverIsGone(t *testing.T) {
	tell(t, []story{
		{"the waiter ended between the looks", family + `
			101 syscall=wait4:102
			---
			gone 101`, ``},
		{"the holder ended between the looks: it is named by its pid alone", family + `
			101 syscall=wait4:102
			---
			gone 102`,
			`101 → pid 102 waitpid certain unchanged`},
		{"its pid is another process now", family + `
			102 syscall=wait4:101
			---
			gone 102
			102 100 S "another" syscall=wait4:101 age=1s`, ``},
	})
}

const family = `
	100 1   S "python3 app.py"       age=3m
	101 100 S "_subactor[beta@101]"  age=2m
	102 100 S "_subactor[gamma@102]" age=1m`
