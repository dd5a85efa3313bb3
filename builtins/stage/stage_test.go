package stage_test

import (
	"errors"
	"fmt"
	"testing"

	"runbook/builtins"
	"runbook/builtins/stage"
	"runbook/engine"
)

func TestWhatCannotBePlayed(t *testing.T) {
	for _, test := range []struct{ part, text, want string }{
		{"pytest", `{"suite": "a", "outcome": "passed"`, "pytest: line 1: want a JSON object: unexpected end of JSON input"},
		{"pytest", "\n# a remark\n{\"outcom\": \"passed\"}", `pytest: line 3: "outcom" is neither a parameter of pytest nor a field of attempt (did you mean outcome?)`},
		{"pytest", `{"tests": [{"id": 5}]}`, "pytest: line 1: tests of attempt: [0]: id of test: got 5, want string"},
		{"pytest", `{"tests": [{"idd": "x"}]}`, `pytest: line 1: tests of attempt: [0]: test has no field "idd" (did you mean id?)`},
		{"pytest", `{"hung": "x"}`, "pytest: line 1: hung: want a pid"},
		{"pytest", `{"after": 1}`, "pytest: line 1: after: want true or false"},
		{"listeners", `{"pid": "x"}`, `listeners: line 1: pid of listener: got "x", want int or None`},
		{"git.resolve", `{"ref": "main"}`, `git.resolve: line 1: git.resolve returns string; the id in full: say it with "returns"`},
		{"git.commit", `{"date": "yesterday"}`, `git.commit: line 1: date of commit: got "yesterday", want time or None, as in "2026-01-02T03:04:05Z"`},
		{"world", "100 1 Q x", `world: line 1: process 100: no state "Q"; there are R, S, D, T, t, Z, X, I`},
		{"world", "100 1 S x\n100:8 tcp ESTABX *:1", "world: line 2: 100:8: no state \"ESTABX\" (did you mean ESTAB?)"},
		{"repo", "commits c1\ncommits c2", "repo: line 2: commits stands in line 1, too"},
		{"snapshot", "/etc/passwd", `snapshot: "/etc/passwd": want the path of a file beside the test`},
		{"snapshot", "nowhere.tgz", "snapshot: nowhere.tgz: no such file beside the test"},
		{"repo", "commits c1\nc1 .\nchange Q", "repo: line 3: change: no letter Q"},
		{"repo", "commits c1\ndirtyy", "repo: line 2: dirtyy is neither a fact nor a tree (did you mean dirty?)"},
		{"repo", "commits c1\nc1 . F", "repo: line 2: c1: want one word of letters, a letter a run"},
		{"repo", "commits c1\nletter V {", "repo: line 2: letter V: want a JSON object: unexpected end of JSON input"},
	} {
		_, err := stage.New(stage.Scene{Parts: map[string]string{test.part: test.text}})
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("%s: %s\n got: %s\nwant: %s", test.part, test.text, got, test.want)
		}
	}
	if _, err := stage.New(stage.Scene{Parts: map[string]string{"world": "", "snapshot": "x.tgz"}}); err == nil {
		t.Error("two machines")
	}
}

// A word that starts a program or writes must not reach the machine, whatever a
// test says or leaves out.
func TestNothingActsUnlessItIsPlayed(t *testing.T) {
	set, err := stage.New(stage.Scene{Files: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if set.Host.Act() != nil {
		t.Error("the machine of a test can act")
	}
	for _, b := range set.Builtins {
		if b.Effect != engine.Run && b.Effect != engine.Write || b.Name == "junit" || b.Name == "pysource" { // see TestMessages of recipetest; pkill and pysource ask Act
			continue
		}
		_, err := b.Func(&engine.Call{Context: t.Context(), Name: b.Name}, nil, nil)
		var denied *engine.Denied
		if !errors.As(err, &denied) {
			t.Errorf("%s: %v", b.Name, err)
		}
	}
}

// Whatever stands in a part: an error or a set, never a panic.
func FuzzScene(f *testing.F) {
	for _, b := range builtins.Table(builtins.Options{}) {
		f.Add(b.Name, `{"suite": "tests/a.py", "outcome": "hang", "duration": "5s", "hung": 100, "tests": [{"id": "x"}], "returns": [1, null]}`)
	}
	f.Add("world", "100 1 S \"sleep 9\" age=2m\n---\n100 cpu=1s")
	f.Add("repo", "commits c1 c2\nc1 .F\nchange+layer F\nletter V {\"outcome\": \"failed\"}\nlayer a b")
	f.Fuzz(func(t *testing.T, part, text string) {
		if part == "snapshot" || len(text) > 4096 {
			return // the archive has its own fuzz target
		}
		set, err := stage.New(stage.Scene{Parts: map[string]string{part: text}})
		if (set == nil) == (err == nil) {
			t.Fatalf("%v, %v", set, err)
		}
	})
}
