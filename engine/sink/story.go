package sink

import (
	"strings"
	"time"

	"runbook/engine/event"
)

// story is a run as far as it was told: the stream, folded. Terminal and JSON
// both read it.
type story struct {
	run      *event.RunStarted
	steps    []*chapter // in the order of the plan
	findings []event.Finding
	views    []view
	coverage []event.Coverage
	finished *event.RunFinished
	asking   bool // the run waits for an answer

	events int
	first  time.Time
	last   time.Time
}

// view is a view at its place in the story.
type view struct {
	event.View
	after bool // a table of a later step than the findings: what was done about it
}

// chapter is one step of it.
type chapter struct {
	name, title string
	guidance    string
	started     bool
	calls       []event.Called
	findings    []int // indices of story.findings
	done        *event.StepFinished
}

// add folds one event in. An event of no known kind is passed over: a newer
// tool may have written it.
func (s *story) add(e event.Event) {
	if s.events == 0 {
		s.first = e.At
	}
	s.events++
	s.last = e.At
	switch {
	case e.RunStarted != nil:
		s.run = e.RunStarted
		for _, p := range e.RunStarted.Plan {
			c := s.chapter(p.Name)
			c.title, c.guidance = p.Title, p.Guidance
		}
	case e.StepStarted != nil:
		c := s.chapter(e.StepStarted.Name)
		c.started = true
		if c.title == "" {
			c.title = e.StepStarted.Title
		}
	case e.Called != nil:
		if e.Step != "" {
			c := s.chapter(e.Step)
			c.calls = append(c.calls, *e.Called)
		}
	case e.Found != nil:
		if e.Step != "" {
			c := s.chapter(e.Step)
			c.findings = append(c.findings, len(s.findings))
		}
		s.findings = append(s.findings, *e.Found)
	case e.Shown != nil:
		own := e.Step != "" && len(s.chapter(e.Step).findings) > 0
		s.views = append(s.views, view{*e.Shown, e.Shown.Kind == "table" && len(s.findings) > 0 && !own})
	case e.Covered != nil:
		s.coverage = append(s.coverage, *e.Covered)
	case e.Asked != nil, e.Answered != nil:
		s.asking = e.Asked != nil
	case e.StepFinished != nil:
		c := s.chapter(e.StepFinished.Name)
		c.done = e.StepFinished
		if c.title == "" {
			c.title = e.StepFinished.Title
		}
	case e.RunFinished != nil:
		s.finished = e.RunFinished
	}
}

func (s *story) chapter(name string) *chapter {
	for _, c := range s.steps {
		if c.name == name {
			return c
		}
	}
	c := &chapter{name: name}
	s.steps = append(s.steps, c)
	return c
}

// counts is counted here rather than believed: a run that was cut off has no
// RunFinished to tell it.
func (s *story) counts() map[event.Verdict]int {
	n := map[event.Verdict]int{}
	for _, f := range s.findings {
		n[f.Verdict]++
	}
	return n
}

// found reports whether a finding says what text ends in.
func (s *story) found(v event.Verdict, text string) bool {
	for _, f := range s.findings {
		if f.Verdict == v && f.Title != "" && strings.HasSuffix(text, f.Title) {
			return true
		}
	}
	return false
}

// took is how long the run lasted, by its own events.
func (s *story) took() time.Duration {
	end := s.last
	if s.finished != nil && !s.finished.Finished.IsZero() {
		end = s.finished.Finished
	}
	return max(0, end.Sub(s.begun()))
}

func (s *story) begun() time.Time {
	if s.run != nil && !s.run.Started.IsZero() {
		return s.run.Started
	}
	return s.first
}
