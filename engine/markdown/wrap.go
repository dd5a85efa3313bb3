package markdown

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/lazyregexp"
)

var (
	sgr      = lazyregexp.New(`\x1b\[[0-9;]*m`)
	trailing = lazyregexp.New(`(?:\x1b\[[0-9;]*m|[ \t]|` + space + `)+$`)
	controls = lazyregexp.New(`\x1b\[[0-9;]*m|[\x00-\x09\x0b-\x1f\x7f-\x{9f}]`)
	pieces   = lazyregexp.New(`\x1b\[[0-9;]*m| +|[^ \x1b]+|\x1b`)
	// lead is what stands before the text of a line, and how far its further
	// lines hang: the marks of items and tasks, the bar of a quote.
	lead = lazyregexp.New(`^ *(?:[•*] |\[[ x✓]\] |\d+\. |(?:[│|] ?)+)*`)
	bars = lazyregexp.New(`[│|]`)
	// idle is a style that ends before any text, as glamour writes around blocks.
	idle = lazyregexp.New(`(?:\x1b\[[0-9;]*m)+\x1b\[0m`)
)

// wrap breaks what glamour drew into lines of at most width columns, between
// words, further lines under the text of the first. A line of code and a code span
// are never broken: half a command is another command.
func wrap(s string, width, margin int, code map[string]bool) string {
	var out []string
	for _, l := range strings.Split(defused(s), "\n") {
		l = trim(l)
		if n := ansi.StringWidth(l); n > width && !(n <= maxCode && code[strings.TrimSpace(asWritten.Replace(sgr().ReplaceAllString(l, "")))]) {
			out = append(out, hang(l, width, margin)...)
		} else if l != "" || len(out) > 0 && out[len(out)-1] != "" {
			out = append(out, l) // never two empty lines in a row
		}
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return strings.Join(out, "\n")
}

// defused is what glamour drew without any control character but line breaks
// and colours. clean has taken them from the source; this holds whatever a
// renderer makes of it. Tabs, which are as wide as a terminal likes, end here.
func defused(s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	return controls().ReplaceAllStringFunc(s, func(c string) string {
		if sgr().MatchString(c) {
			return c
		}
		return "\ufffd"
	})
}

// trim takes the spaces from the end of a line, also those between sequences,
// and all of a line that has sequences but no text.
func trim(l string) string {
	end := trailing().FindString(l)
	l = strings.TrimPrefix(idle().ReplaceAllString(strings.TrimSuffix(l, end), "\x1b[0m"), "\x1b[0m")
	if used := sgr().FindAllString(l, -1); len(used) > 0 && used[len(used)-1] != "\x1b[0m" {
		l += "\x1b[0m"
	}
	return l
}

// maxCode is more columns than anybody copies. A hostile docstring may have a
// line of a million.
const maxCode = 10_000

// hang wraps one line. What stands further in than the margin, without a mark,
// is code: the rest of it goes further in still, so that it is not taken for a
// command of its own.
func hang(l string, width, margin int) []string {
	first := lead().FindString(sgr().ReplaceAllString(l, ""))
	if strings.TrimLeft(first, " ") == "" && len(first) > margin {
		first += "  "
	}
	under := bars().FindString(first)
	indent := strings.Repeat(" ", max(0, ansi.StringWidth(first)-ansi.StringWidth(under)))
	if under != "" {
		at := strings.IndexAny(first, "│|")
		indent = first[:at] + under + strings.Repeat(" ", max(0, ansi.StringWidth(first)-at-1))
	}
	if ansi.StringWidth(indent) > width/2 {
		indent = "  "
	}

	var lines []string
	var line, word, blank strings.Builder
	active, later := "", "" // sequences in force before the word, and after it
	at, begun := 0, false
	next := func() {
		lines = append(lines, trim(line.String())) // which ends what is in force
		line.Reset()
		line.WriteString(indent + active)
		at, begun = ansi.StringWidth(indent), false
		blank.Reset()
	}
	flush := func() {
		text := word.String()
		word.Reset()
		n := ansi.StringWidth(text)
		if begun && at+blank.Len()+n > width {
			next()
		}
		line.WriteString(blank.String())
		at += blank.Len()
		blank.Reset()
		whole := strings.Contains(text, space) && n <= maxCode
		for at+n > width && n > 0 && !whole { // wider than a line
			head := ansi.Truncate(text, max(1, width-at), "")
			head = head[:len(head)-len(trailing().FindString(head))]
			if head == "" || !strings.HasPrefix(text, head) {
				text = ansi.Truncate(text, max(0, width-at), "")
				n = 0
				break
			}
			line.WriteString(head)
			text = text[len(head):]
			n = ansi.StringWidth(text)
			next()
		}
		line.WriteString(text)
		at += n
		begun = begun || n > 0
		active = later
	}
	for _, p := range pieces().FindAllString(l, -1) {
		switch {
		case p == "\x1b":
		case p[0] == '\x1b':
			word.WriteString(p)
			if p == "\x1b[0m" || p == "\x1b[m" {
				later = ""
			} else {
				later += p
			}
		case p[0] == ' ':
			flush()
			blank.WriteString(p)
		default:
			word.WriteString(p)
		}
	}
	flush()
	return append(lines, trim(line.String()))
}
