package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// logSource is an open file, or a pipe that stays open from Head to Read.
type logSource struct {
	file   *os.File // nil: a reader that was given
	in     io.Reader
	size   int64 // of a regular file
	isPipe bool
	used   bool
	head   *bufio.Reader // of a pipe
}

// open never waits: neither for the writer of a FIFO, nor, once ctx ends, for
// what a pipe has not sent yet.
func (l *Logs) open(ctx context.Context, path string) (*logSource, error) {
	if s := l.pipes[path]; s != nil {
		s.in = &leavable{ctx: ctx, in: s.rawReader()}
		return s, nil
	}
	if path == "-" {
		return l.openStdin(ctx)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, logError(path, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("logs %s: is a directory; name the files in it: '%s/*.log'", path, path)
	case info.Mode()&fs.ModeNamedPipe != 0:
		return l.openPipe(ctx, path, f)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("logs %s: is a device or a socket, not a file", path)
	}
	if err != nil {
		f.Close()
		return nil, logError(path, err)
	}
	return &logSource{file: f, in: f, size: info.Size()}, nil
}

func (l *Logs) openStdin(ctx context.Context) (*logSource, error) {
	if l.Stdin == nil {
		return nil, errors.New("logs -: this recipe runs where stdin is not ours to read; name a file")
	}
	if f, ok := l.Stdin.(*os.File); ok {
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("logs -: %w", err)
		}
		if info.Mode()&fs.ModeCharDevice != 0 {
			return nil, errors.New("logs -: stdin is a terminal or a device; pipe a log into it: cat x.log | runbook run … --logs -")
		}
	}
	return l.keep(ctx, "-", &logSource{in: l.Stdin}), nil
}

// openPipe waits a little for who writes: a shell that starts both ends may
// start us first.
func (l *Logs) openPipe(ctx context.Context, path string, f *os.File) (*logSource, error) {
	s := l.keep(ctx, path, &logSource{file: f, in: f})
	for deadline := time.Now().Add(time.Second); ; {
		if _, err := s.head.Peek(1); err == nil || !errors.Is(err, io.EOF) {
			return s, nil // an error comes again when it is read
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			delete(l.pipes, path)
			f.Close()
			return nil, logError(path, errEmptyPipe)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *Logs) keep(ctx context.Context, path string, s *logSource) *logSource {
	s.isPipe = true
	raw := s.in
	s.in = &leavable{ctx: ctx, in: raw}
	s.head = bufio.NewReaderSize(s, logHead)
	if l.pipes == nil {
		l.pipes = map[string]*logSource{}
	}
	l.pipes[path] = s
	return s
}

// Read is what the buffer of a pipe fills itself from.
func (s *logSource) Read(b []byte) (int, error) { return s.in.Read(b) }

func (s *logSource) rawReader() io.Reader {
	if u, ok := s.in.(*leavable); ok {
		return u.in
	}
	return s.in
}

func (s *logSource) reader() io.Reader {
	if s.isPipe {
		return s.head
	}
	return s.in
}

// peek returns the first n bytes, fewer when there are no more. A pipe gives
// them again to who reads it.
func (s *logSource) peek(n int) ([]byte, error) {
	if s.isPipe {
		b, err := s.head.Peek(n)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return b, err
	}
	return io.ReadAll(io.LimitReader(s.in, int64(n)))
}

// position is how much of a regular file was read, and its size; 0, 0 of a pipe.
func (s *logSource) position() (read, size int64) {
	if s.file == nil || s.isPipe {
		return 0, 0
	}
	at, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, 0
	}
	return at, s.size
}

func (s *logSource) close() {
	if !s.isPipe && s.file != nil {
		s.file.Close()
	}
}

// leavable reads in the background, so that a pipe which sends nothing can be
// left. What is read after that is lost with it.
type leavable struct {
	ctx context.Context
	in  io.Reader
	buf []byte
}

type readResult struct {
	n   int
	err error
}

func (u *leavable) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	if len(u.buf) == 0 {
		u.buf = make([]byte, 64<<10)
	}
	result := make(chan readResult, 1)
	part := u.buf[:min(len(b), len(u.buf))]
	go func() {
		n, err := u.in.Read(part)
		result <- readResult{n, err}
	}()
	select {
	case r := <-result:
		return copy(b, part[:r.n]), r.err
	case <-u.ctx.Done():
		u.buf = nil // that read still writes into it
		return 0, u.ctx.Err()
	}
}
