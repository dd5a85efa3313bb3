// Package site makes a static site of pages of markdown, and of nothing else: it
// reads from a directory as well as from a server, searches without either, and
// holds no address outside of itself, whatever the pages say.
//
//	page.html   how a page looks        search.js   the search, in the browser
//	style.css   on paper, too           index.go    what it searches
package site

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"runbook/engine/markdown"
)

// Site is what is to be read. The first page is the way in.
type Site struct {
	Title string
	Made  string // by what, for the foot of a page
	Pages []Page
}

// Page is one file of a site.
type Page struct {
	Path     string // "recipes/wedged-actor.html"; no two are alike, also where letters have no case
	Group    string // under which heading of the menu; "" for the way in, which lists all others
	Title    string
	Summary  string // one line of markdown
	Origin   string // where it comes from; "" = nobody needs to know
	Markdown string
	Source   string // a program's, shown below with numbered lines; "" = none

	Defines bool     // spans of code that are headings here lead here from everywhere
	Answers []string // beginnings of spans of code that lead here: "runbook run wedged-actor"
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed style.css
	styleCSS []byte
	//go:embed search.js
	searchJS []byte
	//go:embed icon.svg
	iconSVG []byte
)

// Files are the site's files by path. The same site gives the same bytes.
func (s Site) Files() (map[string][]byte, error) {
	shape, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	at, err := s.survey()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"style.css": styleCSS, "search.js": searchJS, "icon.svg": iconSVG, indexFile: at.index(s.Pages)}
	for i, p := range s.Pages {
		doc, err := markdown.HTML(p.Markdown, at.links(p.Path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		v := view{Site: s, Page: p, Root: strings.Repeat("../", strings.Count(p.Path, "/")), Body: template.HTML(doc.HTML)}
		for _, section := range doc.Sections {
			if section.Level == 2 || section.Level == 1 && len(v.Here) > 0 {
				v.Here = append(v.Here, section)
			}
		}
		if p.Source != "" {
			v.Lines = strings.Split(strings.TrimRight(p.Source, "\n"), "\n")
		}
		v.Menu = at.menu(s.Pages, i)
		v.Lists = i == 0
		var b bytes.Buffer
		if err := shape.Execute(&b, v); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		files[p.Path] = b.Bytes()
	}
	return files, nil
}

// view is what page.html draws.
type view struct {
	Site
	Page
	Root  string // the way up to the site's top: "", "../"
	Body  template.HTML
	Here  []markdown.Section
	Menu  []group
	Lists bool // all pages, below the text
	Lines []string
}

// Heading is the title of the window.
func (v view) Heading() string {
	if v.Lists {
		return v.Site.Title
	}
	return v.Page.Title + " · " + v.Site.Title
}

// group is a heading of the menu with the pages below it.
type group struct {
	Title string
	Pages []entry
}

type entry struct {
	Page
	Href    string
	Says    template.HTML // the summary
	Current bool
}

func (m *survey) menu(pages []Page, current int) []group {
	var menu []group
	from := pages[current].Path
	for i, p := range pages {
		if p.Group == "" {
			continue
		}
		if len(menu) == 0 || menu[len(menu)-1].Title != p.Group {
			menu = append(menu, group{Title: p.Group})
		}
		g := &menu[len(menu)-1]
		g.Pages = append(g.Pages, entry{Page: p, Href: relative(from, p.Path), Says: m.says[i], Current: i == current})
	}
	return menu
}

// relative is the way from one page to another place of the site.
func relative(from, to string) string {
	for {
		dir, rest, ok := strings.Cut(from, "/")
		below, same := strings.CutPrefix(to, dir+"/")
		if !ok || !same {
			return strings.Repeat("../", strings.Count(from, "/")) + escaped(to)
		}
		from, to = rest, below
	}
}
