package sink

import (
	_ "embed"
	"time"

	"runbook/engine/event"
)

// ReportSchema is the JSON schema (draft 2020-12) of a Report.
//
//go:embed report.schema.json
var ReportSchema []byte

// SchemaName stands in every report. Fields are added under it, never renamed.
const SchemaName = "runbook/report/v1"

// Report is a run as one document, for people's programs. Lists are never
// null; readers ignore fields that they don't know.
type Report struct {
	Schema   string           `json:"schema"`
	Run      ReportRun        `json:"run"`
	Outcome  event.Outcome    `json:"outcome"`
	Reason   string           `json:"reason"`
	Steps    []ReportStep     `json:"steps"`
	Findings []event.Finding  `json:"findings"`
	Views    []ReportView     `json:"views"`
	Coverage []ReportCoverage `json:"coverage"`
}

// ReportRun says what ran, where and when.
type ReportRun struct {
	ID       string       `json:"id"`
	Recipe   string       `json:"recipe"`
	Title    string       `json:"title"`
	Digest   string       `json:"digest"`
	Origin   string       `json:"origin"`
	Tool     string       `json:"tool"`
	Host     string       `json:"host"`
	From     string       `json:"from"` // the snapshot; "" = a live host
	Started  time.Time    `json:"started"`
	Finished *time.Time   `json:"finished"` // null when the run was cut off
	Params   event.Fields `json:"params"`
	Only     []string     `json:"only,omitempty"` // the steps that were asked for; absent: all
	Grants   []string     `json:"grants"`
	DryRun   bool         `json:"dry_run"`
}

// ReportStep is what became of a step. A step of the plan that the run never
// reached is "waiting"; one that it broke off in, "running".
type ReportStep struct {
	Name       string `json:"name"`
	Title      string `json:"title"`
	Status     string `json:"status"`
	Reason     string `json:"reason"`
	Detail     string `json:"detail"`
	DurationMS int64  `json:"duration_ms"`
}

// ReportView is an event.View whose lists are always there.
type ReportView struct {
	Kind    string       `json:"kind"`
	Title   string       `json:"title"`
	Columns []string     `json:"columns"`
	Nodes   []event.Node `json:"nodes"`
	Edges   []event.Edge `json:"edges"`
}

// ReportCoverage is an event.Coverage whose fields are always there; PID is
// null where the read was not of one process.
type ReportCoverage struct {
	Probe  string `json:"probe"`
	PID    *int   `json:"pid"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// report turns a run as far as it was told into its document. A run without
// an end was interrupted.
func (s *story) report() Report {
	r := Report{
		Schema: SchemaName, Outcome: event.Interrupted, Reason: "the run was cut off",
		Steps: []ReportStep{}, Findings: []event.Finding{}, Views: []ReportView{}, Coverage: []ReportCoverage{},
		Run: ReportRun{Params: event.Fields{}, Grants: []string{}, Started: s.begun()},
	}
	if s.run != nil {
		r.Run = ReportRun{
			ID: s.run.ID, Recipe: s.run.Recipe, Title: s.run.Title, Digest: s.run.Digest, Origin: s.run.Origin,
			Tool: s.run.Tool, Host: s.run.Host, From: s.run.From, Started: s.run.Started,
			Params: list(s.run.Params), Only: s.run.Steps, Grants: list(s.run.Grants), DryRun: s.run.DryRun,
		}
	}
	if s.finished != nil {
		r.Outcome, r.Reason = s.finished.Outcome, s.finished.Reason
		r.Run.Finished = &s.finished.Finished
	}
	for _, c := range s.steps {
		step := ReportStep{Name: c.name, Title: c.title, Status: "waiting"}
		if c.started {
			step.Status = "running"
		}
		if c.done != nil {
			step.Status, step.Reason, step.Detail = string(c.done.Status), c.done.Reason, c.done.Detail
			step.DurationMS = c.done.Duration.Milliseconds()
		}
		r.Steps = append(r.Steps, step)
	}
	for _, f := range s.findings {
		f.Victims, f.Members, f.Evidence = list(f.Victims), list(f.Members), list(f.Evidence)
		r.Findings = append(r.Findings, f)
	}
	for _, v := range s.views {
		r.Views = append(r.Views, ReportView{v.Kind, v.Title, list(v.Columns), list(v.Nodes), list(v.Edges)})
	}
	for _, c := range s.coverage {
		row := ReportCoverage{Probe: c.Probe, Status: c.Status, Detail: c.Detail, Remedy: c.Remedy}
		if c.PID != 0 {
			row.PID = &c.PID
		}
		r.Coverage = append(r.Coverage, row)
	}
	return r
}

// list returns l, never nil.
func list[L ~[]E, E any](l L) L {
	if l == nil {
		return L{}
	}
	return l
}
