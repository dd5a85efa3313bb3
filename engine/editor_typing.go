package engine

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"runbook/engine/lazyregexp"
)

// typing is a text with a word that is begun.
type typing struct {
	file, text string
	start, end int
	around     surroundings
}

func (t *typing) attribute() bool { return t.start > 0 && t.text[t.start-1] == '.' }

// reading understands the text with something whole in the place of what is
// begun: as it stands, or with the rest of the line left out and its brackets
// closed.
func (t *typing) reading(ctx context.Context, c *Checker) *reading {
	instead := t.text[t.start:t.end]
	named := regexp.MustCompile(`^[ \t]*=[^=]`).MatchString(t.text[t.end:])
	switch {
	case t.attribute() && instead == "":
		instead = "_"
	case !t.attribute() && !named:
		instead = "0" + strings.Repeat(" ", max(len(instead)-1, 0))
	}
	whole := t.text[:t.start] + instead + t.text[t.end:]
	if parses(whole) {
		return c.reading(ctx, t.file, whole)
	}
	head := t.text[:t.start] + instead
	line := head[strings.LastIndexByte(head, '\n')+1:]
	for _, open := range slices.Backward(t.around.open) {
		if newStatement().MatchString(t.text[open:t.start]) {
			break // it was left open above, in a line that is to be left out
		}
		head += map[byte]string{'(': ")", '[': "]", '{': "}"}[t.text[open]]
	}
	rest := ""
	if n := strings.IndexByte(t.text[t.end:], '\n'); n >= 0 {
		rest = t.text[t.end+n:]
	}
	if blockWord().MatchString(line) {
		head += ":"
		if below := lineAt(rest, min(1, len(rest))); indentOf(below) <= indentOf(line) {
			head += " pass"
		}
	}
	return c.reading(ctx, t.file, head+rest)
}

var (
	blockWord    = lazyregexp.New(`^\s*(if|elif|for)\b`)
	newStatement = lazyregexp.New(`\n[ \t]*(def |return\b|pass\b|(if|elif|else|for)\b[^\n]*:[ \t]*\n)`)
)

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

func parses(text string) bool {
	_, err := dialect.Parse("", text, 0)
	return err == nil
}
