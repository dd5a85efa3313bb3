//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// real are the states into which testdata/live/real/app.py brings a tree of
// real tractor actors: root, its children alpha and beta, and gamma below beta.
var real = []scenario{
	{name: "tractor: one stream is not read, so nobody reads", app: "deaf",
		until:  "alpha epoll unread\nroot epoll",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "tractor: backpressure", app: "full",
		until:  "alpha epoll unread\nroot epoll unsent",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "tractor: waits for an event", app: "blocked",
		until:  "alpha futex unread\nroot epoll",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "tractor: slept", app: "slept",
		until:  "alpha sleep unread\nroot epoll",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "tractor: orphaned", app: "healthy",
		steps:  "keeper kill root",
		until:  "alpha epoll\nbeta epoll",
		ask:    "alpha,beta",
		guilty: guilty{who: "alpha", rule: "orphan"}, also: guilty{who: "beta", rule: "orphan"}},
}

var realHealthy = []scenario{
	{name: "tractor: healthy", app: "healthy", until: "alpha epoll\nbeta epoll\ngamma epoll\nroot epoll"},
}

// TestLiveTractor is TestLiveScenarios with real tractor actors.
func TestLiveTractor(t *testing.T) {
	s := newStage(t)
	s.tractor = newVenv(t, s)
	s.score(t, append(plan(t, real, false), plan(t, realHealthy, true)...))
}

// TestLiveKill boots two real trees. Without a grant nothing is signalled;
// with it the wedged tree goes and the healthy one beside it stays.
func TestLiveKill(t *testing.T) {
	s := newStage(t)
	s.tractor = newVenv(t, s)
	wedge, calm := s.mustBoot(t, &real[0]), s.mustBoot(t, &realHealthy[0])
	before, beside := wedge.lives(), calm.lives()

	run := func(args ...string) string {
		t.Helper()
		args = append([]string{"run", "wedged-actor", "--no-record", "--pid", strconv.Itoa(wedge.PIDs["root"])}, args...)
		stdout, stderr, code, err := s.runbook(args...)
		if err != nil || code != 1 {
			t.Fatalf("runbook %v: exit code %d, %v\n%s%s", args, code, err, stdout, stderr)
		}
		return stdout + stderr
	}

	looked := &result{scenario: &real[0]}
	if s.diagnose(wedge, looked); len(looked.wrong) > 0 {
		t.Fatalf("with a second tree beside it: %q", looked.wrong)
	}
	said := run()
	if now := wedge.lives(); now != before {
		t.Fatalf("without a grant the tree was\n%snow it is\n%s%s", before, now, said)
	}
	said = run("--allow", "kill", "--dry-run")
	if now := wedge.lives(); now != before {
		t.Fatalf("with --dry-run the tree was\n%snow it is\n%s%s", before, now, said)
	}
	said = run("--allow", "kill")
	for _, name := range []string{"root", "alpha", "beta", "gamma"} {
		for end := time.Now().Add(10 * time.Second); life(wedge.PIDs[name]) != ""; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s still lives\n%s", name, said)
				break
			}
		}
	}
	if now := calm.lives(); now != beside {
		t.Errorf("the tree beside was\n%snow it is\n%s%s", beside, now, said)
	}
}

func (s *stage) mustBoot(t *testing.T, sc *scenario) *cast {
	t.Helper()
	spec, why := s.setting(sc)
	if why != "" {
		t.Skip(why)
	}
	c, err := s.boot(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// lives names every process of the cast with its start time.
func (c *cast) lives() string {
	var b strings.Builder
	for _, name := range []string{"root", "alpha", "beta", "gamma"} {
		fmt.Fprintf(&b, "%s %s\n", name, life(c.PIDs[name]))
	}
	return b.String()
}

// life is the start time of a process in ticks since boot; "" when it is gone,
// or a zombie that waits for the keeper.
func life(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// newVenv installs real tractor, with the versions that requirements.txt pins.
func newVenv(t *testing.T, s *stage) string {
	t.Helper()
	python, version := s.oldPython()
	if python == "" {
		missing(t, "tractor 0.1.0a5 needs CPython 3.10, 3.11 or 3.12 with venv")
	}
	return s.venv(t, "tractor-"+version, python, "testdata/live/requirements.txt", "import tractor")
}

// venv installs what a file pins into a virtual environment, and tries it. It
// is kept in $RUNBOOK_TEST_VENV or the user's cache directory, under a name that
// the pins and the interpreter give.
func (s *stage) venv(t testing.TB, name, python, requirements, try string) string {
	t.Helper()
	pins, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append(pins, python...))
	at := os.Getenv("RUNBOOK_TEST_VENV")
	if at == "" {
		if at, err = os.UserCacheDir(); err != nil || s.as != nil {
			at = s.dir // thrown away; the cache of another user can't be used
		}
		at = filepath.Join(at, "runbook-test")
	}
	at = filepath.Join(at, name+"-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(at+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(at, "ready")
	if _, err := os.Stat(ready); err == nil {
		return filepath.Join(at, "bin", "python")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{python, "-m", "venv", "--clear", at},
		{filepath.Join(at, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
			"--no-deps", "-r", requirements},
		{filepath.Join(at, "bin", "python"), "-W", "ignore", "-c", try},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			missing(t, "no %s: %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(at, "bin", "python")
}

// oldPython finds an interpreter that this tractor's trio still runs on.
func (s *stage) oldPython() (path, version string) {
	for _, name := range []string{s.python, "python3.11", "python3.12", "python3.10", "/usr/bin/python3"} {
		ask := s.command(context.Background(), name, "-c", "import ensurepip, sys, venv; print(sys.executable, '%d.%d' % sys.version_info[:2])")
		out, err := ask.Output()
		if err != nil {
			continue
		}
		got := strings.Fields(string(out))
		if len(got) == 2 && (got[1] == "3.10" || got[1] == "3.11" || got[1] == "3.12") {
			return got[0], got[1]
		}
	}
	return "", ""
}
