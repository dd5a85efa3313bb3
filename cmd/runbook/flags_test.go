package main

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"runbook/engine"
)

// A recipe's parameters stand beside our flags on one command line, so the
// engine must refuse a parameter named like any of ours.
func TestEveryFlagOfRunIsReserved(t *testing.T) {
	(&runFlags{}).set(&config{}).VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(engine.ReservedFlags, f.Name) {
			t.Errorf("--%s is not in engine.ReservedFlags", f.Name)
		}
	})
}

func TestRunReadsItsCommandLineInTwoPasses(t *testing.T) {
	recipe := &engine.Recipe{Name: "r", Params: []engine.Param{
		{Name: "older_than", Kind: engine.KindDuration},
		{Name: "pid", Kind: engine.KindPids, Repeated: true},
		{Name: "force", Kind: engine.KindBool},
		{Name: "args", Kind: engine.KindRest, Repeated: true},
	}}
	for _, c := range []struct {
		line   string
		params map[string][]string
		rest   []string
		json   bool
		err    string
		hint   string
	}{
		{line: "r"},
		{line: "--json r", json: true},
		{line: "r --json", json: true},
		{line: "r --older-than 2m --json", params: map[string][]string{"older_than": {"2m"}}, json: true},
		{line: "r --older-than=2m --older-than 3m", params: map[string][]string{"older_than": {"3m"}}},
		{line: "r --pid 1 --pid 2,3", params: map[string][]string{"pid": {"1", "2,3"}}},
		{line: "r --force a --json b", params: map[string][]string{"force": {"true"}}, rest: []string{"a", "b"}, json: true},
		{line: "r --force=false", params: map[string][]string{"force": {"false"}}},
		{line: "r -- --json", rest: []string{"--json"}},
		{line: "--older-than 2m r", err: "run: unknown flag: --older-than", hint: "see: runbook run --help"},
		{line: "r --older_thn 2m", err: "run r: unknown flag: --older_thn", hint: "did you mean --older-than?"},
		{line: "r --older-than", err: "run r: flag needs an argument: --older-than", hint: "see: runbook run r --help"},
		{line: "r -q", err: "run r: unknown shorthand flag: 'q' in -q", hint: "see: runbook run r --help"},
		{line: "", err: "run: which recipe?", hint: "see: runbook list"},
	} {
		t.Run(c.line, func(t *testing.T) {
			r, err := parseRun(&config{}, strings.Fields(c.line), func(name string) (*engine.Recipe, error) {
				if name != "r" {
					t.Errorf("looked up %q", name)
				}
				return recipe, nil
			})
			if c.err != "" {
				var h *hinted
				if !errors.As(err, &h) || h.Error() != c.err || h.hint != c.hint || h.code != exitUsage {
					t.Fatalf("got %v, hint %q; want %q, hint %q", err, h.hint, c.err, c.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.params == nil {
				c.params = map[string][]string{}
			}
			if !reflect.DeepEqual(r.params, c.params) || !slices.Equal(r.rest, c.rest) || r.json != c.json {
				t.Errorf("params %v rest %q json %v", r.params, r.rest, r.json)
			}
		})
	}
}

// A recipe that hands what follows "--" on is told where it begins, and all of
// it: also what looks like a flag of ours.
func TestRunKeepsTheDashesForARecipeThatAsksForThem(t *testing.T) {
	recipe := &engine.Recipe{Name: "r", Params: []engine.Param{{Name: "suites", Kind: engine.KindRest}, {Name: "args", Kind: engine.KindRest, After: true}}}
	for line, want := range map[string]string{
		"r a --json b":           "a b",
		"r a -- -x --json -- b":  "a -- -x --json -- b",
		"r -- a":                 "-- a",
		"r a b --no-record -- c": "a b -- c",
	} {
		r, err := parseRun(&config{}, strings.Fields(line), func(string) (*engine.Recipe, error) { return recipe, nil })
		if got := strings.Join(r.rest, " "); err != nil || got != want {
			t.Errorf("%s: got %q (%v), want %q", line, got, err, want)
		}
	}
}

// A command in the words of a parameter does not stand where its kind belongs.
func TestHelpOfAParameterNamesItsKind(t *testing.T) {
	f := pflag.NewFlagSet("r", pflag.ContinueOnError)
	p := engine.Param{Name: "signatures", Kind: engine.KindList, Repeated: true, Doc: "A file; see `runbook docs gotchas`."}
	f.Var(&paramText{param: p}, p.Name, paramHelp(p))
	if kind, says := pflag.UnquoteUsage(f.Lookup(p.Name)); kind != "list" || says != "A file; see runbook docs gotchas (repeat for several)" {
		t.Errorf("%s: %s", kind, says)
	}
}

// Whatever stands on the command line: an error or a request, never a panic.
func FuzzParseRun(f *testing.F) {
	for _, seed := range []string{"r", "--json r -- x", "r --pid=1", "-vv r", "--allow=kill,run r --from=x", "r --=", "- r", "r ---x"} {
		f.Add(seed)
	}
	recipe := &engine.Recipe{Name: "r", Params: []engine.Param{{Name: "pid", Kind: engine.KindPids, Repeated: true}, {Name: "force", Kind: engine.KindBool}}}
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parseRun(&config{}, strings.Fields(line), func(string) (*engine.Recipe, error) { return recipe, nil })
		if err == nil && r.recipe == nil {
			t.Errorf("%q: no error and no recipe", line)
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add("color = \"never\"\nwidth = 80\n")
	f.Add("widht = 3")
	f.Add("[[a.b]]\n= 3")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parseConfig("config.toml", []byte(text)); err != nil && explainCode(err) != exitUsage {
			t.Errorf("%v: want a usage error", err)
		}
	})
}

func explainCode(err error) int {
	_, _, code := explain(err)
	return code
}
