package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runbook/engine"
)

var update = flag.Bool("update", false, "write what is wanted")

var wanted = regexp.MustCompile(`(?m)^# want.*\n`)

// TestBrokenRecipes checks files that are wrong in one way each. What must be
// said of a file stands at its end; go test ./cmd/runbook -run Broken -update
// writes it, and the difference is read before it is committed.
func TestBrokenRecipes(t *testing.T) {
	t.Chdir("testdata/broken")
	files, err := filepath.Glob("*.star")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v: where are the others?", len(files), err)
	}
	said := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b := newBench([]root{{}})
		found, err := b.check(file)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range found {
			said[p.Rule] = true
			got += fmt.Sprintf("# want %s: %s: %s: %s\n", strings.TrimPrefix(p.Pos, file+":"), p.Severity, p.Rule, p.Msg)
			if p.Hint != "" {
				got += fmt.Sprintf("# want   hint: %s\n", strings.ReplaceAll(p.Hint, "\n", " / "))
			}
		}
		if want := strings.Join(wanted.FindAllString(string(source), -1), ""); got != want {
			t.Errorf("%s: got\n%swant\n%s", file, got, want)
		}
		if got == "" {
			t.Errorf("%s: nothing is wrong with it", file)
		}
		if *update {
			text := strings.TrimRight(wanted.ReplaceAllString(string(source), ""), "\n") + "\n\n" + got
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, r := range engineRules() {
		if !said[r] {
			t.Errorf("no file breaks the rule %s", r)
		}
	}
}

func engineRules() []string {
	var ids []string
	for _, r := range engine.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}
