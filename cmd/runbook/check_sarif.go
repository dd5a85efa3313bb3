package main

import (
	"bytes"
	"fmt"
	"os"

	"runbook/engine"
	"runbook/engine/sink"
)

// newSARIF is the problems of recipes as code hosts read them.
func newSARIF(found []engine.Problem) sink.SARIF {
	var rules []sink.SARIFRule
	for _, r := range engine.Rules() {
		rule := sink.SARIFRule{ID: r.ID, ShortDescription: sink.SARIFText{Text: r.Doc}}
		rule.DefaultConfiguration.Level = string(r.Severity)
		rules = append(rules, rule)
	}
	var results []sink.SARIFResult
	for _, p := range found {
		r := sink.SARIFResult{RuleID: p.Rule, Level: string(p.Severity), Message: sink.SARIFText{Text: p.Msg}}
		if p.Hint != "" {
			r.Message.Text += ". Hint: " + p.Hint
		}
		r.Locations = []sink.SARIFLocation{sink.SARIFAt(p.Place())}
		results = append(results, r)
	}
	return sink.NewSARIFLog(version, rules, results)
}

// writeSARIF writes the problems to a file that the user named.
func writeSARIF(name string, found []engine.Problem) error {
	var b bytes.Buffer
	if err := newSARIF(found).Encode(&b); err != nil {
		return err
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		return usageBecause(fmt.Errorf("--sarif: %w", err))
	}
	return nil
}
