package recipetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"runbook/builtins/stage"
	"runbook/engine"
	"runbook/engine/event"
)

// order is one run that a test asks for.
type order struct {
	recipe string              // "" with alone
	alone  *engine.Recipe      // a function as a recipe
	parts  map[string]string   // of the machine
	files  map[string]string   // that it may see, by name
	params map[string][]string // DIR/ in a text is the directory of the files
	bare   []string            // names of parameters that are true, and what belongs to the rest
	rest   []string
	cut    bool // a -- stands before rest
	allow  []engine.Effect
	dryRun bool
}

// played is what became of it.
type played struct {
	notes  notes
	end    event.RunFinished
	exit   int
	values starlark.StringDict // of steps that are done
	order  []string            // in which they ended
	ran    []string
	files  map[string]string // that the run wrote
}

// play runs a recipe on a stage. table, when it is not nil, is told the builtins
// of the stage before anything runs.
//
// Errors are of the test: a recipe that does not load, a parameter that it does
// not have, a world that is not one.
func (r *Runner) play(ctx context.Context, f File, o order, table func([]engine.Builtin)) (*played, error) {
	dir, err := files(o.files)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	set, err := stage.New(stage.Scene{Parts: o.parts, Dir: filepath.Dir(f.Path), Files: dir})
	if err != nil {
		return nil, err
	}
	if table != nil {
		table(set.Builtins)
	}
	recipe := o.alone
	if recipe == nil {
		if recipe, err = r.library(set.Builtins).Find(ctx, o.recipe); err != nil {
			return nil, err
		}
	}
	p := &played{values: starlark.StringDict{}, files: map[string]string{}}
	p.notes.recipe = recipe.Name
	req := engine.Request{
		Recipe: recipe, Params: map[string][]string{}, Grants: engine.Grants{Allow: o.allow}, DryRun: o.dryRun, Sink: &p.notes,
		Tool: "runbook test", Host: set.Host.Clock().Hostname, ID: "test",
		Kept: func(step string, v starlark.Value) { p.values[step] = v; p.order = append(p.order, step) },
	}
	for _, name := range slices.Sorted(maps.Keys(o.params)) {
		if _, ok := recipe.Param(name); !ok {
			var names []string
			for _, p := range recipe.Params {
				names = append(names, p.Name)
			}
			return nil, fmt.Errorf("%s has no parameter %s%s", recipe.Name, name, didYouMean(engine.Nearest(name, names)))
		}
	}
	for _, w := range o.bare {
		if p, ok := recipe.Param(w); ok && p.Kind == engine.KindBool {
			req.Params[w] = []string{"true"}
			continue
		}
		req.Rest = append(req.Rest, inDir(dir, w))
	}
	if o.cut && engine.SplitsRest(recipe.Params) {
		req.Rest = append(req.Rest, "--")
	}
	for _, text := range o.rest {
		req.Rest = append(req.Rest, inDir(dir, text))
	}
	for name, texts := range o.params {
		for _, text := range texts {
			req.Params[name] = append(req.Params[name], inDir(dir, text))
		}
	}
	p.end, err = (&engine.Engine{HostNow: set.Now}).Run(ctx, req)
	var misuse *engine.UsageError
	switch {
	case errors.As(err, &misuse): // which a story may expect
		p.exit = 2
		p.notes.usage(misuse)
	case err != nil:
		return nil, err
	default:
		p.exit, p.ran = engine.ExitCode(p.end, false), set.Ran()
	}
	p.notes.close(dir, p.ran, p.exit)
	return p, p.collect(dir, o.files)
}

// inDir puts the directory of the files in the place of DIR/.
func inDir(dir, text string) string {
	if rest, ok := strings.CutPrefix(text, "DIR/"); ok {
		return dir + "/" + rest
	}
	return text
}

// collect reads what the run wrote.
func (p *played) collect(dir string, before map[string]string) error {
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read what the recipe wrote: %w", err)
		}
		if was, ok := before[name]; !ok || was != string(text) {
			p.files[filepath.ToSlash(name)] = strings.ReplaceAll(string(text), dir, "DIR")
		}
		return nil
	})
}
