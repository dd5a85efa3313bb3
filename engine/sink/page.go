package sink

import (
	"bytes"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// ink is what a piece of text looks like. There are few on purpose: colour
// says what matters, and everything else stays calm. They are the terminal's
// own sixteen colours, so that a person's theme holds.
type ink uint8

const (
	plain   ink = iota
	dim         // can be skipped
	bold        // a title
	code        // can be typed
	whole       // can be copied, as a file with its line
	red         // the culprit
	yellow      // suspicious
	green       // ruled out, fine
	magenta     // could not look
)

var styles = [...]ansi.Style{
	plain:   nil,
	dim:     ansi.Style{}.Faint(),
	bold:    ansi.Style{}.Bold(),
	code:    ansi.Style{}.ForegroundColor(ansi.Cyan),
	whole:   nil,
	red:     ansi.Style{}.Bold().ForegroundColor(ansi.Red),
	yellow:  ansi.Style{}.Bold().ForegroundColor(ansi.Yellow),
	green:   ansi.Style{}.ForegroundColor(ansi.Green),
	magenta: ansi.Style{}.Bold().ForegroundColor(ansi.Magenta),
}

// span is a piece of text in one ink.
type span struct {
	text string
	ink  ink
}

func (s span) width() int { return ansi.StringWidth(s.text) }

func widthOf(line []span) int {
	n := 0
	for _, s := range line {
		n += s.width()
	}
	return n
}

func textOf(line []span) string {
	var b strings.Builder
	for _, s := range line {
		b.WriteString(s.text)
	}
	return b.String()
}

func spaces(n int) span { return span{text: strings.Repeat(" ", max(0, n))} }

// page is what is being drawn. No line of it is wider than width, but for one
// with a command that is to be copied.
type page struct {
	bytes.Buffer
	width   int
	color   bool
	verbose int
	glyphs
}

// measure is the width of prose: a line of 160 columns is hard to read.
func (p *page) measure() int { return min(p.width, 100) }

// narrow pages have no room for a gutter beside the text.
func (p *page) narrow() bool { return p.width < 60 }

// blank puts one empty line between two things, and no second one.
func (p *page) blank() {
	if b := p.Bytes(); len(b) > 1 && !bytes.HasSuffix(b, []byte("\n\n")) {
		p.WriteByte('\n')
	}
}

// line draws one line, without trailing spaces. Callers wrap or shorten what
// they draw; cutting here is the last resort that keeps the promise of width.
func (p *page) line(spans ...span) {
	joined := make([]span, 0, len(spans))
	for _, s := range spans {
		s.text = strings.ReplaceAll(oneLine(s.text), nbsp, " ")
		if n := len(joined); n > 0 && (joined[n-1].ink == s.ink || strings.Trim(s.text, " ") == "" && s.ink != code) {
			joined[n-1].text += s.text
		} else if s.text != "" {
			joined = append(joined, s)
		}
	}
	joined = trimmed(joined)
	var b strings.Builder
	for _, s := range joined {
		if p.color && s.ink != plain {
			b.WriteString(styles[s.ink].Styled(s.text))
		} else {
			b.WriteString(s.text)
		}
	}
	text := b.String()
	if n := ansi.StringWidth(text); n > p.width && !copied(joined, n) {
		text = ansi.Truncate(text, p.width, p.dots)
	}
	p.WriteString(text)
	p.WriteByte('\n')
}

// trimmed is a line without the spaces at its end.
func trimmed(line []span) []span {
	for n := len(line); n > 0; n-- {
		last := line[n-1]
		last.text = strings.TrimRight(last.text, " ")
		if last.text != "" {
			return append(line[:n-1:n-1], last)
		}
	}
	return nil
}

// heading draws the name of a section.
func (p *page) heading(title string, rest ...span) {
	p.blank()
	p.flow(0, 2, append([]span{{title, bold}}, rest...), p.width)
}

// flow draws spans wrapped at right: the first line begins after first
// columns, the others after hang.
func (p *page) flow(first, hang int, spans []span, right int) {
	right = min(right, p.width)
	lead := spaces(first)
	// The first line may have less room than the others, so the lead takes
	// part in the wrapping as if it were a word.
	for i, l := range wrap(spans, right-hang, first-hang) {
		if i > 0 {
			lead = spaces(hang)
		}
		p.line(append([]span{lead}, l...)...)
	}
}

// shorten cuts s to at most n columns and says so with dots.
func (p *page) shorten(s string, n int) string {
	if ansi.StringWidth(s) <= n {
		return s
	}
	if n <= len(p.dots) {
		return ansi.Truncate(s, max(0, n), "")
	}
	return ansi.Truncate(s, n, p.dots)
}

// maxLabel is how wide the name of a thing is drawn: enough to tell it from
// others, too little for a name to fill the page.
const maxLabel = 60

// label shortens the name of a thing, and keeps the pid at its end: that is what
// people type.
func (p *page) label(s string, n int) string {
	if ansi.StringWidth(s) <= n {
		return s
	}
	at := strings.LastIndex(s, " (pid ")
	if at < 0 || len(s)-at > n/2+len(p.dots) {
		return p.shorten(s, n)
	}
	return p.shorten(s[:at], n-ansi.StringWidth(s[at:])) + s[at:]
}

// brief cuts a value to what fills so many lines of a page; with -v it stays.
func (p *page) brief(s string, lines int) string {
	if p.verbose > 0 || len(s) <= p.width {
		return s
	}
	return p.shorten(s, lines*p.measure())
}

// glyphs are the marks of ours that are not letters.
type glyphs struct {
	dots, dot, culprit, to, arrow, dashed         string // "…" "·" "◀" "▶" "──" "╌╌"
	tee, elbow, bar, again                        string // "├─ " "└─ " "│  " "↺"
	ok, bad, warn, open, hint, bullet, multiplied string // "✓" "✗" "!" "○" "→" "•" "×"
	spinner                                       []string
}

var (
	unicodeGlyphs = glyphs{
		dots: "…", dot: "·", culprit: "◀", to: "▶", arrow: "──", dashed: "╌╌",
		tee: "├─ ", elbow: "└─ ", bar: "│  ", again: "↺",
		ok: "✓", bad: "✗", warn: "!", open: "○", hint: "→", bullet: "•", multiplied: "×",
		spinner: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
	}
	asciiGlyphs = glyphs{
		dots: "...", dot: "-", culprit: "<-", to: ">", arrow: "--", dashed: "~~",
		tee: "|- ", elbow: "`- ", bar: "|  ", again: "(again)",
		ok: "ok", bad: "!!", warn: "!", open: "o", hint: "->", bullet: "*", multiplied: "x",
		spinner: []string{"|", "/", "-", `\`},
	}
)
