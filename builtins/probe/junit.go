package probe

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// JUnitSuite is one test suite and all that its attempts came to.
//
// The file that is written of it is JUnit XML in the dialect of Maven Surefire,
// which tells a test that failed every time (failure, then rerunFailure) from
// one that passed once (flakyFailure). The file is ours and not the test
// runner's, so it is there when the runner was killed.
type JUnitSuite struct {
	Name       string
	Started    time.Time // zero: unknown
	Duration   time.Duration
	Properties []JUnitProperty
	Cases      []JUnitCase
	Output     string // the end of what was printed
}

// JUnitProperty is a fact for readers that do not know the dialect: Jenkins
// does not read flakyFailure.
type JUnitProperty struct{ Name, Value string }

// JUnitCase is one test, with its attempts in order. One without any has
// not been run, and is written as skipped.
type JUnitCase struct {
	ID       string // as pytest names it: tests/a.py::TestC::test_x[1]
	Attempts []JUnitAttempt
	// Flaky is what a case is called that both passed and did not. It counts as
	// failed: a hang that passes when it is tried again is still a hang.
	Flaky string
}

// JUnitAttempt is one run of a test.
type JUnitAttempt struct {
	Outcome  string // passed, failed, error, skipped, xfailed, xpassed, hang, crash …
	Phase    string // setup, call, teardown; "" unknown
	Duration time.Duration
	Message  string // its first line is the headline
	Output   string
}

// Bad reports whether the attempt counts against its test. What did not even
// end is as bad as what failed.
func (a JUnitAttempt) Bad() bool {
	switch a.Outcome {
	case "passed", "skipped", "xfailed", "xpassed":
		return false
	}
	return true
}

// WriteJUnit writes the suites into the file at path. A regular file is
// replaced as a whole, so that nobody ever reads half of it, if it is a report, or
// empty: who forgot the file behind --junit names a suite. Anything else, such as
// /dev/stdout, is written to. Errors name the path.
func WriteJUnit(path string, suites []JUnitSuite) error {
	info, err := os.Stat(path) // through a link: what it leads to is replaced
	switch {
	case err == nil && !info.Mode().IsRegular():
		if info.IsDir() {
			return fmt.Errorf("junit: %s is a directory", path)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("junit: %w", err)
		}
		return errors.Join(EncodeJUnit(f, suites), f.Close())
	case err == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return fmt.Errorf("junit: %w", err)
		}
		if info.Mode().Perm()&0o222 == 0 {
			return fmt.Errorf("junit: %s is read-only", path) // also to root
		}
		if err := replaceable(path); err != nil {
			return fmt.Errorf("junit: %w", err)
		}
	}
	return replaceJUnit(path, suites)
}

// replaceable returns why a file must not be replaced by a report; nil: it is one,
// or is empty.
func replaceable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 4096) // there may be a comment before the root
	n, err := io.ReadFull(f, head)
	if n > 0 && !bytes.Contains(head[:n], []byte("<testsuite")) {
		return fmt.Errorf("%s is there, and is no JUnit report: it would be lost; name another file", path)
	}
	if n == 0 && err != io.EOF {
		return err
	}
	return nil
}

func replaceJUnit(path string, suites []JUnitSuite) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err // nobody knows the file beside it by name
		}
		return fmt.Errorf("junit %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("junit %s: %w", path, err)
		}
	}()
	mode := os.FileMode(0o644) // CI systems read it as another user
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err = errors.Join(f.Chmod(mode), EncodeJUnit(f, suites), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// EncodeJUnit writes the document.
func EncodeJUnit(w io.Writer, suites []JUnitSuite) error {
	doc := xmlSuites{Name: "runbook"}
	for i := range suites {
		s := suites[i].xml()
		doc.Tests += s.Tests
		doc.Failures += s.Failures
		doc.Errors += s.Errors
		doc.Skipped += s.Skipped
		doc.seconds += suites[i].Duration
		doc.Suites = append(doc.Suites, s)
	}
	doc.Time = xmlSeconds(doc.seconds)
	text, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func (s JUnitSuite) xml() xmlSuite {
	out := xmlSuite{Name: xmlText(s.Name), Time: xmlSeconds(s.Duration), Properties: properties(s.Properties), Out: xmlText(s.Output)}
	if !s.Started.IsZero() {
		out.Timestamp = s.Started.UTC().Format(time.RFC3339)
	}
	for _, c := range s.Cases {
		x := c.xml(s.Name)
		out.Tests++
		switch {
		case x.Skipped != nil:
			out.Skipped++
		case len(x.Results) > 0:
			if x.Results[0].(xmlResult).XMLName.Local == "error" {
				out.Errors++
			} else {
				out.Failures++
			}
		}
		if c.mixed() {
			out.Flakes++
		}
		out.Cases = append(out.Cases, x)
	}
	return out
}

// mixed reports whether the case both passed and did not.
func (c JUnitCase) mixed() bool {
	bad := 0
	for _, a := range c.Attempts {
		if a.Bad() {
			bad++
		}
	}
	return bad > 0 && bad < len(c.Attempts)
}

func (c JUnitCase) xml(suite string) xmlCase {
	out := xmlCase{}
	class, name := splitTestID(c.ID, suite)
	out.Class, out.Name = xmlText(class), xmlText(name)
	var took time.Duration
	var bad []JUnitAttempt
	for _, a := range c.Attempts {
		took += a.Duration
		if a.Bad() {
			bad = append(bad, a)
		}
	}
	out.Time = xmlSeconds(took)
	switch {
	case len(c.Attempts) == 0:
		out.Skipped = &xmlResult{XMLName: tag("skipped"), Message: "not run"}
	case len(bad) == 0:
		if last := c.Attempts[len(c.Attempts)-1]; last.Outcome == "skipped" || last.Outcome == "xfailed" {
			out.Skipped = &xmlResult{XMLName: tag("skipped"), Type: "pytest." + last.Outcome, Message: headline(last)}
		}
	case c.mixed():
		// The failure makes readers that know no flakes see that it is not well.
		kind := c.Flaky
		if kind == "" {
			kind = "flaky"
		}
		says := fmt.Sprintf("%s: %d of %d attempts did not pass; %s", kind, len(bad), len(c.Attempts), headline(bad[0]))
		out.Properties = properties([]JUnitProperty{{"runbook.flaky", fmt.Sprintf("%d of %d", len(bad), len(c.Attempts))}})
		out.Results = append(out.Results, xmlResult{XMLName: tag("failure"), Type: xmlText(kind), Message: xmlText(says), Text: xmlText(bad[0].Message)})
		for _, a := range bad {
			out.Results = append(out.Results, a.rerun("flaky"))
		}
	default:
		first := bad[0]
		out.Results = append(out.Results, xmlResult{XMLName: tag(first.word("")), Type: xmlText(first.kind()), Message: headline(first), Text: xmlText(first.Message)})
		for _, a := range bad[1:] {
			out.Results = append(out.Results, a.rerun("rerun"))
		}
	}
	return out
}

func (a JUnitAttempt) rerun(prefix string) xmlRerun {
	return xmlRerun{XMLName: tag(a.word(prefix)), Type: xmlText(a.kind()), Message: headline(a), Stack: xmlText(a.Message), Out: xmlText(a.Output)}
}

// word is the element: a test that judged itself has a failure, and one that
// did not come to a judgement an error.
func (a JUnitAttempt) word(prefix string) string {
	word := "error"
	if a.Outcome == "failed" {
		word = "failure"
	}
	if prefix == "" {
		return word
	}
	return prefix + strings.ToUpper(word[:1]) + word[1:]
}

func (a JUnitAttempt) kind() string {
	if a.Phase == "" {
		return a.Outcome
	}
	return a.Outcome + " in " + a.Phase
}

func headline(a JUnitAttempt) string {
	first, _, _ := strings.Cut(strings.TrimSpace(a.Message), "\n")
	if first == "" {
		first = a.kind()
	}
	return xmlText(first)
}

// splitTestID makes of pytest's node id what pytest's own report says:
// tests/a.py::TestC::test_x[a::b] is test_x[a::b] of tests.a.TestC.
func splitTestID(id, suite string) (class, name string) {
	path, params, bracket := strings.Cut(id, "[")
	if bracket {
		params = "[" + params
	}
	parts := strings.Split(path, "::")
	if len(parts) == 1 { // no test of its own: the suite as a whole
		return dotted(suite), id
	}
	last := len(parts) - 1
	parts[0] = dotted(parts[0])
	return strings.Join(parts[:last], "."), parts[last] + params
}

func dotted(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.ToSlash(path), ".py"), "/", ".")
}
