package main

import (
	"errors"
	"fmt"
	"strings"

	"runbook/engine"
)

// The exit codes beside those that engine.ExitCode gives to a run.
const (
	exitOK    = 0
	exitFound = 1 // check found errors
	exitUsage = 2 // bad flags, unknown names, a recipe that does not load
	exitWrong = 3 // could not do it
)

// hinted is an error with a second line for the person who reads it: something
// that can be typed, or where to look.
type hinted struct {
	err  error
	hint string
	code int
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// usage is an error of the command line: exit 2.
func usage(msg, hint string) error {
	return &hinted{err: errors.New(msg), hint: hint, code: exitUsage}
}

// exitError carries the code of something that was already said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func needsLinux(verb string) error {
	return usage(verb+" needs Linux; use --from", "runbook capture on the Linux machine, then: runbook run RECIPE --from FILE")
}

// hintNearest offers the name that was probably meant, else all of them.
func hintNearest(name string, names []string, what string) string {
	if n := engine.Nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	if len(names) == 0 {
		return ""
	}
	return what + ": " + strings.Join(names, ", ")
}
