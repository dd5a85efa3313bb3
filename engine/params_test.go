package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

const paramsRecipe = `
def a(name, n, all, older_than, match, mode, where, pid, tags, args):
    """A"""
    print([name, n, all, older_than.seconds, match.pattern, mode, where, pid, tags, args, given()])
recipe(steps = [a], params = {
    "name": param.string("alpha", "N"),
    "n": param.int(3, "N"),
    "all": param.bool("A"),
    "older_than": param.duration("1m30s", "O"),
    "match": param.regexp("a.c", "M"),
    "mode": param.choice(["fast", "slow"], "slow", "M"),
    "where": param.path("W"),
    "pid": param.pids("P"),
    "tags": param.list("T"),
    "args": param.rest("R"),
})
`

func TestParametersAreReadFromText(t *testing.T) {
	for _, c := range []struct {
		name   string
		params map[string][]string
		rest   []string
		want   string
	}{
		{"defaults", nil, nil, `["alpha", 3, False, 90.0, "a.c", "slow", None, [], [], [], False]`},
		{"all given", map[string][]string{
			"name": {""}, "n": {"-7"}, "all": {"true"}, "older_than": {"500ms"}, "match": {"^x$"}, "mode": {"fast"}, "where": {"/tmp/x y"}, "pid": {"1,2", "3"}, "tags": {"a,b", "c"},
		}, []string{"--", "x"}, `["", -7, True, 0.5, "^x$", "fast", "/tmp/x y", [1, 2, 3], ["a,b", "c"], ["--", "x"], True]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, f := newBench(t).run(context.Background(), paramsRecipe, func(_ *Engine, r *Request) { r.Params, r.Rest = c.params, c.rest })
			if f.Reason != "" {
				t.Fatal(f.Reason)
			}
			for _, e := range m.events {
				if e.Said != nil && e.Said.Text != c.want {
					t.Errorf("got  %s\nwant %s", e.Said.Text, c.want)
				}
			}
		})
	}
}

// A step can't have a parameter that is called as a word of the language.
func TestAFlagMayBeNamedAsAWordOfTheLanguage(t *testing.T) {
	r := newBench(t).recipe("def a(import_):\n    \"\"\"A\"\"\"\n    print(import_)\nrecipe(steps = [a], params = {\"import_\": param.list(\"I\")})\n")
	if got := r.Params[0].Typed(); got != "--import" {
		t.Error(got)
	}
}

func TestAParameterThatDoesNotFitIsAUsageError(t *testing.T) {
	r := newBench(t).recipe(paramsRecipe)
	for _, c := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"older_than", []string{"2 minutes"}, `--older-than "2 minutes": not a duration (such as 500ms, 90s, 2m or 1h30m)`},
		{"older_than", []string{"90"}, "--older-than \"90\": not a duration (such as 500ms, 90s, 2m or 1h30m)\nhint: a duration has a unit: 90s"},
		{"older_than", []string{"-1s"}, `--older-than "-1s": is negative`},
		{"older_than", []string{"1s", "2s"}, `--older-than "1s" "2s": given 2 times, want once`},
		{"n", []string{"9223372036854775808"}, `--n "9223372036854775808": not a whole number`},
		{"all", []string{"yes"}, `--all "yes": not a bool (true or false)`},
		{"match", []string{"("}, "--match \"(\": no regular expression: missing closing )"},
		{"match", []string{"ab[z-a]"}, "--match \"ab[z-a]\": no regular expression: invalid character class range at \"z-a\""},
		{"mode", []string{"fsat"}, "--mode \"fsat\": want one of fast, slow\nhint: did you mean fast?"},
		{"pid", []string{"12x"}, `--pid: "12x" is not a pid (a number above 0)`},
		{"pid", []string{"0"}, `--pid: "0" is not a pid (a number above 0)`},
		{"pid", []string{"\x1b"}, `--pid: "\x1b" is not a pid (a number above 0)`},
		{"pid", []string{"19241", "7,0"}, `--pid: "0" is not a pid (a number above 0)`},
		{"where", []string{""}, `--where "": not a path`},
		{"older_then", []string{"1s"}, "demo has no parameter --older-then\nhint: did you mean --older-than?"},
	} {
		_, err := r.Bind(map[string][]string{c.name: c.texts}, nil)
		var usage *UsageError
		if !errors.As(err, &usage) || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	plain := newBench(t).recipe("def a():\n    \"\"\"A\"\"\"\nrecipe(steps = [a])\n")
	if _, err := plain.Bind(nil, []string{"x"}); err == nil || err.Error() != `demo takes no arguments, got "x"` {
		t.Errorf("rest: %v", err)
	}
}

func TestNothingIsEmittedWhenTheParametersDoNotFit(t *testing.T) {
	b := newBench(t)
	m := &memory{}
	_, err := (&Engine{}).Run(context.Background(), Request{Recipe: b.recipe(paramsRecipe), Sink: m, Params: map[string][]string{"n": {"x"}}})
	if err == nil || len(m.events) != 0 {
		t.Errorf("%v, %d events", err, len(m.events))
	}
}

// What a recipe cannot do without, and limits, are looked at before it begins.
func TestRequiredAndLimits(t *testing.T) {
	declare := func(params string) (*Recipe, error) {
		return newBench(t).library(map[string]string{"demo.star": "def a():\n    \"\"\"A\"\"\"\nrecipe(steps = [a], params = {" + params + "})\n"}).Find(context.Background(), "demo")
	}
	r, err := declare(`'case': param.string(doc = 'The case.', required = True), 'n': param.int(2, 'N', least = 1, most = 5), 't': param.duration('1s', 'T', least = '100ms'),
		'files': param.rest('Files.', required = True)`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		texts map[string][]string
		rest  []string
		want  string
	}{
		{nil, []string{"x"}, "demo: --case is missing: The case\nhint: runbook run demo --help"},
		{map[string][]string{"case": {""}}, []string{"x"}, "demo: --case is missing: The case\nhint: runbook run demo --help"},
		{map[string][]string{"case": {"c"}}, nil, "demo: FILES … is missing: Files\nhint: runbook run demo --help"},
		{map[string][]string{"case": {"c"}, "n": {"0"}}, []string{"x"}, `--n "0": want 1 to 5`},
		{map[string][]string{"case": {"c"}, "n": {"6"}}, []string{"x"}, `--n "6": want 1 to 5`},
		{map[string][]string{"case": {"c"}, "t": {"99ms"}}, []string{"x"}, `--t "99ms": want 100ms or more`},
		{map[string][]string{"case": {"c"}, "n": {"5"}, "t": {"100ms"}}, []string{"x"}, "<nil>"},
	} {
		if _, err := r.Bind(c.texts, c.rest); err == nil && c.want != "<nil>" || err != nil && err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	for params, want := range map[string]string{
		`'n': param.int(1, 'N', required = True)`:     "required, and has a default",
		`'n': param.int(0, 'N', least = 'one')`:       "limit one: not a whole number",
		`'n': param.int(0, 'N', least = 1)`:           "default: want 1 or more",
		`'t': param.duration('5h', 'T', most = '1h')`: "default: want 1h or less",
	} {
		if _, err := declare(params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", params, err, want)
		}
	}
}

// A flag is made from what is exported: so it must be complete, and survive a
// pipe between two processes.
func TestParamsSayWhatAFlagNeeds(t *testing.T) {
	r := newBench(t).recipe(paramsRecipe)
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Recipe
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range back.Params {
		line := string(p.Kind) + " --" + p.Flag() + "=" + p.Default
		if p.Repeated {
			line += " repeated"
		}
		if p.Choices != nil {
			line += " of " + strings.Join(p.Choices, ",")
		}
		got = append(got, line)
	}
	want := []string{
		"string --name=alpha", "int --n=3", "bool --all=false", "duration --older-than=1m30s", "regexp --match=a.c",
		"choice --mode=slow of fast,slow", "path --where=", "pids --pid= repeated", "list --tags= repeated", "rest --args= repeated",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	one, err1 := r.Bind(nil, nil)
	two, err2 := back.Bind(nil, nil)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	x, _ := json.Marshal(one.Fields)
	y, _ := json.Marshal(two.Fields)
	if string(x) != string(y) {
		t.Errorf("%s here, %s over the pipe", x, y)
	}
}

func FuzzBind(f *testing.F) {
	r := newBench(&testing.T{}).recipe(paramsRecipe)
	f.Add("n", "7")
	f.Add("older_than", "1h")
	f.Add("pid", "1,,2")
	f.Add("match", "(?i)a{1000}")
	f.Fuzz(func(t *testing.T, name, text string) {
		b, err := r.Bind(map[string][]string{name: {text}}, nil)
		if (b == nil) == (err == nil) {
			t.Errorf("%v and %v", b, err)
		}
	})
}

// What follows "--" is another program's, for a recipe that says so; for all
// others it is part of the rest.
func TestWhatFollowsTheDashesMayGoElsewhere(t *testing.T) {
	both := newBench(t).recipe("def a(suites, args):\n    \"\"\"A\"\"\"\nrecipe(steps = [a], params = {'suites': param.rest('S'), 'args': param.rest('A', after = True)})\n")
	for _, c := range []struct {
		rest []string
		want string
	}{
		{nil, `[] []`},
		{[]string{"x", "y"}, `["x", "y"] []`},
		{[]string{"x", "--", "-k", "z", "--", "w"}, `["x"] ["-k", "z", "--", "w"]`},
		{[]string{"--", "-k"}, `[] ["-k"]`},
	} {
		b, err := both.Bind(nil, c.rest)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.values["suites"].String() + " " + b.values["args"].String(); got != c.want {
			t.Errorf("%q: got %s, want %s", c.rest, got, c.want)
		}
	}
	after := newBench(t).recipe("def a(args):\n    \"\"\"A\"\"\"\nrecipe(steps = [a], params = {'args': param.rest('A', after = True)})\n")
	if _, err := after.Bind(nil, []string{"x", "--", "y"}); err == nil || err.Error() != `demo takes no arguments, got "x"` {
		t.Errorf("before the dashes: %v", err)
	}
	_, err := newBench(t).library(map[string]string{"demo.star": "def a():\n    \"\"\"A\"\"\"\nrecipe(steps = [a], params = {'x': param.rest(after = True), 'y': param.rest(after = True)})\n"}).Find(context.Background(), "demo")
	if err == nil || !strings.Contains(err.Error(), "param y: x takes the rest of the arguments already") {
		t.Errorf("two for the same: %v", err)
	}
}
