package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"runbook/engine"
)

// checkFlags are the flags of check.
type checkFlags struct {
	json    bool
	sarif   string
	effects bool
	rules   bool
	strict  bool
}

func (d *door) checkVerb() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [FILES]",
		Short: "Check recipe files without running them",
		Long: "Loads each file, which touches nothing of the machine, and says what is wrong with it: names, attributes and arguments that are not there, " +
			"inputs that nobody makes, effects that were not requested, guidance that is out of date, and what would do harm.\n\n" +
			"FILES are files, or directories to search; without any, the nearest .runbook. A comment takes back what a rule says of its line, or of the next one, with a reason: " +
			"`# check:ignore RULE: why`.\n\n" +
			"Exit 0: no errors. 1: at least one error, with --strict also at least one warning. 2: usage, or a file that does not load.",
		Example: `  runbook check                       all recipes of this repository
  runbook check .runbook/mine.star
  runbook check --effects mine.star   what could it do to my machine?
  runbook check --rules`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.rules {
				return d.printRules(f.json, (&looks{width: d.conf.Width}).columns(d.out))
			}
			files, err := d.starFiles(args, true)
			if err != nil {
				return err
			}
			if f.effects {
				return d.checkEffects(cmd.Context(), files, f.json)
			}
			return d.checkAll(files, f)
		},
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "one JSON document ("+checkSchemaName+")")
	cmd.Flags().Var(filled{&f.sarif, "a file"}, "sarif", "also write the problems to `file` as SARIF, for code hosts")
	cmd.Flags().BoolVar(&f.effects, "effects", false, "list every effect that a recipe can reach, and where")
	cmd.Flags().BoolVar(&f.rules, "rules", false, "list the rules")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "exit 1 for warnings, too")
	return cmd
}

// starFiles are the files that a person named: a directory stands for the
// recipes below it, nothing for those of the nearest .runbook. With all, a
// directory's links, and what only looks like a file, are among them: list and
// run would load those, too.
func (d *door) starFiles(args []string, all bool) ([]string, error) {
	if len(args) == 0 {
		cwd, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		dir, why := nearestRunbookDir(cwd)
		switch {
		case dir == "":
			return nil, usage("which files? There is no .runbook here, nor above", "runbook new NAME begins a recipe")
		case why != "":
			return nil, usage(fmt.Sprintf("ignored %s: %s", dir, why), "name the files that are meant")
		}
		args = []string{shortPath(dir)}
	}
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, d.notThere(arg, err)
		case !info.IsDir():
			files = append(files, arg)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(arg, func(path string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && path != arg:
				return nil // it went while we looked
			case err != nil:
				return err
			case e.IsDir() && path != arg && (strings.HasPrefix(e.Name(), ".") || e.Name() == "vendor"):
				return fs.SkipDir // copies of packs are not ours to repair
			case (e.Type().IsRegular() || all && !e.IsDir()) && strings.HasSuffix(path, ".star"):
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return nil, usageBecause(err)
		}
		if len(files) == before {
			return nil, usage(fmt.Sprintf("no .star file in %s", arg), "runbook new NAME begins a recipe")
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func (d *door) checkAll(files []string, f checkFlags) error {
	all, err := d.checkFiles(files)
	if err != nil {
		return err
	}
	errs, warnings := 0, 0
	for _, p := range all {
		if p.Severity == engine.SeverityError {
			errs++
		} else {
			warnings++
		}
	}
	switch {
	case slices.ContainsFunc(all, engine.Problem.Fatal):
		d.code = exitUsage
	case errs > 0 || f.strict && warnings > 0:
		d.code = exitFound
	}
	if f.sarif != "" {
		if err := writeSARIF(f.sarif, all); err != nil {
			return err
		}
	}
	if f.json {
		return d.printJSON(newCheckReport(files, all))
	}
	for i, p := range all {
		if i > 0 {
			fmt.Fprintln(d.stdout())
		}
		fmt.Fprintln(d.stdout(), printable(p.String()))
	}
	if len(all) == 0 {
		fmt.Fprintf(d.err, "%s, nothing wrong\n", counted(len(files), "file"))
		return nil
	}
	fmt.Fprintf(d.err, "%s and %s in %s\n", counted(errs, "error"), counted(warnings, "warning"), counted(len(files), "file"))
	return nil
}

// checkFiles checks each file in a confined process: a file that is checked is
// one that nobody trusts yet.
func (d *door) checkFiles(names []string) ([]engine.Problem, error) {
	all := []engine.Problem{}
	err := d.eachInCell(names, func(c kitchen, name string) error {
		found, err := c.check(name)
		all = append(all, found...)
		return err
	}, func(name, text, hint string) {
		all = append(all, engine.Problem{Pos: name, Rule: "load", Severity: engine.SeverityError, Msg: text, Hint: hint})
	})
	return all, err
}

// eachInCell hands files to a confined process, and to a new one after a file
// that killed it. failed hears of what could not be done with a file.
func (d *door) eachInCell(names []string, do func(k kitchen, name string) error, failed func(name, text, hint string)) error {
	var c *cell
	for _, name := range names {
		if c == nil {
			var err error
			if c, err = openCell(d.roots()); err != nil {
				return err
			}
		}
		err := do(c, name)
		if err == nil {
			continue
		}
		text, hint, _ := explain(err)
		failed(name, text, hint)
		var gone *died
		if errors.As(err, &gone) {
			c = nil
		}
	}
	if c != nil {
		c.close()
	}
	return nil
}

// checkEffects lists what each recipe can reach. A file without a recipe has no
// steps, and is left out.
func (d *door) checkEffects(_ context.Context, files []string, asJSON bool) error {
	type reached struct {
		File    string         `json:"file"`
		Effects []engine.Reach `json:"effects"`
	}
	all := []reached{}
	err := d.eachInCell(files, func(k kitchen, name string) error {
		found, err := k.reaches(name)
		if errors.Is(err, engine.ErrNoRecipe) {
			return nil
		}
		if err == nil {
			all = append(all, reached{name, append([]engine.Reach{}, found...)})
		}
		return err
	}, func(name, text, hint string) {
		d.code = exitUsage
		d.complain(&hinted{err: errors.New(text), hint: hint})
	})
	if err != nil {
		return err
	}
	if asJSON {
		return d.printJSON(map[string]any{"schema": "runbook/effects/v1", "recipes": all})
	}
	for _, r := range all {
		if len(r.Effects) == 0 {
			fmt.Fprintf(d.stdout(), "%s: only looks\n", printable(r.File))
			continue
		}
		fmt.Fprintf(d.stdout(), "%s:\n", printable(r.File))
		for _, line := range effectLines(r.Effects) {
			fmt.Fprintln(d.stdout(), printable("  "+line))
		}
	}
	return nil
}

// effectLines are effects in prose: what, where, and by which way. What may
// have been handed over is one line for each step and effect.
func effectLines(all []engine.Reach) []string {
	var lines []string
	for _, e := range all {
		line := fmt.Sprintf("%-5s  step %s: ", e.Effect, e.Step)
		if e.Handed == "" {
			line += fmt.Sprintf("%s at %s", e.Builtin, e.Pos)
			if len(e.Via) > 1 {
				line += ", by way of " + strings.Join(e.Via[1:], ", ")
			}
		} else {
			line += fmt.Sprintf("if it calls a function that %s returns", e.Handed)
		}
		if !e.Requested {
			line += " (not requested: denied)"
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (d *door) printRules(asJSON bool, width int) error {
	rules := engine.Rules()
	if asJSON {
		return d.printJSON(rules)
	}
	wide := 0
	for _, r := range rules {
		wide = max(wide, len(r.ID))
	}
	for _, r := range rules {
		hanging(d.stdout(), width, r.ID, wide, fmt.Sprintf("%s: %s", r.Severity, r.Doc))
	}
	return nil
}
