package recipetest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// What a fixture writes of a run, its own reader takes: whatever a parameter is,
// and what follows --.
func FuzzAFixtureIsReadAsItWasWritten(f *testing.F) {
	for _, value := range []string{"sleep [0-9]", "", `a "b" \d`, "--", " a", "a\nb", "-- world --", "a\u00a0", "\xff", "x=y", "tab\t", "#", `\`} {
		f.Add(value, value)
	}
	f.Fuzz(func(t *testing.T, value, rest string) {
		for _, made := range []Fixture{
			{Params: map[string][]string{"match": {value}}, Rest: []string{rest, "last"}},
			{Params: map[string][]string{"match": {value}}, Rest: []string{"tests/a.py", "--", rest}},
		} {
			if rest == "--" { // which only stands in Rest where a recipe tells what is before it
				made.Rest = nil
			}
			name := runName(made)
			path := filepath.Join(t.TempDir(), "x_test.txtar")
			if err := os.WriteFile(path, txtar.Format(&txtar.Archive{Files: []txtar.File{{Name: name}}}), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := readStory(File{Path: path, Recipe: "x"})
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			o, err := s.order(s.runs[0])
			got := o.rest
			if len(o.bare) > 0 {
				got = slices.Concat(o.bare, []string{"--"}, o.rest)
			}
			if err != nil || len(s.runs) != 1 || !slices.Equal(o.params["match"], []string{value}) || !slices.Equal(got, made.Rest) {
				t.Errorf("%q: %q %q, %v", name, o.params, got, err)
			}
		}
	})
}
