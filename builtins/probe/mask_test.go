package probe

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsAreMasked(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"app|--password|hunter2|--port|80", "app|--password|***|--port|80"},
		{"app|--token=abc|--user=me", "app|--token=***|--user=me"},
		{"app|--password=two words", "app|--password=***"},
		{"env|API_KEY=abc|AWS_SECRET_ACCESS_KEY=x/y|HOME=/root", "env|API_KEY=***|AWS_SECRET_ACCESS_KEY=***|HOME=/root"},
		{"java|-Ddb.password=x|-jar|a.jar", "java|-Ddb.password=***|-jar|a.jar"},
		{"app|-password|x", "app|-password|***"},
		{"app|--dbPassword|x", "app|--dbPassword|***"},
		{"psql|postgres://me:hunter2@db:5432/x?sslmode=off", "psql|postgres://me:***@db:5432/x?sslmode=off"},
		{"curl|https://h/x?page=2&access_token=abc&y=1", "curl|https://h/x?page=2&access_token=***&y=1"},
		{"curl|-H|Authorization: Bearer abcdef123|https://h", "curl|-H|Authorization: Bearer ***|https://h"},
		{"curl|-H|X-Api-Key: abc", "curl|-H|X-Api-Key: ***"},
		{"sh|-c|DB_PASSWORD=x app --token abc --port 80", "sh|-c|DB_PASSWORD=*** app --token *** --port 80"},
		{"bash|-lc|PASSWORD='two words' app", "bash|-lc|PASSWORD='***' app"},
		{`app|{"user": "me", "password": "x"}`, `app|{"user": "me", "password": "***"}`},
		{"git|clone|https://x:ghp_0123456789abcdef@github.com/a", "git|clone|https://x:***@github.com/a"},
		{"app|ghp_0123456789abcdefghij", "app|***"},
		{"worker --token abc --n 2", "worker --token *** --n 2"}, // a title over argv

		// What must stay.
		{"/opt/secret=x/bin/app|go", "/opt/secret=x/bin/app|go"},
		{"mysql|-pX|-p|3306", "mysql|-pX|-p|3306"},
		{"python3|-m|token|x", "python3|-m|token|x"},
		{"python3|-m|tractor._child|--uid|('token=x', 'secret=y')|--parent_addr|('127.0.0.1', 1)", "python3|-m|tractor._child|--uid|('token=x', 'secret=y')|--parent_addr|('127.0.0.1', 1)"},
		{"_subactor[my token=x@5]", "_subactor[my token=x@5]"},
		{"app|--token-file|/run/token|--max-tokens|5|--author|me", "app|--token-file|/run/token|--max-tokens|5|--author|me"},
		{"app|--token|--verbose", "app|--token|--verbose"},
		{"sh|-c|kill -9 $pid; key=3", "sh|-c|kill -9 $pid; key=3"},
		{"git|commit|-m|password=x", "git|commit|-m|password=***"},
	} {
		raw := []byte(strings.ReplaceAll(c.in, "|", "\x00") + "\x00")
		once := MaskCmdline(raw)
		if got := strings.ReplaceAll(strings.TrimSuffix(string(once), "\x00"), "\x00", "|"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
		if twice := MaskCmdline(once); !bytes.Equal(once, twice) {
			t.Errorf("%s: masking twice gave %q, once %q", c.in, twice, once)
		}
	}
}

func FuzzMaskCmdline(f *testing.F) {
	for _, s := range []string{"app\x00--password\x00x\x00", "sh\x00-c\x00TOKEN=x y://a:b@c?token=z&d", "\x00\x00", "a\x00Authorization: Bearer abcdefgh", "x y --token: \"a\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		once := MaskCmdline(raw)
		if twice := MaskCmdline(once); !bytes.Equal(once, twice) {
			t.Errorf("%q: once %q, twice %q", raw, once, twice)
		}
		if bytes.Count(raw, []byte{0}) != bytes.Count(once, []byte{0}) {
			t.Errorf("%q: %q has other arguments", raw, once)
		}
		// A capture holds masked bytes: what is read from it must be what was read live.
		if diff := cmp.Diff(ParseCmdline(raw), ParseCmdline(once)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCleanLeavesNothingThatSteersATerminal(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"python3 app.py", "python3 app.py"},
		{"größer \U0001F40D", "größer \U0001F40D"},
		{"a\nb\tc", "a\uFFFDb\uFFFDc"},
		{"\x1b]0;owned\x07", "\uFFFD]0;owned\uFFFD"},
		{"\xc2\x9b31m", "\uFFFD31m"}, // C1 CSI
		{"gp\u202ejs.exe", "gp\uFFFDjs.exe"},
		{"a\u200bb\u2028c\ufeff", "a\uFFFDb\uFFFDc\uFFFD"},
		{"a\xff\xfeb", "a\uFFFD\uFFFDb"},
		{"", ""},
	} {
		if got := Clean([]byte(c.in)); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("a\x1b[2J\u202e\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := Clean(b)
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("%q: %q", b, s)
		}
		if Clean([]byte(s)) != s {
			t.Errorf("%q: cleaning twice changes it", b)
		}
	})
}

func TestCmdlineIsSplitAtNULs(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{"", nil},
		{"\x00\x00", nil},
		{"python3\x00my app.py\x00", []string{"python3", "my app.py"}},
		{"python3\x00-c\x00\x00", []string{"python3", "-c", ""}},
		{"_subactor[a@1]\x00\x00\x00\x00", []string{"_subactor[a@1]"}},
		{"postgres: writer   ", []string{"postgres: writer"}},
		{"no\x00end", []string{"no", "end"}},
		{"a\x00b\nc\x00", []string{"a", "b⏎c"}},
	} {
		if got := ParseCmdline([]byte(c.raw)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.raw, got, c.want)
		}
	}
}

// What is asked before the regular expressions are must let every name pass.
func TestEveryNameOfASecretIsLookedFor(t *testing.T) {
	for word := range secretWords {
		if masked := string(MaskCmdline([]byte("sh\x00-c\x00x " + strings.ToUpper(word) + "=hunter2"))); strings.Contains(masked, "hunter2") {
			t.Errorf("%s: %q", word, masked)
		}
	}
	for word := range keyWords {
		if masked := string(MaskCmdline([]byte("sh\x00-c\x00x " + word + "_key=hunter2"))); strings.Contains(masked, "hunter2") {
			t.Errorf("%s: %q", word, masked)
		}
	}
}

// One that takes each value to its end for each name in it takes minutes.
func TestALongCommandLineIsMaskedInOnePass(t *testing.T) {
	for _, text := range []string{"a=b", "token=", "x y ", "--key ", "a:'", "://", "://a:", "="} {
		long := "token=1 " + strings.Repeat(text, 1<<17/len(text))
		began := time.Now()
		MaskCmdline([]byte("sh\x00-c\x00" + long))
		if took := time.Since(began); took > 20*time.Second { // 35 ms; the race detector and a full machine make it 2 s; minutes, if it goes back for each word
			t.Errorf("%q, 128 kB of it: %s", text, took)
		}
	}
}
