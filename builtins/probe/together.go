package probe

import (
	"context"
	"sync"
)

// Together lets the calls of Host.Sockets below the returned context share what
// can only be read of a whole network namespace at once: one dump of its TCP
// sockets and one of its UNIX sockets for all of the processes, filtered while
// it streams past. fds are the descriptors of all processes that will be asked
// for. The dump is made at the first need and never again, so one such context
// is one moment: make a new one for each look.
//
// Without it each call dumps for itself, which gives the same rows at the price
// of one walk over all sockets a process.
func Together(ctx context.Context, fds ...[]FD) context.Context {
	t := &together{want: map[uint64]bool{}, tables: map[string]*socketTable{}}
	for _, list := range fds {
		for i := range list {
			if list[i].Kind == "socket" {
				t.want[list[i].Inode] = true
			}
		}
	}
	return context.WithValue(ctx, togetherKey{}, t)
}

type togetherKey struct{}

type together struct {
	want   map[uint64]bool // by inode
	mu     sync.Mutex
	tables map[string]*socketTable // by what was dumped: "tcp net:[4026531840]"
}

// socketTable is what one dump gave of the wanted sockets.
type socketTable struct {
	once sync.Once
	rows map[uint64]Socket // by inode
	err  error
}

// sharing finds the context's gathering; one for these fds alone when there is
// none, or when it was made for others.
func sharing(ctx context.Context, fds []FD) *together {
	if t, ok := ctx.Value(togetherKey{}).(*together); ok {
		all := true
		for i := range fds {
			all = all && (fds[i].Kind != "socket" || t.want[fds[i].Inode])
		}
		if all {
			return t
		}
	}
	return Together(context.Background(), fds).Value(togetherKey{}).(*together)
}

// table returns the rows of one dump, made by fill at the first call for key.
func (t *together) table(key string, fill func(want map[uint64]bool, keep func(Socket)) error) (map[uint64]Socket, error) {
	t.mu.Lock()
	table := t.tables[key]
	if table == nil {
		table = &socketTable{rows: map[uint64]Socket{}}
		t.tables[key] = table
	}
	t.mu.Unlock()
	table.once.Do(func() {
		table.err = fill(t.want, func(s Socket) { table.rows[s.Inode] = s })
	})
	return table.rows, table.err
}
