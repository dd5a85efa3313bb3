package probe

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Coverage says how one read went. An empty list of facts means "looked, and
// found none" only where the coverage of that probe is "read".
type Coverage struct {
	Probe  string // wchan, syscall, ss, epoll, pipes …
	PID    int
	Status string // read, denied, absent, timeout, uncaptured
	Detail string // the error's text
	Remedy string // what would make it readable; can be typed where possible
}

// Ledger collects coverage rows. The zero value is ready, and may be used by
// several goroutines.
type Ledger struct {
	mu   sync.Mutex
	rows []Coverage
	seen map[Coverage]bool // of many rows, else nil
}

// Rows returns what was collected, in order, equal rows once.
func (l *Ledger) Rows() []Coverage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Coverage(nil), l.rows...)
}

func (l *Ledger) add(c Coverage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const few = 16 // of which each is compared faster than a map is made
	if l.seen == nil && len(l.rows) >= few {
		l.seen = make(map[Coverage]bool, 4*few)
		for _, row := range l.rows {
			l.seen[row] = true
		}
	}
	if l.seen == nil && slices.Contains(l.rows, c) || l.seen[c] {
		return
	}
	if l.seen != nil {
		l.seen[c] = true
	}
	l.rows = append(l.rows, c)
}

type ledgerKey struct{}

// WithLedger makes the probes below ctx note their coverage in l.
func WithLedger(ctx context.Context, l *Ledger) context.Context {
	return context.WithValue(ctx, ledgerKey{}, l)
}

// Cover notes how a read went; err nil means that it was read. Vanished
// processes ("absent") are noted too: a tree that is going away is a fact. What
// a snapshot does not hold ("uncaptured") nobody refused.
func Cover(ctx context.Context, probe string, pid int, err error, remedy string) {
	l, _ := ctx.Value(ledgerKey{}).(*Ledger)
	if l == nil {
		return
	}
	c := Coverage{Probe: probe, PID: pid, Status: "read"}
	switch {
	case err == nil:
	case Gone(err):
		c.Status = "absent"
	case errors.Is(err, ErrNotCaptured):
		c.Status = "uncaptured"
	case errors.Is(err, ErrTimeout):
		c.Status = "timeout"
	default:
		c.Status = "denied"
	}
	if err != nil {
		c.Detail, c.Remedy = err.Error(), remedy
	}
	l.add(c)
}
