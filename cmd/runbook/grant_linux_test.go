package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// On a terminal a person is asked, and sees exactly what would be hit. A no
// spares everybody; a yes clears the tree away.
func TestAGrantIsAskedForOnATerminal(t *testing.T) {
	for _, c := range []struct {
		answer string
		lives  bool
		says   string
	}{
		{"n\r", true, "denied"},
		{"\r", true, "denied"},
		{"y\r", false, "SIG"},
		{"\x03", true, "interrupted"}, // Ctrl-C is no answer
	} {
		t.Run(strconv.Quote(c.answer), func(t *testing.T) {
			p, err := findScenario("wedged-actor")
			if err != nil {
				t.Fatal(err)
			}
			tree, err := plantTree(context.Background(), p, false)
			if err != nil {
				t.Fatal(err)
			}
			defer tree.Close()
			screen := onTerminal(t, "run", "wedged-actor", "--pid", strconv.Itoa(tree.pids["root"]), "--over", "200ms", "--no-record")
			question := screen.until(t, "[y/N]")
			for name, pid := range tree.pids {
				if !strings.Contains(question, strconv.Itoa(pid)) {
					t.Errorf("the question does not show %s (pid %d):\n%s", name, pid, question)
				}
			}
			// Nobody can decide before they have read what was found.
			for _, found := range []string{"Process tree of", "FAULT", "Keep the evidence"} {
				if at := strings.Index(question, found); at < 0 || at > strings.Index(question, "needs the effect kill") {
					t.Errorf("%q does not stand above the question:\n%s", found, question)
				}
			}
			screen.say(t, c.answer)
			text := screen.end(t)
			if n := strings.Count(text, "Process tree of"); n != 1 {
				t.Errorf("the tree is drawn %d times:\n%s", n, text)
			}
			for _, noise := range []string{"in cleanup (", "interrupted: interrupted", "left behind"} {
				if strings.Contains(text, noise) {
					t.Errorf("%q in:\n%s", noise, text)
				}
			}
			if !strings.Contains(text, c.says) {
				t.Errorf("want %q in:\n%s", c.says, text)
			}
			for name, pid := range tree.pids {
				if lives := lives(pid); lives != c.lives {
					t.Errorf("%s: lives is %v, want %v", name, lives, c.lives)
				}
			}
		})
	}
}

// lives reports whether pid runs; a zombie does not.
func lives(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// screen is a terminal that runbook runs on.
type screen struct {
	cmd *exec.Cmd
	tty *os.File
	mu  sync.Mutex
	txt strings.Builder
	eof chan struct{}
}

func onTerminal(t *testing.T, args ...string) *screen {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{cmd: exec.Command(exe, args...), eof: make(chan struct{})}
	s.cmd.Args[0] = "runbook" // see TestMain
	s.cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=xterm", "NO_COLOR=1")
	s.cmd.Dir = t.TempDir()
	s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 40, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); s.tty.Close() })
	go func() {
		defer close(s.eof)
		buf := make([]byte, 4096)
		for {
			n, err := s.tty.Read(buf)
			s.mu.Lock()
			s.txt.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.txt.String()
}

func (s *screen) until(t *testing.T, want string) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text := s.text(); strings.Contains(text, want) {
			return text
		}
	}
	t.Fatalf("never saw %q:\n%s", want, s.text())
	return ""
}

func (s *screen) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(s.tty, text); err != nil {
		t.Fatal(err)
	}
}

func (s *screen) end(t *testing.T) string {
	t.Helper()
	select {
	case <-s.eof:
	case <-time.After(time.Minute):
		t.Fatalf("does not end:\n%s", s.text())
	}
	_ = s.cmd.Wait()
	return s.text()
}

// A deadline ends a question as well, at once, also one that comes from a recipe
// in a process of its own.
func TestAQuestionEndsWithTheDeadline(t *testing.T) {
	source, err := os.ReadFile("../../recipes/wedged-actor.star")
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(t.TempDir(), "theirs.star")
	if err := os.WriteFile(theirs, source, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, recipe := range map[string]string{"ours": "wedged-actor", "theirs": theirs} {
		t.Run(name, func(t *testing.T) {
			p, err := findScenario("wedged-actor")
			if err != nil {
				t.Fatal(err)
			}
			tree, err := plantTree(context.Background(), p, false)
			if err != nil {
				t.Fatal(err)
			}
			defer tree.Close()
			screen := onTerminal(t, "run", recipe, "--over", "50ms", "--no-record", "--deadline", "3s", "--pid", strconv.Itoa(tree.pids["root"]))
			began := time.Now()
			screen.until(t, "[y/N]")
			text := screen.end(t)
			// What does not heed its end is left behind after two seconds more.
			if took := time.Since(began); took > 4800*time.Millisecond {
				t.Errorf("a deadline of 3s ended the run after %s", took)
			}
			if !strings.Contains(text, "deadline is over") || strings.Contains(text, "left behind") || strings.Contains(text, "in cleanup (") {
				t.Errorf("want no more than a line on the deadline:\n%s", text)
			}
		})
	}
}
