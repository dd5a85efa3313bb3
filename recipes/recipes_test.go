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

	"runbook/builtins/recipetest"
	"runbook/engine"
	"runbook/recipes"
)

// The tests of our recipes are those that `runbook test recipes` runs: functions
// in *_test.star, and stories in testdata. Write what they expect anew with
// go test ./recipes -update, or runbook test --update. Then read it.
func TestRecipes(t *testing.T) {
	files, err := recipetest.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	runner := recipetest.New(engine.Root{FS: os.DirFS("."), Dir: "."}, engine.Root{Name: "embedded", FS: recipes.FS, Embedded: true})
	runner.Update = *update
	for _, f := range files {
		t.Run(f.Title(), func(t *testing.T) {
			t.Parallel()
			for _, r := range runner.Run(context.Background(), f) {
				if r.Bad() {
					t.Errorf("%s:%d: %s: %s\n%s%s", r.File, r.Line, r.Name, r.Message, r.Detail, r.Said)
				}
			}
		})
	}
}

// To ask why changes no answer: the calls that --explain puts into a recipe leave
// its findings and its errors as they are.
func TestExplainedRecipesFindTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("runs all stories once more; -short was given")
	}
	files, err := recipetest.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	runner := recipetest.New(engine.Root{FS: os.DirFS("."), Dir: "."}, engine.Root{Name: "embedded", FS: recipes.FS, Embedded: true})
	runner.Explain = &engine.Explain{}
	for _, f := range files {
		t.Run(f.Title(), func(t *testing.T) {
			t.Parallel()
			for _, r := range runner.Run(context.Background(), f) {
				if r.Bad() {
					t.Errorf("%s:%d: %s: %s\n%s%s", r.File, r.Line, r.Name, r.Message, r.Detail, r.Said)
				}
			}
		})
	}
}

// What no story tells, nobody has ever seen said.
func TestEveryRuleHasAStory(t *testing.T) {
	for _, recipe := range []struct {
		name  string
		rules []rules
		least int
	}{
		{"wedged-actor", []rules{
			{"lib/say.star", `(?m)^ *(?:fault|warn|say|note|unknown|rule_out)\(\n *"([a-z-]+)",`, " %s "},
			{"lib/states.star", reads, " %s "}, {"lib/computes.star", reads, " %s "}, {"lib/orphans.star", reads, " %s "}, {"lib/unread.star", reads, " %s "},
			{"lib/waiting.star", `(?m)row\(\n *"[a-z-]+",\n *"([^"]+?)(?: %[sd].*)?",`, "%s"},
			{"lib/say.star", `(?m)^    "[a-z_]+": \("[a-z-]+", "([^"]+)"\)`, "%s"},
		}, 40},
		{"hang-proof-tests", []rules{
			{"lib/gate.star", said, " %s "}, {"lib/outcomes.star", said, " %s "}, {"lib/hang.star", said, " %s "}, {"lib/preflight.star", said, " %s "},
			{"lib/rates.star", said, " %s "}, {"lib/signatures.star", said, " %s "},
		}, 30},
	} {
		told := stories(t, recipe.name)
		seen := 0
		for _, r := range recipe.rules {
			b, err := fs.ReadFile(recipes.FS, r.file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range regexp.MustCompile(r.pattern).FindAllStringSubmatch(string(b), -1) {
				seen++
				if rule := strings.Join(found[1:], ""); !strings.Contains(told, fmt.Sprintf(r.told, rule)) {
					t.Errorf("%s: no story of %s has %q", r.file, recipe.name, rule)
				}
			}
		}
		if seen < recipe.least {
			t.Errorf("%s: only %d rules were recognised in the source", recipe.name, seen)
		}
	}
}

// rules are what a file may say, by a pattern of its source, and how a story
// shows it.
type rules struct{ file, pattern, told string }

const said = `(?m)\b(?:fault|warn|note|rule_out|unknown)\(\s*"([a-z-]+)"|\("(left-[a-z-]+)"|^    "([a-z-]+)": row\(`

const reads = `(?m)cause\(\n *"([a-z-]+)",`

// stories is the text of all of them.
func stories(t *testing.T, recipe string) string {
	t.Helper()
	names, err := filepath.Glob("testdata/" + recipe + "/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no stories of %s: %v", recipe, err)
	}
	var b strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}
