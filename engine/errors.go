package engine

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"runbook/engine/lazyregexp"
	"runbook/engine/misread"
)

// LoadError is one thing wrong in a file, found before anything runs.
type LoadError struct {
	Pos  string   // "wedged-actor.star:70:22"
	Rule string   // of Rules: syntax, name, param …; "" = load
	Msg  string   // one line
	Line string   // the source line and a caret below the column; "" when there is none
	Hint string   // "did you mean …", or what to do instead; "" when there is none
	Via  []string // the load() calls that led to the file, innermost first
}

// Error is the whole story: position, message, source line, hint.
func (e *LoadError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Pos, e.Msg)
	if e.Line != "" {
		b.WriteString("\n" + e.Line)
	}
	for _, via := range e.Via {
		b.WriteString("\n  loaded at " + via)
	}
	if e.Hint != "" {
		b.WriteString("\nhint: " + e.Hint)
	}
	return b.String()
}

// LoadErrors is everything that is wrong in a file, in order of position.
// errors.As finds the first *LoadError in it.
type LoadErrors []*LoadError

func (es LoadErrors) Error() string {
	texts := make([]string, len(es))
	for i, e := range es {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap gives the single errors to errors.As.
func (es LoadErrors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// UsageError is a request that does not fit the recipe: an unknown parameter, a
// text that is no duration. Nothing has run.
type UsageError struct{ Msg, Hint string }

func (e *UsageError) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	return e.Msg + "\nhint: " + e.Hint
}

// PanicError is a bug of ours: a builtin panicked. The run goes on without that
// step.
type PanicError struct {
	Value any
	Stack string
}

func (e *PanicError) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// loadErrors turns whatever parser, resolver or evaluator said into LoadErrors.
// names are the words that every file knows: the resolver cannot list them, so
// its own "did you mean" leaves them out.
func loadErrors(err error, sources map[string]string, names []string) LoadErrors {
	var already LoadErrors
	if errors.As(err, &already) {
		return already
	}
	var list resolve.ErrorList
	var parse syntax.Error
	var eval *starlark.EvalError
	switch {
	case errors.As(err, &list):
		var out LoadErrors
		for _, e := range list {
			rule := "syntax"
			if strings.HasPrefix(e.Msg, "undefined: ") {
				rule = "name"
			}
			out = append(out, newLoadError(rule, e.Pos, e.Msg, sources, names))
		}
		return out
	case errors.As(err, &parse):
		said := misread.Explain(parse, sources[parse.Pos.Filename()])
		wrong := newLoadError("syntax", said.Pos, said.Msg, sources, names)
		wrong.Hint = cmp.Or(said.Hint, wrong.Hint)
		return LoadErrors{wrong}
	case errors.As(err, &eval):
		return LoadErrors{newLoadError(ruleOfCall(eval), innermost(eval.CallStack).Pos, sayWho(eval), sources, names)}
	default:
		return LoadErrors{{Pos: "", Msg: oneLine(err.Error())}}
	}
}

// ruleOfCall is the rule that an error of a top level broke, by the word that
// found it.
func ruleOfCall(e *starlark.EvalError) string {
	if len(e.CallStack) > 0 {
		if top := e.CallStack.At(0); isGo(top) {
			switch word, _, _ := strings.Cut(top.Name, "."); word {
			case "param":
				return "param"
			case "recipe", "step":
				return "recipe"
			}
		}
	}
	return "load"
}

func newLoadError(rule string, pos syntax.Position, msg string, sources map[string]string, names []string) *LoadError {
	msg, hint := splitHint(oneLine(msg))
	if name, ok := strings.CutPrefix(msg, "undefined: "); ok && hint == "" {
		hint = misread.Names[name]
		if n := Nearest(name, names); n != "" && hint == "" {
			hint = "did you mean " + n + "?"
		}
	}
	if strings.Contains(msg, "does not support while loops") {
		hint = "a recipe always ends: loop over a list or a range"
	}
	return &LoadError{Rule: rule, Pos: position(pos), Msg: msg, Line: excerpt(pos, sources), Hint: hint}
}

var didYouMean = lazyregexp.New(`^(.*) \((did you mean \.?(.*)\?)\)$`)

// splitHint takes the guess from a message, if it is one: of the interpreter's,
// half of the letters may be wrong.
func splitHint(msg string) (text, hint string) {
	m := didYouMean().FindStringSubmatch(msg)
	if m == nil {
		return msg, ""
	}
	if of := missed().FindStringSubmatch(m[1]); of != nil && Nearest(of[1]+of[2], []string{m[3]}) == "" {
		return m[1], ""
	}
	return m[1], m[2]
}

var missed = lazyregexp.New(`^undefined: (\w+)$|has no \.(\w+) `)

// ScriptError is an error of a running step as a person reads it.
type ScriptError struct {
	Pos    string
	Msg    string   // one line
	Line   string   // source line and caret; "" when the source is not known
	Frames []string // "in blame (wedged-actor.star:70:22)", innermost first; the recipe's own only
	Hint   string
	Cause  error
}

func (e *ScriptError) Error() string {
	if e.Pos == "" {
		return e.Msg
	}
	return e.Pos + ": " + e.Msg
}

func (e *ScriptError) Unwrap() error { return e.Cause }

// Detail is what follows the one line: source, frames, hint.
func (e *ScriptError) Detail() string {
	var lines []string
	if e.Line != "" {
		lines = append(lines, e.Line)
	}
	lines = append(lines, e.Frames...)
	if e.Hint != "" {
		lines = append(lines, "hint: "+e.Hint)
	}
	var bug *PanicError
	if errors.As(e.Cause, &bug) {
		lines = append(lines, "this is a bug of runbook, not of the recipe:", cleanText(bug.Stack))
	}
	return strings.Join(lines, "\n")
}

// scriptError reads the error of a call. Frames of Go functions are left out:
// a person cannot change them.
func scriptError(err error, sources map[string]string) *ScriptError {
	var eval *starlark.EvalError
	if !errors.As(err, &eval) {
		msg, hint := splitHint(oneLine(err.Error()))
		return &ScriptError{Msg: msg, Hint: hint, Cause: err}
	}
	e := &ScriptError{Cause: err}
	e.Msg, e.Hint = splitHint(oneLine(sayWho(eval)))
	for i := range eval.CallStack {
		f := eval.CallStack.At(i)
		if isGo(f) {
			continue
		}
		if e.Pos == "" {
			e.Pos, e.Line = position(f.Pos), excerpt(f.Pos, sources)
		}
		e.Frames = append(e.Frames, fmt.Sprintf("  in %s (%s)", f.Name, position(f.Pos)))
	}
	return e
}

// sayWho puts the name of the Go function before its message, unless it begins
// with it.
func sayWho(e *starlark.EvalError) string {
	if len(e.CallStack) == 0 {
		return e.Msg
	}
	top := e.CallStack.At(0)
	if !isGo(top) || strings.HasPrefix(e.Msg, top.Name+": ") || strings.HasPrefix(e.Msg, top.Name+" ") {
		return e.Msg
	}
	return top.Name + ": " + e.Msg
}

func isGo(f starlark.CallFrame) bool { return f.Pos.Filename() == "<builtin>" }

// innermost is the frame of Starlark code that a stack ends in.
func innermost(stack starlark.CallStack) starlark.CallFrame {
	for i := range stack {
		if f := stack.At(i); !isGo(f) {
			return f
		}
	}
	return starlark.CallFrame{}
}

// said is where the Starlark code stands that called the builtin which asks.
func said(thread *starlark.Thread) string {
	for i := range thread.CallStackDepth() {
		if f := thread.CallFrame(i); !isGo(f) {
			return position(f.Pos)
		}
	}
	return ""
}

const excerptWidth = 160 // longer source lines are cut: a minified line helps nobody

// excerpt shows the source line of a position with a caret below its column.
func excerpt(pos syntax.Position, sources map[string]string) string {
	source, ok := sources[pos.Filename()]
	if !ok || pos.Line < 1 {
		return ""
	}
	line, found := nthLine(source, int(pos.Line))
	if !found {
		return ""
	}
	runes := []rune(cleanText(line))
	column := min(max(int(pos.Col)-1, 0), len(runes))
	pad := make([]rune, column)
	for i := range pad {
		pad[i] = ' '
		if runes[i] == '\t' {
			pad[i] = '\t' // so that the caret stands right at any tab width
		}
	}
	if len(runes) > excerptWidth {
		runes = append(runes[:excerptWidth], '…')
	}
	text := strings.TrimRight(string(runes), " \t")
	if strings.TrimSpace(text) == "" {
		return ""
	}
	number := strconv.Itoa(int(pos.Line))
	gutter := strings.Repeat(" ", len(number))
	out := fmt.Sprintf("  %s | %s", number, text)
	if column <= excerptWidth {
		out += fmt.Sprintf("\n  %s | %s^", gutter, string(pad))
	}
	return out
}

func nthLine(source string, n int) (string, bool) {
	source = unixLines(source)
	for ; n > 1; n-- {
		_, rest, ok := strings.Cut(source, "\n")
		if !ok {
			return "", false
		}
		source = rest
	}
	line, _, _ := strings.Cut(source, "\n")
	return line, true
}

// excerptAt is excerpt for a position that is text already.
func excerptAt(pos string, m *module) string {
	var line, col int32
	rest, ok := strings.CutPrefix(pos, m.shown+":")
	if !ok {
		return ""
	}
	if _, err := fmt.Sscanf(rest, "%d:%d", &line, &col); err != nil {
		return ""
	}
	return excerpt(syntax.MakePosition(&m.shown, line, col), map[string]string{m.shown: m.source})
}
