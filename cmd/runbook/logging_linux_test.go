package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestLiveLoggingChain holds what logging-chain says of tractor's own console
// logs against what a program that sets them up so really prints.
func TestLiveLoggingChain(t *testing.T) {
	s := newStage(t)
	python := newVenv(t, s)
	const root, child = `tractor.log:get_console_log("info")`, `tractor.log:get_console_log("info", name="ipc")`
	for _, c := range []struct {
		name   string
		calls  []string
		logger string
		log    string // an expression: what logs
		want   string // verdicts of the recipe
		lines  int    // of one warning, on stderr
		errors int
	}{
		{"never", []string{"logging:getLogger"}, "tractor", "logging.getLogger('tractor')", "fault no-handler", 1, 0},
		{"once", []string{root}, "tractor", "tractor.log.get_logger()", "warn adapter-only, rule_out double-print", 1, 0},
		{"twice", []string{root, root}, "tractor", "tractor.log.get_logger()", "warn adapter-only, rule_out double-print", 1, 0},
		{"parent and child", []string{root, child}, "tractor.ipc", "tractor.log.get_logger('ipc')", "fault double-print, warn adapter-only", 2, 0},
		{"and basicConfig", []string{root, "logging:basicConfig"}, "tractor", "tractor.log.get_logger()", "fault double-print, warn adapter-only", 2, 0},
		{"a plain logger below", []string{root}, "tractor.plain", "logging.getLogger('tractor.plain')", "fault formatter-fields", 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"run", "logging-chain", "--no-record", "--json", "--python", python, "--logger", c.logger, "--import", "tractor"}
			for _, call := range c.calls {
				args = append(args, "--call", call)
			}
			stdout, stderr, _, err := s.runbook(args...)
			if err != nil {
				t.Fatal(err)
			}
			var said struct {
				Findings []struct{ Verdict, Rule string }
			}
			if err := json.Unmarshal([]byte(stdout), &said); err != nil {
				t.Fatalf("%v\n%s%s", err, stdout, stderr)
			}
			var got []string
			for _, f := range said.Findings {
				if f.Verdict != "note" {
					got = append(got, f.Verdict+" "+strings.TrimPrefix(f.Rule, "logging-chain/"))
				}
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("said %q, want %q\n%s", got, c.want, stdout)
			}

			script := "import logging, tractor, tractor.log\n"
			for _, call := range c.calls {
				call = strings.Replace(call, ":", ".", 1)
				if !strings.Contains(call, "(") {
					call += "()"
				}
				script += call + "\n"
			}
			script += c.log + ".warning('RECORD-')\n"
			cmd := exec.Command(python, "-W", "ignore", "-c", script)
			var printed bytes.Buffer
			cmd.Stderr = &printed
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, printed.String())
			}
			lines := strings.Split(printed.String(), "\n")
			failed := len(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return l != "Message: 'RECORD-'" }))
			shown := len(slices.DeleteFunc(lines, func(l string) bool {
				return !strings.Contains(l, "RECORD-") || strings.Contains(l, "'RECORD-'")
			}))
			if shown != c.lines || failed != c.errors {
				t.Errorf("really: %d lines and %d errors, want %d and %d\n%s", shown, failed, c.lines, c.errors, printed.String())
			}
		})
	}
}
