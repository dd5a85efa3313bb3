package engine

import (
	"fmt"
	"strings"
	"time"

	"go.starlark.net/lib/json"
	"go.starlark.net/lib/math"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// words are the names that every file knows beside Starlark's own: the language
// of recipes, and the builtins of the table.
func words(table []Builtin) starlark.StringDict {
	all := starlark.StringDict{
		"recipe": starlark.NewBuiltin("recipe", declareRecipe),
		"step":   starlark.NewBuiltin("step", declareStep),
		"param":  paramModule,

		"fault":    verdictWord("fault"),
		"warn":     verdictWord("warn"),
		"rule_out": verdictWord("rule_out"),
		"unknown":  verdictWord("unknown"),
		"note":     verdictWord("note"),
		"stop":     starlark.NewBuiltin("stop", sayStop),
		"show":     starlark.NewBuiltin("show", sayShow),

		"regexp": starlark.NewBuiltin("regexp", makeRegexp),
		"struct": starlark.NewBuiltin("struct", starlarkstruct.Make),
		"size":   starlark.NewBuiltin("size", saySize),
		"span":   starlark.NewBuiltin("span", saySpan),
		"plural": starlark.NewBuiltin("plural", sayPlural),
		"json":   json.Module,
		"math":   math.Module,
		"time":   startime.Module,
	}
	for i := range table {
		b := &table[i]
		space, name, dotted := strings.Cut(b.Name, ".")
		if !dotted {
			all[b.Name] = wrap(b)
			continue
		}
		m, ok := all[space].(*starlarkstruct.Module)
		if !ok {
			m = &starlarkstruct.Module{Name: space, Members: starlark.StringDict{}}
			all[space] = m
		}
		m.Members[name] = wrap(b)
	}
	all.Freeze()
	return all
}

// makeRegexp is regexp(pattern, default): default, if it is given, stands for
// what is no pattern, as in json.decode.
func makeRegexp(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var pattern string
	var instead starlark.Value
	if err := starlark.UnpackArgs("regexp", args, kwargs, "pattern", &pattern, "default?", &instead); err != nil {
		return nil, err
	}
	re, err := NewRegexp(pattern)
	switch {
	case err == nil:
		return re, nil
	case instead != nil:
		return instead, nil
	}
	return nil, fmt.Errorf("regexp %q: %w", pattern, err)
}

// saySize is size(n): "45,815 bytes", "1 byte".
func saySize(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n int64
	if err := starlark.UnpackArgs("size", args, kwargs, "n", &n); err != nil {
		return nil, err
	}
	return starlark.String(plural(n, "byte", "")), nil
}

// saySpan is span(d): "1.0s", "12m03s", "3h02m".
func saySpan(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var d startime.Duration
	if err := starlark.UnpackArgs("span", args, kwargs, "d", &d); err != nil {
		return nil, err
	}
	return starlark.String(span(time.Duration(d))), nil
}

// sayPlural is plural(n, "actor", many = None): "1 actor", "3 actors".
func sayPlural(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n int64
	var one, many string
	if err := starlark.UnpackArgs("plural", args, kwargs, "n", &n, "one", &one, "many?", &many); err != nil {
		return nil, err
	}
	return starlark.String(plural(n, one, many)), nil
}
