// Package engine is what a recipe is and how it runs. It knows Starlark and
// knows no OS.
//
//	Library ─Find→ Recipe ─┐
//	                       ├─ Engine.Run ─→ event.Event … ─→ event.Sink
//	Request (params, …) ───┘       │
//	                            Builtin.Func(Call)  ← the only way to a host
//
// A file is loaded once into a frozen Recipe: a list of steps, which are
// Starlark functions. The names of a step's parameters say what it needs, so
// the graph of the recipe is not written down a second time. A run calls one
// step after another, each on a thread of its own with a deadline and a budget,
// and says everything that happens as events.
package engine
