package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"runbook/engine"
)

// atMark is where ‸ stands in a text, and the text without it.
func atMark(t *testing.T, marked string) (text string, line, column int) {
	t.Helper()
	before, after, ok := strings.Cut(marked, "‸")
	if !ok {
		t.Fatalf("no ‸ in %q", marked)
	}
	start := strings.LastIndexByte(before, '\n') + 1
	return before + after, strings.Count(before, "\n") + 1, len([]rune(before[start:])) + 1
}

// editing answers one question about a file that only the editor holds, in a
// directory with a lib.
func editing(t *testing.T, about engine.About, marked string) engine.Answer {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	const words = "\"\"\"Words.\"\"\"\n\nLIMIT = 3\n\ndef shout(text, times = 1):\n    \"\"\"Says it loudly.\"\"\"\n    return text.upper() * times\n"
	if err := os.WriteFile(filepath.Join(dir, "lib/words.star"), []byte(words), 0o644); err != nil {
		t.Fatal(err)
	}
	text, line, column := atMark(t, marked)
	file := filepath.Join(dir, "mine.star")
	return engine.NewChecker(realLibrary()).Answer(context.Background(), engine.Question{About: about, File: file, Line: line, Column: column, Texts: map[string]*string{file: &text}})
}

const recipeHead = `"""# Mine"""

load("lib/words.star", "LIMIT", "shout")

def look(port):
    """Look at it"""
    return ps(match = "x")

def judge(look, port):
    """Judge it"""
`

const recipeTail = `
recipe(summary = "s", params = {"port": param.int(1616, "The port.")}, steps = [look, judge])
`

func TestCompletions(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       string // all of these
		not        string
	}{
		{"a builtin in a body", recipeHead + "    found = pki‸\n" + recipeTail, "pkill ps fault look port judge shout LIMIT len for", ""},
		{"fields of a step's value", recipeHead + "    for p in look:\n        note(\"a\", p.‸)\n" + recipeTail, "pid cmdline age source", "append"},
		{"fields, the bracket not closed", recipeHead + "    for p in look:\n        note(\"a\", p.cm‸\n" + recipeTail, "pid cmdline", ""},
		{"fields within a comprehension", recipeHead + "    return [p.‸ for p in look]\n" + recipeTail, "pid cmdline", ""},
		{"while another line is broken", recipeHead + "    x = = 3\n    for p in look:\n        p.‸\n" + recipeTail, "pid cmdline", ""},
		{"while a bracket is open above", recipeHead + "    x = sorted(\n    for p in look:\n        p.‸\n" + recipeTail, "pid cmdline", ""},
		{"while another name is not known", recipeHead + "    x = nothing_like_it\n    for p in look:\n        p.‸\n" + recipeTail, "pid cmdline", ""},
		{"arguments of a builtin", recipeHead + "    ps(match = \"a\", ‸)\n" + recipeTail, "pid relatives", "match"},
		{"arguments, the bracket not closed", recipeHead + "    ps(‸\n" + recipeTail, "match pid relatives", ""},
		{"arguments of a loaded function", recipeHead + "    shout(\"a\", t‸)\n" + recipeTail, "text times", ""},
		{"arguments of a word", recipeHead + "    fault(\"a\", \"b\", ‸)\n" + recipeTail, "about means do", ""},
		{"members of a module", recipeHead + "    git.‸\n" + recipeTail, "repo", "ps"},
		{"members of param", "x = param.‸\n", "duration pids rest", "ps"},
		{"a method", recipeHead + "    \"a\".‸\n" + recipeTail, "split upper", ""},
		{"what stands in the condition of a block", recipeHead + "    for p in look:\n        if p.‸\n            pass\n" + recipeTail, "pid", ""},
		{"paths", "load(\"‸\")\n", "lib/words.star lib/gate.star", ""},
		{"names of a file", "load(\"lib/words.star\", \"‸\")\n", "shout LIMIT", "ps"},
		{"names of a file that ships", "load(\"lib/actors.star\", \"find_trees\", \"‸\")\n", "find_trees", "ps"},
		{"effects", "recipe(steps = [step(look, needs = [\"‸\"])])\n", "run write kill", "ps"},
		{"an empty file", "‸", "ps recipe load", ""},
		{"no words in text", "x = \"ps‸\"\n", "", "ps"},
		{"no words in a comment", "x = 1  # ps‸\n", "", "ps"},
		{"no words in a number", "x = 12‸\n", "", "ps"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var names []string
			for _, c := range editing(t, engine.AboutCompletions, test.text).Completions {
				names = append(names, c.Name)
			}
			for _, want := range strings.Fields(test.want) {
				if !slices.Contains(names, want) {
					t.Errorf("no %s in %v", want, names)
				}
			}
			for _, not := range strings.Fields(test.not) {
				if slices.Contains(names, not) {
					t.Errorf("%s in %v", not, names)
				}
			}
		})
	}
}

func TestNotes(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
	}{
		{"a builtin", recipeHead + "    return p‸s()\n" + recipeTail, "ps(match = None"},
		{"an effect", recipeHead + "    return pkill‸()\n" + recipeTail, "effect: `kill`"},
		{"a word", recipeHead + "    fau‸lt(\"a\", \"b\")\n" + recipeTail, "Names a cause"},
		{"a kind of parameter", "x = param.dur‸ation(\"1s\")\n", "a length of time"},
		{"a member", recipeHead + "    git.re‸po(\".\")\n" + recipeTail, "git.repo("},
		{"a field", recipeHead + "    return [p.ag‸e for p in look]\n" + recipeTail, "`process.age`: duration"},
		{"an argument", recipeHead + "    return ps(mat‸ch = \"a\")\n" + recipeTail, "`match` (regexp"},
		{"a loaded function", recipeHead + "    return sho‸ut(\"a\")\n" + recipeTail, "Says it loudly."},
		{"a loaded value", recipeHead + "    return LIM‸IT\n" + recipeTail, "`LIMIT`: int"},
		{"a name in a load", "load(\"lib/words.star\", \"LIMIT\", \"sh‸out\")\n", "def shout(text, times = 1)"},
		{"a path", "load(\"lib/wo‸rds.star\", \"shout\")\n", "Words."},
		{"what a step takes", strings.Replace(recipeHead, "judge(look", "judge(lo‸ok", 1) + "    return look\n" + recipeTail, "what step `look` returned: list of process"},
		{"what a user gives", strings.Replace(recipeHead, "look, port", "look, po‸rt", 1) + "    return look\n" + recipeTail, "parameter `--port` of the recipe (int), default `1616`"},
		{"a step", strings.Replace(recipeHead, "def judge", "def jud‸ge", 1) + "    return look\n" + recipeTail, "- step 2"},
		{"a variable", recipeHead + "    found = ps()\n    return fou‸nd\n" + recipeTail, "`found`: list of process"},
		{"while another line is broken", recipeHead + "    x = = 1\n    return p‸s()\n" + recipeTail, "ps(match = None"},
		{"a word of Starlark", "x = le‸n([])\n", "a word of Starlark itself"},
		{"nothing", "x = 1 ‸  + 2\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if n := editing(t, engine.AboutNote, test.text).Note; n != nil {
				got = n.Text
			}
			if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	for _, test := range []struct {
		name, text string
		path       string
		line, col  int // 0: nowhere
	}{
		{"a loaded function", recipeHead + "    return sho‸ut(\"a\")\n" + recipeTail, "lib/words.star", 5, 5},
		{"a loaded value", recipeHead + "    return LIM‸IT\n" + recipeTail, "lib/words.star", 3, 1},
		{"a path", "load(\"lib/wo‸rds.star\", \"shout\")\n", "lib/words.star", 1, 1},
		{"what ships", "load(\"lib/actors.star\", \"find_t‸rees\")\n", "lib/actors.star", 0, 5},
		{"a variable", recipeHead + "    found = 1\n    return fou‸nd\n" + recipeTail, "mine.star", 11, 5},
		{"a step in the list", recipeHead + "    pass\n" + strings.Replace(recipeTail, "[look", "[lo‸ok", 1), "mine.star", 5, 5},
		{"the maker of what a step takes", strings.Replace(recipeHead, "judge(look", "judge(lo‸ok", 1) + "    return look\n" + recipeTail, "mine.star", 5, 5},
		{"the parameter that a step takes", strings.Replace(recipeHead, "look, port", "look, po‸rt", 1) + "    return look\n" + recipeTail, "mine.star", 13, 33},
		{"an argument", recipeHead + "    return shout(\"a\", tim‸es = 2)\n" + recipeTail, "lib/words.star", 5, 17},
		{"a builtin", recipeHead + "    return p‸s()\n" + recipeTail, "", 0, 0},
		{"nothing", "‸\n", "", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := editing(t, engine.AboutOrigin, test.text).Origin
			if got == nil {
				if test.path != "" {
					t.Error("nowhere")
				}
				return
			}
			if test.path == "" || !strings.HasSuffix(got.Path, test.path) || test.line != 0 && got.Line != test.line || got.Column != test.col {
				t.Errorf("got %+v", *got)
			}
		})
	}
}

func TestOutline(t *testing.T) {
	var got []string
	for _, s := range editing(t, engine.AboutOutline, recipeHead+"    return helper()\n\ndef helper():\n    return ‸1\n\nTABLE = [1]\n"+recipeTail).Outline {
		got = append(got, s.Kind+" "+s.Name+" "+s.Detail)
	}
	want := "step look Look at it|step judge Judge it|function helper |constant TABLE |param port int"
	if strings.Join(got, "|") != want {
		t.Errorf("got %q", strings.Join(got, "|"))
	}
}

// Whatever stands in the file and wherever the cursor is, an editor is answered
// without a panic, and every place that it is told lies in the file.
func FuzzEditor(f *testing.F) {
	for _, tail := range []string{"    for p in look:\n        note(\"a\", p.\n", "    x = sorted(\n", "    return ps(match = \"ü𝄞\", \n", "    load(\"lib/"} {
		f.Add(recipeHead+tail+recipeTail, 12, 9)
	}
	f.Add("load(\"lib/actors.star\", \"", 1, 25)
	f.Add("def f(x):\n  if x.\n    pass\n", 2, 8)
	lib := realLibrary()
	checker := engine.NewChecker(lib)
	file := filepath.Join(f.TempDir(), "x.star")
	f.Fuzz(func(t *testing.T, text string, line, column int) {
		if len(text) > 1<<13 || bomb.MatchString(text) {
			return
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 2
		for _, about := range []engine.About{engine.AboutCompletions, engine.AboutNote, engine.AboutOrigin, engine.AboutOutline, engine.AboutProblems} {
			a := checker.Answer(context.Background(), engine.Question{About: about, File: file, Line: line, Column: column, Texts: map[string]*string{file: &text}})
			for _, c := range a.Completions {
				if c.Name == "" {
					t.Errorf("a completion without a name in\n%s", text)
				}
			}
			for _, s := range a.Outline {
				if s.Spot.Line < 1 || s.Spot.Line > lines || s.Ends < s.Line {
					t.Errorf("%+v of %d lines in\n%s", s, lines, text)
				}
			}
			if a.Note != nil && (a.Note.Line != line || a.Note.Text == "") {
				t.Errorf("%+v for line %d of\n%s", *a.Note, line, text)
			}
			for _, p := range a.Problems {
				if strings.Contains(p.Msg, "internal error") {
					t.Errorf("%+v of\n%s", p, text)
				}
			}
		}
	})
}

// A file as long as two thousand lines is answered within 50 ms. Each question
// comes after a key was pressed, so nothing is left of the one before.
func BenchmarkEditor(b *testing.B) {
	var text strings.Builder
	text.WriteString("\"\"\"# Long\"\"\"\n\nload(\"lib/actors.star\", \"find_trees\")\nload(\"lib/gate.star\", \"judge\")\n")
	var steps []string
	for i := 0; strings.Count(text.String(), "\n") < 1980; i++ {
		name := "step_" + strconv.Itoa(i)
		steps = append(steps, name)
		text.WriteString("\ndef " + name + "():\n    \"\"\"Step\n\n    What it looks at.\n    \"\"\"\n    found = [p for p in ps(match = \"x\") if p.age > span_of(p)]\n    for p in found:\n        note(\"n\", \"%d of %s\" % (p.pid, p.name), about = p)\n    return found\n")
	}
	text.WriteString("\ndef span_of(p):\n    return p.age\n\ndef last():\n    \"\"\"Last\"\"\"\n    for p in ps():\n        p.\n\nrecipe(summary = \"s\", steps = [" + strings.Join(steps, ", ") + ", last])\n")
	broken := text.String()
	whole := strings.Replace(broken, "        p.\n", "        p.pid\n", 1)
	at := strings.Count(broken[:strings.Index(broken, "        p.\n")], "\n") + 1
	file := filepath.Join(b.TempDir(), "long.star")
	for _, test := range []struct {
		about  engine.About
		text   string
		column int
	}{
		{engine.AboutCompletions, broken, 11}, {engine.AboutNote, whole, 12}, {engine.AboutOrigin, whole, 9}, {engine.AboutOutline, whole, 1}, {engine.AboutProblems, whole, 1},
	} {
		b.Run(string(test.about), func(b *testing.B) {
			c := engine.NewChecker(realLibrary())
			for i := range b.N {
				text := test.text + strings.Repeat("#", i%7) + "\n"
				a := c.Answer(context.Background(), engine.Question{About: test.about, File: file, Line: at, Column: test.column, Texts: map[string]*string{file: &text}})
				if test.about == engine.AboutCompletions && len(a.Completions) == 0 || test.about == engine.AboutNote && a.Note == nil {
					b.Fatalf("%+v", a)
				}
			}
		})
	}
}
