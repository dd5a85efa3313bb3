// Package sink holds the readers of a run's event stream.
//
//	               ┌─ Terminal  what a person reads
//	engine ─ Tee ──┼─ JSON      one document, when the run ends
//	  (events)     ├─ JSONL     each event, as it happens
//	               ├─ SARIF     what was found in files, for code hosts
//	               └─ Record    JSONL on disk  ──► ReadRecord ──► any sink again
//
// A sink knows nothing of the engine and nothing of the machine: what it
// writes is a function of the events and of its options, without a clock and
// without an environment. So a replayed record draws what the live run drew.
//
// What comes in is data of other programs. Every string passes clean once, at
// the door of a sink that draws; JSON is escaped such that no control
// character survives in it.
package sink
