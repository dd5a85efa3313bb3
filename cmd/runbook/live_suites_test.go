//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// realSuites are those of testdata/pytest/real: tests that run under trio, and
// boot real tractor actors.
var realSuites = []plantedCase{
	{name: "tractor: all is well", suite: "test_well.py", outcome: "passed", tests: "3 0 0 0"},
	{name: "tractor: an actor says otherwise", suite: "test_wrong.py", outcome: "failed", tests: "1 1 0 0"},
	{name: "tractor: an actor sleeps", suite: "test_stuck.py", outcome: "hang", phase: "call", running: "test_stuck.py::test_an_actor_that_sleeps", tests: "0 0 0 0",
		fault: "attempts/sync-blocked", hangs: true},
	{name: "trio: a task awaits what never comes", suite: "test_lost.py", outcome: "hang", phase: "call", running: "test_lost.py::test_awaits_what_never_comes", tests: "0 0 0 0",
		fault: "attempts/hangs-in-python", hangs: true},
}

// TestLiveSuites is TestPytestOutcomes with real trio and tractor.
func TestLiveSuites(t *testing.T) {
	g := newGateStage(t, "9")
	g.venvPython = newVenv(t, g.stage)
	g.project = filepath.Join(g.dir, "real actors")
	if err := os.CopyFS(g.project, os.DirFS("testdata/pytest/real")); err != nil {
		t.Fatal(err)
	}
	for i := range realSuites {
		realSuites[i].args = []string{"-W", "ignore", "-p", "no:cacheprovider"} // a deprecation that is none of ours
	}
	g.all(t, realSuites)
}
