package misread

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.starlark.net/syntax"
)

var dialect = &syntax.FileOptions{Set: true}

// The place is that of what could not be read, not the one behind it, and what
// Python has gets the words of a recipe.
func TestExplain(t *testing.T) {
	for _, c := range []struct{ source, at, hint string }{
		{"def look()\n    pass\n", "1:11", ""},
		{"def look()\r\n    pass\r\n", "1:11", ""},
		{"def a(:\n", "1:7", ""},
		{"x = é é\n", "1:7", ""},
		{"x = 1 23\n", "1:7", ""},
		{"x = 1 2.5\n", "1:7", ""},
		{"x = (1 if 2)\n", "1:8", ""},
		{"# f\"\nx = f\"a {1}\"\n", "2:5", "no f-strings"},
		{"x = rf'a'\n", "1:5", "no f-strings"},
		{"x = u'a'\n", "1:6", ""},
		{"x = (1,\n  f\"\"\"a\n\"\"\")\n", "2:3", "no f-strings"},
		{"x = ('a', # 'b'\n b 'b')\n", "2:4", ""},
		{"x = ('a'\n 'b')\n", "2:2", "side by side"},
		{"class A:\n", "1:1", "struct"},
		{"x = a is None\n", "1:7", "x == None"},
		{"x = a is not None\n", "1:7", "x != None"},
		{"x = a if b is None else c\n", "1:7", "x == None"},
		{"def f(a: int):\n", "1:8", "types"},
		{"def f(:\n", "1:7", ""},
		{"def f(a) -> int:\n", "1:10", "types"},
		{"x = {1, 2}\n", "1:7", "set([1, 2])"},
		{"x = (y := 1)\n", "1:8", ":="},
		{"def f():\n    assert x\n", "2:12", "fail("},
		{"def f():\n    my_assert x\n", "2:15", ""},
		{"x = 1 < 2 <= 3\n", "1:11", "a < b and b < c"},
		{"@f\n", "1:1", "decorators"},
		{"x = [\n", "2:1", ""},
		{"x = 'a\n", "1:5", ""},
	} {
		_, err := dialect.Parse("x.star", c.source, 0)
		var wrong syntax.Error
		if !errors.As(err, &wrong) {
			t.Errorf("%q: parses: %v", c.source, err)
			continue
		}
		got := Explain(wrong, c.source)
		if at := fmt.Sprintf("%d:%d", got.Pos.Line, got.Pos.Col); at != c.at || (got.Hint == "") != (c.hint == "") || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%q: got %s %q (the parser: %s), want %s %q", c.source, at, got.Hint, wrong, c.at, c.hint)
		}
	}
}

// Whatever the text, the place lies in it.
func FuzzExplain(f *testing.F) {
	for _, s := range []string{"def look()\n", "x = f\"é\"", "é é", "x = '''\n\\'''a", "@", "a := 1\r\n", "\t\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		_, err := dialect.Parse("x.star", source, 0)
		var wrong syntax.Error
		if len(source) > 1<<12 || !errors.As(err, &wrong) {
			return
		}
		got := Explain(wrong, source)
		if got.Msg == "" || got.Pos.Line < 1 || got.Pos.Col < 0 || int(got.Pos.Line) > strings.Count(source, "\n")+strings.Count(source, "\r")+2 || got.Pos.Line > wrong.Pos.Line {
			t.Errorf("%q: %+v of %v", source, got, wrong)
		}
	})
}
