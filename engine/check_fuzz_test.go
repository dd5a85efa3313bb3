package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"runbook/builtins"
	"runbook/engine"
	"runbook/recipes"
)

func realLibrary() *engine.Library {
	return &engine.Library{
		Roots:    []engine.Root{{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}},
		Builtins: builtins.Table(builtins.Options{}), Types: builtins.Types(),
	}
}

// What would fill the memory of the test: a cell's limit is what holds there.
var bomb = regexp.MustCompile(`[*<]|range|\d{5}`)

// Whatever the file, it loads or does not, is checked without a panic, and each
// problem has a known rule, a place in the file and one line of words.
func FuzzCheck(f *testing.F) {
	broken, err := filepath.Glob("../cmd/runbook/testdata/broken/*.star")
	if err != nil || len(broken) < 40 {
		f.Fatalf("%d seeds, %v", len(broken), err)
	}
	for _, name := range broken {
		source, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(source))
	}
	rules := map[string]bool{}
	for _, r := range engine.Rules() {
		rules[r.ID] = true
	}
	lib := realLibrary()
	file := filepath.Join(f.TempDir(), "x.star")
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<14 || bomb.MatchString(source) {
			return
		}
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		c := engine.NewChecker(lib)
		for _, p := range c.Check(context.Background(), file) {
			name, line, column := p.Place()
			if !rules[p.Rule] || p.Msg == "" || strings.Contains(p.Msg, "\n") || line < 0 || column < 0 || strings.Contains(p.Msg, "internal error") {
				t.Errorf("%+v of\n%s", p, source)
			}
			if lines := strings.Count(source, "\n") + strings.Count(source, "\r") + 2; strings.HasSuffix(name, "x.star") && line > lines {
				t.Errorf("line %d of %d: %+v of\n%s", line, lines, p, source)
			}
		}
		_, _ = c.Reaches(context.Background(), file)
	})
}

// What a library's function comes to is walked once for all that load it. Each
// recipe is told what it would be told alone.
func TestRecipesShareNothingButTheWork(t *testing.T) {
	dir := t.TempDir()
	texts := map[string]string{
		"lib/end.star": "def end(what, by = pkill):\n    by(what)\n",
		"one.star":     "load(\"lib/end.star\", \"end\")\n\ndef look():\n    return ps()\n\ndef clear(look):\n    end(look)\n\nrecipe(steps = [look, step(clear, needs = [\"kill\"])])\n",
		"two.star":     "load(\"lib/end.star\", \"end\")\n\ndef look():\n    return ps()\n\n\ndef wipe(look):\n    f = end\n    f(look)\n\nrecipe(steps = [look, wipe])\n",
	}
	entries, err := recipes.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".star") && !engine.IsTest(name) {
			source, err := recipes.FS.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(source)
		}
	}
	var files []string
	for name, text := range texts {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(name) == "." {
			files = append(files, file)
		}
	}
	together := engine.NewChecker(realLibrary())
	for _, file := range files {
		got, err := together.Reaches(context.Background(), file)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := engine.NewChecker(realLibrary()).Reaches(context.Background(), file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(alone, got, cmpopts.IgnoreUnexported(engine.Reach{})); diff != "" {
			t.Errorf("%s: alone (-), with others (+):\n%s", file, diff)
		}
		if filepath.Base(file) != "one.star" {
			continue
		}
		at := filepath.Join(dir, "lib/end.star:1:20")
		want := []engine.Reach{
			{Step: "clear", Effect: engine.Kill, Builtin: "pkill", Pos: at, Here: file + ":7:5", Via: []string{"clear", "end"}, Requested: true},
			{Step: "clear", Effect: engine.Kill, Builtin: "pkill", Pos: file + ":7:5", Here: file + ":7:5", Via: []string{"clear", "end"}, Requested: true}, // its default
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(engine.Reach{})); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}

// check of 200 recipes is to take no second: each is a copy of one of ours, and
// so as long as recipes get.
func BenchmarkCheck200(b *testing.B) {
	dir := b.TempDir()
	names := []string{"wedged-actor", "hang-proof-tests", "regression-attribution", "wedged-actor"}
	var files []string
	for i := range 200 {
		source, err := recipes.FS.ReadFile(names[i%len(names)] + ".star")
		if err != nil {
			b.Fatal(err)
		}
		file := filepath.Join(dir, "r"+strconv.Itoa(i)+".star")
		if err := os.WriteFile(file, source, 0o600); err != nil {
			b.Fatal(err)
		}
		files = append(files, file)
	}
	lib := realLibrary()
	b.ResetTimer()
	for range b.N {
		c := engine.NewChecker(lib)
		for _, file := range files {
			for _, p := range c.Check(context.Background(), file) {
				if p.Severity == engine.SeverityError {
					b.Fatal(p)
				}
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/200")
}
