package pystack_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
)

// TestMatrix compares, on every CPython of this machine, what is read of a
// program from outside with what that says of itself: for each thread and task
// the frames, each by qualified name, file and line.
func TestMatrix(t *testing.T) {
	withEachPython(t, func(t *testing.T, p interpreter) {
		t.Log(p.path)
		trio, why := p.trio()
		for _, target := range []struct {
			name  string
			trio  bool
			least int // tasks
		}{{"asyncio_tasks", false, 29}, {"trio_tree", true, 47}, {"trio_guest", true, 6}} {
			t.Run(target.name, func(t *testing.T) {
				if target.trio && why != "" {
					missing(t, "no trio for %s: %s", p.path, why)
				}
				truth := p.start(t, target.name, trio)
				if n := len(truth.Tasks); n < target.least {
					t.Fatalf("%d tasks by its own account; want %d or more", n, target.least)
				}
				got, err := pystack.Read(t.Context(), host(t), truth.pid, pystack.Options{})
				if err != nil {
					t.Fatal(err)
				}
				compare(t, truth, got)
			})
		}
	})
}

func host(t *testing.T) probe.Host {
	t.Helper()
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// truth is what a target says of itself, see testdata/targets/truth.py.
type truth struct {
	Threads map[int][]frame `json:"threads"` // by tid, innermost first
	Tasks   []struct {
		Path  string  `json:"path"`
		Chain []frame `json:"chain"` // outermost first
	} `json:"tasks"`
	Waits map[string]struct { // of a task by its name, as waiting has it
		Says      string `json:"says"`
		Cancelled *bool  `json:"cancelled"`
	} `json:"waits"`
	Me int `json:"me"` // the thread that spoke, and went on

	pid int
}

type frame struct {
	Func, File string
	Line       int
}

func (f *frame) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&f.Func, &f.File, &f.Line})
}

func (f frame) String() string { return fmt.Sprintf("%s %s:%d", f.Func, f.File, f.Line) }

func compare(t *testing.T, want truth, got *pystack.Process) {
	t.Helper()
	if !got.Proof.Proved {
		t.Errorf("a program at rest, and no proof that it was read as one state: %+v", got.Proof)
	}
	for _, n := range got.Notes {
		t.Errorf("note: %s", n)
	}
	threads := map[int]string{}
	for _, th := range got.Threads {
		threads[th.TID] = listed(framesOf(th.Frames))
	}
	for tid, frames := range want.Threads {
		if tid != want.Me && threads[tid] != listed(frames) {
			t.Errorf("thread %d is read as\n%swant\n%s", tid, threads[tid], listed(frames))
		}
	}
	if len(threads) != len(want.Threads) {
		t.Errorf("%d threads were read, want %d", len(threads), len(want.Threads))
	}

	said, read := []string{}, []string{}
	for _, x := range want.Tasks {
		said = append(said, x.Path+"\n"+listed(x.Chain))
	}
	byID := map[int]*pystack.Task{}
	for i := range got.Tasks {
		x := &got.Tasks[i]
		byID[x.ID] = x
		path := x.Name
		if x.Library == "trio" {
			path = "/" + x.Name
			for up := byID[x.Parent]; up != nil; up = byID[up.Parent] {
				path = "/" + up.Name + path
			}
		}
		read = append(read, path+"\n"+listed(framesOf(x.Chain)))
	}
	slices.Sort(said)
	slices.Sort(read)
	if !slices.Equal(said, read) {
		t.Errorf("%d tasks were read, want %d; only read:\n%s\nonly said:\n%s", len(read), len(said), without(read, said), without(said, read))
	}
}

func framesOf(in []pystack.Frame) []frame {
	var out []frame
	for _, f := range in {
		out = append(out, frame{f.Func, f.File, f.Line})
	}
	return out
}

func listed(frames []frame) string {
	var b strings.Builder
	for _, f := range frames {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return b.String()
}

// without is what a has more than b, of equal ones as many as that has more.
func without(a, b []string) string {
	left := slices.Clone(a)
	for _, x := range b {
		if i := slices.Index(left, x); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return strings.Join(left, "")
}

// interpreter is one CPython.
type interpreter struct {
	path    string // itself, no shim in front of it
	version string // 3.11.7, made unlike all others
}

// withEachPython runs a test on every CPython of this machine, side by side.
func withEachPython(t *testing.T, test func(t *testing.T, p interpreter)) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts interpreters; -short was given")
	}
	found := interpreters(t)
	if len(found) == 0 {
		missing(t, "no CPython 3.8 or later: neither python3 nor ~/.pyenv/versions/*")
	}
	for _, p := range found {
		t.Run(p.version, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// interpreters are python3 and those that pyenv keeps, of 3.8 and later, once
// each.
func interpreters(t *testing.T) []interpreter {
	names := []string{"python3", "/usr/bin/python3"}
	if home, err := os.UserHomeDir(); err == nil {
		more, _ := filepath.Glob(filepath.Join(home, ".pyenv", "versions", "*", "bin", "python"))
		names = append(names, more...)
	}
	var out []interpreter
	seen := map[string]bool{}
	for _, name := range names {
		say := exec.Command(name, "-c", "import os, sys; print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3], sys.version_info >= (3, 8), os.path.realpath(sys.executable))")
		b, err := say.Output()
		f := strings.Fields(string(b))
		if err != nil || len(f) != 4 || f[0] != "cpython" || f[2] != "True" || seen[f[3]] {
			continue
		}
		seen[f[3]] = true
		p := interpreter{path: f[3], version: f[1]}
		for slices.ContainsFunc(out, func(o interpreter) bool { return o.version == p.version }) {
			p.version += "+"
		}
		out = append(out, p)
	}
	for _, p := range out {
		t.Logf("CPython %s: %s", p.version, p.path)
	}
	return out
}

// trio finds a directory of packages with trio for p, "" when p has it itself;
// it makes one in the user's cache where there is none.
func (p interpreter) trio() (dir, why string) {
	cache, err := os.UserCacheDir()
	if at := os.Getenv("RUNBOOK_TEST_VENV"); at != "" {
		cache = filepath.Dir(at)
	} else if err != nil {
		cache = os.TempDir()
	}
	minor := strings.Join(strings.SplitN(p.version, ".", 3)[:2], ".")
	pins, err := os.ReadFile("testdata/targets/requirements.txt")
	if err != nil {
		return "", err.Error()
	}
	sum := sha256.Sum256(append(pins, p.path...))
	at := filepath.Join(cache, "runbook-test", "trio-"+minor+"-"+hex.EncodeToString(sum[:6]))
	ready := []string{""}
	others, _ := filepath.Glob(filepath.Join(cache, "runbook-test", "*-"+minor+"-*", "lib", "python"+minor, "site-packages"))
	for _, dir := range append(others, filepath.Join(at, "lib", "python"+minor, "site-packages")) {
		if p.imports(dir) {
			return dir, ""
		}
	}
	if p.imports(ready[0]) {
		return "", ""
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return "", err.Error()
	}
	lock, err := os.OpenFile(at+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err.Error()
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{p.path, "-m", "venv", "--clear", at},
		{filepath.Join(at, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r", "testdata/targets/requirements.txt"},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Sprintf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return filepath.Join(at, "lib", "python"+minor, "site-packages"), ""
}

func (p interpreter) imports(dir string) bool {
	cmd := exec.Command(p.path, "-W", "ignore", "-c", "import trio")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	return cmd.Run() == nil
}

// start runs a target until it has said its truth; it is ended with the test.
func (p interpreter) start(t *testing.T, target, packages string) truth {
	t.Helper()
	cmd := exec.Command(p.path, "-W", "ignore", filepath.Join("testdata", "targets", target+".py"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+packages, "PYTHONDONTWRITEBYTECODE=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
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
	watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	line, err := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("%s %s: %v\n%s", p.path, target, err, errs.String())
	}
	said := truth{pid: cmd.Process.Pid}
	if err := json.Unmarshal(line, &said); err != nil {
		t.Fatal(err)
	}
	rests(t, said.pid, said.Me)
	return said
}

// rests waits until the thread that spoke sleeps: nothing runs then any more.
func rests(t *testing.T, pid, tid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(tid), "stat"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(b[bytes.LastIndexByte(b, ')')+1:], []byte(" S")) {
			return
		}
	}
	t.Fatalf("thread %d of %d does not come to rest", tid, pid)
}

// missing skips, or fails in CI: there everything is expected to be installed.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
