package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A person at the prompt: several lines, completion, help, Ctrl-C, the history.
func TestAPersonTalksToThePrompt(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	s := onTerminal(t, "repl")
	s.until(t, ">>> ")
	steps := []struct{ keys, want string }{
		{"1 + 1\r", "\n2\r\n"},
		{"def double(x):\r    return 2 * x\r\r", ">>> "},
		{"print(1)\r", ">>> "},
		{"double(_)\r", "\n4\r\n"},
		{"rows = {\"a\": [struct(pid = 7, name = \"beta\")]}\r", ">>> "},
		{"rows[\"a\"][0].pi\t\r", "\n7\r\n"},    // Tab looks into lists and dicts, too
		{"free_p\t()[\x15", "free_port"},        // Tab, then Ctrl-U takes the line back
		{"ps(matc\t\"no-such\")\r", "match = "}, // a parameter of what is called
		{"?free_port\r", "TCP port"},
		{"doubel\r", "did you mean double?"},
		{"len([\x03", ">>> "}, // Ctrl-C forgets the line
		{"[i for i in range(100) for j in range(10000) for k in range(10000) if i < 0]\r", "range(10000) if"},
	}
	for _, step := range steps {
		from := len(s.text())
		s.say(t, step.keys)
		s.untilAfter(t, from, step.want)
	}
	from := len(s.text())
	s.say(t, "\x03") // what runs
	s.untilAfter(t, from, "interrupted")
	s.say(t, " secret = 20\rdouble(secret + 1)\r")
	s.untilAfter(t, from, "\n42\r\n")
	s.say(t, "\x04")
	text := s.end(t)
	if s.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("Ctrl-D exits %v:\n%s", s.cmd.ProcessState, text)
	}
	name := filepath.Join(os.Getenv("XDG_STATE_HOME"), "runbook/repl_history")
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("history: %v, %v", info, err)
	}
	typed, _ := os.ReadFile(name)
	for line, kept := range map[string]bool{"double(_)": true, "    return 2 * x": true, "secret = ": false} {
		if strings.Contains(string(typed), line) != kept {
			t.Errorf("history has %q: %v, want %v:\n%s", line, !kept, kept, typed)
		}
	}

	// The next session remembers, and ends when it is told to.
	again := onTerminal(t, "repl")
	again.until(t, ">>> ")
	again.say(t, "\x1b[A\r")
	again.until(t, "undefined: double")
	if err := again.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	text = again.end(t)
	if code := again.cmd.ProcessState.ExitCode(); code != 143 {
		t.Errorf("SIGTERM exits %d:\n%s", code, text)
	}
}

// untilAfter waits for text that comes after what was there.
func (s *screen) untilAfter(t *testing.T, from int, want string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(s.text()[from:], want) {
			return
		}
	}
	t.Fatalf("never saw %q:\n%q", want, s.text()[from:])
}
