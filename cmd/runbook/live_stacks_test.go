//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"runbook/engine/event"
)

// inside is what is to be said of the Python of each actor of
// testdata/live/real/wedges.py: @NAME is the line that NAME marks.
var inside = []struct{ who, rule, says string }{
	{"deaf", "stopped-consuming", "No task waits to read fd N. The task that should, `tractor._actor.Actor._process_messages`, is parked in `Actor._push_result` at @push; " +
		"it waits for room in the channel whose other end was seen with `feed`, which is parked in `deaf` at @deaf; it sleeps for ever."},
	{"waiting", "stopped-consuming", "with `feed`, which is parked in `waiting` at @waiting; it waits for an event, which anybody may set"},
	{"shielded", "stopped-consuming", "with `feed`, which is parked in `shielded` at @shielded (it was cancelled, and a shield keeps that from it); it sleeps for ever."},
	{"locked", "stopped-consuming", "with `feed`, which is parked in `locked` at @locked; it waits for the lock that is held by `__mp_main__.order_writer`, " +
		"which is parked in `order_writer` at @has the lock; it sleeps for ever."},
	{"blocked", "sync-blocked", "Its main thread is in `blocked` at @blocked, of task `feed`."},
	{"crossed", "task-deadlock", "`ab` waits in `cross` at @crossed for the lock that `ba` holds; `ba` waits in `cross` at @crossed for the lock that `ab` holds."},
}

// TestLiveInside boots one tree of real tractor actors, each stuck in another
// way, and wants of each the task, the line and who holds what it waits for.
func TestLiveInside(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.tractor = newVenv(t, s)
	script := filepath.Join(s.scripts, "real", "wedges.py")
	spec, _ := s.setting(&scenario{app: "wedges",
		until: "deaf epoll unread\nwaiting epoll unread\nshielded epoll unread\nlocked epoll unread\nblocked futex unread\ncrossed epoll\nroot epoll"})
	spec["program"] = []string{script}
	c, err := s.boot(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	stdout, stderr, code, err := s.runbook("run", "wedged-actor", "--json", "--no-record", "--pid", strconv.Itoa(c.PIDs["root"]))
	if err != nil || code != 1 {
		t.Fatalf("exit code %d, %v\n%s", code, err, stderr)
	}
	doc, err := readReport(stdout)
	if err != nil {
		t.Fatal(err)
	}
	at := marked(t, script)
	said := map[string]event.Finding{}
	for _, f := range doc.Findings {
		if f.Verdict == event.Fault {
			said[c.name(f.About.PID)] = f
		}
	}
	for _, want := range inside {
		f := said[want.who]
		if f.Rule != "wedged-actor/"+want.rule {
			t.Errorf("%s is %q, want %s", want.who, f.Rule, want.rule)
		}
		if means := plainly(f.Means, at); !strings.Contains(means, want.says) {
			t.Errorf("%s: %s\nwant: %s", want.who, means, want.says)
		}
	}
	if len(said) != len(inside) {
		t.Errorf("%d faults, want %d: %v", len(said), len(inside), said)
	}
	s.stacksOf(t, c, at)
}

// stacksOf wants the same of `runbook stacks`: one page of all seven, and of the one
// that waits for a lock the task that holds it.
func (s *stage) stacksOf(t *testing.T, c *cast, at map[string]string) {
	t.Helper()
	stdout, stderr, code, err := s.runbook("stacks", "--json", strconv.Itoa(c.PIDs["locked"]))
	if err != nil || code != 0 {
		t.Fatalf("stacks: exit code %d, %v\n%s", code, err, stderr)
	}
	var r stacksReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Trees) != 1 || len(r.Trees[0].Processes) != 7 {
		t.Fatalf("not one tree of seven: %s", stdout)
	}
	for _, p := range r.Trees[0].Processes {
		if p.Python == "" || !p.Proved || len(p.Tasks) == 0 {
			t.Errorf("%s: Python %q, proved %v, %d tasks: %s", p.Name, p.Python, p.Proved, len(p.Tasks), p.Missing)
		}
		if p.PID != c.PIDs["locked"] {
			continue
		}
		held := ""
		for _, task := range p.Tasks {
			for _, w := range task.Waits {
				if w.Kind == "lock" && w.Owner != nil {
					held = task.Name + " by " + p.Tasks[*w.Owner].Name
				}
			}
		}
		if held != "feed by __mp_main__.order_writer" {
			t.Errorf("a lock is held up: %q", held)
		}
	}
	page, _, _, err := s.runbook("stacks", "--width", "200", strconv.Itoa(c.PIDs["locked"]))
	for _, want := range []string{at["locked"], at["has the lock"], at["blocked"], "ab: waits for a lock that task ba holds, and that task for one that this holds"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s, %v\n%s", want, err, page)
		}
	}
}

// marked are the lines of a script that end in a comment, as file:line by what
// that says.
func marked(t *testing.T, script string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i, line := range strings.Split(string(text), "\n") {
		if _, mark, ok := strings.Cut(line, "  # "); ok {
			out[mark] = fmt.Sprintf("%s:%d", script, i+1)
		}
	}
	return out
}

var (
	sourceLine = regexp.MustCompile("`(/[^`]*:[0-9]+)` \\(`[^`]*`\\)")
	descriptor = regexp.MustCompile(`fd \d+`)
)

// plainly puts the marks of lines for the lines, and "push" for one of tractor's.
func plainly(text string, at map[string]string) string {
	text = sourceLine.ReplaceAllStringFunc(text, func(place string) string {
		where := sourceLine.FindStringSubmatch(place)[1]
		for mark, line := range at {
			if line == where {
				return "@" + mark
			}
		}
		if strings.Contains(where, "/tractor/_actor.py:") {
			return "@push"
		}
		return place
	})
	return descriptor.ReplaceAllString(text, "fd N")
}
