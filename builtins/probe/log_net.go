package probe

import (
	"regexp"
	"regexp/syntax"
)

// logNet finds the lines of a block on which a pattern may match, much faster
// than any regular expression: it looks for the texts that must be in a match,
// all of them at once and without case. Where the last two of as many bytes as
// the shortest text has are in none of them, all of these are skipped (Wu and
// Manber, 1994).
//
// Of letters outside ASCII it takes the case as written: (?i)é does not find É,
// nor (?i)k the Kelvin sign.
type logNet struct {
	texts  []netText
	length int              // of the shortest text
	skip   [1 << 16]uint8   // by two bytes: how far to go on; 0: a text may end here
	ends   map[uint16][]int // by two bytes: the texts whose beginning ends so
	always uint64           // patterns without such texts: any line may match
}

// netText is a text in small letters, and the patterns that it speaks for.
type netText struct {
	text string
	hits uint64
}

// newLogNet makes the net of up to 64 patterns; nil ones are never met.
func newLogNet(patterns []*regexp.Regexp) *logNet {
	n := &logNet{ends: map[uint16][]int{}}
	for i, re := range patterns {
		if re == nil {
			continue
		}
		var found []string
		if tree, err := syntax.Parse(re.String(), syntax.Perl); err == nil {
			found, _ = requiredTexts(tree.Simplify(), true)
		}
		if shortest(found) < 2 {
			n.always |= 1 << i
			continue
		}
		for _, t := range found {
			if n.length == 0 || len(t) < n.length {
				n.length = len(t)
			}
			n.texts = append(n.texts, netText{string(lower([]byte(t))), 1 << i})
		}
	}
	n.length = min(n.length, 250)
	for i := range n.skip {
		n.skip[i] = uint8(max(n.length-1, 0))
	}
	for t := range n.texts {
		text := n.texts[t].text[:n.length]
		for j := 1; j < n.length; j++ {
			for _, pair := range bothCases(text[j-1], text[j]) {
				n.skip[pair] = min(n.skip[pair], uint8(n.length-1-j))
				if j == n.length-1 {
					n.ends[pair] = append(n.ends[pair], t)
				}
			}
		}
	}
	return n
}

// bothCases are two bytes, small letters, as they and their capitals may stand.
func bothCases(a, b byte) []uint16 {
	var out []uint16
	for _, x := range letters(a) {
		for _, y := range letters(b) {
			out = append(out, uint16(x)<<8|uint16(y))
		}
	}
	return out
}

func letters(c byte) []byte {
	if c >= 'a' && c <= 'z' {
		return []byte{c, c - 'a' + 'A'}
	}
	return []byte{c}
}

// find returns the end of the beginning of the first text in b, and the patterns
// for which the texts there speak; len(b) when there is none.
func (n *logNet) find(b []byte) (int, uint64) {
	if len(n.texts) == 0 {
		return len(b), 0
	}
	for i := n.length - 1; i < len(b); {
		pair := uint16(b[i-1])<<8 | uint16(b[i])
		if skip := n.skip[pair]; skip > 0 {
			i += int(skip)
			continue
		}
		var hits uint64
		for _, t := range n.ends[pair] {
			if startsFolded(b[i+1-n.length:], n.texts[t].text) {
				hits |= n.texts[t].hits
			}
		}
		if hits != 0 {
			return i, hits
		}
		i++
	}
	return len(b), 0
}

// line returns all the patterns that a line may match.
func (n *logNet) line(b []byte) uint64 {
	all := n.always
	for len(b) > 0 {
		at, hits := n.find(b)
		if hits == 0 {
			break
		}
		all |= hits
		b = b[at+2-n.length:] // the next may overlap
	}
	return all
}

// startsFolded reports whether b starts with a text of small letters, whatever
// its own case.
func startsFolded(b []byte, text string) bool {
	if len(b) < len(text) {
		return false
	}
	for i := range len(text) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != text[i] {
			return false
		}
	}
	return true
}
