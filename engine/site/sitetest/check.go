// Package sitetest holds what must be true of every site, whatever its pages say.
package sitetest

import (
	"bytes"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Check reads every file of a site as a browser would. It fails where an address
// is not a file of the site or an id in it, where something could run that is not
// the site's own search, where an id is there twice, and where a page cannot be
// reached from the first. It returns the links, "FROM → TO#ID", each once.
func Check(t testing.TB, files map[string][]byte) []string {
	t.Helper()
	c := checker{t: t, files: files, ids: map[string]bool{}}
	for name, text := range files {
		if strings.HasSuffix(name, ".html") {
			doc, err := html.Parse(bytes.NewReader(text))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			c.walk(name, doc)
		}
	}
	c.style()
	c.scripts()
	c.lead()
	slices.Sort(c.links)
	return slices.Compact(c.links)
}

type checker struct {
	t     testing.TB
	files map[string][]byte
	ids   map[string]bool // "page.html#id"
	links []string
}

// may lists the tags and attributes that a page is made of. An address may only
// stand in href and src, and in data-root, which the search puts before its own.
var may = map[string][]string{
	"html": {"lang"}, "head": nil, "body": nil, "title": nil, "meta": {"charset", "name", "content", "http-equiv"},
	"link": {"rel", "href"}, "script": {"src", "data-root", "defer"},
	"header": nil, "main": {"id", "tabindex"}, "nav": {"id", "aria-label"}, "footer": nil, "section": nil,
	"div": {"class", "id", "role", "aria-label", "aria-live", "hidden", "tabindex"}, "p": {"class"}, "small": nil, "span": nil,
	"a": {"class", "href", "aria-current", "aria-label", "id", "role"}, "ul": {"class"}, "ol": {"start"}, "li": {"id"}, "dl": nil, "dt": nil, "dd": nil,
	"h1": {"id"}, "h2": {"id"}, "h3": {"id"}, "h4": {"id"}, "h5": {"id"}, "h6": {"id"},
	"pre": {"tabindex"}, "code": nil, "kbd": {"title"}, "em": nil, "strong": nil, "del": nil, "sup": {"id"}, "br": nil, "hr": nil, "blockquote": nil,
	"table": nil, "thead": nil, "tbody": nil, "tr": nil, "th": {"style", "align"}, "td": {"style", "align"},
	"details": {"class"}, "summary": nil,
	"input": {"id", "type", "placeholder", "aria-label", "aria-controls", "autocomplete", "spellcheck", "checked", "disabled"},
}

var aligned = regexp.MustCompile(`^text-align:(left|right|center)$`)

func (c *checker) walk(page string, n *html.Node) {
	if n.Type == html.CommentNode {
		c.t.Errorf("%s: a comment: %q", page, n.Data)
	}
	if n.Type == html.ElementNode {
		attributes, known := may[n.Data]
		if !known {
			c.t.Errorf("%s: <%s> is nothing that we write", page, n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case !slices.Contains(attributes, a.Key):
				c.t.Errorf("%s: <%s %s=%q> is nothing that we write", page, n.Data, a.Key, a.Val)
			case a.Key == "style" && !aligned.MatchString(a.Val):
				c.t.Errorf("%s: style %q", page, a.Val)
			case a.Key == "id":
				if at := page + "#" + a.Val; c.ids[at] {
					c.t.Errorf("%s: the id %q is there twice", page, a.Val)
				} else {
					c.ids[at] = true
				}
			case a.Key == "href" || a.Key == "src":
				c.link(page, a.Val)
			case a.Key == "data-root":
				c.link(page, a.Val+"search-index.js")
			case a.Key == "http-equiv" && a.Val != "Content-Security-Policy":
				c.t.Errorf("%s: <meta http-equiv=%q>", page, a.Val)
			}
		}
		if n.Data == "script" && n.FirstChild != nil {
			c.t.Errorf("%s: a script in the page: %q", page, n.FirstChild.Data)
		}
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.walk(page, child)
	}
}

func (c *checker) link(page, address string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.RawQuery != "" || strings.HasPrefix(u.Path, "/") || address == "" {
		c.t.Errorf("%s: %q is no way within the site", page, address)
		return
	}
	to := page
	if u.Path != "" {
		to = path.Join(path.Dir(page), u.Path)
	}
	if u.Fragment != "" {
		to += "#" + u.Fragment
	}
	c.links = append(c.links, page+" → "+to)
}

// style has no address at all.
func (c *checker) style() {
	css := string(c.files["style.css"])
	for _, wrong := range []string{"url(", "@import", "http:", "https:"} {
		if css == "" || strings.Contains(css, wrong) {
			c.t.Errorf("style.css has %s, or is empty", wrong)
		}
	}
}

var asks = regexp.MustCompile(`https?:|fetch\(|XMLHttpRequest|WebSocket|import\(|innerHTML|eval\(|localStorage|cookie`)

func (c *checker) scripts() {
	for name, text := range c.files {
		if strings.HasSuffix(name, ".js") && name != "search-index.js" && asks.Match(text) {
			c.t.Errorf("%s has %s", name, asks.Find(text))
		}
	}
	index := c.files["search-index.js"]
	if bytes.Contains(index, []byte("</")) || bytes.Contains(index, []byte("\u2028")) {
		c.t.Error("search-index.js holds what could end a script")
	}
	for _, m := range regexp.MustCompile(`(?m)^\{"href":"([^"]*)"`).FindAllSubmatch(index, -1) {
		c.link("index.html", strings.ReplaceAll(string(m[1]), `\u0026`, "&"))
	}
}

// lead follows the links: each to its place, and by them to every page.
func (c *checker) lead() {
	reached, next := map[string]bool{"index.html": true}, []string{"index.html"}
	ways := map[string][]string{}
	for _, l := range c.links {
		from, to, _ := strings.Cut(l, " → ")
		file, _, fragment := strings.Cut(to, "#")
		if _, ok := c.files[file]; !ok || fragment && !c.ids[to] {
			c.t.Errorf("%s: a link leads to %s, which is not there", from, to)
		}
		ways[from] = append(ways[from], file)
	}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		for _, to := range ways[at] {
			if !reached[to] {
				reached[to] = true
				next = append(next, to)
			}
		}
	}
	for name := range c.files {
		if !reached[name] {
			c.t.Errorf("no link leads to %s", name)
		}
	}
}
