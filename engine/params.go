package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// Kind is how the texts of a parameter are read.
type Kind string

// The kinds, and what a step receives.
const (
	KindString   Kind = "string"   // string
	KindInt      Kind = "int"      // int, 64 bits
	KindBool     Kind = "bool"     // bool
	KindDuration Kind = "duration" // time.duration, not negative
	KindRegexp   Kind = "regexp"   // regexp
	KindChoice   Kind = "choice"   // string, one of Choices
	KindPath     Kind = "path"     // string; None when it was not given
	KindPids     Kind = "pids"     // list of int; repeated or with commas
	KindList     Kind = "list"     // list of string; repeated
	KindRest     Kind = "rest"     // list of string: positional, and what follows "--"; see Param.After
)

// Param is a parameter of a recipe. It becomes a flag of `runbook run`.
type Param struct {
	Name     string
	Kind     Kind
	Default  string   // as a user would type it; "" = empty, or none
	Doc      string   // one line
	Choices  []string // of KindChoice
	Repeated bool     // may be given several times
	After    bool     // of KindRest: takes what follows "--", and the other takes what stands before
	Required bool     // without it nothing runs, not even the first step
	Least    string   // of KindInt and KindDuration: what is allowed, both ends included; "" = no limit
	Most     string
	Pos      string

	value starlark.Value // the default
}

// Flag is the parameter's flag without the dashes: older_than ↔ older-than. A
// name that no step could have as a parameter has a "_" behind it, which the
// flag has not: import_ ↔ import.
func (p Param) Flag() string { return strings.TrimPrefix(dashed(p.Name), "--") }

// Typed is how a user gives the parameter: --older-than, or where it stands.
func (p Param) Typed() string {
	switch {
	case p.Kind == KindRest && p.After:
		return "-- " + strings.ToUpper(p.Name) + " …"
	case p.Kind == KindRest:
		return strings.ToUpper(p.Name) + " …"
	}
	return "--" + p.Flag()
}

// ReservedFlags are the flags of `runbook run` itself. A parameter may not be
// named like one: the command line would have two meanings.
var ReservedFlags = []string{
	"allow", "color", "deadline", "dry-run", "explain", "fail-on", "from", "help", "json", "jsonl", "keep-reads",
	"no-input", "no-record", "proc", "record", "refuse-attach", "sarif", "step", "v", "verbose", "width", "yes",
}

func isReserved(flag string) bool {
	for _, r := range ReservedFlags {
		if r == flag {
			return true
		}
	}
	return false
}

func isParamName(s string) bool {
	for i, r := range s {
		if r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '_') {
			continue
		}
		return false
	}
	return s != "" && !strings.HasSuffix(s, "__")
}

// paramValue is what param.duration("0s", "…") and its like return.
type paramValue struct{ Param }

func (p *paramValue) String() string        { return "param." + string(p.Kind) + "(…)" }
func (p *paramValue) Type() string          { return "param" }
func (p *paramValue) Freeze()               {}
func (p *paramValue) Truth() starlark.Bool  { return true }
func (p *paramValue) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: param") }

// paramModule is the word `param`. What has a natural default takes it first:
// param.duration("1s", "Sampling interval."); what is empty by nature takes its
// doc first: param.pids("Any process of the tree."). What a recipe cannot do
// without has no default: param.rest("Test files.", required = True).
var paramModule = func() *starlarkstruct.Module {
	m := &starlarkstruct.Module{Name: "param", Members: starlark.StringDict{}}
	for _, k := range paramKinds {
		m.Members[string(k.kind)] = paramWord(k.kind, k.takes...)
	}
	return m
}()

var paramKinds = []struct {
	kind    Kind
	takes   []string
	gets    string // what a user gives, and a step gets
	example string
}{
	{KindString, []string{"default?", "doc?", "required?"}, "a text; the step gets a string", `param.string("", "The interpreter.")`},
	{KindInt, []string{"default?", "doc?", "required?", "least?", "most?"}, "a number; the step gets an int", `param.int(1, "How often.", least = 1)`},
	{KindDuration, []string{"default?", "doc?", "required?", "least?", "most?"}, "a length of time such as 1s or 5m; the step gets a duration", `param.duration("1s", "Sampling interval.")`},
	{KindRegexp, []string{"default?", "doc?", "required?"}, "a regular expression; the step gets a regexp", `param.regexp("", "Only processes whose command matches.")`},
	{KindChoice, []string{"choices", "default?", "doc?"}, "one of several words; the step gets a string", `param.choice(["asyncio", "trio"], "trio", "The event loop.")`},
	{KindBool, []string{"doc?", "default?"}, "a switch; the step gets a bool", `param.bool("Until it is known whether it flakes.")`},
	{KindPath, []string{"doc?", "default?", "required?"}, "a file; the step gets a string, None when it was not given, and may write that file without a grant", `param.path("Writes a report there.")`},
	{KindPids, []string{"doc?", "default?", "required?"}, "process ids, repeated or with commas; the step gets a list of int", `param.pids("Any process of the tree.")`},
	{KindList, []string{"doc?", "default?", "required?"}, "texts, the flag repeated; the step gets a list of string", `param.list("An address.", ["127.0.0.1:1616"])`},
	{KindRest, []string{"doc?", "default?", "after?", "required?"}, "the arguments without a flag; the step gets a list of string", `param.rest("Test files.", required = True)`},
}

// cutOptional takes the question mark off that makes an argument optional.
func cutOptional(arg string) (name string, optional bool) { return strings.CutSuffix(arg, "?") }

func paramWord(kind Kind, order ...string) *starlark.Builtin {
	name := "param." + string(kind)
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if loading(thread) == nil {
			return nil, fmt.Errorf("%s: only at the top level of a file", name)
		}
		var doc string
		var after, required bool
		var dflt starlark.Value = starlark.None
		var least, most starlark.Value
		var choices *starlark.List
		var into []any
		for _, o := range order {
			into = append(into, o)
			switch strings.TrimSuffix(o, "?") {
			case "doc":
				into = append(into, &doc)
			case "default":
				into = append(into, &dflt)
			case "choices":
				into = append(into, &choices)
			case "after":
				into = append(into, &after)
			case "required":
				into = append(into, &required)
			case "least":
				into = append(into, &least)
			case "most":
				into = append(into, &most)
			}
		}
		if err := starlark.UnpackArgs(name, args, kwargs, into...); err != nil {
			return nil, err
		}
		p := Param{
			Kind: kind, Doc: oneLine(doc), Pos: said(thread), After: after, Required: required,
			Repeated: kind == KindPids || kind == KindList || kind == KindRest,
		}
		if choices != nil {
			for i := range choices.Len() {
				c, ok := starlark.AsString(choices.Index(i))
				if !ok {
					return nil, fmt.Errorf("%s: choices[%d]: got %s, want string", name, i, choices.Index(i).Type())
				}
				p.Choices = append(p.Choices, c)
			}
		}
		for _, limit := range []struct {
			text  *string
			value starlark.Value
		}{{&p.Least, least}, {&p.Most, most}} {
			if limit.value == nil {
				continue
			}
			*limit.text = plainText(limit.value)
			if _, err := p.parse([]string{*limit.text}); err != nil {
				return nil, fmt.Errorf("%s: limit %s: %w", name, *limit.text, err)
			}
		}
		if required && dflt != starlark.None {
			return nil, fmt.Errorf("%s: required, and has a default", name)
		}
		if err := p.setDefault(dflt); err != nil {
			return nil, fmt.Errorf("%s: default: %w", name, err)
		}
		return &paramValue{p}, nil
	})
}

// plainText is a value as a user would type it.
func plainText(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	return v.String()
}

// setDefault reads the default as a user's text would be read, so that a
// default that no user could give is an error of the file.
func (p *Param) setDefault(v starlark.Value) error {
	var texts []string
	switch v := v.(type) {
	case starlark.NoneType:
		return p.empty()
	case starlark.String:
		texts = []string{string(v)}
	case starlark.Bool:
		texts = []string{strconv.FormatBool(bool(v))}
	case starlark.Int:
		texts = []string{v.String()}
	case startime.Duration:
		texts = []string{time.Duration(v).String()}
	case *Regexp:
		texts = []string{v.re.String()}
	case *starlark.List:
		for i := range v.Len() {
			switch x := v.Index(i).(type) {
			case starlark.String:
				texts = append(texts, string(x))
			case starlark.Int:
				texts = append(texts, x.String())
			default:
				return fmt.Errorf("got %s in a list, want string or int", x.Type())
			}
		}
	default:
		return fmt.Errorf("got %s", v.Type())
	}
	if p.Kind == KindRest && len(texts) > 0 {
		return fmt.Errorf("the rest of the arguments has no default")
	}
	if p.Kind == KindPath && len(texts) == 1 && texts[0] == "" {
		return p.empty()
	}
	value, err := p.parse(texts)
	if err != nil {
		return err
	}
	p.Default, p.value = strings.Join(texts, ","), value
	return nil
}

// empty is the default of a parameter that names none.
func (p *Param) empty() error {
	switch p.Kind {
	case KindString:
		p.value = starlark.String("")
	case KindInt:
		p.Default, p.value = "0", starlark.MakeInt(0)
	case KindBool:
		p.Default, p.value = "false", starlark.False
	case KindDuration:
		p.Default, p.value = "0s", startime.Duration(0)
	case KindRegexp:
		p.value, _ = NewRegexp("")
	case KindChoice:
		if len(p.Choices) == 0 {
			return fmt.Errorf("no choices")
		}
		p.Default, p.value = p.Choices[0], starlark.String(p.Choices[0])
	case KindPath:
		p.value = starlark.None
	case KindPids, KindList, KindRest:
		list := starlark.NewList(nil)
		list.Freeze()
		p.value = list
	default:
		p.value = starlark.None
	}
	return nil
}
