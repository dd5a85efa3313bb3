package probe

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// A reader of its own: nothing of it comes from the writer.
type readSuites struct {
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Suites   []readSuite `xml:"testsuite"`
}

type readSuite struct {
	Name  string     `xml:"name,attr"`
	Cases []readCase `xml:"testcase"`
	Out   string     `xml:"system-out"`
}

type readCase struct {
	Class    string     `xml:"classname,attr"`
	Name     string     `xml:"name,attr"`
	Children []readPart `xml:",any"`
}

type readPart struct {
	XMLName xml.Name
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
	Stack   string `xml:"stackTrace"`
}

// read is strict: encoding/xml refuses what is not XML 1.0.
func read(t *testing.T, b []byte) readSuites {
	t.Helper()
	var doc readSuites
	d := xml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return doc
}

func try(outcome, message string) JUnitAttempt {
	return JUnitAttempt{Outcome: outcome, Phase: "call", Duration: 1500 * time.Millisecond, Message: message}
}

func TestJUnitTellsAFlakeFromAFailureAndFromAPass(t *testing.T) {
	suite := JUnitSuite{Name: "tests/a.py", Cases: []JUnitCase{
		{ID: "tests/a.py::test_passes", Attempts: []JUnitAttempt{try("passed", "")}},
		{ID: "tests/a.py::test_fails", Attempts: []JUnitAttempt{try("failed", "assert 1 == 2\nmore"), try("failed", "assert 1 == 3"), try("error", "gone")}},
		{ID: "tests/a.py::test_flakes", Attempts: []JUnitAttempt{try("passed", ""), try("failed", "assert x")}},
		{ID: "tests/a.py::test_hangs_once", Flaky: "flaky-hang", Attempts: []JUnitAttempt{try("hang", "was running"), try("passed", "")}},
		{ID: "tests/a.py::test_skipped", Attempts: []JUnitAttempt{try("skipped", "no network")}},
		{ID: "tests/a.py::test_expected", Attempts: []JUnitAttempt{try("xfailed", "known")}},
		{ID: "tests/a.py::test_xpassed", Attempts: []JUnitAttempt{try("xpassed", "")}},
		{ID: "tests/a.py::test_never_run"},
		{ID: "tests/a.py::test_odd", Attempts: []JUnitAttempt{{Outcome: "something new"}}},
	}}
	var b bytes.Buffer
	if err := EncodeJUnit(&b, []JUnitSuite{suite}); err != nil {
		t.Fatal(err)
	}
	doc := read(t, b.Bytes())
	var got []string
	for _, c := range doc.Suites[0].Cases {
		line := c.Name
		for _, p := range c.Children {
			if p.XMLName.Local != "properties" {
				line += fmt.Sprintf(" | %s %s: %s", p.XMLName.Local, p.Type, p.Message)
			}
		}
		got = append(got, line)
	}
	want := []string{
		"test_passes",
		"test_fails | failure failed in call: assert 1 == 2 | rerunFailure failed in call: assert 1 == 3 | rerunError error in call: gone",
		"test_flakes | failure flaky: flaky: 1 of 2 attempts did not pass; assert x | flakyFailure failed in call: assert x",
		"test_hangs_once | failure flaky-hang: flaky-hang: 1 of 2 attempts did not pass; was running | flakyError hang in call: was running",
		"test_skipped | skipped pytest.skipped: no network",
		"test_expected | skipped pytest.xfailed: known",
		"test_xpassed",
		"test_never_run | skipped : not run",
		"test_odd | error something new: something new",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if counts, want := fmt.Sprint(doc.Tests, doc.Failures, doc.Errors, doc.Skipped), "9 3 1 3"; counts != want {
		t.Errorf("tests, failures, errors, skipped: %s, want %s", counts, want)
	}
}

func TestJUnitNamesTestsAsPytestDoes(t *testing.T) {
	for id, want := range map[string]string{
		"tests/a.py::test_x":                 "tests.a test_x",
		"tests/a.py::TestC::test_x":          "tests.a.TestC test_x",
		"tests/a.py::TestC::test_x[a::b/c]":  "tests.a.TestC test_x[a::b/c]",
		"tests/a.py::test_x[[]":              "tests.a test_x[[]",
		"a.py::test_x":                       "a test_x",
		"(the whole suite)":                  "tests.b (the whole suite)",
		"tests/with space.py::test_[x]\n[y]": "tests.with space test_[x]\n[y]",
	} {
		class, name := splitTestID(id, "tests/b.py")
		if got := class + " " + name; got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

// What a terminal program prints is no XML. It is written so that a person
// still sees what it was.
func TestJUnitHoldsWhatXMLCannot(t *testing.T) {
	for text, want := range map[string]string{
		"\x1b[31mred\x1b[0m":         `\x1b[31mred\x1b[0m`,
		"nul \x00 bell \x07":         `nul \x00 bell \x07`,
		"tab\t\nline\r":              "tab\t\nline\r",
		"latin \xe9 cut \xf0":        `latin \xe9 cut \xf0`,
		"\ufffe and \uffff":          `\ufffe and \uffff`,
		"a real \ufffd stays":        "a real \ufffd stays",
		"]]> <&\"' ünï 漢 \U0001F600": "]]> <&\"' ünï 漢 \U0001F600",
	} {
		if got := xmlText(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		var b bytes.Buffer
		c := JUnitCase{ID: "a.py::" + text, Attempts: []JUnitAttempt{{Outcome: "failed", Message: text}, {Outcome: "failed", Message: text, Output: text}}}
		if err := EncodeJUnit(&b, []JUnitSuite{{Name: text, Output: text, Cases: []JUnitCase{c}, Properties: []JUnitProperty{{text, text}}}}); err != nil {
			t.Fatal(err)
		}
		if got := read(t, b.Bytes()).Suites[0].Cases[0].Children[0].Text; got != want {
			t.Errorf("%q comes back as %q, want %q", text, got, want)
		}
	}
}

// Another reader, of which not one line is ours.
func TestPythonReadsTheReport(t *testing.T) {
	Needs(t, "python3")
	path := filepath.Join(t.TempDir(), "report.xml")
	err := WriteJUnit(path, []JUnitSuite{{Name: "a\x1b.py", Started: time.Unix(0, 0), Output: "\x00\xff", Cases: []JUnitCase{
		{ID: "a.py::test_x[\x07]", Flaky: "flaky-hang", Attempts: []JUnitAttempt{try("hang", "é\xe9\x1b[0m"), try("passed", "")}},
		{ID: "a.py::test_y", Attempts: []JUnitAttempt{try("failed", "no"), try("failed", "no")}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", "-c", `
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
for case in root.iter("testcase"):
    print(ascii(case.get("name")), [part.tag for part in case])
`, path).CombinedOutput()
	want := "'test_x[\\\\x07]' ['properties', 'failure', 'flakyError']\n'test_y' ['failure', 'rerunFailure']\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, out, want)
	}
}

func TestJUnitReplacesTheFileAsAWhole(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "report.xml"), filepath.Join(dir, "link.xml")
	suites := []JUnitSuite{{Name: "a.py"}}
	if err := WriteJUnit(path, suites); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("a new file is for all to read: %v %v", info, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("report.xml", link); err != nil {
		t.Fatal(err)
	}
	before, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if err := WriteJUnit(link, []JUnitSuite{{Name: "b.py"}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced, and not what it leads to: %v %v", info, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode was not kept: %v %v", info, err)
	}
	old, err := io.ReadAll(before)
	if err != nil || !strings.Contains(string(old), "a.py") {
		t.Errorf("who had it open reads %q (%v), want the old report whole", old, err)
	}
	b, err := os.ReadFile(path)
	if err != nil || read(t, b).Suites[0].Name != "b.py" {
		t.Errorf("%v %s", err, b)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 2 {
		t.Errorf("left behind: %v (%v)", names, err)
	}
	for _, bad := range []string{dir, filepath.Join(dir, "none", "report.xml")} {
		if err := WriteJUnit(bad, suites); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := WriteJUnit(os.DevNull, suites); err != nil {
		t.Errorf("a device: %v", err)
	}
}

// Who forgets the file behind --junit names the first suite instead.
func TestJUnitReplacesNothingButAReport(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, holds string
		mode        os.FileMode
		refused     string
	}{
		{"test_a.py", "def test_a(): pass\n", 0o644, "is no JUnit report"},
		{"other.xml", "<?xml version='1.0'?>\n<project/>", 0o644, "is no JUnit report"},
		{"read-only.xml", "<testsuites/>", 0o444, "is read-only"},
		{"report.xml", "<?xml version='1.0'?>\n<!-- of pytest -->\n<testsuite/>", 0o644, ""},
		{"empty.xml", "", 0o644, ""},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.holds), c.mode); err != nil {
			t.Fatal(err)
		}
		err := WriteJUnit(path, []JUnitSuite{{Name: "a.py"}})
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
		if b, err := os.ReadFile(path); err != nil || (string(b) == c.holds) != (c.refused != "") {
			t.Errorf("%s holds %q (%v)", c.name, b, err)
		}
	}
}

// Whatever a test is called and says: the document parses, and is there twice
// when it is read twice.
func FuzzEncodeJUnit(f *testing.F) {
	f.Add("tests/a.py::test_x[1]", "failed", "assert \x1b[0m", "passed")
	f.Add("::[::", "", "\xff\xfe", "hang")
	f.Add("]]>", "error", "<![CDATA[", "error")
	f.Fuzz(func(t *testing.T, id, outcome, message, second string) {
		s := JUnitSuite{Name: id, Output: message, Cases: []JUnitCase{{ID: id, Flaky: outcome, Attempts: []JUnitAttempt{
			{Outcome: outcome, Phase: second, Message: message}, {Outcome: second, Message: message, Output: id},
		}}}}
		var b bytes.Buffer
		if err := EncodeJUnit(&b, []JUnitSuite{s}); err != nil {
			t.Fatal(err)
		}
		doc := read(t, b.Bytes())
		if len(doc.Suites) != 1 || len(doc.Suites[0].Cases) != 1 {
			t.Fatalf("%d suites", len(doc.Suites))
		}
		bad := slices.ContainsFunc(s.Cases[0].Attempts, JUnitAttempt.Bad)
		if failed := doc.Failures+doc.Errors == 1; failed != bad {
			t.Errorf("outcomes %q and %q: failed %t", outcome, second, failed)
		}
		if !utf8.Valid(b.Bytes()) {
			t.Error("no UTF-8")
		}
	})
}
