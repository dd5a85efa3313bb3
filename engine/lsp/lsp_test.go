package lsp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"runbook/engine"
)

// nobody knows nothing of recipes.
type nobody struct{}

func (nobody) Ask(context.Context, engine.Question) (engine.Answer, error) {
	return engine.Answer{}, nil
}
func (nobody) Readable(string) (string, error) { return "", errors.New("nothing ships") }

func frame(body string) string {
	return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// session is all that the server answers to what was sent.
func session(t *testing.T, sent string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	err := Serve(context.Background(), Options{In: strings.NewReader(sent), Out: &out, Log: io.Discard, Analyst: nobody{}, Quiet: time.Hour})
	if err != nil && !errors.Is(err, ErrNoShutdown) {
		t.Errorf("%v", err)
	}
	var answers []map[string]any
	for r := bufio.NewReader(&out); ; {
		body, err := readFrame(r)
		if err == io.EOF {
			return answers
		}
		var a map[string]any
		if err != nil || json.Unmarshal(body, &a) != nil {
			t.Fatalf("%v: %s", err, body)
		}
		answers = append(answers, a)
	}
}

const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`

func TestFrames(t *testing.T) {
	for _, test := range []struct{ name, sent, want string }{
		{"one", "Content-Length: 2\r\n\r\n{}", "{}|EOF"},
		{"two headers, in any case", "content-type: x\r\ncontent-length:2\r\n\r\n{}", "{}|EOF"},
		{"lines without a return", "Content-Length: 2\n\n{}", "{}|EOF"},
		{"a stray line before", "debug: here\nContent-Length: 2\r\n\r\n{}", "{}|EOF"},
		{"stray lines between", "Content-Length: 2\r\n\r\n{}oops\n\nContent-Length: 2\r\n\r\n[]", "{}|[]|EOF"},
		{"no number", "Content-Length: x\r\n\r\nContent-Length: 2\r\n\r\n{}", "{}|EOF"},
		{"negative", "Content-Length: -1\r\n\r\nContent-Length: 2\r\n\r\n{}", "{}|EOF"},
		{"cut off", "Content-Length: 5\r\n\r\n{}", "EOF"},
		{"promised more than there is", "Content-Length: 9000000000000000000\r\n\r\n{}", "EOF"},
		{"too long", "Content-Length: 16777217\r\n\r\n" + strings.Repeat(" ", 16777217) + "Content-Length: 2\r\n\r\n{}", "message longer than 16 MiB|{}|EOF"},
		{"a line that never ends", strings.Repeat("x", 100000) + "\nContent-Length: 2\r\n\r\n{}", "{}|EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for r := bufio.NewReader(strings.NewReader(test.sent)); ; {
				body, err := readFrame(r)
				if errors.Is(err, errTooLong) {
					got = append(got, err.Error())
					continue
				}
				if err != nil {
					got = append(got, err.Error())
					break
				}
				got = append(got, string(body))
			}
			if s := strings.Join(got, "|"); s != test.want {
				t.Errorf("got %q, want %q", s, test.want)
			}
		})
	}
}

func TestPositionsAreUTF16(t *testing.T) {
	text := NewText("a𝄞ü\r\nx\rlast")
	for _, test := range []struct {
		line, character   int
		offset            int
		recLine, recColum int
	}{
		{0, 0, 0, 1, 1}, {0, 1, 1, 1, 2}, {0, 2, 1, 1, 2}, {0, 3, 5, 1, 3}, {0, 4, 7, 1, 4}, {0, 99, 7, 1, 4},
		{1, 0, 9, 2, 1}, {1, 1, 10, 2, 2}, {2, 4, 15, 3, 5}, {9, 0, 15, 3, 5}, {-1, 0, 0, 1, 1},
	} {
		p := position{test.line, test.character}
		if got := text.offset(p); got != test.offset {
			t.Errorf("%v: offset %d, want %d", p, got, test.offset)
		}
		if line, column := text.fromCursor(p); line != test.recLine || column != test.recColum {
			t.Errorf("%v: %d:%d, want %d:%d", p, line, column, test.recLine, test.recColum)
		}
		if back := text.offset(text.place(test.recLine, test.recColum)); back != test.offset {
			t.Errorf("%v: comes back at %d", p, back)
		}
	}
}

func TestEdits(t *testing.T) {
	at := func(l1, c1, l2, c2 int) *span { return &span{position{l1, c1}, position{l2, c2}} }
	for _, test := range []struct {
		text string
		c    change
		want string
	}{
		{"abc\n", change{at(0, 1, 0, 2), "X"}, "aXc\n"},
		{"a𝄞c", change{at(0, 1, 0, 3), ""}, "ac"},
		{"a\nb\nc", change{at(0, 1, 2, 0), ""}, "ac"},
		{"a\nb", change{at(1, 1, 9, 9), "!"}, "a\nb!"},
		{"a", change{nil, "all"}, "all"},
		{"ab", change{at(0, 2, 0, 0), "x"}, "x"}, // the wrong way round
		{"", change{at(0, 0, 0, 0), "x\ny"}, "x\ny"},
	} {
		if got := NewText(test.text).edited(test.c).String(); got != test.want {
			t.Errorf("%q with %v: got %q, want %q", test.text, test.c, got, test.want)
		}
	}
}

func TestAnswersInTheirOrder(t *testing.T) {
	got := session(t, frame(hello)+
		frame(`{"jsonrpc":"2.0","id":"two","method":"textDocument/hover","params":{"textDocument":{"uri":"file:///x.star"},"position":{"line":0,"character":0}}}`)+
		frame(`{"jsonrpc":"2.0","id":3,"method":"shutdown"}`)+
		frame(`{"jsonrpc":"2.0","id":4,"method":"textDocument/hover","params":{}}`)+
		frame(`{"jsonrpc":"2.0","method":"exit"}`)+frame(`{"jsonrpc":"2.0","id":5,"method":"shutdown"}`))
	var ids []string
	for _, a := range got {
		ids = append(ids, fmt.Sprintf("%v %v", a["id"], a["error"] != nil))
	}
	if s := strings.Join(ids, ", "); s != "1 false, two false, 3 false, 4 true" {
		t.Errorf("got %s", s)
	}
}

// Whatever an editor sends, all that comes back is frames, and one answer for
// each request at most.
func FuzzSession(f *testing.F) {
	f.Add(frame(hello) + frame(`{"id":2,"method":"textDocument/completion","params":{"textDocument":{"uri":"file:///a.star"},"position":{"line":1,"character":-4}}}`))
	f.Add(frame(hello) + frame(`{"method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///a.star","version":1,"text":"x = 1\n"}}}`) +
		frame(`{"method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///a.star","version":2},"contentChanges":[{"range":{"start":{"line":0,"character":1},"end":{"line":9,"character":0}},"text":"𝄞"}]}}`) +
		frame(`{"id":3,"method":"textDocument/formatting","params":{"textDocument":{"uri":"file:///a.star"}}}`) +
		frame(`{"id":4,"method":"textDocument/codeAction","params":{"textDocument":{"uri":"file:///a.star"},"context":{"diagnostics":[{"source":"runbook","message":"hint: did you mean x?"}]}}}`))
	f.Add("Content-Length: 99999999999999999999\r\n\r\n{}")
	f.Add(frame(`{"method":"$/cancelRequest","params":{"id":1}}`) + frame(`[1,2]`) + frame(`null`))
	f.Fuzz(func(t *testing.T, sent string) {
		session(t, sent)
	})
}

// Edits keep a text whole, and agree with what UTF-16 itself says.
func FuzzEdits(f *testing.F) {
	f.Add("a𝄞c\nx", 0, 1, 0, 3, "ü")
	f.Add("a\r\nb\rc", 1, 0, 2, 1, "")
	f.Fuzz(func(t *testing.T, text string, l1, c1, l2, c2 int, put string) {
		before := NewText(text)
		after := before.edited(change{&span{position{l1, c1}, position{l2, c2}}, put})
		if !utf8.ValidString(after.String()) {
			t.Fatalf("no UTF-8: %q", after.String())
		}
		if again := NewText(after.String()); len(again.lines) != len(after.lines) {
			t.Fatalf("%d lines, then %d", len(after.lines), len(again.lines))
		}
		line := before.line(max(l1, 0))
		whole := utf16.Encode([]rune(line))
		if c1 >= 0 && c1 <= len(whole) && l1 >= 0 && l1 < len(before.lines) {
			want := len(string(utf16.Decode(whole[:c1])))
			if c1 > 0 && c1 < len(whole) && whole[c1-1] >= 0xD800 && whole[c1-1] < 0xDC00 {
				return // within a pair
			}
			if got := before.offset(position{l1, c1}) - before.lines[l1]; got != want {
				t.Fatalf("%q at %d: offset %d, want %d", line, c1, got, want)
			}
		}
		start, _ := before.fromCursor(position{l1, c1})
		if start < 1 || start > len(before.lines) {
			t.Fatalf("line %d of %d", start, len(before.lines))
		}
		before.word(l1, c1)
	})
}
