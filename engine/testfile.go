package engine

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"go.starlark.net/starlark"
)

// IsTest reports whether a file holds tests of recipes and not a recipe:
// NAME_test.star lies beside NAME.star.
func IsTest(file string) bool { return strings.HasSuffix(file, testSuffix) }

const testSuffix = "_test.star"

// testWords stand for what a test file may call beside the words of a recipe,
// where nobody runs tests: list, docs and check load any file.
var testWords = func() starlark.StringDict {
	words := starlark.StringDict{}
	for _, name := range []string{"assert", "run", "call"} {
		words[name] = onlyInTests{name}
	}
	return words
}()

// onlyInTests is a word that does nothing but be known.
type onlyInTests struct{ name string }

func (w onlyInTests) String() string        { return w.name }
func (w onlyInTests) Type() string          { return "word of a test" }
func (w onlyInTests) Freeze()               {}
func (w onlyInTests) Truth() starlark.Bool  { return true }
func (w onlyInTests) Hash() (uint32, error) { return 0, errors.New("unhashable") }

// Tests is a loaded test file. It is frozen.
type Tests struct {
	File      string // as positions show it
	Doc       string
	Functions []*starlark.Function // named test_…, without parameters, in the order of the file

	sources map[string]string
}

// LoadTests reads a test file and all that it loads. words are what it may call
// beside the words of a recipe. Errors: LoadErrors, or what reading said.
func (l *Library) LoadTests(ctx context.Context, place Place, words starlark.StringDict) (*Tests, error) {
	ld := newLoader(l)
	ld.tests = joined(ld.words, words)
	m, err := ld.open(ctx, place)
	if err != nil {
		return nil, err
	}
	t := &Tests{File: m.shown, Doc: m.doc, sources: ld.sources}
	for name, v := range m.globals {
		fn, ok := v.(*starlark.Function)
		if !ok || !strings.HasPrefix(name, "test_") || fn.Position().Filename() != m.shown {
			continue
		}
		if fn.NumParams() > 0 {
			return nil, LoadErrors{{Pos: position(fn.Position()), Msg: name + ": a test has no parameters", Hint: "call run(…) or call(…) in it"}}
		}
		t.Functions = append(t.Functions, fn)
	}
	sort.Slice(t.Functions, func(i, j int) bool {
		a, b := t.Functions[i].Position(), t.Functions[j].Position()
		return a.Line < b.Line
	})
	return t, nil
}

// joined is both dictionaries in one.
func joined(a, b starlark.StringDict) starlark.StringDict {
	out := make(starlark.StringDict, len(a)+len(b))
	for _, d := range []starlark.StringDict{a, b} {
		for name, v := range d {
			out[name] = v
		}
	}
	return out
}

// Explain says where in the files an error of one of the functions arose.
func (t *Tests) Explain(err error) *ScriptError { return scriptError(err, t.sources) }

// Alone is a recipe of which a function is the only step, with every effect
// asked for: so a test calls a function as a step would. It has no parameters.
func (t *Tests) Alone(fn *starlark.Function) (*Recipe, error) {
	if fn.NumParams() > 0 {
		return nil, fmt.Errorf("%s has parameters: say lambda: %s(…)", fn.Name(), fn.Name())
	}
	s := newStep(fn, effects, 0)
	if s.Name == "lambda" {
		s.Name = "call"
	}
	return &Recipe{Name: "call", Title: "call", Steps: []Step{s}, Origin: t.File, Path: t.File, Trusted: true, sources: t.sources}, nil
}
