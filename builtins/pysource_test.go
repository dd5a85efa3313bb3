package builtins

import (
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/pysource"
)

// sourceSamples are values of each type of pysource, one with everything and
// one with nothing.
func sourceSamples() map[string][]starlark.Value {
	at := pysource.Place{Path: "a.py", Line: 3, Column: 5, Text: "chan.send"}
	full := pysource.RoundTrip{Function: "P.ask", At: at, Send: at, Receive: &at, ID: "mid", Lock: &at, Closes: &at}
	request := pysource.ScopeCall{At: at, Type: "a.P", Via: []pysource.Place{at}, RoundTrip: &full, Closes: &at, Lock: &at, Imports: []string{"trio"}}
	scope := pysource.Scope{At: at, Kind: "fail_after", Calls: []pysource.ScopeCall{request}}
	unread := probe.PyProblem{Path: "a.py", Line: 1, Column: 2, Kind: "syntax"}
	bare := func(v starlark.Value, w starlark.Value) []starlark.Value { return []starlark.Value{v, w} }
	return map[string][]starlark.Value{
		"sources": bare(newRecord(sourcesKind, &probe.PySources{Scopes: []pysource.Scope{scope}, Problems: []probe.PyProblem{unread}}, "", time.Time{}),
			newRecord(sourcesKind, &probe.PySources{}, "", time.Time{})),
		"scope":      bare(newRecord(scopeKind, &scope, "", time.Time{}), newRecord(scopeKind, &pysource.Scope{}, "", time.Time{})),
		"scope_call": bare(newRecord(scopeCallKind, &request, "", time.Time{}), newRecord(scopeCallKind, &pysource.ScopeCall{}, "", time.Time{})),
		"roundtrip":  bare(newRecord(roundTripKind, &full, "", time.Time{}), newRecord(roundTripKind, &pysource.RoundTrip{}, "", time.Time{})),
		"spot":       bare(newSpot(at), newSpot(pysource.Place{})),
		"unread":     bare(newRecord(unreadKind, unread, "", time.Time{}), newRecord(unreadKind, probe.PyProblem{}, "", time.Time{})),
	}
}
