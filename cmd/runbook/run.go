package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runbook/engine"
)

func (d *door) runVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run RECIPE [flags of the recipe]",
		Short: "Run a recipe",
		Long: `Runs a recipe's steps on this machine, or on a capture of another one. It looks by
default: what a step would do beyond that must be granted.

RECIPE is a name (see: runbook list) or the path of a .star file. Its parameters are
flags, which "runbook run RECIPE --help" lists.`,
		Example: `  runbook run wedged-actor
  runbook run wedged-actor --pid 24168 --over 2s
  runbook run wedged-actor --allow kill        and clear the faulty tree away
  runbook run wedged-actor --from hang.tgz     diagnose a capture, anywhere
  runbook run ./mine.star --json | jq .findings`,
		DisableFlagParsing: true, // two passes: see parseRun
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.run(cmd, args)
		},
		ValidArgsFunction: d.completeRun,
	}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = d.runHelp(cmd, &request{}) })
	return cmd
}

// request is a parsed command line of run.
type request struct {
	runFlags
	recipe *engine.Recipe
	params map[string][]string
	rest   []string
}

// errHelp means that help was asked for.
var errHelp = errors.New("help")

// parseRun reads the command line in two passes, because the recipe's name
// decides which flags there are: ours up to the name, then all of them.
// lookup loads the recipe.
func parseRun(conf *config, args []string, lookup func(name string) (*engine.Recipe, error)) (*request, error) {
	r := &request{params: map[string][]string{}}
	ours := r.set(conf)
	ours.SetInterspersed(false)
	if err := ours.Parse(args); err != nil {
		return r, flagError(err, ours, "run")
	}
	if ours.NArg() == 0 {
		if r.help {
			return r, errHelp
		}
		return r, usage("run: which recipe?", "see: runbook list")
	}
	recipe, err := lookup(ours.Arg(0))
	if err != nil {
		// Whoever tells the tale still wants to know of --json and --record.
		args = ours.Args()[1:]
		ours.SetInterspersed(true)
		ours.ParseErrorsAllowlist.UnknownFlags = true
		_ = ours.Parse(args)
		return r, err
	}
	r.recipe = recipe
	all := newFlagSet()
	all.AddFlagSet(paramFlags(recipe.Params, r.params))
	all.AddFlagSet(ours)
	args = ours.Args()[1:]
	ours.SetInterspersed(true)
	if err := all.Parse(args); err != nil {
		return r, flagError(err, all, "run "+recipe.Name)
	}
	if r.help {
		return r, errHelp
	}
	r.rest = all.Args()
	if at := all.ArgsLenAtDash(); at >= 0 && engine.SplitsRest(recipe.Params) {
		r.rest = slices.Insert(slices.Clone(r.rest), at, "--")
	}
	if err := r.check(); err != nil {
		return r, err
	}
	if _, given := r.params["over"]; given && r.from != "" {
		return r, usage("--over with --from: the capture's samples lie as far apart as they were taken", "leave --over away")
	}
	return r, nil
}

func flagError(err error, f *pflag.FlagSet, what string) error {
	return usage(what+": "+flagText(err), hintFlag(err, f, "runbook "+what))
}

func (d *door) run(cmd *cobra.Command, args []string) error {
	roots := d.roots()
	var k kitchen
	var lies engine.Place
	r, err := parseRun(&d.conf, args, func(name string) (*engine.Recipe, error) {
		var place engine.Place
		var err error
		if k, place, err = open(roots, name); err != nil {
			return nil, err
		}
		lies = place
		if place.Shadows != "" {
			fmt.Fprintf(d.err, "runbook: %s is %s, which hides the %s one\n", name, place.Origin(), place.Shadows)
		}
		return k.load(name)
	})
	if k != nil {
		defer k.close()
	}
	var gone *died
	switch {
	case errors.Is(err, errHelp):
		return d.runHelp(cmd, r)
	case errors.As(err, &gone):
		return d.buryAtLoad(&r.runFlags, lies, err)
	case err != nil:
		return err
	}
	if r.from == "" && !haveLinux {
		return needsLinux("run")
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	from, called := absolute(r.from), ""
	if r.from == "-" || isPipe(from) {
		var done func()
		if from, called, done, err = d.spool(ctx, from); err != nil {
			return err
		}
		defer done()
	}
	if r.sarifTo, err = openSARIF(r.sarif); err != nil {
		return err
	}
	d.withGotchas(r)
	allow, _ := r.effects()
	allow = d.trusts(r.recipe, lies, allow)
	j := job{
		ID: newID(), Recipe: r.recipe.Name, Origin: r.recipe.Origin, Params: r.params, Rest: r.rest, Steps: r.steps, Allow: allow, DryRun: r.dryRun, Explain: r.explain, KeepReads: r.keepReads,
		Tool: tool(), Deadline: r.deadline,
		Host: hostOptions{Proc: absolute(r.proc), From: from, Called: called, RefuseAttach: r.refuseAttach},
	}
	out := d.output(&r.runFlags, j)
	ask := d.asker(&r.runFlags, out)
	j.Asks = ask != nil

	d.remindToRecover(ctx)
	f, err := k.run(ctx, j, out, ask)
	out.finish()
	if err != nil {
		return err
	}
	d.code = engine.ExitCode(f, r.failOn == "warn")
	return nil
}

// buryAtLoad records a run that could not even be announced, because the
// recipe's own process died of it.
func (d *door) buryAtLoad(r *runFlags, lies engine.Place, err error) error {
	out := d.output(r, job{ID: newID(), Recipe: lies.Name, Origin: lies.Origin(), Tool: tool()})
	n := &ending{sink: out, job: out.job}
	_, _ = n.close(context.Background(), err)
	out.finish()
	d.code = exitWrong
	return nil
}

// roots are the places of recipes, and says which were ignored.
func (d *door) roots() []root {
	if d.known != nil {
		return d.known
	}
	cwd, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(d.err, "runbook: no recipes of this directory: %v\n", err)
		return []root{{}}
	}
	roots, ignored := recipeRoots(cwd)
	for _, line := range ignored {
		fmt.Fprintf(d.err, "runbook: %s\n", line)
	}
	d.known = roots
	return roots
}

// runHelp shows the flags of run, and of the recipe when one was named.
func (d *door) runHelp(cmd *cobra.Command, r *request) error {
	w, width := d.stdout(), d.helpWidth(r.width)
	ours := (&runFlags{}).set(&d.conf)
	if r.recipe == nil {
		fill(w, width, cmd.Long)
		fmt.Fprintf(w, "\nExamples:\n%s\n\nUsage:\n  runbook run [flags] RECIPE [flags of the recipe]\n\nFlags:\n%s", cmd.Example, ours.FlagUsagesWrapped(width))
		return nil
	}
	rec := r.recipe
	fill(w, width, rec.Title)
	if rec.Summary != "" {
		fill(w, width, rec.Summary)
	}
	must, rest, after := "", "", ""
	for _, p := range rec.Params {
		word := " " + p.Typed()
		if !p.Required {
			word = " [" + p.Typed() + "]"
		}
		switch {
		case p.Kind == engine.KindRest && p.After:
			after = word
		case p.Kind == engine.KindRest:
			rest = word
		case p.Required:
			must += word + " " + strings.ToUpper(p.Name)
		}
	}
	fmt.Fprintf(w, "\nUsage:\n  runbook run %s%s [flags]%s%s\n", rec.Name, must, rest, after)
	if f := paramFlags(rec.Params, map[string][]string{}); f.HasFlags() {
		fmt.Fprintf(w, "\nFlags of %s:\n%s", rec.Name, f.FlagUsagesWrapped(width))
	}
	fmt.Fprintf(w, "\nSteps:\n")
	for _, s := range rec.Steps {
		needs := ""
		for _, n := range s.Needs {
			needs += fmt.Sprintf("  [--allow %s]", n)
		}
		hanging(w, width, s.Name, 11, s.Title+needs)
	}
	fmt.Fprintf(w, "\nFlags of run:\n%s\nGuidance: runbook docs %s\n", ours.FlagUsagesWrapped(width), rec.Name)
	return nil
}

// newID names a run: short enough to type, long enough for a hundred of them.
func newID() string { return strings.ToLower(rand.Text()[:8]) }

func absolute(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// shortHome writes the home directory as ~, for people.
func shortHome(path string) string {
	if home := os.Getenv("HOME"); home != "" {
		if rel, ok := strings.CutPrefix(path, strings.TrimSuffix(home, "/")+"/"); ok {
			return "~/" + rel
		}
	}
	return path
}
