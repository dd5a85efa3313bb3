package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pySpy is the sampling profiler of that name: it stands on no machine of ours
// by default, so who compares installs it.
//
//	python3 -m venv /tmp/spy && /tmp/spy/bin/pip install py-spy
//	PATH=/tmp/spy/bin:$PATH go test ./cmd/runbook -run PySpy -bench PySpy -benchtime 20x -v
func pySpy(tb testing.TB) string {
	tb.Helper()
	spy, err := exec.LookPath("py-spy")
	if err != nil {
		tb.Skip("nothing to compare with: ", err)
	}
	return spy
}

// BenchmarkStacksAgainstPySpy runs `runbook stacks` on a tree of 13, and py-spy on
// each of these, by turns: ratio is the median over the laps of our time by
// theirs.
func BenchmarkStacksAgainstPySpy(b *testing.B) {
	spy, binary, tree := pySpy(b), builtBinary(b), thirteen(b)
	var ratios, cpuRatios, program, theirs []float64
	for b.Loop() {
		ours, err := timed(b, exec.Command(binary, "stacks", "--json", strconv.Itoa(tree.root)))
		if err != nil {
			b.Fatal(err)
		}
		if got := len(tree.pythons(b, ours.out)); got != 13 {
			b.Fatalf("we read %d processes", got)
		}
		var wall, cpu time.Duration
		for _, pid := range tree.pids {
			one, err := timed(b, exec.Command(spy, "dump", "--nonblocking", "--json", "--pid", pid))
			if err != nil {
				b.Fatal(err)
			}
			wall, cpu = wall+one.wall, cpu+one.cpu
		}
		ratios = append(ratios, ours.wall.Seconds()/wall.Seconds())
		cpuRatios = append(cpuRatios, ours.cpu.Seconds()/cpu.Seconds())
		program, theirs = append(program, ours.wall.Seconds()*1e3), append(theirs, wall.Seconds()*1e3)
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(cpuRatios), "cpu-ratio")
	b.ReportMetric(median(program), "runbook-ms")
	b.ReportMetric(median(theirs), "py-spy-ms")
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}

// BenchmarkStacksOnABusyTarget lets a Python that never waits count what it gets
// done in a quarter of a second, by turns with one `runbook stacks` of it in that
// time and without: effect-% is by how much the median with is below the one
// without, noise-% the width of the middle half of those without.
func BenchmarkStacksOnABusyTarget(b *testing.B) {
	binary := builtBinary(b)
	python, err := (&stage{dir: b.TempDir()}).findPython()
	if err != nil {
		missing(b, "no python3 to be busy: %v", err)
	}
	busy := exec.Command(python, "-u", "-c", `
import time
def work(until):
    n = 0
    while time.perf_counter() < until:
        for _ in range(1000): pass
        n += 1
    return n
while True: print(work(time.perf_counter() + 0.25))`)
	out, err := busy.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := busy.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = busy.Process.Kill(); _ = busy.Wait() })
	window := func(tb testing.TB) float64 {
		var n float64
		if _, err := fmt.Fscanln(out, &n); err != nil {
			tb.Fatal(err)
		}
		return n
	}
	var with, without []float64
	window(b)
	for b.Loop() {
		without = append(without, window(b))
		seen, err := timed(b, exec.Command(binary, "stacks", strconv.Itoa(busy.Process.Pid)))
		if err != nil || !strings.Contains(seen.out, "work") {
			b.Fatal(err, seen.out)
		}
		with = append(with, window(b))
	}
	slices.Sort(without)
	of := median(without)
	b.ReportMetric((1-median(with)/of)*100, "effect-%")
	b.ReportMetric((without[len(without)*3/4]-without[len(without)/4])/of*100, "noise-%")
	b.ReportMetric(0, "ns/op") // the windows', which say nothing
}

// pythons are the processes of a report of `stacks --json` by pid.
func (o *ours) pythons(tb testing.TB, report string) map[int]stacksProcess {
	tb.Helper()
	var r stacksReport
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		tb.Fatal(err)
	}
	out := map[int]stacksProcess{}
	for _, t := range r.Trees {
		for _, p := range t.Processes {
			if p.Python != "" {
				out[p.PID] = p
			}
		}
	}
	return out
}

// spied is a thread as py-spy prints it.
type spied struct {
	TID    int `json:"os_thread_id"`
	Frames []struct {
		Name, Filename string
		Line           int
	}
}

// TestStacksShowWhatPySpyShows compares each frame of each thread of a tree of 13.
func TestStacksShowWhatPySpyShows(t *testing.T) {
	spy, binary, tree := pySpy(t), builtBinary(t), thirteen(t)
	ours, err := timed(t, exec.Command(binary, "stacks", "--json", strconv.Itoa(tree.root)))
	if err != nil {
		t.Fatal(err)
	}
	read := tree.pythons(t, ours.out)
	frames := 0
	for _, pid := range tree.pids {
		said, err := exec.Command(spy, "dump", "--nonblocking", "--json", "--pid", pid).Output()
		if err != nil {
			t.Fatal(err)
		}
		var threads []spied
		if err := json.Unmarshal(said, &threads); err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(pid)
		want, got := map[int][]string{}, map[int][]string{}
		for _, x := range threads {
			for _, f := range x.Frames {
				want[x.TID] = append(want[x.TID], inOneLine(f.Name, f.Filename, f.Line))
				frames++
			}
		}
		for _, x := range read[n].Threads {
			if x.TID == nil {
				t.Errorf("process %s: thread %q has no id", pid, x.Name)
				continue
			}
			for _, f := range x.Frames {
				got[*x.TID] = append(got[*x.TID], inOneLine(f.Function, f.File, f.Line))
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("process %s: we say\n%v\npy-spy says\n%v", pid, got, want)
		}
	}
	t.Logf("%d frames compared", frames)
}

// inOneLine is a frame by what both print of it: the last part of a function's
// name, as py-spy does not qualify it, and of its file.
func inOneLine(function, file string, line int) string {
	return function[strings.LastIndexByte(function, '.')+1:] + " " + filepath.Base(file) + ":" + strconv.Itoa(line)
}

// TestStacksNameWhatForbidsThem looks as an ordinary user at an interpreter of its
// own, at one that made itself not dumpable, and at one of root.
func TestStacksNameWhatForbidsThem(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("another user is needed, and only root can be one")
	}
	s := newStage(t)
	const naps = `import ctypes, sys, time
if sys.argv[1] == "hidden": ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE
print("ready", flush=True)
time.sleep(1000)`
	anybody := &syscall.Credential{Uid: nobody, Gid: nobody}
	if err := os.Chown(s.dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	s.as = anybody
	var err error
	if s.python, err = s.findPython(); err != nil {
		missing(t, "no python3 that another user may run: %v", err)
	}
	nap := func(as *syscall.Credential, how string) int {
		t.Helper()
		s.as = as
		cmd := s.command(t.Context(), s.python, "-c", naps, how)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		return cmd.Process.Pid
	}
	for _, x := range []struct {
		pid  int
		code int
		says []string
	}{
		{nap(nil, "open"), exitWrong, []string{"permission denied: it is another user's (uid 0)", "to see it: sudo runbook stacks "}},
		{nap(anybody, "hidden"), exitWrong, []string{"permission denied: it is not dumpable, or has more capabilities than we", "to see it: sudo runbook stacks "}},
		{nap(anybody, "open"), 0, []string{"CPython 3.", "<module> (<string>:4)"}},
	} {
		s.as = anybody
		stdout, stderr, code, err := s.runbook("stacks", strconv.Itoa(x.pid), "--width", "200")
		if err != nil || code != x.code {
			t.Errorf("exit code %d, want %d, %v\n%s%s", code, x.code, err, stdout, stderr)
		}
		for _, want := range x.says {
			if scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && scope[0] != '0' && code != 0 {
				want = "permission denied: " // by another check, which comes first
			}
			if !strings.Contains(stdout, want) {
				t.Errorf("%s\nwant: %s", stdout, want)
			}
		}
	}
}
