package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

// captureRecipe is whose questions a capture answers.
const captureRecipe = "wedged-actor"

func (d *door) captureVerb() *cobra.Command {
	var file, proc, match, over string
	var pids []string
	var refuseAttach bool
	cmd := &cobra.Command{
		Use:   "capture -o FILE",
		Short: "Save what the probes can see, to diagnose it elsewhere",
		Long: `Looks twice at the actor trees, as wedged-actor does, and saves what was read: no
environment, no memory, no file contents; secrets in command lines are masked.`,
		Example: "  runbook capture -o hang.tgz\n  runbook run wedged-actor --from hang.tgz      on any machine",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return usage("capture: -o FILE is missing", "runbook capture -o hang.tgz")
			}
			if !haveLinux {
				return usage("capture needs Linux", "")
			}
			params := map[string][]string{}
			for name, text := range map[string]string{"match": match, "over": over} {
				if text != "" {
					params[name] = []string{text}
				}
			}
			if len(pids) > 0 {
				params["pid"] = pids
			}
			return d.capture(file, job{
				ID: newID(), Recipe: captureRecipe, Params: params, Tool: tool(),
				Host: hostOptions{Proc: proc, RefuseAttach: refuseAttach},
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "output", "o", "", "the `file` to write; - is stdout")
	f.StringVar(&match, "match", "", "trees by name or command line (a `regexp`)")
	f.StringSliceVar(&pids, "pid", nil, "any `process` of the tree")
	f.StringVar(&over, "over", "", "sampling `interval`")
	f.StringVar(&proc, "proc", "", "look at another /proc `dir`")
	f.BoolVar(&refuseAttach, "refuse-attach", false, "")
	_ = f.MarkHidden("refuse-attach")
	_ = cmd.RegisterFlagCompletionFunc("pid", d.completePids)
	return cmd
}

func (d *door) capture(file string, j job) error {
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
	recorder := probe.NewRecorder(lookOnly{host})
	seen := &subjects{pids: map[int]bool{}}
	f, err := b.runOn(ctx, recorder, j, seen, nil)
	switch {
	case err != nil:
		return err
	case f.Outcome == event.Interrupted:
		d.code = engine.ExitCode(f, false)
		return fmt.Errorf("capture: %w", context.Cause(ctx))
	case len(seen.pids) == 0:
		return &hinted{err: fmt.Errorf("capture: %s", cmp.Or(f.Reason, "no actor tree found")), hint: "choose one with --pid or --match", code: exitWrong}
	}
	meta := probe.SnapshotMeta{Tool: tool()}
	keep := func(pid int) bool { return seen.pids[pid] }
	size, err := writeNew(file, d.out, func(w io.Writer) error { return recorder.Save(w, meta, keep) })
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	fmt.Fprintf(d.err, "captured %d processes, %d kB: %s\n", len(seen.pids), (size+999)/1000, file)
	if file != "-" {
		fmt.Fprintf(d.err, "diagnose it anywhere: runbook run %s --from %s\n", captureRecipe, file)
	}
	return nil
}

// lookOnly is a host that does not act: a capture changes nothing.
type lookOnly struct{ probe.Host }

func (lookOnly) Act() probe.Actor { return nil }

// subjects is a sink that notes which processes a run spoke of.
type subjects struct{ pids map[int]bool }

func (s *subjects) Write(e event.Event) error {
	note := func(x *event.Subject) {
		if x != nil && x.Type == "process" {
			s.pids[x.PID] = true
		}
	}
	if e.Shown != nil {
		for _, n := range e.Shown.Nodes {
			note(n.Subject)
		}
	}
	if e.Found != nil {
		note(e.Found.About)
		for i := range e.Found.Victims {
			note(&e.Found.Victims[i])
		}
		for i := range e.Found.Members {
			note(&e.Found.Members[i])
		}
	}
	return nil
}

func (s *subjects) Close() error { return nil }

// writeNew writes a file whole or not at all: a capture that was cut off looks
// like one until somebody needs it. Its mode is 0600, for it holds other
// people's command lines.
func writeNew(name string, stdout io.Writer, write func(io.Writer) error) (size int64, err error) {
	if name == "-" {
		w := &counting{w: stdout}
		return w.n, write(w)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	buf := bufio.NewWriter(f)
	w := &counting{w: buf}
	err = errors.Join(write(w), buf.Flush(), f.Sync())
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return w.n, os.Rename(f.Name(), name)
}

type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
