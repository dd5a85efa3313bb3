package probe

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"
)

// sieve tells which raw command lines a query can't match, without decoding
// them: a regular expression on every command line of a machine costs more
// than reading them.
type sieve struct {
	needles [][]byte // one of these is in every match; nil: can't tell
}

func newSieve(q *PSQuery) *sieve {
	if q.Match == nil {
		return &sieve{needles: [][]byte{
			[]byte("tractor"), []byte(titlePrefix), []byte("multiprocessing"), // the populations of ParseIdentity
		}}
	}
	return &sieve{needles: needles(q.Match)}
}

// mayMatch takes the bytes of cmdline.
func (s *sieve) mayMatch(raw []byte) bool {
	if s.needles == nil {
		return true
	}
	for _, n := range s.needles {
		if bytes.Contains(raw, n) {
			return true
		}
	}
	return false
}

// needles returns texts of which every match of re contains at least one; nil
// when there is no such set.
func needles(re *regexp.Regexp) [][]byte {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return nil
	}
	texts, ok := requiredTexts(tree.Simplify(), false)
	if !ok {
		return nil
	}
	var out [][]byte
	for _, t := range texts {
		// What masking and cleaning put there is not in the raw bytes.
		if t == "" || strings.ContainsAny(t, "*\uFFFD") {
			return nil
		}
		word := longestWord(t) // where the text has a space, the bytes may have a NUL
		if word == "" {
			return nil
		}
		out = append(out, []byte(word))
	}
	return out
}

func longestWord(t string) string {
	longest := ""
	for w := range strings.SplitSeq(t, " ") {
		if len(w) > len(longest) {
			longest = w
		}
	}
	return longest
}
