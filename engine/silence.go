package engine

import (
	"strings"

	"go.starlark.net/syntax"
)

// silence is a comment that takes back what a rule says of its own line, or of
// the next line that is no comment:
//
//	# check:ignore match-everything: this recipe is about the whole machine
type silence struct {
	pos    string
	rule   string
	reason string
	line   int // of which it speaks
}

const silenceMark = "check:ignore"

// silences are the comments of a file that silence a rule.
func silences(m *module) []silence {
	if !strings.Contains(m.source, silenceMark) {
		return nil
	}
	file, err := dialect.Parse(m.shown, m.source, syntax.RetainComments)
	if err != nil {
		return nil
	}
	lines := strings.Split(unixLines(m.source), "\n")
	var out []silence
	take := func(list []syntax.Comment) {
		for _, c := range list {
			text, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimLeft(c.Text, "#")), silenceMark)
			if !ok {
				continue
			}
			s := silence{pos: position(c.Start), line: int(c.Start.Line)}
			s.rule, s.reason, _ = strings.Cut(strings.TrimSpace(text), " ")
			s.rule = strings.TrimSuffix(s.rule, ":")
			s.reason = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s.reason), ":"))
			for at := s.line; at <= len(lines); at++ { // a comment alone on its line speaks of the next
				s.line = at
				if code := strings.TrimSpace(lines[at-1]); code != "" && !strings.HasPrefix(code, "#") {
					break
				}
			}
			out = append(out, s)
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if n != nil && n.Comments() != nil {
			take(n.Comments().Before)
			take(n.Comments().Suffix)
			take(n.Comments().After)
		}
		return true
	})
	return out
}

// heed removes what is silenced, and says which silences are no good.
func (k *checking) heed(list []silence) {
	for _, s := range list {
		used := false
		kept := k.found[:0]
		for _, p := range k.found {
			if _, line, _ := p.Place(); line == s.line && p.Rule == s.rule && s.reason != "" {
				used = true
				continue
			}
			kept = append(kept, p)
		}
		k.found = kept
		var ids []string
		known := false
		for _, r := range rules {
			ids = append(ids, r.ID)
			known = known || r.ID == s.rule
		}
		switch {
		case !known:
			hint := "the rules: runbook check --rules"
			if n := Nearest(s.rule, ids); n != "" && s.rule != "" {
				hint = "did you mean " + n + "?"
			}
			k.say("silence", s.pos, hint, "there is no rule %q", s.rule)
		case s.reason == "":
			k.say("silence", s.pos, "# "+silenceMark+" "+s.rule+": why it is right here", "%s is not silenced without a reason", s.rule)
		case !used:
			k.say("silence", s.pos, "remove the comment", "%s says nothing here that could be silenced", s.rule)
		}
	}
}
