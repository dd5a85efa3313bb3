package engine

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// undos is what a step began and must put back: a stack, emptied in reverse
// order when the step ends, whatever ends it.
type undos struct {
	mu     sync.Mutex
	stack  []undo
	closed bool // the step is over: who registers now is put back at once

	deadline time.Duration // for each
	grace    time.Duration // for one that does not heed it
}

type undo struct {
	name string
	fn   func(context.Context) error
}

// push registers. A builtin that was abandoned may come late; what it began is
// put back by itself, for nobody waits for it any more.
func (u *undos) push(ctx context.Context, name string, fn func(context.Context) error) {
	u.mu.Lock()
	late := u.closed
	if !late {
		u.stack = append(u.stack, undo{name, fn})
	}
	u.mu.Unlock()
	if late {
		_ = u.run(ctx, undo{name, fn})
	}
}

// unwind runs all, last one first, each with a context of its own: the step's
// has often ended, which is why we are here. It returns what went wrong; one
// undo that fails does not keep the others from running.
func (u *undos) unwind(ctx context.Context) []error {
	u.mu.Lock()
	stack := u.stack
	u.stack, u.closed = nil, true
	u.mu.Unlock()

	var failed []error
	for i := len(stack) - 1; i >= 0; i-- {
		if err := u.run(ctx, stack[i]); err != nil {
			failed = append(failed, fmt.Errorf("undo %s: %w", stack[i].name, err))
		}
	}
	return failed
}

func (u *undos) run(ctx context.Context, one undo) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), u.deadline)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("it ended its goroutine")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
			done <- err
		}()
		err = one.fn(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(u.grace):
		return fmt.Errorf("gave up after %s", span(u.deadline))
	}
}
