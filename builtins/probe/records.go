package probe

import (
	"bytes"
	"context"
	"hash/maphash"
	"regexp"

	"runbook/engine/lazyregexp"
)

// Records is what log files say of how they were written.
type Records struct {
	Files  []LogFile
	Groups []*RecordGroup
	Also   []LogHits // as also was given
}

// RecordGroup are the records of one logger of one actor of one log; a name
// that no header gives is "".
//
// A record is a line with a header, and what belongs to it: lines that are
// indented, a traceback, empty lines. It is there n times when n lines in a row
// have its message, and differ in nothing that two of their headers both say. A
// bare line has no header, and belongs to no record.
type RecordGroup struct {
	Actor, Logger, Stream string

	Records  int         // each once, however often it is there
	Folds    map[int]int // by n: how many are there n times
	Texts    int         // different messages among those repeated, digits aside, counted up to 16
	Messages int         // the same, digits and all
	Since    LogMark     // where the first of these is; Line 0: there is none
	After    int         // records from there on
	Repeated []Repeat    // the first

	Bare      int // lines; with the actor and logger of the record before them
	BareTexts int // different ones, digits aside, counted up to 16
	BareKnown int // whose text stands elsewhere behind a header
	BareFirst []LogMark

	last     record
	texts    texts
	messages texts
	bare     texts
}

// Repeat is a record with the first of the lines that say it.
type Repeat struct {
	Times int
	Lines []LogMark
}

// record is one under way; its buffers are used again.
type record struct {
	lines  [maxCopies]mark
	header LogHeader // its pieces lie in text
	text   []byte
	times  int
}

const (
	maxCopies  = 3
	maxRepeats = 5
	maxBare    = 5
	maxGroups  = 1024
	countTexts = 16
	knownSlots = 1 << 16
)

// texts are different texts by their hashes, up to countTexts.
type texts map[uint64]bool

func (t *texts) add(hash uint64) int {
	if len(*t) < countTexts {
		if *t == nil {
			*t = texts{}
		}
		(*t)[hash] = true
	}
	return len(*t)
}

// Records reads logs, every line, and returns what is there more than once and
// what lacks the header that other lines have.
func (l *Logs) Records(ctx context.Context, paths []string, also []*regexp.Regexp) (Records, error) {
	r := &recorder{groups: map[string]*RecordGroup{}, seed: maphash.MakeSeed(), also: also, hits: make([]LogHits, len(also)), known: make([]uint32, knownSlots)}
	net := newLogNet(also)
	net.always |= everyLine
	files, err := l.Read(ctx, paths, net, r.line)
	for _, g := range r.order {
		g.endRecord(r)
	}
	return Records{files, r.order, r.hits}, err
}

const everyLine = 1 << 63

type recorder struct {
	groups  map[string]*RecordGroup
	order   []*RecordGroup
	before  *RecordGroup // of the record above
	stream  string
	inTrace bool
	known   []uint32 // hashes of messages behind headers; one drives out another
	seed    maphash.Seed
	name    []byte
	masked  []byte
	also    []*regexp.Regexp
	hits    []LogHits
}

func (r *recorder) line(l *LogLine) {
	takeHits(r.hits, r.also, l, l.Hits&^everyLine)
	if l.Stream != r.stream {
		r.stream, r.before, r.inTrace = l.Stream, nil, false
	}
	h := ParseLogHeader(l.Text)
	if h.Bare() {
		r.bare(l, &h)
		return
	}
	r.inTrace = false
	if g := r.before; g != nil && (len(h.Actor) == 0 || g.Actor == "" || g.last.copied(&h)) && g.last.same(&h) {
		g.last.add(l)
		return
	}
	g := r.group(l.Stream, h.Actor, h.Logger)
	r.before = g
	if g.last.same(&h) && g.last.copied(&h) {
		g.last.add(l)
		return
	}
	g.endRecord(r)
	g.last.begin(l)
	hash := r.hash(h.Message)
	r.known[hash%knownSlots] = uint32(hash >> 32)
}

// same reports whether a header is that of the record, as far as both say.
func (c *record) same(h *LogHeader) bool {
	agree := func(a, b []byte) bool { return len(a) == 0 || len(b) == 0 || bytes.Equal(a, b) }
	return c.times > 0 && bytes.Equal(c.header.Message, h.Message) && agree(c.header.Time, h.Time) && agree(c.header.Level, h.Level) && agree(c.header.Logger, h.Logger)
}

func (c *record) copied(h *LogHeader) bool { return bytes.Equal(c.header.Actor, h.Actor) }

func (c *record) begin(l *LogLine) {
	c.times = 0
	c.text = append(c.text[:0], l.Text...)
	c.header = ParseLogHeader(c.text)
	c.add(l)
}

func (c *record) add(l *LogLine) {
	if c.times < maxCopies {
		c.lines[c.times].set(l)
	}
	c.times++
}

func (r *recorder) group(stream string, actor, logger []byte) *RecordGroup {
	r.name = append(append(append(append(append(r.name[:0], stream...), 0), actor...), 0), logger...)
	if g := r.groups[string(r.name)]; g != nil {
		return g
	}
	if len(r.order) >= maxGroups {
		return r.order[maxGroups-1]
	}
	g := &RecordGroup{Actor: Clean(actor), Logger: Clean(logger), Stream: stream, Folds: map[int]int{}}
	r.groups[string(r.name)] = g
	r.order = append(r.order, g)
	return g
}

// endRecord counts the record that is under way.
func (g *RecordGroup) endRecord(r *recorder) {
	c := &g.last
	if c.times == 0 {
		return
	}
	g.Records++
	g.Folds[min(c.times, 99)]++
	if c.times > 1 {
		g.Texts = g.texts.add(r.hash(c.header.Message))
		g.Messages = g.messages.add(maphash.Bytes(r.seed, c.header.Message))
		if g.Since.Line == 0 {
			g.Since = c.lines[0].keep()
		}
		if len(g.Repeated) < maxRepeats {
			once := Repeat{Times: c.times}
			for i := range min(c.times, maxCopies) {
				once.Lines = append(once.Lines, c.lines[i].keep())
			}
			g.Repeated = append(g.Repeated, once)
		}
	}
	if g.Since.Line > 0 {
		g.After++
	}
	c.times = 0
}

// bare looks at a line without a header: is it a part of the record above, a
// copy of its message by a handler without a format, or bare?
func (r *recorder) bare(l *LogLine, h *LogHeader) {
	text := h.Message
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return
	case !isWord(text[0]):
		if bytes.Contains(text, []byte("Traceback (most recent call last)")) || bytes.HasPrefix(text, []byte("--- Logging error ---")) {
			r.inTrace = true
		}
		return
	case bytes.HasPrefix(text, []byte("Traceback (most recent call last)")):
		r.inTrace = true
		return
	case r.inTrace && traceEnd().Match(text):
		return
	}
	r.inTrace = false
	g := r.before
	if g != nil && g.last.times > 0 && bytes.Equal(g.last.header.Message, text) {
		g.last.add(l)
		return
	}
	if g == nil {
		g = r.group(l.Stream, nil, nil)
	}
	hash := r.hash(text)
	g.Bare++
	g.BareTexts = g.bare.add(hash)
	if r.known[hash%knownSlots] == uint32(hash>>32) {
		g.BareKnown++
	}
	if len(g.BareFirst) < maxBare {
		g.BareFirst = append(g.BareFirst, keepLine(l))
	}
}

// traceEnd are the lines of a traceback, or of logging's own complaint, that
// stand at the margin: the exception, and what links two of them.
var traceEnd = lazyregexp.New(`^(?:[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Group|Cancelled|Closed\w*|Finished|Iteration|Timeout|Overrun|Eof|EOF|\w*[a-z][A-Z]\w*)\b|[a-z_]\w*(?:\.\w+)+(?::|$)|During handling of|The above exception|Call stack:|Message: |Arguments: )`)

// hash is that of a text without its digits.
func (r *recorder) hash(text []byte) uint64 {
	r.masked = r.masked[:0]
	for _, c := range text {
		if c < '0' || c > '9' {
			r.masked = append(r.masked, c)
		}
	}
	return maphash.Bytes(r.seed, r.masked)
}

// takeHits counts the patterns that match a line on which they may.
func takeHits(hits []LogHits, patterns []*regexp.Regexp, l *LogLine, may uint64) {
	for i := 0; may != 0 && i < len(patterns); i++ {
		if may&(1<<i) != 0 && patterns[i].Match(l.Text) {
			h := &hits[i]
			if h.Count++; len(h.First) < maxHits {
				h.First = append(h.First, keepLine(l))
			}
		}
	}
}
