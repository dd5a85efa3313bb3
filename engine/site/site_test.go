package site

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runbook/engine/site/sitetest"
)

func pages(markdown string) Site {
	return Site{Title: "docs", Made: "By a test", Pages: []Page{
		{Path: "index.html", Title: "docs", Markdown: "# docs\n\nSee [one](recipes/one.html#flags)."},
		{Path: "recipes/one.html", Group: "Recipes", Title: "one", Summary: "The `first`.", Answers: []string{"runbook run one"}, Markdown: markdown, Source: "def f():\n    return \"</pre><script>\"\n"},
		{Path: "recipes/a:b c.html", Group: "Recipes", Title: "a:b c", Markdown: "# Odd\n\n`runbook run one --pid 1`, `ps(match = 1)`, `runbook`"},
		{Path: "builtins.html", Group: "Reference", Title: "Builtins", Defines: true, Markdown: "# Builtins\n\n[`ps`](#ps) [gone](#gone)\n\n## ps\n\nLists.\n\n## git.repo\n"},
	}}
}

func TestEveryLinkLeadsToAPlaceOfTheSite(t *testing.T) {
	files, err := pages("# One\n\n[ps](../builtins.html#ps) `git.repo` [up](../index.html) [text](nowhere.md#x)\n\n## Flags\n").Files()
	if err != nil {
		t.Fatal(err)
	}
	links := sitetest.Check(t, files)
	for _, want := range []string{
		`recipes/one.html → builtins.html#ps`, `recipes/one.html → builtins.html#gitrepo`, `recipes/a:b c.html → recipes/one.html`,
		`recipes/a:b c.html → builtins.html#ps`, `index.html → recipes/one.html#flags`, `builtins.html → builtins.html#ps`, `index.html → recipes/a:b c.html`,
	} {
		if !slices.Contains(links, want) {
			t.Errorf("no link %s among\n%s", want, strings.Join(links, "\n"))
		}
	}
	one := string(files["recipes/one.html"])
	if want := "text (<code>nowhere.md#x</code>)"; !strings.Contains(one, want) {
		t.Errorf("a link that leads nowhere stands as its text: want %s in\n%s", want, one)
	}
}

var hostile = map[string]string{
	"script":       "# A\n\n<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n<div onclick=\"x()\">\n",
	"link":         "# A\n\n[x](javascript:alert(1)) [y](https://example.org/x) [z](//example.org) [d](data:text/html,x) <https://example.org> https://example.org/y",
	"image":        "# A\n\n![x](https://example.org/x.png) ![y](javascript:alert(1))",
	"reference":    "# A\n\n[x][1]\n\n[1]: https://example.org 'title\"onmouseover=x'",
	"attribute":    "# A\" onmouseover=\"x\n\n## \"><script>x</script>\n\n[q](\"><script>)",
	"ids":          "# Menu\n\n## Text\n\n## Search\n\n## Flags\n\n## Flags\n\n## Flags-1\n\n## Flags\n\n## \n\n## ✗",
	"end of code":  "# A\n\n```\n</code></pre><script>x</script>\n```\n\n```sh \"><b>\nx\n```\n",
	"index":        "# A\n\n</script><script>x</script> \u2028 <!--",
	"table":        "# A\n\n| <b>x</b> | [y](javascript:x) |\n|---|---|\n| `a\\|b` | <script> |\n",
	"fragment":     "# A\n\n[x](#menu) [y](#Menu) [z](?q=1) [w](/etc/passwd) [v](../../x) [u](recipes/../../index.html) [t](file:///etc/passwd)",
	"control":      "# A\n\n\x1b[31m \u202egnp.exe &#27; \x00",
	"empty":        "",
	"half a fence": "# A\n\n```python\nnever ends",
}

// What a page says is read and never obeyed: not by the browser, and not by the
// search, which reads it from a script.
func TestHostilePages(t *testing.T) {
	for name, md := range hostile {
		t.Run(name, func(t *testing.T) {
			s := pages(md)
			s.Pages[1].Summary, s.Pages[1].Title, s.Pages[1].Origin = md, "</title><script>x</script>", "\"><script>x</script>"
			files, err := s.Files()
			if err != nil {
				t.Fatal(err)
			}
			sitetest.Check(t, files)
		})
	}
}

func TestWhatATagSaysIsNotLost(t *testing.T) {
	files, err := pages("# A\n\nfrom <stdin>, a <b>bold</b> word\n\n<pre>\nblock\n</pre>\n").Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;stdin&gt;", "&lt;b&gt;bold&lt;/b&gt;", "&lt;pre&gt;\nblock\n&lt;/pre&gt;"} {
		if !strings.Contains(string(files["recipes/one.html"]), want) {
			t.Errorf("want %s in\n%s", want, files["recipes/one.html"])
		}
	}
}

func TestTheSearchKnowsEverySection(t *testing.T) {
	files, err := pages("# One\n\nBefore.\n\n## Flags\n\n- `--pid`: whose\n").Files()
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.TrimSuffix(bytes.TrimPrefix(files[indexFile], []byte("window.runbookIndex = ")), []byte(",\n];\n"))
	var got []found
	if err := json.Unmarshal(append(text, ']'), &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	want := []found{
		{"index.html", "docs", "", "See one."},
		{"recipes/one.html", "one", "", "Before."},
		{"recipes/one.html#flags", "one", "Flags", "--pid: whose"},
		{"./recipes/a:b%20c.html", "a:b c", "", "runbook run one --pid 1, ps(match = 1), runbook"},
		{"builtins.html", "Builtins", "", "ps gone"},
		{"builtins.html#ps", "Builtins", "ps", "Lists."},
		{"builtins.html#gitrepo", "Builtins", "git.repo", ""},
	}
	want[3].Href = "recipes/a:b%20c.html"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameSiteGivesTheSameBytes(t *testing.T) {
	once, err := pages("# A\n").Files()
	if err != nil {
		t.Fatal(err)
	}
	again, err := pages("# A\n").Files()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(once, again, bytes.Equal) {
		t.Error("two sites of the same pages differ")
	}
}

func TestTwoPagesAreNeverOneFile(t *testing.T) {
	s := pages("# A\n")
	s.Pages = append(s.Pages, Page{Path: "recipes/One.html", Group: "Recipes", Title: "One"})
	if _, err := s.Files(); err == nil || !strings.Contains(err.Error(), "recipes/one.html and recipes/One.html") {
		t.Errorf("got error %v", err)
	}
}

func FuzzSite(f *testing.F) {
	for _, md := range hostile {
		f.Add(md)
	}
	f.Fuzz(func(t *testing.T, md string) {
		files, err := pages(md).Files()
		if err != nil {
			t.Fatal(err)
		}
		sitetest.Check(t, files)
	})
}
