package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"runbook/engine"
	"runbook/engine/event"
)

func (d *door) demoVerb() *cobra.Command {
	var r runFlags
	var keep bool
	var over, save string
	var names []string // with what a shell shows beside each
	for _, s := range scenarios() {
		names = append(names, s.name+"\t"+s.title)
	}
	cmd := &cobra.Command{
		Use:   "demo [SCENARIO]",
		Short: "Boot a tree of actors with something wrong in it, and diagnose that",
		Long: `Boots a real tree of processes that this binary plays itself, runs wedged-actor on it,
and takes it down. Exit 0 when the diagnosis named the culprit that was planted.`,
		Example:   "  runbook demo\n  runbook demo deadlock\n  runbook demo --keep        leaves the tree to play with\n  runbook demo --capture hang.tgz",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			name := "wedged-actor"
			if len(args) == 1 {
				name = args[0]
			}
			if err := r.check(); err != nil {
				return err
			}
			if err := mayWrite("demo", "--capture", save, false); err != nil {
				return err
			}
			return d.demo(name, &r, over, save, keep)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&keep, "keep", false, "leave the tree running")
	f.Var(filled{&save, "a file"}, "capture", "also save what capture would, into `file`: something to try recipes on")
	f.Var(filled{&over, "a time such as 500ms, 30s or 2m"}, "over", "sampling `interval` of the recipe")
	f.BoolVar(&r.json, "json", false, "the report as one JSON document on stdout")
	f.BoolVar(&r.noRecord, "no-record", d.conf.NoRecord, "do not record the run")
	f.CountVarP(&r.verbose, "verbose", "v", "guidance, calls and all evidence")
	r.looks.flags(f, &d.conf)
	f.BoolVar(&r.refuseAttach, "refuse-attach", false, "")
	_ = f.MarkHidden("refuse-attach")
	r.failOn = "fault"
	return cmd
}

func (d *door) demo(name string, r *runFlags, over, save string, keep bool) error {
	p, err := findScenario(name)
	if err != nil {
		return err
	}
	if !haveLinux {
		return usage("demo needs Linux", "")
	}
	j := job{
		ID: newID(), Recipe: captureRecipe, Params: map[string][]string{}, Tool: tool(),
		Host: hostOptions{RefuseAttach: r.refuseAttach},
	}
	if over != "" {
		j.Params["over"] = []string{over}
	}
	if _, err := openHost(j.Host); err != nil {
		return err // before anything is started
	}
	b := newBench([]root{{}})
	recipe, err := b.load(captureRecipe)
	if err != nil {
		return err
	}
	if _, err := recipe.Bind(j.Params, nil); err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	tree, err := plantTree(ctx, p, keep)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		fmt.Fprintln(d.err, "interrupted: the planted tree was ended before it stood")
		d.code = codeOfCause(cause)
		return nil
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	pid := strconv.Itoa(tree.pids[p.look])
	if keep {
		d.says(r, "planted, to stay as pid "+pid+": "+p.title)
		defer fmt.Fprintf(d.err, "\nThe tree goes on. Look again:\n    runbook run %s --pid %s\nEnd it:\n    kill %s\n", captureRecipe, pid, pid)
	} else {
		d.says(r, "planted: "+p.title)
		defer func() {
			tree.Close()
			if ctx.Err() != nil {
				fmt.Fprintln(d.err, "\nThe planted tree was ended.")
			}
		}()
	}

	j.Params["pid"] = []string{pid}
	out := d.output(r, j)
	verdict := &accused{}
	f, err := b.run(ctx, j, event.Tee(func(event.Sink, error) {}, verdict, notClosed{out}), nil)
	out.finish()
	if err != nil {
		return err
	}
	if f.Outcome == event.Interrupted {
		d.code = engine.ExitCode(f, false)
		return nil
	}
	faults := tree.names(verdict.pids)
	if err := p.named(faults); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if len(faults) == 0 {
		fmt.Fprintf(d.err, "\nas planted: nobody is at fault\n")
	} else {
		fmt.Fprintf(d.err, "\nas planted: %s\n", strings.Join(faults, ", "))
	}
	if save != "" {
		return d.capture(save, j, false)
	}
	return nil
}

// says writes a paragraph above the report, as wide as that.
func (d *door) says(r *runFlags, text string) {
	fmt.Fprintln(d.err, strings.Join(wrap(text, r.looks.columns(d.out)), "\n")+"\n")
}

// names are the actors' names of pids, each once; "pid N" for a stranger.
func (t *liveTree) names(pids []int) []string {
	var out []string
	for _, pid := range pids {
		name := "pid " + strconv.Itoa(pid)
		for n, p := range t.pids {
			if p == pid {
				name = n
			}
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// accused is a sink that notes whom the faults are about.
type accused struct{ pids []int }

func (a *accused) Write(e event.Event) error {
	if e.Found == nil || e.Found.Verdict != event.Fault {
		return nil
	}
	if s := e.Found.About; s != nil && s.Type == "process" {
		a.pids = append(a.pids, s.PID)
	}
	for _, s := range e.Found.Members {
		a.pids = append(a.pids, s.PID)
	}
	return nil
}

func (a *accused) Close() error { return nil }

// notClosed is a sink that its owner closes.
type notClosed struct{ event.Sink }

func (notClosed) Close() error { return nil }
