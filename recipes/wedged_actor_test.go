package recipes_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"runbook/builtins"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// World in, findings out: each file of testdata/wedged-actor has a small world
// (see package probetest), and what the recipe says of it. A part that is
// called "findings over=0s pid=101" is a run with those parameters.
//
// Write the findings anew with: go test ./recipes -update. Then read them.
func TestWedgedActor(t *testing.T) {
	for _, name := range stories(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			story, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for i, part := range story.Files {
				params, isRun := strings.CutPrefix(part.Name, "findings")
				if !isRun {
					continue
				}
				got := diagnose(t, string(story.Files[0].Data), strings.Fields(params))
				if *update {
					story.Files[i].Data = []byte(got)
				} else if d := cmp.Diff(string(part.Data), got); d != "" {
					t.Errorf("%s (-want +got):\n%s", part.Name, d)
				}
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(story), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func stories(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/wedged-actor/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	return names
}

// diagnose runs the recipe on a world, and writes down what it found.
func diagnose(t *testing.T, world string, params []string) string {
	t.Helper()
	h := probetest.World(t, world)
	lib := &engine.Library{
		Roots:    []engine.Root{{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}},
		Builtins: builtins.Table(builtins.Options{Host: h}),
	}
	recipe, err := lib.Find(context.Background(), "wedged-actor")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string][]string{}
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		given[name] = append(given[name], value)
	}
	var said notebook
	end, err := (&engine.Engine{HostNow: h.Now}).Run(context.Background(), engine.Request{Recipe: recipe, Params: given, Sink: &said})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&said.text, "exit %d\n", engine.ExitCode(end, false))
	return said.text.String()
}

// notebook is a sink that keeps what a person would remember of a run.
type notebook struct{ text strings.Builder }

func (n *notebook) Write(e event.Event) error {
	switch f, s := e.Found, e.StepFinished; {
	case f != nil:
		fmt.Fprintf(&n.text, "%s %s %s", f.Verdict, strings.TrimPrefix(f.Rule, "wedged-actor/"), called(f.About))
		for _, group := range []struct {
			word string
			of   []event.Subject
		}{{"victims", f.Victims}, {"members", f.Members}} {
			for i, s := range group.of {
				if i == 0 {
					fmt.Fprintf(&n.text, ", %s", group.word)
				}
				fmt.Fprintf(&n.text, " %s", called(&s))
			}
		}
		fmt.Fprintf(&n.text, "\n  %s\n", f.Title)
	case s != nil && s.Status != event.StatusDone && s.Status != event.StatusDenied && s.Status != event.StatusSkipped:
		fmt.Fprintf(&n.text, "%s %s: %s\n", s.Name, s.Status, position.ReplaceAllString(s.Reason, ""))
	}
	return nil
}

// position is where in a file something was said, which moves with every edit.
var position = regexp.MustCompile(`^[a-z/-]+\.star:\d+:\d+: `)

func (n *notebook) Close() error { return nil }

func called(s *event.Subject) string {
	switch {
	case s == nil:
		return "-"
	case s.Type == "process":
		return fmt.Sprint(s.PID)
	}
	return s.Label()
}

// What no story tells, nobody has ever seen work.
func TestEveryRuleHasAStory(t *testing.T) {
	var told strings.Builder
	for _, name := range stories(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(b)
	}
	seen := 0
	for _, rule := range []struct{ file, pattern, told string }{
		{"lib/say.star", `(?m)^ *(?:fault|warn|say|note|unknown|rule_out)\(\n *"([a-z-]+)",`, " %s "},
		{"lib/states.star", `(?m)cause\(\n *"([a-z-]+)",`, " %s "},
		{"lib/waiting.star", `(?m)row\(\n *"[a-z-]+",\n *"([^"]+?)(?: %[sd].*)?",`, "%s"},
		{"lib/say.star", `(?m)^    "[a-z_]+": \("[a-z-]+", "([^"]+)"\)`, "%s"},
	} {
		b, err := fs.ReadFile(recipes.FS, rule.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(rule.pattern).FindAllStringSubmatch(string(b), -1) {
			seen++
			if !strings.Contains(told.String(), fmt.Sprintf(rule.told, found[1])) {
				t.Errorf("%s: no story has %q", rule.file, found[1])
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d rules were recognised in the source", seen)
	}
}
