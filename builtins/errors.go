package builtins

import (
	"context"
	"errors"
	"strings"

	"runbook/builtins/probe"
	"runbook/engine"
)

// blind is the error of a builtin that could not look. The engine turns it
// into an `unknown` finding: no list is ever empty because of it.
type blind struct {
	probe  string
	err    error
	remedy string
}

func (b *blind) Error() string {
	if text := b.err.Error(); strings.HasPrefix(text, b.probe+" ") || strings.HasPrefix(text, b.probe+":") {
		return text
	}
	return b.probe + ": " + b.err.Error()
}

func (b *blind) Unwrap() error  { return b.err }
func (b *blind) Probe() string  { return b.probe }
func (b *blind) Remedy() string { return b.remedy }

var _ engine.Unknownable = (*blind)(nil)

// couldNotLook makes err a blind one, with the remedy that the ledger holds
// for it. A run that is being cancelled is not blind: it was told to stop.
func couldNotLook(ctx context.Context, h probe.Host, name string, err error, rows []probe.Coverage) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	b := &blind{probe: name, err: err}
	for _, row := range rows {
		if row.Status != "read" && row.Remedy != "" {
			b.remedy = row.Remedy // the last is the nearest to what failed
		}
	}
	if b.remedy == "" && probe.Denied(err) {
		b.remedy = probe.Remedy(ctx, h, -1)
	}
	return b
}

// ended reports whether err means that a process is not there any more, which
// is a fact, and not blindness.
func ended(err error) bool { return probe.Gone(err) || errors.Is(err, probe.ErrReused) }

// partly follows a call that reads several processes. One that may not be read
// must not hide the others: it is a row of the coverage, and the call an error
// only when nothing could be read.
type partly struct {
	read  bool
	first error
}

// note takes the outcome of one process. That it has ended is a fact, and
// neither here nor there.
func (p *partly) note(err error) {
	switch {
	case err == nil:
		p.read = true
	case !ended(err) && p.first == nil:
		p.first = err
	}
}

// nothing is the error of a call that could read no process at all.
func (p *partly) nothing(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.read {
		return nil
	}
	return p.first
}
