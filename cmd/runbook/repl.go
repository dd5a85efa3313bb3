package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.starlark.net/starlark"

	"runbook/builtins"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/sink"
)

func (d *door) replVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repl [RECIPE|RUN] [flags of the recipe]",
		Short: "Try the words of recipes at a prompt",
		Long: `Evaluates Starlark, with all that a recipe can call, on this machine or on a capture.
Looking is free; anything else must be granted, as in run.

With a RECIPE, that runs first, and the values of its parameters and steps are at hand
under their names; with a RUN that kept its reads, on these. Where stdin is no terminal it
is a script: every expression that stands by itself is shown, and the first error ends it.

At the prompt, Tab completes, ?NAME or help(NAME) explains, _ is the last value, Ctrl-C
ends what runs, Ctrl-D leaves. Lines that begin with a space are not remembered.`,
		Example: `  runbook repl
  runbook repl --from hang.tgz wedged-actor    then: looks, trees[0].processes
  runbook repl last                            a run with --keep-reads, again
  echo 'ps(match = "python")' | runbook repl`,
		DisableFlagParsing: true, // two passes, as in run
		RunE:               func(cmd *cobra.Command, args []string) error { return d.repl(cmd, args) },
		ValidArgsFunction:  d.completeRun,
	}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { d.replHelp(cmd, &request{}) })
	return cmd
}

// replSet are the flags of repl: those of run that make sense without a record.
func (r *runFlags) replSet(conf *config) *pflag.FlagSet {
	all, f := r.set(conf), newFlagSet()
	for _, name := range []string{"allow", "from", "proc", "verbose", "color", "width", "refuse-attach", "help"} {
		f.AddFlag(all.Lookup(name))
	}
	return f
}

// desk is a session's machine, and what is at hand on it.
type desk struct {
	bench    *bench
	root     *engine.Root // of load("./x.star")
	names    starlark.StringDict
	order    []string // of names, as they came
	findings []event.Finding
	recipe   *engine.Recipe
}

func (d *door) repl(cmd *cobra.Command, args []string) error {
	is, leave, err := apart()
	switch {
	case err != nil:
		return err
	case !is:
		return d.replApart(args)
	}
	defer leave()
	d.err = os.Stderr // another one now
	t := &desk{bench: newBench(d.roots()), names: starlark.StringDict{}}
	r := &request{params: map[string][]string{}}
	ours := r.replSet(&d.conf)
	ours.SetInterspersed(false)
	if err := ours.Parse(args); err != nil {
		return flagError(err, ours, "repl")
	}
	var past source
	var place engine.Place
	if ours.NArg() > 0 {
		if place, past, err = t.find(ours.Arg(0)); err != nil {
			return err
		}
		all := newFlagSet()
		all.AddFlagSet(paramFlags(t.recipe.Params, r.params))
		all.AddFlagSet(ours)
		ours.SetInterspersed(true)
		if err := all.Parse(ours.Args()[1:]); err != nil {
			return flagError(err, all, "repl "+ours.Arg(0))
		}
		r.recipe, r.rest = t.recipe, all.Args()
	}
	if r.help {
		d.replHelp(cmd, r)
		return nil
	}
	if err := r.check(); err != nil {
		return err
	}
	switch {
	case r.from == "-":
		return usage("--from -: stdin is what is evaluated", "runbook repl --from FILE")
	case past.path != "" && r.from != "":
		return usage("--from with a RUN: it is its own capture", "leave --from away")
	case past.path != "":
		r.from = past.path
		for name, texts := range past.params {
			if _, given := r.params[name]; !given {
				r.params[name] = texts
			}
		}
	case r.from == "" && !haveLinux:
		return needsLinux("repl")
	}
	allow, _ := r.effects()
	j := job{ID: newID(), Params: r.params, Rest: r.rest, Steps: past.only, Allow: allow, Tool: tool(), Host: hostOptions{Proc: absolute(r.proc), From: absolute(r.from), RefuseAttach: r.refuseAttach}}
	host, err := openHost(j.Host)
	if err != nil {
		return err
	}
	t.bench.host.Host = host
	t.root = &engine.Root{FS: os.DirFS("."), Dir: "."}
	if t.recipe != nil {
		if !place.Root.Embedded {
			t.root = place.Root
		}
		j.Recipe, j.Origin, j.Allow = t.recipe.Name, t.recipe.Origin, d.trusts(t.recipe, place, allow)
		if err := d.runForRepl(t, r, j); err != nil {
			return err
		}
	}
	if host.Act() == nil {
		allow = slices.DeleteFunc(slices.Clone(allow), func(e engine.Effect) bool { return e != engine.Write })
	}
	p := &prompt{door: d, desk: t, looks: &r.looks}
	p.session = (&engine.Engine{HostNow: host.Now}).Session(engine.SessionRequest{
		Library: &t.bench.library, Root: t.root, Grants: engine.Grants{Allow: allow}, Sink: p, Memory: memoryLimit, Names: t.names, Findings: t.findings,
	})
	p.session.Names()["help"] = p.helpWord()
	if isTerminal(d.in) {
		return p.converse(host.Clock().Hostname, r.from)
	}
	return p.script()
}

// find loads the recipe of that name, or the recipe of a recorded run that kept
// what it read.
func (t *desk) find(name string) (place engine.Place, past source, err error) {
	library := &t.bench.library
	place, err = library.Locate(name)
	var lost *engine.NotFoundError
	if errors.As(err, &lost) {
		record, wrong := findRecord(name)
		if wrong != nil {
			return place, past, doesNotLoad(fmt.Errorf("neither a recipe nor a run: %w", err))
		}
		if past, err = sourceOf(name); err != nil {
			return place, past, err
		}
		started, err := startOf(record)
		if err != nil {
			return place, past, err
		}
		name = started.Recipe
		if started.Origin != "embedded" && strings.HasSuffix(started.Origin, ".star") {
			name = started.Origin
		}
		if place, err = library.Locate(name); err != nil {
			return place, past, doesNotLoad(fmt.Errorf("the recipe of run %s: %w", started.ID, err))
		}
	} else if err != nil {
		return place, past, doesNotLoad(err)
	}
	t.recipe, err = t.bench.load(name)
	return place, past, err
}

// runForRepl runs the recipe, draws the run, and keeps its values.
func (d *door) runForRepl(t *desk, r *request, j job) error {
	ctx, stop := withSignals(context.Background())
	defer stop()
	bound, err := t.recipe.Bind(j.Params, j.Rest)
	if err != nil {
		return err
	}
	for name, value := range bound.Values() {
		t.keep(name, value)
	}
	t.bench.kept = t.keep
	text := d.out
	if !isTerminal(d.in) {
		text = os.Stderr // stdout is the script's
	}
	drawn := sink.NewTerminal(text, r.terminal(text, true))
	defer ticking(drawn, isTerminal(text))()
	out := event.Tee(func(_ event.Sink, err error) { d.lose(err) }, drawn, &foundSink{&t.findings})
	_, err = t.bench.runOn(ctx, t.bench.host.Host, j, out, nil)
	return errors.Join(err, out.Close())
}

func (t *desk) keep(name string, value starlark.Value) {
	if _, had := t.names[name]; !had {
		t.order = append(t.order, name)
	}
	t.names[name] = value
}

// foundSink keeps the findings of a run.
type foundSink struct{ into *[]event.Finding }

func (f *foundSink) Write(e event.Event) error {
	if e.Found != nil {
		*f.into = append(*f.into, *e.Found)
	}
	return nil
}

func (f *foundSink) Close() error { return nil }

func (d *door) replHelp(cmd *cobra.Command, r *request) {
	w, width := d.stdout(), d.helpWidth(r.width)
	fill(w, width, cmd.Long)
	fmt.Fprintf(w, "\nExamples:\n%s\n\nUsage:\n  runbook %s\n", cmd.Example, cmd.Use)
	if r.recipe != nil {
		if f := paramFlags(r.recipe.Params, map[string][]string{}); f.HasFlags() {
			fmt.Fprintf(w, "\nFlags of %s:\n%s", r.recipe.Name, f.FlagUsagesWrapped(width))
		}
	}
	fmt.Fprintf(w, "\nFlags:\n%s", (&runFlags{}).replSet(&d.conf).FlagUsagesWrapped(width))
}

// rows are the words that have a page in the reference.
func (t *desk) rows() []engine.Builtin {
	return slices.Concat(t.bench.library.Builtins, engine.Words())
}

func (t *desk) types() []engine.Type { return builtins.Types() }
