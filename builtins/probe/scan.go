package probe

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// scan returns the pids that a query may pick, by a look at the command line of
// every process. What it returns is read again, and matched again, so it may
// return too many but must not miss one.
//
// It reads one file a process: reading stat, status and the rest of 8,000
// processes to find 13 costs ten times as much.
func scan(ctx context.Context, h Host, q PSQuery) ([]int, error) {
	names, err := h.ReadDir(ctx, ".")
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(names))
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	if h.Clock().Live && !slices.Contains(pids, 1) {
		// Every namespace has its pid 1: what hides that one hides more.
		Cover(ctx, "ps", 0, fmt.Errorf("processes of other users: %w", errHidden), Remedy(ctx, h, -1))
	}
	if q.All {
		return pids, nil
	}

	var mu sync.Mutex
	var picked, nameless []int
	var hidden, stuck int
	sieve := newSieve(&q)
	err = readEach(ctx, h, len(pids), func(i int) string { return pidPath(pids[i], "cmdline") },
		func(i int, b []byte, err error) {
			switch {
			case err == nil && !blank(b):
				if sieve.mayMatch(b) {
					mu.Lock()
					picked = append(picked, pids[i])
					mu.Unlock()
				}
				return
			case Gone(err):
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if Denied(err) {
				hidden++
			} else if err != nil {
				stuck++
			}
			nameless = append(nameless, pids[i])
		})
	if err != nil {
		return nil, err
	}
	picked = append(picked, pickByName(ctx, h, &q, sieve, nameless)...)
	if hidden > 0 {
		Cover(ctx, "ps", 0, fmt.Errorf("command lines of %d processes: %w", hidden, errHidden), Remedy(ctx, h, -1))
	}
	if stuck > 0 {
		Cover(ctx, "ps", 0, fmt.Errorf("command lines of %d processes: %w", stuck, ErrTimeout), "")
	}
	slices.Sort(picked)
	return picked, nil
}

// pickByName matches processes without a command line by their comm: zombies,
// kernel threads, and those whose memory lock is stuck.
func pickByName(ctx context.Context, h Host, q *PSQuery, sieve *sieve, pids []int) []int {
	var picked []int
	buf := make([]byte, 1024)
	for _, pid := range pids {
		b, err := h.ReadFile(ctx, pidPath(pid, "stat"), buf)
		if err != nil || !sieve.mayMatch(b) {
			continue // a machine has hundreds of kernel threads
		}
		st, err := ParseStat(b)
		if err != nil {
			continue
		}
		p := Process{Comm: Clean([]byte(st.Comm))}
		p.Actor = ParseIdentity(nil, p.Comm)
		if q.matches(&p) {
			picked = append(picked, pid)
		}
	}
	return picked
}

func blank(b []byte) bool { return len(b) == 0 || b[0] == 0 && len(bytes.Trim(b, "\x00")) == 0 }

// readEach reads n files and hands each to visit, in any order and from more
// than one goroutine. A host that reads for another one says so by Unwrap.
func readEach(ctx context.Context, h Host, n int, name func(int) string, visit func(int, []byte, error)) error {
	if u, ok := h.(interface{ Unwrap() Host }); ok {
		return readEach(ctx, u.Unwrap(), n, name, visit)
	}
	if s, ok := h.(interface {
		sweep(context.Context, int, func(int) string, func(int, []byte, error)) error
	}); ok {
		return s.sweep(ctx, n, name, visit)
	}
	buf := make([]byte, 64<<10)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := h.ReadFile(ctx, name(i), buf)
		visit(i, b, err)
	}
	return nil
}
