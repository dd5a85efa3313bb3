package engine

import "strings"

// splitDoc takes a docstring apart: the first line is the title, the rest,
// dedented, is the guidance.
func splitDoc(doc string) (title, guidance string) {
	doc = strings.TrimLeft(doc, " \t\n")
	title, rest, _ := strings.Cut(doc, "\n")
	return strings.TrimSpace(cleanText(title)), cleanText(dedent(rest))
}

// dedent removes the indentation that all lines share, and empty lines at both
// ends. Blank lines do not count.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	margin, found := "", false
	for _, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if !found {
			margin, found = indent, true
			continue
		}
		for !strings.HasPrefix(indent, margin) {
			margin = margin[:len(margin)-1]
		}
	}
	for i, l := range lines {
		if strings.TrimSpace(l) == "" {
			lines[i] = ""
			continue
		}
		lines[i] = strings.TrimPrefix(l, margin)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// cleanDoc dedents a whole docstring. Its first line stands right behind the
// quotes, so it says nothing of the margin.
func cleanDoc(doc string) string {
	first, rest, more := strings.Cut(doc, "\n")
	first = strings.TrimSpace(first)
	if !more {
		return cleanText(first)
	}
	return cleanText(strings.Trim(first+"\n"+dedentKeepingBlank(rest), "\n"))
}

func dedentKeepingBlank(rest string) string {
	blank := len(rest) - len(strings.TrimLeft(rest, "\n"))
	return rest[:blank] + dedent(rest)
}

// heading returns the first "# " heading outside code, or "".
func heading(doc string) string {
	fenced := false
	for _, l := range strings.Split(doc, "\n") {
		if isFence(l) {
			fenced = !fenced
		}
		if !fenced && strings.HasPrefix(l, "# ") {
			return strings.TrimSpace(l[2:])
		}
	}
	return ""
}

// byHand returns the shell blocks of a step's guidance: what a person types
// when the tool may not act.
func byHand(guidance string) string {
	var out []string
	inside, keep := false, false
	for _, l := range strings.Split(guidance, "\n") {
		if isFence(l) {
			inside = !inside
			language := strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(l), "`~"))
			keep = inside && (language == "sh" || language == "bash" || language == "shell" || language == "console")
			continue
		}
		if keep {
			out = append(out, l)
		}
	}
	return dedent(strings.Join(out, "\n"))
}

func isFence(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~")
}
