package recipes_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"runbook/builtins"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// What the suites do, and findings out: each file of testdata/hang-proof-tests
// has a script of what pytest comes to, run by run, perhaps a small world that
// hangs, and what the recipe says of it. A part that is called "findings
// tests/a.py repeat=3" is a run with these suites and parameters; a part
// "report.xml" is the JUnit report of the run before.
//
// Write the findings anew with: go test ./recipes -update. Then read them.
func TestHangProofTests(t *testing.T) {
	names, err := filepath.Glob("testdata/hang-proof-tests/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			story, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for i, part := range story.Files {
				var got string
				words := strings.Fields(part.Name)
				switch {
				case words[0] == "findings":
					got = gate(t, story, dir, words[1:])
				case part.Name == "report.xml":
					b, err := os.ReadFile(filepath.Join(dir, part.Name))
					if err != nil {
						t.Fatal(err)
					}
					got = string(b)
				default:
					continue
				}
				if *update {
					story.Files[i].Data = []byte(got)
				} else if d := cmp.Diff(string(part.Data), got); d != "" {
					t.Errorf("%s (-want +got):\n%s", part.Name, d)
				}
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(story), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// gate runs the recipe with a pytest that does as the story says.
func gate(t *testing.T, story *txtar.Archive, dir string, words []string) string {
	t.Helper()
	for _, part := range story.Files {
		if strings.HasSuffix(part.Name, ".json") && !strings.Contains(part.Name, " ") {
			if err := os.WriteFile(filepath.Join(dir, part.Name), part.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := probetest.World(t, part(story, "world"))
	script := &theatre{t: t, runs: lines(t, part(story, "pytest"))}
	table := builtins.Table(builtins.Options{Host: h})
	script.stage(table, "pytest", engine.Run, script.pytest)
	script.stage(table, "listeners", engine.Looks, script.given(lines(t, part(story, "listeners"))))
	script.stage(table, "uds_files", engine.Looks, script.given(lines(t, part(story, "uds_files"))))
	script.stage(table, "shm", engine.Looks, script.given(lines(t, part(story, "shm"))))
	script.table = table
	lib := &engine.Library{Roots: []engine.Root{{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}}, Builtins: table}
	recipe, err := lib.Find(context.Background(), "hang-proof-tests")
	if err != nil {
		t.Fatal(err)
	}
	req := engine.Request{Recipe: recipe, Params: map[string][]string{}}
	for _, w := range words {
		name, value, isParam := strings.Cut(w, "=")
		switch {
		case !isParam:
			req.Rest = append(req.Rest, w)
		case name == "junit" || name == "signatures":
			req.Params[name] = append(req.Params[name], filepath.Join(dir, value))
		case name == "dry-run":
			req.DryRun = true
		default:
			req.Params[name] = append(req.Params[name], value)
		}
	}
	said := &gateNotebook{}
	req.Sink = said
	end, err := (&engine.Engine{HostNow: h.Now}).Run(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&said.text, "ran %s\nexit %d\n", strings.Join(script.ran, " "), engine.ExitCode(end, false))
	return strings.ReplaceAll(said.text.String(), dir, "DIR")
}

func part(story *txtar.Archive, name string) string {
	for _, p := range story.Files {
		if p.Name == name {
			return string(p.Data)
		}
	}
	return ""
}

// lines reads one JSON object a line.
func lines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, m)
	}
	return out
}

// theatre plays the builtins that act, or look where a small world has nothing.
type theatre struct {
	t     *testing.T
	table []engine.Builtin
	runs  []map[string]any // what is still to come
	ran   []string
}

type builtinFunc = func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// stage replaces a row of the table.
func (th *theatre) stage(table []engine.Builtin, name string, effect engine.Effect, f builtinFunc) {
	th.t.Helper()
	at := slices.IndexFunc(table, func(b engine.Builtin) bool { return b.Name == name })
	if at < 0 || table[at].Effect != effect {
		th.t.Fatalf("no builtin %s with effect %q", name, effect)
	}
	table[at].Func = f
}

// pytest is the next run of the script that is for this suite.
func (th *theatre) pytest(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	given := map[string]starlark.Value{}
	for _, kv := range kwargs {
		name, _ := starlark.AsString(kv[0])
		given[name] = kv[1]
	}
	suite, _ := starlark.AsString(args[0])
	if call.DryRun {
		call.Show(event.View{Kind: "table", Title: "would run " + suite})
		return starlark.None, nil
	}
	at := slices.IndexFunc(th.runs, func(r map[string]any) bool { return r["suite"] == suite })
	if at < 0 {
		return nil, fmt.Errorf("the story has no further run of %s", suite)
	}
	run := th.runs[at]
	th.runs = slices.Delete(th.runs, at, at+1)
	th.ran = append(th.ran, suite)
	if args := given["args"].(*starlark.List); args.Len() > 0 {
		th.ran = append(th.ran, args.String())
	}
	if root, ok := run["hung"].(float64); ok {
		hung, err := th.tree(call, int(root), run)
		if err != nil {
			return nil, err
		}
		if _, err := starlark.Call(call.Thread, given["on_hang"], starlark.Tuple{hung}, nil); err != nil {
			return nil, err
		}
	}
	return newPlayed("attempt", map[string]any{
		"exit_code": 0.0, "signal": "", "duration": "1s", "phase": "", "reason": "", "running": []any{}, "tests": []any{}, "passed": 0.0, "failed": 0.0,
		"errors": 0.0, "skipped": 0.0, "leaks": []any{}, "output": "", "evidence": "", "python": "python3", "version": "pytest 9.0",
	}, run), nil
}

// tree is the tree value of a process of the world and all below it, overdue:
// the root runs the test, or the process "worker".
func (th *theatre) tree(call *engine.Call, root int, run map[string]any) (starlark.Value, error) {
	use := func(name string, args ...starlark.Value) (starlark.Value, error) {
		at := slices.IndexFunc(th.table, func(b engine.Builtin) bool { return b.Name == name })
		return th.table[at].Func(call, args, nil)
	}
	all, err := use("ps", starlark.None, starlark.NewList([]starlark.Value{starlark.MakeInt(root)}))
	if err != nil {
		return nil, err
	}
	worker := root
	if pid, ok := run["worker"].(float64); ok {
		worker = int(pid)
	}
	var top starlark.Value
	doing := starlark.NewDict(1)
	for p := range starlark.Elements(all.(*starlark.List)) {
		pid, _ := p.(starlark.HasAttrs).Attr("pid")
		if pid == starlark.Value(starlark.MakeInt(root)) {
			top = p
		}
		tests, _ := run["running"].([]any)
		if pid != starlark.Value(starlark.MakeInt(worker)) || len(tests) == 0 {
			continue
		}
		if err := doing.SetKey(p, starlark.String(fmt.Sprintf("%s (%s)", tests[0], run["phase"]))); err != nil {
			return nil, err
		}
	}
	if top == nil {
		return nil, fmt.Errorf("no process %d", root)
	}
	return use("tree", top, all, starlark.None, doing, starlark.String(fmt.Sprintf("the deadline of %s was over", run["duration"])))
}

// given is a builtin that returns these facts: those of its address, and those
// marked "after" once a suite has run.
func (th *theatre) given(rows []map[string]any) builtinFunc {
	return func(_ *engine.Call, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		var out []starlark.Value
		for _, r := range rows {
			if r["after"] == true && len(th.ran) == 0 {
				continue
			}
			if at := r["address"]; at != nil && args.Index(0) != starlark.Value(starlark.String(at.(string))) {
				continue
			}
			out = append(out, newPlayed("fact", map[string]any{"listening": false, "mapped_by": []any{}, "certain": true, "size": 4096.0}, r))
		}
		return starlark.NewList(out), nil
	}
}

// played is a record of a story: as evidence it is its name alone.
type played struct{ *starlarkstruct.Struct }

func (p played) Fields() event.Fields {
	return event.Fields{{Name: "type", Value: p.Constructor().String()}}
}

func newPlayed(name string, defaults, facts map[string]any) played {
	fields := starlark.StringDict{}
	for _, m := range []map[string]any{defaults, facts} {
		for key, v := range m {
			fields[key] = playedValue(key, v)
		}
	}
	return played{starlarkstruct.FromStringDict(starlark.String(name), fields)}
}

func playedValue(key string, v any) starlark.Value {
	switch v := v.(type) {
	case string:
		if key == "duration" || key == "age" {
			d, _ := time.ParseDuration(v)
			return startime.Duration(d)
		}
		return starlark.String(v)
	case float64:
		return starlark.MakeInt(int(v))
	case bool:
		return starlark.Bool(v)
	case []any:
		var items []starlark.Value
		for _, x := range v {
			if m, ok := x.(map[string]any); ok {
				items = append(items, newPlayed(key, map[string]any{"duration": "100ms", "phase": "call", "message": "", "text": ""}, m))
				continue
			}
			items = append(items, playedValue("", x))
		}
		return starlark.NewList(items)
	}
	return starlark.None
}

// gateNotebook keeps what a person would remember of a gate.
type gateNotebook struct{ text strings.Builder }

func (n *gateNotebook) Write(e event.Event) error {
	switch f, s, v := e.Found, e.StepFinished, e.Shown; {
	case f != nil:
		fmt.Fprintf(&n.text, "%s %s %s", f.Verdict, strings.TrimPrefix(f.Rule, "hang-proof-tests/"), called(f.About))
		for i, m := range f.Members {
			if i == 0 {
				n.text.WriteString(", members")
			}
			fmt.Fprintf(&n.text, " %s", called(&m))
		}
		fmt.Fprintf(&n.text, "\n  %s\n", f.Title)
		if f.Verdict == event.Fault {
			for _, more := range []struct{ word, text string }{{"means", f.Means}, {"because", f.Because}, {"do", f.Do}} {
				if more.text != "" {
					fmt.Fprintf(&n.text, "  %s: %s\n", more.word, more.text)
				}
			}
		}
	case v != nil && v.Title == "Suites":
		for _, row := range v.Nodes {
			fmt.Fprintf(&n.text, "| %s\n", strings.Join(row.Cells, " | "))
		}
	case s != nil && s.Status != event.StatusDone && s.Status != event.StatusSkipped:
		fmt.Fprintf(&n.text, "%s %s: %s\n", s.Name, s.Status, s.Reason)
	}
	return nil
}

func (n *gateNotebook) Close() error { return nil }

// The report is there before anything has run, and says that nothing has ended.
func TestTheReportOfABrokenOffGateIsNoPass(t *testing.T) {
	dir := t.TempDir()
	story := txtar.Parse([]byte("-- world --\n-- pytest --\n{\"suite\": \"tests/a.py\", \"outcome\": \"passed\", \"tests\": [{\"id\": \"tests/a.py::test_x\", \"outcome\": \"passed\"}]}\n"))
	got := gate(t, story, dir, []string{"tests/a.py", "tests/b.py", "junit=report.xml"})
	if !strings.Contains(got, "gate failed: ") {
		t.Fatalf("the story ends early, and the gate goes on:\n%s", got)
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Suites []struct {
			Name   string `xml:"name,attr"`
			Errors int    `xml:"errors,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(report.Suites), "[{tests/a.py 0} {tests/b.py 1}]"; got != want {
		t.Errorf("got %s, want %s\n%s", got, want, b)
	}
}

// What no story tells, nobody has ever seen said.
func TestEveryRuleOfTheGateHasAStory(t *testing.T) {
	names, err := filepath.Glob("testdata/hang-proof-tests/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(b)
	}
	said := regexp.MustCompile(`(?m)\b(?:fault|warn|note|rule_out|unknown)\(\s*"([a-z-]+)"|\("(left-[a-z-]+)"|^    "([a-z-]+)": row\(`)
	rules := 0
	for _, file := range []string{"lib/gate.star", "lib/hang.star", "lib/preflight.star", "lib/rates.star", "lib/signatures.star"} {
		b, err := fs.ReadFile(recipes.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(b), -1) {
			rules++
			if rule := m[1] + m[2] + m[3]; !strings.Contains(told.String(), " "+rule+" ") {
				t.Errorf("%s: no story says %q", file, rule)
			}
		}
	}
	if rules < 30 {
		t.Errorf("only %d rules were recognised in the source", rules)
	}
}
