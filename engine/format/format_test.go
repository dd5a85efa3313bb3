package format

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"runbook/recipes"
)

func TestSource(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"nothing", "", ""},
		{"calls, lists, quotes", "x=f( a,b = 'c' )\ny = [1,\n2]\n", "x = f(a, b = \"c\")\ny = [\n    1,\n    2,\n]\n"},
		{"guidance stays as it is: its depth, its blanks, its quotes", "def f():\n  '''Title\n\n  a line break  \n      code\n  '''\n  return 1\n", "def f():\n    '''Title\n\n  a line break  \n      code\n  '''\n    return 1\n"},
		{"so do other texts that span lines", "x = f(a='''1\n 2 ''' if 'y'=='z' else \"\"\"3\n4\"\"\", b=1)\n", "x = f(a = '''1\n 2 ''' if \"y\" == \"z\" else \"\"\"3\n4\"\"\", b = 1)\n"},
		{"comments", "#a\nx = 1#b\ndef f():\n  # c\n  pass\n  # d   \n", "#a\nx = 1  #b\n\ndef f():\n    # c\n    pass\n    # d\n"},
		{"names of a load are sorted", "load('./x.star', 'b', c='a')\n", "load(\"./x.star\", \"b\", c = \"a\")\n"},
		{"line ends", "def f():\r\n    '''a\r\n    b'''\r\n    return 1\r\n", "def f():\n    '''a\n    b'''\n    return 1\n"},
		{"quotes within quotes", `x = ['a\'b', 'a"b', r'\d', '\\', '\\\'', '\x41', "it's", '''d''', '']` + "\n", `x = ["a'b", 'a"b', r"\d", "\\", "\\'", "\x41", "it's", """d""", ""]` + "\n"},
		{"words of other alphabets before a text", "x = ['日本', '''語\n''', 1]\n", "x = [\"日本\", '''語\n''', 1]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Source("x.star", []byte(c.source))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestWhatIsBrokenIsLeftAlone(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"no Starlark", "def f(:\n", "x.star:1:7: got ':', want ')'"},
		{"open text", "x = 1\ny = '''a\n", "x.star:2:5: unexpected EOF in string"},
		{"what the formatter cannot read", "x = b'ab'\n", "x.star:1:10: it is Starlark, but the formatter cannot read it: syntax error near 'ab'"},
		{"too deep", "x = " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "x.star:1:82: excessive nesting"},
		{"too long", "x = " + strings.Repeat("1 + ", 5000) + "1", "x.star:1:5: more than 2000 expressions within each other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Source("x.star", []byte(c.source))
			if got != nil || err == nil || err.Error() != c.want {
				t.Errorf("%q, %v, want %s", got, err, c.want)
			}
		})
	}
}

// Our own recipes are laid out by it: what people copy is what they should get.
func TestOurRecipesAreFormatted(t *testing.T) {
	seen := 0
	err := fs.WalkDir(recipes.FS, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".star") {
			return err
		}
		seen++
		source, err := fs.ReadFile(recipes.FS, name)
		if err != nil {
			return err
		}
		got, err := Source(name, source)
		if err != nil {
			return err
		}
		if string(got) != string(source) {
			t.Errorf("%s is not formatted: runbook fmt recipes", name)
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Fatalf("%d recipes, %v", seen, err)
	}
}

// Whatever can be read is laid out once and for all, means the same, and keeps
// its comments and its guidance to the byte.
func FuzzSource(f *testing.F) {
	for _, seed := range []string{
		"x = 1 if a else '''b\nc'''", "def f(a, *, b = 1, **k): return lambda *a: [x for x in {1: 2} if x]\n", "x = a[1:][:2][::3]\n# end",
		"def f():\n  if a:\n    pass\n  elif b: # c\n    pass\n  else:\n    x += -1\n", "load('a', 'b', c = 'd') # e\n", "x = (\n# lone\n)\n", "x = 0x1F + 1e9 + 'a\\'b' + r'\\d' + \"\\xff\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(holds)
}

// The same of our own recipes, with a few bytes changed, lost or said twice.
func TestDamagedRecipes(t *testing.T) {
	var all []string
	err := fs.WalkDir(recipes.FS, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".star") {
			source, _ := fs.ReadFile(recipes.FS, name)
			all = append(all, string(source))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const marks = "()[]{}:,.=#'\"\n \\x"
	r := rand.New(rand.NewPCG(1, 2))
	laidOut := 0
	for range 400 {
		s := all[r.IntN(len(all))]
		for range 1 + r.IntN(3) {
			at := r.IntN(len(s))
			to := min(len(s), at+r.IntN(20))
			switch r.IntN(3) {
			case 0:
				s = s[:at] + string(marks[r.IntN(len(marks))]) + s[at+1:]
			case 1:
				s = s[:at] + s[to:]
			case 2:
				s = s[:to] + s[at:]
			}
		}
		holds(t, s)
		if _, err := Source("x.star", []byte(s)); err == nil {
			laidOut++
		}
	}
	if laidOut < 20 {
		t.Errorf("only %d could be read: the damage proves nothing", laidOut)
	}
}

func holds(t *testing.T, source string) {
	got, err := Source("x.star", []byte(source))
	var wrong *Error
	switch {
	case err != nil && !errors.As(err, &wrong):
		t.Fatalf("%v of\n%s", err, source)
	case err != nil:
		return
	}
	again, err := Source("x.star", got)
	if err != nil || string(again) != string(got) {
		t.Fatalf("the layout changes again, %v:\n%s\nthen\n%s", err, got, again)
	}
	before, _ := parse("x.star", whole(source))
	after, _ := parse("x.star", string(got))
	if meaning(before) != meaning(after) {
		t.Fatalf("another meaning:\n%s\nthen\n%s", source, got)
	}
	if a, b := guidance(before), guidance(after); a != b {
		t.Fatalf("guidance was %q, is %q", a, b)
	}
}
