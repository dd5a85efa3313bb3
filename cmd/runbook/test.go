package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"runbook/builtins/recipetest"
	"runbook/engine"
)

// testFlags are those of `runbook test`.
type testFlags struct {
	looks
	run    string
	update bool
	junit  string
	cover  string
	json   bool
	jobs   int
}

func (d *door) testVerb() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [FILE|DIR …]",
		Short: "Test recipes, without the machine",
		Long: `Runs the tests beside recipes: functions test_… in NAME_test.star, and stories in
NAME_test.txtar or testdata/NAME/*.txtar. A test brings its own machine, a few written
lines or a capture, and its own output of programs: nothing is looked at here, nothing
is run, written or killed.

Without a file it is the nearest .runbook. Exit 0 when all pass, 1 when one does not, 2
when there is none. How to write one: runbook docs testing`,
		Example: `  runbook test                              all of the nearest .runbook
  runbook test .runbook/feed-stalled.star   the tests of one recipe
  runbook test --run unread --update        what comes is what is expected from now on
  runbook test --cover                      which lines of the recipes no test ran`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.test(&f, args)
		},
	}
	fl := cmd.Flags()
	fl.Var(filled{&f.run, "a pattern"}, "run", "only tests whose name a `regexp` finds")
	fl.BoolVar(&f.update, "update", false, "write what comes into the stories as what is expected")
	fl.Var(filled{&f.junit, "a file"}, "junit", "write a JUnit XML report to `file`")
	fl.StringVar(&f.cover, "cover", "", "lines of recipes that ran; with =`FILE` also as an LCOV file")
	fl.Lookup("cover").NoOptDefVal = coverShown
	fl.BoolVar(&f.json, "json", false, "one JSON document on stdout")
	fl.IntVarP(&f.jobs, "jobs", "j", runtime.NumCPU(), "test `files` at the same time")
	fl.CountVarP(&f.verbose, "verbose", "v", "name each test")
	f.looks.flags(fl, &d.conf)
	return cmd
}

// coverShown is --cover without a file.
const coverShown = "-"

func (d *door) test(f *testFlags, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	files, err := d.testFiles(args)
	if err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	began := time.Now()
	lines := newTestLines(d.testOut(f), f.colored(d.testOut(f)), f.columns(d.testOut(f)), f.verbose > 0)
	run := testRun{order: testOrder{Match: f.run, Update: f.update, Cover: f.cover != ""}, files: files, jobs: f.jobs, done: lines.add}
	results, cover, err := run.do(ctx)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		d.code = 130
		if errors.Is(context.Cause(ctx), engine.ErrTerminated) {
			d.code = 143
		}
		fmt.Fprintf(d.err, "runbook: test: %v\n", context.Cause(ctx))
		return nil
	}
	if len(results) == 0 {
		return usage(fmt.Sprintf("test: no test's name fits --run %s", f.run), "see the names: runbook test -v")
	}
	took := time.Since(began)
	lines.close(results, took)
	if f.cover != "" {
		lines.cover(cover)
		if f.cover != coverShown {
			if err := writeLCOV(f.cover, cover); err != nil {
				return err
			}
		}
	}
	if f.junit != "" {
		if err := writeTestJUnit(f.junit, results); err != nil {
			return err
		}
	}
	for _, r := range results {
		if r.Bad() {
			d.code = 1
		}
	}
	if f.json {
		return d.printJSON(newTestReport(results, cover, took))
	}
	return nil
}

func (f *testFlags) check() error {
	if err := f.looks.check(); err != nil {
		return err
	}
	if _, err := engine.CompileRegexp(f.run); err != nil {
		return usage(fmt.Sprintf("test: --run %s: %v", f.run, err), "")
	}
	if f.jobs < 1 {
		return usage(fmt.Sprintf("test: -j %d: want 1 or more", f.jobs), "")
	}
	return nil
}

// testOut is where people read the run: when stdout carries data, stderr.
func (d *door) testOut(f *testFlags) *os.File {
	if f.json {
		return os.Stderr
	}
	return d.out
}

// testFiles lists the files of tests that are meant.
func (d *door) testFiles(args []string) ([]recipetest.File, error) {
	if len(args) == 0 {
		cwd, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		dir, why := nearestRunbookDir(cwd)
		switch {
		case why != "":
			return nil, usage(fmt.Sprintf("test: ignored %s: %s", dir, why), "")
		case dir == "":
			return nil, usage("test: there is no .runbook here or above", "name a recipe, or a directory of them: runbook test DIR")
		}
		args = []string{shortPath(dir)}
	}
	var all []recipetest.File
	seen := map[string]bool{}
	for _, arg := range args {
		found, err := recipetest.Find(arg)
		if errors.Is(err, fs.ErrNotExist) { // then a recipe's name, as in run
			if file := d.recipeFile(arg); file != "" {
				found, err = recipetest.Find(file)
			}
		}
		switch {
		case errors.Is(err, recipetest.ErrNone):
			return nil, usage("test: "+err.Error(), "how to write one: runbook docs testing")
		case err != nil:
			return nil, d.notThere(arg, err)
		}
		for _, f := range found {
			if !seen[f.Path] {
				seen[f.Path] = true
				all = append(all, f)
			}
		}
	}
	return all, nil
}
