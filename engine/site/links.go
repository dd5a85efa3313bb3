package site

import (
	"fmt"
	"html/template"
	"net/url"
	"path"
	"strings"

	"runbook/engine/markdown"
)

// survey is what is known of all pages before one is written: a link may lead to
// any of them.
type survey struct {
	sections map[string][]markdown.Section // by path of the page
	ids      map[string]bool               // "builtins.html", "builtins.html#ps"
	spans    map[string]string             // of code: where they lead
	says     []template.HTML               // the summary of each page
}

func (s Site) survey() (*survey, error) {
	m := &survey{sections: map[string][]markdown.Section{}, ids: map[string]bool{}, spans: map[string]string{}}
	nowhere := markdown.Links{To: func(string) string { return "" }}
	seen := map[string]string{}
	for _, p := range s.Pages {
		folded := strings.ToLower(p.Path)
		if other, ok := seen[folded]; ok {
			return nil, fmt.Errorf("two pages are one file: %s and %s", other, p.Path)
		}
		seen[folded] = p.Path
		doc, err := markdown.HTML(p.Markdown, nowhere)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		says, err := markdown.HTML(p.Summary, nowhere)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		m.says = append(m.says, template.HTML(says.HTML))
		m.sections[p.Path] = doc.Sections
		m.ids[p.Path] = true
		for _, section := range doc.Sections {
			at := p.Path + "#" + section.ID
			m.ids[at] = true
			if p.Defines && section.Level == 2 {
				m.spans[section.Title] = at
			}
		}
		for _, span := range p.Answers {
			m.spans[span] = p.Path
		}
	}
	return m, nil
}

// links are those of one page.
func (m *survey) links(page string) markdown.Links {
	return markdown.Links{
		To: func(destination string) string {
			to, fragment, _ := strings.Cut(destination, "#")
			if to == "" {
				to = page
			} else {
				to = path.Join(path.Dir(page), to)
			}
			return m.way(page, to, fragment)
		},
		Code: func(span string) string {
			to, fragment, _ := strings.Cut(m.meant(span), "#")
			if to == page && fragment == "" {
				return "" // we are there
			}
			return m.way(page, to, fragment)
		},
	}
}

// way is the href that leads to a section of a page; "" when there is none.
func (m *survey) way(from, to, fragment string) string {
	if decoded, err := url.PathUnescape(fragment); err == nil {
		fragment = decoded
	}
	href := relative(from, to)
	if to == from {
		href = ""
	}
	if fragment == "" {
		if !m.ids[to] {
			return ""
		}
		return href
	}
	if !m.ids[to+"#"+fragment] {
		return ""
	}
	return href + "#" + escapedID(fragment)
}

// meant is where a span of code leads by itself: "ps" and "ps(…)" to the word,
// "runbook run wedged-actor --pid 1" to the recipe; "" when it names nothing.
func (m *survey) meant(span string) string {
	if word, _, call := strings.Cut(span, "("); call {
		return m.spans[word]
	}
	for name := span; name != ""; {
		if at, ok := m.spans[name]; ok {
			return at
		}
		cut := strings.LastIndexByte(name, ' ')
		if cut < 0 {
			return ""
		}
		name = name[:cut]
	}
	return ""
}

// escaped is a path as a link writes it; a colon in it makes no scheme.
func escaped(path string) string { return (&url.URL{Path: path}).String() }

func escapedID(id string) string { return (&url.URL{Fragment: id}).EscapedFragment() }
