package probe

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"

	"runbook/engine/lazyregexp"
)

// Learning is what the beginning of logs suggests.
type Learning struct {
	Files []LogFile
	Pairs []Learnt // the likeliest first
}

// Learnt is a pair of patterns that the log itself suggests.
type Learnt struct {
	Query, Response string // with the group key
	Queries         int    // lines of the sample that ask
	Responses       int    // lines of the sample that answer
	Met             int    // of these, whose key one of the queries shortly before has
	Keys            int    // different keys among these, counted up to 16
}

const (
	learnBytes  = 2 << 20
	learnLines  = 20000 // that ask or answer
	learnWords  = 6     // after the verb, one of which may be the key
	learnRecent = 4     // queries before a response
	learnKeys   = 16
)

// LearnExchange reads the beginning of logs and returns which words after which
// verbs speak of the same things, best first. asks and answers find the verbs;
// where a line has both, the first says what it is.
//
// A request and its response meet in a word: "query AAPL", "result for AAPL: 3".
// So each word after an asking verb is compared with each word after an
// answering verb in the lines that follow.
func (l *Logs) LearnExchange(ctx context.Context, paths []string, asks, answers *regexp.Regexp) (Learning, error) {
	t := &learner{asks: asks, answers: answers, recent: map[string][]said{}, met: map[meeting]*Learnt{}, asked: map[string]int{}, answered: map[string]int{}, keys: map[meeting]map[string]bool{}}
	files, err := l.Head(ctx, paths, newLogNet([]*regexp.Regexp{asks, answers}), learnBytes, t.line)
	return Learning{files, t.best()}, err
}

// said is a line as its words after the verb.
type said struct {
	verb  string
	words [][]byte
}

// meeting is a place after a verb, and one after another that has the same word.
type meeting struct {
	ask, answer   string
	askAt, answAt int
}

type learner struct {
	asks, answers   *regexp.Regexp
	lines           int
	recent          map[string][]said // by lane and verb, the last few
	verbs           []string
	asked, answered map[string]int
	met             map[meeting]*Learnt
	keys            map[meeting]map[string]bool
}

func (t *learner) line(l *LogLine) {
	if t.lines >= learnLines {
		return
	}
	h := ParseLogHeader(l.Text)
	text := h.Message
	if h.JSON {
		text = l.Text
	}
	var ask, answer []int
	if l.Hits&1 != 0 {
		ask = t.asks.FindIndex(text)
	}
	if l.Hits&2 != 0 {
		answer = t.answers.FindIndex(text)
	}
	if ask == nil && answer == nil {
		return
	}
	t.lines++
	lane := l.Stream + "\x00" + string(h.Actor) + "\x00"
	if ask != nil && (answer == nil || ask[0] < answer[0]) {
		verb := verbOf(text[ask[0]:ask[1]])
		end := len(text)
		if answer != nil {
			end = answer[0]
		}
		if t.asked[verb]++; t.asked[verb] == 1 {
			t.verbs = append(t.verbs, verb)
		}
		q := append(t.recent[lane+verb], said{verb, wordsAfter(text[ask[1]:end])})
		t.recent[lane+verb] = q[max(0, len(q)-learnRecent):]
	}
	if answer == nil || ask != nil && ask[0] < answer[0] && answer[0] < ask[1] {
		return
	}
	verb := verbOf(text[answer[0]:answer[1]])
	t.answered[verb]++
	words := wordsAfter(text[answer[1]:])
	for _, v := range t.verbs {
		t.meet(t.recent[lane+v], said{verb, words})
	}
}

// meet counts, for each pair of places, whether one of the queries has the word
// of the response.
func (t *learner) meet(recent []said, r said) {
	var seen map[meeting]bool
	for i := len(recent) - 1; i >= 0; i-- {
		q := recent[i]
		for a, x := range q.words {
			for b, y := range r.words {
				if !bytes.Equal(x, y) {
					continue
				}
				m := meeting{q.verb, r.verb, a, b}
				if seen[m] {
					continue
				}
				if seen == nil {
					seen = map[meeting]bool{}
				}
				seen[m] = true
				if t.met[m] == nil {
					t.met[m], t.keys[m] = &Learnt{}, map[string]bool{}
				}
				t.met[m].Met++
				if len(t.keys[m]) < learnKeys {
					t.keys[m][string(x)] = true
				}
			}
		}
	}
}

// best returns the meetings, those with many different keys and many responses
// first; then those whose words stand nearer to their verbs.
func (t *learner) best() []Learnt {
	var order []meeting
	for m, l := range t.met {
		l.Keys, l.Queries, l.Responses = len(t.keys[m]), t.asked[m.ask], t.answered[m.answer]
		l.Query, l.Response = placePattern(m.ask, m.askAt), placePattern(m.answer, m.answAt)
		order = append(order, m)
	}
	slices.SortFunc(order, func(a, b meeting) int {
		x, y := t.met[a], t.met[b]
		return cmp.Or(cmp.Compare(y.Met*min(y.Keys, 8), x.Met*min(x.Keys, 8)), cmp.Compare(a.askAt+a.answAt, b.askAt+b.answAt), cmp.Compare(a.ask+a.answer, b.ask+b.answer), cmp.Compare(a.askAt, b.askAt))
	})
	out := []Learnt{}
	for _, m := range order[:min(len(order), 8)] {
		out = append(out, *t.met[m])
	}
	return out
}

// placePattern is an expression for the word at a place after a verb.
func placePattern(verb string, place int) string {
	skip := ""
	if place > 0 {
		skip = fmt.Sprintf(`(?:%s%s){%d}`, between, word, place)
	}
	edge := func(c byte) string {
		if isWord(c) {
			return `\b`
		}
		return ""
	}
	return `(?i)` + edge(verb[0]) + regexp.QuoteMeta(verb) + edge(verb[len(verb)-1]) + skip + between + `(?P<key>` + word + `)`
}

// A word of a message, and what stands between two: names with dots, paths and
// times stay whole.
const (
	word    = `\w(?:[\w./@-]*\w)?`
	between = `\W+`
)

var wordPattern = lazyregexp.New(word)

func wordsAfter(text []byte) [][]byte {
	var out [][]byte
	for _, at := range wordPattern().FindAllIndex(text[:min(len(text), 300)], learnWords) {
		out = append(out, bytes.ToLower(text[at[0]:at[1]]))
	}
	return out
}

func verbOf(b []byte) string { return string(bytes.ToLower(bytes.TrimSpace(b))) }
