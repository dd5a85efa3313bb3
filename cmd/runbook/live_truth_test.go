//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"

	"runbook/engine/event"
)

// judge compares what was found with the truth and gives what is wrong, one
// line each. lenient is for runs that were refused half of the facts: there a
// culprit may be missing, but nobody may be blamed wrongly.
func (sc *scenario) judge(c *cast, findings []event.Finding, lenient bool) []string {
	var wrong []string
	expected := []guilty{}
	for _, g := range []guilty{sc.guilty, sc.also} {
		if g.who != "" {
			expected = append(expected, g)
		}
	}
	met := make([]bool, len(expected))
	victims := map[string]bool{}
	for _, f := range findings {
		blames := f.Verdict == event.Fault
		for i, g := range expected {
			if met[i] || !g.names(c, f) {
				continue
			}
			if complaint := g.fits(c, f, lenient); complaint != "" {
				wrong = append(wrong, complaint)
			}
			met[i], blames = true, false
			for _, v := range f.Victims {
				victims[c.subject(v)] = true
			}
			break
		}
		if blames {
			wrong = append(wrong, fmt.Sprintf("blames %s: %s %q", c.about(f), slug(f), f.Title))
		}
	}
	for i, g := range expected {
		if !met[i] && !lenient {
			wrong = append(wrong, fmt.Sprintf("misses %s %s", g.who, g.rule))
		}
	}
	must, may := names(sc.victims), append(names(sc.victims), names(sc.maybe)...)
	if lenient { // half seen, a ring is a chain
		may = append(may, append(names(sc.guilty.members), names(sc.also.members)...)...)
	}
	for v := range victims {
		if !slices.Contains(may, v) {
			wrong = append(wrong, "calls a victim: "+v)
		}
	}
	for _, v := range must {
		if !victims[v] && !lenient {
			wrong = append(wrong, "misses the victim "+v)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// names reports whether f is about this culprit, whatever its rule.
func (g guilty) names(c *cast, f event.Finding) bool {
	if !slices.Contains(strings.Split(or(g.verdict, string(event.Fault)), "|"), string(f.Verdict)) {
		return false
	}
	// A warning is only what we look for when its rule says so too.
	if f.Verdict == event.Warn && !slices.Contains(strings.Split(g.rule, "|"), slug(f)) {
		return false
	}
	return slices.Contains(strings.Split(g.who, "|"), c.about(f))
}

func (g guilty) fits(c *cast, f event.Finding, lenient bool) string {
	rules := strings.Split(g.rule, "|")
	if !slices.Contains(rules, slug(f)) && !lenient {
		return fmt.Sprintf("%s is %s, not %s", c.about(f), g.rule, slug(f))
	}
	if slug(f) == "deadlock" {
		got := []string{}
		for _, m := range f.Members {
			got = append(got, c.subject(m))
		}
		want := names(g.members)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Sprintf("the ring is %v, not %v", want, got)
		}
	}
	return ""
}

func (c *cast) about(f event.Finding) string {
	if f.About == nil {
		return "nobody"
	}
	return c.subject(*f.About)
}

// subject is the name in the story of what a finding names. A server outside
// the tree may be named by its address.
func (c *cast) subject(s event.Subject) string {
	if s.Type == "address" {
		if name, ok := c.Addresses[s.Address]; ok {
			return name
		}
	}
	if s.Type != "process" {
		return s.Label()
	}
	return c.name(s.PID)
}

func slug(f event.Finding) string { return strings.TrimPrefix(f.Rule, "wedged-actor/") }

func names(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// signature is what must be the same whenever a world is diagnosed again: who,
// why, and at whose expense; not the numbers.
func signature(findings []event.Finding) []string {
	var out []string
	for _, f := range findings {
		if f.Verdict != event.Fault && f.Verdict != event.Warn {
			continue
		}
		who := "nobody"
		if f.About != nil {
			who = f.About.Label()
		}
		var victims []string
		for _, v := range f.Victims {
			victims = append(victims, v.Label())
		}
		slices.Sort(victims)
		out = append(out, fmt.Sprintf("%s %s %s victims %v", f.Verdict, slug(f), who, victims))
	}
	slices.Sort(out)
	return out
}
