package recipes_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"runbook/builtins"
	"runbook/engine"
	"runbook/recipes"
)

var update = flag.Bool("update", false, "write README.md and the findings of testdata anew")

func library() *engine.Library {
	return &engine.Library{
		Roots:    []engine.Root{{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}},
		Builtins: builtins.Table(builtins.Options{}),
	}
}

// The catalogue is written from the recipes, so that it never says anything
// else than they do.
func TestReadmeIsTheCatalogueOfTheRecipes(t *testing.T) {
	entries, err := library().List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# The recipes\n\nWritten from the recipes by `go test ./recipes -update`; `runbook docs NAME` shows each in full.\n")
	for _, e := range entries {
		if e.Err != nil {
			t.Fatalf("%s: %v", e.Name, e.Err)
		}
		r := e.Recipe
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", r.Name, r.Summary)
		fmt.Fprintf(&b, "Tags: %s. Run it: `runbook run %s`.\n\n", strings.Join(r.Tags, ", "), r.Name)
		b.WriteString("| flag | kind | default | |\n| --- | --- | --- | --- |\n")
		for _, p := range r.Params {
			def := ""
			if p.Required {
				def = "required"
			}
			if p.Default != "" {
				def = "`" + p.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.Typed(), p.Kind, def, p.Doc)
		}
		b.WriteString("\nSteps:\n\n")
		for i, s := range r.Steps {
			fmt.Fprintf(&b, "%d. `%s` %s", i+1, s.Name, s.Title)
			for _, need := range s.Needs {
				fmt.Fprintf(&b, " (needs `--allow %s`)", need)
			}
			b.WriteString("\n")
		}
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != b.String() {
		t.Errorf("README.md is not what the recipes say; write it anew: go test ./recipes -update")
	}
}

// A file that loads can still ask for a step that nobody makes.
func TestEveryRecipePassesItsOwnCheck(t *testing.T) {
	places, err := library().Places()
	if err != nil {
		t.Fatal(err)
	}
	if len(places) == 0 {
		t.Fatal("no recipe is embedded")
	}
	for _, p := range places {
		for _, problem := range engine.Check(context.Background(), library(), p.Path) {
			t.Error(problem)
		}
	}
}
