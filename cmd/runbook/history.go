package main

import (
	"fmt"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// past is a recorded run as `history` shows it. Fields are never renamed.
type past struct {
	ID       string                `json:"id"`
	Recipe   string                `json:"recipe"`
	Started  time.Time             `json:"started"`
	Finished *time.Time            `json:"finished"` // null: cut off, or still running
	Outcome  event.Outcome         `json:"outcome"`  // "" likewise
	Counts   map[event.Verdict]int `json:"counts"`
	Host     string                `json:"host"`
	From     string                `json:"from,omitempty"`
	Dir      string                `json:"dir"`
	Error    string                `json:"error,omitempty"`
}

func (d *door) historyVerb() *cobra.Command {
	var asJSON bool
	var l looks
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "List the recorded runs",
		Example: "  runbook history\n  runbook replay last",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.check(); err != nil {
				return err
			}
			dir, err := runsDir()
			if err != nil {
				return err
			}
			entries, err := (sink.Runs{Dir: dir}).List()
			if err != nil {
				return err
			}
			rows := []past{}
			for _, e := range entries {
				rows = append(rows, pastOf(e))
			}
			d.remindToRecover(cmd.Context())
			if asJSON {
				return d.printJSON(rows)
			}
			if len(rows) == 0 {
				fmt.Fprintf(d.err, "runbook: no runs in %s\n", shortHome(dir))
			}
			for _, r := range rows {
				d.printPast(r, l.columns(d.out))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array, newest first")
	l.flags(cmd.Flags(), &d.conf)
	return cmd
}

func pastOf(e sink.RunEntry) past {
	p := past{
		ID: e.ID, Recipe: e.Recipe, Started: e.Started, Outcome: e.Outcome, Counts: e.Counts,
		Host: e.Host, From: e.From, Dir: e.Dir,
	}
	if p.Counts == nil {
		p.Counts = map[event.Verdict]int{}
	}
	if !e.Finished.IsZero() {
		p.Finished = &e.Finished
	}
	if e.Err != nil {
		p.Error = e.Err.Error()
	}
	return p
}

func (d *door) printPast(r past, width int) {
	what := string(r.Outcome)
	switch {
	case r.Error != "":
		what = "unreadable: " + r.Error
	case r.Outcome == event.Faults:
		what = counted(r.Counts[event.Fault], "fault")
	case r.Outcome == event.Clean && r.Counts[event.Warn] > 0:
		what = counted(r.Counts[event.Warn], "warning")
	case r.Outcome == "":
		what = "cut off"
	}
	if r.From != "" {
		what += "  from " + r.From
	}
	began := r.Started.Local().Format("2006-01-02 15:04:05")
	line := printable(fmt.Sprintf("%s  %-8s  %-20s  %s", began, r.ID, r.Recipe, what))
	if ansi.StringWidth(line) <= width {
		fmt.Fprintln(d.stdout(), line)
		return
	}
	// The id is typed and the outcome is what was looked for: none is cut away.
	for _, line := range wrap(printable(began+" "+r.ID), width) {
		fmt.Fprintln(d.stdout(), line)
	}
	for _, line := range wrap(printable(r.Recipe+" "+what), width-2) {
		fmt.Fprintln(d.stdout(), "  "+line)
	}
}

func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
