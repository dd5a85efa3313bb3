package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"

	"runbook/builtins/recipetest"
	"runbook/engine"
	"runbook/recipes"
)

// Tests run in confined processes, some at the same time: who tests a recipe
// does not trust it yet, and a bug of it may be a list without an end.

// testOrder asks a cell to run the tests of one file.
type testOrder struct {
	File   recipetest.File `json:"file"`
	Match  string          `json:"match,omitempty"`
	Update bool            `json:"update,omitempty"`
	Cover  bool            `json:"cover,omitempty"`
	Named  bool            `json:"named,omitempty"` // they are not run
}

// tested is the answer.
type tested struct {
	Results []recipetest.Result `json:"results"`
	Cover   []engine.FileCover  `json:"cover,omitempty"` // of all files that this cell has tested so far
}

// testRunners are those of a cell, by directory: each keeps what it has parsed.
type testRunners map[string]*recipetest.Runner

func (t testRunners) test(ctx context.Context, o testOrder) (tested, error) {
	r := t[o.File.Dir]
	if r == nil {
		r = newTestRunner(o.File.Dir)
		r.Update, r.Named = o.Update, o.Named
		if o.Match != "" {
			var err error
			if r.Match, err = regexp.Compile(o.Match); err != nil {
				return tested{}, err
			}
		}
		if o.Cover {
			r.Cover = &engine.Cover{}
			if err := r.CountAll(ctx); err != nil {
				return tested{}, err
			}
		}
		t[o.File.Dir] = r
	}
	out := tested{Results: r.Run(ctx, o.File)}
	for _, dir := range sortedNames(t) {
		if c := t[dir].Cover; c != nil {
			out.Cover = append(out.Cover, c.Files()...)
		}
	}
	return out, nil
}

// newTestRunner tests the recipes of a directory; what they share may also be what
// ships with us.
func newTestRunner(dir string) *recipetest.Runner {
	return recipetest.New(
		engine.Root{Name: shortPath(dir), FS: os.DirFS(dir), Dir: dir},
		engine.Root{Name: "embedded", FS: recipes.FS, Embedded: true},
	)
}

// fixture writes a story from a capture.
func (t testRunners) fixture(ctx context.Context, f recipetest.Fixture) (recipetest.Made, error) {
	target, err := recipetest.Target(f.Story)
	if err != nil {
		return recipetest.Made{}, err
	}
	return newTestRunner(target.Dir).Write(ctx, f)
}

func sortedNames(t testRunners) []string {
	var names []string
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *cell) test(o testOrder) (tested, error) {
	if err := c.send(order{Test: &o}); err != nil {
		return tested{}, err
	}
	r, err := c.next()
	if err != nil || r.Tested == nil {
		return tested{}, err
	}
	return *r.Tested, nil
}

// testRun shares the files out among cells.
type testRun struct {
	order testOrder // but for the file
	files []recipetest.File
	jobs  int
	done  func([]recipetest.Result) // called in the order of files
}

// do returns all results in the order of files, and what was covered.
func (t *testRun) do(ctx context.Context) ([]recipetest.Result, []engine.FileCover, error) {
	work := make(chan int)
	var mu sync.Mutex
	results := make([][]recipetest.Result, len(t.files))
	ended := make([]bool, len(t.files))
	shown := 0
	cover := covered{}
	var first error
	report := func(i int, rs []recipetest.Result) {
		mu.Lock()
		defer mu.Unlock()
		results[i], ended[i] = rs, true
		for ; shown < len(ended) && ended[shown]; shown++ {
			t.done(results[shown])
		}
	}
	var cells sync.WaitGroup
	for range min(t.jobs, len(t.files)) {
		cells.Go(func() {
			files, err := t.serve(ctx, work, report)
			mu.Lock()
			defer mu.Unlock()
			cover.add(files)
			if err != nil && first == nil {
				first = err
			}
		})
	}
	for i := range t.files {
		select {
		case work <- i:
		case <-ctx.Done():
		}
	}
	close(work)
	cells.Wait()
	return slices.Concat(results...), cover.files(), first
}

// serve is one cell at work. One that dies of a test is followed by another.
func (t *testRun) serve(ctx context.Context, work <-chan int, report func(int, []recipetest.Result)) ([]engine.FileCover, error) {
	total, last := covered{}, []engine.FileCover(nil)
	var c *cell
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	var failed error
	for i := range work {
		if failed != nil || ctx.Err() != nil {
			continue // so that nobody waits to hand it to us
		}
		if c == nil {
			if c, failed = openCell([]root{{}}); failed != nil {
				continue
			}
		}
		stop := context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })
		o := t.order
		o.File = t.files[i]
		got, err := c.test(o)
		stop()
		var gone *died
		switch {
		case ctx.Err() != nil:
			c.close()
			c = nil
		case errors.As(err, &gone):
			total.add(last)
			c, last = nil, nil
			var each []recipetest.Result
			var cover []engine.FileCover
			if each, cover, failed = oneByOne(ctx, o); failed == nil {
				total.add(cover)
				report(i, each)
			}
		case err != nil:
			failed = err
		default:
			last = got.Cover
			report(i, got.Results)
		}
	}
	total.add(last)
	return total.files(), failed
}

// oneByOne runs the tests of a file that killed a cell, each in a cell of its own: the
// one that does it is named, and the others have their results. A file that kills
// the cell before it has a test is one error.
func oneByOne(ctx context.Context, o testOrder) ([]recipetest.Result, []engine.FileCover, error) {
	names := o
	names.Named, names.Cover = true, false
	listed, err := inOwnCell(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	var results []recipetest.Result
	cover := covered{}
	for _, one := range listed.Results {
		if one.Outcome != "" { // it has been said why none can be run
			results = append(results, one)
			continue
		}
		o.Match = "^" + regexp.QuoteMeta(one.Name) + "$"
		got, err := inOwnCell(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		for i, r := range got.Results {
			if r.Name == o.File.Title() { // it died of this test
				got.Results[i].Name, got.Results[i].Line = one.Name, one.Line
			}
		}
		results = append(results, got.Results...)
		cover.add(got.Cover)
	}
	return results, cover.files(), nil
}

// inOwnCell carries out an order in a cell that serves nothing else. That it dies
// of it is the one result, with the name of the file.
func inOwnCell(ctx context.Context, o testOrder) (tested, error) {
	c, err := openCell([]root{{}})
	if err != nil {
		return tested{}, err
	}
	began := time.Now()
	stop := context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })
	defer stop()
	got, err := c.test(o)
	var gone *died
	switch {
	case errors.As(err, &gone) && ctx.Err() == nil:
		why := gone.why
		if why == outOfMemory {
			why = "it used more than 256 MiB of memory"
		}
		return tested{Results: []recipetest.Result{{File: o.File.Path, Name: o.File.Title(), Line: 1, Outcome: recipetest.Error, Took: time.Since(began), Message: why}}}, nil
	case !errors.As(err, &gone):
		c.close()
	}
	return got, err
}

// covered adds up what several cells counted: by file and line.
type covered map[string]map[int]int

func (c covered) add(files []engine.FileCover) {
	for _, f := range files {
		if c[f.File] == nil {
			c[f.File] = map[int]int{}
		}
		for line, n := range f.Lines {
			c[f.File][line] += n
		}
	}
}

func (c covered) files() []engine.FileCover {
	var names []string
	for name := range c {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []engine.FileCover
	for _, name := range names {
		out = append(out, engine.FileCover{File: name, Lines: c[name]})
	}
	return out
}
