//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func scriptKillAll(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("killall needs Linux") }
