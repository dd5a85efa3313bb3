package probe

import (
	"bytes"
	"slices"
	"strings"
)

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
	n.settle(n.Queries - backlogWindow)
	n.Queries++
	n.since = 0
	p := n.at(n.Queries)
	p.number, p.isGiven, p.answered, p.came, p.open = n.Queries, false, false, 0, 0
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
	n.given, n.QuietSince = p.number, 0
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
	if q := n.owner(p, mask); q != nil {
		n.came(q, l)
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
