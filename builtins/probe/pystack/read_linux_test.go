package pystack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"runbook/builtins/probe"
)

// startPython starts a script that says when it is ready; skipped, or failed in CI,
// where there is no interpreter.
func startPython(t testing.TB, script string, args ...string) int {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "script.py")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(interpreter, append([]string{"-u", file}, args...)...)
	cmd.Stderr = os.Stderr
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
	line, err := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != "ready" {
		t.Fatalf("the script said %q: %v", line, err)
	}

	return cmd.Process.Pid
}

func liveHost(t testing.TB) *probe.Live {
	t.Helper()
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// read reads pid until that is proved.
func read(t testing.TB, pid int, o Options) *Process {
	t.Helper()
	o.Tries = 50
	p, err := Read(context.Background(), liveHost(t), pid, o)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Proof.Proved {
		t.Fatalf("not proved in %d tries: %v ran", p.Proof.Tries, p.Proof.Ran)
	}
	return p
}

// stackOf renders a stack, outermost first: func:line.
func stackOf(frames []Frame) string {
	var s []string
	for i := len(frames) - 1; i >= 0; i-- {
		s = append(s, fmt.Sprintf("%s:%d", frames[i].Func, frames[i].Line))
	}
	return strings.Join(s, " ")
}

func TestReadSeesEachThreadWithItsNameAndLines(t *testing.T) {
	pid := startPython(t, `import threading, time
def deep(n):
    if n:
        return deep(n - 1)
    while True:
        time.sleep(1000)
threading.Thread(target=deep, args=(2,), name="worker é", daemon=True).start()
def main(secret="hunter2"):
    print("ready")
    time.sleep(1000)
main()
`)
	p := read(t, pid, Options{Locals: true})
	if len(p.Threads) != 2 {
		t.Fatalf("%d threads, want 2", len(p.Threads))
	}
	main, worker := p.Threads[0], p.Threads[1]
	if main.Name != "MainThread" || worker.Name != "worker é" || main.TID != pid || worker.TID == 0 {
		t.Errorf("main %+v\nworker %+v", main, worker)
	}
	if got, want := stackOf(main.Frames), "<module>:11 main:10"; got != want {
		t.Errorf("main thread at %s, want %s", got, want)
	}
	if got := stackOf(worker.Frames); !strings.HasSuffix(got, " deep:4 deep:4 deep:6") {
		t.Errorf("worker at %s", got)
	}
	if got := fmt.Sprint(main.Frames[0].Locals); got != "[{secret str}]" {
		t.Errorf("locals of main: %s, want types alone", got)
	}
}

func TestReadTellsWhatIsNotPython(t *testing.T) {
	_, err := Read(context.Background(), liveHost(t), os.Getpid(), Options{})
	if !errors.Is(err, ErrNotPython) {
		t.Errorf("of ourselves: %v, want ErrNotPython", err)
	}
	_, err = Read(context.Background(), liveHost(t), 1<<30, Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nobody: %v, want fs.ErrNotExist", err)
	}
}

func TestReadSaysThatItMayNot(t *testing.T) {
	h, err := probe.NewLive(probe.LiveOptions{RefuseAttach: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Read(context.Background(), h, os.Getpid(), Options{})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v, want fs.ErrPermission", err)
	}
}

// A wrong row must give an error. What is nearly right gives plausible nonsense:
// 3.9's row reads sys.modules of 3.10 as well as its own does.
func TestNoOtherVersionsRowFits(t *testing.T) {
	pid := startPython(t, `import time
async def parked():
    pass
print("ready")
time.sleep(1000)
`)
	right := read(t, pid, Options{})
	refused := 0
	for version := range tables {
		p, err := Read(context.Background(), liveHost(t), pid, Options{version: version})
		at := place{Version: version}
		switch {
		case at.String() == right.Python:
		case err == nil:
			t.Errorf("%s read by the row of %v gave %v", right.Python, at, p.Threads)
		case !errors.Is(err, ErrLayout):
			t.Errorf("%s read by the row of %v: %v, want ErrLayout", right.Python, at, err)
		default:
			refused++
		}
	}
	if refused != len(tables)-1 {
		t.Errorf("%d rows refused, want %d", refused, len(tables)-1)
	}
}
