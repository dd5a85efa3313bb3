package probe_test

import (
	"os"
	"path/filepath"
	"testing"

	"runbook/builtins/probe"
)

func TestGitSaysWhereABranchLeftAnother(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("a", "1")
	left := y.commit("both have it")
	y.git("checkout", "-q", "-b", "feature")
	y.write("a", "2")
	y.commit("on the branch")
	y.git("checkout", "-q", "--orphan", "other")
	strange := y.commit("of nobody")
	y.git("checkout", "-q", "feature")
	g := y.open()
	for _, c := range []struct{ a, b, want string }{
		{"main", "HEAD", left},
		{"HEAD", "HEAD", y.git("rev-parse", "HEAD")},
		{"other", "HEAD", ""}, // nothing in common
		{"other", strange, strange},
		{"origin/main", "HEAD", ""}, // there is none
		{"--all", "HEAD", ""},
		{"", "HEAD", ""},
	} {
		if got, err := g.MergeBase(t.Context(), c.a, c.b); got != c.want || err != nil {
			t.Errorf("%q and %q: %q, %v, want %q", c.a, c.b, got, err, c.want)
		}
	}
}

// A user who stands in a subdirectory, or came there by a link, names files from there.
func TestGitKnowsWhereTheUserStands(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.write("deep/down/a", "1")
	y.commit("a file")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(y.dir, "deep"), link); err != nil {
		t.Fatal(err)
	}
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{y.dir: "", y.dir + "/deep": "deep", y.dir + "/deep/down": "deep/down", link: "deep", link + "/down": "deep/down"} {
		g, err := probe.OpenGit(t.Context(), h, dir)
		if err != nil || g.Prefix != want {
			t.Errorf("%s: %+v, %v, want %q", dir, g, err, want)
		}
	}
}
