package probe

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
)

// request is a query in the ring; its buffers are used again.
type request struct {
	number   int
	key, id  []byte
	mark     mark
	gaveUp   mark
	isGiven  bool
	answered bool // by what came next, or by its own answer
	came     int  // number of the latest query when its own answer came; 0: it did not
	answer   mark
	open     int // queries before it that were answered only after it was asked
}

type mark struct {
	path string
	line int
	text []byte
}

func (m *mark) set(l *LogLine) {
	m.path, m.line = l.Path, l.Number
	m.text = append(m.text[:0], l.Text[:min(len(l.Text), maxKept)]...)
}

func (m *mark) take(from *mark) {
	m.path, m.line = from.path, from.line
	m.text = append(m.text[:0], from.text...)
}

func (m *mark) keep() LogMark {
	h := ParseLogHeader(m.text)
	return LogMark{m.path, m.line, Clean(h.Time), Clean(h.Actor), legible(m.text)}
}

func keepLine(l *LogLine) LogMark {
	var m mark
	m.set(l)
	return m.keep()
}

func legible(b []byte) string {
	return Clean(bytes.ReplaceAll(bytes.TrimSpace(b), []byte{'\t'}, []byte{' '}))
}

// take copies a query out of the ring, buffer by buffer.
func (r *request) take(from *request) {
	r.number, r.isGiven = from.number, from.isGiven
	r.key = append(r.key[:0], from.key...)
	r.id = append(r.id[:0], from.id...)
	r.mark.take(&from.mark)
	r.gaveUp.take(&from.gaveUp)
	r.answer.take(&from.answer)
}

func (r *request) keep() Request {
	out := Request{Number: r.number, Key: Clean(r.key), ID: Clean(r.id), Mark: r.mark.keep()}
	if r.isGiven {
		at := r.gaveUp.keep()
		out.GaveUp = &at
	}
	return out
}

// stretch is the one under way: the shifts that all its responses allow.
type stretch struct {
	Stretch
	mask uint32
}

// logPattern is an expression with the places of its groups; 0: none.
type logPattern struct {
	re            *regexp.Regexp
	key, id, lane int
}

func newLogPattern(re *regexp.Regexp) logPattern {
	p := logPattern{re: re}
	if re == nil {
		return p
	}
	var unnamed []int
	for i, name := range re.SubexpNames() {
		switch name {
		case "":
			if i > 0 {
				unnamed = append(unnamed, i)
			}
		case "key":
			p.key = i
		case "id":
			p.id = i
		case "lane", "actor":
			p.lane = i
		}
	}
	if p.key == 0 && len(unnamed) == 1 {
		p.key = unnamed[0]
	}
	return p
}

func group(text []byte, at []int, n int) []byte {
	if n == 0 || at[2*n] < 0 {
		return nil
	}
	return text[at[2*n]:at[2*n+1]]
}

// exchanger reads lines and lays responses to queries.
type exchanger struct {
	query, response, giveUp logPattern
	also                    []*regexp.Regexp
	lanes                   map[string]*Lane
	order                   []*Lane
	hits                    []LogHits
	name, text              []byte // scratch
}

// Exchanges reads logs and returns, lane by lane, how responses fall on queries.
// It holds 32 queries of each lane, and the longest runs of equal shift.
// Errors: a query pattern from which nothing can be learnt of what was asked.
func (l *Logs) Exchanges(ctx context.Context, q ExchangeQuery) (Exchange, error) {
	x := &exchanger{
		query: newLogPattern(q.Query), response: newLogPattern(q.Response), giveUp: newLogPattern(q.GiveUp), also: q.Also,
		lanes: map[string]*Lane{}, hits: make([]LogHits, len(q.Also)),
	}
	if x.query.key == 0 && x.query.id == 0 {
		return Exchange{}, fmt.Errorf("the query pattern %s has no group that says what is asked for; write it so: 'query (?P<key>\\S+)'", q.Query)
	}
	files, err := l.Read(ctx, q.Paths, newLogNet(append([]*regexp.Regexp{q.Query, q.Response, q.GiveUp}, q.Also...)), x.line)
	for _, lane := range x.order {
		lane.end()
		slices.SortFunc(lane.Stretches, func(a, b Stretch) int { return a.From - b.From })
	}
	return Exchange{files, x.order, x.hits}, err
}

const (
	hitQuery = 1 << iota
	hitResponse
	hitGiveUp
	firstAlso = 3
)

func (x *exchanger) line(l *LogLine) {
	takeHits(x.hits, x.also, l, l.Hits>>firstAlso)
	if l.Hits&(hitQuery|hitResponse|hitGiveUp) == 0 {
		return
	}
	var q, r, g []int
	if l.Hits&hitQuery != 0 {
		q = x.query.re.FindSubmatchIndex(l.Text)
	}
	if l.Hits&hitResponse != 0 {
		r = x.response.re.FindSubmatchIndex(l.Text)
	}
	if q != nil && r != nil && r[0] < q[0] {
		q = nil // "result of query a": a response that repeats its query
	}
	if l.Hits&hitGiveUp != 0 && r == nil {
		g = x.giveUp.re.FindSubmatchIndex(l.Text)
	}
	if q == nil && r == nil && g == nil {
		return
	}
	h := ParseLogHeader(l.Text)
	if q == nil && r == nil {
		x.giveUpAt(l, &h, g)
		return
	}
	var lane *Lane
	if q != nil {
		lane = x.lane(l, &h, group(l.Text, q, x.query.lane))
	} else {
		lane = x.lane(l, &h, group(l.Text, r, x.response.lane))
	}
	if lane.repeated(l) {
		return
	}
	if q != nil {
		key, id := fold(group(l.Text, q, x.query.key)), group(l.Text, q, x.query.id)
		if p := lane.at(lane.Queries); g != nil && p != nil && !p.isGiven && lane.since == 0 && bytes.Equal(p.key, key) && bytes.Equal(p.id, id) {
			lane.giveUp(p, l) // "query a timed out" says it of the query before
			return
		}
		lane.query(l, key, id)
		if g != nil {
			lane.giveUp(lane.at(lane.Queries), l)
		}
	}
	if r != nil {
		keyed := x.response.key != 0
		if !keyed {
			x.text = lower(append(x.text[:0], l.Text[r[0]:]...))
		}
		lane.response(l, fold(group(l.Text, r, x.response.key)), group(l.Text, r, x.response.id), keyed, x.text)
	}
}

// fold takes a key as it compares: without case, and without quotes around it.
func fold(b []byte) []byte {
	b = bytes.Trim(b, "\"'`,;:()[]{}<> ")
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			return lower(bytes.Clone(b))
		}
	}
	return b
}

// lower makes ASCII letters small, in place.
func lower(b []byte) []byte {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// lane returns that of a line; what comes after the first thousand shares one.
func (x *exchanger) lane(l *LogLine, h *LogHeader, name []byte) *Lane {
	if len(name) == 0 {
		name = h.Actor
	}
	x.name = append(append(append(x.name[:0], l.Stream...), 0), name...)
	if lane := x.lanes[string(x.name)]; lane != nil {
		return lane
	}
	if len(x.order) >= maxLanes {
		x.name = append(x.name[:0], otherLaneKey...)
		name = []byte("others")
		if lane := x.lanes[otherLaneKey]; lane != nil {
			return lane
		}
	}
	lane := &Lane{Name: Clean(name), Stream: l.Stream, First: keepLine(l), folded: lower(bytes.Clone(name))}
	x.lanes[string(x.name)] = lane
	x.order = append(x.order, lane)
	return lane
}

// giveUpAt finds whose request a line speaks of: that of its actor; or the one
// whose key, id or lane it names; or the only one that is open.
func (x *exchanger) giveUpAt(l *LogLine, h *LogHeader, g []int) {
	name := group(l.Text, g, x.giveUp.lane)
	if len(name) == 0 {
		name = h.Actor
	}
	key, id := fold(group(l.Text, g, x.giveUp.key)), group(l.Text, g, x.giveUp.id)
	x.text = lower(append(x.text[:0], l.Text...))
	x.name = append(append(append(x.name[:0], l.Stream...), 0), name...)
	lanes := x.order
	if lane := x.lanes[string(x.name)]; lane != nil {
		lanes = []*Lane{lane}
	}
	var open *Lane
	count := 0
	for _, lane := range lanes {
		if lane.Stream != l.Stream {
			continue
		}
		if len(id) > 0 || len(key) > 0 {
			if p := lane.find(id, key); p != nil {
				lane.giveUp(p, l)
				return
			}
			continue
		}
		p := lane.at(lane.Queries)
		if p == nil || lane.since > 0 || p.isGiven || p.answered {
			continue
		}
		if len(lanes) > 1 && (hasWord(x.text, p.key) || hasWord(x.text, lane.folded)) {
			lane.giveUp(p, l)
			return
		}
		open = lane
		count++
	}
	if count == 1 {
		open.giveUp(open.at(open.Queries), l)
	}
}
