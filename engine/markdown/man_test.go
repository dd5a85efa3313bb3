package markdown

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var page = ManPage{Name: "runbook-wedged-actor", Section: 7, Says: "An actor tree *hangs*.", Date: "2026-11-28", Made: "runbook 0.1.0"}

func TestManPage(t *testing.T) {
	got, err := Man(page, guide)
	if err != nil {
		t.Fatal(err)
	}
	checkMan(t, string(got))
	path := filepath.Join("testdata", "guide.man")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

// What a docstring says is never a request, nor an escape.
func TestManObeysNothing(t *testing.T) {
	for _, tt := range []struct{ md, want string }{
		{".so /etc/passwd\n", `\&.so /etc/passwd`},
		{"'br\n", `\&'br`},
		{"a\n.sp 99\n", `a .sp 99`},
		{"```\n.pso ls\n'x\n\nend\n```\n", "\\&.pso ls\n\\(aqx\n\\&\nend\n"},
		{"x `\\fB\\n(.z` y\n", `x \fB\efB\en(.z\fR y`},
		{"# T\n\n## \".so x\" \\\n\nx\n", `.SH "\(dq.so x\(dq \e"`},
		{"a\\_b &amp; &lt;c&gt; &NewLine;.so x\n", `a_b & <c> .so x`},
		{"<b>\n.so x\n</b>\n", `<b> .so x </b>`},
		{"- .so x\n", "\\&.so x"},
		{"| a | b |\n|---|---|\n| .so | x |\n", `\fB.so\fR: x`},
		{"see [x](https://example.org/-) and ![y](z.png)\n", `see x (https://example.org/-) and y (z.png)`},
		{"&rlm;x\x1b[31m\n", "\ufffdx\ufffd[31m"},
	} {
		got, err := Man(page, tt.md)
		if err != nil {
			t.Fatal(err)
		}
		checkMan(t, string(got))
		if !strings.Contains(string(got), tt.want) {
			t.Errorf("of %q\n%s\nwant %s", tt.md, got, tt.want)
		}
	}
}

var (
	ours   = regexp.MustCompile(`^\.(TH|SH|SS)( "[^"]*")+$|^\.IP (\\\(bu 2|\d+\. 4)$|^\.(PP|TP|RE|nf|fi|nh|RS|RS 4|PD|PD 0|ad l)$`)
	obeyed = regexp.MustCompile(`\\(?:f[BIR]|\((?:aq|ga|ha|ti|dq|bu)|[e&-])`)
)

func checkMan(t testing.TB, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) && !ours.MatchString(line) {
			t.Errorf("a request that we do not write: %q", line)
		}
		if strings.Contains(obeyed.ReplaceAllString(line, ""), `\`) {
			t.Errorf("an escape that we do not write: %q", line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' }) {
			t.Errorf("a control character: %q", line)
		}
	}
}

func FuzzMan(f *testing.F) {
	f.Add(guide)
	f.Add("1. a\n\n   ```\n   .x\n   ```\n2. > b\n\nterm\n: .so x\n\n&NewLine;'x `\\`\n")
	f.Fuzz(func(t *testing.T, md string) {
		got, err := Man(page, md)
		if err != nil {
			t.Fatal(err)
		}
		checkMan(t, string(got))
	})
}
