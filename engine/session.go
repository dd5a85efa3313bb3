package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"runbook/engine/event"
)

// A Session evaluates what a person types, one input after the other, as if it
// were a step that requests every effect: the same words, gate, deadlines and
// undos, and one stream. What an input defines, the next ones see.
type Session struct {
	run    *run
	lib    *Library
	from   moduleKey // relative to which load("./x.star") looks
	names  starlark.StringDict
	step   *Step
	room   *room
	inputs int
}

// SessionRequest opens a session.
type SessionRequest struct {
	Library *Library
	Root    *Root // where load("./x.star") and load("lib/x.star") look
	Grants  Grants
	Sink    event.Sink

	Memory   uint64              // bytes that its values may need; 0: as many as there are
	Names    starlark.StringDict // at hand beside the words; they hide these
	Findings []event.Finding     // said before the session began: findings() has them, and pkill goes by them
}

// Session begins one.
func (e *Engine) Session(req SessionRequest) *Session {
	s := &Session{
		lib: req.Library, from: moduleKey{req.Root, "prompt"}, names: starlark.StringDict{},
		step: &Step{Name: "prompt", Title: "prompt", Needs: effects},
	}
	recipe := &Recipe{Name: "prompt", Steps: []Step{*s.step}, sources: map[string]string{}}
	s.run = e.start(Request{Recipe: recipe, Grants: req.Grants, Sink: req.Sink}, &Bound{})
	s.run.stream.findings = slices.Clone(req.Findings)
	maps.Copy(s.names, words(req.Library.Builtins))
	maps.Copy(s.names, req.Names)
	s.room = newRoom(req.Memory)
	return s
}

// Names are those that the next input sees, to look at.
func (s *Session) Names() starlark.StringDict { return s.names }

// Findings are those said so far.
func (s *Session) Findings() []event.Finding { return s.run.findings() }

// promptDialect is that of recipes, with what a prompt is for: control flow at
// top level, and names that may be given anew.
var promptDialect = &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true, LoadBindsGlobally: true}

// Read parses one input: a compound statement, or simple ones on one line.
// line returns the next line with its newline, and the errors of line come
// back as they are. name stands in positions.
//
// Errors: LoadErrors for what is no Starlark.
func (s *Session) Read(line func() (string, error)) (*Typed, error) {
	s.inputs++
	in := &Typed{session: s, name: fmt.Sprintf("in%d", s.inputs)}
	var refused error
	file, err := promptDialect.ParseCompoundStmt(in.name, func() ([]byte, error) {
		text, err := line()
		if err != nil {
			refused = err
			return nil, err
		}
		in.text += text
		return []byte(text), nil
	})
	if refused != nil {
		return in, refused
	}
	return in.parsed(file, err)
}

// ReadAll parses a whole script, of which nothing has run when something in it
// is wrong. Errors: as Read.
func (s *Session) ReadAll(name, text string) (*Typed, error) {
	in := &Typed{session: s, name: name, text: text}
	file, err := promptDialect.Parse(name, text, 0)
	if in, err = in.parsed(file, err); err != nil {
		return in, err
	}
	known := func(name string) bool { return name == "_" || s.names.Has(name) }
	if err := resolve.REPLChunk(file, known, func(string) bool { return false }, starlark.Universe.Has); err != nil {
		return in, loadErrors(err, s.run.recipe.sources, s.known())
	}
	return in, nil
}

// Typed is what was typed, parsed.
type Typed struct {
	session *Session
	name    string
	text    string
	stmts   []syntax.Stmt
}

func (in *Typed) parsed(file *syntax.File, err error) (*Typed, error) {
	sources := in.session.run.recipe.sources
	sources[in.name] = in.text
	var broken syntax.Error
	switch {
	case errors.As(err, &broken):
		return in, loadErrors(err, sources, nil)
	case err != nil:
		return in, err
	}
	in.stmts = file.Stmts
	return in, nil
}

// Run evaluates the statements in turn. each is told the value of every
// expression that stands by itself; None is told too. It stops at the first
// error, and what was defined up to it stays.
//
// Errors: LoadErrors for names that nothing defines; *ScriptError; context.Cause(ctx)
// when that ended first, also where a builtin did not heed it and was left behind.
func (in *Typed) Run(ctx context.Context, each func(starlark.Value)) error {
	for _, stmt := range in.stmts {
		value, err := in.session.do(ctx, in.name, stmt)
		if err != nil {
			return err
		}
		if value != nil {
			each(value)
			if value != starlark.None { // print(…) is no value that anybody wants again
				in.session.names["_"] = value
			}
		}
	}
	return nil
}

// valueName is the name under which the value of an expression leaves its
// statement. No person can type it.
const valueName = "value·"

// do runs one statement on a copy of the names: one that is left behind must not
// change them under the next input.
func (s *Session) do(ctx context.Context, name string, stmt syntax.Stmt) (starlark.Value, error) {
	if x, ok := stmt.(*syntax.ExprStmt); ok {
		at, _ := x.Span()
		stmt = &syntax.AssignStmt{Op: syntax.EQ, OpPos: at, LHS: &syntax.Ident{NamePos: at, Name: valueName}, RHS: x.X}
	}
	names := maps.Clone(s.names)
	hidden := s.room.weigh(stmt)
	for name, v := range hidden {
		if !names.Has(name) {
			names[name] = v
		}
	}
	file := &syntax.File{Options: promptDialect, Path: name, Stmts: []syntax.Stmt{stmt}}
	step := newStepRun(ctx, s.run, s.step)
	_, left, err := step.perform(func(thread *starlark.Thread) (starlark.Value, error) {
		thread.Load = s.load(step)
		return starlark.None, s.room.within(thread, func() error { return starlark.ExecREPLChunk(file, thread, names) })
	})
	defer step.cancel()
	out := step.putBack(stepResult{status: event.StatusDone})
	if left {
		return nil, fmt.Errorf("%w: it did not heed its end and was left behind", context.Cause(ctx))
	}
	value := names[valueName]
	delete(names, valueName)
	maps.DeleteFunc(names, func(name string, v starlark.Value) bool { return hidden[name] != nil && hidden[name] == v })
	if errors.Is(err, errNoRoom) {
		names, value = nil, nil // so that they can be swept
		at, _ := stmt.Span()
		return nil, s.room.refusal(position(at))
	}
	s.names = names
	if err != nil {
		return nil, s.failed(step, err)
	}
	if out.status != event.StatusDone {
		return nil, errors.New(out.reason)
	}
	return value, nil
}

// failed is the error of an input as a person reads it.
func (s *Session) failed(step *stepRun, err error) error {
	var broken LoadErrors
	switch eval := (*starlark.EvalError)(nil); {
	case errors.As(err, &broken):
		return broken
	case !errors.As(err, &eval):
		return loadErrors(err, s.run.recipe.sources, s.known()) // a name that is not there
	case step.parent.Err() != nil:
		return context.Cause(step.parent)
	}
	script := scriptError(err, s.run.recipe.sources)
	if step.budget.Load() {
		script.Msg = fmt.Sprintf("used more than %s computation steps", grouped(int64(s.run.engine.MaxSteps)))
	}
	script.Frames = slices.DeleteFunc(script.Frames, func(frame string) bool { return strings.HasPrefix(frame, "  in <toplevel> ") })
	var blind Unknownable
	if errors.As(err, &blind) && script.Hint == "" {
		script.Hint = blind.Remedy()
	}
	return script
}

// known are all names that an input may use.
func (s *Session) known() []string {
	return append(s.names.Keys(), starlark.Universe.Keys()...)
}

// load serves load(…): each time anew, so that a file that was edited is read
// again.
func (s *Session) load(step *stepRun) func(*starlark.Thread, string) (starlark.StringDict, error) {
	return func(_ *starlark.Thread, name string) (starlark.StringDict, error) {
		l := newLoader(s.lib)
		key, err := l.find(s.from, name)
		if err != nil {
			return nil, err
		}
		m, err := l.load(step.ctx, key, nil)
		maps.Copy(s.run.recipe.sources, l.sources)
		if err != nil {
			return nil, err
		}
		return m.globals, nil
	}
}
