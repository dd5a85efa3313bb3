package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

// writeLog makes a log of about size bytes of which one line in every asks or
// answers; 1: all of them do.
func writeLog(t testing.TB, size, every int) string {
	t.Helper()
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		at := fmt.Sprintf("2026-11-22 10:%02d:%02d,%03d", i/60000%60, i/1000%60, i%1000)
		switch {
		case i%every != 0 && i%every != every/2 || every > 1 && i%every != 0:
			fmt.Fprintf(&b, "%s (alpha[4242], trio.run) [INFO] app.feed feed.py:88 quote of sym%d is %d.%d, bid %d\n", at, i%100, i%7, i%13, i)
		case i/every%2 == 0:
			fmt.Fprintf(&b, "%s (alpha[4242], trio.run) [INFO] app.client api.py:120 query sym%d and more text\n", at, i/every/2)
		default:
			fmt.Fprintf(&b, "%s (alpha[4242], trio.run) [INFO] app.client api.py:140 result {'symbol': 'sym%d'}\n", at, i/every/2)
		}
	}
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var benchQuery = ExchangeQuery{
	Query:    regexp.MustCompile(`query (?P<key>\S+)`),
	Response: regexp.MustCompile(`result \{'symbol': '(?P<key>[^']+)`),
	GiveUp:   regexp.MustCompile(`(?i)cancel|timed? ?out|timeout|too ?slow|deadline|gave up|abandon`),
}

// On one core, as the issue asks: of a plain file at least 150 MB/s with 5 % of
// the lines matching, and 40 MB/s when all match.
func BenchmarkExchanges(b *testing.B) {
	for _, bench := range []struct {
		name  string
		every int
	}{{"5percent", 20}, {"all", 1}} {
		b.Run(bench.name, func(b *testing.B) {
			path := writeLog(b, 16<<20, bench.every)
			info, _ := os.Stat(path)
			b.SetBytes(info.Size())
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			for b.Loop() {
				q := benchQuery
				q.Paths = []string{path}
				x, err := new(Logs).Exchanges(context.Background(), q)
				if err != nil || len(x.Lanes) != 1 || x.Lanes[0].Queries < 1000 || x.Lanes[0].StretchCount != 1 {
					b.Fatalf("%+v %v", x, err)
				}
			}
		})
	}
}

func BenchmarkRecords(b *testing.B) {
	path := writeLog(b, 16<<20, 20)
	info, _ := os.Stat(path)
	b.SetBytes(info.Size())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for b.Loop() {
		r, err := new(Logs).Records(context.Background(), []string{path}, nil)
		if err != nil || len(r.Groups) != 2 {
			b.Fatalf("%+v %v", r, err)
		}
	}
}

func BenchmarkExchangesGzip(b *testing.B) {
	plain, err := os.ReadFile(writeLog(b, 8<<20, 20))
	if err != nil {
		b.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(plain)
	w.Close()
	path := filepath.Join(b.TempDir(), "x.log.1.gz")
	if err := os.WriteFile(path, z.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		q := benchQuery
		q.Paths = []string{path}
		if _, err := new(Logs).Exchanges(context.Background(), q); err != nil {
			b.Fatal(err)
		}
	}
}

// What grep takes to find the same lines, and no more than find them.
func BenchmarkGrep(b *testing.B) {
	if _, err := exec.LookPath("grep"); err != nil {
		b.Skip("no grep here")
	}
	path := writeLog(b, 16<<20, 20)
	info, _ := os.Stat(path)
	for _, locale := range []string{"C", "C.UTF-8"} {
		b.Run(locale, func(b *testing.B) {
			b.SetBytes(info.Size())
			for b.Loop() {
				cmd := exec.Command("grep", "-ciE", `query [^ ]+|result \{'symbol'|cancel|timed? ?out|timeout|too ?slow|deadline|gave up|abandon`, path)
				cmd.Env = append(os.Environ(), "LC_ALL="+locale)
				if _, err := cmd.Output(); err != nil { // into /dev/null it would stop at the first
					b.Fatal(err)
				}
			}
		})
	}
}
