package builtins

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/lazyregexp"
)

// StubsFile is the name under which Python's type checkers take stubs for words
// that every file knows.
const StubsFile = "__builtins__.pyi"

// Stubs are the builtins of a table, the words of the language and the types of
// both as Python's type checkers and editors read them: names, arguments, types
// and docs. They are for tools that know Python and no recipes; names that a
// load() brings are unknown to those.
func Stubs(table []engine.Builtin) string {
	w := &stubs{types: map[string]bool{}, spaces: map[string][]engine.Builtin{}}
	for _, t := range Types() {
		w.types[t.Name] = true
	}
	w.b.WriteString(stubsHead)
	for _, t := range Types() {
		w.class(t)
	}
	for _, row := range slices.Concat(table, engine.Words()) {
		if space, _, dotted := strings.Cut(row.Name, "."); dotted {
			w.spaces[space] = append(w.spaces[space], row)
			continue
		}
		w.function(row, "")
	}
	var names []string
	for space := range w.spaces {
		names = append(names, space)
	}
	slices.Sort(names)
	for _, space := range names {
		fmt.Fprintf(&w.b, "\nclass _%s:\n", camel(space))
		for _, row := range w.spaces[space] {
			_, row.Name, _ = strings.Cut(row.Name, ".")
			w.function(row, "    ")
		}
		fmt.Fprintf(&w.b, "\n%s: _%s\n", space, camel(space))
	}
	return w.b.String()
}

const stubsHead = `# Written by: runbook stubs
#
# The words that a recipe knows, for editors and type checkers of Python. A
# recipe is no Python: this is the part of both that reads alike.

import builtins
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

def load(path: str, /, *names: str, **renamed: str) -> None: ...
def fail(*why: object) -> NoReturn: ...

class Duration:
    hours: float
    minutes: float
    seconds: float
    milliseconds: int
    microseconds: int
    nanoseconds: int
    def __add__(self, other: Duration) -> Duration: ...
    def __sub__(self, other: Duration) -> Duration: ...
    def __mul__(self, n: int) -> Duration: ...
    def __rmul__(self, n: int) -> Duration: ...
    def __lt__(self, other: Duration) -> bool: ...
    def __le__(self, other: Duration) -> bool: ...
    def __gt__(self, other: Duration) -> bool: ...
    def __ge__(self, other: Duration) -> bool: ...

class Time:
    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    unix: int
    unix_nano: int
    def format(self, layout: str) -> str: ...
    def in_location(self, name: str) -> Time: ...
    def __sub__(self, other: Time) -> Duration: ...
    def __lt__(self, other: Time) -> bool: ...
    def __gt__(self, other: Time) -> bool: ...

class Regexp:
    pattern: str
    def search(self, text: str) -> bool: ...
    def find(self, text: str) -> str | None: ...

class Struct:
    def __getattr__(self, name: str) -> Any: ...

class Param: ...
class Step: ...

class _Module:
    def __getattr__(self, name: str) -> Any: ...

json: _Module
math: _Module
time: _Module
`

type stubs struct {
	b      strings.Builder
	types  map[string]bool
	spaces map[string][]engine.Builtin
}

func (w *stubs) class(t engine.Type) {
	fmt.Fprintf(&w.b, "\nclass %s:\n    %s\n", camel(t.Name), pyDoc(t.Doc, "    "))
	named := map[string]bool{}
	for _, f := range t.Fields {
		named[f.Name] = true
		fmt.Fprintf(&w.b, "    %s: %s\n    %s\n", f.Name, w.python(f.Type), pyDoc(f.Doc, "    "))
	}
	for _, f := range []engine.Field{{Name: "at", Type: "time or None", Doc: "when it was read"}, {Name: "source", Type: "string or None", Doc: "from where it was read"}} {
		if !named[f.Name] {
			fmt.Fprintf(&w.b, "    %s: %s\n    %s\n", f.Name, w.python(f.Type), pyDoc(f.Doc, "    "))
		}
	}
}

func (w *stubs) function(row engine.Builtin, indent string) {
	var params []string
	if indent != "" {
		params = append(params, "self")
	}
	doc := row.Doc + "\n\n"
	for _, p := range row.Params {
		bare := strings.TrimLeft(p.Name, "*")
		text := p.Name + ": " + w.taken(p.Type)
		if p.Default != "" {
			text += " = ..."
		}
		params = append(params, text)
		doc += fmt.Sprintf("%s (%s): %s\n", bare, p.Type, p.Doc)
	}
	doc += "Returns " + row.Returns
	if row.Errors != "" {
		doc += "\nFails when: " + row.Errors
	}
	if row.Effect != engine.Looks {
		doc += fmt.Sprintf("\nEffect: %s", row.Effect)
	}
	head := fmt.Sprintf("(%s) -> %s", strings.Join(params, ", "), w.python(row.Returns))
	if indent != "" {
		head = plainTypes().ReplaceAllString(head, "${1}builtins.$2") // a module may have a word called bool
	}
	fmt.Fprintf(&w.b, "\n%sdef %s%s:\n%s    %s\n", indent, row.Name, head, indent, pyDoc(doc, indent+"    "))
}

var plainTypes = lazyregexp.New(`(: |> |\[|\| )(bool|int|float|str|list|dict)\b`)

// taken is the type of an argument: builtins take more than they name.
func (w *stubs) taken(text string) string {
	switch text {
	case "duration":
		return "Duration | str"
	case "regexp", "regexp or string":
		return "Regexp | str | None"
	case "list of int":
		return "int | Process | Sequence[int | Process]"
	case "list of process", "tree, or list of process":
		return "Process | Tree | Sequence[Process | Tree] | None"
	case "list of regexp":
		return "Regexp | str | Sequence[Regexp | str]"
	}
	if of, ok := strings.CutPrefix(text, "list of "); ok {
		return "Sequence[" + w.python(of) + "]"
	}
	return w.python(text)
}

// python is a type of the reference as Python says it; Any where the reference
// says it for people only.
func (w *stubs) python(text string) string {
	text, _, _ = strings.Cut(text, ";")
	text, _, _ = strings.Cut(text, ":")
	if strings.HasPrefix(text, "function") {
		_, result, ok := strings.Cut(text, "→")
		if !ok {
			return "Callable[..., Any]"
		}
		return "Callable[..., " + w.python(result) + "]"
	}
	text = strings.ReplaceAll(text, ", or ", " or ")
	if !strings.Contains(text, "(") {
		text, _, _ = strings.Cut(text, ",")
	}
	var words []string
	for _, word := range strings.Split(text, " or ") {
		if one := w.word(strings.TrimSpace(word)); !slices.Contains(words, one) {
			words = append(words, one)
		}
	}
	if slices.Contains(words, "Any") {
		return "Any"
	}
	return strings.Join(words, " | ")
}

func (w *stubs) word(text string) string {
	switch text {
	case "None", "int", "float", "bool":
		return text
	case "string", "path":
		return "str"
	case "duration", "time", "regexp", "struct", "param", "step":
		return camel(text)
	case "list":
		return "list[Any]"
	case "dict":
		return "dict[Any, Any]"
	case "(int, bool)":
		return "tuple[int, bool]"
	}
	if of, ok := strings.CutPrefix(text, "list of "); ok {
		return "list[" + w.python(of) + "]"
	}
	if of, ok := strings.CutPrefix(text, "dict of "); ok {
		from, to, _ := strings.Cut(of, " to ")
		return fmt.Sprintf("dict[%s, %s]", w.python(from), w.python(to))
	}
	if w.types[text] {
		return camel(text)
	}
	return "Any"
}

// camel is a name as Python's classes have it: uds_file, UdsFile.
func camel(name string) string {
	var b strings.Builder
	for _, part := range strings.Split(name, "_") {
		b.WriteString(strings.ToUpper(part[:min(1, len(part))]) + part[min(1, len(part)):])
	}
	return b.String()
}

// pyDoc is a docstring, indented.
func pyDoc(text, indent string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), `\`, `\\`)
	text = strings.ReplaceAll(text, `"""`, `\"\"\"`)
	if strings.HasSuffix(text, `"`) {
		text = text[:len(text)-1] + `\"`
	}
	lines := strings.Split(cmp.Or(text, "…"), "\n")
	for i := range lines[1:] {
		if lines[i+1] != "" {
			lines[i+1] = indent + lines[i+1]
		}
	}
	text = strings.Join(lines, "\n")
	if len(lines) > 1 {
		text += "\n" + indent
	}
	return `"""` + text + `"""`
}
