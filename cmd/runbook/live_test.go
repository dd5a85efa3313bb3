//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// Flags of the live tests, for runs by hand.
var (
	liveRepeat = flag.Int("live.repeat", 1, "play each scenario so often")
	liveOnly   = flag.String("live.only", "", "play the scenarios whose name matches this regexp")
	asUser     = flag.Bool("live.asuser", false, "boot and look as an ordinary user (needs root)")
	refuse     = flag.Bool("live.refuse-attach", false, "refuse every read that needs PTRACE_MODE_ATTACH: a verdict may be missing, none may be wrong")
	bootOnly   = flag.Bool("live.boot-only", false, "only bring each scenario into its state, to test the scenarios themselves")
)

// At most so many trees at once: they sleep most of the time, but the spinning
// ones don't, and a starved tree can't be told from a stuck one.
const atOnce = 5

// result is how one scenario went.
type result struct {
	*scenario
	healthy  bool
	skipped  string
	wrong    []string // what the verdict got wrong
	again    []string // what differed in capture or replay
	findings []event.Finding
	took     time.Duration
}

// TestLiveScenarios boots every scenario and compares what the program says
// with the truth: culprits, victims and rule of each wedge, and no fault in
// what is healthy. Then it captures and records the same tree, and wants the
// same verdict, and the same text, again.
func TestLiveScenarios(t *testing.T) {
	s := newStage(t)
	var results []*result
	for range *liveRepeat {
		results = append(results, plan(t, wedged, false)...)
		results = append(results, plan(t, healthy, true)...)
	}
	s.score(t, results)
}

// score plays the scenarios, a few at once, and reports each as a subtest and
// all as one table.
func (s *stage) score(t *testing.T, results []*result) {
	queue := make(chan *result)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for r := range queue {
				s.play(r)
			}
		})
	}
	// Large trees first: they take longest.
	for _, r := range slices.SortedStableFunc(slices.Values(results), func(a, b *result) int { return b.tree.size() - a.tree.size() }) {
		queue <- r
	}
	close(queue)
	workers.Wait()
	for _, r := range results {
		t.Run(strings.ReplaceAll(r.name, "/", " "), func(t *testing.T) {
			if r.skipped != "" {
				t.Skip(r.skipped)
			}
			for _, w := range append(r.wrong, r.again...) {
				t.Error(w)
			}
			if t.Failed() {
				t.Logf("steps: %q\nfound: %s", r.steps, strings.Join(signature(r.findings), "\n       "))
			}
		})
	}
	t.Log("\n" + table(results))
	if at := os.Getenv("RUNBOOK_LIVE_SCORE"); at != "" { // go test shows no log of what passed
		if err := appendTo(at, t.Name()+"\n"+table(results)); err != nil {
			t.Error(err)
		}
	}
}

func plan(t *testing.T, scenarios []scenario, healthy bool) []*result {
	only, err := regexp.Compile(*liveOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []*result
	for i := range scenarios {
		if only.MatchString(scenarios[i].name) {
			out = append(out, &result{scenario: &scenarios[i], healthy: healthy})
		}
	}
	return out
}

// play boots one scenario and looks at it in every way.
func (s *stage) play(r *result) {
	begun := time.Now()
	defer func() { r.took = time.Since(begun) }()
	spec, why := s.setting(r.scenario)
	if why != "" {
		r.skipped = why
		return
	}
	c, err := s.boot(spec)
	if err != nil {
		r.wrong = append(r.wrong, "did not reach its state: "+err.Error())
		return
	}
	defer c.close()
	if *bootOnly {
		return
	}
	s.diagnose(c, r)
	if len(r.wrong) == 0 && !*refuse {
		s.diagnoseAgain(c, r)
	}
}

// chosen are the flags that name the tree.
func (c *cast) chosen(sc *scenario) []string {
	var args []string
	for _, name := range strings.Split(or(sc.ask, "root"), ",") {
		args = append(args, "--pid", strconv.Itoa(c.PIDs[name]))
	}
	return args
}

// diagnose runs the recipe on the living tree.
func (s *stage) diagnose(c *cast, r *result) {
	args := append([]string{"run", "wedged-actor", "--json", "--no-record", "--over", "1s"}, c.chosen(r.scenario)...)
	if *refuse {
		args = append(args, "--refuse-attach")
	}
	stdout, stderr, code, err := s.runbook(args...)
	if err != nil {
		r.wrong = append(r.wrong, err.Error())
		return
	}
	doc, err := readReport(stdout)
	if err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("%v\n%s%s", err, stdout, stderr))
		return
	}
	r.findings = doc.Findings
	r.wrong = append(r.wrong, r.judge(c, doc.Findings, *refuse)...)
	faults := slices.ContainsFunc(doc.Findings, func(f event.Finding) bool { return f.Verdict == event.Fault })
	switch {
	case faults != (code == 1):
		r.wrong = append(r.wrong, fmt.Sprintf("exit code %d (%s) with faults: %v\n%s", code, doc.Outcome, faults, stderr))
	case !faults && code != 0 && !*refuse:
		r.wrong = append(r.wrong, fmt.Sprintf("exit code %d (%s)\n%s", code, doc.Outcome, stderr))
	}
}

// diagnoseAgain wants the same of a capture, and the same text of a record.
func (s *stage) diagnoseAgain(c *cast, r *result) {
	at, err := os.MkdirTemp(s.dir, "again-")
	if err != nil {
		r.again = append(r.again, err.Error())
		return
	}
	if s.as != nil {
		_ = os.Chown(at, int(s.as.Uid), int(s.as.Gid))
	}
	complain := func(what, stdout, stderr string, code int, err error) {
		r.again = append(r.again, fmt.Sprintf("%s: exit code %d, %v\n%s%s", what, code, err, stdout, stderr))
	}

	file := filepath.Join(at, "capture")
	out, errs, code, err := s.runbook(append([]string{"capture", "-o", file}, c.chosen(r.scenario)...)...)
	if err != nil || code != 0 {
		complain("capture", out, errs, code, err)
	} else if out, errs, code, err = s.runbook("run", "wedged-actor", "--json", "--no-record", "--from", file); err != nil || code > 1 {
		complain("run --from", out, errs, code, err)
	} else if doc, err := readReport(out); err != nil {
		complain("run --from", out, errs, code, err)
	} else {
		for _, w := range r.judge(c, doc.Findings, false) {
			r.again = append(r.again, "from a capture: "+w)
		}
		if live, from := signature(r.findings), signature(doc.Findings); !r.healthy && !slices.Equal(live, from) {
			r.again = append(r.again, fmt.Sprintf("from a capture:\n  %s\nlive:\n  %s", strings.Join(from, "\n  "), strings.Join(live, "\n  ")))
		}
	}

	record := filepath.Join(at, "record")
	live, errs, code, err := s.runbook(append([]string{"run", "wedged-actor", "--record", record, "--over", "300ms"}, c.chosen(r.scenario)...)...)
	if err != nil || code > 1 {
		complain("run --record", live, errs, code, err)
		return
	}
	again, errs, _, err := s.runbook("replay", record)
	if err != nil || again != live {
		complain("replay differs from\n"+live+"\nit is", again, errs, code, err)
	}
}

// report is the part of the JSON document that the tests read.
type report struct {
	Outcome  event.Outcome   `json:"outcome"`
	Findings []event.Finding `json:"findings"`
}

func readReport(stdout string) (*report, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
	if err != nil {
		return nil, fmt.Errorf("no report: %w", err)
	}
	schema, err := reportSchema()
	if err != nil {
		return nil, err
	}
	if err := schema.Validate(doc); err != nil {
		return nil, err
	}
	var r report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		return nil, fmt.Errorf("no report: %w", err)
	}
	return &r, nil
}

// reportSchema is the one that the tool publishes.
var reportSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(sink.ReportSchema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("report.schema.json")
})

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// table is the score: what CI prints.
func table(results []*result) string {
	var b strings.Builder
	right, wedges, alarms, calm := 0, 0, 0, 0
	for _, r := range results {
		verdict := "right"
		switch {
		case r.skipped != "":
			verdict = "skipped: " + r.skipped
		case len(r.wrong) > 0:
			verdict = "WRONG: " + strings.SplitN(r.wrong[0], "\n", 2)[0]
		case len(r.again) > 0:
			verdict = "right, then differs: " + strings.SplitN(r.again[0], "\n", 2)[0]
		}
		truth := "healthy"
		if !r.healthy {
			truth = r.who + " " + r.rule
			if r.also.who != "" {
				truth += ", " + r.also.who + " " + r.also.rule
			}
		}
		fmt.Fprintf(&b, "%-58s %-48s %5.1fs  %s\n", r.name, truth, r.took.Seconds(), verdict)
		switch {
		case r.skipped != "":
		case r.healthy:
			calm++
			if len(r.wrong) > 0 {
				alarms++
			}
		default:
			wedges++
			if len(r.wrong) == 0 {
				right++
			}
		}
	}
	fmt.Fprintf(&b, "recall %d/%d, false alarms %d/%d\n", right, wedges, alarms, calm)
	return b.String()
}
