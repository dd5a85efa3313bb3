package probe

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Abreast calls do for each i below n, a few at a time: a look is system calls
// for the most part, and what is read at once is closer to one moment. Coverage
// is noted in the order of i, whatever came first. A panic of do is the
// caller's.
func Abreast(ctx context.Context, n int, do func(ctx context.Context, i int)) {
	ledgers := make([]Ledger, n)
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(WithLedger(ctx, &ledgers[i]), i)
		}
	}
	var panicked atomic.Pointer[any]
	var others sync.WaitGroup
	for range min(n, 4, runtime.GOMAXPROCS(0)) - 1 {
		others.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panicked.Store(&p)
				}
			}()
			work()
		})
	}
	work()
	others.Wait()
	if p := panicked.Load(); p != nil {
		panic(*p)
	}
	all, _ := ctx.Value(ledgerKey{}).(*Ledger)
	if all == nil {
		return
	}
	for i := range ledgers {
		for _, row := range ledgers[i].rows {
			all.add(row)
		}
	}
}
