package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
	"runbook/engine"
	"runbook/engine/event"
)

func (d *door) stacksVerb() *cobra.Command {
	var match, from string
	var asJSON, refuseAttach bool
	var l looks
	cmd := &cobra.Command{
		Use:   "stacks [PID...] [--match RE]",
		Short: "Show where the Python of a tree stands: threads, tasks, and who waits for whom",
		Long: `Reads the Python of each process of the actor trees from its memory: the stack of
each thread, the trio and asyncio tasks, where each is parked and what it waits for, up to
the socket and the process at its other end. Nothing is installed in the processes, and
they are neither stopped nor signalled.

A PID is any process of the tree. Without one, and without --match, all actor trees are shown.`,
		Example: `  runbook stacks 24377
  runbook stacks --match pytest -v
  runbook stacks --json | jq '.trees[].processes[] | {pid, tasks: (.tasks | length)}'
  runbook stacks --from hang.tgz`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.check(); err != nil {
				return err
			}
			for _, a := range args {
				if n, err := strconv.Atoi(a); err != nil || n < 1 {
					return usage(fmt.Sprintf("stacks: %q is no pid", a), "a name or command line is for --match")
				}
			}
			j := job{ID: newID(), Recipe: captureRecipe, Steps: []string{treesStep}, Params: map[string][]string{}, Tool: tool(), Host: hostOptions{From: from, RefuseAttach: refuseAttach}}
			if len(args) > 0 {
				j.Params["pid"] = args
			}
			if match != "" {
				j.Params["match"] = []string{match}
			}
			if from == "" && !haveLinux {
				return needsLinux("stacks")
			}
			return d.stacks(j, asJSON, &l)
		},
	}
	f := cmd.Flags()
	f.Var(filled{&match, "a pattern"}, "match", "trees by name or command line (a `regexp`)")
	f.Var(filled{&from, "a file"}, "from", "what a `capture` holds, instead of this machine")
	f.BoolVar(&asJSON, "json", false, "one JSON document, with all frames")
	f.BoolVar(&refuseAttach, "refuse-attach", false, "")
	_ = f.MarkHidden("refuse-attach")
	f.CountVarP(&l.verbose, "verbose", "v", "all frames of the tasks, and the source of each")
	l.flags(f, &d.conf)
	cmd.ValidArgsFunction = d.completePids
	return cmd
}

// treesStep is the step of captureRecipe that finds the trees.
const treesStep = "trees"

// stacks reads and prints. The trees are those of which wedged-actor would speak.
func (d *door) stacks(j job, asJSON bool, l *looks) error {
	b := newBench([]root{{}})
	if _, err := b.load(captureRecipe); err != nil {
		return err
	}
	host, err := openHost(j.Host)
	if err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	if err := d.leaveOutMissing(ctx, host, &j); err != nil {
		return err
	}
	seen := newSubjects()
	b.kept = func(_ string, trees starlark.Value) {
		for tree := range starlark.Elements(trees.(starlark.Iterable)) {
			view := tree.(engine.Viewer).View()
			_ = seen.Write(event.Event{Shown: &view})
		}
	}
	f, err := b.runOn(ctx, host, j, seen, nil)
	switch {
	case err != nil:
		return err
	case len(seen.trees) == 0 && ctx.Err() == nil:
		// Whose step found none is of the recipe that we ask, and says nothing here.
		none := &hinted{err: fmt.Errorf("stacks: %s", cmp.Or(strings.TrimPrefix(strings.TrimPrefix(f.Reason, "step "+treesStep+": "), "ps: "), "no actor tree found")), code: exitWrong}
		if len(j.Params["pid"])+len(j.Params["match"]) == 0 {
			none.hint = "choose one: runbook stacks PID, or --match RE"
		}
		return none
	}
	if !host.Clock().Live { // the last look of a capture is the one that has the Python
		for moved := time.Second; moved > 0 && err == nil; {
			moved, err = host.Sleep(ctx, 0)
		}
	}
	report := stacksReport{Schema: stacksSchema, Host: host.Clock().Hostname, Trees: []stacksTree{}}
	if ctx.Err() == nil {
		err = report.read(ctx, host, seen)
	}
	if ctx.Err() != nil {
		d.code = codeOfCause(context.Cause(ctx))
		return fmt.Errorf("stacks: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("stacks: %w", err)
	}
	if report.blind() {
		d.code = exitWrong
	}
	if asJSON {
		return d.printJSON(report)
	}
	p := &stacksPage{w: d.stdout(), width: l.columns(d.out), cut: isTerminal(d.out) || l.width > 0, verbose: l.verbose > 0, color: l.colored(d.out), rails: railsOf(speaksUnicode())}
	p.draw(&report)
	return nil
}

// leaveOutMissing says which of the processes that are asked for are not there,
// and asks for the others. Errors: none is there.
func (d *door) leaveOutMissing(ctx context.Context, h probe.Host, j *job) error {
	var there, missing []string
	for _, pid := range j.Params["pid"] {
		if _, err := h.ReadFile(ctx, pid+"/stat", nil); probe.Gone(err) && !errors.Is(err, probe.ErrNotCaptured) {
			missing = append(missing, pid)
		} else {
			there = append(there, pid)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err := fmt.Errorf("stacks: no process %s", strings.Join(missing, ", "))
	if d.code = exitWrong; len(there) == 0 {
		return &hinted{err: err, code: exitWrong}
	}
	j.Params["pid"] = there
	fmt.Fprintf(d.err, "runbook: %v\n", err)
	return nil
}

// read asks all processes of the trees at once, as far as that goes: what they
// hold open and who is at the other end, then their Python.
func (r *stacksReport) read(ctx context.Context, h probe.Host, seen *subjects) error {
	var pids []int
	for _, t := range seen.trees {
		pids = append(pids, t.PIDs...)
	}
	found, err := probe.PS(ctx, h, probe.PSQuery{PIDs: pids})
	if len(found) == 0 {
		return err
	}
	var ledger probe.Ledger
	ctx = probe.WithLedger(ctx, &ledger)
	at := map[int]int{} // index by pid
	for i, p := range found {
		at[p.PID] = i
	}
	readings, err := probe.Look(ctx, h, found)
	if err != nil {
		return err
	}
	pids = pids[:0]
	for _, p := range found {
		pids = append(pids, p.PID)
	}
	answers, errs := pystack.AskAll(ctx, h, pids)
	r.At = h.Now()
	joined := newEnds(readings, answers, seen.as)
	for _, t := range seen.trees {
		tree := stacksTree{Root: t.PIDs[0], Processes: []stacksProcess{}}
		for _, pid := range t.PIDs {
			if i, ok := at[pid]; ok {
				p := newStacksProcess(&readings[i], answers[i], errs[i], joined)
				if p.Remedy = remedyOf(&ledger, pid, errs[i]); p.Remedy == probe.AsRoot {
					p.Remedy = fmt.Sprintf("sudo runbook stacks %d", pid)
				}
				tree.Processes = append(tree.Processes, p)
			}
		}
		r.Trees = append(r.Trees, tree)
	}
	return ctx.Err()
}

// remedyOf is what would make the Python of a process readable; "" nothing, or
// it was read.
func remedyOf(l *probe.Ledger, pid int, err error) string {
	if err == nil {
		return ""
	}
	for _, row := range l.Rows() {
		if row.Probe == "pystack" && row.PID == pid {
			return row.Remedy
		}
	}
	return ""
}
