package pysource

import _ "embed"

// Script is for Python 3.8 and later. It reads paths from stdin, a NUL after
// each, and answers {"tree": …, "error": {"line", "column", "text"}} for each, in
// order, one of the two null: trees as Decode reads them, columns from 1.
//
//go:embed reduce.py
var Script []byte
