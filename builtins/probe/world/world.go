package world

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
	"runbook/engine/lazyregexp"
)

// Now is when the first sample of every world is taken.
var Now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// boot is long enough ago for any age.
var boot = Now.Add(-1000 * time.Hour)

const ticks = 100

// Parse makes a host from text. It never acts. Errors: *Mistake; what it wraps
// may be *Unknown.
func Parse(text string) (*probe.Snapshot, error) {
	var moments []*probe.Moment
	var meta probe.SnapshotMeta
	at := Now
	samples, err := split(text)
	if err != nil {
		return nil, err
	}
	for i, s := range samples {
		// A later sample is the world as all lines up to its end describe it.
		w := newWorld()
		for n, s := range samples[:i+1] {
			for _, l := range s.lines {
				w.at = place{l.number, n}
				if err := w.apply(l.words); err != nil {
					return nil, &Mistake{l.number, err}
				}
			}
		}
		over := time.Duration(0)
		if i > 0 {
			over = s.over
			at = at.Add(over)
		}
		m, err := w.moment(at, i)
		if err != nil {
			return nil, err
		}
		m.Over = over
		moments = append(moments, m)
		meta = probe.SnapshotMeta{Host: w.name, Kernel: w.kernel, Arch: w.arch, UID: w.uid, Boot: boot, Ticks: ticks, Tool: "a written world", Trees: w.trees}
	}
	return probe.NewSnapshot(meta, moments), nil
}

type line struct {
	number int
	words  []string
}

type sample struct {
	over  time.Duration
	lines []line
}

func split(text string) ([]sample, error) {
	samples := []sample{{}}
	for i, raw := range strings.Split(text, "\n") {
		w, err := words(raw)
		if err != nil {
			return nil, &Mistake{i + 1, err}
		}
		if len(w) == 0 {
			continue
		}
		if w[0] != "---" {
			last := &samples[len(samples)-1]
			last.lines = append(last.lines, line{i + 1, w})
			continue
		}
		next := sample{over: time.Second}
		o, err := options(w[1:])
		if err == nil {
			err = o.read(map[string]setter{"over": duration(&next.over)}, nil)
		}
		if err != nil {
			return nil, &Mistake{i + 1, fmt.Errorf("---: %w", err)}
		}
		samples = append(samples, next)
	}
	return samples, nil
}

// words splits a line at blanks outside quotes. A word that begins with a quote
// keeps a mark, so that "a=b" is no option and "" is a word.
func words(s string) ([]string, error) {
	var out []string
	for {
		s = strings.TrimLeft(s, " \t\r")
		if s == "" || s[0] == '#' {
			return out, nil
		}
		var word strings.Builder
		if s[0] == '"' {
			word.WriteString(quote)
		}
		for s != "" && s[0] != ' ' && s[0] != '\t' && s[0] != '\r' {
			if s[0] != '"' {
				word.WriteByte(s[0])
				s = s[1:]
				continue
			}
			quoted := quotation().FindString(s)
			if quoted == "" {
				return nil, errors.New("a quote that does not end")
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf(`%s: only \" and \\, \n and \t stand behind a \`, quoted)
			}
			word.WriteString(text)
			s = s[len(quoted):]
		}
		out = append(out, word.String())
	}
}

var quotation = lazyregexp.New(`^"(\\.|[^"\\])*"`)

const quote = "\x00"

func bare(word string) string { return strings.TrimPrefix(word, quote) }
