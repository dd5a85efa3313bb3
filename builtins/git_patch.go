package builtins

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) gitDiff() engine.Builtin {
	return engine.Builtin{
		Name: "git.diff",
		Doc: "How the work tree differs from a commit, as a patch that `git.apply` takes: binary files whole, ids in full.\n\n" +
			"Untracked files that are not ignored are part of it. Nothing is written into the repository.",
		Params: []engine.Arg{
			{Name: "base", Type: "string", Doc: "The commit to compare with."},
			{Name: "paths", Type: "string, or list of string", Default: "[]", Doc: "Pathspecs relative to the top, such as `src/ipc/**`; [] all."}, gitDir,
		},
		Returns: "patch",
		Errors:  "one of paths matches no file; there is no such commit; files have conflicts; " + gitErrors,
		Example: `git.diff("HEAD", paths = ["tractor/ipc/**"]).files`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			base, dir := "", "."
			var paths texts
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "base", &base, "paths?", &paths, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				p, err := g.Diff(ctx, base, paths)
				return &gitPatch{*newRecord(patchKind, p, "git", w.host.Now())}, err
			})
		},
	}
}

// gitPatch is a record of its own type, so that git.apply knows one.
type gitPatch struct{ record[probe.Patch] }

var patchKind = &kind[probe.Patch]{
	name: "patch",
	doc:  "A difference between a commit and the work tree.",
	text: func(p probe.Patch) string { return fmt.Sprintf("%d files, sha256 %.12s", len(p.Files), p.SHA256) },
	fields: []field[probe.Patch]{
		{name: "base", typ: "string", doc: "the commit", get: func(p probe.Patch) starlark.Value { return text(p.Base) }},
		{name: "files", typ: "list of string", doc: "that it changes; [] no difference", get: func(p probe.Patch) starlark.Value { return listOf(p.Files, text) }},
		{name: "sha256", typ: "string", doc: "of text", get: func(p probe.Patch) starlark.Value { return text(p.SHA256) }},
		{name: "bytes", typ: "int", doc: "length of text", get: func(p probe.Patch) starlark.Value { return integer(len(p.Text)) }},
		{name: "text", typ: "string", doc: "of any bytes, as git writes it", aside: true, get: func(p probe.Patch) starlark.Value { return text(string(p.Text)) }},
	},
}

func (w *world) gitApply() engine.Builtin {
	return engine.Builtin{
		Name: "git.apply",
		Doc:  "Applies a patch to a throw-away work tree, wholly or not at all.",
		Params: []engine.Arg{
			{Name: "path", Type: "string", Doc: "The work tree, as `git.worktree` gave it."},
			{Name: "patch", Type: "patch or string", Doc: "Of `git.diff`, or a text in git's format."},
			{Name: "reverse", Type: "bool", Default: "False", Doc: "Takes the change back."},
			{Name: "check", Type: "bool", Default: "False", Doc: "Only looks whether it would fit."},
		},
		Returns: "string; why the patch does not fit, and nothing changed; \"\" it does",
		Errors:  "path is no throw-away work tree of this run",
		Example: `git.apply(path, git.diff("HEAD", paths = ["src/**"]))`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var path string
			var patch patchText
			var o probe.PatchOptions
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "path", &path, "patch", &patch, "reverse?", &o.Reverse, "check?", &o.Check); err != nil {
				return nil, err
			}
			shed, err := w.shed(call, path)
			if err != nil {
				return nil, err
			}
			misfit, err := shed.Apply(call.Context, []byte(patch), o)
			return text(misfit), err
		},
	}
}

// patchText takes what git.diff returned, or a text.
type patchText string

func (p *patchText) Unpack(v starlark.Value) error {
	if patch, ok := v.(*gitPatch); ok {
		*p = patchText(patch.it.Text)
		return nil
	}
	s, ok := starlark.AsString(v)
	if !ok {
		return fmt.Errorf("got %s, want patch or string", v.Type())
	}
	*p = patchText(s)
	return nil
}
