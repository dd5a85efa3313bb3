//go:build linux

package main

import (
	"slices"
	"testing"

	"runbook/engine/event"
)

// TestJudge holds the judge of the live tests to account: one that lets
// everything pass would make a perfect score of any program.
func TestJudge(t *testing.T) {
	c := &cast{PIDs: map[string]int{"root": 1, "alpha": 2, "beta": 3, "gamma": 4}, Addresses: map[string]string{"127.0.0.1:80": "exchange"}}
	who := func(name string) event.Subject { return event.Subject{Type: "process", PID: c.PIDs[name], Name: name} }
	found := func(verdict event.Verdict, rule, about string, victims ...string) event.Finding {
		s := who(about)
		f := event.Finding{Verdict: verdict, Rule: "wedged-actor/" + rule, Title: "t", About: &s}
		for _, v := range victims {
			f.Victims = append(f.Victims, who(v))
		}
		return f
	}
	ring := func(f event.Finding, members ...string) event.Finding {
		for _, m := range members {
			f.Members = append(f.Members, who(m))
		}
		return f
	}
	deaf := scenario{guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"}
	outside := event.Subject{Type: "address", Address: "127.0.0.1:80"}
	for _, test := range []struct {
		name    string
		sc      scenario
		found   []event.Finding
		lenient bool
		want    []string
	}{
		{name: "right", sc: deaf, found: []event.Finding{found(event.Fault, "stopped-consuming", "alpha", "root"), found(event.RuleOut, "network", "root")}},
		{name: "silence", sc: deaf, want: []string{"misses alpha stopped-consuming", "misses the victim root"}},
		{name: "silence is forgiven when half of the facts were refused", sc: deaf, lenient: true},
		{name: "a victim is blamed", sc: deaf, lenient: true, found: []event.Finding{found(event.Fault, "sync-blocked", "root")},
			want: []string{`blames root: sync-blocked "t"`}},
		{name: "the right one and one more", sc: deaf,
			found: []event.Finding{found(event.Fault, "stopped-consuming", "alpha", "root"), found(event.Fault, "stopped", "beta")},
			want:  []string{`blames beta: stopped "t"`}},
		{name: "the same one twice", sc: deaf,
			found: []event.Finding{found(event.Fault, "stopped-consuming", "alpha", "root"), found(event.Fault, "no-progress", "alpha")},
			want:  []string{`blames alpha: no-progress "t"`}},
		{name: "another rule", sc: deaf, found: []event.Finding{found(event.Fault, "sync-blocked", "alpha", "root")},
			want: []string{"alpha is stopped-consuming, not sync-blocked"}},
		{name: "another victim", sc: deaf, found: []event.Finding{found(event.Fault, "stopped-consuming", "alpha", "beta")},
			want: []string{"calls a victim: beta", "misses the victim root"}},
		{name: "only a warning", sc: deaf, found: []event.Finding{found(event.Warn, "stopped-consuming", "alpha", "root")},
			want: []string{"misses alpha stopped-consuming", "misses the victim root"}},
		{name: "healthy", found: []event.Finding{found(event.Warn, "close-wait", "alpha"), found(event.Note, "idle", "root")}},
		{name: "healthy and blamed", found: []event.Finding{found(event.Fault, "cpu-spin", "alpha")}, want: []string{`blames alpha: cpu-spin "t"`}},
		{name: "a warning that is wanted", sc: scenario{guilty: guilty{who: "alpha", rule: "close-wait", verdict: "warn"}},
			found: []event.Finding{found(event.Warn, "close-wait", "alpha")}},
		{name: "half of a ring", sc: scenario{guilty: guilty{who: "alpha|beta", rule: "deadlock", members: "alpha,beta"}},
			found: []event.Finding{ring(found(event.Fault, "deadlock", "beta"), "beta")},
			want:  []string{"the ring is [alpha beta], not [beta]"}},
		{name: "a ring", sc: scenario{guilty: guilty{who: "alpha|beta", rule: "deadlock", members: "alpha,beta"}},
			found: []event.Finding{ring(found(event.Fault, "deadlock", "beta"), "beta", "alpha")}},
		{name: "a server outside, by its address", sc: scenario{guilty: guilty{who: "exchange", rule: "blocked-in-recv"}},
			found: []event.Finding{{Verdict: event.Fault, Rule: "wedged-actor/blocked-in-recv", About: &outside}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.sc.judge(c, test.found, test.lenient); !slices.Equal(got, test.want) {
				t.Errorf("judged %q, want %q", got, test.want)
			}
		})
	}
}
