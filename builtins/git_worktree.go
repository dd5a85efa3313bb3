package builtins

import (
	"context"
	"fmt"
	"path/filepath"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) gitWorktree() engine.Builtin {
	return engine.Builtin{
		Name: "git.worktree",
		Doc: "Calls a function with a throw-away work tree, and removes it again.\n\n" +
			"A commit is checked out, detached, into a private directory outside the repository. The user's work tree, index, stash list, refs, untracked and ignored files are not touched. " +
			"No hook runs, git-lfs downloads nothing, submodules come from the user's own clone of them; what the work tree lacks is said in the coverage. Ignored files, such as built extension modules, are not in it.",
		Params: []engine.Arg{
			{Name: "ref", Type: "string", Doc: "The commit."}, {Name: "fn", Type: "function(path)", Doc: "What to do there."}, gitDir,
		},
		Returns: "whatever fn returns",
		Errors:  "there is no such commit; the disk is full or read-only; " + gitErrors,
		Example: `git.worktree("main", lambda path: pytest("tests/test_x.py", dir = path))`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			ref, dir := "", "."
			var fn starlark.Callable
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "ref", &ref, "fn", &fn, "dir?", &dir); err != nil {
				return nil, err
			}
			if call.DryRun {
				return starlark.None, call.Confirm(engine.Run, wouldDo("git worktree", "check "+ref+" out into a throw-away work tree, call "+fn.Name()+" there, remove it"))
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				shed, err := g.AddWorktree(ctx, probe.Journals{Dir: w.journals}, ref)
				if err != nil {
					return nil, err
				}
				for _, note := range shed.Notes {
					call.Cover(event.Coverage{Probe: call.Name, Status: "absent", Detail: note})
				}
				w.mu.Lock()
				w.sheds[shed.Path] = shed
				w.mu.Unlock()
				remove := func(ctx context.Context) error {
					w.mu.Lock()
					delete(w.sheds, shed.Path)
					w.mu.Unlock()
					return shed.Remove(ctx)
				}
				return bracket(call, "throw-away work tree", remove, func() (starlark.Value, error) {
					return starlark.Call(call.Thread, fn, starlark.Tuple{text(shed.Path)}, nil)
				})
			})
		},
	}
}

func (w *world) gitCopyChanges() engine.Builtin {
	return engine.Builtin{
		Name: "git.copy_changes",
		Doc: "Brings what the user has not committed into a throw-away work tree of `HEAD`.\n\n" +
			"Bytes and modes of changed and untracked files, the absence of deleted ones, and which submodules there are, at which commits. Ignored files, and changes within submodules, stay behind. The user's own files are only read.",
		Params:  []engine.Arg{{Name: "path", Type: "string", Doc: "The work tree, as `git.worktree` gave it."}},
		Returns: "list of string; the paths that changed",
		Errors:  "path is no throw-away work tree of this run, or one of another commit",
		Example: `git.copy_changes(path)`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var path string
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "path", &path); err != nil {
				return nil, err
			}
			shed, err := w.shed(call, path)
			if err != nil {
				return nil, err
			}
			changed, err := shed.CopyChanges(call.Context)
			if err != nil {
				return nil, err
			}
			return listOf(changed, text), nil
		},
	}
}

// shed finds a throw-away work tree of this run: no other is ever written to.
func (w *world) shed(call *engine.Call, path string) (*probe.GitWorktree, error) {
	if err := w.mayRun(call); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	shed := w.sheds[filepath.Clean(path)]
	if shed == nil {
		return nil, fmt.Errorf("%s: %s is no throw-away work tree of this run", call.Name, path)
	}
	return shed, nil
}
