package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"runbook/builtins"
	"runbook/engine/site/sitetest"
)

// The site of a repository with recipes of its own, some of which are hostile,
// broken, or named like another: every link leads somewhere, nothing leads out,
// and nothing of what they say is obeyed.
func TestTheSiteOfARepository(t *testing.T) {
	repo := t.TempDir()
	t.Setenv("HOME", repo)
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, "")
	}
	for _, f := range txtar.Parse([]byte(siteRecipes)).Files {
		name := filepath.Join(repo, ".runbook", f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(repo)
	build := func() (files map[string][]byte, said string) {
		var err bytes.Buffer
		d := &door{in: os.Stdin, out: os.Stdout, err: &err}
		s, wrong := d.site()
		if wrong != nil {
			t.Fatal(wrong)
		}
		files, wrong = s.Files()
		if wrong != nil {
			t.Fatal(wrong)
		}
		return files, err.String()
	}
	files, said := build()
	links := sitetest.Check(t, files)
	if again, _ := build(); !maps.EqualFunc(files, again, bytes.Equal) {
		t.Error("the same recipes give another site")
	}
	if want := "runbook: broken does not load, and its page says so: "; !strings.Contains(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	for _, f := range builtins.Table(builtins.Options{}) {
		want := "builtins.html → builtins.html#" + strings.ReplaceAll(f.Name, ".", "")
		if !slices.Contains(links, want) {
			t.Errorf("no link %s", want)
		}
	}
	for _, want := range []struct{ file, text string }{
		{"recipes/hostile-2.html", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"recipes/hostile-2.html", "outside (<code>https://example.org/x</code>)"},
		{"recipes/hostile-2.html", `<a href="../builtins.html#ps"><code>ps</code></a>`},
		{"recipes/Hostile.html", "Another"},
		{"recipes/broken.html", "does not load"},
		{"recipes/wedged-actor.html", ".runbook/wedged-actor.star, hides the embedded one"},
		{"recipes/a b?.html", "Odd name"},
		{"index.html", "<h2>Recipes here</h2>"},
		{"index.html", `<a href="recipes/a%20b%3F.html">`},
		{"commands.html", `<h2 id="runbook-pack-add">`},
		{"commands.html", "--keep-reads"},
		{"gotchas.html", "second-boot-wedge"},
	} {
		if !bytes.Contains(files[want.file], []byte(want.text)) {
			t.Errorf("%s has no %s\n%s", want.file, want.text, files[want.file])
		}
	}
}

const siteRecipes = `
-- hostile.star --
"""# Hostile <script>alert(1)</script>

<script>alert(1)</script>

[outside](https://example.org/x) ![pixel](//example.org/p.png) [x](javascript:alert(1)) ` + "`ps`" + `
"""
def look():
    """Look "><img src=x onerror=alert(1)>

    # A heading
    <style>@import "https://example.org/x.css"</style>
    """
recipe(summary = "</li><script>alert(1)</script>", params = {"match": param.regexp("", "<b>Whose</b>")}, steps = [look])
-- Hostile.star --
"""# Another"""
def look():
    """Look"""
recipe(summary = "Another", steps = [look])
-- broken.star --
recipe(summary = "<b>", steps = [nobody])
-- wedged-actor.star --
"""# Ours"""
def look():
    """Look"""
recipe(summary = "Ours", steps = [look])
-- a b?.star --
"""# Odd name"""
def look():
    """Look"""
recipe(summary = "Odd", steps = [look])
`
