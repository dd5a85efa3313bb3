//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"runbook/builtins/probe"
)

// smokeScripts are scripts of a user, put into a directory of their own.
var smokeScripts = map[string]string{
	// It takes the address that it is told, and has no guard.
	"feed.py": `
import os, trio, tractor
async def main():
    where = ("127.0.0.1", int(os.environ["RUNBOOK_REGISTRY_PORT"]))
    async with tractor.open_nursery(arbiter_addr=where, name="pikerd") as n:
        await n.start_actor("datad.kraken")
        await trio.sleep_forever()
trio.run(main)
`,
	// It goes to a registry that it was given otherwise.
	"joins.py": `
import sys, trio, tractor
async def main():
    async with tractor.open_nursery(arbiter_addr=("127.0.0.1", int(sys.argv[1])), name="smoke") as n:
        await n.start_actor("joiner")
        await trio.sleep_forever()
if __name__ == "__main__":
    trio.run(main)
`,
	// Its root sleeps when it is to be torn down.
	"stays.py": `
import os, signal, time, trio, tractor
async def main():
    where = ("127.0.0.1", int(os.environ["RUNBOOK_REGISTRY_PORT"]))
    async with tractor.open_nursery(arbiter_addr=where, name="pikerd") as n:
        await n.start_actor("datad")
        signal.signal(signal.SIGINT, lambda *a: time.sleep(1000))
        await trio.sleep_forever()
if __name__ == "__main__":
    trio.run(main)
`,
	"detaches.py": `
import os, sys, time
if __name__ == "__main__":
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    os.wait()
`,
	"guards.py": `
import trio, tractor
def checked(name):
    if name == "kucoin":
        raise RuntimeError("kucoin is datad only")
async def spawn_brokerd(name):
    checked(name)
    tractor.current_actor()
async def spawns_first(name):
    async with tractor.open_nursery(arbiter_addr=("127.0.0.1", 9)) as n:
        await n.start_actor("brokerd")
        checked(name)
async def forgot(name):
    tractor.current_actor()
    checked(name)
`,
}

// TestLiveSmoke boots real actor trees beside a running one, which must not
// notice.
func TestLiveSmoke(t *testing.T) {
	s := newStage(t)
	s.tractor = newVenv(t, s)
	for name, text := range smokeScripts {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	theirs := s.mustBoot(t, &realHealthy[0])
	before, registry := theirs.lives(), listensAt(t, theirs.PIDs["root"])
	at := func(name string) string { return filepath.Join(s.dir, name) }
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string // verdicts and rules, in order of the report
		says string   // in one of the titles
	}{
		{"the built-in smoke", nil, 0, []string{"rule_out left-nothing", "note booted"}, "`smoke.alpha` and `smoke.beta` came up in"},
		{"a script without a guard", []string{at("feed.py"), "--expect", "datad.kraken", "--expect-not", "brokerd.kraken"}, 0,
			[]string{"warn no-guard", "rule_out left-nothing", "note booted"}, "`brokerd.kraken` did not"},
		{"one that must not come ends it", []string{at("feed.py"), "--expect-not", "datad.kraken", "--timeout", "20s"}, 1,
			[]string{"fault unexpected", "rule_out left-nothing"}, "must not be"},
		{"a teardown that hangs", []string{at("stays.py"), "--expect", "datad", "--grace", "1s"}, 1,
			[]string{"warn sync-blocked", "fault end-hang", "note overdue"}, "sleeps in a synchronous"},
		{"one that detaches itself", []string{at("detaches.py")}, 1, []string{"fault daemonised", "note booted"}, "detached itself"},
		{"somebody else's registry", []string{at("joins.py"), "--expect", "joiner", "--", registry}, 1,
			[]string{"fault joined", "rule_out left-nothing", "note booted"}, "joined somebody else's registry"},
		{"a port that is taken", []string{"--port", registry}, 3, []string{"unknown stopped"}, "is occupied"},
	} {
		args := append([]string{"run", "actor-smoke", "--no-record", "--json", "--python", s.tractor}, c.args...)
		got, said := s.findings(t, args, c.code)
		for _, want := range c.want {
			if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, want+": ") }) {
				t.Errorf("%s: no %q among\n%s", c.name, want, strings.Join(got, "\n"))
			}
		}
		if !strings.Contains(strings.Join(got, "\n"), c.says) {
			t.Errorf("%s: nothing says %q:\n%s\n%s", c.name, c.says, strings.Join(got, "\n"), said)
		}
		if now := theirs.lives(); now != before {
			t.Fatalf("%s: the tree beside was\n%snow it is\n%s", c.name, before, now)
		}
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "runbook-run-*", "smoke.py")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestLiveGuards checks guards of real tractor code.
func TestLiveGuards(t *testing.T) {
	s := newStage(t)
	s.tractor = newVenv(t, s)
	at := filepath.Join(s.dir, "guards.py")
	if err := os.WriteFile(at, []byte(smokeScripts["guards.py"]), 0o644); err != nil {
		t.Fatal(err)
	}
	for call, want := range map[string]string{
		"spawn_brokerd('kucoin')": "note passed",
		"spawn_brokerd('kraken')": "fault no-runtime",
		"spawns_first('kucoin')":  "fault started-first",
		"forgot('kucoin')":        "fault no-runtime",
		"nope('kucoin')":          "unknown no-function",
	} {
		code := map[string]int{"note": 0, "fault": 1, "unknown": 3}[strings.Fields(want)[0]]
		got, _ := s.findings(t, []string{"run", "fail-fast", "--no-record", "--json", "--python", s.tractor, at + ":" + call, "--expect", "RuntimeError: datad only", "--limit", "5s"}, code)
		if len(got) != 1 || !strings.HasPrefix(got[0], want+": ") {
			t.Errorf("%s: want %s, got\n%s", call, want, strings.Join(got, "\n"))
		}
	}
}

// findings runs runbook with --json and returns "verdict rule: title" of each
// finding, and all that it wrote.
func (s *stage) findings(t *testing.T, args []string, want int) (found []string, said string) {
	t.Helper()
	stdout, stderr, code, err := s.runbook(args...)
	if err != nil || code != want {
		t.Errorf("runbook %v: exit code %d, want %d, %v\n%s%s", args, code, want, err, stdout, stderr)
	}
	var report struct {
		Run      struct{ Recipe string }
		Findings []struct{ Verdict, Rule, Title string }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("runbook %v: %v\n%s%s", args, err, stdout, stderr)
	}
	for _, f := range report.Findings {
		found = append(found, fmt.Sprintf("%s %s: %s", f.Verdict, strings.TrimPrefix(f.Rule, report.Run.Recipe+"/"), f.Title))
	}
	return found, stdout + stderr
}

// listensAt is the port at which a process listens.
func listensAt(t *testing.T, pid int) string {
	t.Helper()
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := probe.Listeners(context.Background(), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if _, port, ok := strings.Cut(l.Address, "127.0.0.1:"); ok && l.PID == pid {
			return port
		}
	}
	t.Fatal("pid " + strconv.Itoa(pid) + " listens nowhere")
	return ""
}
