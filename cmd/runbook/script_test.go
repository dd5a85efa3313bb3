package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"runbook/builtins/probe"
	"runbook/engine/sink"
)

// The test binary is runbook too: it plays the actors of a demonstration, the
// guard of a program, the confined process of a recipe, and the command of the scripts.
func TestMain(m *testing.M) {
	beActor()
	probe.BeGuard()
	beConfined()
	testscript.Main(m, map[string]func(){"runbook": func() { os.Exit(main1()) }})
}

// raced are the scripts that the race detector watches: those in which goroutines
// meet. A live run and what ends it, recipes at once, a recipe in a process of its
// own, the prompt, a record that is written meanwhile. The others tell of pages and
// words, one goroutine after the other, and take as long.
var raced = []string{"capture", "demo", "fulldisk", "gate", "git", "interrupt", "kill", "output", "recipetest", "record", "repl", "step"}

// TestScripts runs testdata/script/*.txtar: each is a story of one theme.
func TestScripts(t *testing.T) {
	dir, files := "testdata/script", []string(nil)
	if raceDetector {
		for _, name := range raced {
			files = append(files, filepath.Join(dir, name+".txtar"))
		}
		dir = ""
	}
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("TZ", "UTC")
			for _, name := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME", "NO_COLOR", "COLUMNS", "LANG", "LC_ALL", "LC_CTYPE", "PAGER"} {
				env.Setenv(name, "")
			}
			return os.MkdirAll(env.WorkDir+"/home", 0o700)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "race":
				return raceDetector, nil
			case "pytest":
				return haveLinux && exec.Command("python3", "-c", "import pytest").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     scriptExits,
			"interrupt": scriptInterrupt,
			"plant":     scriptPlant,
			"alive":     scriptAlive,
			"schema":    scriptSchema,
			"widest":    scriptWidest,
			"plain":     scriptPlain,
			"findings":  scriptFindings,
			"tinydisk":  scriptTinyDisk,
			"killall":   scriptKillAll,
		},
	})
}

// exits CODE COMMAND …: runs it and wants exactly that exit code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND …")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := exitOf(err); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s (%v)\nstdout: %s\nstderr: %s", got, args[0], err, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// inPath finds a program where the script would.
func inPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

func exitOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

// interrupt SIGNAL CODE FILE PATTERN COMMAND …: starts the command, waits until
// FILE matches PATTERN, sends the signal, and wants that exit code. The output
// is in the files out and err. With `timeout ` before the signal it is sent twice,
// as by timeout(1): to its child, and then to the whole group.
func scriptInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 5 {
		ts.Fatalf("usage: interrupt SIGNAL CODE FILE PATTERN COMMAND …")
	}
	signals := map[string]os.Signal{"SIGINT": syscall.SIGINT, "SIGQUIT": syscall.SIGQUIT, "SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, inPath(ts, args[4]), args[5:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "PATH="+ts.Getenv("PATH"), "NO_COLOR=1")
	var out, errText bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errText
	ts.Check(cmd.Start())
	wanted := regexp.MustCompile(args[3])
	for {
		b, _ := os.ReadFile(ts.MkAbs(args[2]))
		if wanted.Match(b) {
			break
		}
		if ctx.Err() != nil {
			_ = cmd.Wait()
			ts.Fatalf("%s never matched %s\n%s%s", args[2], args[3], b, errText.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
	name, twice := strings.CutPrefix(args[0], "timeout ")
	ts.Check(cmd.Process.Signal(signals[name]))
	if twice {
		time.Sleep(time.Millisecond)          // two, and not one: equal signals that wait are merged
		_ = cmd.Process.Signal(signals[name]) // it may have ended
	}
	err := cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errText.Bytes(), 0o600))
	if got := exitOf(err); strconv.Itoa(got) != args[1] {
		ts.Fatalf("exit code %d, want %s (%v)\n%s%s", got, args[1], err, out.String(), errText.String())
	}
}

// plant SCENARIO: boots the tree of a demonstration until the script ends, and
// sets $root, $alpha, $beta and $gamma to the pids, and $look to the one to name.
func scriptPlant(ts *testscript.TestScript, neg bool, args []string) {
	if !haveLinux {
		ts.Fatalf("plant needs Linux")
	}
	p, err := findScenario(args[0])
	ts.Check(err)
	tree, err := plantTree(context.Background(), p, false)
	ts.Check(err)
	ts.Defer(tree.Close)
	prefix := ""
	if len(args) > 1 {
		prefix = args[1] // a second tree
	}
	for name, pid := range tree.pids {
		ts.Setenv(prefix+name, strconv.Itoa(pid))
	}
	ts.Setenv(prefix+"look", strconv.Itoa(tree.pids[p.look]))
}

// alive PID …: wants all to run; with ! none, soon.
func scriptAlive(ts *testscript.TestScript, neg bool, args []string) {
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range args {
		for {
			b, err := os.ReadFile("/proc/" + pid + "/stat")
			runs := err == nil && !bytes.Contains(b, []byte(") Z "))
			if runs != neg {
				break
			}
			if !neg || time.Now().After(deadline) {
				ts.Fatalf("pid %s: alive is %v", pid, runs)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// schema FILE [check]: wants a report that the published schema accepts; that
// of a run, or of check.
func scriptSchema(ts *testscript.TestScript, neg bool, args []string) {
	published := sink.ReportSchema
	if len(args) > 1 && args[1] == "check" {
		published = checkSchema
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	ts.Check(err)
	c := jsonschema.NewCompiler()
	ts.Check(c.AddResource("report.schema.json", doc))
	schema, err := c.Compile("report.schema.json")
	ts.Check(err)
	report, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(schema.Validate(report))
}

// widest FILE N: wants no line of more than N columns.
func scriptWidest(ts *testscript.TestScript, neg bool, args []string) {
	limit, err := strconv.Atoi(args[1])
	ts.Check(err)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > limit {
			ts.Fatalf("%d columns, want at most %d: %s", w, limit, line)
		}
	}
}

// plain FILE: wants no escape sequence; with ! at least one.
func scriptPlain(ts *testscript.TestScript, neg bool, args []string) {
	if has := strings.Contains(ts.ReadFile(args[0]), "\x1b"); has != neg {
		ts.Fatalf("%s: escape sequences: %v", args[0], has)
	}
}

// findings FILE LINE …: wants exactly these "verdict rule about" in a report,
// in any order; "VERDICT RULE" for one about nothing.
func scriptFindings(ts *testscript.TestScript, neg bool, args []string) {
	var report sink.Report
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &report))
	var got []string
	for _, f := range report.Findings {
		line := string(f.Verdict) + " " + f.Rule
		if f.About != nil {
			line += " " + f.About.Label()
		}
		got = append(got, line)
	}
	want := slices.Clone(args[1:])
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		ts.Fatalf("findings:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
