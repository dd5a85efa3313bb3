package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runbook/builtins/probe"
)

// The test binary is its own guard, and what is guarded by it.
func init() { probe.BeGuard() }

// TestMain plays one who runs a guarded program, and is killed: the marker
// names, in the environment, all that comes of it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PROBE_GUARDED"); dir != "" {
		os.Unsetenv("PROBE_GUARDED")
		h, err := probe.NewLive(probe.LiveOptions{})
		c := guarded(troupe("deaf(detach(deaf,detach(sleep)))"), dir)
		switch {
		case err != nil:
		case os.Getenv("TMPDIR") == dir:
			_, err = probe.BootUp(context.Background(), h, probe.BootRun{Args: c.Args, Env: c.Env, Files: map[string]string{"file": ""}, Timeout: time.Minute})
		default:
			_, err = h.Act().Run(context.Background(), c)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func guarded(c probe.Command, dir string) probe.Command {
	c.Private = dir
	c.Prepare = func() error { return os.WriteFile(filepath.Join(dir, "file"), nil, 0o600) }
	return c
}

// marked are the processes that have the marker in their environment.
func marked(marker string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err == nil && slices.Contains(strings.Split(string(env), "\x00"), marker) {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

// Killed at any moment, of which the first is before the guard is there, a run
// leaves nobody behind, nor the guard, nor the directory.
func TestGuardEndsAllWhenItsOwnerIsKilled(t *testing.T) {
	for i := range 18 {
		dir := filepath.Join(t.TempDir(), "private")
		marker := "PROBE_MARK=" + dir
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "PROBE_GUARDED="+dir, marker)
		if i >= 12 { // a boot, which names its directory itself
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			cmd.Env = append(cmd.Env, "TMPDIR="+dir)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%6 == 5 { // when all of them live: its owner, the guard, and the three that stay
			wait(t, func() bool { return len(marked(marker)) >= 5 })
		} else {
			time.Sleep(time.Duration(i) * 8 * time.Millisecond)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		wait(t, func() bool { return len(marked(marker)) == 0 })
		if i >= 12 {
			_ = os.Remove(dir) // when it is empty
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("round %d: the directory is still there, %v", i, err)
		}
	}
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to that")
		}
	}
}

// With a guard all is told as without one.
func TestRunGuardedTellsWhatBecameOfAProgram(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "private")
	for script, want := range map[string]probe.Result{
		"cat; echo to stderr >&2; ls " + dir + "; exit 7": {ExitCode: 7, Stdout: []byte("fedfile\n"), Stderr: []byte("to stderr\n")},
		"kill -SEGV $$":         {ExitCode: -1, Signal: "SIGSEGV"},
		"kill -TERM $$":         {ExitCode: -1, Signal: "SIGTERM"},
		"pwd; printf '%s' $ODD": {Stdout: []byte("/\n\xff\n")},
		"ps -o sid= -p $$ | tr -d ' ' | grep -qx $$ && echo own session": {Stdout: []byte("own session\n")},
	} {
		got := run(t, guarded(probe.Command{Args: []string{"sh", "-c", script}, Stdin: []byte("fed"), Dir: "/", Env: []string{"ODD=\xff\n", "PATH=" + os.Getenv("PATH")}}, dir))
		if got.ExitCode != want.ExitCode || got.Signal != want.Signal || got.TimedOut || got.Parent == os.Getpid() ||
			strings.TrimSpace(string(got.Stdout)) != strings.TrimSpace(string(want.Stdout)) || string(got.Stderr) != string(want.Stderr) || len(got.Outlived) > 0 {
			t.Errorf("%s:\n got %+v\nwant %+v", script, got, want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the directory is still there, %v", script, err)
		}
	}
	for _, c := range []probe.Command{{Args: []string{"true"}, Dir: "/no/such/dir"}, {Args: []string{"/no/such/program"}}} {
		if _, err := live(t).Act().Run(context.Background(), guarded(c, dir)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: error %v", c.Args, err)
		}
	}
	if _, err := live(t).Act().Run(context.Background(), guarded(probe.Command{Args: []string{"no-such-program-of-ours"}}, dir)); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if _, err := live(t).Act().Run(context.Background(), guarded(probe.Command{Args: []string{"true"}}, "/no/such/dir/private")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	_ = os.Mkdir(dir, 0o700) // another's: it is left alone
	if _, err := live(t).Act().Run(context.Background(), guarded(probe.Command{Args: []string{"true"}}, dir)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a directory that was there before: %v", err)
	}
}

func TestRunGuardedLeavesNobodyBehind(t *testing.T) {
	deadline := 300 * time.Millisecond
	for done := 0; done < 8; done++ {
		c := guarded(troupe("ignore-int(sleep,detach(deaf,detach(sleep)))"), filepath.Join(t.TempDir(), "private"))
		c.Deadline, c.Grace = deadline, 50*time.Millisecond
		var first int
		c.AtDeadline = func(_ context.Context, tree []probe.ID) { first = tree[0].PID }
		r := run(t, c)
		if len(r.Stdout) == 0 {
			deadline *= 2 // so loaded a machine that the deadline came before they were ready
			done--
			continue
		}
		pids := pidsSaid(t, r)
		if !r.TimedOut || len(pids) != 6 || first != pids[0] {
			t.Fatalf("said %v, %d came first: %+v", pids, first, r)
		}
		for _, pid := range append(pids, r.Parent) {
			if err := syscall.Kill(pid, 0); err == nil {
				t.Errorf("pid %d is still there", pid)
			}
		}
	}
	c := guarded(troupe("detach(detach(sleep))"), filepath.Join(t.TempDir(), "private"))
	r := run(t, c)
	if pids := pidsSaid(t, r); len(r.Outlived) != 1 || r.Outlived[0].PID != pids[2] || syscall.Kill(pids[2], 0) == nil {
		t.Errorf("pids %v, result %+v", pids, r)
	}
}

// A program that kills its guard gets nothing by it. It waits until the guard
// has said that it runs, and let go of its directory: one that is killed before
// has started nobody, as far as we know.
func TestRunOutlivesItsGuard(t *testing.T) {
	c := guarded(probe.Command{Args: []string{"sh", "-c", `(setsid sleep 97 &) ; until [ "$(readlink /proc/$PPID/cwd)" = / ]; do sleep 0.01; done; kill -9 $PPID; sleep 97`}}, filepath.Join(t.TempDir(), "private"))
	r := run(t, c)
	if r.Signal != "SIGKILL" || len(r.Outlived) == 0 {
		t.Errorf("result %+v", r)
	}
	for _, p := range r.Outlived {
		if syscall.Kill(p.PID, 0) == nil {
			t.Errorf("pid %d is still there", p.PID)
		}
	}
}

// When the guard is killed as well, what had detached itself is found by its
// environment, and ended; that of a run that lives is left alone.
func TestRecoverEndsWhatARunAndItsGuardLeft(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	h := live(t)
	dir := filepath.Join(tmp, "runbook-run-0e")
	marker := "PROBE_MARK=" + dir
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PROBE_GUARDED="+dir, marker, "TMPDIR="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, pid := range marked(marker) {
			n, _ := strconv.Atoi(pid)
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
		_ = cmd.Wait()
	}()
	wait(t, func() bool { return len(marked(marker)) >= 5 }) // its owner, the guard, and the three that stay
	left := func() []probe.Recovery {
		found, err := probe.Left(context.Background(), h, probe.Journals{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(found, func(r probe.Recovery) bool { return r.Kind != probe.LeftProcess })
	}
	if got := left(); len(got) > 0 {
		t.Errorf("of a run that lives: %+v", got)
	}
	guard := ""
	for _, pid := range marked(marker) {
		if env, _ := os.ReadFile("/proc/" + pid + "/environ"); strings.Contains(string(env), "RUNBOOK_GUARD=1") {
			guard = pid
		}
	}
	n, err := strconv.Atoi(guard)
	if err != nil {
		t.Fatalf("no guard among %v", marked(marker))
	}
	_ = syscall.Kill(n, syscall.SIGSTOP) // so that it ends nobody before it is killed itself
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if got := left(); len(got) > 0 {
		t.Errorf("while their guard lives: %+v", got)
	}
	_ = syscall.Kill(n, syscall.SIGKILL)
	wait(t, func() bool { return len(left()) == 2 }) // the program itself goes with its guard
	found, err := probe.Recover(context.Background(), h, probe.Journals{}, nil, nil)
	if err != nil || len(found) != 3 || found[0].Kind != probe.LeftProcess || found[0].Process == nil || found[2].Path != dir {
		t.Errorf("recovered %+v, %v", found, err)
	}
	for _, r := range found {
		if !r.Done || r.Err != nil || r.Owner.PID != cmd.Process.Pid && r.Process != nil {
			t.Errorf("recovered %+v", r)
		}
	}
	wait(t, func() bool { return len(marked(marker)) == 0 })
}

// What was left by a run whose guard was killed too is found by its lock, and
// nothing else of that name is touched.
func TestRecoverRemovesPrivateDirectoriesThatNobodyUses(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	h := live(t)
	at := func(name string) string { return filepath.Join(tmp, name) }
	for _, name := range []string{"runbook-run-0a1b", "runbook-run-mine", "runbook-python-0a1b"} {
		if err := os.MkdirAll(filepath.Join(at(name), "closed"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Chmod(filepath.Join(at("runbook-run-0a1b"), "closed"), 0)
	_ = os.Symlink(at("runbook-run-mine"), at("runbook-run-0c"))
	_ = os.WriteFile(at("runbook-run-0f"), nil, 0o600)
	c := guarded(probe.Command{Args: []string{"true"}}, at("runbook-run-0d"))
	prepare := c.Prepare
	c.Prepare = func() error { // it is in use
		for _, recover := range []func() ([]probe.Recovery, error){
			func() ([]probe.Recovery, error) { return probe.Left(context.Background(), h, probe.Journals{}, nil) },
			func() ([]probe.Recovery, error) {
				return probe.Recover(context.Background(), h, probe.Journals{}, nil, nil)
			},
		} {
			found, err := recover()
			if err != nil || len(found) != 1 || found[0].Path != at("runbook-run-0a1b") || found[0].Kind != probe.LeftDirectory || found[0].Err != nil {
				t.Errorf("found %+v, %v", found, err)
			}
		}
		return prepare()
	}
	run(t, c)
	entries, _ := os.ReadDir(tmp)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := "runbook-python-0a1b runbook-run-0c runbook-run-0f runbook-run-mine"; strings.Join(left, " ") != want {
		t.Errorf("left %v, want %s", left, want)
	}
}

// Those of the versions before there was a lock are nobody's when nobody has their
// events open.
func TestRecoverRemovesPrivateDirectoriesWithoutALock(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	plugin, err := os.ReadFile("pytest_plugin.py")
	if err != nil {
		t.Fatal(err)
	}
	leased, err := os.Create(filepath.Join(tmp, "leased"))
	if err != nil {
		t.Fatal(err)
	}
	defer leased.Close()
	if _, err := unix.FcntlInt(leased.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip("the file system gives no leases: ", err)
	}
	at := func(n int) string { return filepath.Join(tmp, fmt.Sprintf("runbook-pytest-%d", n)) }
	for n := 1; n <= 6; n++ {
		if err := os.Mkdir(at(n), 0o700); err != nil {
			t.Fatal(err)
		}
		_ = os.WriteFile(filepath.Join(at(n), "runbook_pytest.py"), plugin, 0o600)
		_ = os.WriteFile(filepath.Join(at(n), "events"), nil, 0o600)
	}
	open, err := os.OpenFile(filepath.Join(at(2), "events"), os.O_RDWR, 0) // its run goes on
	if err != nil {
		t.Fatal(err)
	}
	_ = os.WriteFile(filepath.Join(at(3), "notes.txt"), nil, 0o600)         // somebody's own
	_ = os.WriteFile(filepath.Join(at(4), "runbook_pytest.py"), nil, 0o600) // no plugin of ours
	_ = os.Remove(filepath.Join(at(5), "events"))                           // only just begun
	_ = os.Rename(at(6), filepath.Join(tmp, "runbook-pytest-mine"))         // no name of ours
	paths := func(found []probe.Recovery, err error) string {
		var out []string
		for _, r := range found {
			if out = append(out, filepath.Base(r.Path)); r.Kind != probe.LeftDirectory || r.Err != nil {
				t.Errorf("found %+v", r)
			}
		}
		return fmt.Sprint(out, err)
	}
	h := live(t)
	if got := paths(probe.Left(context.Background(), h, probe.Journals{}, nil)); got != "[runbook-pytest-1] <nil>" {
		t.Errorf("listed %s", got)
	}
	if got := paths(probe.Recover(context.Background(), h, probe.Journals{}, nil, nil)); got != "[runbook-pytest-1] <nil>" {
		t.Errorf("recovered %s", got)
	}
	open.Close()
	if got := paths(probe.Recover(context.Background(), h, probe.Journals{}, nil, nil)); got != "[runbook-pytest-2] <nil>" {
		t.Errorf("recovered %s, once it was closed", got)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "runbook-pytest-*")); len(left) != 4 {
		t.Errorf("left %v", left)
	}
}
