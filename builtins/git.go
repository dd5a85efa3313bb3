package builtins

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

// gitTable are the words of the module git. Those that look, and those that
// work in a throw-away work tree, need `run`: they start the user's git and
// leave the user's files alone. in_place needs `write`.
func (w *world) gitTable() []engine.Builtin {
	return []engine.Builtin{
		w.gitRepo(), w.gitResolve(), w.gitMergeBase(), w.gitCommit(), w.gitCommits(), w.gitSubmodules(), w.gitDiff(),
		w.gitWorktree(), w.gitApply(), w.gitCopyChanges(), w.gitCopyIgnored(), w.gitRewind(), w.gitInPlace(), w.gitMeanwhile(),
	}
}

var gitDir = engine.Arg{Name: "dir", Type: "string", Default: `"."`, Doc: "Any directory of the work tree."}

const gitErrors = "the directory lies in no work tree; no git"

func (w *world) gitRepo() engine.Builtin {
	return engine.Builtin{
		Name:    "git.repo",
		Doc:     "How a repository stands.\n\nTakes no lock, runs no hook, and does not refresh the index.",
		Params:  []engine.Arg{gitDir},
		Returns: "repo",
		Errors:  gitErrors,
		Example: `git.repo().branch`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			dir := "."
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				s, err := g.State(ctx)
				return newRecord(repoKind, s, "git", w.host.Now()), err
			})
		},
	}
}

var repoKind = &kind[probe.GitState]{
	name: "repo",
	doc:  "A repository with its work tree.",
	text: func(s probe.GitState) string { return s.Root },
	fields: []field[probe.GitState]{
		{name: "root", typ: "string", doc: "top of the work tree", get: func(s probe.GitState) starlark.Value { return text(s.Root) }},
		{name: "prefix", typ: "string", doc: "of the directory that was asked for, below root; \"\" it is root", get: func(s probe.GitState) starlark.Value { return text(s.Prefix) }},
		{name: "head", typ: "string or None", doc: "commit; None before the first one", get: func(s probe.GitState) starlark.Value { return orNone(s.Head) }},
		{name: "branch", typ: "string or None", doc: "None: HEAD is detached", get: func(s probe.GitState) starlark.Value { return orNone(s.Branch) }},
		{name: "dirty", typ: "bool", doc: "tracked files differ from HEAD, staged or not, also assume-unchanged and skip-worktree ones", get: func(s probe.GitState) starlark.Value { return truth(s.Dirty) }},
		{name: "untracked", typ: "int", doc: "files and directories that are neither tracked nor ignored", get: func(s probe.GitState) starlark.Value { return integer(s.Untracked) }},
		{name: "state", typ: "string", doc: "what it is amid of: merge, rebase, am, cherry-pick, revert, bisect, conflict; \"\" nothing", get: func(s probe.GitState) starlark.Value { return text(s.State) }},
		{name: "in_place", typ: "bool", doc: "`git.in_place` has changed the work tree, or was killed before it had put it back", get: func(s probe.GitState) starlark.Value { return truth(s.InPlace) }},
		{name: "locked", typ: "bool", doc: "index.lock is there: another git writes, or has died", get: func(s probe.GitState) starlark.Value { return truth(s.Locked) }},
		{name: "shallow", typ: "bool", doc: "history is cut", get: func(s probe.GitState) starlark.Value { return truth(s.Shallow) }},
		{name: "sparse", typ: "bool", doc: "not all files are checked out", get: func(s probe.GitState) starlark.Value { return truth(s.Sparse) }},
		{name: "partial", typ: "bool", doc: "objects are fetched when needed: a checkout may use the network", get: func(s probe.GitState) starlark.Value { return truth(s.Partial) }},
		{name: "submodules", typ: "list of submodule", get: func(s probe.GitState) starlark.Value {
			return listOf(s.Submodules, func(m probe.GitSubmodule) starlark.Value {
				return newRecord(submoduleKind, m, "git", time.Time{})
			})
		}},
	},
}

var submoduleKind = &kind[probe.GitSubmodule]{
	name: "submodule",
	doc:  "Another repository at a path of this one.",
	text: func(m probe.GitSubmodule) string { return m.Path },
	fields: []field[probe.GitSubmodule]{
		{name: "path", typ: "string", get: func(m probe.GitSubmodule) starlark.Value { return text(m.Path) }},
		{name: "commit", typ: "string", doc: "that the index wants there", get: func(m probe.GitSubmodule) starlark.Value { return text(m.Commit) }},
		{name: "dirty", typ: "bool", doc: "another commit is checked out, or it has changes or untracked files", get: func(m probe.GitSubmodule) starlark.Value { return truth(m.Dirty) }},
		{name: "moved", typ: "bool", doc: "another commit is checked out than the index wants", get: func(m probe.GitSubmodule) starlark.Value { return truth(m.Moved) }},
	},
}

func (w *world) gitSubmodules() engine.Builtin {
	return engine.Builtin{
		Name:    "git.submodules",
		Doc:     "The submodules that a commit has at another commit than the index has them, or that only one of both has.\n\n`git.in_place` refuses such a commit.",
		Params:  []engine.Arg{{Name: "ref", Type: "string", Doc: "What git calls a revision."}, gitDir},
		Returns: "list of string; their paths",
		Errors:  "there is no such commit; " + gitErrors,
		Example: `git.submodules("main")`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			ref, dir := "", "."
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "ref", &ref, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				paths, err := g.SubmodulesAt(ctx, ref)
				return listOf(paths, text), err
			})
		},
	}
}

func (w *world) gitResolve() engine.Builtin {
	return engine.Builtin{
		Name:    "git.resolve",
		Doc:     "The commit that a name means: a branch, a tag, `HEAD~3`, a short id.",
		Params:  []engine.Arg{{Name: "ref", Type: "string", Doc: "What git calls a revision."}, gitDir},
		Returns: "string; the id in full",
		Errors:  "there is no such commit: the nearest name is said; " + gitErrors,
		Example: `git.resolve("main")`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			ref, dir := "", "."
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "ref", &ref, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				id, err := g.Resolve(ctx, ref)
				return text(id), err
			})
		},
	}
}

func (w *world) gitMergeBase() engine.Builtin {
	return engine.Builtin{
		Name:    "git.merge_base",
		Doc:     "The newest commit that two commits have in common: where a branch left another.",
		Params:  []engine.Arg{{Name: "a", Type: "string", Doc: "What git calls a revision."}, {Name: "b", Type: "string", Default: `"HEAD"`, Doc: "Another."}, gitDir},
		Returns: "string or None; the id in full; None: there is no such commit as a or b, or they have nothing in common",
		Errors:  gitErrors,
		Example: `git.merge_base("origin/main")`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			a, b, dir := "", "HEAD", "."
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "a", &a, "b?", &b, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				id, err := g.MergeBase(ctx, a, b)
				return orNone(id), err
			})
		},
	}
}

func (w *world) gitCommit() engine.Builtin {
	return engine.Builtin{
		Name:    "git.commit",
		Doc:     "What people know a commit by.",
		Params:  []engine.Arg{{Name: "ref", Type: "string", Doc: "What git calls a revision."}, gitDir},
		Returns: "commit",
		Errors:  "there is no such commit; " + gitErrors,
		Example: `git.commit("HEAD").subject`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			ref, dir := "", "."
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "ref", &ref, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				c, err := g.Commit(ctx, ref)
				return newRecord(commitKind, c, "git", w.host.Now()), err
			})
		},
	}
}

var commitKind = &kind[probe.GitCommit]{
	name: "commit",
	doc:  "A commit.",
	text: func(c probe.GitCommit) string { return c.Short + " " + c.Subject },
	fields: []field[probe.GitCommit]{
		{name: "id", typ: "string", doc: "in full", get: func(c probe.GitCommit) starlark.Value { return text(c.ID) }},
		{name: "short", typ: "string", doc: "as short as it is unique", get: func(c probe.GitCommit) starlark.Value { return text(c.Short) }},
		{name: "subject", typ: "string", doc: "first line of its message", get: func(c probe.GitCommit) starlark.Value { return text(c.Subject) }},
		{name: "author", typ: "string", get: func(c probe.GitCommit) starlark.Value { return text(c.Author) }},
		{name: "date", typ: "time or None", doc: "of authorship", get: func(c probe.GitCommit) starlark.Value { return moment(c.Date) }},
		{name: "parents", typ: "list of string", doc: "two or more: a merge; none: the first commit", get: func(c probe.GitCommit) starlark.Value { return listOf(c.Parents, text) }},
	},
}

func (w *world) gitCommits() engine.Builtin {
	return engine.Builtin{
		Name: "git.commits",
		Doc:  "The commits after `good` up to `bad`.\n\nAlong the first parents, so that each contains all before it: what came in by a merge is the merge.",
		Params: []engine.Arg{
			{Name: "good", Type: "string", Doc: "An ancestor of bad; not in the list."}, {Name: "bad", Type: "string", Doc: "The last of the list."}, gitDir,
		},
		Returns: "list of string; ids, oldest first; [] they are the same",
		Errors:  "there is no such commit; good is no ancestor of bad; " + gitErrors,
		Example: `git.commits("v1.2", "HEAD")`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			good, bad, dir := "", "", "."
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "good", &good, "bad", &bad, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.git(call, dir, func(ctx context.Context, g *probe.Git) (starlark.Value, error) {
				ids, err := g.Commits(ctx, good, bad)
				return listOf(ids, text), err
			})
		},
	}
}

// git opens the repository for one call, and makes its errors ones that say
// "could not look", with what to type.
func (w *world) git(call *engine.Call, dir string, do func(context.Context, *probe.Git) (starlark.Value, error)) (starlark.Value, error) {
	if err := w.mayRun(call); err != nil {
		return nil, err
	}
	g, err := probe.OpenGit(call.Context, w.host, dir)
	var value starlark.Value
	if err == nil {
		value, err = do(call.Context, g)
	}
	if err != nil {
		return nil, gitTrouble(err)
	}
	return value, nil
}

// mayRun refuses where programs can't be started: on a capture.
func (w *world) mayRun(call *engine.Call) error {
	if w.host == nil {
		return &blind{probe: call.Name, err: errNoHost}
	}
	if w.host.Act() == nil {
		return &engine.Denied{Effect: engine.Run, Reason: "git cannot be run here: the machine is not this one, now"}
	}
	return nil
}

// gitTrouble is err with what to type. A work tree that is not as it was is no
// "could not look", and what the called function met is not ours to explain.
func gitTrouble(err error) error {
	var lost *probe.NoRefError
	var not *probe.NotNowError
	var loud *probe.NotRestoredError
	var inner *calledError
	var nothing *probe.NoFileError
	var apart *probe.NoAncestorError
	var refused *fs.PathError // a full disk, a tree that may only be read
	var failed *probe.GitError
	trouble := &blind{probe: "git", err: err}
	switch {
	case errors.As(err, &loud):
		return err
	case errors.As(err, &inner):
		return inner.error
	case errors.As(err, &lost):
		if near := engine.Nearest(lost.Ref, lost.Names); near != "" {
			trouble.err = fmt.Errorf("%w (did you mean %s?)", err, near)
		}
	case errors.As(err, &nothing), errors.As(err, &refused), errors.As(err, &apart):
	case errors.As(err, &not):
		trouble.remedy = not.Do
	case errors.As(err, &failed):
		trouble.remedy = failed.Do()
	case errors.Is(err, probe.ErrNoGit), errors.Is(err, probe.ErrNoRepository):
	default:
		return err
	}
	return trouble
}

// wouldDo is what a dry run shows.
func wouldDo(title, what string) event.View {
	return event.View{Kind: "table", Title: title, Nodes: []event.Node{{ID: "1", Label: what}}}
}

// texts takes a string or a list of them.
type texts []string

func (t *texts) Unpack(v starlark.Value) error {
	return each(v, "string", func(x starlark.Value) bool {
		s, ok := starlark.AsString(x)
		*t = append(*t, s)
		return ok
	})
}
