package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a recipe sees of a planted actor is what it sees of a real one: the
// command line, the state of the main thread, and an interest set armed with
// EPOLLONESHOT in which the deaf one does not wait for its parent.
func TestAPlantedActorLooksLikeOne(t *testing.T) {
	p := mustFind(t, "wedged-actor")
	tree, err := plantTree(context.Background(), p, false)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	beta := "/proc/" + strconv.Itoa(tree.pids["beta"])

	argv := strings.Split(strings.TrimSuffix(read(t, beta+"/cmdline"), "\x00"), "\x00")
	want := regexp.MustCompile(`^python3\|-m\|tractor\._child\|--uid\|\('beta', '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'\)\|--parent_addr\|\('127\.0\.0\.1', \d+\)$`)
	if line := strings.Join(argv, "|"); !want.MatchString(line) {
		t.Errorf("argv %s", line)
	}
	if comm := strings.TrimSpace(read(t, beta+"/comm")); comm != "python3" {
		t.Errorf("comm %s", comm)
	}
	if env := read(t, beta+"/environ"); strings.Contains(env, "HOME=") {
		t.Errorf("it inherited our environment: %q", env)
	}
	pools, armed, idle := 0, 0, 0
	infos, _ := filepath.Glob(beta + "/fdinfo/*")
	for _, info := range infos {
		text := read(t, info)
		if !strings.Contains(text, "tfd:") {
			continue
		}
		pools++
		armed += strings.Count(text, "events: 40000019")
		idle += strings.Count(text, "events: 40000018")
	}
	if pools != 1 || armed != 4 || idle != 1 {
		t.Errorf("%d epoll instances, %d armed, %d registered and not waited for; want 1, 4 (pair, life, listener, gamma), 1 (parent)", pools, armed, idle)
	}
}

// However the tool ends, its tree ends too.
func TestATreeDoesNotOutliveItsDemo(t *testing.T) {
	for scenario, actors := range map[string]int{"wedged-actor": 4, "sync-blocked": 4, "stopped": 4, "deadlock": 4, "orphan": 1} {
		t.Run(scenario, func(t *testing.T) {
			cmd := demo(t, scenario, "--over", "1m", "--no-record")
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			if line, err := bufio.NewReader(stderr).ReadString('\n'); !strings.HasPrefix(line, "planted: ") {
				t.Fatalf("%q, %v", line, err)
			}
			below := actorsOf(t, cmd.Process.Pid)
			if len(below) != actors {
				t.Fatalf("pids %v belong to the demo, want %d", below, actors)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			for _, pid := range below {
				for deadline := time.Now().Add(10 * time.Second); lives(pid); time.Sleep(5 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("pid %d outlives the demo", pid)
					}
				}
			}
		})
	}
}

// Ctrl-C before the tree stands is no failure to boot.
func TestADemoIsInterruptedWhileItBoots(t *testing.T) {
	for s, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 143} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				code = 0 // as nohup asks for: it plays to its end
			}
			// On a full machine a tree stands before anybody has looked for its first process.
			for deadline := time.Now().Add(20 * time.Second); ; {
				got, said := interruptedDemo(t, s)
				if got != code {
					t.Errorf("exit %d, want %d", got, code)
				}
				if signal.Ignored(s) || said == "interrupted: the planted tree was ended before it stood\n" {
					return
				}
				if !strings.HasPrefix(said, "planted: ") || !strings.HasSuffix(said, "\nThe planted tree was ended.\n") || time.Now().After(deadline) {
					t.Fatalf("it said %q", said)
				}
			}
		})
	}
}

// interruptedDemo signals a demonstration as soon as it has a child, and returns
// its exit code and what it said.
func interruptedDemo(t *testing.T, s syscall.Signal) (code int, said string) {
	cmd := demo(t, "--no-record")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for deadline := time.Now().Add(10 * time.Second); len(childrenOf(cmd.Process.Pid)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it starts nobody")
		}
	}
	_ = cmd.Process.Signal(s)
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), errs.String()
}

// A tree that is to be kept is as wedged after the demonstration as in it, the
// stopped one too; the command that is printed ends all of it, and no file stays
// behind.
func TestAKeptTreeStaysWedged(t *testing.T) {
	for scenario, actors := range map[string]int{"wedged-actor": 4, "sync-blocked": 4, "deadlock": 4, "stopped": 4, "orphan": 1, "healthy": 4} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			cmd := demo(t, scenario, "--keep", "--over", "10ms", "--no-record")
			cmd.Env = append(cmd.Env, "TMPDIR="+temp)
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Run(); err != nil {
				t.Errorf("%v: %s", err, said.String())
			}
			kept := regexp.MustCompile(`(?m)^    runbook (run wedged-actor --pid \d+)\nEnd it:\n    kill (\d+)$`).FindStringSubmatch(said.String())
			if kept == nil {
				t.Fatalf("it said %q", said.String())
			}
			root, _ := strconv.Atoi(kept[2])
			tree := []int{root}
			for i := 0; i < len(tree); i++ {
				tree = append(tree, childrenOf(tree[i])...)
			}
			defer func() {
				for _, pid := range tree {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}()
			if len(tree) != actors {
				t.Errorf("pids %v stayed, want %d", tree, actors)
			}

			again := exec.Command(cmd.Path, append(strings.Fields(kept[1]), "--over", "10ms", "--no-record")...)
			again.Args[0] = "runbook"
			text, _ := again.CombinedOutput()
			if code, want := again.ProcessState.ExitCode(), min(1, len(mustFind(t, scenario).culprit)); code != want {
				t.Errorf("exit %d, want %d: %s", code, want, text)
			}

			if err := syscall.Kill(root, syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			for _, pid := range tree {
				for deadline := time.Now().Add(10 * time.Second); lives(pid); time.Sleep(5 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("pid %d outlives its root", pid)
					}
				}
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func mustFind(t *testing.T, scenario string) planted {
	t.Helper()
	p, err := findScenario(scenario)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Ctrl-C while it looks ends the tree, and says so; one that is to be kept stays,
// with the command that ends it.
func TestAnInterruptedDemoSaysWhatBecameOfItsTree(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep=%v", keep), func(t *testing.T) {
			t.Parallel()
			cmd := demo(t, "--over", "1m", "--no-record", fmt.Sprintf("--keep=%v", keep))
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			lines := bufio.NewReader(stderr)
			if line, err := lines.ReadString('\n'); !strings.HasPrefix(line, "planted") {
				t.Fatalf("%q, %v", line, err)
			}
			tree := actorsOf(t, cmd.Process.Pid)
			defer func() {
				for _, pid := range tree {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}()
			if len(tree) != 4 {
				t.Errorf("pids %v belong to the demo, want 4", tree)
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			rest, _ := io.ReadAll(lines)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 143 {
				t.Errorf("exit %d, want 143", code)
			}
			want := "\nThe planted tree was ended.\n"
			if keep {
				want = "\nEnd it:\n    kill "
			}
			if !strings.Contains(string(rest), want) {
				t.Errorf("it said %q, want %q", rest, want)
			}
			for _, pid := range tree {
				if lives(pid) != keep {
					t.Errorf("pid %d lives: %v, want %v", pid, lives(pid), keep)
				}
			}
		})
	}
}

// demo is this binary, with a demonstration to play.
func demo(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{"demo"}, args...)...)
	cmd.Args[0] = "runbook"
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	return cmd
}

func childrenOf(pid int) (pids []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range files {
		b, _ := os.ReadFile(name)
		for _, text := range strings.Fields(string(b)) {
			child, _ := strconv.Atoi(text)
			pids = append(pids, child)
		}
	}
	return pids
}

// actorsOf finds the actors of a demo, adopted ones too: each holds the other
// end of a pipe of its.
func actorsOf(t *testing.T, demo int) []int {
	t.Helper()
	ours := map[string]bool{}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", demo))
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, "pipe:") {
			ours[to] = true
		}
	}
	var out []int
	lives, _ := filepath.Glob(fmt.Sprintf("/proc/[0-9]*/fd/%d", lifeFD))
	for _, l := range lives {
		to, err := os.Readlink(l)
		pid, _ := strconv.Atoi(strings.Split(l, "/")[2])
		if err == nil && ours[to] && pid != demo {
			out = append(out, pid)
		}
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
