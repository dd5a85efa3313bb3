package pack

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var team = fstest.MapFS{
	"pack.toml":      {Data: []byte("name = \"team\"\napi = 1\n")},
	"feed.star":      {Data: []byte("recipe()")},
	"lib/words.star": {Data: []byte("x = 1")},
}

const commit = "0123456789abcdef0123456789abcdef01234567"

func pinned(t *testing.T, files fs.FS) Pinned {
	t.Helper()
	sum, err := Digest(files)
	if err != nil {
		t.Fatal(err)
	}
	return Pinned{Name: "team", URL: "https://example.org/team.git", Ref: "v1", Commit: commit, Content: sum}
}

func TestALockIsReadAsItWasWritten(t *testing.T) {
	var l Lock
	for _, name := range []string{"zoo", "team"} {
		p := pinned(t, team)
		p.Name = name
		if err := l.Put(p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ParseLock(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got.Packs[0].Name != "team" || got.Packs[1].Name != "zoo" {
		t.Errorf("not by name: %v", got)
	}
	if d := cmp.Diff(string(l.Bytes()), string(got.Bytes())); d != "" {
		t.Error(d)
	}
	if !got.Drop("zoo") || got.Drop("zoo") || len(got.Packs) != 1 {
		t.Errorf("drop: %v", got)
	}
}

func TestALockThatIsWrongSaysWhere(t *testing.T) {
	good := string(Lock{[]Pinned{pinned(t, team)}}.Bytes())
	for _, test := range []struct{ old, new, want string }{
		{`name = 'team'`, `name = 'Team'`, `pack 1: "Team" is no name of a pack`},
		{`name = 'team'`, `name = '../x'`, `is no name of a pack`},
		{`url = 'https`, `url = '--upload-pack=x`, `is no URL`},
		{commit, "main", `"main" is no commit`},
		{`content = 'h1:`, `content = 'h2:`, `is no hash`},
		{`ref =`, `reff =`, "line 6:1: no key pack.reff; there are name, url, ref, commit, content"},
		{`ref = 'v1'`, `ref = v1`, "line 6:"},
		{`ref = 'v1'`, `ref = 1`, "line 6:7: pack.ref: want text in quotes"},
		{"[[pack]]", "[[pack]", "line 3:"},
	} {
		if !strings.Contains(good, test.old) {
			t.Fatalf("no %q in\n%s", test.old, good)
		}
		_, err := ParseLock([]byte(strings.Replace(good, test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.new, err, test.want)
		}
	}
	if _, err := ParseLock([]byte(good + good[strings.Index(good, "[[pack]]"):])); err == nil || !strings.Contains(err.Error(), "pinned twice") {
		t.Errorf("twice: %v", err)
	}
	if l, err := ParseLock(nil); err != nil || len(l.Packs) != 0 {
		t.Errorf("nothing: %v %v", l, err)
	}
}

func TestWhatIsNotAsPinnedIsRefusedWithBothHashes(t *testing.T) {
	p := pinned(t, team)
	if err := p.Verify(team); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(fstest.MapFS){
		"changed": func(f fstest.MapFS) { f["feed.star"] = &fstest.MapFile{Data: []byte("recipe( )")} },
		"added":   func(f fstest.MapFS) { f["more.star"] = &fstest.MapFile{} },
		"removed": func(f fstest.MapFS) { delete(f, "lib/words.star") },
		"renamed": func(f fstest.MapFS) { f["lib/word.star"] = f["lib/words.star"]; delete(f, "lib/words.star") },
	} {
		files := fstest.MapFS{}
		for k, v := range team {
			files[k] = v
		}
		change(files)
		got, _ := Digest(files)
		err := p.Verify(files)
		var tampered *TamperedError
		if !errors.As(err, &tampered) || !strings.Contains(err.Error(), got) || !strings.Contains(err.Error(), p.Content) {
			t.Errorf("%s: %v", name, err)
		}
	}
	link := fstest.MapFS{"feed.star": {Mode: fs.ModeSymlink, Data: []byte("/etc/passwd")}}
	if _, err := Digest(link); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("link: %v", err)
	}
}

func TestAPackSaysForWhichRecipesItWasWritten(t *testing.T) {
	for _, test := range []struct{ toml, want string }{
		{"api = 1\nname = \"team\"\nsummary = \"x\"\n", ""},
		{"api = 1\nname = \"team\"\nrunbook = \">=9\"\n", "pack.toml: line 3:1: no key runbook; there are name, api, summary"},
		{"api = 2\nlater = true\n", "written for version 2 of recipes"},
		{"later = true\napi = 2\n", "written for version 2 of recipes"},
		{"api = \"1\"\n", "pack.toml: line 1:7: api: want a whole number"},
		{"api = 1\nname = 3\n", "pack.toml: line 2:8: name: want text in quotes"},
		{"name = \"team\"\n", "does not say for which version"},
		{"api = 2\n", "written for version 2 of recipes, and this runbook knows 1"},
		{"api = 1\nname = \"A b\"\n", "no name of a pack"},
		{"api = one\n", "pack.toml: line 1:"},
	} {
		_, err := ReadManifest(fstest.MapFS{ManifestFile: {Data: []byte(test.toml)}})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: %v, want %q", test.toml, err, test.want)
		}
	}
	if _, err := ReadManifest(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

func TestSource(t *testing.T) {
	for _, test := range []struct{ text, url, ref, name string }{
		{"https://example.org/team/recipes.git@v1.2", "https://example.org/team/recipes.git", "v1.2", "recipes"},
		{"https://me@example.org/runbook-team", "https://me@example.org/runbook-team", "", "team"},
		{"https://me@example.org", "https://me@example.org", "", ""},
		{"git@example.org:team/recipes.git", "git@example.org:team/recipes.git", "", "recipes"},
		{"git@example.org:recipes.git@main", "git@example.org:recipes.git", "main", "recipes"},
		{"../shared recipes@x", "../shared recipes", "x", ""},
		{"/srv/git/team.git/", "/srv/git/team.git/", "", "team"},
	} {
		url, ref := Source(test.text)
		if url != test.url || ref != test.ref || NameOf(url) != test.name {
			t.Errorf("%s: %q %q %q", test.text, url, ref, NameOf(url))
		}
	}
}

func TestAURLIsBareWithoutWhoSignsIn(t *testing.T) {
	for _, test := range []struct{ url, bare string }{
		{"https://me:s3cret@example.org/t.git", "https://example.org/t.git"},
		{"HTTP://ghp_token@example.org:8080/t.git", "HTTP://example.org:8080/t.git"},
		{"https://me:p@ss@example.org/t@x.git", "https://example.org/t@x.git"},
		{"https://me:s3cret@example.org", "https://example.org"},
		{"ssh://git:s3cret@example.org/t.git", "ssh://git@example.org/t.git"},
		{"ssh://git@example.org/t.git", ""},
		{"git@example.org:team/t.git", ""},
		{"https://example.org/a@b.git", ""},
		{"../a@b:c", ""},
		{"file:///srv/t.git", ""},
		{"", ""},
	} {
		bare, had := Bare(test.url)
		want := test.bare
		if want == "" {
			want = test.url
		}
		if bare != want || had != (test.bare != "") {
			t.Errorf("%s: %q %v, want %q", test.url, bare, had, want)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add(Lock{[]Pinned{{Name: "team", URL: "u", Commit: commit, Content: "h1:" + strings.Repeat("A", 43) + "="}}}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLock(b)
		if err != nil {
			return
		}
		again, err := ParseLock(l.Bytes())
		if err != nil || len(again.Packs) != len(l.Packs) {
			t.Fatalf("%v: %q → %q", err, b, l.Bytes())
		}
	})
}
