package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

func live(t testing.TB, opt LiveOptions) *Live {
	t.Helper()
	l, err := NewLive(opt)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// until waits for a state of the machine that a test has brought about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not reached in 20 s: %s", what)
		}
	}
}

// start runs a program that ends with the test, and returns its pid and stdin.
// argv may begin with a title that stands for the program's name.
func start(t *testing.T, program string, argv ...string) (int, io.WriteCloser) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(path)
	cmd.Args = argv
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid, in
}

func mainThread(t *testing.T, h Host, pid int) Thread {
	t.Helper()
	fds, err := FDs(t.Context(), h, pid)
	if err != nil {
		t.Fatal(err)
	}
	threads, err := Threads(t.Context(), h, pid, fds)
	if err != nil {
		t.Fatal(err)
	}
	return threads[0]
}

func TestLiveNamesTheWaitOfRealProcesses(t *testing.T) {
	l := live(t, LiveOptions{})
	lock := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(lock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() }) // the subtests outlive this function
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		program string
		argv    []string
		family  string
		calls   string // any of these
		target  string
	}{
		{"sleep", []string{"sleep", "1000"}, "sleep", "clock_nanosleep nanosleep", ""},
		{"cat", []string{"cat"}, "pipe_read", "read", "pipe"},
		{"cat", []string{"cat", fifo}, "fifo_open", "openat open", ""},
		{"sh", []string{"sh", "-c", "cat; :"}, "wait", "wait4 rt_sigsuspend", ""},
		{"flock", []string{"flock", lock, "true"}, "flock", "flock", "file"},
		{"yes", []string{"yes"}, "running", "", ""},
	} {
		t.Run(strings.Join(c.argv, " "), func(t *testing.T) {
			t.Parallel()
			pid, _ := start(t, c.program, c.argv...)
			families := set(c.family)
			families["pause"] = c.program == "sh" // some wait for a signal instead
			var th Thread
			until(t, c.family, func() bool {
				th = mainThread(t, l, pid)
				return families[th.Family]
			})
			if c.calls != "" && th.Syscall != "" && !set(c.calls)[th.Syscall] {
				t.Errorf("syscall %q, want %q", th.Syscall, c.calls)
			}
			if c.target != "" && th.Syscall != "" && (th.Target == nil || th.Target.Kind != c.target) {
				t.Errorf("target %+v, want a %s", th.Target, c.target)
			}
		})
	}
}

func TestLiveStoppedAndZombie(t *testing.T) {
	l := live(t, LiveOptions{})
	pid, _ := start(t, "sleep", "sleep", "1000")
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "stopped", func() bool { return mainThread(t, l, pid).Family == "stopped" })
	p, err := ReadProcess(t.Context(), l, pid)
	if err != nil || !p.Stopped() {
		t.Errorf("state %q, %v", p.State, err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "zombie", func() bool {
		p, err = ReadProcess(t.Context(), l, pid)
		return err == nil && p.Zombie()
	})
	if len(p.Args) != 0 || p.Comm != "sleep" {
		t.Errorf("args %q, comm %q", p.Args, p.Comm)
	}
	if fds, err := FDs(t.Context(), l, pid); err != nil || len(fds) != 0 {
		t.Errorf("descriptors %v, %v; want none", fds, err)
	}
}

// The tree has a title with a space, brackets and an escape sequence in it.
func TestLiveFindsATreeByTitle(t *testing.T) {
	l := live(t, LiveOptions{})
	name := fmt.Sprintf("waits [child]\x1b %d", os.Getpid())
	leaf, _ := start(t, "sleep", "_subactor["+name+"@7]", "1000")
	got, err := PS(t.Context(), l, PSQuery{Match: regexp.MustCompile(regexp.QuoteMeta(Clean([]byte(name))))})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].PID != leaf || got[0].Actor.Name != Clean([]byte(name)) || got[0].Actor.Population != "title" || !got[0].Matched {
		t.Errorf("%+v; want %d", got, leaf)
	}
	if age := got[0].Age; age < 0 || age > time.Minute {
		t.Errorf("age %v", age)
	}
}

func TestLiveChildrenOfEveryThread(t *testing.T) {
	l := live(t, LiveOptions{})
	var want []int
	for range 3 {
		pid, _ := start(t, "sleep", "sleep", "1000") // Go starts them from whatever thread
		want = append(want, pid)
	}
	got, err := Children(t.Context(), l, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range want {
		if !slices.Contains(got, pid) {
			t.Errorf("%v lacks %d", got, pid)
		}
	}
	k := kin{h: l}
	if err := k.readAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range want {
		if !slices.Contains(k.all[os.Getpid()], pid) {
			t.Errorf("by parents: %v lacks %d", k.all[os.Getpid()], pid)
		}
	}
}

func TestLiveNeverFindsItself(t *testing.T) {
	got, err := PS(t.Context(), live(t, LiveOptions{}), PSQuery{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(got, func(p Process) bool { return p.PID == os.Getpid() }) {
		t.Error("found itself")
	}
}

// Oracle: ps. A row counts when our own view of it was the same before and after.
func TestLiveAgreesWithPs(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Skip(err)
	}
	l := live(t, LiveOptions{})
	look := func() map[int]string {
		list, err := PS(t.Context(), l, PSQuery{All: true})
		if err != nil {
			t.Fatal(err)
		}
		rows := map[int]string{}
		for _, p := range list {
			rows[p.PID] = fmt.Sprint(p.PID, p.PPID, p.PGID, p.SID, " ", p.Comm)
		}
		return rows
	}
	before := look()
	out, err := exec.Command("ps", "-eo", "pid,ppid,pgid,sid,comm").Output()
	if err != nil {
		t.Skip("ps:", err)
	}
	after := look()
	theirs := map[int]string{}
	for line := range strings.Lines(string(out)) {
		var pid, ppid, pgid, sid int
		if n, _ := fmt.Sscan(line, &pid, &ppid, &pgid, &sid); n == 4 {
			comm := strings.TrimSuffix(line, "\n")
			for range 4 {
				comm = strings.TrimLeft(comm, " ")
				comm = comm[strings.IndexByte(comm, ' ')+1:]
			}
			theirs[pid] = fmt.Sprint(pid, ppid, pgid, sid, " ", strings.TrimSuffix(comm, " <defunct>"))
		}
	}
	compared := 0
	for pid, row := range before {
		if after[pid] != row {
			continue
		}
		if !printable.MatchString(row) {
			continue // ps shows control characters in its own way
		}
		if strings.Contains(row, " kworker/") {
			continue // named after its last job, which changes in between
		}
		compared++
		if theirs[pid] != row {
			t.Errorf("ps says %q, we %q", theirs[pid], row)
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

var printable = regexp.MustCompile(`^[ -~]*$`)

// Oracle: procfs, on a process that stands still.
func TestLiveAgreesWithProcfs(t *testing.T) {
	l := live(t, LiveOptions{})
	pid, _ := start(t, "cat", "cat", "-")
	until(t, "blocked", func() bool { return mainThread(t, l, pid).Family == "pipe_read" })
	oracle, err := procfs.NewProc(pid)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := oracle.Stat()
	if err != nil {
		t.Fatal(err)
	}
	status, err := oracle.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	p, err := ReadProcess(t.Context(), l, pid)
	if err != nil {
		t.Fatal(err)
	}
	th := mainThread(t, l, pid)
	cmdline, _ := oracle.CmdLine()
	exe, _ := oracle.Executable()
	got := fmt.Sprint(p.PPID, p.PGID, p.SID, p.State, p.Start, p.Comm, p.Threads, p.UID, p.Args, p.Exe, th.Voluntary, th.Forced)
	want := fmt.Sprint(stat.PPID, stat.PGRP, stat.Session, stat.State, stat.Starttime, stat.Comm, stat.NumThreads, status.UIDs[0], cmdline, exe,
		status.VoluntaryCtxtSwitches, status.NonVoluntaryCtxtSwitches)
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	started, err := stat.StartTime()
	if err != nil {
		t.Fatal(err)
	}
	// procfs counts from btime, which has whole seconds.
	if off := p.Started.Sub(time.UnixMicro(int64(started * 1e6))).Abs(); off > 2*time.Second {
		t.Errorf("started %v, procfs says %v", p.Started, time.UnixMicro(int64(started*1e6)))
	}
}

func TestLiveSignalsOfAProcess(t *testing.T) {
	pid, _ := start(t, "sh", "sh", "-c", "trap '' INT; trap : USR1; while :; do sleep 1000; done")
	l := live(t, LiveOptions{})
	var s Signals
	until(t, "the traps", func() bool {
		var err error
		if s, err = ReadSignals(t.Context(), l, pid); err != nil {
			t.Fatal(err)
		}
		return Has(s.Ignored, int(unix.SIGINT)) && Has(s.Caught, int(unix.SIGUSR1))
	})
	if Has(s.Caught, int(unix.SIGINT)) || Has(s.Ignored, int(unix.SIGKILL)) {
		t.Errorf("%+v", s)
	}
	killChildren(t, l, pid)
}

// killChildren ends what a shell of a test started.
func killChildren(t *testing.T, l *Live, pid int) {
	t.Helper()
	unix.Kill(pid, unix.SIGSTOP)
	children, err := Children(t.Context(), l, pid)
	if err != nil {
		t.Error(err)
	}
	for _, c := range children {
		unix.Kill(c, unix.SIGKILL)
	}
	unix.Kill(pid, unix.SIGKILL)
}

func TestLiveWithoutAttach(t *testing.T) {
	l := live(t, LiveOptions{RefuseAttach: true})
	pid, _ := start(t, "sleep", "sleep", "1000")
	for _, name := range []string{"syscall", "stack", fmt.Sprintf("task/%d/syscall", pid)} {
		if _, err := l.ReadFile(t.Context(), pidPath(pid, name), nil); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var seen Ledger
	var th []Thread
	until(t, "asleep", func() bool {
		var err error
		if th, err = Threads(WithLedger(t.Context(), &seen), l, pid, nil); err != nil {
			t.Fatal(err)
		}
		return th[0].Family == "sleep"
	})
	if th[0].Syscall != "" || th[0].SyscallNr != -1 || th[0].Wchan == "" {
		t.Errorf("%+v", th[0])
	}
	i := slices.IndexFunc(seen.Rows(), func(c Coverage) bool { return c.Probe == "syscall" && c.Status == "denied" && c.Remedy != "" })
	if i < 0 {
		t.Errorf("%+v; want a denied syscall", seen.Rows())
	}
}

func TestLiveVanishedProcessIsGone(t *testing.T) {
	l := live(t, LiveOptions{})
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	pid := cmd.Process.Pid
	if _, err := ReadProcess(t.Context(), l, pid); !Gone(err) {
		t.Errorf("ReadProcess: %v", err)
	}
	if _, err := FDs(t.Context(), l, pid); !Gone(err) {
		t.Errorf("FDs: %v", err)
	}
	if _, err := Children(t.Context(), l, pid); !Gone(err) {
		t.Errorf("Children: %v", err)
	}
	// The file was opened while it lived: then the kernel says ESRCH.
	if err := l.explain(errand{op: opRead, name: "7/stat"}, unix.ESRCH); !Gone(err) || Denied(err) {
		t.Errorf("ESRCH: %v", err)
	}
}

// blocker returns a call that blocks in the kernel, as a stuck read does, and
// one that ends it.
func blocker(t *testing.T) (hold, release func()) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	// p[0] stays open: who was left behind may come to it late.
	return func() { unix.Read(p[0], make([]byte, 1)) }, func() { unix.Close(p[1]) }
}

func TestLiveGivesUpOnAStuckRead(t *testing.T) {
	l := live(t, LiveOptions{})
	l.deadline = 30 * time.Millisecond
	hold, release := blocker(t)
	stuck := pidPath(os.Getpid(), "cmdline")
	l.before = func(name string) {
		if name == stuck {
			hold()
		}
	}
	buf := make([]byte, 4096)
	_, err := l.ReadFile(t.Context(), stuck, buf)
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "/proc/"+stuck) {
		t.Fatalf("error %v; want ErrTimeout and the path", err)
	}
	began := time.Now()
	if _, err = l.ReadFile(t.Context(), stuck, buf); !errors.Is(err, ErrTimeout) || time.Since(began) > l.deadline {
		t.Errorf("again: %v after %v; want ErrTimeout at once", err, time.Since(began))
	}
	if b, err := l.ReadFile(t.Context(), "self/cmdline", buf); err != nil || len(b) == 0 {
		t.Errorf("another file: %q, %v", b, err)
	}
	// The scan leaves it behind too, and sees all the others.
	var mu sync.Mutex
	seen := map[int]error{}
	err = l.sweep(t.Context(), 200, func(i int) string {
		if i == 50 {
			return stuck
		}
		return "self/stat"
	}, func(i int, _ []byte, err error) {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := seen[i]; twice {
			t.Errorf("%d was visited twice", i)
		}
		seen[i] = err
	})
	if err != nil || len(seen) != 200 || !errors.Is(seen[50], ErrTimeout) || seen[51] != nil {
		t.Errorf("sweep: %v, %d visited, the stuck one: %v", err, len(seen), seen[50])
	}
	release()
	until(t, "readable again", func() bool {
		_, err := l.ReadFile(t.Context(), stuck, buf)
		return err == nil
	})
}

func TestLiveReadEndsWithItsContext(t *testing.T) {
	l := live(t, LiveOptions{})
	hold, release := blocker(t)
	defer release()
	l.before = func(string) { hold() }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.ReadFile(ctx, "1/cmdline", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := l.sweep(ctx, 200, func(i int) string { return pidPath(i+1, "cmdline") }, func(int, []byte, error) { t.Error("visited") })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("sweep: %v", err)
	}
}

func TestLiveNeverLeavesItsDirectory(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, path string) {
		t.Helper()
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	write(outside+"/secret", "secret")
	write(dir+"/7/stat", "inside")
	write(dir+"/stat", "btime 1700000000\n")
	link(outside+"/secret", dir+"/7/cmdline")
	link("../../../../../../../../"+outside+"/secret", dir+"/7/wchan")
	link(outside, dir+"/8")
	link("7", dir+"/self")
	if err := unix.Mkfifo(dir+"/7/status", 0o600); err != nil {
		t.Fatal(err)
	}

	l := live(t, LiveOptions{Proc: dir})
	if l.self {
		t.Error("a copy is not our own proc")
	}
	walker := live(t, LiveOptions{Proc: dir}) // as where openat2(2) is refused
	walk, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	walker.root.walk = walk
	for name, l := range map[string]*Live{"openat2": l, "walk": walker} {
		if b, err := l.ReadFile(t.Context(), "self/stat", nil); err != nil || string(b) != "inside" {
			t.Errorf("%s: a link that stays inside: %q, %v", name, b, err)
		}
		for _, path := range []string{"7/cmdline", "7/wchan", "8/secret", "../" + filepath.Base(outside) + "/secret", outside + "/secret", "7/status"} {
			if b, err := l.ReadFile(t.Context(), path, nil); err == nil {
				t.Errorf("%s: %s gave %q", name, path, b)
			}
		}
		if names, err := l.ReadDir(t.Context(), "8"); err == nil {
			t.Errorf("%s: listed %v", name, names)
		}
		if text, err := l.Readlink(t.Context(), "8/x"); err == nil {
			t.Errorf("%s: read link %q", name, text)
		}
		if text, err := l.Readlink(t.Context(), "8"); err != nil || text != outside {
			t.Errorf("%s: the text of a link: %q, %v", name, text, err)
		}
		if names, err := l.ReadDir(t.Context(), "."); err != nil || !slices.Equal(names, []string{"self", "stat", "7", "8"}) {
			t.Errorf("%s: %q, %v", name, names, err)
		}
	}
	if got := l.Clock(); !got.Boot.Equal(time.Unix(1700000000, 0)) || got.PID != 0 {
		t.Errorf("clock %+v", got)
	}
}

// /proc/PID/fd/N, cwd and root lead anywhere: they are read as text only.
func TestLiveFollowsNoMagicLink(t *testing.T) {
	l := live(t, LiveOptions{})
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := fmt.Sprintf("self/fd/%d", f.Fd())
	if text, err := l.Readlink(t.Context(), name); err != nil || text != "/dev/null" {
		t.Errorf("text %q, %v", text, err)
	}
	for _, path := range []string{name, "self/root/etc/passwd", "self/cwd/stat.go"} {
		if b, err := l.ReadFile(t.Context(), path, nil); err == nil {
			t.Errorf("%s gave %d bytes", path, len(b))
		}
	}
	if b, err := l.ReadFile(t.Context(), "net/unix", nil); err != nil || len(b) == 0 {
		t.Errorf("net/unix: %d bytes, %v", len(b), err)
	}
}

func TestLiveReadsFilesLargerThanItsBuffer(t *testing.T) {
	dir := t.TempDir()
	want := strings.Repeat("0123456789abcdef", 5000)
	if err := os.WriteFile(dir+"/big", []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/1", 0o700); err != nil {
		t.Fatal(err)
	}
	l := live(t, LiveOptions{Proc: dir})
	for _, size := range []int{0, 1, 100, 1 << 17} {
		if b, err := l.ReadFile(t.Context(), "big", make([]byte, size)); err != nil || string(b) != want {
			t.Errorf("buffer of %d: %d bytes, %v", size, len(b), err)
		}
	}
	if b, err := live(t, LiveOptions{}).ReadFile(t.Context(), "self/status", make([]byte, 7)); err != nil || !strings.Contains(string(b), "ctxt_switches") {
		t.Errorf("status through a small buffer: %q, %v", b, err)
	}
}

// In a directory without processes every question would be answered "none".
func TestWhatHoldsNoProcessIsNoProc(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/etc"} {
		_, err := NewLive(LiveOptions{Proc: dir})
		if want := "open " + dir + ": no /proc: it has no numbered directory"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := live(t, LiveOptions{Proc: "/proc"}).ReadDir(t.Context(), "."); err != nil {
		t.Error(err)
	}
}

func TestLiveMachine(t *testing.T) {
	m, err := live(t, LiveOptions{}).Machine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.CPUs < 1 || m.Load1 < 0 || m.PidMax < 100 || m.PtraceScope < -1 {
		t.Errorf("%+v", m)
	}
}

func TestLiveRunsForAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to start a process of another user")
	}
	pid, _ := start(t, "sleep", "sleep", "1000") // root's
	cmd := exec.Command(copyForAll(t), "-test.run=^TestLiveDeniedHelper$", "-test.v")
	cmd.Env = append(os.Environ(), "PROBE_DENIED_PID="+strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("another user may not run the test binary: ", err)
	}
	if err != nil || !strings.Contains(string(out), "looked as another user") {
		t.Errorf("%v\n%s", err, out)
	}
}

// copyForAll copies the test binary to where every user may run it.
func copyForAll(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "probe.test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, b, 0o755), os.Chmod(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLiveDeniedHelper is the half of the test above that runs as nobody.
func TestLiveDeniedHelper(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv("PROBE_DENIED_PID"))
	if err != nil {
		t.Skip("runs only under TestLiveRunsForAnOrdinaryUser")
	}
	l := live(t, LiveOptions{})
	var seen Ledger
	ctx := WithLedger(t.Context(), &seen)
	p, err := ReadProcess(ctx, l, pid)
	if err != nil || p.UID != 0 || p.Exe != "" || p.NetNS != "" || len(p.Args) != 2 {
		t.Errorf("process %+v, %v", p, err)
	}
	if fds, err := FDs(ctx, l, pid); !Denied(err) {
		t.Errorf("descriptors %v, %v; want fs.ErrPermission", fds, err)
	}
	th, err := Threads(ctx, l, pid, nil)
	if err != nil || len(th) != 1 || !th[0].WchanHidden || th[0].Family != "" || th[0].Syscall != "" {
		t.Errorf("threads %+v, %v; want one with a hidden wchan", th, err)
	}
	for _, row := range seen.Rows() {
		want := map[string]string{"threads": "read"}[row.Probe]
		if want == "" {
			want = "denied"
		}
		if row.Status != want || want == "denied" && row.Remedy == "" {
			t.Errorf("%+v; want %s", row, want)
		}
	}
	fmt.Println("looked as another user")
}
