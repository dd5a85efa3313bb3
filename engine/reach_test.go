package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.starlark.net/starlark"
)

// The text of a recipe says at least what a run of it does: files that pass
// builtins around in every way that the language has are written at random,
// read by Reaches, and then run against a table that notes what is called.

func FuzzReachesNeverMissesAnEffect(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, seed*7919)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) { holdsReach(t, rand.New(rand.NewPCG(a, b))) })
}

func TestReachesNeverMissesAnEffect(t *testing.T) {
	called, handed := 0, 0
	for seed := range uint64(400) {
		c, h := holdsReach(t, rand.New(rand.NewPCG(seed, 1)))
		called, handed = called+c, handed+h
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d calls of builtins that act, %d of them handed from step to step", called, handed)
	if called < 800 || handed < 200 {
		t.Errorf("only %d calls, %d handed: the recipes do too little to prove anything", called, handed)
	}
}

// holdsReach writes a recipe, and compares what is said of it with what it
// does. It returns how many different builtins its steps called.
func holdsReach(t *testing.T, r *rand.Rand) (called, handed int) {
	w := &scribe{Rand: r}
	files := w.files()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := &deeds{seen: map[string]bool{}}
	lib := &Library{Builtins: done.table()}
	show := func() string {
		var b strings.Builder
		for _, name := range []string{"lib/a.star", "lib/b.star", "main.star"} {
			fmt.Fprintf(&b, "-- %s --\n%s", name, files[name])
		}
		return b.String()
	}
	file := filepath.Join(dir, "main.star")
	reaches, err := NewChecker(lib).Reaches(context.Background(), file)
	if err != nil {
		t.Errorf("%v\n%s", err, show())
		return 0, 0
	}
	recipe, err := lib.Find(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{Now: ticking()}
	if _, err := e.Run(context.Background(), Request{Recipe: recipe, Sink: &memory{}, Grants: Grants{Allow: effects}}); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, x := range reaches {
		said[x.Step+" "+x.Builtin] = x.Handed
		if x.Pos == "" || x.Here == "" {
			t.Errorf("%+v: no position\n%s", x, show())
		}
	}
	for deed := range done.seen {
		from, ok := said[deed]
		if !ok {
			t.Errorf("%s was called, and is not among %v\n%s", deed, reaches, show())
		}
		called++
		if from != "" {
			handed++
		}
	}
	return called, handed
}

// deeds is a table of builtins that note which step called them.
type deeds struct {
	mu   sync.Mutex
	seen map[string]bool // "step builtin"
}

func (d *deeds) table() []Builtin {
	act := func(name string, effect Effect) Builtin {
		return Builtin{Name: name, Effect: effect, Func: func(call *Call, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.seen[call.Step+" "+name] = true
			return starlark.None, nil
		}}
	}
	return []Builtin{
		act("start", Run), act("finish", Kill), act("act.write", Write), act("act.launch", Run), act("act.end", Kill),
		{Name: "call_back", Params: []Arg{{Name: "fn", Type: "function()"}}, Func: func(call *Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var fn starlark.Callable
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "fn", &fn); err != nil {
				return nil, err
			}
			return starlark.Call(call.Thread, fn, nil, nil)
		}},
	}
}

// scribe writes recipes. A value is a text that evaluates to a function which
// takes whatever it is given.
type scribe struct {
	*rand.Rand
	names []string // of functions that can be named here
	depth int
}

func (w *scribe) pick(of ...string) string { return of[w.IntN(len(of))] }

const tools = `
def apply(f, *args, **kwargs):
    return f()

def make(f):
    return lambda *args, **kwargs: f()

def same(f):
    return f

def wrap(f):
    def inner(*args, **kwargs):
        return f(*args, **kwargs)

    return inner

def keep(f):
    def inner(x = f, *args, **kwargs):
        return x()

    return inner
`

// files are a recipe and two libraries, of which one loads the other.
func (w *scribe) files() map[string]string {
	a := w.library("", nil)
	b := w.library(`load("./a.star", one = "F0", two = "G0", three = "H0")`+"\n", []string{"one", "two", "three()"})
	loads := `load("./lib/a.star", a_f = "F1", a_g = "G1", a_h = "H1")` + "\n" + `load("./lib/b.star", b_f = "F0", b_g = "G1", b_h = "H0")` + "\n"
	main := w.library(loads, []string{"a_f", "a_g", "a_h()", "b_f", "b_g", "b_h()"})
	return map[string]string{"lib/a.star": a, "lib/b.star": b, "main.star": main + w.steps()}
}

// library defines F (functions), G (values) and H (functions that return one).
// What it names are these and what it loads.
func (w *scribe) library(head string, names []string) string {
	w.names = names
	out := head + tools
	for i := range 2 {
		out += fmt.Sprintf("\ndef F%d(x = %s, *args, **kwargs):\n%s", i, w.value(), w.body("x()"))
		w.names = append(w.names, fmt.Sprintf("F%d", i))
		switch w.IntN(4) {
		case 0:
			out += fmt.Sprintf("\nG%d = %s\n", i, w.value())
		case 1:
			out += fmt.Sprintf("\nT%d = {\"k\": %s}\nG%d = T%d[\"k\"]\n", i, w.value(), i, i)
			w.names = append(w.names, fmt.Sprintf(`T%d["k"]`, i), fmt.Sprintf(`T%d.get("k")`, i))
			out += fmt.Sprintf("\nGET%d = T%d.get\n", i, i)
			w.names = append(w.names, fmt.Sprintf(`GET%d("k")`, i))
		case 2:
			out += fmt.Sprintf("\nL%d = []\nM%d = L%d\nM%d.append(%s)\nG%d = make(L%d[0])\n", i, i, i, i, w.value(), i, i)
			w.names = append(w.names, fmt.Sprintf("L%d[-1]", i))
		case 3:
			out += fmt.Sprintf("\nS%d = struct(f = %s, g = [%s])\nG%d = S%d.f\n", i, w.value(), w.value(), i, i)
			w.names = append(w.names, fmt.Sprintf("S%d.f", i), fmt.Sprintf("S%d.g[0]", i), fmt.Sprintf("same(S%d).f", i))
		}
		w.names = append(w.names, fmt.Sprintf("G%d", i))
		out += fmt.Sprintf("\ndef H%d():\n    return %s\n", i, w.value())
		w.names = append(w.names, fmt.Sprintf("H%d()", i))
	}
	return out
}

// steps are three or four, which take what earlier ones return.
func (w *scribe) steps() string {
	out, list := "\n", []string{}
	global := w.names
	forms := map[string]string{} // of a step's value → how to get at the function in it
	for i := range 3 + w.IntN(2) {
		name := fmt.Sprintf("s%d", i)
		var inputs []string
		w.names = append([]string(nil), global...)
		calls := ""
		for _, earlier := range list {
			if w.IntN(2) == 0 {
				inputs = append(inputs, earlier)
				w.names = append(w.names, earlier+forms[earlier])
				if w.IntN(2) == 0 {
					calls += "    " + w.call(earlier+forms[earlier]) + "\n"
				}
			}
		}
		value := w.value()
		switch w.IntN(6) {
		case 0:
			value, forms[name] = "["+value+"]", "[0]"
		case 1:
			value, forms[name] = `{"k": `+value+"}", `["k"]`
		case 2:
			value, forms[name] = "struct(field = "+value+")", ".field"
		case 3:
			value, forms[name] = "(1, "+value+")", "[1]"
		case 4:
			value, forms[name] = "act", w.pick(".write", ".launch", ".end")
		}
		out += fmt.Sprintf("def %s(%s):\n%s%s    return %s\n\n", name, strings.Join(inputs, ", "), calls, w.body(""), value)
		list = append(list, name)
	}
	var steps []string
	for _, s := range list {
		steps = append(steps, "step("+s+`, needs = ["run", "write", "kill"])`)
	}
	return out + "recipe(summary = \"s\", steps = [" + strings.Join(steps, ", ") + "])\n"
}

// body is some statements; last is one of them, sometimes.
func (w *scribe) body(last string) string {
	out := "    here = 0\n"
	for range w.IntN(3) {
		switch w.IntN(5) {
		case 0:
			out += fmt.Sprintf("    here = %s\n    %s\n", w.value(), w.call("here"))
		case 1:
			out += fmt.Sprintf("    for each in [%s, %s]:\n        %s\n", w.value(), w.value(), w.call("each"))
		case 2:
			out += fmt.Sprintf("    def inner(*args, **kwargs):\n        %s\n\n    %s\n", w.call(w.value()), w.call("inner"))
		default:
			out += "    " + w.call(w.value()) + "\n"
		}
	}
	if last != "" && w.IntN(2) == 0 {
		out += "    " + last + "\n"
	}
	return out
}

// call is an expression that calls a function.
func (w *scribe) call(f string) string {
	switch w.IntN(24) {
	case 0:
		return "apply(" + f + ")"
	case 1:
		return "call_back(" + f + ")"
	case 2:
		return "[g() for g in [" + f + "]]"
	case 3:
		return w.pick("sorted", "max", "min") + "([1], key = " + f + ")"
	case 4:
		return "apply(*[" + f + "])"
	case 5:
		return `apply(**{"f": ` + f + "})"
	case 6:
		return "make(" + f + ")()"
	case 7:
		return "wrap(same(" + f + "))(1, x = 2)"
	case 8:
		return "[pair[1]() for pair in zip([1], [" + f + "])]"
	case 9:
		return "call_back(fn = make(" + f + "))"
	case 10:
		return `getattr(struct(deep = ` + f + `), "deep")()`
	}
	return "(" + f + ")()"
}

// value is a text that evaluates to a function.
func (w *scribe) value() string {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 3 || w.IntN(4) == 0 {
		return w.leaf()
	}
	switch w.IntN(14) {
	case 0:
		return "(lambda *args, **kwargs: " + w.call(w.value()) + ")"
	case 1:
		return "[" + w.value() + "][0]"
	case 2:
		return `{"k": ` + w.value() + `}["k"]`
	case 3:
		return "struct(f = " + w.value() + ").f"
	case 4:
		return "make(" + w.value() + ")"
	case 5:
		return "same(" + w.value() + ")"
	case 6:
		return "(" + w.value() + " if len([]) else " + w.value() + ")"
	case 7:
		return "(" + w.value() + " or " + w.value() + ")"
	case 8:
		return `dict(k = ` + w.value() + `).get("k")`
	case 9:
		return "[f for f in [" + w.value() + "]][-1]"
	case 10:
		return "keep(" + w.value() + ")"
	case 11:
		return `getattr(act, "` + w.pick("write", "launch", "end") + `")`
	}
	return w.leaf()
}

func (w *scribe) leaf() string {
	quiet := "(lambda *args, **kwargs: 0)"
	if len(w.names) > 0 && w.IntN(3) > 0 {
		return w.pick(w.names...)
	}
	return w.pick("start", "finish", "act.write", "act.launch", "act.end", quiet, quiet)
}
