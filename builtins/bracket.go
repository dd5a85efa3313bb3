package builtins

import (
	"context"
	"errors"
	"time"

	"go.starlark.net/starlark"

	"runbook/engine"
)

// bracket calls do and then undo, whatever ends it: a return, an error, a
// panic, or the end of the step, which does not wait for a function that does
// not heed it.
func bracket(call *engine.Call, name string, undo func(context.Context) error, do func() (starlark.Value, error)) (value starlark.Value, err error) {
	ended := make(chan struct{})
	call.Undo(name, func(ctx context.Context) error {
		select {
		case <-ended: // the rest finds nothing to do
		case <-soon(ctx):
		}
		return undo(ctx)
	})
	defer func() {
		close(ended)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(call.Context), undoPatience)
		defer cancel()
		if undone := undo(ctx); undone != nil {
			value, err = nil, errors.Join(undone, err)
		}
	}()
	if value, err = do(); err != nil {
		err = &calledError{err}
	}
	return value, err
}

// calledError is the error of the function that a bracket called.
type calledError struct{ error }

func (e *calledError) Unwrap() error { return e.error }

// undoPatience is how long putting back may take where nobody is pressed.
const undoPatience = 10 * time.Minute

// soon is closed in the middle of the time that ctx has left: half is for
// waiting, half for the work.
func soon(ctx context.Context) <-chan struct{} {
	end, ok := ctx.Deadline()
	if !ok {
		return nil
	}
	half, cancel := context.WithDeadline(ctx, time.Now().Add(time.Until(end)/2))
	context.AfterFunc(half, cancel)
	return half.Done()
}
