package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLogsAreReadInTheOrderInWhichTheyWereWritten(t *testing.T) {
	var got []string
	for _, p := range LogOrder([]string{"b.log", "x.log", "x.log.1", "x.log.10.gz", "x.log.2.gz", "x.log", "y-2026-01-02.log", "y.log", "y-2026-01-01.log", "z.20260102", "z.20260101", "missing-*.log"}) {
		line := p.Path + " of " + p.Stream
		if p.Err != nil {
			line = p.Err.Error()
		}
		got = append(got, line)
	}
	want := []string{
		"b.log of b.log",
		"x.log.10.gz of x.log", "x.log.2.gz of x.log", "x.log.1 of x.log", "x.log of x.log",
		"y-2026-01-01.log of y.log", "y-2026-01-02.log of y.log", "y.log of y.log",
		"z.20260101 of z", "z.20260102 of z",
		"logs missing-*.log: no file fits this pattern",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// readAll gives the lines of a log as they are met, and what became of the file.
func readAll(t *testing.T, l *Logs, path string, net *logNet) ([]string, LogFile) {
	t.Helper()
	var got []string
	files, err := l.Read(context.Background(), []string{path}, net, func(l *LogLine) { got = append(got, fmt.Sprintf("%d %s", l.Number, Clean(l.Text))) })
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return got, files[0]
}

func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLinesOfEveryKind(t *testing.T) {
	long := strings.Repeat("x", 3*logBlock)
	text := "one\r\n\x1b[31mtwo\x1b[0m\n\n" + long + "\nbell\a \xff\xfe\nlast"
	got, f := readAll(t, new(Logs), write(t, "x.log", []byte(text)), nil)
	want := []string{"1 one", "2 two", "3 ", "4 " + long[:maxLine], "5 bell\uFFFD \uFFFD\uFFFD", "6 last"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if f.Lines != 6 || f.Cut != 1 || f.Bytes != int64(len(text)) || f.Err != nil {
		t.Errorf("%+v", f)
	}
}

func packedLog(t *testing.T, text string) []byte {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

func TestAFileThatIsNoLogIsNamedAndNeverHangs(t *testing.T) {
	var text strings.Builder
	for i := range 50000 {
		fmt.Fprintf(&text, "line %d of many, %x\n", i, i*7919)
	}
	z := packedLog(t, text.String())
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	for _, c := range []struct {
		name, path, want string
		read             bool // some of it
	}{
		{"missing", "/nonexistent/x.log", "no such file", false},
		{"directory", t.TempDir(), "is a directory; name the files in it", false},
		{"binary", write(t, "x", []byte("\x7fELF\x02\x01\x00\x00abc")), "is no text: binary data", false},
		{"UTF-16", write(t, "x", []byte("\xff\xfea\x00b\x00")), "iconv -f UTF-16", false},
		{"zstd", write(t, "x", []byte("\x28\xb5\x2f\xfdabc")), "zstdcat", false},
		{"cut off", write(t, "x.gz", z[:len(z)/2]), "is cut off", true},
		{"damaged", write(t, "x.gz", append(bytes.Clone(z[:len(z)-8]), 1, 2, 3, 4, 5, 6, 7, 8)), "is damaged", true},
		{"FIFO", fifo, "nobody writes into it", false},
		{"device", "/dev/zero", "is a device or a socket", false},
		{"no stdin", "-", "stdin is not ours", false},
		{"empty", write(t, "x", nil), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, f := readAll(t, new(Logs), c.path, nil)
			if c.want == "" && f.Err != nil || c.want != "" && (f.Err == nil || !strings.Contains(f.Err.Error(), c.want)) {
				t.Errorf("got %v, want %q", f.Err, c.want)
			}
			if (len(lines) > 0) != c.read {
				t.Errorf("%d lines", len(lines))
			}
		})
	}
}

// A pipe is looked at, and then read whole.
func TestAPipeGivesItsHeadTwice(t *testing.T) {
	text := strings.Repeat("a line\n", 2*logHead/7)
	l := &Logs{Stdin: strings.NewReader(text)}
	head := 0
	if _, err := l.Head(context.Background(), []string{"-"}, nil, logHead, func(*LogLine) { head++ }); err != nil || head < logHead/8 {
		t.Fatal(head, err)
	}
	lines, f := readAll(t, l, "-", nil)
	if f.Err != nil || len(lines) != 2*logHead/7 {
		t.Fatal(len(lines), f.Err)
	}
	if _, f = readAll(t, l, "-", nil); f.Err == nil || !strings.Contains(f.Err.Error(), "was read already") {
		t.Error(f.Err)
	}
}

func TestASilentPipeEndsWithTheRun(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		w.Write([]byte("one line\n"))
		cancel()
	}()
	_, err := (&Logs{Stdin: r}).Read(ctx, []string{"-"}, nil, func(*LogLine) {})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWhoWritesIntoAFIFOMayComeLater(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	go func() {
		if f, err := os.OpenFile(fifo, os.O_WRONLY, 0); err == nil {
			f.WriteString("one\n")
			time.Sleep(time.Millisecond)
			f.WriteString("two\n")
			f.Close()
		}
	}()
	if lines, f := readAll(t, new(Logs), fifo, nil); f.Err != nil || len(lines) != 2 {
		t.Error(lines, f.Err)
	}
}

// FuzzLogNet holds the net to the regular expressions: whatever matches is
// found, with its number.
func FuzzLogNet(f *testing.F) {
	f.Add("query a\nresult b\nTIMED OUT\nnothing\n", `query (\w+)`, `(?i)timed? ?out|cancel`)
	f.Add("ab\nabab\nbab", `ab`, `[Bb]ab`)
	f.Add("x\ry\r\n\n\n", `.`, `x(yz)?`)
	f.Fuzz(func(t *testing.T, text, one, two string) {
		a, err := regexp.Compile(one)
		if err != nil || len(one) > 60 {
			return
		}
		b, err := regexp.Compile(two)
		if err != nil || len(two) > 60 {
			return
		}
		// These are what the net says it does not do: fold beyond ASCII.
		if strings.ContainsFunc(text+one+two, func(r rune) bool { return r > 0x7e || r < ' ' && r != '\n' }) {
			return
		}
		found := map[int]uint64{}
		s := logScan{file: &LogFile{}, net: newLogNet([]*regexp.Regexp{a, b}), each: func(l *LogLine) { found[l.Number] |= l.Hits }}
		s.block([]byte(text))
		for i, line := range strings.Split(text, "\n") {
			if line == "" && i == strings.Count(text, "\n") {
				continue // no line after the last
			}
			for n, re := range []*regexp.Regexp{a, b} {
				if re.MatchString(line) && found[i+1]&(1<<n) == 0 {
					t.Errorf("line %d %q matches %s, and the net lets it through", i+1, line, re)
				}
			}
		}
	})
}

func TestHeadersOfEveryForm(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"Nov 22 10:11:12 (alpha[42], trio.run) [INFO] app.feed feed.py:88 hello: x", "Nov 22 10:11:12|INFO|alpha|app.feed|hello: x"},
		{"2026-11-22 10:11:12,123 - app.feed - WARNING - hello", "2026-11-22 10:11:12,123|WARNING||app.feed|hello"},
		{"2026-11-22T10:11:12.5+01:00 ERROR app.feed: hello", "2026-11-22T10:11:12.5+01:00|ERROR||app.feed|hello"},
		{"INFO:app.feed:hello", "|INFO||app.feed|hello"},
		{"[2026-11-22 10:11:12] [error] hello", "2026-11-22 10:11:12|error|||hello"},
		{"1732270000.123 DEBUG hello", "1732270000.123|DEBUG|||hello"},
		{"10:11:12 INFO actor=alpha hello", "10:11:12|INFO|alpha||actor=alpha hello"},
		{`{"ts": "2026-11-22T10:11:12Z", "lvl": "x", "actor": "alpha", "name": "app", "msg": "he said \"a\"", "n": {"msg": "no"}}`, `2026-11-22T10:11:12Z|x|alpha|app|he said \"a\"`},
		{`{"time": 1732270000.5, "level": "INFO", "event": "hello"}`, "1732270000.5|INFO|||hello"},
		{"hello there", "||||hello there"},
		{"error: hello", "||||error: hello"},
		{"ERRORS are many", "||||ERRORS are many"},
		{"{'a': 1}", "||||{'a': 1}"},
		{"", "||||"},
	} {
		h := ParseLogHeader([]byte(c.line))
		if got := fmt.Sprintf("%s|%s|%s|%s|%s", h.Time, h.Level, h.Actor, h.Logger, h.Message); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
}

func FuzzParseLogHeader(f *testing.F) {
	f.Add([]byte(`{"ts": 1, "msg": "a\"b"}`))
	f.Add([]byte("Nov 22 10:11:12 (a[1], t) [INFO] a.b c.py:1 x"))
	f.Add([]byte("INFO:a:b"))
	f.Fuzz(func(t *testing.T, line []byte) {
		h := ParseLogHeader(line)
		for _, part := range [][]byte{h.Time, h.Level, h.Actor, h.Logger, h.Message} {
			if !bytes.Contains(line, part) {
				t.Errorf("%q is no part of %q", part, line)
			}
		}
	})
}
