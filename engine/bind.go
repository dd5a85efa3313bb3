package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// Bound is a recipe's parameters with their values.
type Bound struct {
	values starlark.StringDict
	Given  map[string]bool // which of them the user gave
	Fields event.Fields    // all, in the order of the recipe
	texts  map[string]Kind // what the user gave, word by word, and to which kind of parameter
}

// named is the kind of parameter in which the user gave exactly this text; ""
// for defaults, and for what a recipe made up.
func (b *Bound) named(text string) Kind { return b.texts[text] }

// Bind reads the texts that a user gave: by parameter name (not flag), and the
// positional rest. Errors: *UsageError.
func (r *Recipe) Bind(texts map[string][]string, rest []string) (*Bound, error) {
	b := &Bound{values: starlark.StringDict{}, Given: map[string]bool{}, Fields: event.Fields{}, texts: map[string]Kind{}}
	var names []string
	positional, after := cutRest(rest, r.Params)
	takesRest := false
	for _, p := range r.Params {
		names = append(names, p.Name)
		given, ok := texts[p.Name]
		if p.Kind == KindRest {
			more := positional
			if p.After {
				more = after
			} else {
				takesRest = true
			}
			given = append(slices.Clone(given), more...)
			ok = len(given) > 0
		}
		if p.Required && strings.Join(given, "") == "" {
			return nil, p.missing(r.Name)
		}
		value := p.standIn()
		if ok {
			if slices.ContainsFunc(given, p.isHollow) {
				return nil, p.usage(given, hinted{errors.New("is empty"), "leave " + p.Typed() + " out, or say what it is to be"})
			}
			var err error
			if value, err = p.parse(given); err != nil {
				return nil, p.usage(given, err)
			}
			b.Given[p.Name] = true
			for _, text := range given {
				if b.texts[text] != KindPath {
					b.texts[text] = p.Kind
				}
			}
		}
		value.Freeze()
		b.values[p.Name] = value
		b.Fields = append(b.Fields, event.Field{Name: p.Name, Value: fieldOf(value)})
	}
	unknown := []string{}
	for name := range texts {
		if !slices.Contains(names, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		e := &UsageError{Msg: fmt.Sprintf("%s has no parameter %s", r.Name, dashed(unknown[0]))}
		if n := Nearest(unknown[0], names); n != "" {
			e.Hint = "did you mean " + dashed(n) + "?"
		}
		return nil, e
	}
	if len(positional) > 0 && !takesRest {
		return nil, &UsageError{Msg: fmt.Sprintf("%s takes no arguments, got %q", r.Name, positional[0])}
	}
	return b, nil
}

// cutRest takes apart what stands before "--" and what follows it, for a recipe
// that has a parameter for each.
func cutRest(rest []string, params []Param) (positional, after []string) {
	at := slices.Index(rest, "--")
	if at < 0 || !SplitsRest(params) {
		return rest, nil
	}
	return rest[:at], rest[at+1:]
}

// SplitsRest reports whether a recipe tells what follows "--" from what stands
// before it: only then does "--" stand in a request's Rest.
func SplitsRest(params []Param) bool {
	return slices.ContainsFunc(params, func(p Param) bool { return p.After })
}

// standIn is the value when none was given. A recipe that came over a pipe as
// JSON has the text of its defaults only.
func (p Param) standIn() starlark.Value {
	if p.value == nil && p.Default != "" {
		p.value, _ = p.parse([]string{p.Default})
	}
	if p.value == nil {
		_ = p.empty()
	}
	return p.value
}

func dashed(name string) string {
	return "--" + strings.ReplaceAll(strings.TrimSuffix(name, "_"), "_", "-")
}

func (p Param) usage(given []string, err error) error {
	e := &UsageError{}
	var h hinted
	if errors.As(err, &h) {
		e.Hint = h.hint
	}
	switch p.Kind {
	case KindRest:
		e.Msg = fmt.Sprintf("arguments: %v", err)
		return e
	case KindPids: // of several, the error names the one that is none
		e.Msg = fmt.Sprintf("%s: %v", dashed(p.Name), err)
		return e
	}
	e.Msg = fmt.Sprintf("%s %s: %v", dashed(p.Name), quoteAll(given), err)
	return e
}

// missing says what a recipe cannot do without.
func (p Param) missing(recipe string) error {
	e := &UsageError{Msg: fmt.Sprintf("%s: %s is missing", recipe, p.Typed()), Hint: fmt.Sprintf("runbook run %s --help", recipe)}
	if p.Doc != "" {
		e.Msg += ": " + strings.TrimSuffix(p.Doc, ".")
	}
	return e
}

func quoteAll(texts []string) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strconv.Quote(t)
	}
	return strings.Join(out, " ")
}

// hinted is an error with a line that can be typed.
type hinted struct {
	error
	hint string
}

// isHollow reports whether a text says nothing that the flag left out does not
// say: it comes from a variable of a shell that was never set.
func (p Param) isHollow(text string) bool {
	switch p.Kind {
	case KindString:
		return text == "" && p.Default == ""
	case KindRegexp, KindList:
		return text == ""
	}
	return false
}

// parse reads the texts of one parameter.
func (p Param) parse(texts []string) (starlark.Value, error) {
	switch p.Kind {
	case KindPids:
		return parsePids(texts)
	case KindList, KindRest:
		list := make([]starlark.Value, len(texts))
		for i, t := range texts {
			list[i] = starlark.String(t)
		}
		return starlark.NewList(list), nil
	}
	if len(texts) != 1 {
		return nil, fmt.Errorf("given %d times, want once", len(texts))
	}
	text := texts[0]
	switch p.Kind {
	case KindString:
		return starlark.String(text), nil
	case KindInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("not a whole number")
		}
		least, low := strconv.ParseInt(p.Least, 10, 64)
		most, high := strconv.ParseInt(p.Most, 10, 64)
		if low == nil && n < least || high == nil && n > most {
			return nil, p.limits()
		}
		return starlark.MakeInt64(n), nil
	case KindBool:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("not a bool (true or false)")
		}
		return starlark.Bool(v), nil
	case KindDuration:
		return p.parseDuration(text)
	case KindRegexp:
		re, err := NewRegexp(text)
		if err != nil {
			return nil, err
		}
		return re, nil
	case KindChoice:
		if slices.Contains(p.Choices, text) {
			return starlark.String(text), nil
		}
		err := fmt.Errorf("want one of %s", strings.Join(p.Choices, ", "))
		if n := Nearest(text, p.Choices); n != "" {
			return nil, hinted{err, "did you mean " + n + "?"}
		}
		return nil, err
	case KindPath:
		if text == "" || strings.ContainsRune(text, 0) {
			return nil, fmt.Errorf("not a path")
		}
		return starlark.String(text), nil
	}
	return nil, fmt.Errorf("unknown kind %s", p.Kind)
}

// limits is the error for a value outside of them.
func (p Param) limits() error {
	switch {
	case p.Most == "":
		return fmt.Errorf("want %s or more", p.Least)
	case p.Least == "":
		return fmt.Errorf("want %s or less", p.Most)
	}
	return fmt.Errorf("want %s to %s", p.Least, p.Most)
}

func (p Param) parseDuration(text string) (starlark.Value, error) {
	d, err := time.ParseDuration(text)
	least, low := time.ParseDuration(p.Least)
	most, high := time.ParseDuration(p.Most)
	switch {
	case err == nil && (low == nil && d < least || high == nil && d > most):
		return nil, p.limits()
	case err == nil && d < 0:
		return nil, fmt.Errorf("is negative")
	case err == nil:
		return startime.Duration(d), nil
	}
	err = fmt.Errorf("not a duration (such as 500ms, 90s, 2m or 1h30m)")
	if _, number := strconv.ParseFloat(text, 64); number == nil {
		return nil, hinted{err, fmt.Sprintf("a duration has a unit: %ss", text)}
	}
	return nil, err
}

func parsePids(texts []string) (starlark.Value, error) {
	var pids []starlark.Value
	for _, text := range texts {
		for _, t := range strings.Split(text, ",") {
			n, err := strconv.ParseInt(strings.TrimSpace(t), 10, 32)
			if err != nil || n <= 0 {
				return nil, fmt.Errorf("%q is not a pid (a number above 0)", t)
			}
			pids = append(pids, starlark.MakeInt64(n))
		}
	}
	return starlark.NewList(pids), nil
}

// given lists the parameters that the user set, in the order of the recipe.
func (b *Bound) given() []string {
	names := []string{}
	for _, f := range b.Fields {
		if b.Given[f.Name] {
			names = append(names, f.Name)
		}
	}
	return names
}

// Values are the parameters' values by name, frozen.
func (b *Bound) Values() starlark.StringDict { return b.values }
