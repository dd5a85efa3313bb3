package engine

import (
	"context"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// Effect is what a builtin may do beyond looking.
type Effect string

// The effects. A builtin declares at most one; a step requests them with
// step(fn, needs = […]); the user grants them with --allow.
const (
	Looks Effect = ""      // reads only, or computes
	Run   Effect = "run"   // starts a program
	Write Effect = "write" // changes files or a work tree
	Kill  Effect = "kill"  // signals processes
)

// Builtin is one word that Go gives to recipes: a row of the one table that
// feeds the language, the reference, `check` and the effect golden.
type Builtin struct {
	Name    string
	Doc     string // markdown; the first line is a sentence
	Params  []Arg  // in order, as a caller may give them
	Returns string // type and meaning, one line
	Errors  string // when it fails, one line; "" = only on wrong arguments
	Example string // one Starlark expression or statement
	Effect  Effect
	Asks    bool // asks for its effect itself, with Call.Confirm, once it knows what it would hit; Kill always does
	Pure    bool // touches no host: may be called while a file loads

	// Func does it. Unpack arguments with starlark.UnpackArgs(call.Name, …):
	// nobody types the name twice.
	Func func(call *Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)
}

// Arg documents one parameter of a Builtin.
type Arg struct {
	Name    string
	Type    string // "int", "list of process", "duration" …
	Default string // Starlark text; "" = required
	Doc     string
}

// Type documents a type of value that builtins return.
type Type struct {
	Name   string // "process", as type() says
	Doc    string // one sentence
	Fields []Field
}

// Field documents one attribute of a Type.
type Field struct{ Name, Type, Doc string }

// Call is what a builtin knows of the call it serves. It is valid until Func
// returns.
type Call struct {
	Context context.Context // ends at Ctrl-C, at the step's deadline, at the run's end
	Name    string          // the builtin's
	Step    string
	Pos     string // "wedged-actor.star:70:22"
	DryRun  bool   // an effect must be shown, not done
	Thread  *starlark.Thread

	// Params are the bound values of the run's own parameters and which of
	// them the user gave: pkill reads `pid` and `match` from here.
	Given map[string]bool

	// Named is the kind of the parameter in which the user gave exactly this
	// text, a path before others; "" when the user did not. A file that was
	// named in a parameter of kind path may be written without a grant.
	Named func(text string) Kind

	Cover     func(event.Coverage)                              // puts a coverage row into the stream, once per equal row
	Progress  func(text string)                                 // a sign of life
	Milestone func(text string)                                 // one that is worth a line of a log
	Show      func(event.View)                                  // as the word show does
	Findings  func() []event.Finding                            // said so far in this run, in order
	Undo      func(name string, fn func(context.Context) error) // runs when the step ends, whatever ends it
	Confirm   func(effect Effect, what event.View) error        // nil = granted; else a *Denied

	// Artefact is the path of a new file beside the run's record, for evidence
	// that outlives the run; "" when the run is not recorded. name is a plain
	// file name; of one that was given before, the file is there.
	Artefact func(name string) (path string, err error)
}

// A value that can be the subject of a finding, lie in evidence, or be shown
// implements the interfaces below; the words fault, show … accept exactly these
// (and strings, ints, lists and dicts of them).

// Subjecter is a value that a finding can be about.
type Subjecter interface{ Subject() event.Subject }

// Fielder is a value that can be evidence.
type Fielder interface{ Fields() event.Fields }

// Viewer is a value that show() draws.
type Viewer interface{ View() event.View }

// Unknownable is an error that says "could not look": the engine turns it into
// an `unknown` finding with its remedy instead of a failed step's backtrace
// alone.
type Unknownable interface {
	error
	Probe() string  // wchan, ss …
	Remedy() string // can be typed as it stands; "" when there is none
}
