package main

import (
	_ "embed"

	"runbook/engine"
)

// checkSchema describes checkReport: what `check --json` prints.
//
//go:embed check.schema.json
var checkSchema []byte

const checkSchemaName = "cmd/runbook/check.schema.json"

// checkReport is what `check --json` prints. Fields are never renamed.
type checkReport struct {
	Schema   string         `json:"schema"`
	Tool     string         `json:"tool"`
	Files    []string       `json:"files"`
	Problems []checkProblem `json:"problems"`
}

// checkProblem is one problem; line and column are 0 where no line is to blame.
type checkProblem struct {
	Rule     string          `json:"rule"`
	Severity engine.Severity `json:"severity"`
	File     string          `json:"file"`
	Line     int             `json:"line"`
	Column   int             `json:"column"`
	Message  string          `json:"message"`
	Source   string          `json:"source,omitempty"` // the line and a caret
	Hint     string          `json:"hint,omitempty"`
}

func newCheckReport(files []string, found []engine.Problem) checkReport {
	r := checkReport{Schema: "runbook/check/v1", Tool: tool(), Files: files, Problems: []checkProblem{}}
	for _, p := range found {
		file, line, column := p.Place()
		r.Problems = append(r.Problems, checkProblem{p.Rule, p.Severity, file, line, column, p.Msg, p.Line, p.Hint})
	}
	return r
}
