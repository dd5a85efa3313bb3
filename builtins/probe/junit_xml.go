package probe

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The shapes of a JUnit document, and the texts that fit into one.

type xmlSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     string     `xml:"time,attr"`
	Suites   []xmlSuite `xml:"testsuite"`

	seconds time.Duration
}

type xmlSuite struct {
	Name       string         `xml:"name,attr"`
	Tests      int            `xml:"tests,attr"`
	Failures   int            `xml:"failures,attr"`
	Errors     int            `xml:"errors,attr"`
	Skipped    int            `xml:"skipped,attr"`
	Flakes     int            `xml:"flakes,attr"`
	Time       string         `xml:"time,attr"`
	Timestamp  string         `xml:"timestamp,attr,omitempty"`
	Properties *xmlProperties `xml:"properties"`
	Cases      []xmlCase      `xml:"testcase"`
	Out        string         `xml:"system-out,omitempty"`
}

type xmlProperties struct {
	List []xmlProperty `xml:"property"`
}

type xmlProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type xmlCase struct {
	Class      string         `xml:"classname,attr"`
	Name       string         `xml:"name,attr"`
	Time       string         `xml:"time,attr"`
	Properties *xmlProperties `xml:"properties"`
	Results    []any          // xmlResult and xmlRerun
	Skipped    *xmlResult
}

// xmlResult is failure, error or skipped: text inside.
type xmlResult struct {
	XMLName xml.Name
	Message string `xml:"message,attr,omitempty"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// xmlRerun is rerunFailure, rerunError, flakyFailure or flakyError: Surefire
// puts the text into an element of its own there.
type xmlRerun struct {
	XMLName xml.Name
	Message string `xml:"message,attr,omitempty"`
	Type    string `xml:"type,attr,omitempty"`
	Stack   string `xml:"stackTrace"`
	Out     string `xml:"system-out,omitempty"`
}

func properties(list []JUnitProperty) *xmlProperties {
	if len(list) == 0 {
		return nil
	}
	out := &xmlProperties{}
	for _, p := range list {
		out.List = append(out.List, xmlProperty{xmlText(p.Name), xmlText(p.Value)})
	}
	return out
}

func tag(name string) xml.Name { return xml.Name{Local: name} }

func xmlSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// xmlText writes out the characters that XML 1.0 has no way to hold, as a
// Python string would: \x1b. encoding/xml would make all of them U+FFFD, and
// nobody could tell a colour code from a binary dump.
func xmlText(s string) string {
	clean := true
	for i, r := range s {
		if !inXML(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case inXML(r):
			b.WriteString(s[i : i+n])
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// inXML reports whether r is a Char of XML 1.0 (section 2.2).
func inXML(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return true
	case r < 0x20, r >= 0xD800 && r <= 0xDFFF, r == 0xFFFE || r == 0xFFFF:
		return false
	}
	return r <= 0x10FFFF
}
