package recipes_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"runbook/builtins"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// What a repository holds and what its trees do, and findings out: each file of
// testdata/regression-attribution has a part "repo", a line for each fact and for
// each tree with what the case comes to there, run by run, the last one for
// ever:
//
//	commits good c1 c2 …   the history, oldest first; HEAD is the last
//	base c1                what git merge-base says of main
//	dirty, layer FILE …    what is changed
//	change FFFF            a letter a run, see comesTo
//
// A part "findings PARAM=VALUE …" is a run of the recipe, with what it says.
// Write the findings anew with: go test ./recipes -update. Then read them.
func TestRegressionAttribution(t *testing.T) {
	names, err := filepath.Glob("testdata/regression-attribution/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			story, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for i, part := range story.Files {
				words := strings.Fields(part.Name)
				if words[0] != "findings" {
					continue
				}
				got := newHistory(t, string(story.Files[0].Data)).attribute(words[1:])
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

// comesTo is what a letter says of one run.
var comesTo = map[byte]map[string]any{
	'.': {"outcome": "passed", "passed": 1.0},
	'F': {"outcome": "failed", "failed": 1.0, "tests": failing("failed", "call", "tests/x.py:3: assert 1 == 2")},
	'V': {"outcome": "failed", "failed": 1.0, "tests": failing("failed", "call", "tests/x.py:9: ValueError: bad")},
	'H': {"outcome": "hang", "running": []any{"tests/x.py::test_y"}, "phase": "call", "evidence": "hang.tar.gz"},
	'C': {"outcome": "crash", "signal": "SIGSEGV"},
	'E': {"outcome": "error", "errors": 1.0, "tests": failing("error", "collect", "ImportError: no ipc")},
	'U': {"outcome": "usage", "reason": "ERROR: not found: tests/x.py::test_y"},
	'M': {"outcome": "usage", "errors": 1.0, "reason": "ERROR: found no collectors for tests/x.py::test_y", "tests": failing("error", "collect", "E   ModuleNotFoundError: No module named 'ipc'")},
	'S': {"outcome": "passed", "skipped": 1.0},
	'K': {"outcome": "killed", "reason": "ended by SIGKILL, which we did not send"},
	'X': {"outcome": "passed", "passed": 1.0, "imported": []any{map[string]any{"name": "pkg", "path": "/repo/pkg.py", "own": "TREE/pkg.py", "theirs": true, "child": nil}}},
	'Y': {"outcome": "passed", "passed": 1.0, "imported": []any{map[string]any{"name": "pkg", "path": "TREE/pkg.py", "own": "TREE/pkg.py", "theirs": true, "child": "/repo/pkg.py"}}},
}

func failing(outcome, phase, message string) []any {
	return []any{map[string]any{"id": "tests/x.py::test_y", "outcome": outcome, "phase": phase, "message": message}}
}

// history is a repository that knows how the case fares in each tree.
type history struct {
	t       *testing.T
	facts   map[string][]string
	commits []string
	trees   map[string]string // by path: base, change, c3, base+layer …
	inPlace string            // what the user's own tree holds
	ran     map[string]int
	order   []string
}

func newHistory(t *testing.T, repo string) *history {
	h := &history{t: t, facts: map[string][]string{}, trees: map[string]string{}, inPlace: "change", ran: map[string]int{}}
	for line := range strings.Lines(repo) {
		if words := strings.Fields(line); len(words) > 0 {
			h.facts[words[0]] = words[1:]
		}
	}
	h.commits = h.facts["commits"]
	return h
}

func (h *history) fact(name string) string { return strings.Join(h.facts[name], " ") }

func (h *history) is(name string) bool { _, ok := h.facts[name]; return ok }

// attribute runs the recipe.
func (h *history) attribute(words []string) string {
	h.t.Helper()
	table := builtins.Table(builtins.Options{Host: probetest.World(h.t, "")})
	for name, f := range map[string]builtinFunc{
		"pytest": h.pytest, "git.repo": h.repo, "git.resolve": h.resolve, "git.merge_base": h.mergeBase, "git.commit": h.commit, "git.commits": h.between,
		"git.diff": h.diff, "git.worktree": h.worktree, "git.copy_changes": h.copyChanges, "git.apply": h.apply, "git.in_place": h.swap,
	} {
		at := slices.IndexFunc(table, func(b engine.Builtin) bool { return b.Name == name })
		if at < 0 {
			h.t.Fatalf("no builtin %s", name)
		}
		table[at].Func = f
	}
	lib := &engine.Library{Roots: []engine.Root{{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}}, Builtins: table}
	recipe, err := lib.Find(context.Background(), "regression-attribution")
	if err != nil {
		h.t.Fatal(err)
	}
	req := engine.Request{Recipe: recipe, Params: map[string][]string{}, Grants: engine.Grants{Allow: []engine.Effect{engine.Write}}}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		if value == "" {
			value = "true"
		}
		switch name {
		case "no-grant":
			req.Grants.Allow = nil
			continue
		case "dry-run":
			req.DryRun = true
			continue
		}
		req.Params[name] = append(req.Params[name], value)
	}
	if req.Params["case"] == nil {
		req.Params["case"] = []string{"tests/x.py::test_y"}
	}
	said := &attributionNotebook{}
	req.Sink = said
	end, err := (&engine.Engine{}).Run(context.Background(), req)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, tree := range h.order {
		fmt.Fprintf(&said.text, "%s: %s\n", tree, plural(h.ran[tree], "run"))
	}
	fmt.Fprintf(&said.text, "exit %d\n", engine.ExitCode(end, false))
	if len(h.trees) > 0 || h.inPlace != "change" {
		h.t.Errorf("left behind: %v, in place %s", h.trees, h.inPlace)
	}
	return said.text.String()
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// pytest is the next run in the tree that the recipe names.
func (h *history) pytest(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	given := words(kwargs)
	code, _ := starlark.AsString(given["code"])
	if dir, _ := starlark.AsString(given["dir"]); dir != strings.TrimSuffix(code+"/"+h.fact("prefix"), "/") {
		return nil, fmt.Errorf("it runs in %s, for code in %s", dir, code)
	}
	tree := h.inPlace
	if code != "/repo" {
		tree = h.trees[code]
	}
	does := h.fact(tree)
	if does == "" {
		return nil, fmt.Errorf("the story does not say what the case does in %s", tree)
	}
	if h.ran[tree] == 0 {
		h.order = append(h.order, tree)
	}
	letter := does[min(h.ran[tree], len(does)-1)]
	h.ran[tree]++
	facts := comesTo[letter]
	if facts == nil {
		return nil, fmt.Errorf("no letter %c", letter)
	}
	own := []any{map[string]any{"name": "pkg", "path": code + "/pkg.py", "own": code + "/pkg.py", "theirs": false, "child": nil}}
	return newPlayed("attempt", map[string]any{
		"suite": "tests/x.py::test_y", "reason": "", "signal": nil, "phase": "", "running": []any{}, "tests": []any{}, "passed": 0.0, "failed": 0.0, "errors": 0.0, "skipped": 0.0,
		"leaks": []any{}, "evidence": nil, "imported": own,
	}, facts), nil
}

func words(kwargs []starlark.Tuple) map[string]starlark.Value {
	out := map[string]starlark.Value{}
	for _, kv := range kwargs {
		name, _ := starlark.AsString(kv[0])
		out[name] = kv[1]
	}
	return out
}

func (h *history) head() string {
	if len(h.commits) == 0 {
		return ""
	}
	return h.commits[len(h.commits)-1]
}

func (h *history) repo(*engine.Call, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	facts := map[string]any{
		"root": "/repo", "prefix": h.fact("prefix"), "head": nil, "dirty": h.is("dirty"), "untracked": 0.0, "state": h.fact("state"), "submodules": []any{},
	}
	if h.head() != "" {
		facts["head"] = h.head()
	}
	if h.is("submodule") {
		facts["submodules"] = []any{map[string]any{"path": h.fact("submodule"), "dirty": true}}
	}
	return newPlayed("repo", facts, nil), nil
}

func (h *history) resolve(_ *engine.Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	ref, _ := starlark.AsString(args[0])
	if !slices.Contains(h.commits, ref) {
		return nil, fmt.Errorf("git: no commit %q here", ref)
	}
	return args[0], nil
}

func (h *history) mergeBase(_ *engine.Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if ref, _ := starlark.AsString(args[0]); ref == "main" && h.is("base") {
		return starlark.String(h.fact("base")), nil
	}
	return starlark.None, nil
}

func (h *history) commit(_ *engine.Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	fields := starlark.StringDict{
		"id": args[0], "short": args[0], "subject": starlark.String("is a commit"), "author": starlark.String("Ada"),
		"date": startime.Time(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)),
	}
	return played{starlarkstruct.FromStringDict(starlark.String("commit"), fields)}, nil
}

func (h *history) between(_ *engine.Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	good, _ := starlark.AsString(args[0])
	var out []starlark.Value
	for _, c := range h.commits[slices.Index(h.commits, good)+1:] {
		out = append(out, starlark.String(c))
	}
	return starlark.NewList(out), nil
}

func (h *history) diff(*engine.Call, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	var files []any
	for _, f := range h.facts["layer"] {
		files = append(files, f)
	}
	return newPlayed("patch", map[string]any{"files": files, "sha256": "5ha"}, nil), nil
}

func (h *history) worktree(call *engine.Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	ref, _ := starlark.AsString(args[0])
	if call.DryRun {
		return starlark.None, call.Confirm(engine.Run, event.View{Kind: "table", Title: "git worktree " + ref})
	}
	path := fmt.Sprintf("/tmp/%s-%d", ref, len(h.trees))
	h.trees[path] = ref
	defer delete(h.trees, path)
	return starlark.Call(call.Thread, args[1], starlark.Tuple{starlark.String(path)}, nil)
}

func (h *history) copyChanges(_ *engine.Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	path, _ := starlark.AsString(args[0])
	if h.trees[path] != h.head() {
		return nil, fmt.Errorf("the tree is of %s", h.trees[path])
	}
	h.trees[path] = "change"
	return starlark.NewList(nil), nil
}

func (h *history) apply(_ *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	path, _ := starlark.AsString(args[0])
	given := words(kwargs)
	switch {
	case h.is("misfit"):
		return starlark.String("error: patch failed: " + h.fact("misfit")), nil
	case given["check"] == starlark.True:
	case given["reverse"] == starlark.True:
		h.trees[path] += "-layer"
	default:
		h.trees[path] += "+layer"
	}
	return starlark.String(""), nil
}

func (h *history) swap(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := call.Confirm(engine.Write, event.View{Kind: "table", Title: "git in place"}); err != nil {
		return nil, err
	}
	if call.DryRun {
		return starlark.None, nil
	}
	h.inPlace, _ = starlark.AsString(args[0])
	if words(kwargs)["layer"] != nil {
		h.inPlace = "change-layer"
	}
	defer func() { h.inPlace = "change" }()
	return starlark.Call(call.Thread, args[1], starlark.Tuple{starlark.String("/repo")}, nil)
}

// attributionNotebook keeps what a person would remember of an attribution.
type attributionNotebook struct{ text strings.Builder }

func (n *attributionNotebook) Write(e event.Event) error {
	switch f, s, v := e.Found, e.StepFinished, e.Shown; {
	case f != nil:
		fmt.Fprintf(&n.text, "%s %s\n  %s\n", f.Verdict, strings.TrimPrefix(f.Rule, "regression-attribution/"), f.Title)
		for _, more := range []struct{ word, text string }{{"means", f.Means}, {"because", f.Because}, {"do", f.Do}} {
			if more.text != "" {
				fmt.Fprintf(&n.text, "  %s: %s\n", more.word, more.text)
			}
		}
	case v != nil && v.Title != "tests/x.py::test_y":
		for _, row := range v.Nodes {
			fmt.Fprintf(&n.text, "| %s\n", strings.Join(append([]string{row.Label}, row.Cells...), " | "))
		}
	case s != nil && s.Status != event.StatusDone && s.Status != event.StatusSkipped:
		fmt.Fprintf(&n.text, "%s %s: %s\n", s.Name, s.Status, s.Reason)
	}
	return nil
}

func (n *attributionNotebook) Close() error { return nil }
