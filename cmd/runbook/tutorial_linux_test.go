package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The tutorial is followed to the letter, in an empty home directory and with an
// environment that holds nothing else: each command as it stands, each file as it
// is shown, and the output that is shown must come.
func TestTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a live tree")
	}
	t.Parallel()
	for _, need := range []string{"git", "bash"} {
		if _, err := exec.LookPath(need); err != nil && os.Getenv("CI") == "true" {
			t.Fatal(err)
		} else if err != nil {
			t.Skipf("the tutorial needs %s", need)
		}
	}
	home := t.TempDir()
	blocks := tutorialBlocks(tutorial)
	script := filepath.Join(t.TempDir(), "follow.sh")
	if err := os.WriteFile(script, []byte(tutorialScript(blocks)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", script)
	cmd.Dir = home
	// runbook in PATH is this test under another name: see TestMain.
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("the tutorial's %d commands took %.1fs", bytes.Count(out, []byte("\n\x01")), time.Since(begun).Seconds())
	said := strings.Split(string(out), "\x02\n")
	for i, b := range blocks {
		if b.language == "text" {
			if missing := missingLine(b.text, said[i-1]); missing != "" {
				t.Errorf("the tutorial shows %q, and this came:\n%s", missing, said[i-1])
			}
		}
	}
}

// block is a fenced block of the tutorial: commands (sh), a file (with its name),
// or what the commands before it print (text).
type block struct{ language, file, text string }

func tutorialBlocks(page string) []block {
	var blocks []block
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)(?: (\\S+))?\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, block{m[1], m[2], m[3]})
	}
	return blocks
}

// tutorialScript is what a reader types: a command must exit with 0, or as the
// remark behind it says. \x01 comes before each command's output, and \x02 behind
// that of each block.
func tutorialScript(blocks []block) string {
	var b strings.Builder
	b.WriteString("ended() { [ $1 = $2 ] || { echo \"exit $1, want $2: $3\"; exit 1; }; }\n")
	code := regexp.MustCompile(`  # exit (\d+)$`)
	for _, block := range blocks {
		switch {
		case block.file != "":
			fmt.Fprintf(&b, "cat >%s <<'END OF FILE'\n%sEND OF FILE\n", block.file, block.text)
		case block.language == "sh":
			for line := range strings.Lines(block.text) {
				line, want := strings.TrimSpace(line), "0"
				if m := code.FindStringSubmatch(line); m != nil {
					want = m[1]
				}
				fmt.Fprintf(&b, "printf '\\n\\001\\n'\n%s\nended $? %s %q\n", line, want, line)
			}
		}
		b.WriteString("printf '\\002\\n'\n")
	}
	return b.String()
}

// missingLine is the first line that is shown and did not come, in this order;
// numbers and hashes aside. "" when all came.
func missingLine(shown, came string) string {
	changing := regexp.MustCompile(`h1:\S+|\b[0-9a-f]{12}\b|[0-9][0-9.,]*( ms|s\b)?`)
	came = changing.ReplaceAllString(came, "N")
	for line := range strings.Lines(shown) {
		line = strings.TrimRight(line, "\n")
		at := strings.Index(came, changing.ReplaceAllString(line, "N"))
		if at < 0 {
			return line
		}
		came = came[at:]
	}
	return ""
}
