package sink

import (
	"bytes"
	"io"

	"runbook/engine/event"
)

type jsonDocument struct {
	w      io.Writer
	story  story
	closed bool
}

// NewJSON returns a sink that writes one Report when it is closed, also of a
// run that was cut off: its outcome is then "interrupted". Without any event
// it writes nothing.
func NewJSON(w io.Writer) event.Sink { return &jsonDocument{w: w} }

func (j *jsonDocument) Write(e event.Event) error {
	j.story.add(e)
	return nil
}

func (j *jsonDocument) Close() error {
	if j.closed || j.story.events == 0 {
		return nil
	}
	j.closed = true
	var b bytes.Buffer
	if err := encodeJSON(&b, j.story.report(), "  "); err != nil {
		return err
	}
	_, err := j.w.Write(b.Bytes())
	return err
}
