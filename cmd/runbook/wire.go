package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins"
	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// This file is the only place where host, builtins, recipes and engine meet.

// job is one run as data: it may cross into a confined process.
type job struct {
	ID     string              `json:"id"`
	Recipe string              `json:"recipe"`
	Origin string              `json:"origin"`
	Params map[string][]string `json:"params,omitempty"`
	Rest   []string            `json:"rest,omitempty"`
	Steps  []string            `json:"steps,omitempty"` // only these, and what they need; empty = all
	Allow  []engine.Effect     `json:"allow,omitempty"`
	Asks   bool                `json:"asks,omitempty"` // a person can be asked for a grant
	DryRun bool                `json:"dry_run,omitempty"`
	Tool   string              `json:"tool"`
	Host   hostOptions         `json:"host"`

	Deadline time.Duration `json:"deadline,omitempty"` // of the whole run; 0 = none

	Explain bool `json:"explain,omitempty"` // findings say what the lines saw

	KeepReads bool `json:"keep_reads,omitempty"` // beside the record, for a test
	LookOnly  bool `json:"look_only,omitempty"`  // nothing is run, written or killed
}

// hostOptions say what is looked at.
type hostOptions struct {
	Proc         string `json:"proc,omitempty"`
	From         string `json:"from,omitempty"`
	Called       string `json:"called,omitempty"` // what the person calls From; "" = that
	RefuseAttach bool   `json:"refuse_attach,omitempty"`
}

// keeper is a sink that also keeps files beside its record: artefact names a
// new one, "" when nothing is recorded.
type keeper interface {
	artefact(name string) (path string, err error)
}

// asker puts a question to a person; nil when there is none.
type asker func(ctx context.Context, effect engine.Effect, step string, what event.View) (bool, error)

// kitchen is where recipes are loaded and run: this process (bench) for those
// that ship with the binary, a confined one (cell) for all others.
type kitchen interface {
	load(name string) (*engine.Recipe, error)
	check(path string) ([]engine.Problem, error)
	reaches(path string) ([]engine.Reach, error)
	run(ctx context.Context, j job, out event.Sink, ask asker) (event.RunFinished, error)
	close()
}

// open returns the kitchen for the recipe of that name, and where that lies.
func open(roots []root, name string) (kitchen, engine.Place, error) {
	b := newBench(roots)
	place, err := b.library.Locate(name)
	if err != nil {
		return nil, place, doesNotLoad(err)
	}
	if place.Root.Embedded {
		return b, place, nil
	}
	c, err := openCell(roots)
	return c, place, err
}

// bench runs recipes in this process.
type bench struct {
	library engine.Library
	host    *lateHost
	recipe  *engine.Recipe
	named   string // the recipe, by whoever had it loaded
	checker *engine.Checker
	kept    func(step string, value starlark.Value) // told what each step came to; nil: nobody asks
}

func newBench(roots []root) *bench {
	return benchAt(roots, os.Stdin)
}

// benchAt is newBench where stdin is not a person's: in a cell, orders come in
// there, and a recipe must not read them.
func benchAt(roots []root, stdin io.Reader) *bench {
	b := &bench{host: &lateHost{}}
	b.library = engine.Library{Roots: libraryRoots(roots), Builtins: builtins.Table(builtins.Options{Host: b.host, Journals: journalDir(), Stdin: stdin})}
	return b
}

func libraryRoots(roots []root) []engine.Root {
	var out []engine.Root
	for _, r := range roots {
		switch {
		case r.Refused != "":
			out = append(out, engine.Root{Name: "@" + r.Pack, Pack: r.Pack, Refused: errors.New(r.Refused)})
		case r.Pack != "":
			out = append(out, engine.Root{Name: "@" + r.Pack, FS: os.DirFS(r.Dir), Dir: r.Dir, Pack: r.Pack})
		case r.Dir == "":
			out = append(out, engine.Root{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true})
		default:
			out = append(out, engine.Root{Name: shortPath(r.Dir), FS: os.DirFS(r.Dir), Dir: r.Dir, Trusted: r.Trusted})
		}
	}
	return out
}

// shortPath is the path from here where that is shorter to read, so that
// positions can be opened as they stand.
func shortPath(dir string) string {
	cwd, err := os.Getwd()
	if err != nil {
		return dir
	}
	rel, err := filepath.Rel(cwd, dir)
	if err != nil || strings.HasPrefix(rel, "../../..") || len(rel) >= len(dir) {
		return dir
	}
	return rel
}

func (b *bench) load(name string) (*engine.Recipe, error) {
	var err error
	b.named = name
	b.library.Compiled = recipes.Compiled
	b.recipe, err = b.library.Find(context.Background(), name)
	return b.recipe, doesNotLoad(err)
}

// doesNotLoad marks the error of a file that is no recipe as one of usage,
// whatever is wrong with it; a bug of ours stays one.
func doesNotLoad(err error) error {
	var bug *engine.PanicError
	if err == nil || errors.As(err, &bug) {
		return err
	}
	if _, _, code := explain(err); code != exitWrong {
		return err // a usage error already, or no error of the file
	}
	return &hinted{err: err, code: exitUsage}
}

// checks is the checker of this bench: libraries that many files load are read
// once.
func (b *bench) checks() *engine.Checker {
	if b.checker == nil {
		b.library.Types, b.library.Compiled = builtins.Types(), nil
		b.checker = engine.NewChecker(&b.library)
	}
	return b.checker
}

func (b *bench) reaches(path string) ([]engine.Reach, error) {
	reaches, err := b.checks().Reaches(context.Background(), path)
	return reaches, doesNotLoad(err)
}

func (b *bench) check(path string) ([]engine.Problem, error) {
	return append([]engine.Problem{}, b.checks().Check(context.Background(), path)...), nil
}

func (b *bench) run(ctx context.Context, j job, out event.Sink, ask asker) (event.RunFinished, error) {
	if b.recipe == nil {
		return event.RunFinished{}, errors.New("no recipe is loaded")
	}
	if j.Explain {
		if err := b.explained(); err != nil {
			return event.RunFinished{}, err
		}
	}
	host, err := openHost(j.Host)
	if err != nil {
		return event.RunFinished{}, err
	}
	if j.LookOnly {
		host = lookOnly{host}
	}
	if !j.KeepReads {
		return b.runOn(ctx, host, j, out, ask)
	}
	recorder, seen, own := probe.NewRecorder(host), newSubjects(), probe.Ourselves(ctx, host)
	f, err := b.runOn(ctx, recorder, j, listening{out, seen}, ask)
	return f, errors.Join(err, keepReads(recorder, own, seen, out))
}

// explained loads the recipe again, so that it notes what its lines see: the
// flag may stand after the name, which decides which flags there are.
func (b *bench) explained() error {
	before := b.recipe
	b.library.Explain = &engine.Explain{}
	if _, err := b.load(b.named); err != nil {
		return err
	}
	if b.recipe.Content != before.Content {
		return &hinted{err: fmt.Errorf("run %s: its files changed while it was being loaded", before.Name), hint: "run it again", code: exitUsage}
	}
	return nil
}

// runOn is run on a host that the caller holds: capture listens to it.
func (b *bench) runOn(ctx context.Context, host probe.Host, j job, out event.Sink, ask asker) (event.RunFinished, error) {
	b.host.Host = host
	grants := engine.Grants{Allow: j.Allow, Ask: ask}
	if host.Act() == nil {
		// Their pids are not ours.
		grants.Ask = nil
		grants.Allow = slices.DeleteFunc(slices.Clone(j.Allow), func(e engine.Effect) bool { return e != engine.Write })
	}
	if j.Deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, j.Deadline)
		defer cancel()
	}
	e := engine.Engine{HostNow: host.Now}
	var keep func(string) (string, error)
	if k, ok := out.(keeper); ok {
		keep = k.artefact
	}
	return e.Run(ctx, engine.Request{
		Kept:     b.kept,
		Artefact: keep,
		Recipe:   b.recipe, Params: j.Params, Rest: j.Rest, Steps: j.Steps, Grants: grants, DryRun: j.DryRun,
		Sink: out, Tool: j.Tool, Host: host.Clock().Hostname, From: cmp.Or(j.Host.Called, j.Host.From), ID: j.ID,
	})
}

func (b *bench) close() {}

// openHost opens the machine, or the capture that stands in for it.
func openHost(o hostOptions) (probe.Host, error) {
	if o.From != "" {
		s, err := probe.OpenSnapshot(o.From)
		if err != nil && o.Called != "" {
			err = errors.New(strings.ReplaceAll(err.Error(), o.From, o.Called))
		}
		if err != nil {
			return nil, usageBecause(err)
		}
		return s, nil
	}
	live, err := probe.NewLive(probe.LiveOptions{Proc: o.Proc, RefuseAttach: o.RefuseAttach, Python: pystack.File})
	if errors.Is(err, probe.ErrUnsupported) {
		return nil, needsLinux("run")
	}
	if errors.Is(err, probe.ErrOtherPIDs) {
		return nil, &hinted{err: err, hint: "only look: runbook run RECIPE --proc /proc; or begin the namespace with a /proc of its own: unshare --pid --fork --mount-proc", code: exitUsage}
	}
	if err != nil && o.Proc != "" {
		err = fmt.Errorf("--proc: %w", err)
	}
	if err != nil {
		return nil, usageBecause(err)
	}
	return live, nil
}

// lateHost is the host of a table of builtins that is made before the command
// line is read to its end: the recipe names the flags, one of which names the
// host. Nothing asks it before a step runs.
type lateHost struct{ probe.Host }

// Unwrap lets a scan of all processes see what it reads: one file after the
// other, through us, would take twice as long.
func (h *lateHost) Unwrap() probe.Host { return h.Host }

// Act lifts the memory limit of a confined process while a program runs: it
// would inherit it.
func (h *lateHost) Act() probe.Actor {
	a := h.Host.Act()
	if a == nil {
		return nil
	}
	return free{a}
}

type free struct{ probe.Actor }

func (f free) Run(ctx context.Context, c probe.Command) (r probe.Result, err error) {
	if last := c.AtDeadline; last != nil {
		// The recipe has its say while the program runs, and no more memory for it.
		c.AtDeadline = func(ctx context.Context, tree []probe.ID) { confinedAgain(func() { last(ctx, tree) }) }
	}
	freely(func() { r, err = f.Actor.Run(ctx, c) })
	return r, err
}

func usageBecause(err error) error {
	return &hinted{err: fmt.Errorf("%w", err), code: exitUsage}
}
