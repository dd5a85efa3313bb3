package recipetest_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"runbook/builtins/recipetest"
	"runbook/engine"
)

var update = flag.Bool("update", false, "write what the tests of testdata come to anew")

// write puts files into a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func runner(dir string) *recipetest.Runner {
	return recipetest.New(engine.Root{FS: os.DirFS(dir), Dir: dir})
}

// all runs every test of a directory, and writes its paths as they are below it.
func all(t *testing.T, dir string, r *recipetest.Runner) []recipetest.Result {
	t.Helper()
	files, err := recipetest.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []recipetest.Result
	for _, f := range files {
		for _, res := range r.Run(context.Background(), f) {
			res.File, res.Took = strings.TrimPrefix(res.File, dir+"/"), 0
			res.Message, res.Detail = strings.ReplaceAll(res.Message, dir+"/", ""), strings.ReplaceAll(res.Detail, dir+"/", "")
			out = append(out, res)
		}
	}
	return out
}

func text(results []recipetest.Result) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%s %s (%s:%d)\n", r.Outcome, r.Name, r.File, r.Line)
		for _, more := range []string{r.Message, r.Detail, r.Said} {
			for l := range strings.Lines(more) {
				fmt.Fprintf(&b, "  %s\n", strings.TrimRight(l, "\n"))
			}
		}
	}
	return b.String()
}

// What the guide shows is a recipe and its tests: they pass.
func TestTheGuideIsTrue(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```(?:python|txtar)\n(.*?)```").FindAllStringSubmatch(recipetest.Guide, -1)
	if len(blocks) < 4 {
		t.Fatalf("the guide has %d blocks", len(blocks))
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"feed-stalled.star": blocks[0][1], "feed-stalled_test.txtar": blocks[1][1], "feed-stalled_test.star": blocks[3][1]})
	got := all(t, dir, runner(dir))
	if len(got) != 6 {
		t.Errorf("%d tests, want 6", len(got))
	}
	for _, r := range got {
		if r.Bad() {
			t.Errorf("%s", text([]recipetest.Result{r}))
		}
	}
}

// Each file of testdata is a directory of recipes and tests, and what becomes of
// these: most are wrong, each in its own way.
func TestMessages(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			story, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := -1
			files := map[string]string{"x.star": finder}
			for i, f := range story.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				// A story within a story: its marks are written with a +.
				files[f.Name] = regexp.MustCompile(`(?m)^\+(-- .* --)$`).ReplaceAllString(string(f.Data), "$1")
			}
			write(t, dir, files)
			got := text(all(t, dir, runner(dir)))
			if *update {
				story.Files[want].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(story), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(string(story.Files[want].Data), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

const finder = `"""# X"""

def twice(n):
    """n two times."""
    return n * 2

def look(match, file = None):
    """Look"""
    for p in ps(match = match):
        if p.age >= time.parse_duration("1m"):
            warn("old", "%s is old" % p.comm, about = p, means = "It is.")

def kept(file):
    """Read"""
    note("read", read(file) if file else "none")

def suite(suites):
    """Run"""
    for s in suites:
        note("ran", "%s %s" % (s, pytest(s).outcome))

recipe(
    summary = "X.",
    params = {"match": param.regexp("sleep", "Whose."), "file": param.path("A file."), "suites": param.rest("Suites.")},
    steps = [look, kept, step(suite, needs = ["run"])],
)
`

func TestUpdateWritesWhatCame(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"x.star": finder, "x_test.txtar": "Old.\n\n-- world --\n100 1 S \"sleep 9\" age=2m\n-- findings --\n-- findings match=nobody --\n...\nexit 0\n"})
	r := runner(dir)
	r.Update = true
	all(t, dir, r)
	b, err := os.ReadFile(filepath.Join(dir, "x_test.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	want := "Old.\n\n-- world --\n100 1 S \"sleep 9\" age=2m\n-- findings --\nwarn old 100\n  sleep is old\nnote read -\n  none\nexit 0\n-- findings match=nobody --\n...\nexit 0\n"
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, res := range all(t, dir, runner(dir)) {
		if res.Outcome != recipetest.Passed {
			t.Error(text([]recipetest.Result{res}))
		}
	}
}

// A line that no test reached is not counted as run, and one that is does not
// move: errors keep their positions.
func TestCoverCountsLines(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"y.star": `"""# Y"""

def sign(n):
    """Of n."""
    if n < 0:
        return "-"
    elif n == 0:
        return "0"
    else:
        text = "+"
    for i in range(n):
        if i > 1:
            continue
        text += "!"
    return text

def unused():
    return [x for x in
            range(3)]

def look():
    """Look"""
    note("sign", sign(1))

recipe(summary = "Y.", steps = [look])
`, "y_test.txtar": "One.\n\n-- findings --\nnote sign -\n  +!\nexit 0\n",
		"y_test.star": "load(\"./y.star\", \"sign\")\n\ndef test_none():\n    assert.eq(sign(0), \"0\")\n    assert.fails(lambda: sign(None), \"not implemented\")\n"})
	r := runner(dir)
	r.Cover = &engine.Cover{}
	for _, res := range all(t, dir, r) {
		if res.Bad() {
			t.Error(text([]recipetest.Result{res}))
		}
	}
	var ran, missed []int
	for _, f := range r.Cover.Files() {
		if f.File != "y.star" {
			t.Errorf("%s is counted", f.File)
		}
		for line := range 30 {
			if n, counted := f.Lines[line]; counted && n > 0 {
				ran = append(ran, line)
			} else if counted {
				missed = append(missed, line)
			}
		}
	}
	if got, want := fmt.Sprint(ran, missed), "[5 7 8 10 11 12 14 15 23] [6 13 18]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A capture becomes a test with what the recipe read of it; secrets are not in
// it, nor are processes that it did not look into.
func TestAFixtureKeepsWhatTheRecipeRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"x.star": finder})
	whole := filepath.Join(dir, "whole.tgz")
	save(t, whole, `
		100 1 S "sleep 9 --password=hunter2" age=2m
		101 1 S "sleep 8" age=1s
		200 1 S "other" age=2m
		200:3 tcp ESTAB 10.0.0.1:5000 10.0.0.2:6000`)
	story := filepath.Join(dir, "testdata/x/one.txtar")
	made, err := runner(dir).Write(context.Background(), recipetest.Fixture{Story: story, From: whole, About: "One.", Params: map[string][]string{"match": {"sleep [0-9]"}}})
	if err != nil {
		t.Fatal(err)
	}
	if made.Processes >= made.Of {
		t.Errorf("%d of %d processes", made.Processes, made.Of)
	}
	b, err := os.ReadFile(story)
	if err != nil {
		t.Fatal(err)
	}
	want := "One.\n\n-- snapshot --\none.tgz\n-- findings match=\"sleep [0-9]\" --\nwarn old 100\n  sleep is old\nnote read -\n  none\nexit 0\n"
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if unpacked := unpack(t, made.Capture); strings.Contains(unpacked, "hunter2") || strings.Contains(unpacked, "other") || !strings.Contains(unpacked, "sleep") {
		t.Errorf("the capture holds what it should not, or not what it should:\n%s", unpacked)
	}
	for _, res := range all(t, dir, runner(dir)) {
		if res.Outcome != recipetest.Passed {
			t.Error(text([]recipetest.Result{res}))
		}
	}
	if _, err := runner(dir).Write(context.Background(), recipetest.Fixture{Story: story, From: whole}); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("it was written over: %v", err)
	}
}
