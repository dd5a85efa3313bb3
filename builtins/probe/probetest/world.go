// Package probetest gives tests a host: a world that is written in the words of
// package world.
package probetest

import (
	"testing"

	"runbook/builtins/probe"
	"runbook/builtins/probe/world"
)

// Now is when the first sample of every world is taken.
var Now = world.Now

// World makes a host from text. It never acts.
func World(t testing.TB, text string) *probe.Snapshot {
	t.Helper()
	s, err := world.Parse(text)
	if err != nil {
		t.Fatalf("world: %v", err)
	}
	return s
}
