package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"runbook/engine/event"
	"runbook/engine/sink"
)

func (d *door) replayVerb() *cobra.Command {
	var asJSON, asJSONL bool
	var l looks
	cmd := &cobra.Command{
		Use:   "replay RUN",
		Short: "Show a recorded run again",
		Long: `Draws a recorded run as it was drawn when it ran. RUN is an id or its beginning (see:
runbook history), "last", the directory of a record or its events.jsonl.`,
		Example:           "  runbook replay last\n  runbook replay last -v --width 160\n  runbook replay 4f3a --json",
		ValidArgsFunction: d.completeRuns,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("replay: which run?", "runbook replay last; see: runbook history")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.check(); err != nil {
				return err
			}
			if asJSON && asJSONL {
				return usage("--json and --jsonl: want one of them", "")
			}
			name, err := findRecord(args[0])
			if err != nil {
				return err
			}
			f, err := sink.OpenRecord(name)
			if err != nil {
				return usageBecause(fmt.Errorf("replay: %w", err))
			}
			defer f.Close()
			var s event.Sink = sink.NewTerminal(d.out, l.terminal(d.out, false))
			switch {
			case asJSON:
				s = sink.NewJSON(d.out)
			case asJSONL:
				s = sink.NewJSONL(d.out)
			}
			cutOff, err := sink.Replay(f, s)
			if err != nil {
				return fmt.Errorf("replay %s: %w", args[0], err)
			}
			d.remindToRecover(cmd.Context())
			if cutOff {
				fmt.Fprintf(d.err, "runbook: %s was cut off: the run was killed, or is still running\n", args[0])
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "the report document")
	f.BoolVar(&asJSONL, "jsonl", false, "the events as JSON lines")
	f.CountVarP(&l.verbose, "verbose", "v", "guidance, calls and all evidence")
	l.flags(f, &d.conf)
	return cmd
}

// findRecord is the events file that what names.
func findRecord(what string) (string, error) {
	if info, err := os.Stat(what); err == nil {
		if !info.IsDir() {
			return what, nil
		}
		name := filepath.Join(what, sink.EventsFile)
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
	}
	dir, err := runsDir()
	if err != nil {
		return "", err
	}
	run, err := (sink.Runs{Dir: dir}).Find(what)
	if err != nil {
		return "", &hinted{err: err, hint: "see: runbook history", code: exitUsage}
	}
	return filepath.Join(run.Dir, sink.EventsFile), nil
}
