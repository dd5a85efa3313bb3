package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// What check, the reference and an editor say of the words is what the words
// take.
func TestWordSignatures(t *testing.T) {
	thread := &starlark.Thread{}
	thread.SetLocal(runningKey, &stepRun{})
	loader := &starlark.Thread{}
	setLoading(loader, &module{})
	words := words(nil)
	for name, w := range wordSignatures() {
		b := words[name].(*starlark.Builtin)
		call := func(args int, kwargs ...string) string {
			var list []starlark.Tuple
			for _, k := range kwargs {
				list = append(list, starlark.Tuple{starlark.String(k), starlark.None})
			}
			on := thread
			if name == "recipe" || name == "step" {
				on = loader
			}
			on.Cancel("")
			on.Uncancel()
			var err error
			func() {
				defer func() { _ = recover() }() // it went on with what it was given
				_, err = starlark.Call(on, b, make(starlark.Tuple, args), list)
			}()
			if err == nil {
				return ""
			}
			return err.Error()
		}
		if said := call(0, "no_such_argument"); !strings.Contains(said, "no_such_argument") {
			t.Errorf("%s: takes an argument of any name: %q", name, said)
		}
		for _, p := range w.takes.params {
			if said := call(0, p.name); strings.Contains(said, "unexpected keyword") {
				t.Errorf("%s: %s", name, said)
			}
			if said := call(0); p.required && !strings.Contains(said, "missing argument") {
				t.Errorf("%s: needs no %s: %q", name, p.name, said)
			}
		}
	}
}

// Every word has its row in the reference, and nothing else has one.
func TestEveryWordIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, row := range Words() {
		documented[row.Name] = true
		if row.Doc == "" || row.Returns == "" || row.Example == "" {
			t.Errorf("%s: incomplete row: %+v", row.Name, row)
		}
		if _, err := dialect.Parse(row.Name, row.Example, 0); err != nil {
			t.Errorf("the example: %v", err)
		}
	}
	known := map[string]bool{}
	for name, v := range words(nil) {
		switch v := v.(type) {
		case *starlark.Builtin:
			known[name] = true
		case *starlarkstruct.Module:
			if v.Name == "param" {
				for member := range v.Members {
					known[name+"."+member] = true
				}
			}
		}
	}
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("words (-) and rows (+):\n%s", diff)
	}
}
