package probe

import "regexp/syntax"

// maxTexts bounds how many texts stand for one expression.
const maxTexts = 32

// requiredTexts returns texts of which every match of re contains at least one.
// With fold the texts are without case, and so may be what is searched; without
// it an expression that ignores case has none. false: there is no such set.
func requiredTexts(re *syntax.Regexp, fold bool) ([]string, bool) {
	if all, ok := exactTexts(re, fold); ok && shortest(all) > 0 {
		return all, true
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return requiredTexts(re.Sub[0], fold)
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredTexts(re.Sub[0], fold)
		}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			texts, ok := requiredTexts(sub, fold)
			if !ok {
				return nil, false
			}
			all = append(all, texts...)
		}
		return all, true
	case syntax.OpConcat: // the part whose shortest text is longest says most
		var best, run []string
		take := func(texts []string) {
			if shortest(texts) > shortest(best) {
				best = texts
			}
		}
		for _, sub := range re.Sub {
			exact, ok := exactTexts(sub, fold)
			if !ok {
				take(run)
				run = nil
				if texts, ok := requiredTexts(sub, fold); ok {
					take(texts)
				}
				continue
			}
			// What the parser took out of an alternative, time(?:d|out), is put back.
			if joined := product(run, exact); joined != nil {
				run = joined
				continue
			}
			take(run)
			run = exact
		}
		take(run)
		return best, best != nil
	}
	return nil, false
}

// exactTexts returns all that re matches, where that is a handful of texts.
func exactTexts(re *syntax.Regexp, fold bool) ([]string, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
		return []string{""}, true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 && !fold {
			return nil, false
		}
		return []string{string(re.Rune)}, true
	case syntax.OpCharClass:
		var all []string
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if all = append(all, string(r)); len(all) > 4 {
					return nil, false
				}
			}
		}
		return all, len(all) > 0
	case syntax.OpCapture:
		return exactTexts(re.Sub[0], fold)
	case syntax.OpQuest:
		texts, ok := exactTexts(re.Sub[0], fold)
		return append([]string{""}, texts...), ok && len(texts) < maxTexts
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			texts, ok := exactTexts(sub, fold)
			if !ok || len(all)+len(texts) > maxTexts {
				return nil, false
			}
			all = append(all, texts...)
		}
		return all, true
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			texts, ok := exactTexts(sub, fold)
			if !ok {
				return nil, false
			}
			if all = product(all, texts); all == nil {
				return nil, false
			}
		}
		return all, true
	}
	return nil, false
}

// product joins each of a with each of b; nil when that is too many. No a at
// all stands for the empty text.
func product(a, b []string) []string {
	if a == nil {
		return b
	}
	if len(a)*len(b) > maxTexts {
		return nil
	}
	var out []string
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

func shortest(texts []string) int {
	n := 0
	for i, t := range texts {
		if i == 0 || len(t) < n {
			n = len(t)
		}
	}
	return n
}
