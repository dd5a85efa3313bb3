package probe

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// Logs reads log files from end to end: plain or packed with gzip or bzip2, by
// name, "-" for stdin, pipes included. It holds a block of each at a time,
// whatever their size.
//
// What can't be read again, such as stdin, may be looked at (Head) before it is
// read, and read once.
type Logs struct {
	Stdin    io.Reader    // what "-" stands for; nil: nothing
	Progress func(string) // a sign of life, several times a second; nil: nobody listens

	pipes map[string]*logSource
}

// LogFile is how the reading of one file went.
type LogFile struct {
	Path   string
	Stream string // the log that the file is a part of: x.log of x.log.2.gz
	Kind   string // plain, gzip, bzip2; "" when it could not be opened
	Lines  int
	Bytes  int64 // of text, unpacked
	Cut    int   // lines longer than maxLine, of which the rest was not looked at
	Err    error // why it was not read, or not to its end
}

// LogLine is one line, valid until the call returns.
type LogLine struct {
	Path, Stream string
	Number       int    // 1, 2, 3 … within its file
	Text         []byte // without its end, and without codes that colour it
	Hits         uint64 // the patterns that may match
}

const (
	logBlock = 256 << 10
	maxLine  = 64 << 10 // of a longer line the rest is left out
	logHead  = 2 << 20  // of a pipe that Head may look at
)

// ErrNotAText is the error of a file that is no log: a program, an image.
var ErrNotAText = errors.New("is no text")

// Read gives each line that the net holds, of all lines when it is nil, to each,
// in the order of LogOrder. A file that can't be read does not keep the others
// from being read: its error stands with it. The error is that of ctx.
func (l *Logs) Read(ctx context.Context, paths []string, net *logNet, each func(*LogLine)) ([]LogFile, error) {
	return l.read(ctx, paths, net, 0, each)
}

// Head is Read of the first lines only: of limit bytes of each file.
func (l *Logs) Head(ctx context.Context, paths []string, net *logNet, limit int64, each func(*LogLine)) ([]LogFile, error) {
	return l.read(ctx, paths, net, min(limit, logHead), each)
}

func (l *Logs) read(ctx context.Context, paths []string, net *logNet, limit int64, each func(*LogLine)) ([]LogFile, error) {
	var files []LogFile
	for _, p := range LogOrder(paths) {
		f := LogFile{Path: p.Path, Stream: p.Stream, Err: p.Err}
		if f.Err == nil {
			f.Err = l.file(ctx, &f, net, limit, each)
		}
		if err := ctx.Err(); err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, nil
}

func (l *Logs) file(ctx context.Context, f *LogFile, net *logNet, limit int64, each func(*LogLine)) error {
	src, err := l.open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer src.close()
	var head []byte
	in := src.reader()
	if limit > 0 {
		if head, err = src.peek(int(limit)); err != nil {
			return logError(f.Path, err)
		}
		in = bytes.NewReader(head)
	} else if src.isPipe {
		if src.used {
			return fmt.Errorf("logs %s: is a pipe, and was read already", f.Path)
		}
		src.used = true
	}
	text, kind, err := unpack(in)
	f.Kind = kind
	if err == nil {
		s := logScan{file: f, net: net, each: each, src: src, progress: l.Progress}
		err = s.run(ctx, text)
	}
	if limit > 0 && int64(len(head)) >= limit && errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // of a packed file only the beginning was unpacked
	}
	return logError(f.Path, err)
}

// logError says what went wrong with a file in the words of somebody who reads it.
func logError(path string, err error) error {
	var p *fs.PathError
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "logs "): // says it all
		return err
	case errors.As(err, &p):
		err = p.Err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("logs %s: is cut off: the packed data ends in the middle: %w", path, err)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("logs %s: is damaged: %w", path, err)
	}
	return fmt.Errorf("logs %s: %w", path, err)
}

// unpack looks at how a stream begins: packed, plain, or no text at all.
func unpack(in io.Reader) (io.Reader, string, error) {
	first := make([]byte, 8<<10)
	n, err := io.ReadFull(in, first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, "", err
	}
	first = first[:n]
	whole := io.MultiReader(bytes.NewReader(first), in)
	has := func(magic string) bool { return strings.HasPrefix(string(first), magic) }
	switch {
	case has("\x1f\x8b"):
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, "gzip", err
		}
		text, _, err := unpack(z)
		return text, "gzip", err
	case has("BZh"):
		text, _, err := unpack(bzip2.NewReader(whole))
		return text, "bzip2", err
	case has("\x28\xb5\x2f\xfd"):
		return nil, "", fmt.Errorf("%w: packed with zstd; unpack it: zstdcat FILE | runbook run … --logs -", ErrNotAText)
	case has("\xfd7zXZ"):
		return nil, "", fmt.Errorf("%w: packed with xz; unpack it: xzcat FILE | runbook run … --logs -", ErrNotAText)
	case has("\xff\xfe"), has("\xfe\xff"):
		return nil, "", fmt.Errorf("%w that we read: UTF-16; make it UTF-8: iconv -f UTF-16 -t UTF-8 FILE | runbook run … --logs -", ErrNotAText)
	}
	// A log that is truncated under its writer begins with a hole of NULs.
	if bytes.IndexByte(bytes.TrimLeft(first, "\x00"), 0) >= 0 {
		return nil, "", fmt.Errorf("%w: binary data", ErrNotAText)
	}
	return whole, "plain", nil
}

// logScan takes one file apart.
type logScan struct {
	file     *LogFile
	net      *logNet
	each     func(*LogLine)
	src      *logSource
	progress func(string)
	told     time.Time
	began    time.Time
	line     LogLine
}

func (s *logScan) run(ctx context.Context, in io.Reader) error {
	s.line = LogLine{Path: s.file.Path, Stream: s.file.Stream}
	s.began = time.Now()
	s.told = s.began
	buf := make([]byte, logBlock)
	kept, skipping := 0, false // bytes of a line that has not ended; its end is being looked for
	for {
		n, err := in.Read(buf[kept:])
		s.file.Bytes += int64(n)
		block := buf[:kept+n]
		if skipping {
			end := bytes.IndexByte(block, '\n')
			if end < 0 {
				block = nil
			} else {
				block, skipping = block[end+1:], false
			}
		}
		whole := bytes.LastIndexByte(block, '\n') + 1
		s.block(block[:whole])
		rest := block[whole:]
		if len(rest) > maxLine {
			s.file.Cut++
			s.block(rest[:maxLine])
			s.file.Lines++
			rest, skipping = nil, true
		}
		kept = copy(buf, rest)
		if err != nil {
			s.block(buf[:kept])
			if kept > 0 {
				s.file.Lines++
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.say()
	}
}

// block looks at lines, each with its end; the last may lack it.
func (s *logScan) block(b []byte) {
	if len(b) == 0 {
		return
	}
	if bytes.IndexByte(b, 0x1b) >= 0 {
		b = uncolour(b)
	}
	number := s.file.Lines // lines before done
	for done := 0; done < len(b); {
		at, hits := done, uint64(0)
		if s.net != nil && s.net.always == 0 {
			var n int
			n, hits = s.net.find(b[done:])
			if at = done + n; at == len(b) {
				number += bytes.Count(b[done:], newline)
				break
			}
			begin := bytes.LastIndexByte(b[done:at], '\n') + 1 + done
			number += bytes.Count(b[done:begin], newline)
			done = begin
		}
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			end = len(b)
		} else {
			end += at
		}
		if s.net != nil {
			hits |= s.net.line(b[done:end]) // from its begin: texts may overlap
		}
		number++
		s.line.Number, s.line.Hits = number, hits
		s.line.Text = bytes.TrimSuffix(b[done:end], cr)
		if end == len(b) {
			number-- // no end, no whole line: who calls counts it
		}
		s.each(&s.line)
		done = end + 1
	}
	s.file.Lines = number
}

var newline, cr = []byte{'\n'}, []byte{'\r'}

// uncolour takes the escape sequences (CSI … letter) out of a block, in place.
func uncolour(b []byte) []byte {
	out := b[:0]
	for len(b) > 0 {
		esc := bytes.IndexByte(b, 0x1b)
		if esc < 0 {
			return append(out, b...)
		}
		out = append(out, b[:esc]...)
		b = b[esc+1:]
		if len(b) == 0 || b[0] != '[' {
			continue
		}
		end := 1
		for end < len(b) && b[end] >= 0x20 && b[end] < 0x40 {
			end++
		}
		if end < len(b) && b[end] >= 0x40 && b[end] < 0x7f {
			end++
		}
		b = b[end:]
	}
	return out
}

// say tells how far it is, twice a second.
func (s *logScan) say() {
	if s.progress == nil || time.Since(s.told) < 500*time.Millisecond {
		return
	}
	s.told = time.Now()
	name := filepath.Base(s.file.Path)
	read, size := s.src.position()
	if size <= 0 {
		s.progress(fmt.Sprintf("%s: %s", name, megabytes(s.file.Bytes)))
		return
	}
	left := time.Duration(float64(time.Since(s.began)) * float64(size-read) / float64(max(read, 1)))
	s.progress(fmt.Sprintf("%s: %s of %s, %s to go", name, megabytes(read), megabytes(size), left.Round(time.Second)))
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// errEmptyPipe is that of a FIFO into which nobody writes.
var errEmptyPipe = errors.New("is a FIFO, and nobody writes into it")
