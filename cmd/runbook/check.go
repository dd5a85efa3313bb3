package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"runbook/engine"
)

func (d *door) checkVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "check FILE …",
		Short:   "Check recipe files without running them",
		Long:    "Loads each file, which touches nothing of the machine, and lists what is wrong. Exit 0 when nothing is, 2 otherwise.",
		Example: "  runbook check .runbook/*.star\n  runbook check mine.star --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("check: which files?", "runbook check .runbook/*.star")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := d.checkFiles(args)
			if err != nil {
				return err
			}
			for _, p := range all {
				if p.Severity == engine.SeverityError {
					d.code = exitUsage
				}
			}
			if asJSON {
				return d.printJSON(all)
			}
			for _, p := range all {
				fmt.Fprintln(d.stdout(), printable(p.String()))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array of problems")
	return cmd
}

// checkFiles checks each file in a confined process: a file that is checked is
// one that nobody trusts yet.
func (d *door) checkFiles(names []string) ([]engine.Problem, error) {
	roots := d.roots()
	all := []engine.Problem{}
	var c *cell
	for _, name := range names {
		if c == nil {
			var err error
			if c, err = openCell(roots); err != nil {
				return nil, err
			}
		}
		found, err := c.check(name)
		var gone *died
		switch {
		case errors.As(err, &gone):
			all = append(all, engine.Problem{Pos: name, Severity: engine.SeverityError, Msg: gone.why})
			c = nil
		case err != nil:
			text, hint, _ := explain(err)
			all = append(all, engine.Problem{Pos: name, Severity: engine.SeverityError, Msg: text, Hint: hint})
		default:
			all = append(all, found...)
		}
	}
	if c != nil {
		c.close()
	}
	return all, nil
}
