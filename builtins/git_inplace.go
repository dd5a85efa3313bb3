package builtins

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) gitInPlace() engine.Builtin {
	return engine.Builtin{
		Name: "git.in_place",
		Doc: "Calls a function while the user's own work tree holds another commit's content, and makes it what it was.\n\n" +
			"For code that is not imported from a throw-away work tree. Only files are exchanged: HEAD, the index, the stash list and the branches stay. Untracked files make room too; ignored ones stay, unless one lies where a file of `ref` belongs. " +
			"Without a commit, `None`, nothing is exchanged, and all that fn does to the work tree is undone. " +
			"A journal and refs under `refs/runbook/` are written first; the work tree is restored at the function's end, at Ctrl-C, and by `runbook recover` after `kill -9`, and compared byte by byte with what it was. " +
			"What fn or somebody else writes there meanwhile is kept under a ref of its own, which is said; what git ignores or does not keep (another repository, a socket), and what is written into a submodule, is left there and named.",
		Params: []engine.Arg{
			{Name: "ref", Type: "string or None", Doc: "The commit; None: what lies there."}, {Name: "fn", Type: "function(path)", Doc: "What to do; path is the top of the work tree."},
			{Name: "layer", Type: "string, or list of string", Default: "[]", Doc: "Pathspecs of the only files to exchange, relative to the top; [] all."}, gitDir,
		},
		Returns: "whatever fn returns",
		Errors:  "amid a merge, rebase, bisect …; index.lock; a submodule with changes, or that is at another commit there; a sparse checkout; another run in this work tree; the work tree is not as it was, which names the ref that holds all",
		Example: `git.in_place("main", lambda path: pytest("tests/test_x.py", dir = path))`,
		Effect:  engine.Write,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var ref commitOrNone
			dir := "."
			var fn starlark.Callable
			var layer texts
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "ref", &ref, "fn", &fn, "layer?", &layer, "dir?", &dir); err != nil {
				return nil, err
			}
			if call.DryRun {
				what := "give all files of the work tree the content of " + string(ref) + ", "
				if len(layer) > 0 {
					what = "give " + strings.Join(layer, " ") + " of the work tree the content of " + string(ref) + ", "
				}
				if ref == "" {
					what = "keep a copy of the work tree, "
				}
				return starlark.None, call.Confirm(engine.Write, wouldDo("git in place", what+"call "+fn.Name()+", put all back"))
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				there, err := g.ChangeInPlace(ctx, probe.Journals{Dir: w.journals}, string(ref), layer)
				if err != nil {
					return nil, err
				}
				var last atomic.Pointer[probe.Restored]
				restore := func(ctx context.Context) error {
					done, err := there.Restore(ctx)
					last.Store(&done)
					return err
				}
				value, err := bracket(call, "work tree", restore, func() (starlark.Value, error) {
					return starlark.Call(call.Thread, fn, starlark.Tuple{text(there.Root)}, nil)
				})
				if done := last.Load(); done != nil {
					sayRestored(call, *done)
					w.mu.Lock()
					w.restored = append(w.restored, restoration{base: there.Base, done: *done})
					w.mu.Unlock()
				}
				return value, err
			})
		},
	}
}

// commitOrNone takes what git calls a revision, or None, which is "".
type commitOrNone string

func (c *commitOrNone) Unpack(v starlark.Value) error {
	ref, ok := starlark.AsString(v)
	if v == starlark.None || ok && ref != "" {
		*c = commitOrNone(ref)
		return nil
	}
	return fmt.Errorf("got %s, want a commit or None", v)
}

// restoration is one work tree that was put back.
type restoration struct {
	base string // commit; "" = its own content lay there
	done probe.Restored
}

func (w *world) gitMeanwhile() engine.Builtin {
	return engine.Builtin{
		Name: "git.meanwhile",
		Doc: "What was written into the user's work tree while `git.in_place` had changed it, by whoever it was.\n\n" +
			"What is in two of these, and in all of the others, was rather written by the function itself. It is out of the work tree; `git show REF` prints it, and `git show REF:FILE` one file of it.",
		Returns: "list of restoration; one for each call of git.in_place in this run, in order",
		Errors:  "only on wrong arguments",
		Example: `[r.files for r in git.meanwhile() if r.files]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(call.Name, args, kwargs); err != nil {
				return nil, err
			}
			if w.host == nil {
				return nil, &blind{probe: call.Name, err: errNoHost}
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			return listOf(w.restored, func(r restoration) starlark.Value {
				return newRecord(restorationKind, r, "git", time.Time{})
			}), nil
		},
	}
}

var restorationKind = &kind[restoration]{
	name: "restoration",
	doc:  "A work tree that was put back.",
	text: func(r restoration) string {
		if r.done.Ref == "" {
			return "nothing was written meanwhile"
		}
		return r.done.Ref + ": " + shorten(r.done.Meanwhile)
	},
	fields: []field[restoration]{
		{name: "base", typ: "string or None", doc: "commit whose content lay there; None: its own", get: func(r restoration) starlark.Value { return orNone(r.base) }},
		{name: "files", typ: "list of string", doc: "that were written meanwhile, and are out of the work tree; what git ignores is in no list", get: func(r restoration) starlark.Value { return listOf(r.done.Meanwhile, text) }},
		{name: "submodules", typ: "list of string", doc: "in which something was written meanwhile; they are left as they are", get: func(r restoration) starlark.Value { return listOf(r.done.Submodules, text) }},
		{name: "writers", typ: "list of string", doc: "who had a file open for writing when it was put back, and goes on in one without a name: app.log is open for writing by python (pid 4242)", get: func(r restoration) starlark.Value {
			return listOf(r.done.Writers, func(w probe.GitWriter) starlark.Value { return text(w.String()) })
		}},
		{name: "ref", typ: "string or None", doc: "that keeps them; None: nothing was written", get: func(r restoration) starlark.Value { return orNone(r.done.Ref) }},
	},
}

// sayRestored tells what a reader must know of a work tree that is as it was.
func sayRestored(call *engine.Call, done probe.Restored) {
	if len(done.Meanwhile) > 0 {
		call.Cover(event.Coverage{Probe: call.Name, Status: "absent",
			Detail: fmt.Sprintf("what was written into the work tree meanwhile is out of it, and kept under %s: %s", done.Ref, shorten(done.Meanwhile)),
			Remedy: "git show " + done.Ref})
	}
	if len(done.Passed) > 0 {
		call.Cover(event.Coverage{Probe: call.Name, Status: "absent",
			Detail: "what was made or changed meanwhile that git ignores, or does not keep, is still there: " + shorten(done.Passed), Remedy: "git status --ignored"})
	}
	if len(done.Lost) > 0 {
		call.Cover(event.Coverage{Probe: call.Name, Status: "absent",
			Detail: "what git ignores was removed meanwhile, and nothing of it was kept: " + shorten(done.Lost)})
	}
	if len(done.Cut) > 0 {
		call.Cover(event.Coverage{Probe: call.Name, Status: "absent", Detail: "what was one file by several names was replaced meanwhile, and is a file of its own now: " + shorten(done.Cut)})
	}
	if done.Moved != "" {
		call.Cover(event.Coverage{Probe: call.Name, Status: "absent", Detail: fmt.Sprintf("HEAD moved to %.12s meanwhile, and was left there", done.Moved), Remedy: "git reflog"})
	}
}

func shorten(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
