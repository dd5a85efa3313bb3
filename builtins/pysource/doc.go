// Package pysource reads Python sources for one question: where may a caller be
// cancelled between a request and its answer, and do the two carry an id?
//
//	bytes ──Parse──▶ Node ─┐
//	                       ├─▶ Join ──▶ scopes ─ calls ─ roundTrips
//	ast of Python ──JSON──▶┘
//
// A Node is a source with everything taken out that does not matter here:
// numbers, operators, most texts. Python's own ast gives the same tree as Parse,
// so what is found does not depend on who read it; a test holds the two equal.
//
// It is pure: it opens no file and runs nothing.
package pysource
