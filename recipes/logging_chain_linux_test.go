package recipes_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"runbook/builtins"
	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// A set-up of logging in, findings out: each file of testdata/set-ups/logging is
// a small program that sets logging up. The recipe says what would be printed,
// and then the program is run and really logs a record of each level: what was
// claimed must be what is on stderr and stdout, line by line.
//
// Write the findings anew with: go test ./recipes -update. Then read them.
func TestLoggingChain(t *testing.T) {
	python := aPython(t)
	names, err := filepath.Glob("testdata/set-ups/logging/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var compared atomic.Int32
	t.Cleanup(func() {
		if n := compared.Load(); n < 15 && !t.Failed() && !*update {
			t.Errorf("only %d set-ups were held against what is really printed", n)
		}
	})
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			story, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s := newSetUp(t, python, story)
			got := s.findings(t)
			at := slices.IndexFunc(story.Files, func(f txtar.File) bool { return f.Name == "findings" })
			if *update {
				story.Files[at].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(story), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(string(story.Files[at].Data), got); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
			if !strings.Contains(got, "unknown import-") && s.compare(t) {
				compared.Add(1)
			}
		})
	}
}

// setUp is a program that sets logging up, in a directory of its own.
type setUp struct {
	host   *probe.Live
	python string
	dir    string
	calls  []string
	more   map[string][]string // parameters of the recipe
}

const loggedBy = "app.feed"

func newSetUp(t *testing.T, python string, story *txtar.Archive) *setUp {
	t.Helper()
	host, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := &setUp{host: host, python: python, dir: t.TempDir(), more: map[string][]string{}}
	for _, f := range story.Files {
		switch f.Name {
		case "findings":
		case "arguments":
			for line := range strings.Lines(string(f.Data)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				s.more[name] = append(s.more[name], value)
			}
		default:
			if err := os.WriteFile(filepath.Join(s.dir, f.Name), f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.calls = s.more["call"]
	return s
}

// findings is what the recipe says.
func (s *setUp) findings(t *testing.T) string {
	t.Helper()
	table := builtins.Table(builtins.Options{Host: s.host})
	lib := &engine.Library{Roots: []engine.Root{{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}}, Builtins: table}
	recipe, err := lib.Find(context.Background(), "logging-chain")
	if err != nil {
		t.Fatal(err)
	}
	params := map[string][]string{"logger": {loggedBy}, "import_": {"app"}, "dir": {s.dir}, "python": {s.python}}
	for name, values := range s.more {
		params[name] = values
	}
	said := &chainNotebook{}
	end, err := (&engine.Engine{HostNow: s.host.Now}).Run(context.Background(), engine.Request{Recipe: recipe, Params: params, Sink: said})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&said.text, "exit %d\n", engine.ExitCode(end, false))
	return strings.ReplaceAll(said.text.String(), s.dir+"/", "")
}

// chainNotebook writes down the chain as it is drawn, and what is found.
type chainNotebook struct{ text strings.Builder }

func (n *chainNotebook) Write(e event.Event) error {
	switch f, s, v := e.Found, e.StepFinished, e.Shown; {
	case f != nil:
		fmt.Fprintf(&n.text, "%s %s %s", f.Verdict, strings.TrimPrefix(f.Rule, "logging-chain/"), subject(f.About))
		for i, m := range f.Members {
			if i == 0 {
				n.text.WriteString(", members")
			}
			fmt.Fprintf(&n.text, " %s", subject(&m))
		}
		fmt.Fprintf(&n.text, "\n  %s\n", f.Title)
		if f.Verdict == event.Fault {
			fmt.Fprintf(&n.text, "  means: %s\n  do: %s\n", f.Means, f.Do)
		}
	case v != nil:
		depth := map[string]int{}
		for _, row := range v.Nodes {
			depth[row.ID] = depth[row.Parent] + 1
			fmt.Fprintf(&n.text, "|%s%s | %s\n", strings.Repeat("  ", depth[row.ID]), row.Label, strings.TrimRight(strings.Join(row.Cells, " | "), " |"))
		}
	case s != nil && s.Status != event.StatusDone && s.Status != event.StatusSkipped:
		fmt.Fprintf(&n.text, "%s %s: %s\n", s.Name, s.Status, s.Reason)
	}
	return nil
}

func subject(s *event.Subject) string {
	if s == nil {
		return "-"
	}
	return s.Label()
}

func (n *chainNotebook) Close() error { return nil }

// tally is what became of the record of one level.
type tally struct {
	Stderr int // lines that hold it
	Bare   int // … and nothing else
	Stdout int
	Errors int // handlers that failed on it, as logging itself says
}

// compare holds what is claimed against what is. It returns false where nothing
// is claimed.
func (s *setUp) compare(t *testing.T) bool {
	t.Helper()
	audit, err := probe.LoggingChainOf(context.Background(), s.host, probe.LoggingAudit{
		Loggers: []string{loggedBy}, Imports: []string{"app"}, Calls: s.calls, Python: s.python, Dir: s.dir, Timeout: chainPatience,
	})
	if err != nil || audit.Failed != nil {
		return false // there is nothing to log with
	}
	claimed := map[string]tally{}
	for _, l := range audit.Chains[0].Levels {
		var c tally
		for _, hit := range l.Hits {
			h := audit.Handlers[hit.Handler]
			if !h.Known {
				return false
			}
			switch {
			case hit.Result == "error" && audit.Raise && !audit.ReplacedStderr:
				c.Errors++
			case hit.Result == "prints" && h.Place == "stderr":
				c.Stderr++
				if hit.Bare {
					c.Bare++
				}
			case hit.Result == "prints" && h.Place == "stdout":
				c.Stdout++
			}
		}
		claimed[l.Name] = c
	}
	if d := cmp.Diff(s.really(t), claimed); d != "" {
		t.Errorf("what is claimed (+) is not what is (-):\n%s", d)
	}
	return true
}

// aPython is the interpreter itself, not a shim in front of it. Where there is
// none the test is skipped; in CI it fails.
func aPython(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err == nil {
		return strings.TrimSpace(string(out))
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

const chainPatience = 60e9

var (
	marker   = regexp.MustCompile(`RECORD-(\d+)-`)
	escapes  = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	logError = regexp.MustCompile(`^Message: '(RECORD-\d+-)'`)
)

// really runs the program, lets it log a record of each level, and counts.
func (s *setUp) really(t *testing.T) map[string]tally {
	t.Helper()
	script := "import app, logging\n"
	for _, c := range s.calls {
		module, call, _ := strings.Cut(c, ":")
		script += "import " + module + "\n" + module + "." + call + "\n"
	}
	script += "for no in sorted(n for n in logging._levelToName if n):\n" +
		"    getattr(app, 'adapter', logging.getLogger('" + loggedBy + "')).log(no, 'RECORD-%d-' % no)\n" +
		"import sys, json\n" +
		"json.dump({n: logging.getLevelName(n) for n in logging._levelToName if n}, open('levels.json', 'w'))\n"
	cmd := exec.Command(s.python, "-c", script)
	cmd.Dir = s.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	levels, err := os.ReadFile(filepath.Join(s.dir, "levels.json"))
	if err != nil {
		t.Fatal(err)
	}
	names, counts := map[string]string{}, map[string]tally{}
	for _, m := range regexp.MustCompile(`"(\d+)": "(\w+)"`).FindAllStringSubmatch(string(levels), -1) {
		names[m[1]], counts[m[2]] = m[2], tally{}
	}
	for line := range strings.Lines(stderr.String()) {
		line = escapes.ReplaceAllString(strings.TrimSpace(line), "")
		m := marker.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		c := counts[names[m[1]]]
		switch {
		case logError.MatchString(line):
			c.Errors++
		case line == m[0]:
			c.Bare++
			fallthrough
		default:
			c.Stderr++
		}
		counts[names[m[1]]] = c
	}
	for line := range strings.Lines(stdout.String()) {
		if m := marker.FindStringSubmatch(line); m != nil {
			c := counts[names[m[1]]]
			c.Stdout++
			counts[names[m[1]]] = c
		}
	}
	return counts
}

// Where no logger is named, that of each module is walked up from, however the
// module was given: an audit of no logger would find nothing wrong with any.
func TestLoggerOfAModule(t *testing.T) {
	python := aPython(t)
	const twice = "import logging\nlogging.getLogger(__name__).addHandler(logging.StreamHandler())\nlogging.basicConfig()\ndef again(): pass\n"
	for _, c := range []struct{ name, param, value string }{
		{"by name", "import_", "app"},
		{"a file", "import_", "app.py"},
		{"a file by its path", "import_", "./app.py"},
		{"only called", "call", "app:again"},
		{"a file, only called", "call", "app.py:again()"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSetUp(t, python, &txtar.Archive{Files: []txtar.File{{Name: "app.py", Data: []byte(twice)}}})
			s.more = map[string][]string{"logger": nil, "import_": nil, c.param: {c.value}}
			if got := s.findings(t); !strings.Contains(got, "|  app |") || !strings.Contains(got, "fault double-print") {
				t.Errorf("says\n%s", got)
			}
		})
	}
}
