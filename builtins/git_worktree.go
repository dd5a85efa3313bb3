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
			"A commit is checked out into a private directory outside the repository, on the user's branch, in a repository of its own that borrows the user's objects and has the same refs, tags and configuration. Nothing that is done there, also with git, reaches the user's work tree, index, stash list, refs or objects. " +
			"No hook runs, git-lfs downloads nothing, submodules come from the user's own clone of them; what the work tree lacks is said in the coverage. What git ignores is not in it: see `git.copy_ignored`.",
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
			"Bytes and modes of changed and untracked files, the absence of deleted ones, and which submodules there are, at which commits. Changes within submodules stay behind, and ignored files, for which there is `git.copy_ignored`. The user's own files are only read.",
		Params:  []engine.Arg{{Name: "path", Type: "string", Doc: "The work tree, as `git.worktree` gave it."}},
		Returns: "list of string; the paths that changed",
		Errors:  "path is no throw-away work tree of this run, or one of another commit",
		Example: `git.copy_changes(path)`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			shed, err := w.shedOf(call, args, kwargs)
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

func (w *world) gitCopyIgnored() engine.Builtin {
	return engine.Builtin{
		Name: "git.copy_ignored",
		Doc: "Brings what the user has besides what git keeps into a throw-away work tree: ignored files and empty directories, as `git.in_place` leaves them where they are.\n\n" +
			"What lies there already stays. Caches, virtual environments and `node_modules` stay behind, and what goes beyond 5,000 files or 128 MB, the largest first. The user's own files are only read.",
		Params:  []engine.Arg{{Name: "path", Type: "string", Doc: "The work tree, as `git.worktree` gave it."}},
		Returns: "list of lack; what is not in the work tree, and is in the user's; [] it has all",
		Errors:  "path is no throw-away work tree of this run; the disk is full",
		Example: `[l for l in git.copy_ignored(path) if l.kind == "large"]`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			shed, err := w.shedOf(call, args, kwargs)
			if err != nil {
				return nil, err
			}
			lacks, err := shed.CopyIgnored(call.Context)
			return listOf(lacks, func(l probe.GitLack) starlark.Value { return newRecord(lackKind, l, "git", w.host.Now()) }), err
		},
	}
}

var lackKind = &kind[probe.GitLack]{
	name: "lack",
	doc:  "Something of the user's work tree that a throw-away one does not have.",
	text: func(l probe.GitLack) string { return l.Path + " (" + l.Kind + ")" },
	fields: []field[probe.GitLack]{
		{name: "path", typ: "string", doc: "relative to the top; of a directory with a slash at its end", get: func(l probe.GitLack) starlark.Value { return text(l.Path) }},
		{name: "kind", typ: "string", doc: "cache, environment (bound to where it lies), large, repository, worktree (a linked one), special (a socket, a device), unreadable, submodule (not in the user's clone), lfs (pointers only)",
			get: func(l probe.GitLack) starlark.Value { return text(l.Kind) }},
		{name: "files", typ: "int or None", doc: "in it, at least; None: not counted", get: func(l probe.GitLack) starlark.Value { return unless(0, l.Files) }},
		{name: "bytes", typ: "int or None", doc: "of these", get: func(l probe.GitLack) starlark.Value {
			if l.Files == 0 {
				return starlark.None
			}
			return starlark.MakeInt64(l.Bytes)
		}},
	},
}

func (w *world) gitRewind() engine.Builtin {
	return engine.Builtin{
		Name: "git.rewind",
		Doc: "Makes a throw-away work tree what it was when this was first called for it, so that one run does not meet what another has left.\n\n" +
			"Bytes and modes of files, what was removed, what is new, ignored or not, and its repository. Compiled files in `__pycache__` stay.",
		Params:  []engine.Arg{{Name: "path", Type: "string", Doc: "The work tree, as `git.worktree` gave it."}},
		Returns: "list of string; the paths that were put right; [] none, or it is the first call",
		Errors:  "path is no throw-away work tree of this run; a file that was changed there was changed by the user, too",
		Example: `git.rewind(path)`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			shed, err := w.shedOf(call, args, kwargs)
			if err != nil {
				return nil, err
			}
			paths, err := shed.Rewind(call.Context)
			return listOf(paths, text), err
		},
	}
}

// shedOf is shed for a builtin with a path alone.
func (w *world) shedOf(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (*probe.GitWorktree, error) {
	var path string
	if err := starlark.UnpackArgs(call.Name, args, kwargs, "path", &path); err != nil {
		return nil, err
	}
	return w.shed(call, path)
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
