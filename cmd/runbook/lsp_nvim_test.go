package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A real editor opens a recipe with a mistake: shows it, sees it gone when it is
// mended, completes, explains, finds and lays out. Without Neovim there is none
// to try; what the protocol says is held by the tests beside.
func TestNeovimUnderstandsUs(t *testing.T) {
	nvim, err := exec.LookPath("nvim")
	if err != nil {
		t.Skip("no nvim here: apt-get install neovim")
	}
	t.Parallel()
	dir := team(t)
	const text = `"""# Mine"""

load("lib/words.star", "shout")

def look():
    """Look"""
    return pz()

def judge(look):
    """Judge"""
    for p in look:
        note("a", p.cmdline)
    shout( "done" )

recipe(summary = "s", steps = [look, judge])
`
	if err := os.WriteFile(filepath.Join(dir, mine), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runbook := filepath.Join(t.TempDir(), "runbook") // the test binary plays it by that name
	if err := os.Symlink(exe, runbook); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/nvim/session.lua")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nvim, "--headless", "--clean", "-n", "-c", "luafile "+script)
	cmd.Dir, cmd.WaitDelay = dir, 10*time.Second
	cmd.Env = append(os.Environ(), "RUNBOOK="+runbook, "HOME="+t.TempDir(), "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "XDG_CACHE_HOME=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	saw := strings.ReplaceAll(string(out), "\r", "")
	for _, want := range []string{
		`diagnostic: 6:11 name undefined: pz / hint: did you mean ps\?`,
		`mended: 0`,
		`completion: .*cmdline.*`,
		`hover: ps\(match = None, .*\)`,
		`definition: lib/words\.star`,
		`formatted:     shout\("done"\)`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(saw) {
			t.Errorf("it did not see %s in\n%s", want, saw)
		}
	}
}
