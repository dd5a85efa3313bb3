package lsp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// mostBody is how long a message may be, in bytes. The largest are texts, of
// which a recipe may have 512 KiB.
const mostBody = 16 << 20

var errTooLong = errors.New("message longer than 16 MiB")

// readFrame reads the body of the next frame. What is no header is skipped, so
// that a stray line between two frames costs nothing but itself.
//
// Errors: errTooLong for a body that was skipped, after which the next frame
// can be read; else what reading said, io.EOF at the end.
func readFrame(r *bufio.Reader) ([]byte, error) {
	length := int64(-1)
	for {
		line, err := headerLine(r)
		if err != nil {
			return nil, err
		}
		if line == "" && length >= 0 {
			break
		}
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n >= 0 {
				length = n
			}
		}
	}
	if length > mostBody {
		if _, err := io.CopyN(io.Discard, r, length); err != nil {
			return nil, err
		}
		return nil, errTooLong
	}
	var body bytes.Buffer // grows with what comes, not with what was promised
	if _, err := io.CopyN(&body, r, length); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

// headerLine is the next line without its end; of one that is longer than a
// header, the beginning.
func headerLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	first := string(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(first, "\r\n"), nil
}

// writer writes frames, each whole.
type writer struct {
	mu  sync.Mutex
	out io.Writer
	err error // the first
}

func (w *writer) write(message any) {
	body, err := json.Marshal(message)
	if err != nil {
		body = []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"an answer that is no JSON"}}`)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		_, w.err = w.out.Write(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(body), body))
	}
}
