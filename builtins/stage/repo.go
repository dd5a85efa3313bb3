package stage

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"runbook/engine"
	"runbook/engine/event"
)

// repo plays the words of git and pytest from a written repository, which lies
// at /repo: a line for each fact, and for each tree with what the tests come to
// there, a letter a run, the last one for ever.
//
//	commits good c1 c2 …   the history, oldest first; HEAD is the last
//	base c1                what git.merge_base says of main
//	dirty                  something is changed
//	layer FILE …           what git.diff of paths has
//	changed FILE …         what git.diff of the whole tree has; that of the layer, if it is not given
//	misfit FILE            the patch of the layer does not apply
//	prefix DIR             where we are, below the top
//	state merge            what the repository is amid of
//	submodule DIR          one with changes of its own
//	writes FILE …          what the case writes into the user's own tree, at each run
//	saves TREE FILE …      what somebody saves there the first time that it holds that tree
//	lacks KIND:PATH …      what a copy of the work tree does not have
//	in-place               a run that was killed has left the work tree changed
//	dirties DIR …          submodules that the case writes into, in the user's own tree
//	letter V {"outcome": "failed", …}   what a letter says, as in a part "pytest"
//	change FFFF            the work tree as it is, or a copy of it
//	c1 ....                a commit
//	c1+layer F             a commit with the layer put on
//	change-layer .         the change with the layer taken out
//
// Letters: . passed, F failed, H hang, C crash, E cannot be collected, S skipped,
// K killed from outside, U no such test.
type repo struct {
	facts   map[string][]string
	letters map[string]map[string]any
	commits []string
	trees   map[string]string // what a throw-away work tree holds, by its path
	inPlace string            // what the user's own work tree holds
	runs    map[string]int    // by tree
	put     []map[string]any  // restorations, as git.meanwhile gives them
	set     *Set
}

var letters = map[string]map[string]any{
	".": {"outcome": "passed", "passed": 1.0},
	"F": {"outcome": "failed", "failed": 1.0, "tests": oneTest("failed", "call", "tests/x.py:3: assert 1 == 2")},
	"H": {"outcome": "hang", "running": []any{"tests/x.py::test_y"}, "phase": "call", "evidence": "hang.tar.gz"},
	"C": {"outcome": "crash", "signal": "SIGSEGV"},
	"E": {"outcome": "error", "errors": 1.0, "tests": oneTest("error", "collect", "ImportError: no ipc")},
	"U": {"outcome": "usage", "reason": "ERROR: not found: tests/x.py::test_y"},
	"S": {"outcome": "passed", "skipped": 1.0},
	"K": {"outcome": "killed", "reason": "ended by SIGKILL, which we did not send"},
}

func oneTest(outcome, phase, message string) []any {
	return []any{map[string]any{"id": "tests/x.py::test_y", "outcome": outcome, "phase": phase, "message": message}}
}

var repoWords = []string{"commits", "base", "dirty", "layer", "changed", "misfit", "prefix", "state", "submodule", "writes", "saves", "dirties", "writers", "lacks", "in-place"}

const repoRoot = "/repo"

func newRepo(text string) (*repo, error) {
	r := &repo{facts: map[string][]string{}, letters: maps.Clone(letters), trees: map[string]string{}, inPlace: "change", runs: map[string]int{}}
	lines := map[string]int{}
	for number, said := range numbered(text) {
		words := strings.Fields(said)
		if words[0] == "letter" && len(words) > 2 {
			var facts map[string]any
			if err := json.Unmarshal([]byte(strings.TrimSpace(strings.SplitN(said, words[1], 2)[1])), &facts); err != nil {
				return nil, line(number, fmt.Errorf("letter %s: want a JSON object: %w", words[1], err))
			}
			r.letters[words[1]] = facts
			continue
		}
		if at, twice := lines[words[0]]; twice {
			return nil, line(number, fmt.Errorf("%s stands in line %d, too", words[0], at))
		}
		r.facts[words[0]], lines[words[0]] = words[1:], number
	}
	r.commits = r.facts["commits"]
	for _, name := range slices.SortedFunc(maps.Keys(lines), func(a, b string) int { return lines[a] - lines[b] }) {
		if err := r.check(name); err != nil {
			return nil, line(lines[name], err)
		}
	}
	return r, nil
}

// check is the error of a fact or a tree that is none.
func (r *repo) check(name string) error {
	f := r.facts[name]
	tree, _, _ := strings.Cut(strings.TrimSuffix(name, "-layer"), "+")
	switch {
	case slices.Contains(repoWords, name):
		return nil
	case tree != "change" && !slices.Contains(r.commits, tree):
		hint := ""
		if n := engine.Nearest(name, slices.Concat(repoWords, r.commits, []string{"change", "letter"})); n != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", n)
		}
		return fmt.Errorf("%s is neither a fact nor a tree%s", name, hint)
	case len(f) != 1:
		return fmt.Errorf("%s: want one word of letters, a letter a run", name)
	}
	for _, letter := range f[0] {
		if r.letters[string(letter)] == nil {
			return fmt.Errorf("%s: no letter %c", name, letter)
		}
	}
	return nil
}

func (r *repo) fact(name string) string { return strings.Join(r.facts[name], " ") }

func (r *repo) is(name string) bool { _, ok := r.facts[name]; return ok }

type builtinFunc = func(call *engine.Call, given map[string]starlark.Value) (starlark.Value, error)

func (s *Set) playRepo(text string) error {
	r, err := newRepo(text)
	if err != nil {
		return err
	}
	r.set = s
	for name, f := range map[string]builtinFunc{
		"pytest": r.pytest, "git.repo": r.repo, "git.resolve": r.resolve, "git.merge_base": r.mergeBase, "git.commit": r.commit, "git.commits": r.between, "git.submodules": r.submodules,
		"git.diff": r.diff, "git.worktree": r.worktree, "git.copy_changes": r.copyChanges, "git.copy_ignored": r.copyIgnored, "git.rewind": r.rewind, "git.apply": r.apply, "git.in_place": r.swap, "git.meanwhile": r.meanwhile,
	} {
		at := slices.IndexFunc(s.Builtins, func(b engine.Builtin) bool { return b.Name == name })
		if at < 0 {
			return fmt.Errorf("no word %s", name)
		}
		b := &s.Builtins[at]
		b.Func = func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return f(call, bind(b, args, kwargs))
		}
	}
	return nil
}

// pytest is the next run in the tree that the recipe names.
func (r *repo) pytest(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	code := textOf(given["code"])
	if dir := textOf(given["dir"]); dir != strings.TrimSuffix(code+"/"+r.fact("prefix"), "/") {
		return nil, fmt.Errorf("pytest runs in %q, and tests code of %q", dir, code)
	}
	tree := r.inPlace
	if code != repoRoot {
		tree = r.trees[code]
	}
	does := r.fact(tree)
	if does == "" {
		return nil, fmt.Errorf("the test does not say what pytest comes to in %s", tree)
	}
	facts := maps.Clone(r.letters[string(does[min(r.runs[tree], len(does)-1)])])
	r.runs[tree]++
	r.set.ran = append(r.set.ran, "pytest in "+tree)
	if _, own := facts["imported"]; !own {
		facts["imported"] = []any{map[string]any{"name": "pkg", "path": code + "/pkg.py", "own": code + "/pkg.py"}}
	}
	facts["suite"] = textOf(given["suite"])
	return newRecord("attempt", facts)
}

func textOf(v starlark.Value) string { s, _ := starlark.AsString(v); return s }

func (r *repo) head() any {
	if len(r.commits) == 0 {
		return nil
	}
	return r.commits[len(r.commits)-1]
}

func (r *repo) repo(*engine.Call, map[string]starlark.Value) (starlark.Value, error) {
	facts := map[string]any{"root": repoRoot, "prefix": r.fact("prefix"), "head": r.head(), "dirty": r.is("dirty"), "in_place": r.is("in-place"), "state": r.fact("state")}
	if len(r.facts["submodule"]) > 0 {
		facts["submodules"] = []any{map[string]any{"path": r.facts["submodule"][0], "dirty": true, "moved": slices.Contains(r.facts["submodule"], "moved")}}
	}
	return newRecord("repo", facts)
}

func (r *repo) resolve(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	ref := textOf(given["ref"])
	if !slices.Contains(r.commits, ref) {
		return nil, fmt.Errorf("git: no commit %q here", ref)
	}
	return starlark.String(ref), nil
}

func (r *repo) mergeBase(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	if r.is("base") && (textOf(given["a"]) == "main" || textOf(given["b"]) == "main") {
		return starlark.String(r.fact("base")), nil
	}
	return starlark.None, nil
}

func (r *repo) commit(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	ref := textOf(given["ref"])
	return newRecord("commit", map[string]any{"id": ref, "short": ref, "subject": "is a commit", "author": "Ada", "date": "2026-11-01T12:00:00Z"})
}

func (r *repo) between(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	at := slices.Index(r.commits, textOf(given["good"]))
	if at < 0 {
		return nil, errors.New("git: no such commit here")
	}
	out := starlark.NewList(nil)
	for _, c := range r.commits[at+1:] {
		_ = out.Append(starlark.String(c))
	}
	return out, nil
}

func (r *repo) submodules(*engine.Call, map[string]starlark.Value) (starlark.Value, error) {
	return starlark.NewList(nil), nil
}

func (r *repo) diff(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	files := r.facts["layer"]
	if paths, ok := given["paths"].(*starlark.List); r.is("changed") && (!ok || paths.Len() == 0) {
		files = r.facts["changed"]
	}
	return newRecord("patch", map[string]any{"files": anyList(files), "sha256": "5ha"})
}

func (r *repo) worktree(call *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	ref := textOf(given["ref"])
	if call.DryRun {
		return starlark.None, call.Confirm(engine.Run, event.View{Kind: "table", Title: "git worktree " + ref})
	}
	path := fmt.Sprintf("/tmp/%s-%d", ref, len(r.trees))
	r.trees[path] = ref
	defer delete(r.trees, path)
	return starlark.Call(call.Thread, given["fn"], starlark.Tuple{starlark.String(path)}, nil)
}

func (r *repo) copyChanges(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	path := textOf(given["path"])
	if r.trees[path] != r.head() {
		return nil, fmt.Errorf("git.copy_changes: the tree is of %s, not of HEAD", r.trees[path])
	}
	r.trees[path] = "change"
	return starlark.NewList(nil), nil
}

func (r *repo) copyIgnored(*engine.Call, map[string]starlark.Value) (starlark.Value, error) {
	out := starlark.NewList(nil)
	for _, said := range r.facts["lacks"] {
		kind, path, _ := strings.Cut(said, ":")
		v, err := newRecord("lack", map[string]any{"path": path, "kind": kind})
		if err != nil {
			return nil, err
		}
		_ = out.Append(v)
	}
	return out, nil
}

func (r *repo) rewind(*engine.Call, map[string]starlark.Value) (starlark.Value, error) {
	return starlark.NewList(nil), nil
}

func (r *repo) apply(_ *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	path := textOf(given["path"])
	switch {
	case r.is("misfit"):
		return starlark.String("error: patch failed: " + r.fact("misfit")), nil
	case given["check"] == starlark.True:
	case given["reverse"] == starlark.True:
		r.trees[path] += "-layer"
	default:
		r.trees[path] += "+layer"
	}
	return starlark.String(""), nil
}

func (r *repo) swap(call *engine.Call, given map[string]starlark.Value) (starlark.Value, error) {
	if err := call.Confirm(engine.Write, event.View{Kind: "table", Title: "git in place"}); err != nil {
		return nil, err
	}
	if call.DryRun {
		return starlark.None, nil
	}
	if given["ref"] != starlark.None {
		r.inPlace = textOf(given["ref"])
	}
	if v := given["layer"]; v != nil && v != starlark.None {
		r.inPlace = "change-layer"
	}
	defer r.swapBack()
	return starlark.Call(call.Thread, given["fn"], starlark.Tuple{starlark.String(repoRoot)}, nil)
}

func (r *repo) swapBack() {
	files, saved := slices.Clone(r.facts["writes"]), r.facts["saves"]
	if len(saved) > 1 && saved[0] == r.inPlace {
		files = append(files, saved[1:]...)
		delete(r.facts, "saves")
	}
	facts := map[string]any{"files": anyList(files), "submodules": anyList(r.facts["dirties"]), "writers": anyList(r.facts["writers"])}
	if r.inPlace != "change" {
		facts["base"] = r.inPlace
	}
	if len(files) > 0 {
		facts["ref"] = fmt.Sprintf("refs/runbook/%d/meanwhile", len(r.put)+1)
	}
	r.put, r.inPlace = append(r.put, facts), "change"
}

func (r *repo) meanwhile(*engine.Call, map[string]starlark.Value) (starlark.Value, error) {
	out := starlark.NewList(nil)
	for _, facts := range r.put {
		v, err := newRecord("restoration", facts)
		if err != nil {
			return nil, err
		}
		_ = out.Append(v)
	}
	return out, nil
}

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
