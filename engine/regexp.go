package engine

import (
	"errors"
	"fmt"
	"regexp"
	resyntax "regexp/syntax"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Regexp is a compiled pattern as recipes hold it: .pattern, .search(s),
// .find(s), .groups(s). RE2 syntax, so matching takes linear time.
type Regexp struct{ re *regexp.Regexp }

var (
	_ starlark.HasAttrs   = (*Regexp)(nil)
	_ starlark.Comparable = (*Regexp)(nil)
)

// NewRegexp compiles a pattern.
func NewRegexp(pattern string) (*Regexp, error) {
	re, err := CompileRegexp(pattern)
	if err != nil {
		return nil, err
	}
	return &Regexp{re}, nil
}

// CompileRegexp is regexp.Compile with errors for a person who sees the pattern
// already: "missing closing )", and where, in a longer one.
func CompileRegexp(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	var wrong *resyntax.Error
	switch {
	case errors.As(err, &wrong) && wrong.Expr != pattern && wrong.Expr != "":
		return nil, fmt.Errorf("no regular expression: %s at %q", wrong.Code, wrong.Expr)
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("no regular expression: %s", wrong.Code)
	}
	return re, err
}

// Regexp is the Go value, for builtins that take one.
func (r *Regexp) Regexp() *regexp.Regexp { return r.re }

func (r *Regexp) String() string        { return fmt.Sprintf("regexp(%q)", r.re.String()) }
func (r *Regexp) Type() string          { return "regexp" }
func (r *Regexp) Freeze()               {}
func (r *Regexp) Truth() starlark.Bool  { return starlark.Bool(r.re.String() != "") }
func (r *Regexp) Hash() (uint32, error) { return starlark.String(r.re.String()).Hash() }
func (r *Regexp) AttrNames() []string   { return []string{"find", "groups", "pattern", "search"} }

// CompareSameType makes equal patterns equal, so that a regexp is a fair key.
func (r *Regexp) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	same := r.re.String() == y.(*Regexp).re.String()
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	}
	return false, fmt.Errorf("regexp %s regexp: only == and != are defined", op)
}

// Attr gives .pattern and the three ways to match.
func (r *Regexp) Attr(name string) (starlark.Value, error) {
	switch name {
	case "pattern":
		return starlark.String(r.re.String()), nil
	case "search": // does it match anywhere?
		return r.method(name, func(s string) starlark.Value { return starlark.Bool(r.re.MatchString(s)) }), nil
	case "find": // the text that matched, None when none did
		return r.method(name, func(s string) starlark.Value {
			at := r.re.FindStringIndex(s)
			if at == nil {
				return starlark.None
			}
			return starlark.String(s[at[0]:at[1]])
		}), nil
	case "groups": // the texts of the groups (None for one that took no part), or None
		return r.method(name, func(s string) starlark.Value {
			at := r.re.FindStringSubmatchIndex(s)
			if at == nil {
				return starlark.None
			}
			groups := make([]starlark.Value, 0, len(at)/2-1)
			for i := 2; i < len(at); i += 2 {
				if at[i] < 0 {
					groups = append(groups, starlark.None)
					continue
				}
				groups = append(groups, starlark.String(s[at[i]:at[i+1]]))
			}
			return starlark.NewList(groups)
		}), nil
	}
	return nil, nil
}

func (r *Regexp) method(name string, match func(string) starlark.Value) starlark.Value {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var s string
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "s", &s); err != nil {
			return nil, err
		}
		return match(s), nil
	}).BindReceiver(r)
}
