package recipetest

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"runbook/engine"
	"runbook/engine/event"
)

// asserts are what a test may claim. Each one that does not hold ends the test,
// and shows the values.
//
//	assert.eq(got, want)   assert.ne(got, other)
//	assert.true(x)         assert.false(x)          with a second argument that says why
//	assert.contains(all, one)                       also a part of a text
//	assert.fails(fn, "pattern")                     fn fails, and says that
//	assert.finding(got, "fault", rule = "unread", about = 100, title = "unread from")
//	                       one is there that agrees with all that is said; title,
//	                       means, because and do need only contain the text
//	assert.no_finding(got, "fault")                 none is
var asserts = &starlarkstruct.Module{Name: "assert", Members: starlark.StringDict{
	"eq":         starlark.NewBuiltin("assert.eq", assertEq),
	"ne":         starlark.NewBuiltin("assert.ne", assertNe),
	"true":       starlark.NewBuiltin("assert.true", assertTruth(true)),
	"false":      starlark.NewBuiltin("assert.false", assertTruth(false)),
	"contains":   starlark.NewBuiltin("assert.contains", assertContains),
	"fails":      starlark.NewBuiltin("assert.fails", assertFails),
	"finding":    starlark.NewBuiltin("assert.finding", assertFinding),
	"no_finding": starlark.NewBuiltin("assert.no_finding", assertNoFinding),
}}

// mismatch is the error of an assertion that does not hold.
type mismatch struct{ head, detail string }

func (m *mismatch) Error() string { return m.head }

type word = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

func assertEq(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	equal, err := starlark.Equal(got, want)
	if err != nil {
		return nil, err
	}
	if equal {
		return starlark.None, nil
	}
	return nil, &mismatch{b.Name() + ": they differ", difference(got, want)}
}

// difference shows two values: in two lines where that can be read, else as a
// diff of one element a line.
func difference(got, want starlark.Value) string {
	a, b := starlark.AsString, func(v starlark.Value) []string {
		var out []string
		if list, ok := v.(starlark.Iterable); ok {
			for x := range starlark.Elements(list) {
				out = append(out, x.String())
			}
		}
		return out
	}
	gotText, isText := a(got)
	wantText, both := a(want)
	switch {
	case isText && both && (strings.Contains(gotText, "\n") || strings.Contains(wantText, "\n")):
		return "- expected, + got\n" + diff(wantText, gotText)
	case got.Type() == want.Type() && len(b(got))+len(b(want)) > 4:
		return "- expected, + got\n" + diff(strings.Join(b(want), "\n"), strings.Join(b(got), "\n"))
	}
	return fmt.Sprintf("- %s\n+ %s\n", want, got)
}

func assertNe(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, other starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "got", &got, "other", &other); err != nil {
		return nil, err
	}
	equal, err := starlark.Equal(got, other)
	if err == nil && equal {
		err = &mismatch{b.Name() + ": they are equal", fmt.Sprintf("+ %s\n", got)}
	}
	return starlark.None, err
}

func assertTruth(want bool) word {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var x starlark.Value
		why := ""
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "x", &x, "why?", &why); err != nil {
			return nil, err
		}
		if bool(x.Truth()) == want {
			return starlark.None, nil
		}
		if why == "" {
			why = "it is not"
		}
		return nil, &mismatch{b.Name() + ": " + why, fmt.Sprintf("+ %s\n", x)}
	}
}

func assertContains(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var all, one starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "all", &all, "one", &one); err != nil {
		return nil, err
	}
	in := false
	switch c := all.(type) {
	case starlark.String:
		part, ok := starlark.AsString(one)
		if !ok {
			return nil, fmt.Errorf("%s: got %s, want a part of the text", b.Name(), one.Type())
		}
		in = strings.Contains(string(c), part)
	case starlark.Iterable:
		for x := range starlark.Elements(c) {
			if equal, err := starlark.Equal(x, one); err == nil && equal {
				in = true
			}
		}
	default:
		return nil, fmt.Errorf("%s: got %s, want a text, a list, a dict or a set", b.Name(), all.Type())
	}
	if in {
		return starlark.None, nil
	}
	text, ok := starlark.AsString(all)
	if !ok {
		text = all.String()
	}
	shown := ""
	for _, l := range lines(text) {
		shown += "+ " + l + "\n"
	}
	return nil, &mismatch{b.Name() + ": it is not in there", fmt.Sprintf("- %s\n%s", one, shown)}
}

func assertFails(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var fn starlark.Callable
	pattern := ""
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "fn", &fn, "pattern?", &pattern); err != nil {
		return nil, err
	}
	re, err := engine.CompileRegexp(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %q: %w", b.Name(), pattern, err)
	}
	got, err := starlark.Call(thread, fn, nil, nil)
	var eval *starlark.EvalError
	text := ""
	if errors.As(err, &eval) {
		text = eval.Msg
	} else if err != nil {
		text = err.Error()
	}
	switch {
	case err == nil:
		return nil, &mismatch{b.Name() + ": it does not fail", fmt.Sprintf("+ %s\n", got)}
	case !re.MatchString(text):
		return nil, &mismatch{b.Name() + ": it fails with other words", fmt.Sprintf("- %s\n+ %s\n", pattern, text)}
	}
	return starlark.String(text), nil
}

// findingOf is a finding as a test sees it.
func findingOf(n *notes, f *event.Finding) starlark.Value {
	group := func(of []event.Subject) starlark.Value {
		var out []starlark.Value
		for i := range of {
			out = append(out, subjectOf(&of[i]))
		}
		return starlark.NewList(out)
	}
	return starlarkstruct.FromStringDict(starlark.String("finding"), starlark.StringDict{
		"verdict": starlark.String(f.Verdict), "rule": starlark.String(n.rule(f)), "title": starlark.String(f.Title),
		"about": subjectOf(f.About), "victims": group(f.Victims), "members": group(f.Members),
		"means": starlark.String(f.Means), "because": starlark.String(f.Because), "do": starlark.String(f.Do),
	})
}

// subjectOf is a process as its pid, anything else as its name.
func subjectOf(s *event.Subject) starlark.Value {
	switch {
	case s == nil:
		return starlark.None
	case s.Type == "process":
		return starlark.MakeInt(s.PID)
	}
	return starlark.String(s.Label())
}

// findingWords are what assert.finding may be told: in full, or a part of it.
var findingWords = map[string]bool{"verdict": true, "rule": true, "about": true, "victims": true, "members": true,
	"title": false, "means": false, "because": false, "do": false}

func assertFinding(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	got, wants, err := findingArgs(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	if found := findFinding(got, wants); found != nil {
		return found, nil
	}
	return nil, &mismatch{b.Name() + ": there is none like it", fmt.Sprintf("- %s\n%s", wanted(wants), inStory(got))}
}

func assertNoFinding(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	got, wants, err := findingArgs(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	if found := findFinding(got, wants); found != nil {
		title, _ := found.(*starlarkstruct.Struct).Attr("title")
		return nil, &mismatch{b.Name() + ": there is one", fmt.Sprintf("+ %s\n%s", title, inStory(got))}
	}
	return starlark.None, nil
}

type wantedField struct {
	name  string
	value starlark.Value
}

func findingArgs(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (*starlarkstruct.Struct, []wantedField, error) {
	if len(args) == 0 || len(args) > 3 {
		return nil, nil, fmt.Errorf("%s: want what run(…) gave, a verdict, a rule, and all else by name", b.Name())
	}
	got, ok := args[0].(*starlarkstruct.Struct)
	if !ok || got.Constructor() != starlark.Value(starlark.String("run")) {
		return nil, nil, fmt.Errorf("%s: got %s, want what run(…) gave", b.Name(), args[0].Type())
	}
	var wants []wantedField
	for i, v := range args[1:] {
		wants = append(wants, wantedField{[]string{"verdict", "rule"}[i], v})
	}
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		if _, ok := findingWords[name]; !ok {
			return nil, nil, fmt.Errorf("%s: a finding has no %s%s", b.Name(), name, didYouMean(engine.Nearest(name, []string{
				"verdict", "rule", "about", "victims", "members", "title", "means", "because", "do"})))
		}
		wants = append(wants, wantedField{name, kv[1]})
	}
	return got, wants, nil
}

func findFinding(got *starlarkstruct.Struct, wants []wantedField) starlark.Value {
	list, _ := got.Attr("findings")
	for f := range starlark.Elements(list.(*starlark.List)) {
		if agrees(f.(*starlarkstruct.Struct), wants) {
			return f
		}
	}
	return nil
}

func agrees(f *starlarkstruct.Struct, wants []wantedField) bool {
	for _, w := range wants {
		v, err := f.Attr(w.name)
		if err != nil {
			return false
		}
		if !findingWords[w.name] {
			text, _ := starlark.AsString(v)
			part, ok := starlark.AsString(w.value)
			if !ok || !strings.Contains(text, part) {
				return false
			}
			continue
		}
		if equal, err := starlark.Equal(v, w.value); err != nil || !equal {
			return false
		}
	}
	return true
}

func wanted(wants []wantedField) string {
	var parts []string
	for _, w := range wants {
		parts = append(parts, fmt.Sprintf("%s = %s", w.name, w.value))
	}
	return strings.Join(parts, ", ")
}

// inStory is all that was found, line by line.
func inStory(got *starlarkstruct.Struct) string {
	v, _ := got.Attr("text")
	text, _ := starlark.AsString(v)
	var b strings.Builder
	for _, l := range lines(text) {
		b.WriteString("+ " + l + "\n")
	}
	return b.String()
}
