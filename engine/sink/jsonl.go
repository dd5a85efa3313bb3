package sink

import (
	"bytes"
	"io"

	"runbook/engine/event"
)

type jsonl struct {
	w   io.Writer
	buf bytes.Buffer
	err error
}

// NewJSONL returns a sink that writes each event as one line, in one write:
// who reads a pipe sees whole events at once. Signs of progress are left out.
func NewJSONL(w io.Writer) event.Sink { return &jsonl{w: w} }

func (j *jsonl) Write(e event.Event) error {
	if j.err != nil || e.Progressed != nil {
		return j.err
	}
	j.buf.Reset()
	if err := encodeLine(&j.buf, e); err != nil {
		return err
	}
	_, j.err = j.w.Write(j.buf.Bytes())
	return j.err
}

func (j *jsonl) Close() error { return j.err }
