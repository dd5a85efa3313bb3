package probe

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// z writes what git separates with NUL.
func z(records ...string) []byte { return []byte(strings.Join(records, "\x00") + "\x00") }

var aStatus = z(
	"# branch.oid 0d0ff57d66cee92ac117287f2cacb7e1220c3bc0", "# branch.head feature/x y", "# branch.ab +1 -2", "# stash 3",
	"1 .M N... 100644 100644 100644 aaaa bbbb a file with spaces",
	"1 MM S.MU 160000 160000 160000 aaaa bbbb libs/sub",
	"2 R. N... 100644 100644 100644 aaaa bbbb R100 new\nname", "old\xffname",
	"u UU N... 100644 100644 100644 100644 aaaa bbbb cccc torn",
	"? un tracked/", "! cache/",
)

func TestParseGitStatus(t *testing.T) {
	got, err := ParseGitStatus(aStatus)
	want := GitStatus{Commit: "0d0ff57d66cee92ac117287f2cacb7e1220c3bc0", Branch: "feature/x y", Entries: []GitStatusEntry{
		{Kind: '1', XY: ".M", Path: "a file with spaces"},
		{Kind: '1', XY: "MM", Submodule: "S.MU", Path: "libs/sub"},
		{Kind: '2', XY: "R.", Path: "new\nname", From: "old\xffname"},
		{Kind: 'u', XY: "UU", Path: "torn"},
		{Kind: '?', Path: "un tracked/"}, {Kind: '!', Path: "cache/"},
	}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	none, err := ParseGitStatus(z("# branch.oid (initial)", "# branch.head (detached)"))
	if err != nil || none.Commit != "" || none.Branch != "" {
		t.Errorf("%+v, %v", none, err)
	}
	for _, bad := range [][]byte{z("1 .M N..."), z("2 R. N... 1 2 3 a b R100 new"), z("x y"), z(""), z("? ")} {
		if s, err := ParseGitStatus(bad); err == nil {
			t.Errorf("%q gave %+v", bad, s)
		}
	}
}

func TestParseGitLists(t *testing.T) {
	files, err := parseLsFiles(z("H 100644 aaaa 0\ta\tb\nc", "h 120000 bbbb 0\tl\xff", "S 100755 cccc 2\tx"))
	want := []gitFile{{Path: "a\tb\nc", Mode: modeFile, Blob: "aaaa", Stage: '0', Flag: 'H'}, {Path: "l\xff", Mode: modeLink, Blob: "bbbb", Stage: '0', Flag: 'h'},
		{Path: "x", Mode: modeExec, Blob: "cccc", Stage: '2', Flag: 'S'}}
	if d := cmp.Diff(want, files); d != "" || err != nil || files[0].hidden() || !files[1].hidden() || !files[2].hidden() {
		t.Error(d, err)
	}
	tree, err := parseLsTree(z("100644 blob aaaa\ta b", "160000 commit bbbb\tlibs/x"))
	if err != nil || len(tree) != 2 || tree[1].Mode != modeGitlink || tree[1].Path != "libs/x" {
		t.Errorf("%+v, %v", tree, err)
	}
	if none, err := parseLsFiles(nil); len(none) != 0 || err != nil {
		t.Errorf("%v, %v", none, err)
	}
	for _, bad := range []string{"H 100644 aaaa\tx", "H 100644 aaaa 0 x", "H 100644 aaaa 0\t"} {
		if f, err := parseLsFiles(z(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, f)
		}
	}
}

func TestGitRunsFreeOfOurEnvironment(t *testing.T) {
	got := gitEnviron([]string{"HOME=/h", "GIT_DIR=/x", "GIT_INDEX_FILE=/y", "GIT_CONFIG_PARAMETERS='a=b'", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=de_DE", "LANG=de_DE"})
	for _, gone := range []string{"GIT_DIR=/x", "GIT_INDEX_FILE=/y", "GIT_CONFIG_PARAMETERS='a=b'", "LC_ALL=de_DE"} {
		if slices.Contains(got, gone) {
			t.Errorf("%s is passed on", gone)
		}
	}
	for _, kept := range []string{"HOME=/h", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0"} {
		if !slices.Contains(got, kept) {
			t.Errorf("%s is not there", kept)
		}
	}
}

func TestGitErrorsAreOneLine(t *testing.T) {
	for stderr, want := range map[string]string{
		"Preparing worktree\nfatal: no space left\nmore\n": "git worktree: no space left",
		"warning: x\nerror: \x1b[31mred\n":                 "git worktree: \uFFFD[31mred",
		"plain\n":                                          "git worktree: plain",
		"":                                                 "git worktree: exit 128",
	} {
		if got := (&GitError{Verb: "worktree", Code: 128, Stderr: []byte(stderr)}).Error(); got != want {
			t.Errorf("%q gave %q, want %q", stderr, got, want)
		}
	}
}

func TestJournalsHoldAnyPath(t *testing.T) {
	for _, path := range []string{"/plain", "/odd\xff\xfe", "/new\nline", "base64:x", "", "/ü"} {
		j := Journal{Version: 1, ID: "ab12", Kind: JournalInPlace, Repo: RawPath(path), GitDir: "/x/.git", Phase: PhaseChanged}
		text, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseJournal(text)
		if path == "" {
			if err == nil {
				t.Error("a journal of no repository was read")
			}
			continue
		}
		if err != nil || got.Repo != RawPath(path) {
			t.Errorf("%q came back as %+v, %v", path, got, err)
		}
	}
	for _, bad := range []string{"", "{}", `{"version":2}`, `{"version":1,"id":"../x","kind":"in-place","repo":"/r","git_dir":"/r/.git","phase":"changed"}`} {
		if j, err := ParseJournal([]byte(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, j)
		}
	}
}

func FuzzParseGitStatus(f *testing.F) {
	f.Add(aStatus)
	f.Add(z("# branch.oid (initial)"))
	f.Add(z("2 R. N... 1 2 3 a b R100 new"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseGitStatus(b)
		for _, e := range s.Entries {
			if err == nil && (e.Path == "" || strings.Contains(e.Path, "\x00")) {
				t.Errorf("%q gave %+v", b, e)
			}
		}
	})
}

func FuzzParseLsFiles(f *testing.F) {
	f.Add(z("H 100644 aaaa 0\ta\tb\nc", "h 120000 bbbb 0\tl\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := parseLsFiles(b)
		for _, file := range files {
			if err == nil && file.Path == "" {
				t.Errorf("%q gave %+v", b, file)
			}
		}
		_, _ = parseLsTree(b)
		_, _ = parseCommit(b)
	})
}

func FuzzParseJournal(f *testing.F) {
	f.Add([]byte(`{"version":1,"id":"ab12","kind":"in-place","repo":"base64:L3g=","git_dir":"/x/.git","phase":"changed","owner":{"pid":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := ParseJournal(b)
		if err == nil && (strings.ContainsAny(j.ID, "/.\x00") || j.ID == "" || phases[j.Phase] == 0) {
			t.Errorf("%q gave %+v", b, j)
		}
	})
}

func TestGitErrorSaysWhatGitTellsToType(t *testing.T) {
	e := &GitError{Verb: "rev-parse", Code: 128, Stderr: []byte("fatal: detected dubious ownership in repository at '/r'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /r\n")}
	if got := e.Do(); got != "git config --global --add safe.directory /r" {
		t.Errorf("says %q", got)
	}
	if got := (&GitError{Stderr: []byte("fatal: no\n")}).Do(); got != "" {
		t.Errorf("says %q", got)
	}
}
