package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// README's examples are run, so that they stay true: the demonstration prints
// what the page shows, but for pids, ports and times, and the first recipe is
// copied, checked and run as the page says.
func TestReadme(t *testing.T) {
	source, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(source)
	binary, repo := builtBinary(t), t.TempDir()
	run := func(t *testing.T, args ...string) string {
		t.Helper()
		cmd := exec.Command(binary, args...)
		cmd.Dir = repo
		cmd.Env = append(os.Environ(), "HOME="+repo, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "NO_COLOR=1", "COLUMNS=100", "TZ=UTC", "LANG=C.UTF-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("runbook %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}

	t.Run("the demonstration", func(t *testing.T) {
		shown := fenced(t, page, "text")
		got := run(t, "demo", "wedged-actor", "--width", "100")
		if want := timeless(shown); timeless(got) != want {
			t.Errorf("README shows\n%s\nand it prints\n%s", shown, got)
		}
	})

	t.Run("your first recipe", func(t *testing.T) {
		recipe := fenced(t, page, "python")
		if n := strings.Count(recipe, "\n"); n > 10 {
			t.Errorf("it is said to be ten lines and has %d", n)
		}
		if err := os.MkdirAll(filepath.Join(repo, ".runbook"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(repo, ".runbook/feed-stalled.star"), []byte(recipe), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(repo, ".runbook/feed-stalled_test.txtar"), []byte(fenced(t, page, "txtar")), 0o644); err != nil {
			t.Fatal(err)
		}
		feed := &exec.Cmd{Path: "/bin/sleep", Args: []string{"datad.kraken", "600"}} // whom the recipe looks at
		if err := feed.Start(); err != nil {
			t.Skipf("no process to look at: %v", err)
		}
		t.Cleanup(func() { _ = feed.Process.Kill(); _ = feed.Wait() })
		commands := regexp.MustCompile(`(?m)^runbook (.*feed-stalled.*)$`).FindAllStringSubmatch(page, -1)
		if len(commands) < 3 {
			t.Fatalf("README runs the recipe %d times", len(commands))
		}
		for _, c := range commands {
			run(t, strings.Fields(c[1])...)
		}
	})

	t.Run("the settings", func(t *testing.T) {
		_, section, _ := strings.Cut(page, "\n## Defaults of your own\n")
		text := fenced(t, section, "toml")
		if _, err := parseConfig("README.md", []byte(text)); err != nil {
			t.Error(err)
		}
		for f := range reflect.TypeFor[config]().Fields() {
			if key := f.Tag.Get("toml"); !strings.Contains("\n"+text, "\n"+key+" = ") {
				t.Errorf("%s is a setting, and not in the README", key)
			}
		}
	})

	t.Run("a prompt", func(t *testing.T) {
		run(t, "demo", "--capture", "hang.tgz", "--no-record")
		cmd := exec.Command(binary, "repl", "--from", "hang.tgz")
		cmd.Dir = repo
		cmd.Stdin = strings.NewReader(fenced(t, page, "starlark"))
		got, err := cmd.Output()
		if want := fenced(t, page, "console"); err != nil || string(got) != want {
			t.Errorf("README shows\n%s\nand it prints\n%s\nerror %v", want, got, err)
		}
	})

	t.Run("the exit codes are those of the docs", func(t *testing.T) {
		if !strings.Contains(page, exitCodes) {
			t.Errorf("README does not say\n%s", exitCodes)
		}
	})

	t.Run("what it names is there", func(t *testing.T) {
		named := regexp.MustCompile("`((?:cmd|engine|builtins|recipes)/[a-z/_.]*)`|\\]\\(([a-zA-Z/_.]+)\\)").FindAllStringSubmatch(page, -1)
		if len(named) < 10 {
			t.Fatalf("README names %d places", len(named))
		}
		for _, m := range named {
			if _, err := os.Stat("../../" + m[1] + m[2]); err != nil {
				t.Errorf("README names %s: %v", m[1]+m[2], err)
			}
		}
	})
}

func fenced(t *testing.T, page, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "```"+language+"\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatalf("README has no %s block", language)
	}
	return text
}

// timeless takes out what differs from run to run: numbers, and the white space
// that makes room for them.
func timeless(s string) string {
	s = regexp.MustCompile(`(?m)^on .*$`).ReplaceAllString(s, "on HOST")
	s = regexp.MustCompile(`[0-9][0-9.,:ms]*`).ReplaceAllString(s, "N")
	return strings.Join(strings.Fields(s), " ")
}
