package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const small = "\"\"\"# Small\"\"\"\ndef a():\n    \"\"\"A\"\"\"\nrecipe(summary = 'S', steps = [a])\n"

func TestATeamRecipeWinsAndSaysWhatItHides(t *testing.T) {
	b := newBench(t)
	lib := &Library{Builtins: b.table(), Roots: []Root{
		{Name: ".runbook", FS: tree(map[string]string{"wedged.star": strings.Replace(small, "Small", "Ours", 1), "broken.star": "x = y\n", "helpers.star": "x = 1\n", "notes.txt": "", "lib/words.star": "w = 'team'\n"})},
		{Name: "/home/me/recipes", FS: tree(nil), Trusted: true},
		{Name: "embedded", FS: tree(map[string]string{"wedged.star": small, "other.star": small, "lib/words.star": "w = 'embedded'\n"}), Embedded: true},
	}}
	entries, err := lib.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		line := e.Name + " from " + e.Origin()
		if e.Shadows != "" {
			line += " hides " + e.Shadows
		}
		if e.Err != nil {
			line += " broken: " + strings.SplitN(e.Err.Error(), "\n", 2)[0]
		} else {
			line += " titled " + e.Recipe.Title
		}
		got = append(got, line)
	}
	want := `broken from .runbook/broken.star broken: .runbook/broken.star:1:5: undefined: y
other from embedded titled Small
wedged from .runbook/wedged.star hides embedded titled Ours`
	if strings.Join(got, "\n") != want {
		t.Errorf("list:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
	}

	r, err := lib.Find(context.Background(), "wedged")
	if err != nil {
		t.Fatal(err)
	}
	if r.Title != "Ours" || r.Shadows != "embedded" || r.Trusted || r.Embedded || r.Origin != ".runbook/wedged.star" || r.Pos != ".runbook/wedged.star:4:7" {
		t.Errorf("found %+v", r)
	}
	_, err = lib.Find(context.Background(), "helpers")
	if err == nil || err.Error() != ".runbook/helpers.star: declares no recipe: recipe(…) is not called" || !errors.Is(err, ErrNoRecipe) {
		t.Errorf("helpers: %v", err)
	}
}

func TestLoadLooksInTheRootOfTheLoadingFileAndThenInTheEmbeddedOne(t *testing.T) {
	b := newBench(t)
	lib := &Library{Builtins: b.table(), Roots: []Root{
		{Name: "team", FS: tree(map[string]string{
			"ours.star":        "load('lib/words.star', 'w')\nload('lib/only.star', 'o')\nload('./beside.star', 's')\neq([w, o, s], ['team', 'embedded team-less', 'beside'])\n" + small,
			"beside.star":      "load('./sub/deep.star', 'd')\ns = d\n",
			"sub/deep.star":    "load('./deeper.star', 'd')\nd = d\n",
			"lib/words.star":   "w = 'team'\n",
			"missing.star":     "load('lib/onli.star', 'o')\n",
			"sub/deeper.star":  "d = 'beside'\n",
			"lib/hijack.star":  "h = 'hijacked'\n",
			"lib/private.star": "p = 1\n",
		})},
		{Name: "embedded", Embedded: true, FS: tree(map[string]string{
			"theirs.star":     "load('lib/hijack.star', 'h')\neq(h, 'embedded')\n" + small,
			"lib/words.star":  "w = 'embedded'\n",
			"lib/only.star":   "o = 'embedded team-less'\n",
			"lib/hijack.star": "h = 'embedded'\n",
		})},
	}}
	lib.Roots[0].FS.(fstest.MapFS)["sub/deep.star"] = &fstest.MapFile{Data: []byte("load('./deeper.star', x = 'd')\nd = x\n")}
	for _, name := range []string{"ours", "theirs"} {
		if _, err := lib.Find(context.Background(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := lib.Find(context.Background(), "missing")
	want := "team/missing.star:1:1: cannot load lib/onli.star: no such file: looked at team/lib/onli.star, lib/onli.star (embedded)\n  1 | load('lib/onli.star', 'o')\n    | ^\nhint: did you mean lib/only.star?"
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestLoadCycleIsNamedWhole(t *testing.T) {
	b := newBench(t)
	lib := b.library(map[string]string{
		"a.star":     "load('lib/b.star', 'x')\n",
		"lib/b.star": "load('./c.star', 'x')\n",
		"lib/c.star": "\nload('lib/b.star', 'x')\n",
	})
	_, err := lib.Find(context.Background(), "a")
	want := `lib/c.star:2:1: cannot load lib/b.star: load cycle: lib/b.star → lib/c.star → lib/b.star
  2 | load('lib/b.star', 'x')
    | ^
  loaded at lib/b.star:1:1
  loaded at a.star:1:1`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestAModuleIsRunOnceAndItsErrorHasTheWayThere(t *testing.T) {
	b := newBench(t)
	lib := b.library(map[string]string{
		"a.star":     "load('lib/b.star', 'x')\n",
		"lib/b.star": "def f(:\n  pass\n",
	})
	_, err := lib.Find(context.Background(), "a")
	want := "lib/b.star:1:7: got ':', want ')'\n  1 | def f(:\n    |       ^\n  loaded at a.star:1:1"
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	var one *LoadError
	if !errors.As(err, &one) || one.Pos != "lib/b.star:1:7" {
		t.Errorf("errors.As: %+v", one)
	}
}

func TestUnknownRecipe(t *testing.T) {
	b := newBench(t)
	lib := b.library(map[string]string{"wedged-actor.star": small, "stale-ipc.star": small})
	for name, want := range map[string]string{
		"wedged_actr": "no recipe \"wedged_actr\"\nhint: did you mean wedged-actor?",
		"zzz":         "no recipe \"zzz\"\nhint: there are stale-ipc, wedged-actor",
	} {
		_, err := lib.Find(context.Background(), name)
		var lost *NotFoundError
		if !errors.As(err, &lost) || err.Error() != want {
			t.Errorf("%s: %v\nwant: %s", name, err, want)
		}
	}
}

func TestARecipeByItsPath(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.star")
	if err := os.WriteFile(file, []byte("load('lib/words.star', 'w')\nload('./beside.star', 'x')\n"+small), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "beside.star"), []byte("x = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lib := b.library(map[string]string{"lib/words.star": "w = 1\n"})
	r, err := lib.Find(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "mine" || r.Origin != filepath.ToSlash(file) || r.Trusted {
		t.Errorf("name %s, origin %s, trusted %v", r.Name, r.Origin, r.Trusted)
	}

	// The same file is the user's own when its directory is a root of theirs.
	lib.Roots = append([]Root{{Name: "config", FS: os.DirFS(dir), Dir: dir, Trusted: true}}, lib.Roots...)
	if r, err = lib.Find(context.Background(), file); err != nil || !r.Trusted || r.Origin != "config/mine.star" {
		t.Errorf("%+v, %v", r, err)
	}

	if _, err := lib.Find(context.Background(), filepath.Join(dir, "none.star")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := lib.Find(context.Background(), dir+"/"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct{ source, want string }{
		"too large":         {strings.Repeat("# comment\n", 60_000), "read x.star: larger than 524,288 bytes"},
		"nested too deep":   {"\nx = " + strings.Repeat("(", 6000), "x.star:2:82: excessive nesting"},
		"escapes in a name": {"x = \x1b[31m\n", "x.star:1:5: unexpected input character '\\x1b'"},
		"invalid UTF-8":     {"\"\"\"# T\xff\x9b\"\"\"\nx = \xff\n", "x.star:2:5:"},
	} {
		_, err := b.library(map[string]string{"x.star": c.source}).Find(context.Background(), "x")
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if err != nil && !isClean(err.Error()) {
			t.Errorf("%s: %q would reach a terminal raw", name, err)
		}
	}
}

func TestAnUnreadableRootDoesNotHideTheOthers(t *testing.T) {
	b := newBench(t)
	lib := b.library(map[string]string{"x.star": small})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lib.Roots = append([]Root{{Name: "file", FS: os.DirFS(file), Dir: file}}, lib.Roots...)
	entries, err := lib.List(context.Background())
	if err == nil || len(entries) != 1 {
		t.Errorf("%d entries, %v; want one, and the error", len(entries), err)
	}
	if _, err := lib.Find(context.Background(), "x"); err != nil {
		t.Error(err)
	}
	if _, err := lib.Find(context.Background(), "y"); err == nil || !strings.Contains(err.Error(), "recipes of file: ") {
		t.Errorf("y may lie in the root that cannot be read, and %v does not say so", err)
	}
}

func TestLoadingHeedsItsContext(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(ErrInterrupted)
	_, err := b.library(map[string]string{"x.star": "x = [None for _ in range(1000000)]\n"}).Find(ctx, "x")
	if !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
}

func TestDocstrings(t *testing.T) {
	r := newBench(t).recipe(`"""
# The title

First.

` + "```" + `python
# no heading
` + "```" + `
"""
def a():
    """   The step

    Text:

        code
    more
    """
def b():
    pass
recipe(steps = [a, b])
`)
	if r.Title != "The title" || r.Doc != "# The title\n\nFirst.\n\n```python\n# no heading\n```" {
		t.Errorf("title %q, doc %q", r.Title, r.Doc)
	}
	if s := r.Steps[0]; s.Title != "The step" || s.Guidance != "Text:\n\n    code\nmore" {
		t.Errorf("title %q, guidance %q", s.Title, s.Guidance)
	}
	if s := r.Steps[1]; s.Title != "b" || s.Guidance != "" {
		t.Errorf("title %q, guidance %q", s.Title, s.Guidance)
	}
}

// FuzzLoad holds that loading any text ends, and ends in a value or an error
// that a terminal can bear.
func FuzzLoad(f *testing.F) {
	f.Add(small)
	f.Add("load('./demo.star', 'x')\n")
	f.Add("def a(b, *c, d = 1, **e):\n  return a\nrecipe(steps = [a, step(a)], params = {'b': param.choice(['x'], 'y')})\n")
	f.Add("x = [y for y in range(1000000000)]\n")
	f.Add("x = \"\\x1b\" % 1\n")
	f.Add(strings.Repeat("-", 3000) + "1")
	f.Add("x = " + strings.Repeat("not ", 3000) + "1")
	f.Add("recipe(summary = '\x9b', tags = [1], params = {1: 2}, steps = [lambda: 0])")
	f.Fuzz(func(t *testing.T, source string) {
		if strings.Contains(source, "*") && len(source) < 200 {
			return // "x" * 999999999 takes its gigabyte before anyone can say no
		}
		b := newBench(t)
		r, err := b.library(map[string]string{"demo.star": source, "lib/ok.star": "one = 1\n"}).Find(context.Background(), "demo")
		var bug *PanicError
		switch {
		case errors.As(err, &bug):
			t.Fatalf("%v\n%s", bug.Value, bug.Stack)
		case err != nil && !isClean(err.Error()):
			t.Errorf("%q would reach a terminal raw", err)
		case err == nil && (r.Name != "demo" || len(r.Steps) == 0):
			t.Errorf("loaded as %+v", r)
		}
	})
}
