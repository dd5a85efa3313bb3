package probe

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
)

// Children returns the pids of the children of a process, in the order in
// which each of its threads had them. An empty list means that it has none.
//
// Source: /proc/PID/task/TID/children; on a kernel built without that, the
// parent of every process. Cost: one small file a thread.
func Children(ctx context.Context, h Host, pid int) ([]int, error) {
	k := kin{h: h}
	return k.children(ctx, pid)
}

// kin finds children, and remembers the pass over all processes that it takes
// where the kernel has no children files. It may be used by several goroutines.
type kin struct {
	h   Host
	mu  sync.Mutex
	all map[int][]int // parent → children; nil: not needed so far
}

func (k *kin) children(ctx context.Context, pid int) ([]int, error) {
	k.mu.Lock()
	all := k.all
	k.mu.Unlock()
	if all != nil {
		return all[pid], nil
	}
	dir := pidPath(pid, "task")
	tids, err := k.h.ReadDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	var children []int
	read := 0
	for _, tid := range tids {
		b, err := k.h.ReadFile(ctx, dir+"/"+tid+"/children", nil)
		if Gone(err) {
			continue // a thread that ended, or a kernel without these files
		}
		if err != nil {
			return nil, err
		}
		read++
		c, err := parseChildren(b)
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", dir, tid, err)
		}
		children = append(children, c...)
	}
	if read > 0 || len(tids) == 0 {
		return children, nil
	}
	if _, err := k.h.ReadFile(ctx, pidPath(pid, "stat"), nil); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		if err := k.readAll(ctx); err != nil {
			return nil, err
		}
	}
	return k.all[pid], nil
}

// readAll asks every process for its parent.
func (k *kin) readAll(ctx context.Context) error {
	names, err := k.h.ReadDir(ctx, ".")
	if err != nil {
		return err
	}
	all := map[int][]int{}
	buf := make([]byte, 4096)
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := k.h.ReadFile(ctx, pidPath(pid, "stat"), buf)
		if err != nil {
			continue
		}
		if st, err := ParseStat(b); err == nil {
			all[st.PPID] = append(all[st.PPID], pid)
		}
	}
	k.all = all
	return nil
}

// parseChildren reads a children file: pids, each followed by a space.
func parseChildren(b []byte) ([]int, error) {
	var pids []int
	for _, f := range bytes.Fields(b) {
		pid, err := strconv.Atoi(string(f))
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("children: pid %q", f)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// ownFamily returns our pid (true) and those of our ancestors (false); empty
// on a host where our pid means nothing.
func ownFamily(ctx context.Context, h Host) map[int]bool {
	own := map[int]bool{}
	pid := h.Clock().PID
	for self := true; pid > 0 && len(own) < 1000; self = false {
		if _, again := own[pid]; again {
			break
		}
		own[pid] = self
		b, err := h.ReadFile(ctx, pidPath(pid, "stat"), nil)
		if err != nil {
			break
		}
		st, err := ParseStat(b)
		if err != nil {
			break
		}
		pid = st.PPID
	}
	return own
}

// errHidden is what hidepid= of the proc mount, or a sandbox, does to others'
// processes.
var errHidden = fmt.Errorf("hidden by the kernel: %w", fs.ErrPermission)
