package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"runbook/builtins/probe"
)

var gitKills = flag.Int("git-kills", 25, "how often to kill a change in place at a random moment")

// The test binary changes a work tree in place too, so that it can be killed:
// the tests of the function that is called take a while and leave things behind.
func init() {
	spec := os.Getenv("PROBE_IN_PLACE")
	if spec == "" {
		return
	}
	var do struct{ Dir, State, Ref, Way string }
	err := json.Unmarshal([]byte(spec), &do)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h, err2 := probe.NewLive(probe.LiveOptions{})
	g, err3 := probe.OpenGit(ctx, h, do.Dir)
	if err := errors.Join(err, err2, err3); err != nil {
		println(err.Error())
		os.Exit(3)
	}
	logs := probe.Journals{Dir: do.State}
	os.Stdout.WriteString("begun\n")
	switch do.Way {
	case "worktree":
		if _, err := g.AddWorktree(ctx, logs, do.Ref); err != nil {
			println(err.Error())
			os.Exit(3)
		}
		os.Stdout.WriteString("there\n")
		time.Sleep(time.Minute)
	default:
		there, err := g.ChangeInPlace(ctx, logs, do.Ref, nil)
		if err != nil {
			println(err.Error())
			os.Exit(3)
		}
		os.Stdout.WriteString("there\n")
		for i := range 20 {
			name := filepath.Join(do.Dir, "made", string(rune('a'+i)))
			_ = os.MkdirAll(filepath.Dir(name), 0o755)
			_ = os.WriteFile(name, []byte("by a test"), 0o644)
			_ = os.WriteFile(filepath.Join(do.Dir, "staged"), []byte("by a test"), 0o644)
			time.Sleep(2 * time.Millisecond)
			if do.Way == "hang" {
				time.Sleep(time.Minute)
			}
		}
		if _, err := there.Restore(ctx); err != nil {
			println(err.Error())
			os.Exit(3)
		}
	}
	os.Exit(0)
}

// aside starts the test binary in the role above, and waits until it says word.
// In the way "own" the work tree keeps its own content.
func (y *yard) aside(way, word string) *exec.Cmd {
	y.t.Helper()
	ref := "base"
	if way == "own" {
		ref = ""
	}
	spec, err := json.Marshal(map[string]string{"Dir": y.dir, "State": y.logs.Dir, "Ref": ref, "Way": way})
	if err != nil {
		y.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PROBE_IN_PLACE="+string(spec))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var said []byte
	for buf := make([]byte, 64); !strings.Contains(string(said), word+"\n"); {
		n, err := out.Read(buf)
		if err != nil {
			y.t.Fatalf("it ended, and said %q", said)
		}
		said = append(said, buf[:n]...)
	}
	return cmd
}

func (y *yard) recover() []probe.Recovery {
	y.t.Helper()
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		y.t.Fatal(err)
	}
	ours := func(r probe.Recovery) bool { return r.Repo != "" } // not what other runs of this machine left
	list, err := probe.Recover(y.t.Context(), h, y.logs, []string{y.dir}, ours)
	if err != nil {
		y.t.Error(err)
	}
	for _, r := range list {
		if r.Err != nil {
			y.t.Errorf("recover %s: %v", r.ID, r.Err)
		}
	}
	return list
}

func TestRecoverAfterAKillAtAnyMoment(t *testing.T) {
	y := messy(t)
	before, stash := y.print(".git/objects", ".git/refs/runbook"), y.git("stash", "list")
	// Half of the kills come from the beginning on, half once the work tree is
	// changed: saving takes longest, and is the least dangerous. In every other
	// pair nothing is exchanged, and the tests alone write.
	from := []string{"begun", "there"}
	whole := map[string]time.Duration{}
	for _, word := range from {
		cmd := y.aside("", word)
		began := time.Now()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		whole[word] = time.Since(began)
		unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
	}
	kills := *gitKills
	if testing.Short() {
		kills = min(kills, 5)
	}
	phases := map[string]int{}
	for n := range kills {
		seed := rand.Uint64()
		word := from[n%2]
		cmd := y.aside([]string{"", "own"}[n/2%2], word)
		time.Sleep(time.Duration(rand.New(rand.NewPCG(seed, 0)).Float64() * float64(whole[word])))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if cmd.ProcessState.Exited() {
			whole[word] = whole[word] * 9 / 10 // it was through: aim nearer
		}
		list := y.recover()
		switch len(list) {
		case 0:
			phases["none"]++
		case 1:
			phases[list[0].Phase]++
		default:
			t.Fatalf("kill %d: recovered %+v", n, list)
		}
		unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
		if now := y.git("stash", "list"); now != stash {
			t.Errorf("stash list %q, was %q", now, stash)
		}
		if again := y.recover(); len(again) > 0 {
			t.Errorf("a healthy work tree was recovered: %+v", again)
		}
		if t.Failed() {
			t.Fatalf("kill %d, seed %d, %v", n, seed, phases)
		}
	}
	t.Logf("%d kills within %v: %v", kills, whole, phases)
	y.git("fsck", "--no-dangling")
	y.git("commit", "-q", "-m", "goes on as if nothing had been")
}

func TestRecoverItselfMayBeKilled(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print(".git/objects", ".git/refs/runbook")
	for range 5 {
		cmd := y.aside("hang", "there")
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// Two at once are one too many, but neither may do harm.
		h, err := probe.NewLive(probe.LiveOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(120))*time.Millisecond)
		_, _ = probe.Recover(ctx, h, y.logs, nil, func(r probe.Recovery) bool { return r.Repo != "" })
		cancel()
		y.recover()
		unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
	}
}

func TestRecoverLeavesALivingRunAlone(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"hang", "worktree"} {
		y := messy(t)
		before := y.print(".git/objects", ".git/refs/runbook")
		cmd := y.aside(way, "there")
		during := y.print(".git/objects", ".git/refs", "made", "staged")
		list := y.recover()
		if len(list) != 1 || !list[0].Alive || list[0].Done || list[0].Owner.PID != cmd.Process.Pid {
			t.Errorf("%s: recovered %+v", way, list)
		}
		unchanged(t, during, y.print(".git/objects", ".git/refs", "made", "staged"))
		if way == "hang" {
			_, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
			var not *probe.NotNowError
			if !errors.As(err, &not) || not.Do != "runbook recover" {
				t.Errorf("a second run: %v", err)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		list = y.recover()
		if len(list) != 1 || !list[0].Done {
			t.Errorf("%s: recovered %+v", way, list)
		}
		if list[0].Path != "" {
			if _, err := os.Stat(list[0].Path); err == nil {
				t.Errorf("%s is still there", list[0].Path)
			}
		}
		unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
	}
}

// Without a state directory the repository alone must do.
func TestRecoverFindsItsWayFromTheRepository(t *testing.T) {
	t.Parallel()
	y := messy(t)
	y.logs.Dir = ""
	before := y.print(".git/objects", ".git/refs/runbook")
	cmd := y.aside("hang", "there")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if list := y.recover(); len(list) != 1 || !list[0].Done {
		t.Errorf("recovered %+v", list)
	}
	unchanged(t, before, y.print(".git/objects", ".git/refs/runbook"))
}

// A throw-away work tree has nothing in the repository: without a state
// directory it is found as a private directory that nobody has locked.
func TestRecoverFindsAThrowAwayWorkTreeWithoutAJournal(t *testing.T) {
	t.Parallel()
	y := messy(t)
	y.logs.Dir = ""
	ours := func(r probe.Recovery) bool {
		from, err := os.ReadFile(filepath.Join(r.Path, filepath.Base(y.dir), ".git/objects/info/alternates"))
		return r.Kind == probe.LeftDirectory && err == nil && strings.Contains(string(from), filepath.Base(filepath.Dir(filepath.Dir(y.dir))))
	}
	cmd := y.aside("worktree", "there")
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := probe.Recover(t.Context(), h, y.logs, nil, ours); err != nil || len(list) != 0 {
		t.Errorf("while it lives: recovered %+v, %v", list, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if list, err := probe.Recover(t.Context(), h, y.logs, nil, ours); err != nil || len(list) != 1 || !list[0].Done || list[0].Err != nil {
		t.Errorf("recovered %+v, %v", list, err)
	}
}

func TestAWorkTreeThatCannotBeRestoredIsSaidLoudly(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print(".git/objects")
	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	y.write("untracked.txt/.git", "another repository has come to lie here\n")
	_, err = there.Restore(t.Context())
	var loud *probe.NotRestoredError
	if !errors.As(err, &loud) || !strings.Contains(err.Error(), "NOT as it was") || !strings.Contains(err.Error(), "refs/runbook/"+there.ID) {
		t.Fatalf("error %v", err)
	}
	if got := y.git("show", "refs/runbook/"+there.ID+"/untracked:untracked.txt"); got != "mine" {
		t.Errorf("the ref holds %q", got)
	}
	y.write("untracked.txt", "rm")
	if _, err := there.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, y.print(".git/objects"))
	y.nothingLeft()
}

func TestTwoRestoresAtOnceAreOne(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print(".git/objects")
	there, err := y.open().ChangeInPlace(t.Context(), y.logs, "base", nil)
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := there.Restore(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	unchanged(t, before, y.print(".git/objects"))
	y.nothingLeft()
}

// Killed while it wrote the journal itself, a run leaves half of one.
func TestRecoverTidiesHalfAJournal(t *testing.T) {
	t.Parallel()
	y := messy(t)
	before := y.print()
	gone := exec.Command("true")
	probe.Needs(t, "true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	half := fmt.Sprintf(".git/runbook/.journal-ab12-%d", gone.Process.Pid)
	living := fmt.Sprintf(".git/runbook/.journal-ab13-%d", os.Getpid())
	y.write(half, "", living, "")
	if list := y.recover(); len(list) > 0 {
		t.Errorf("recovered %+v", list)
	}
	if _, err := os.Stat(filepath.Join(y.dir, living)); err != nil {
		t.Error("a journal that is being written was taken away")
	}
	y.write(living, "rm")
	y.recover()
	unchanged(t, before, y.print())
	y.nothingLeft()
}
