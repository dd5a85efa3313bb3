// Package recipetest tests recipes as pytest tests Python: what stands beside a
// recipe is found, run, and compared. Nothing of it reaches the machine.
//
//	NAME.star                   the recipe
//	NAME_test.star              test functions: def test_x(): …, see script.go
//	NAME_test.txtar             a story: a machine, and what the recipe finds there
//	testdata/NAME/CASE.txtar    more stories
//	lib/WORDS_test.star         tests of what recipes share
//
// A story is a text file of parts:
//
//	What it is about, in a sentence.
//	-- world --
//	100 1 S "python3 datad.py" age=10m
//	100:8 tcp ESTAB 10.0.0.1:5000 192.0.2.7:443 rq=812
//	---
//	-- findings match=datad --
//	fault unread 100
//	  812 bytes unread from 192.0.2.7:443
//	exit 1
//
// Package stage says which parts stand for the machine. A part "findings" is a
// run with the parameters that follow, and what it finds, in short; a part
// "report" has each word of it. In what is expected a line "..." stands for any
// lines. Every other part is a file, which the run sees as DIR/NAME; a part
// "wrote NAME" is what the run before must have left there.
package recipetest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"time"

	"runbook/builtins/stage"
	"runbook/engine"
)

// Outcomes of a test.
const (
	Passed  = "passed"
	Failed  = "failed"  // what came is not what was expected
	Error   = "error"   // it could not be told: the test itself is wrong
	Updated = "updated" // what was expected is now what came
)

// Result is one test that ended.
type Result struct {
	File    string        `json:"file"` // as it can be opened
	Name    string        `json:"name"` // feed-stalled/test_x, wedged-actor/two-trees/findings pid=201
	Line    int           `json:"line"`
	Outcome string        `json:"outcome"`
	Took    time.Duration `json:"took_ns"`
	Message string        `json:"message,omitempty"` // one line
	Detail  string        `json:"detail,omitempty"`  // more lines: the source, a diff
	Said    string        `json:"said,omitempty"`    // what it printed
}

// Bad reports whether the result counts against the recipe.
func (r Result) Bad() bool { return r.Outcome == Failed || r.Outcome == Error }

// Runner runs the tests of recipes that lie in one directory.
type Runner struct {
	roots  []engine.Root
	parsed *engine.Parsed

	Match  *regexp.Regexp // only tests whose name it finds; nil = all
	Update bool           // write what comes as what is expected, of stories
	Named  bool           // tests are named, with their line, and none is run
	Cover  *engine.Cover  // nil: lines are not counted

	// Explain, shared by all tests, has every recipe note what its lines see; nil: none does.
	Explain *engine.Explain
}

// New tests the recipes of the first root; the others are where they may load
// from. They all are trusted: nothing can be done to the machine.
func New(roots ...engine.Root) *Runner {
	for i := range roots {
		roots[i].Trusted = true
	}
	return &Runner{roots: roots, parsed: engine.NewParsed()}
}

// CountAll loads every recipe, so that the lines of one without tests are counted,
// too: as not run.
func (r *Runner) CountAll(ctx context.Context) error {
	nothing, err := stage.New(stage.Scene{})
	if err != nil {
		return err
	}
	_, err = r.library(nothing.Builtins).List(ctx)
	return err
}

// deadline is for one test. It does not wait for anything: this is for one that
// computes for ever.
const deadline = time.Minute

// Run runs the tests of a file, in its order.
func (r *Runner) Run(ctx context.Context, f File) []Result {
	if f.Story {
		return r.story(ctx, f)
	}
	return r.script(ctx, f)
}

// wants reports whether a test was asked for.
func (r *Runner) wants(name string) bool { return r.Match == nil || r.Match.MatchString(name) }

func (r *Runner) library(builtins []engine.Builtin) *engine.Library {
	return &engine.Library{Roots: r.roots, Builtins: builtins, Parsed: r.parsed, Cover: r.Cover, Explain: r.Explain}
}

// files is a directory with the files that a test may see.
func files(of map[string]string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "runbook-test-"); err != nil {
		return "", err
	}
	for name, text := range of {
		if err := writeBelow(dir, name, text); err != nil {
			os.RemoveAll(dir)
			return "", err
		}
	}
	return dir, nil
}

func broken(f File, name string, line int, err error) Result {
	return Result{File: f.Path, Name: name, Line: line, Outcome: Error, Message: fmt.Sprint(err)}
}
