//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stage is what live tests need: the program under test, the stand-ins and an
// interpreter for them, all readable by whoever runs them.
type stage struct {
	dir     string // of ours; $HOME of everything that is started
	binary  string
	scripts string
	python  string
	tractor string              // an interpreter that has it
	as      *syscall.Credential // nil: as ourselves
}

const nobody = 65534

// newStage builds the program. It skips the test where a tool is missing,
// unless the tests run in CI, where that is a failure.
func newStage(t testing.TB) *stage {
	t.Helper()
	if testing.Short() {
		t.Skip("boots process trees; -short was given")
	}
	dir, err := os.MkdirTemp("", "runbook-live-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &stage{dir: dir, binary: filepath.Join(dir, "runbook"), scripts: filepath.Join(dir, "live")}
	if *asUser {
		if os.Geteuid() != 0 {
			t.Skip("-live.asuser needs root; without root every run is an ordinary user's")
		}
		s.as = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(s.scripts, os.DirFS("testdata/live")); err != nil {
		t.Fatal(err)
	}
	if s.python, err = s.findPython(); err != nil {
		missing(t, "no python3 for the stand-ins: %v", err)
	}
	build := exec.Command("go", "build", "-o", s.binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return s
}

// missing skips, or fails in CI: there everything is expected to be installed.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// findPython takes the interpreter itself, not a shim in front of it: a shim
// would be one more process, and may lie where an ordinary user can't read.
func (s *stage) findPython() (string, error) {
	var last error
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		path, err := exec.LookPath(name)
		if err != nil {
			last = err
			continue
		}
		out, err := exec.Command(path, "-c", "import sys; print(sys.executable)").Output()
		if err != nil {
			last = err
			continue
		}
		path = strings.TrimSpace(string(out))
		check := s.command(context.Background(), path, "-c", "import os; os.pidfd_open(os.getpid()); os.eventfd(0)")
		if last = check.Run(); last == nil {
			return path, nil
		}
	}
	return "", last
}

// command runs as the user whom the test is about.
func (s *stage) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LANG=C.UTF-8", "TZ=UTC", "TMPDIR=" + os.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

// runbook runs the program under test and gives what it printed and its exit
// code. Only a program that could not be run, or hung, is an error.
func (s *stage) runbook(args ...string) (stdout, stderr string, code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := s.command(ctx, s.binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out.String(), errs.String(), -1, fmt.Errorf("runbook %s: did not end: %w", strings.Join(args, " "), ctx.Err())
	case errors.As(err, &exit):
		err = nil
	case err != nil:
		return "", "", -1, err
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), nil
}

// cast is a booted tree, in the state that its scenario asks for.
type cast struct {
	Ready     bool              `json:"ready"`
	Error     string            `json:"error"`
	PIDs      map[string]int    `json:"pids"`
	Addresses map[string]string `json:"addresses"` // of servers outside the tree

	stdin  io.Closer
	keeper *exec.Cmd
}

// boot starts the keeper, which starts the tree. The tree dies with the cast's
// close, and also when this test process dies: the keeper's stdin ends then.
func (s *stage) boot(spec map[string]any) (*cast, error) {
	line, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	cmd := s.command(context.Background(), s.python, filepath.Join(s.scripts, "keeper.py"))
	cmd.Env = append(cmd.Env, "PYTHONDONTWRITEBYTECODE=1")
	// Whoever kills our process group must leave the keeper to do its work.
	cmd.SysProcAttr.Setsid = true
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &cast{stdin: in, keeper: cmd}
	if _, err := in.Write(append(line, '\n')); err != nil {
		c.close()
		return nil, fmt.Errorf("keeper: %w: %s", err, errs.String())
	}
	answer, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(answer, c)
	}
	if err == nil && !c.Ready {
		err = errors.New(c.Error)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("keeper: %w %s", err, errs.String())
	}
	if len(c.Addresses) == 0 { // else the keeper plays the server
		c.PIDs["keeper"] = cmd.Process.Pid
	}
	return c, nil
}

func (c *cast) close() {
	c.stdin.Close()
	_ = c.keeper.Wait()
}

// name is the inverse of PIDs, for messages.
func (c *cast) name(pid int) string {
	for name, p := range c.PIDs {
		if p == pid {
			return name
		}
	}
	return fmt.Sprintf("pid %d", pid)
}

// lines splits a story into its steps.
func lines(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, "\n")
}

// quoted is name as one word of a step.
func quoted(name string) string {
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// setting turns a scenario into what the keeper is told, or says why it can't
// be played here.
func (s *stage) setting(sc *scenario) (map[string]any, string) {
	spec := map[string]any{
		"tree": sc.tree, "form": or(sc.form, "argv"), "net": or(sc.net, "tcp"),
		"steps": lines(sc.steps), "until": lines(sc.until),
		"subreaper": !sc.world.noSubreaper, "ignore_sigint": sc.world.ignoreSigint,
	}
	if sc.app != "" {
		spec["tree"] = actor("root")
		spec["python"] = s.tractor
		spec["program"] = []string{filepath.Join(s.scripts, "real", "app.py"), sc.app}
	}
	root := os.Geteuid() == 0 && s.as == nil
	if sc.world.netns {
		if !root {
			return nil, "a network namespace needs root"
		}
		spec["netns"] = true
	}
	if sc.world.freezer {
		at := freezer()
		if !root || at == "" {
			return nil, "a frozen cgroup needs root and a writable unified hierarchy"
		}
		spec["cgroup"] = at
	}
	return spec, ""
}

// freezer finds a place for a cgroup that can be frozen; "" where there is none.
func freezer() string {
	for _, at := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(at, "cgroup.controllers")); err != nil {
			continue
		}
		try, err := os.MkdirTemp(at, "rb-")
		if err != nil {
			continue
		}
		_, err = os.Stat(filepath.Join(try, "cgroup.freeze"))
		os.Remove(try)
		if err == nil {
			return at
		}
	}
	return ""
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
