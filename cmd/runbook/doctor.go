package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (d *door) doctorVerb() *cobra.Command {
	var asJSON bool
	var l looks
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine lets us see, and what each missing thing costs",
		Long: `Boots a tree of its own and looks at it with each probe. What fails is listed with
what a diagnosis loses by it and what would make it work.`,
		Example: "  runbook doctor\n  sudo runbook doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.check(); err != nil {
				return err
			}
			ctx, stop := withSignals(cmd.Context())
			defer stop()
			rows := examine(ctx)
			if asJSON {
				return d.printJSON(rows)
			}
			d.printChart(rows, &l)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array")
	l.flags(cmd.Flags(), &d.conf)
	return cmd
}

// symptom is one line of the doctor's chart. Fields are never renamed.
type symptom struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, missing, info
	Detail string `json:"detail,omitempty"`
	Costs  string `json:"costs,omitempty"`  // what a diagnosis loses by it
	Remedy string `json:"remedy,omitempty"` // can be typed, or says whom to ask
}

// chart collects symptoms.
type chart []symptom

func (c *chart) info(name, detail string) {
	*c = append(*c, symptom{Name: name, Status: "info", Detail: detail})
}

// test adds a line that is ok without err, else missing for that reason.
func (c *chart) test(name, detail string, err error, costs, remedy string) {
	if err == nil {
		*c = append(*c, symptom{Name: name, Status: "ok", Detail: detail})
		return
	}
	*c = append(*c, symptom{Name: name, Status: "missing", Detail: err.Error(), Costs: costs, Remedy: remedy})
}

func (d *door) printChart(rows chart, l *looks) {
	width := l.columns(d.out)
	mark := map[string]string{"ok": "ok  ", "missing": "--  ", "info": "    "}
	if l.colored(d.out) {
		mark["ok"], mark["missing"] = "\x1b[32mok\x1b[0m  ", "\x1b[31m--\x1b[0m  "
	}
	wide := 0
	for _, r := range rows {
		wide = max(wide, len(r.Name))
	}
	missing := 0
	for _, r := range rows {
		d.hang(width, wide, mark[r.Status], r.Name, cmp.Or(r.Detail, "yes"))
		if r.Status != "missing" {
			continue
		}
		missing++
		if r.Costs != "" {
			d.hang(width, wide, "    ", "", "costs: "+r.Costs)
		}
		if r.Remedy != "" {
			d.hang(width, wide, "    ", "", "remedy: "+r.Remedy)
		}
	}
	switch missing {
	case 0:
		fmt.Fprintln(d.stdout())
		fill(d.stdout(), width, "Everything that the probes read can be read here.")
	case 1:
		fmt.Fprintln(d.stdout(), "\n1 thing is missing.")
	default:
		fmt.Fprintf(d.stdout(), "\n%d things are missing.\n", missing)
	}
}

// hang writes text with a hanging indent.
func (d *door) hang(width, wide int, mark, name, text string) {
	room := width - wide - 6
	if room < 24 { // below the name, then
		if name != "" {
			fmt.Fprintf(d.stdout(), "%s%s\n", mark, strings.Join(wrap(name, max(width-4, 8)), "\n    "))
		}
		fmt.Fprintf(d.stdout(), "      %s\n", strings.Join(wrap(printable(text), max(width-6, 8)), "\n      "))
		return
	}
	for i, line := range wrap(printable(text), room) {
		if i > 0 {
			mark, name = "    ", ""
		}
		fmt.Fprintf(d.stdout(), "%s%-*s  %s\n", mark, wide, name, line)
	}
}
