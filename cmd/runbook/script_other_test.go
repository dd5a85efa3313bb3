//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func scriptTinyDisk(ts *testscript.TestScript, neg bool, args []string) { ts.Fatalf("needs Linux") }
