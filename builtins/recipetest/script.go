package recipetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"runbook/builtins/stage"
	"runbook/engine"
)

// A test file is Starlark. It may load what it tests, and call beside the words
// of a recipe:
//
//	run(world, NAME = VALUE, …)    the recipe beside the file, on a written world
//	call(fn, world, …)             a function of yours, as a step would call it
//	assert.eq(got, want) …         see assert.go
//
// Both take further what stands for the machine and what the run may do:
//
//	recipe = "name"                another recipe
//	snapshot = "hang.tgz"          a capture beside the file, in place of a world
//	played = {"pytest": […]}       what programs come to, see package stage
//	files = {"a.json": "…"}        files, as DIR/a.json in parameters
//	allow = ["write"], dry_run = True, rest = […], params = {…}
//
// They return
//
//	findings   list; each with verdict, rule, title, about, victims, members, means,
//	           because, do. about is a pid, a path, an address …, None
//	exit       0, 1 or 3, as runbook run ends
//	values     dict of step to what it returned
//	value      what the function returned (call)
//	steps      dict of step to its status: done, stopped, failed, denied, skipped
//	text       the findings as a story has them
//	report     the same, with each word
//	ran        list of programs that were started
//	wrote      dict of file to its text

// suite is a test file that was loaded for one test: its functions see builtins
// that play whatever the test last asked for.
type suite struct {
	runner *Runner
	file   File
	tests  *engine.Tests
	ctx    context.Context
	table  []engine.Builtin // what the words do now
}

// script runs the functions of a test file.
func (r *Runner) script(ctx context.Context, f File) []Result {
	title := f.Title()
	first, err := r.load(ctx, f)
	if err != nil {
		if !r.wants(title) {
			return nil
		}
		res := broken(f, title, 1, err)
		res.Message, res.Detail, _ = strings.Cut(res.Message, "\n")
		return []Result{res}
	}
	if len(first.tests.Functions) == 0 && r.wants(title) {
		return []Result{broken(f, title, 1, errors.New("it has no function test_…"))}
	}
	var out []Result
	for i, fn := range first.tests.Functions {
		name := title + "/" + fn.Name()
		if !r.wants(name) {
			continue
		}
		if r.Named {
			out = append(out, Result{File: f.Path, Name: name, Line: int(fn.Position().Line)})
			continue
		}
		s := first
		if i > 0 { // a fresh one for each: what one leaves behind another must not find
			if s, err = r.load(ctx, f); err != nil {
				return append(out, broken(f, name, 1, err))
			}
		}
		began := time.Now()
		res := s.test(ctx, s.tests.Functions[i])
		res.File, res.Name, res.Line, res.Took = f.Path, name, int(fn.Position().Line), time.Since(began)
		out = append(out, res)
	}
	return out
}

func (r *Runner) load(ctx context.Context, f File) (*suite, error) {
	nothing, err := stage.New(stage.Scene{})
	if err != nil {
		return nil, err
	}
	s := &suite{runner: r, file: f, ctx: ctx, table: nothing.Builtins}
	// The words that the file and all that it loads are bound to stay the same;
	// what they do is that of the scene which is played.
	bound := make([]engine.Builtin, len(s.table))
	copy(bound, s.table)
	for i := range bound {
		bound[i].Func = func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return s.table[i].Func(call, args, kwargs)
		}
	}
	path, err := filepath.Rel(f.Dir, f.Path)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(f.Path), ".star")
	s.tests, err = r.library(bound).LoadTests(ctx, engine.Place{Name: name, Root: &r.roots[0], Path: filepath.ToSlash(path)}, starlark.StringDict{
		"assert": asserts,
		"run":    starlark.NewBuiltin("run", s.run),
		"call":   starlark.NewBuiltin("call", s.call),
	})
	return s, err
}

const maxSteps = 100_000_000

// test calls one function.
func (s *suite) test(ctx context.Context, fn *starlark.Function) (res Result) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	s.ctx = ctx
	var said strings.Builder
	thread := &starlark.Thread{Name: fn.Name(), Print: func(t *starlark.Thread, text string) { fmt.Fprintln(&said, text) }}
	thread.SetMaxExecutionSteps(maxSteps)
	stop := context.AfterFunc(ctx, func() { thread.Cancel(fmt.Sprintf("gave up after %s", deadline)) })
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			res = Result{Outcome: Error, Message: fmt.Sprintf("internal error: %v", p), Detail: string(debug.Stack())}
		}
		res.Said = said.String()
	}()
	_, err := starlark.Call(thread, fn, nil, nil)
	if err == nil {
		return Result{Outcome: Passed}
	}
	at := s.tests.Explain(err)
	res = Result{Outcome: Error, Message: at.Error(), Detail: at.Detail()}
	if strings.HasSuffix(at.Msg, ": only inside a step") {
		res.Detail += "\nhint: give it a machine: call(lambda: …, WORLD)"
	}
	var wrong *mismatch
	if errors.As(err, &wrong) {
		res.Outcome = Failed
		res.Detail = at.Line + "\n" + wrong.detail
		if len(at.Frames) > 1 {
			res.Detail += strings.Join(at.Frames, "\n") + "\n"
		}
	}
	return res
}

// run is run(world, …).
func (s *suite) run(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 1 {
		return nil, errors.New("run: want the world alone, and all else by name")
	}
	o, err := orderOf(thread, args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	if o.recipe == "" {
		if o.recipe = s.file.Recipe; o.recipe == "" {
			return nil, errors.New(`run: which recipe? This file stands beside none: recipe = "…"`)
		}
	}
	p, err := s.runner.play(s.ctx, s.file, o, nil)
	if err != nil {
		return nil, err
	}
	return p.value(nil), nil
}

// call is call(fn, world, …).
func (s *suite) call(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, errors.New("call: want a function, the world, and all else by name")
	}
	fn, ok := args[0].(*starlark.Function)
	if !ok {
		return nil, fmt.Errorf("call: got %s, want a function", args[0].Type())
	}
	o, err := orderOf(thread, args[1:], kwargs)
	if err == nil {
		o.alone, err = s.tests.Alone(fn)
	}
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	before := s.table
	defer func() { s.table = before }()
	p, err := s.runner.play(s.ctx, s.file, o, func(table []engine.Builtin) { s.table = table })
	if err != nil {
		return nil, err
	}
	for _, step := range p.notes.steps {
		if step.Status == "failed" || step.Status == "cancelled" {
			return nil, &mismatch{head: "call: " + step.Reason, detail: step.Detail + "\n"}
		}
	}
	return p.value(p.values[o.alone.Steps[0].Name]), nil
}

// orderOf reads what run and call have in common. A name that is none of theirs
// is a parameter of the recipe.
func orderOf(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (order, error) {
	o := order{parts: map[string]string{}, files: map[string]string{}, params: map[string][]string{}}
	if len(args) == 1 {
		kwargs = append([]starlark.Tuple{{starlark.String("world"), args[0]}}, kwargs...)
	}
	for _, kv := range kwargs {
		name, v := string(kv[0].(starlark.String)), kv[1]
		var err error
		switch name {
		case "world", "snapshot":
			err = oneText(v, func(t string) { o.parts[name] = t })
		case "recipe":
			err = oneText(v, func(t string) { o.recipe = t })
		case "files":
			err = eachOf(v, func(key string, v starlark.Value) error { return oneText(v, func(t string) { o.files[key] = t }) })
		case "played":
			err = eachOf(v, func(key string, v starlark.Value) (err error) {
				if !stage.Plays(key) {
					return fmt.Errorf("%q is no word%s", key, didYouMean(stage.Nearest(key)))
				}
				o.parts[key], err = rows(thread, v)
				return err
			})
		case "params":
			err = eachOf(v, func(key string, v starlark.Value) error { o.params[key] = texts(v); return nil })
		case "rest":
			o.rest = texts(v)
		case "allow":
			for _, t := range texts(v) {
				var effect engine.Effect
				if effect, err = engine.ParseEffect(t); err != nil {
					break
				}
				o.allow = append(o.allow, effect)
			}
		case "dry_run":
			o.dryRun = bool(v.Truth())
		default:
			o.params[name] = texts(v)
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
	}
	return o, nil
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", name)
}

func oneText(v starlark.Value, set func(string)) error {
	text, ok := starlark.AsString(v)
	if !ok {
		return fmt.Errorf("got %s, want string", v.Type())
	}
	set(text)
	return nil
}

func eachOf(v starlark.Value, do func(key string, v starlark.Value) error) error {
	d, ok := v.(*starlark.Dict)
	if !ok {
		return fmt.Errorf("got %s, want dict", v.Type())
	}
	for _, item := range d.Items() {
		key, ok := starlark.AsString(item[0])
		if !ok {
			return fmt.Errorf("got the key %s, want string", item[0])
		}
		if err := do(key, item[1]); err != nil {
			return err
		}
	}
	return nil
}

// texts is a value as a user types it, or several.
func texts(v starlark.Value) []string {
	switch v := v.(type) {
	case starlark.String:
		return []string{string(v)}
	case starlark.Bool:
		return []string{strings.ToLower(v.String())}
	case starlark.Iterable:
		var out []string
		for x := range starlark.Elements(v) {
			out = append(out, texts(x)...)
		}
		return out
	}
	return []string{v.String()}
}

// rows is what a word is to answer, one JSON object a line: as a text, as a dict,
// or as a list of dicts.
func rows(thread *starlark.Thread, v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), nil
	case *starlark.List:
		var b strings.Builder
		for x := range starlark.Elements(v) {
			line, err := rows(thread, x)
			if err != nil {
				return "", err
			}
			b.WriteString(line + "\n")
		}
		return b.String(), nil
	case *starlark.Dict:
		line, err := starlark.Call(thread, json.Module.Members["encode"], starlark.Tuple{v}, nil)
		if err != nil {
			return "", err
		}
		return string(line.(starlark.String)), nil
	}
	return "", fmt.Errorf("got %s, want a list of dicts", v.Type())
}

// value is the run as a test sees it.
func (p *played) value(returned starlark.Value) starlark.Value {
	var findings []starlark.Value
	for i := range p.notes.found {
		findings = append(findings, findingOf(&p.notes, &p.notes.found[i]))
	}
	values, steps, wrote := starlark.NewDict(0), starlark.NewDict(0), starlark.NewDict(0)
	for _, name := range p.order {
		_ = values.SetKey(starlark.String(name), p.values[name])
	}
	for _, s := range p.notes.steps {
		_ = steps.SetKey(starlark.String(s.Name), starlark.String(s.Status))
	}
	for name, text := range p.files {
		_ = wrote.SetKey(starlark.String(name), starlark.String(text))
	}
	var ran []starlark.Value
	for _, r := range p.ran {
		ran = append(ran, starlark.String(r))
	}
	fields := starlark.StringDict{
		"findings": starlark.NewList(findings), "exit": starlark.MakeInt(p.exit), "values": values, "steps": steps,
		"text": starlark.String(p.notes.brief.String()), "report": starlark.String(p.notes.report.String()),
		"ran": starlark.NewList(ran), "wrote": wrote, "value": starlark.None,
	}
	if returned != nil {
		fields["value"] = returned
	}
	return starlarkstruct.FromStringDict(starlark.String("run"), fields)
}
