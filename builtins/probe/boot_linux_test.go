package probe

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// booted runs a shell script until a line "up" is in the file of its private
// directory that $UP names.
func booted(t *testing.T, script string, change func(*BootRun)) Booted {
	t.Helper()
	var up string
	run := BootRun{
		Args:    []string{"sh", "-c", script},
		Env:     append(os.Environ(), "UP={dir}/up", "HERE={dir}"),
		Timeout: 10 * time.Second, Grace: 5 * time.Second,
		Until: func(_ context.Context, tree []ID) bool {
			env, err := os.ReadFile("/proc/" + strconv.Itoa(tree[0].PID) + "/environ")
			if err != nil {
				return false
			}
			up = envValue(strings.Split(string(env), "\x00"), "UP")
			_, err = os.Stat(up)
			return err == nil
		},
	}
	if change != nil {
		change(&run)
	}
	b, err := BootUp(context.Background(), live(t, LiveOptions{}), run)
	if err != nil {
		t.Fatal(err)
	}
	if up != "" {
		if _, err := os.Stat(filepath.Dir(up)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the private directory is still there: %v", err)
		}
	}
	return b
}

func TestBootUpTellsHowATreeEnded(t *testing.T) {
	short := func(r *BootRun) { r.Timeout, r.Grace = 300*time.Millisecond, 300*time.Millisecond }
	for _, c := range []struct {
		name, script string
		change       func(*BootRun)
		outcome      string
		up           bool
		code         int
		leaks        string
	}{
		{"ends at SIGINT", `trap 'exit 3' INT; touch $UP; while :; do sleep 0.05; done`, nil, "interrupted", true, 3, ""},
		{"its children end with it", `trap 'kill $c; exit 0' INT; sleep 1000 & c=$!; touch $UP; wait; wait`, nil, "interrupted", true, 0, ""},
		{"ends before it is up", `echo no; exit 7`, nil, "ended", false, 7, ""},
		{"is to end by itself", `touch $UP; sleep 0.3; exit 4`, func(r *BootRun) { r.Ends = true }, "ended", true, 4, ""},
		{"nobody waits for it to come up", `exit 0`, func(r *BootRun) { r.Until = nil }, "ended", false, 0, ""},
		{"does not come up", `exec sleep 1000`, short, "hang", false, -1, ""},
		{"does not end", `trap '' INT; touch $UP; while :; do sleep 0.05; done`, func(r *BootRun) { r.Grace = 300 * time.Millisecond }, "end-hang", true, -1, ""},
		{"does not end by itself", `touch $UP; exec sleep 1000`, func(r *BootRun) { r.Ends, r.Timeout, r.Grace = true, 3*time.Second, 300*time.Millisecond }, "end-hang", true, -1, ""},
		{"detaches itself", `setsid sh -c 'sleep 1000 & sleep 1000 & touch $HERE/there; wait' >/dev/null & until [ -e $HERE/there ]; do sleep 0.01; done`, nil, "ended", false, 0, "process process process"},
		{"leaves a child", `trap 'exit 0' INT; setsid sleep 1000 & touch $UP; while :; do sleep 0.05; done`, nil, "interrupted", true, 0, "process"},
		{"a file in the private directory", `read x <$HERE/sub/a; test "$x" = text`, func(r *BootRun) { r.Files = map[string]string{"sub/a": "text\n"} }, "ended", false, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := booted(t, c.script, c.change)
			var leaks []string
			for _, l := range b.Leaks {
				leaks = append(leaks, l.Kind)
			}
			if b.Outcome != c.outcome || b.Up != c.up || b.ExitCode != c.code || strings.Join(leaks, " ") != c.leaks {
				t.Errorf("got %s, up %v, exit code %d, left %v", b.Outcome, b.Up, b.ExitCode, b.Leaks)
			}
			if hung := strings.HasSuffix(c.outcome, "hang"); b.Duration <= 0 || b.Up != (b.UpAfter > 0) || (b.Up && !hung) != (b.EndedIn > 0) {
				t.Errorf("took %v, up after %v, ended in %v", b.Duration, b.UpAfter, b.EndedIn)
			}
			for _, id := range b.Members {
				if _, err := os.Stat("/proc/" + strconv.Itoa(id.PID)); err == nil {
					t.Errorf("pid %d is still there", id.PID)
				}
			}
		})
	}
}

func TestBootUpCallsOnHangBeforeTheFirstSignal(t *testing.T) {
	looked := 0
	b := booted(t, `trap 'exit 9' TERM; while :; do sleep 0.05; done`, func(r *BootRun) {
		r.Timeout = 2 * time.Second // by then its trap is set, on a full machine too
		r.OnHang = func(_ context.Context, tree []ID) {
			looked++
			if _, err := os.Stat("/proc/" + strconv.Itoa(tree[0].PID)); err != nil {
				t.Error("it has ended already")
			}
		}
	})
	if looked != 1 || b.Outcome != "hang" || b.ExitCode != 9 {
		t.Errorf("looked %d times; %s, exit code %d", looked, b.Outcome, b.ExitCode)
	}
}

// What a script starts in the background has SIGINT ignored, and so would have
// whatever we start from there: no SIGINT would end it.
func TestBootUpDoesNotPassOnAnIgnoredSIGINT(t *testing.T) {
	if os.Getenv("PROBE_IGNORES_INT") == "" { // Go cannot undo signal.Ignore, so that needs a process of its own
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", `trap '' INT; exec "$0" -test.run '^TestBootUpDoesNotPassOnAnIgnoredSIGINT$'`, self)
		cmd.Env = append(os.Environ(), "PROBE_IGNORES_INT=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	b := booted(t, `touch $UP; exec sleep 1000`, nil)
	if b.Outcome != "interrupted" || b.Signal != "SIGINT" {
		t.Errorf("%s, %s", b.Outcome, b.Signal)
	}
	if !signal.Ignored(syscall.SIGINT) {
		t.Error("we do not ignore it any more")
	}
}

func TestBootUpRefusesFilesOutsideItsDirectory(t *testing.T) {
	for _, name := range []string{"../x", "/tmp/x", ""} {
		_, err := BootUp(context.Background(), live(t, LiveOptions{}), BootRun{Args: []string{"true"}, Files: map[string]string{name: ""}, Timeout: time.Second})
		if err == nil || !strings.Contains(err.Error(), "no name of a file") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := BootUp(context.Background(), live(t, LiveOptions{}), BootRun{Args: []string{"no-such-program-of-ours"}, Timeout: time.Second}); err == nil {
		t.Error("no error")
	}
}

func TestFreePortIsFreeAndNoneToAvoid(t *testing.T) {
	h := live(t, LiveOptions{})
	first, err := FreePort(context.Background(), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	var avoid []int
	for port := 1; port <= 65535; port++ {
		if port != first {
			avoid = append(avoid, port)
		}
	}
	if port, err := FreePort(context.Background(), h, avoid); err == nil && port != first {
		t.Errorf("got %d, which is to be avoided", port)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first))
	if err != nil {
		t.Fatalf("%d is not free: %v", first, err)
	}
	l.Close()
}

func TestPythonProgramsNoteWhereTheyDial(t *testing.T) {
	aPython(t)
	const script = `
import os, socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname())
u = socket.socket(socket.AF_UNIX); u.bind(os.environ["HERE"] + "/%d.sock" % os.getpid()); u.listen()
try:
    socket.socket(socket.AF_UNIX).connect("\0nobody is there")
except OSError:
    pass
import sitecustomize
print(s.getsockname()[1], sitecustomize.MINE, [p for p in sys.path if "runbook-run" in p])
if len(sys.argv) == 1:
    os.spawnl(os.P_WAIT, sys.executable, sys.executable, __file__, "child")
`
	site := t.TempDir()
	if err := os.WriteFile(filepath.Join(site, "sitecustomize.py"), []byte("MINE = 'mine'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := t.TempDir() + "/dials.py"
	if err := os.WriteFile(at, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	b := booted(t, "", func(r *BootRun) {
		r.Args, r.Until, r.Trace = []string{"python3", at}, nil, true
		r.Env = append(r.Env, "PYTHONPATH="+site)
	})
	if b.ExitCode != 0 || strings.Count(string(b.Output), " mine []") != 2 {
		t.Fatalf("exit code %d\n%s", b.ExitCode, b.Output)
	}
	var got []string
	pids := map[int]bool{}
	for _, d := range b.Dialled {
		pids[d.PID] = true
		word := map[bool]string{true: "bind", false: "connect"}[d.Bound]
		switch {
		case strings.HasPrefix(d.Address, "127.0.0.1:"):
			word += " tcp"
		case strings.HasSuffix(d.Address, ".sock"):
			word += " unix"
		default:
			word += " " + d.Address
		}
		got = append(got, word)
	}
	want := []string{"bind tcp", "connect tcp", "bind unix", "connect @nobody is there"}
	if len(pids) != 2 || len(got) != 8 || !reflect.DeepEqual(got[:4], want) {
		t.Errorf("pids %v, %q", pids, got)
	}
}

func TestParseDialled(t *testing.T) {
	got := parseDialled([]byte("12 connect 127.0.0.1:1616\n12 connect 127.0.0.1:1616\n7 bind /a b\n0 bind x\nx bind y\n3 sends z\n3 bind \n\n4 connect \x1b[31m\n9 connect cut"))
	want := []Dialled{{PID: 12, Address: "127.0.0.1:1616"}, {PID: 7, Bound: true, Address: "/a b"}, {PID: 4, Address: "\ufffd[31m"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func FuzzDialled(f *testing.F) {
	f.Add([]byte("12 connect 127.0.0.1:1616\n7 bind /a b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range parseDialled(data) {
			if d.PID < 1 || d.Address == "" || Clean([]byte(d.Address)) != d.Address {
				t.Errorf("%+v of %q", d, data)
			}
		}
	})
}
