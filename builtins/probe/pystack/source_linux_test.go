package pystack

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/builtins/probe"
)

// launch starts the interpreter in a directory until it has said a line; it is
// ended with the test.
func launch(t testing.TB, dir string, how *syscall.SysProcAttr, args ...string) int {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.Command(interpreter, append([]string{"-u"}, args...)...)
	cmd.Dir, cmd.Stderr, cmd.SysProcAttr = dir, os.Stderr, how
	cmd.Env = append(os.Environ(), "PWD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// answer asks as a run does, once the process rests.
func answer(t *testing.T, pid int) *Answer {
	t.Helper()
	h, err := probe.NewLive(probe.LiveOptions{Python: File})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Ask(t.Context(), h, pid)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const naps = `import os, sys, time
def first():
    print("ready"); time.sleep(1000)
def main():
    first()
`

// TestALineOfSourceIsTheOneThatRuns starts programs whose files are not, or may
// not be, what they run.
func TestALineOfSourceIsTheOneThatRuns(t *testing.T) {
	const text = `print("ready"); time.sleep(1000)`
	for name, x := range map[string]struct {
		script string
		run    string // compiled by its name; "" the script itself
		after  func(file string) error
		want   string // the line, or why there is none
	}{
		"as it was": {script: naps + "main()\n", want: text},
		"edited since": {script: naps + "main()\n", want: "it was changed after the process had started",
			after: func(file string) error {
				soon := time.Now().Add(time.Minute)
				return errors.Join(os.WriteFile(file, []byte("# one\n# two\n"+naps+"main()\n"), 0o600), os.Chtimes(file, soon, soon))
			}},
		"replaced by an older one": {script: naps + "main()\n", want: "it is not what the process runs, whose first begins at line 2",
			after: func(file string) error {
				before := time.Now().Add(-time.Hour)
				return errors.Join(os.WriteFile(file, []byte("# one\n# two\n"+naps+"main()\n"), 0o600), os.Chtimes(file, before, before))
			}},
		"removed":              {script: naps + "main()\n", want: "no such file or directory", after: os.Remove},
		"a relative name":      {run: "mod.py", want: text},
		"in another directory": {run: "mod.py", script: "import os\nos.chdir('/')\n", want: "its name is relative, and the process may have changed its directory since"},
		"a device":             {run: "/dev/null", want: "not a regular file"},
		"made up by proc":      {run: "/proc/self/status", want: "it is not what the process runs, whose first begins at line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "script.py")
			script := x.script
			if x.run != "" {
				if err := os.WriteFile(filepath.Join(dir, "mod.py"), []byte(naps), 0o600); err != nil {
					t.Fatal(err)
				}
				script += fmt.Sprintf("exec(compile(%q, %q, 'exec'))\nmain()\n", naps, x.run)
			}
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			pid := launch(t, dir, nil, file)
			if x.after != nil {
				if err := x.after(file); err != nil {
					t.Fatal(err)
				}
			}
			a := answer(t, pid)
			f := a.Process.Threads[0].Frames[0]
			got, notes := a.Lines[f.File][f.Line], strings.Join(a.Process.Notes, "\n")
			if x.want == text {
				if got != text || notes != "" {
					t.Errorf("%s:%d is %q, with notes %q; want %q", f.File, f.Line, got, notes, text)
				}
			} else if want := "no line of " + f.File + " is shown: " + x.want; got != "" || notes != want {
				t.Errorf("%s:%d is %q\nnotes %s\nwant  %s", f.File, f.Line, got, notes, want)
			}
		})
	}
}

func TestInAPidNamespaceThreadsHaveTheNumbersOfTheMachine(t *testing.T) {
	t.Parallel()
	pid := launch(t, t.TempDir(), &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}, "-c", "import threading, time\n"+
		"threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\nprint('ready')\ntime.sleep(1000)")
	p := read(t, pid, Options{})
	if len(p.Threads) != 2 || p.Threads[0].TID != pid {
		t.Fatalf("%+v, want the main thread to be %d", p.Threads, pid)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", pid, p.Threads[1].TID)); err != nil {
		t.Errorf("the other one is none of the process: %v", err)
	}
}

func TestAProcessWhoseMainThreadHasEndedIsReadThroughAnother(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ended.py")
	if err := os.WriteFile(file, []byte("import ctypes, threading, time\ndef survivor():\n    time.sleep(1000)\n"+
		"threading.Thread(target=survivor, name='survivor').start()\nprint('ready')\nctypes.CDLL(None).pthread_exit(0)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pid := launch(t, "", nil, file)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || time.Now().After(end) {
			t.Fatalf("its main thread does not end: %s, %v", b, err)
		}
		if strings.Contains(string(b), ") Z ") {
			break
		}
	}
	a := answer(t, pid)
	if n := len(a.Process.Threads); n != 2 {
		t.Fatalf("%d threads, want 2", n)
	}
	x := a.Process.Threads[1]
	if x.Name != "survivor" || len(x.Frames) == 0 || a.Lines[file][x.Frames[0].Line] != "time.sleep(1000)" {
		t.Errorf("%+v, with %v", x, a.Lines)
	}
}

func TestWhatIsOddInAThreadIsSaid(t *testing.T) {
	t.Parallel()
	pid := startPython(t, `import sys, threading, time
sys.setrecursionlimit(10**6)
threading.stack_size(256 << 20)
def down(n):
    if n:
        down(n - 1)
    time.sleep(1000)
def nameless():
    time.sleep(1000)
code = compile("def f():\n    time.sleep(1000)\n", "", "exec")
exec(code)
empty = {"co_name": ""}
if sys.version_info >= (3, 11):
    empty["co_qualname"] = ""
f.__code__ = f.__code__.replace(**empty)
deep = threading.Thread(target=down, args=(9000,), name="deep", daemon=True)
deep.start()
threading.Thread(target=f, name="nameless", daemon=True).start()
time.sleep(1)
print("ready")
time.sleep(1000)
`)
	p := read(t, pid, Options{})
	if len(p.Threads) != 3 {
		t.Fatalf("%d threads, want 3", len(p.Threads))
	}
	if deep := p.Threads[1]; !deep.Cut || len(deep.Frames) != maxFrames {
		t.Errorf("of 9,000 frames %d were read, cut %v", len(deep.Frames), deep.Cut)
	}
	if f := p.Threads[2].Frames[0]; p.Threads[2].Cut || f.Func != "<no name>" || f.File != "<no file>" || f.Line != 2 {
		t.Errorf("%+v", p.Threads[2])
	}
}

// An await chain of more than 500 made the layout "not understood"; one beyond
// any measure is cut, and what it waits for unknown.
func TestADeepAwaitChainIsRead(t *testing.T) {
	t.Parallel()
	pid := startPython(t, `import asyncio, sys, threading
sys.setrecursionlimit(10**6)
threading.stack_size(512 << 20)
async def down(n):
    if n:
        await down(n - 1)
    else:
        await asyncio.sleep(1000)
async def main():
    for depth in (700, 5000):
        asyncio.create_task(down(depth), name=str(depth))
    await asyncio.sleep(1)
    print("ready")
    await asyncio.sleep(1000)
threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
threading.Event().wait()
`)
	p := read(t, pid, Options{})
	said := map[string]string{}
	for _, x := range p.Tasks {
		kind := ""
		for _, w := range x.Waits {
			kind += w.Kind
		}
		said[x.Name] = fmt.Sprintf("%d frames, cut %v, waits for %s", len(x.Chain), x.Cut, kind)
	}
	for name, want := range map[string]string{"700": "702 frames, cut false, waits for sleep", "5000": "4096 frames, cut true, waits for future"} {
		if said[name] != want {
			t.Errorf("%s: %s, want %s", name, said[name], want)
		}
	}
}
