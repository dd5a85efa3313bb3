package probe_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/builtins/probe"
)

// troupe is a Command that plays roles. Nobody holds its standard input.
func troupe(spec string) probe.Command {
	return probe.Command{
		Args:  []string{"/proc/self/exe"},
		Env:   append(os.Environ(), "PROBE_ROLE="+spec, "PROBE_ALONE=1"),
		Grace: 5 * time.Second,
	}
}

func run(t *testing.T, c probe.Command) probe.Result {
	t.Helper()
	r, err := live(t).Act().Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRunTellsWhatBecameOfAProgram(t *testing.T) {
	for _, c := range []struct {
		script string
		want   probe.Result
	}{
		{"cat; echo to stderr >&2; exit 7", probe.Result{ExitCode: 7, Stdout: []byte("fed"), Stderr: []byte("to stderr\n")}},
		{"kill -SEGV $$", probe.Result{ExitCode: -1, Signal: "SIGSEGV"}},
		{"yes | head -c 100000", probe.Result{Stdout: []byte(strings.Repeat("y\n", 50)), Cut: true}},
		{"pwd; echo $HOME", probe.Result{Stdout: []byte("/\n/nowhere\n")}},
	} {
		got := run(t, probe.Command{Args: []string{"sh", "-c", c.script}, Stdin: []byte("fed"), MaxBytes: 100,
			Dir: "/", Env: []string{"HOME=/nowhere", "PATH=" + os.Getenv("PATH")}})
		if got.Duration <= 0 {
			t.Errorf("%s: took %v", c.script, got.Duration)
		}
		if got.ExitCode != c.want.ExitCode || got.Signal != c.want.Signal || got.Cut != c.want.Cut || got.TimedOut ||
			string(got.Stdout) != string(c.want.Stdout) || string(got.Stderr) != string(c.want.Stderr) || len(got.Outlived) > 0 {
			t.Errorf("%s:\n got %+v\nwant %+v", c.script, got, c.want)
		}
	}
}

func TestRunNamesAProgramThatIsNotThere(t *testing.T) {
	_, err := live(t).Act().Run(context.Background(), probe.Command{Args: []string{"no-such-program-of-ours"}})
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "run no-such-program-of-ours") {
		t.Errorf("error %v", err)
	}
	_, err = live(t).Act().Run(context.Background(), probe.Command{Args: []string{"true"}, Dir: "/no/such/dir"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// pidsSaid are those of a troupe which ran as a program.
func pidsSaid(t *testing.T, r probe.Result) []int {
	t.Helper()
	text, ok := strings.CutPrefix(strings.TrimSpace(string(r.Stdout)), "ready ")
	if !ok {
		t.Fatalf("said %q %q", r.Stdout, r.Stderr)
	}
	var pids []int
	for _, s := range strings.Split(text, ",") {
		pid, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func TestRunLeavesNobodyBehindAtTheDeadline(t *testing.T) {
	// A child; a grandchild in a session of its own; another whose parent is gone.
	deadline := 200 * time.Millisecond
	for done := 0; done < 20; done++ {
		c := troupe("ignore-int(sleep,detach(deaf,detach(sleep)))")
		c.Deadline, c.Grace = deadline, 50*time.Millisecond
		r := run(t, c)
		if !r.TimedOut {
			t.Fatalf("not timed out: %+v", r)
		}
		if len(r.Stdout) == 0 {
			deadline *= 2 // so loaded a machine that the deadline came before they were ready
			done--
			continue
		}
		pids := pidsSaid(t, r)
		if len(pids) != 6 {
			t.Fatalf("said %v", pids)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, 0); err == nil {
				t.Errorf("pid %d is still there", pid)
			}
		}
	}
}

func TestRunNamesWhatOutlivedTheProgramAndEndsIt(t *testing.T) {
	r := run(t, troupe("detach(detach(sleep))"))
	pids := pidsSaid(t, r)
	if r.ExitCode != 0 || len(r.Outlived) != 1 || r.Outlived[0].PID != pids[2] || r.Outlived[0].Comm == "" {
		t.Errorf("pids %v, result %+v", pids, r)
	}
	if err := syscall.Kill(pids[2], 0); err == nil {
		t.Error("it is still there")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := live(t).Act().Run(ctx, probe.Command{Args: []string{"sleep", "60"}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestRunSparesChildrenOfOthers(t *testing.T) {
	h := live(t)
	before := boot(t, h, "sleep")[0]
	run(t, probe.Command{Args: []string{"true"}})
	if !runs(h, before) {
		t.Error("it ended a child that it had not started")
	}
}

// An orphan that ended must not stay behind as our zombie while its program
// runs: this one waits for the pid to go.
func TestRunReapsOrphansAtOnce(t *testing.T) {
	c := troupe("wait-for-orphan(detach(exit))")
	c.Deadline = 20 * time.Second
	if r := run(t, c); r.TimedOut || r.ExitCode != 0 {
		t.Errorf("result %+v", r)
	}
}

func TestRunTwoAtOnceEndOnlyTheirOwn(t *testing.T) {
	h := live(t)
	results := make(chan probe.Result, 2)
	c := troupe("ignore-int(detach(deaf))")
	c.Deadline, c.Grace = 3*time.Second, 0
	for range 2 {
		go func() {
			r, err := h.Act().Run(context.Background(), c)
			if err != nil {
				t.Error(err)
			}
			results <- r
		}()
	}
	quick := run(t, probe.Command{Args: []string{"true"}})
	if len(quick.Outlived) > 0 {
		t.Errorf("took the others' for its own: %+v", quick.Outlived)
	}
	for range 2 {
		r := <-results
		if !r.TimedOut {
			t.Errorf("ended early: %+v", r)
		}
		defer func() {
			for _, pid := range pidsSaid(t, r) {
				if syscall.Kill(pid, 0) == nil {
					t.Errorf("pid %d is still there", pid)
				}
			}
		}()
	}
}

func TestRunLiftsOurOwnMemoryLimit(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil || limit.Max != ^uint64(0) {
		t.Skip("address space is limited here already")
	}
	if r := run(t, troupe("limited")); string(r.Stdout) != "unlimited\ntrue <nil>\n" {
		t.Errorf("a program started under a limit says %q", r.Stdout)
	}
}
