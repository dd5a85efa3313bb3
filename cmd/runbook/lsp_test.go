package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// team writes a repository with a recipe directory, and returns it.
func team(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		".runbook/lib/words.star": "\"\"\"Words.\"\"\"\n\ndef shout(text, times = 1):\n    \"\"\"Says it loudly.\"\"\"\n    return text.upper() * times\n",
		".runbook/mine.star":      brokenRecipe,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const brokenRecipe = `"""# Mine"""

load("lib/words.star", "shout")
load("lib/actors.star", "find_trees")

def look():
    """Look"""
    return ps(mach = "ü𝄞")

def judge(look):
    """Judge"""
    for p in look:
        note("a", "𝄞 %s %d" % (shout(p.nam), p.pid)); pkil(find_trees(look))

recipe(summary = "s", steps = [look, judge])
`

const mine = ".runbook/mine.star"

// What the editor shows is what check says: as many problems, with the same
// rules, places and words.
func TestAnEditorShowsWhatCheckSays(t *testing.T) {
	t.Parallel()
	dir := team(t)
	broken, err := filepath.Glob("testdata/broken/*.star")
	if err != nil || len(broken) < 40 {
		t.Fatalf("%d files, %v", len(broken), err)
	}
	e := startEditor(t, dir)
	texts := map[string]string{mine: brokenRecipe}
	for _, name := range broken {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rel := filepath.Join(".runbook", filepath.Base(name))
		texts[rel] = string(source)
		if err := os.WriteFile(filepath.Join(dir, rel), source, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := exec.Command(e.cmd.Path, "check", "--json")
	check.Args[0], check.Dir, check.Env = "runbook", dir, e.cmd.Env
	out, _ := check.Output() // it found errors
	var report checkReport
	if err := json.Unmarshal(out, &report); err != nil || len(report.Problems) < len(broken) {
		t.Fatalf("%v: %s", err, out)
	}
	want := map[string][]checkProblem{}
	for _, p := range report.Problems {
		want[p.File] = append(want[p.File], p)
	}
	e.begin(os.Getpid())
	for name, text := range texts {
		e.open(name, text)
	}
	for name, text := range texts {
		got := e.diagnostics(name, 1)
		if len(got) != len(want[name]) {
			t.Errorf("%s: the editor shows %d problems, check says %d: %v", name, len(got), len(want[name]), got)
			continue
		}
		lines := strings.Split(text, "\n")
		for i, p := range want[name] {
			d := got[i]
			words := p.Message
			if p.Hint != "" {
				words += "\nhint: " + p.Hint
			}
			before := []rune(lines[p.Line-1])
			before = before[:min(p.Column-1, len(before))]
			at := fmt.Sprintf("map[character:%d line:%d]", len(utf16.Encode(before)), p.Line-1)
			if start := fmt.Sprint(d["range"].(map[string]any)["start"]); d["message"] != words || d["code"] != p.Rule || d["source"] != "runbook" || start != at {
				t.Errorf("%s: the editor shows %v, check says %+v", name, d, p)
			}
		}
	}
}

func TestAnEditorHelps(t *testing.T) {
	t.Parallel()
	e := startEditor(t, team(t))
	e.begin(os.Getpid())
	e.open(mine, brokenRecipe)

	// A name that is not there keeps all else from being said.
	got := e.diagnostics(mine, 1)
	if len(got) != 1 || got[0]["code"] != "name" || got[0]["message"] != "undefined: pkil\nhint: did you mean pkill?" {
		t.Fatalf("got %v", got)
	}
	// Columns are UTF-16: the clef before it has two.
	if r := fmt.Sprint(got[0]["range"]); r != "map[end:map[character:59 line:12] start:map[character:55 line:12]]" {
		t.Errorf("range %s", r)
	}
	actions := e.ask("textDocument/codeAction", map[string]any{
		"textDocument": map[string]any{"uri": e.uri(mine)}, "range": got[0]["range"], "context": map[string]any{"diagnostics": got},
	}).([]any)
	if len(actions) != 1 || !strings.Contains(fmt.Sprint(actions[0]), "Change pkil to pkill") || !strings.Contains(fmt.Sprint(actions[0]), "newText:pkill") {
		t.Fatalf("got %v", actions)
	}
	e.change(mine, 2, map[string]any{"range": got[0]["range"], "text": "pkill"})
	rules := ""
	for _, d := range e.diagnostics(mine, 2) {
		rules += d["code"].(string) + " "
	}
	if rules != "argument attribute effect kill-without-preview " && rules != "argument attribute kill-without-preview effect " {
		t.Errorf("got %s", rules)
	}

	if got := fmt.Sprint(e.ask("textDocument/hover", e.at(mine, 12, 56))); !strings.Contains(got, "effect: `kill`") || !strings.Contains(got, "kind:markdown") {
		t.Errorf("got %v", got)
	}
	if got := labels(e.ask("textDocument/completion", e.at(mine, 12, 41))); !strings.Contains(got, " name ") || !strings.Contains(got, " cmdline ") {
		t.Errorf("got %v", got)
	}
	at := e.ask("textDocument/definition", e.at(mine, 12, 34)).(map[string]any)
	if at["uri"] != e.uri(".runbook/lib/words.star") || fmt.Sprint(at["range"]) != "map[end:map[character:9 line:2] start:map[character:4 line:2]]" {
		t.Errorf("got %v", at)
	}
	at = e.ask("textDocument/definition", e.at(mine, 12, 64)).(map[string]any)
	file := strings.TrimPrefix(at["uri"].(string), "file://")
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(file, "lib/actors.star") || !strings.Contains(string(text), "def find_trees") {
		t.Errorf("got %v, %v", at, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o222 != 0 {
		t.Errorf("what ships can be written: %v, %v", info, err)
	}
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": at["uri"], "version": 1, "text": string(text)}})
	if got := fmt.Sprint(e.ask("textDocument/definition", map[string]any{"textDocument": map[string]any{"uri": at["uri"]}, "position": map[string]any{"line": 0, "character": 0}})); got != "<nil>" {
		t.Errorf("got %v", got)
	}
	for { // it is sound where it lies now
		if said := e.said[at["uri"].(string)]; len(said) > 0 {
			if d := said[0].(map[string]any)["diagnostics"].([]any); len(d) > 0 {
				t.Errorf("got %v", d)
			}
			break
		}
		e.frame()
	}

	if got := fmt.Sprint(e.ask("textDocument/documentSymbol", e.at(mine, 0, 0))); !strings.Contains(got, "detail:step 1  Look") || !strings.Contains(got, "detail:step 2  Judge") {
		t.Errorf("got %v", got)
	}

	// A library that is changed, and not yet saved, counts for what loads it.
	e.open(".runbook/lib/words.star", "\"\"\"Words.\"\"\"\n\ndef whisper(text):\n    \"\"\"Says it.\"\"\"\n    return text\n")
	e.change(mine, 3, map[string]any{"text": brokenRecipe})
	got = e.diagnostics(mine, 3)
	if len(got) != 1 || !strings.Contains(got[0]["message"].(string), "pkil") {
		t.Errorf("got %v", got)
	}
	e.change(mine, 4, map[string]any{"text": strings.Replace(brokenRecipe, "pkil(", "pkill(", 1)})
	if got = e.diagnostics(mine, 4); len(got) != 1 || got[0]["message"] != "load: name shout not found in module lib/words.star" {
		t.Errorf("got %v", got)
	}

	// A library that is broken is shown at the load(), with the place itself beside.
	e.change(".runbook/lib/words.star", 2, map[string]any{"text": "def shout(text:\n"})
	e.change(mine, 5, map[string]any{"text": brokenRecipe})
	e.diagnostics(mine, 5)
	e.change(mine, 6, map[string]any{"text": strings.Replace(brokenRecipe, "pkil(", "pkill(", 1)})
	got = e.diagnostics(mine, 6)
	if len(got) != 1 || !strings.Contains(fmt.Sprint(got[0]["range"]), "line:2") || !strings.Contains(fmt.Sprint(got[0]["relatedInformation"]), e.uri(".runbook/lib/words.star")) {
		t.Errorf("got %v", got)
	}

	// The layout, as edits that touch what changes only.
	e.change(mine, 7, map[string]any{"text": "x = 1\ny=2\nz = 3\n"})
	if got := fmt.Sprint(e.ask("textDocument/formatting", map[string]any{"textDocument": map[string]any{"uri": e.uri(mine)}, "options": map[string]any{"tabSize": 4}})); got != "[map[newText:y = 2\n range:map[end:map[character:0 line:2] start:map[character:0 line:1]]]]" {
		t.Errorf("got %v", got)
	}

	e.ask("shutdown", nil)
	e.notify("exit", nil)
	if code := e.exits(); code != 0 || e.stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %s", code, e.stderr.String())
	}
}

// A session outlives what an editor should not send.
func TestAnEditorMaySendAnything(t *testing.T) {
	t.Parallel()
	e := startEditor(t, team(t))
	e.send(map[string]any{"id": 1, "method": "textDocument/hover", "params": e.at(mine, 0, 0)})
	if f := e.answer(1); !strings.Contains(fmt.Sprint(f["error"]), "-32002") {
		t.Errorf("got %v", f)
	}
	e.begin(os.Getpid())
	e.raw("hello?\r\nContent-Length: many\r\n\r\n\r\n{}")
	e.raw("\nContent-Length: 9\r\n\r\nno json !")
	if f := e.answer(nil); !strings.Contains(fmt.Sprint(f["error"]), "-32700") {
		t.Errorf("got %v", f)
	}
	e.raw("Content-Length: 20000000\r\n\r\n" + strings.Repeat(" ", 20000000))
	if f := e.answer(nil); !strings.Contains(fmt.Sprint(f["error"]), "16 MiB") {
		t.Errorf("got %v", f)
	}
	for _, m := range []string{`[]`, `null`, `{"id":{"a":1},"method":7}`, `{"id":"a","method":"textDocument/hover","params":[1]}`, `{"method":"textDocument/didChange"}`} {
		e.raw(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(m), m))
	}
	e.send(map[string]any{"id": 7, "method": "no/such"})
	if f := e.answer(7); !strings.Contains(fmt.Sprint(f["error"]), "-32601") {
		t.Errorf("got %v", f)
	}

	// What would fill the memory is said of the file, and the session goes on.
	e.open(mine, "x = [0] * 1000000000\n")
	if got := e.diagnostics(mine, 1); len(got) != 1 || !strings.Contains(got[0]["message"].(string), "memory") {
		t.Errorf("got %v", got)
	}
	// A request that is taken back is answered so, or with what was found before.
	e.change(mine, 2, map[string]any{"text": brokenRecipe})
	e.send(map[string]any{"id": "late", "method": "textDocument/hover", "params": e.at(mine, 12, 56)})
	e.notify("$/cancelRequest", map[string]any{"id": "late"})
	if f := e.answer("late"); f["result"] == nil && !strings.Contains(fmt.Sprint(f["error"]), "-32800") {
		t.Errorf("got %v", f)
	}
	if got := labels(e.ask("textDocument/completion", e.at(mine, 12, 41))); !strings.Contains(got, " name ") {
		t.Errorf("got %v", got)
	}
	// Files that are no recipes are left alone.
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": e.uri("BUILD.bazel"), "version": 1, "text": "x ="}})
	if got := e.ask("textDocument/hover", e.at("BUILD.bazel", 0, 0)); got != nil {
		t.Errorf("got %v", got)
	}
	e.notify("exit", nil)
	if code := e.exits(); code != 1 {
		t.Errorf("exit code %d without a shutdown", code)
	}
}

// An editor that dies takes its server along, by its stream and by its pid.
func TestAServerEndsWithItsEditor(t *testing.T) {
	t.Parallel()
	e := startEditor(t, team(t))
	e.begin(os.Getpid())
	e.in.Close()
	if code := e.exits(); code != 1 {
		t.Errorf("exit code %d", code)
	}

	dead := exec.Command(os.Args[0], "-test.run", "^$")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	e = startEditor(t, team(t))
	e.begin(dead.Process.Pid) // and its stream stays open
	if code := e.exits(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}
