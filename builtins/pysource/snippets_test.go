package pysource

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// snippetNames are as simple as the snippets; those of the recipe have a test of
// their own there.
var snippetNames = Names{
	Proxies:  regexp.MustCompile(`(?i)(proxy|portal|chan|conn)$`),
	Channels: regexp.MustCompile(`(?i)(chan|conn|queue|reader|writer|ws)$|^_?(to|from)_`),
	IDs:      regexp.MustCompile(`^(mid|req_id|msg_id|correlation_id)$`),
	Locks:    regexp.MustCompile(`lock$`),
}

type snippet struct {
	name, source, want string
	since              int // minor version of Python 3
}

var sinceVersion = regexp.MustCompile(`\(3\.(\d+)\)$`)

func snippets(t *testing.T) (wire string, all []snippet) {
	t.Helper()
	text, err := os.ReadFile("testdata/snippets.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n=== ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		s := snippet{name: name, since: 8}
		if m := sinceVersion.FindStringSubmatch(name); m != nil {
			fmt.Sscan(m[1], &s.since)
		}
		for line := range strings.Lines(body) {
			if w, ok := strings.CutPrefix(line, "#> "); ok {
				s.want += strings.TrimRight(w, "\n") + "\n"
			} else {
				s.source += line
			}
		}
		if name == "wire.py" {
			wire = s.source
			continue
		}
		all = append(all, s)
	}
	return wire, all
}

// summary is what was found, a line a call.
func summary(scopes []Scope) string {
	var b strings.Builder
	for _, s := range scopes {
		for _, c := range s.Calls {
			if c.Shielded {
				continue
			}
			fmt.Fprintf(&b, "%s@%d %s.%s@%d:", s.Kind, s.At.Line, c.Receiver, c.Method, c.At.Line)
			switch e := c.RoundTrip; {
			case c.Inside:
				b.WriteString(" inside")
			case c.Closes != nil:
				fmt.Fprintf(&b, " closes@%d", c.Closes.Line)
			case e == nil && c.Known:
				b.WriteString(" no round trip")
			case e == nil:
				b.WriteString(" unseen")
				if len(c.Via) > 0 {
					fmt.Fprintf(&b, " %s@%d", c.Via[len(c.Via)-1].Text, c.Via[len(c.Via)-1].Line)
				}
			default:
				b.WriteString(" " + e.Function)
				if e.ID != "" {
					b.WriteString(" id=" + e.ID)
				}
				if e.Checked {
					b.WriteString(" checked")
				}
				if e.Stream {
					b.WriteString(" stream")
				}
				if e.Shielded {
					b.WriteString(" shielded")
				}
				if e.Closes != nil {
					fmt.Fprintf(&b, " closes@%d", e.Closes.Line)
				}
				if e.Lock != nil || c.Lock != nil {
					b.WriteString(" locked")
				}
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestSnippetsHaveNoMissAndNoFalseAlarm(t *testing.T) {
	wire, all := snippets(t)
	wireTree, err := Parse([]byte(wire))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Errorf("only %d snippets", len(all))
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			tree, err := Parse([]byte(s.source))
			if err != nil {
				t.Fatal(err)
			}
			got := summary(Join([]Source{{"wire.py", wireTree}, {"a.py", tree}}, snippetNames))
			if got != s.want {
				t.Errorf("got:\n%swant:\n%s", got, s.want)
			}
		})
	}
}

// The same table, read by Python itself: what its version knows must come to the
// same trees, and what it does not know it must refuse.
func TestSnippetsReadByPythonAreTheSame(t *testing.T) {
	interpreter := "python3"
	if p := os.Getenv("RUNBOOK_PYTHON"); p != "" {
		interpreter = p
	}
	wire, all := snippets(t)
	all = append(all, snippet{name: "wire.py", source: wire, since: 8})
	dir := t.TempDir()
	var files []string
	for i, s := range all {
		files = append(files, filepath.Join(dir, fmt.Sprintf("%02d.py", i)))
		if err := os.WriteFile(files[i], []byte(s.source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	minor := 0
	if out, err := exec.Command(interpreter, "-c", "import sys; print(sys.version_info[1])").Output(); err == nil {
		fmt.Sscan(string(out), &minor)
	}
	i, refused := 0, 0
	python(t, interpreter, files, func(file, tree, problem string) {
		s := all[i]
		i++
		if problem != "" {
			refused++
			if minor >= s.since {
				t.Errorf("%s: %s", s.name, problem)
			}
			return
		}
		ours, err := Parse([]byte(s.source))
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			return
		}
		theirs, err := Decode(tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := same(ours, theirs); err != nil {
			t.Errorf("%s: line %v", s.name, err)
		}
	})
	t.Logf("%d snippets, of which Python 3.%d does not know %d", len(all), minor, refused)
}
