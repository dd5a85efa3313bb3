package probe

import (
	"context"
	"errors"
	"sync"
)

// underway are the work trees that this process has made, or changed in place,
// with what puts each back.
var underway = struct {
	mu  sync.Mutex
	all map[any]func(context.Context) error
}{all: map[any]func(context.Context) error{}}

func begun(tree any, back func(context.Context) error) {
	underway.mu.Lock()
	defer underway.mu.Unlock()
	underway.all[tree] = back
}

func over(tree any) {
	underway.mu.Lock()
	defer underway.mu.Unlock()
	delete(underway.all, tree)
}

// PutBackAll puts back all work trees that this process has changed, and removes
// those that it has made: for who leaves without waiting for whoever began
// that. What nothing is to be done for costs nothing.
//
// Errors: of Restore and Remove; then `runbook recover` may try again.
func PutBackAll(ctx context.Context) error {
	underway.mu.Lock()
	var list []func(context.Context) error
	for _, back := range underway.all {
		list = append(list, back)
	}
	underway.mu.Unlock()
	var failed []error
	for _, back := range list {
		failed = append(failed, back(ctx))
	}
	return errors.Join(failed...)
}
