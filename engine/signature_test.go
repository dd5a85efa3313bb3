package engine

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

// What check believes of the words is what the words take.
func TestWordSignatures(t *testing.T) {
	thread := &starlark.Thread{}
	thread.SetLocal(runningKey, &stepRun{})
	loader := &starlark.Thread{}
	setLoading(loader, &module{})
	words := words(nil)
	for name, w := range wordSignatures {
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
