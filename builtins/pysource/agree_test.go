package pysource

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python runs Script on files and calls each with what it said of one.
func python(t *testing.T, interpreter string, files []string, each func(file string, tree string, problem string)) {
	t.Helper()
	path, err := exec.LookPath(interpreter)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	script := filepath.Join(t.TempDir(), "reduce.py")
	text := "import json\ndef answer(value): print(json.dumps(value), flush=True)\n" + string(Script)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-I", "-B", script)
	cmd.Stdin = strings.NewReader(strings.Join(files, "\x00") + "\x00")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for _, f := range files {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		var a struct {
			Tree  string
			Error *struct{ Text string }
		}
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		problem := ""
		if a.Error != nil {
			problem = a.Error.Text
		}
		each(f, a.Tree, problem)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// Whatever Python's own parser reads, ours reads in the same way: these are the
// sources of the standard library, and those below RUNBOOK_SOURCES if it is set.
// RUNBOOK_PYTHON names another interpreter.
func TestParseAgreesWithTheAstOfPython(t *testing.T) {
	interpreter := "python3"
	if p := os.Getenv("RUNBOOK_PYTHON"); p != "" {
		interpreter = p
	}
	var files []string
	dirs := filepath.SplitList(os.Getenv("RUNBOOK_SOURCES"))
	if len(dirs) == 0 {
		out, err := exec.Command(interpreter, "-I", "-c", "import asyncio, os; print(os.path.dirname(asyncio.__file__))").Output()
		if err != nil && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
		dirs = []string{strings.TrimSpace(string(out))}
	}
	for _, d := range dirs {
		err := filepath.WalkDir(d, func(path string, e os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".py") && e.Type().IsRegular() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 10 {
		t.Fatalf("only %d files in %v", len(files), dirs)
	}
	refused := 0
	python(t, interpreter, files, func(file string, tree string, problem string) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Parse(src)
		if problem != "" {
			refused++
			return
		}
		if err != nil {
			t.Errorf("%s:%v", file, err)
			return
		}
		want, err := Decode(tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := same(n, want); err != nil {
			t.Errorf("%s:%v", file, err)
		}
	})
	t.Logf("%d files, of which Python itself refused %d", len(files), refused)
}

// same tells where two trees begin to differ.
func same(ours, theirs *Node) error {
	if ours.Kind != theirs.Kind || ours.Line != theirs.Line || ours.Col != theirs.Col || ours.Text != theirs.Text || len(ours.Kids) != len(theirs.Kids) {
		return fmt.Errorf("%d: ours %.300s\n  theirs %.300s", max(ours.Line, theirs.Line), ours, theirs)
	}
	var all []error
	for i, k := range ours.Kids {
		if err := same(k, theirs.Kids[i]); err != nil {
			if ours.Line > 0 && !strings.HasPrefix(err.Error(), "0:") {
				return err
			}
			return errors.Join(append(all, err)...)
		}
	}
	return nil
}
