package probe

import (
	"fmt"
	"os/exec"
	"regexp"
	"testing"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

var benchMatch = regexp.MustCompile(`tractor\._child|_subactor\[|no such process at all`)

// BenchmarkScan finds out that no process of this machine matches; the metric
// is the cost of one process.
func BenchmarkScan(b *testing.B) {
	l := live(b, LiveOptions{})
	names, err := l.ReadDir(b.Context(), ".")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, name := range names {
		if name[0] >= '0' && name[0] <= '9' {
			n++
		}
	}
	cpu := cpuTime(b, n)
	for b.Loop() {
		if _, err := PS(b.Context(), l, PSQuery{Match: benchMatch}); err != nil {
			b.Fatal(err)
		}
	}
	cpu()
}

// cpuTime reports the processor time of a benchmark's loop, for each of n
// things in it: on a machine with others on it, the wall clock says little.
func cpuTime(b *testing.B, n int) func() {
	used := func() int64 {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return r.Utime.Nano() + r.Stime.Nano()
	}
	before := used()
	return func() {
		b.ReportMetric(float64(used()-before)/1e3/float64(b.N)/float64(n), "cpu-µs/each")
	}
}

// The same through procfs: what the scan is measured against.
func BenchmarkScanProcfs(b *testing.B) {
	procs, err := procfs.AllProcs()
	if err != nil {
		b.Fatal(err)
	}
	cpu := cpuTime(b, len(procs))
	for b.Loop() {
		if procs, err = procfs.AllProcs(); err != nil {
			b.Fatal(err)
		}
		for _, p := range procs {
			p.CmdLine()
		}
	}
	cpu()
}

// And as a whole process of ps.
func BenchmarkScanPs(b *testing.B) {
	if _, err := exec.LookPath("ps"); err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if err := exec.Command("ps", "-eo", "pid,args").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTree finds a tree of 13 by its root, as with --pid, and reads its
// processes.
func BenchmarkTree(b *testing.B) {
	l, root := live(b, LiveOptions{}), benchTree(b)
	cpu := cpuTime(b, 1)
	for b.Loop() {
		got, err := PS(b.Context(), l, PSQuery{PIDs: []int{root}, Relatives: true})
		if err != nil || len(got) < 13 {
			b.Fatal(len(got), err)
		}
	}
	cpu()
}

// BenchmarkChildren walks the same tree, and reads nothing else.
func BenchmarkChildren(b *testing.B) {
	l, root := live(b, LiveOptions{}), benchTree(b)
	cpu := cpuTime(b, 1)
	for b.Loop() {
		got, err := Children(b.Context(), l, root)
		if err != nil || len(got) != 12 {
			b.Fatal(got, err)
		}
	}
	cpu()
}

// BenchmarkThreads reads descriptors and the one thread of a process.
func BenchmarkThreads(b *testing.B) {
	l, root := live(b, LiveOptions{}), benchTree(b)
	cpu := cpuTime(b, 1)
	for b.Loop() {
		fds, err := FDs(b.Context(), l, root)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Threads(b.Context(), l, root, fds); err != nil {
			b.Fatal(err)
		}
	}
	cpu()
}

// benchTree starts a shell with twelve children, which end with its stdin.
func benchTree(b *testing.B) int {
	b.Helper()
	cmd := exec.Command("sh", "-c", "exec 3<&0; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat <&3 & done; echo up; wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		b.Fatal(err)
	}
	return cmd.Process.Pid
}

// BenchmarkReads is one read of each sort.
func BenchmarkReads(b *testing.B) {
	l := live(b, LiveOptions{})
	pid := benchTree(b)
	buf := make([]byte, 4096)
	for _, name := range []string{"stat", "status", "wchan", "cgroup", "cmdline", "syscall", "fdinfo/0"} {
		b.Run(name, func(b *testing.B) {
			path := pidPath(pid, name)
			cpu := cpuTime(b, 1)
			for b.Loop() {
				if _, err := l.ReadFile(b.Context(), path, buf); err != nil {
					b.Fatal(err)
				}
			}
			cpu()
		})
	}
	for _, name := range []string{"fd/0", "exe", "ns/net"} {
		b.Run(name, func(b *testing.B) {
			path := pidPath(pid, name)
			cpu := cpuTime(b, 1)
			for b.Loop() {
				if _, err := l.Readlink(b.Context(), path); err != nil {
					b.Fatal(err)
				}
			}
			cpu()
		})
	}
	for _, name := range []string{"fd", "task"} {
		b.Run(name, func(b *testing.B) {
			path := pidPath(pid, name)
			cpu := cpuTime(b, 1)
			for b.Loop() {
				if _, err := l.ReadDir(b.Context(), path); err != nil {
					b.Fatal(err)
				}
			}
			cpu()
		})
	}
}
