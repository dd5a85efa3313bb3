package recipes_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// planted is one of testdata/stale-ipc/histories.txt.
type planted struct {
	name, lines string
	want        []string
}

func histories(t *testing.T) []planted {
	t.Helper()
	b, err := os.ReadFile("testdata/stale-ipc/histories.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []planted
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == ' ':
			all[len(all)-1].want = append(all[len(all)-1].want, strings.TrimSpace(line))
		default:
			name, lines, _ := strings.Cut(line, ": ")
			all = append(all, planted{name: name, lines: lines})
		}
	}
	return all
}

// How lines of logs look; with the patterns that a person would give for it, or
// none where they are learnt.
var logForms = []struct {
	name                    string
	query, response, giveUp string // formats of actor, key, id
	line                    string // of time, actor, text
	ids                     bool
	flags                   map[string][]string
}{
	{
		name: "as tractor writes, learnt", line: "Nov 22 10:%02d:%02d (%s[4242], trio.run) [INFO] app.client api.py:120 %s\n",
		query: "query %s", response: "result {'symbol': '%s', 'price': 3}", giveUp: "Cancelled: scope of the call",
	},
	{
		name: "JSON lines", line: `{"ts": "2026-11-22T10:%02d:%02d.000Z", "actor": "%s", "level": "info", "msg": "%s"}` + "\n",
		query: "request key=%s id=%s", response: "reply key=%s id=%s", giveUp: "timed out after 0.1s", ids: true,
		flags: map[string][]string{"query": {`request key=(?P<key>\w+) id=(?P<id>\d*)`}, "response": {`reply key=(?P<key>\w+) id=(?P<id>\d*)`}},
	},
	{
		name: "the answer is searched, coloured, CRLF", line: "\x1b[32m2026-11-22 10:%02d:%02d,123\x1b[0m INFO [%s] \x1b[1m%s\x1b[0m\r\n",
		query: ">> getQuote(%s)", response: "<< {\"sym\": \"%s\", \"px\": 1.0}", giveUp: "TooSlowError",
		flags: map[string][]string{"query": {`\[(?P<lane>\w+)\] >> getQuote\((.+)\)`}, "response": {`\[(?P<lane>\w+)\] <<`}},
	},
}

var isID = regexp.MustCompile(`/\d`)

func TestHistoriesOfAChannel(t *testing.T) {
	all := histories(t)
	if len(all) < 20 {
		t.Fatalf("only %d histories", len(all))
	}
	for _, form := range logForms {
		t.Run(form.name, func(t *testing.T) {
			for _, h := range all {
				if isID.MatchString(h.lines) && !form.ids {
					continue
				}
				t.Run(h.name, func(t *testing.T) {
					var log strings.Builder
					second := 0
					last := ""
					for word := range strings.FieldsSeq(h.lines) {
						actor, what, named := strings.Cut(word, ":")
						if !named {
							actor, what = "client", word
						}
						// Two copies of a record have one time.
						if word != last {
							second++
						}
						last = word
						key, id, _ := strings.Cut(what[1:], "/")
						key += "sym"
						args := []any{key}
						if form.ids {
							args = append(args, id)
						}
						text := ""
						switch what[0] {
						case '?':
							text = fmt.Sprintf(form.query, args...)
						case '=', '*':
							text = fmt.Sprintf(form.response, args...)
						case '!':
							text = form.giveUp
						case '.':
							continue
						default:
							text = "clock is " + fmt.Sprint(second)
						}
						fmt.Fprintf(&log, form.line, second/60, second%60, actor, text)
					}
					path := filepath.Join(t.TempDir(), "x.log")
					if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
						t.Fatal(err)
					}
					params := map[string][]string{"logs": {path}}
					for name, v := range form.flags {
						params[name] = v
					}
					got := staleFindings(t, params)
					if form.flags == nil && h.name == "each asks for the same" || form.flags == nil && strings.Contains(h.want[0], "no-requests") {
						h.want = []string{"unknown no-exchange"} // nothing to learn from
					}
					if d := cmp.Diff(h.want, got); d != "" {
						t.Errorf("%s (-want +got):\n%s\n%s", h.lines, d, log.String())
					}
				})
			}
		})
	}
}

var figures = regexp.MustCompile(`(?:from|request) (#\d+)(?: on)?(, until #\d+)?(?:, replies are shifted by (\w+)((?:, by \w+ from #\d+)*))?(?: \([^)]*\): (\d+ of \d+))?|(\d+ of \d+) answers? belong|(\d+) answers?, and no`)

// staleFindings runs the recipe and returns, of each finding but how it was learnt,
// the verdict, the rule and the figures.
func staleFindings(t *testing.T, params map[string][]string) []string {
	t.Helper()
	n := &findingsOf{}
	table := builtins.Table(builtins.Options{})
	lib := &engine.Library{Roots: []engine.Root{{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}}, Builtins: table}
	recipe, err := lib.Find(context.Background(), "stale-ipc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&engine.Engine{}).Run(context.Background(), engine.Request{Recipe: recipe, Params: params, Sink: n}); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range n.found {
		rule := strings.TrimPrefix(f.Rule, "stale-ipc/")
		if rule == "learnt" {
			continue
		}
		m := figures.FindStringSubmatch(f.Title)
		said := ""
		switch {
		case m == nil:
		case m[3] != "":
			said = fmt.Sprintf("%s%s by %s%s, %s", m[1], strings.Replace(m[2], ",", "", 1), m[3], m[4], m[5])
		default:
			said = m[1] + m[6] + m[7]
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s", f.Verdict, rule))+" "+said)
	}
	for i := range out {
		if strings.HasSuffix(out[i], " ") {
			out[i] = strings.TrimSpace(out[i])
		}
	}
	return out
}

type findingsOf struct{ found []event.Finding }

func (n *findingsOf) Write(e event.Event) error {
	if e.Found != nil {
		n.found = append(n.found, *e.Found)
	}
	if s := e.StepFinished; s != nil && s.Status == event.StatusFailed {
		n.found = append(n.found, event.Finding{Verdict: "failed", Rule: s.Name, Title: s.Reason + s.Detail})
	}
	return nil
}

func (n *findingsOf) Close() error { return nil }
