package sink

import (
	"bytes"
	"cmp"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"runbook/engine/event"
)

// SARIF is a report as code hosts read it, to show findings beside the lines:
// SARIF 2.1.0, as far as findings need it. Columns count characters.
type SARIF struct {
	Version string     `json:"version"`
	Schema  string     `json:"$schema"`
	Runs    []SARIFRun `json:"runs"`
}

// SARIFRun is what one tool found.
type SARIFRun struct {
	Tool struct {
		Driver SARIFDriver `json:"driver"`
	} `json:"tool"`
	Invocations []SARIFInvocation `json:"invocations,omitempty"`
	ColumnKind  string            `json:"columnKind"`
	Results     []SARIFResult     `json:"results"`
}

// SARIFDriver is the tool and its rules.
type SARIFDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []SARIFRule `json:"rules"`
}

// SARIFRule describes all results of an id.
type SARIFRule struct {
	ID                   string     `json:"id"`
	ShortDescription     SARIFText  `json:"shortDescription"`
	FullDescription      *SARIFText `json:"fullDescription,omitempty"`
	Help                 *SARIFText `json:"help,omitempty"`
	DefaultConfiguration struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
}

// SARIFInvocation says whether the tool came to its end.
type SARIFInvocation struct {
	Successful bool       `json:"executionSuccessful"`
	Start      time.Time  `json:"startTimeUtc"`
	End        *time.Time `json:"endTimeUtc,omitempty"`
}

// SARIFText is a text, and the same in markdown.
type SARIFText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

// SARIFResult is one finding. Level is error, warning or note; none where Kind
// says that it is no failure.
type SARIFResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Kind      string          `json:"kind,omitempty"`
	Level     string          `json:"level"`
	Message   SARIFText       `json:"message"`
	Locations []SARIFLocation `json:"locations"`
	Related   []SARIFLocation `json:"relatedLocations,omitempty"`
}

// SARIFLocation is a file, or a place in it.
type SARIFLocation struct {
	ID               int        `json:"id,omitempty"`
	Message          *SARIFText `json:"message,omitempty"`
	PhysicalLocation struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *SARIFRegion `json:"region,omitempty"` // nil: the file as a whole
	} `json:"physicalLocation"`
}

// SARIFRegion is where a place begins. Both count from 1.
type SARIFRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

// NewSARIFLog holds the one run of a tool, given its rules and results; the
// results' RuleIndex is set here. version may be empty.
func NewSARIFLog(version string, rules []SARIFRule, results []SARIFResult) SARIF {
	run := SARIFRun{ColumnKind: "unicodeCodePoints", Results: list(results)}
	run.Tool.Driver = SARIFDriver{Name: "runbook", Version: version, Rules: list(rules)}
	index := map[string]int{}
	for i, r := range rules {
		index[r.ID] = i
	}
	for i := range run.Results {
		run.Results[i].RuleIndex = index[run.Results[i].RuleID]
	}
	return SARIF{Version: "2.1.0", Schema: "https://json.schemastore.org/sarif-2.1.0.json", Runs: []SARIFRun{run}}
}

// Encode writes the document.
func (s SARIF) Encode(w io.Writer) error {
	var b bytes.Buffer
	if err := encodeJSON(&b, s, "  "); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// SARIFAt is a place; line and column may be 0, unknown. Relative paths stay
// so, which code hosts take from the top of the repository.
func SARIFAt(path string, line, column int) SARIFLocation {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	var l SARIFLocation
	l.PhysicalLocation.ArtifactLocation.URI = u.String()
	if line > 0 {
		l.PhysicalLocation.Region = &SARIFRegion{line, max(column, 0)}
	}
	return l
}

type sarif struct {
	w      io.Writer
	story  story
	closed bool
}

// NewSARIF returns a sink that writes a SARIF document when it is closed, of
// the findings that are about a source or a path. What was ruled out is nothing
// to show beside a line, and is left out. Without any event it writes nothing.
func NewSARIF(w io.Writer) event.Sink { return &sarif{w: w} }

func (s *sarif) Write(e event.Event) error {
	s.story.add(e)
	return nil
}

func (s *sarif) Close() error {
	if s.closed || s.story.events == 0 {
		return nil
	}
	s.closed = true
	return s.story.sarif().Encode(s.w)
}

func (s *story) sarif() SARIF {
	var rules []SARIFRule
	var results []SARIFResult
	for _, f := range s.findings {
		level, kind := sarifLevel(f.Verdict)
		if level == "" || !inFile(f.About) {
			continue
		}
		if !slices.ContainsFunc(rules, func(r SARIFRule) bool { return r.ID == f.Rule }) {
			rules = append(rules, sarifRule(f, level))
		}
		r := SARIFResult{RuleID: f.Rule, Kind: kind, Level: level, Message: sarifText(f.Title, f.Because, f.Means, f.Do)}
		r.Locations = []SARIFLocation{SARIFAt(f.About.Path, f.About.Line, f.About.Column)}
		for _, m := range f.Members {
			if inFile(&m) {
				at := SARIFAt(m.Path, m.Line, m.Column)
				at.ID = len(r.Related) + 1
				at.Message = &SARIFText{Text: m.Label()}
				r.Related = append(r.Related, at)
			}
		}
		results = append(results, r)
	}
	report := s.report()
	_, version, _ := strings.Cut(report.Run.Tool, " ")
	log := NewSARIFLog(version, rules, results)
	log.Runs[0].Invocations = []SARIFInvocation{{
		Successful: report.Outcome == event.Clean || report.Outcome == event.Faults,
		Start:      report.Run.Started.UTC(), End: utc(report.Run.Finished),
	}}
	return log
}

func inFile(s *event.Subject) bool {
	return s != nil && (s.Type == "source" || s.Type == "path") && s.Path != ""
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// sarifLevel is how bad a verdict is, and what it is when it is no failure; ""
// when it is nothing to show.
func sarifLevel(v event.Verdict) (level, kind string) {
	switch v {
	case event.Fault:
		return "error", ""
	case event.Warn:
		return "warning", ""
	case event.Note:
		return "note", ""
	case event.Unknown:
		return "none", "open"
	}
	return "", ""
}

// sarifRule describes a rule by its first finding: a recipe has no other words
// for it.
func sarifRule(f event.Finding, level string) SARIFRule {
	short, _, cut := strings.Cut(f.Means, ". ")
	if cut {
		short += "."
	}
	r := SARIFRule{ID: f.Rule, ShortDescription: sarifText(cmp.Or(short, f.Title))}
	r.DefaultConfiguration.Level = level
	if f.Means != "" {
		t := sarifText(f.Means)
		r.FullDescription = &t
	}
	if f.Do != "" {
		t := sarifText(f.Do)
		r.Help = &t
	}
	return r
}

// sarifText is markdown with and without its marks.
func sarifText(paragraphs ...string) SARIFText {
	paragraphs = slices.DeleteFunc(slices.Clone(paragraphs), func(p string) bool { return strings.TrimSpace(p) == "" })
	md := strings.Join(paragraphs, "\n\n")
	text := SARIFText{Text: strings.NewReplacer("`", "", "**", "").Replace(md)}
	if text.Text != md {
		text.Markdown = md
	}
	return text
}
