package probe

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ExchangeQuery says what is a query, a response, and a request given up.
//
// Named groups say more: `key` is what a request asks for and its response
// speaks of, `id` marks both as belonging together, `lane` or `actor` is who
// asks. The only group without a name is the key, too. A response
// without a key is searched for the keys of the queries before it.
type ExchangeQuery struct {
	Paths                   []string
	Query, Response, GiveUp *regexp.Regexp
	Also                    []*regexp.Regexp // looked for in the same pass
}

// Exchange is how the responses of logs fall on their queries.
type Exchange struct {
	Files []LogFile
	Lanes []*Lane
	Also  []LogHits // as Also was given
}

// LogHits are the lines that a pattern matched.
type LogHits struct {
	Count int
	First []LogMark // at most maxHits
}

// LogMark is a line that was kept.
type LogMark struct {
	Path  string
	Line  int
	Time  string // as the line gives it; "" none
	Actor string
	Text  string
}

// Lane is one who asks and is answered: an actor, or a log that names none. All
// counts are of lines.
//
//	asked      #1 a   #2 b   #3 c   (given up)   #4 d   #5 e
//	answered       a      b                         c      d
//	shift          0      0                         1      1
//
// A response answers the latest query before it, or the one with its id. It
// belongs to the query with its key. The distance of the two, in queries, is the
// shift.
type Lane struct {
	Name, Stream string
	Queries      int
	Responses    int
	ByID         int // responses that were laid to their query by id
	Strangers    int // responses to no query of the 32 before
	Extra        int // responses after which came another, with no query between
	Overlaps     int // queries sent while the one before had neither answer nor end
	Repeats      int // lines that were there twice, one right after the other
	GivenUp      int // requests that a line says were given up
	Late         int // responses to these
	Telling      int // responses that would not fit if the shift were another
	Keys         int // different keys, counted up to 8
	Stretches    []Stretch
	StretchCount int // of which the longest are kept
	First, Last  LogMark

	folded []byte // the name, in small letters
	ring   [ringSize]request
	since  int // responses since the last query
	last   []byte
	keys   [8][]byte
	cur    *stretch
}

// Stretch is a run of responses with one shift.
type Stretch struct {
	Shift      int
	From, To   int // numbers of the first and last query that it answers
	Responses  int
	Wrong      int // of these, to another query than the one they answer
	Extra      int
	Drained    bool       // ended by a response too many: the one that was missing
	Mismatches []Mismatch // the first wrong ones
	Open       []Request  // given up or unanswered, between the owner of the first wrong answer and the query that got it
}

// Mismatch is an answer beside the query that it was taken for.
type Mismatch struct {
	Asked  Request
	Answer LogMark
	Key    string // of the answer
	Owner  Request
}

// Request is a query of a lane.
type Request struct {
	Number  int // 1, 2, 3 … in its lane
	Key, ID string
	Mark    LogMark
	GaveUp  *LogMark // the line that says so
}

const (
	ringSize      = 32
	maxShift      = 16
	maxLanes      = 1024
	maxStretches  = 64
	maxMismatches = 3
	maxHits       = 5
	maxKept       = 300 // bytes of a line that are kept
	maxKey        = 120
	otherLaneKey  = "\x00others"
)

// request is a query in the ring; its buffers are used again.
type request struct {
	number   int
	key, id  []byte
	mark     mark
	gaveUp   mark
	isGiven  bool
	answered bool
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
		lane.close()
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

// find is the latest query of an id, or of a key that has no answer yet.
func (n *Lane) find(id, key []byte) *request {
	for i := n.Queries; i > 0 && i > n.Queries-ringSize; i-- {
		p := n.at(i)
		if len(id) > 0 && bytes.Equal(p.id, id) || len(id) == 0 && bytes.Equal(p.key, key) && !p.answered {
			return p
		}
	}
	return nil
}

// at is the query of that number; nil: there is none, or it is too long ago.
func (n *Lane) at(number int) *request {
	if number < 1 || number > n.Queries || number <= n.Queries-ringSize {
		return nil
	}
	return &n.ring[number%ringSize]
}

// repeated reports whether a line is the one before it once more: two handlers
// wrote one record. It also keeps the last mark.
func (n *Lane) repeated(l *LogLine) bool {
	if bytes.Equal(n.last, l.Text) {
		n.Repeats++
		return true
	}
	n.last = append(n.last[:0], l.Text...)
	n.Last.Path, n.Last.Line = l.Path, l.Number
	return false
}

func (n *Lane) query(l *LogLine, key, id []byte) {
	if p := n.at(n.Queries); p != nil && n.since == 0 && !p.isGiven && !p.answered {
		n.Overlaps++
	}
	n.Queries++
	n.since = 0
	p := n.at(n.Queries)
	p.number, p.isGiven, p.answered = n.Queries, false, false
	p.key = append(p.key[:0], key[:min(len(key), maxKey)]...)
	p.id = append(p.id[:0], id[:min(len(id), maxKey)]...)
	p.mark.set(l)
	if n.Keys < len(n.keys) && !slices.ContainsFunc(n.keys[:n.Keys], func(k []byte) bool { return bytes.Equal(k, p.key) }) {
		n.keys[n.Keys] = slices.Clone(p.key)
		n.Keys++
	}
}

func (n *Lane) giveUp(p *request, l *LogLine) {
	p.isGiven = true
	p.gaveUp.set(l)
	n.GivenUp++
	n.last = append(n.last[:0], l.Text...)
}

// response lays an answer to a query, and tells at which shifts it fits.
func (n *Lane) response(l *LogLine, key, id []byte, keyed bool, text []byte) {
	n.Responses++
	extra := n.since > 0
	n.since++
	if extra {
		n.Extra++
	}
	p := n.at(n.Queries)
	if len(id) > 0 && p != nil && (len(p.id) > 0) {
		n.ByID++
		extra = false
		p = n.find(id, nil)
	}
	if p == nil {
		n.Strangers++
		return
	}
	var mask uint32
	telling := false
	key = key[:min(len(key), maxKey)]
	for d := range maxShift + 1 {
		q := n.at(p.number - d)
		if q == nil {
			break
		}
		fits := d == 0
		switch {
		case len(p.key) == 0: // correlated by id alone
		case keyed:
			fits = bytes.Equal(q.key, key)
		default:
			fits = hasWord(text, q.key)
		}
		if fits {
			mask |= 1 << d
		} else if d <= 3 {
			telling = true
		}
	}
	p.answered = true
	if mask == 0 {
		n.Strangers++
		return
	}
	if telling {
		n.Telling++
	}
	n.take(l, p, mask, extra, key)
}

// take adds a response to the stretch that it continues, or begins another.
func (n *Lane) take(l *LogLine, p *request, mask uint32, extra bool, key []byte) {
	if n.cur == nil || n.cur.mask&mask == 0 {
		before := n.cur
		n.close()
		if before != nil && extra && lowest(mask) < before.Shift {
			n.drained(before)
		}
		n.cur = &stretch{mask: mask, Stretch: Stretch{From: p.number}}
	}
	s := n.cur
	s.mask &= mask
	s.To = p.number
	s.Responses++
	d := lowest(s.mask)
	owner := n.at(p.number - lowest(mask))
	if owner != nil {
		if owner.isGiven {
			n.Late++
		}
		owner.answered = true
	}
	if extra {
		s.Extra++
		return
	}
	if mask&1 != 0 {
		return
	}
	s.Wrong++
	if len(s.Mismatches) >= maxMismatches {
		return
	}
	owner = n.at(p.number - d)
	if owner == nil {
		return
	}
	if s.Wrong == 1 {
		begin := owner.number
		for q := n.at(begin - 1); q != nil && bytes.Equal(q.key, owner.key) && len(q.key) > 0; q = n.at(begin - 1) {
			begin-- // it was asked again: the reply may be to the first of these
		}
		for i := begin; i < p.number; i++ {
			s.Open = append(s.Open, n.at(i).keep())
		}
	}
	s.Mismatches = append(s.Mismatches, Mismatch{Asked: p.keep(), Answer: keepLine(l), Key: Clean(key), Owner: owner.keep()})
}

func lowest(mask uint32) int {
	for d := range 32 {
		if mask&(1<<d) != 0 {
			return d
		}
	}
	return 0
}

// close ends the stretch under way. Of more than are kept, the shortest goes.
func (n *Lane) close() {
	s := n.cur
	if s == nil {
		return
	}
	n.cur = nil
	n.StretchCount++
	s.Shift = lowest(s.mask)
	if len(n.Stretches) < maxStretches {
		n.Stretches = append(n.Stretches, s.Stretch)
		return
	}
	least := 0
	for i := range n.Stretches {
		if n.Stretches[i].Responses < n.Stretches[least].Responses {
			least = i
		}
	}
	if n.Stretches[least].Responses < s.Responses {
		n.Stretches[least] = s.Stretch
	}
}

// drained marks the stretch that was closed last.
func (n *Lane) drained(s *stretch) {
	for i := range n.Stretches {
		if n.Stretches[i].From == s.From {
			n.Stretches[i].Drained = true
		}
	}
}

// hasWord reports whether a word stands in text, not as a part of a longer one.
func hasWord(text, word []byte) bool {
	for at := 0; len(word) > 0; {
		n := bytes.Index(text[at:], word)
		if n < 0 {
			return false
		}
		at += n
		end := at + len(word)
		if (at == 0 || !isWord(text[at-1])) && (end == len(text) || !isWord(text[end])) {
			return true
		}
		at = end
	}
	return false
}

// String names a lane as a person would.
func (n *Lane) String() string {
	if n.Name != "" {
		return n.Name
	}
	return strings.TrimPrefix(n.Stream, "./")
}
