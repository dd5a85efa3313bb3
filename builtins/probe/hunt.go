package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The signals of the ladder; the same numbers on every system that we know.
const (
	sigINT  = 2
	sigKILL = 9
	sigTERM = 15
	sigCONT = 18
)

// hunt is one call of Kill.
type hunt struct {
	h      Host
	act    Actor
	req    KillRequest
	began  time.Time
	ours   map[int]bool // ourselves and our ancestors
	byID   map[ID]*quarry
	order  []*quarry // root first
	rung   string    // that is being climbed
	told   []*quarry // who was signalled on it
	report KillReport
}

// quarry is one process that is to end.
type quarry struct {
	Process
	root    bool
	zombie  bool // was one when we found it
	done    bool
	masks   *Signals // nil when they could not be read
	got     int      // the last signal that it was sent
	refused string   // why it could not be sent one
}

// begin sorts the targets, looks at each once more, and refuses what must not
// be touched.
func (k *hunt) begin(ctx context.Context) error {
	var err error
	if k.ours, err = ourselves(ctx, k.h); err != nil {
		return err
	}
	targets := map[int]Process{}
	for _, p := range k.req.Targets {
		targets[p.PID] = p
	}
	sorted := rootFirst(targets)
	held := k.paused(sorted, targets)
	for _, p := range sorted {
		root := rootOf(p, targets)
		if why := held[root.ID]; why != "" {
			k.refuse(p, why)
			continue
		}
		k.add(ctx, p, p.ID == root.ID, root.UID)
	}
	k.discover(ctx)
	return ctx.Err()
}

// ourselves returns our pid and those of our ancestors: empty on a host where
// none of the processes is ours.
func ourselves(ctx context.Context, h Host) (map[int]bool, error) {
	ours := map[int]bool{}
	for pid := h.Clock().PID; pid > 0 && !ours[pid]; {
		ours[pid] = true
		s, err := readLife(ctx, h, pid)
		if err != nil {
			if len(ours) == 1 {
				return nil, fmt.Errorf("kill: who our ancestors are: %w", err)
			}
			break // hidden from us, or gone: no target that we could have read
		}
		pid = s.PPID
	}
	return ours, nil
}

// rootFirst orders processes by their depth below the others, then by age.
func rootFirst(targets map[int]Process) []Process {
	sorted := make([]Process, 0, len(targets))
	depth := map[int]int{}
	for pid, p := range targets {
		sorted = append(sorted, p)
		for up, ok := targets[p.PPID]; ok && depth[pid] < len(targets); up, ok = targets[up.PPID] {
			depth[pid]++
		}
	}
	slices.SortFunc(sorted, func(a, b Process) int {
		return cmp.Or(depth[a.PID]-depth[b.PID], cmp.Compare(a.Start, b.Start), a.PID-b.PID)
	})
	return sorted
}

// rootOf is the topmost of targets above p.
func rootOf(p Process, targets map[int]Process) Process {
	for range targets {
		up, ok := targets[p.PPID]
		if !ok || up.PID == p.PID {
			break
		}
		p = up
	}
	return p
}

// paused says, by root, why a tree is spared because someone debugs in it. All
// of it is: to end its root, or a sibling, takes the paused one along.
func (k *hunt) paused(sorted []Process, targets map[int]Process) map[ID]string {
	held := map[ID]string{}
	if k.req.Force {
		return held
	}
	for _, p := range sorted {
		if root := rootOf(p, targets); k.req.Paused[p.ID] && held[root.ID] == "" {
			held[root.ID] = fmt.Sprintf("%s is paused at a debugger prompt, where a person may sit", named(p))
		}
	}
	return held
}

func (k *hunt) refuse(p Process, why string) {
	k.byID[p.ID] = &quarry{Process: p, done: true}
	k.report.Refused = append(k.report.Refused, Refusal{p, why})
}

// add takes a process on, or says why not. uid is that of the root of its tree.
func (k *hunt) add(ctx context.Context, p Process, root bool, uid int) {
	now, err := ReadProcess(ctx, k.h, p.PID)
	switch {
	case Gone(err):
		k.byID[p.ID] = &quarry{Process: p, done: true}
		k.report.Ended = append(k.report.Ended, Ending{p, k.rung, time.Since(k.began)})
		return
	case err != nil:
		k.refuse(p, fmt.Sprintf("could not look at it: %v", err))
		return
	case now.Start != p.Start:
		k.refuse(p, ErrReused.Error())
		return
	case p.PID == k.h.Clock().PID:
		k.refuse(p, "that is us")
		return
	case k.ours[p.PID]:
		k.refuse(p, "we run below it")
		return
	case p.PID == 1:
		k.refuse(p, "init")
		return
	case k.kernel(ctx, p.PID):
		k.refuse(p, "a thread of the kernel")
		return
	case now.UID < 0 || uid < 0:
		k.refuse(p, "whose it is could not be read")
		return
	case now.UID != uid:
		k.refuse(p, fmt.Sprintf("belongs to uid %d, and its tree to uid %d", now.UID, uid))
		return
	}
	p.State, p.PPID, p.UID, p.Threads = now.State, now.PPID, now.UID, now.Threads
	q := &quarry{Process: p, root: root, zombie: p.Zombie() && p.Threads <= 1}
	q.masks = k.masks(ctx, p.PID)
	k.byID[p.ID] = q
	k.order = append(k.order, q)
}

// masks reads the signal masks of a process; nil when it can't. What it blocks
// for a moment only, as a Go program does whenever it starts a thread, does not
// count: then it is read again, a little later.
func (k *hunt) masks(ctx context.Context, pid int) *Signals {
	masks, err := ReadSignals(ctx, k.h, pid)
	if err != nil {
		return nil
	}
	for range 5 {
		if !Has(masks.Blocked, sigINT) || sleep(ctx, 2*time.Millisecond) != nil {
			break
		}
		if again, err := ReadSignals(ctx, k.h, pid); err == nil {
			masks.Blocked &= again.Blocked
		}
	}
	return &masks
}

// kernel reports whether a process is the kernel's. Its pid or parent would not
// do: in a container, number 2 is anybody.
func (k *hunt) kernel(ctx context.Context, pid int) bool {
	s, err := readLife(ctx, k.h, pid)
	return err == nil && s.Kernel
}

// discover takes on descendants that the targets have got meanwhile, or that
// the caller did not know, and reports whether there were any. Below ourselves
// nothing is looked for.
func (k *hunt) discover(ctx context.Context) bool {
	before := len(k.order)
	for i := 0; i < len(k.order); i++ { // grows while it is walked
		q := k.order[i]
		if q.done || q.zombie {
			continue
		}
		pids, err := Children(ctx, k.h, q.PID)
		if err != nil {
			continue // it has just ended; its children will be found on their own, or not be known
		}
		for _, pid := range pids {
			s, err := readLife(ctx, k.h, pid)
			if err != nil || s.PPID != q.PID || k.byID[s.ID] != nil {
				continue
			}
			child, err := ReadProcess(ctx, k.h, pid)
			if err != nil || child.ID != s.ID {
				continue
			}
			k.add(ctx, child, false, q.UID)
		}
	}
	return len(k.order) > before
}

func (k *hunt) say(format string, args ...any) {
	if k.req.Progress != nil {
		k.req.Progress(fmt.Sprintf(format, args...))
	}
}

// named is how we speak of a process: "beta (pid 4242)".
func named(p Process) string {
	name := p.Actor.Name
	if name == "" {
		name = p.Comm
	}
	return strings.TrimSpace(fmt.Sprintf("%s (pid %d)", name, p.PID))
}

func sigName(sig int) string {
	switch sig {
	case sigINT:
		return "SIGINT"
	case sigTERM:
		return "SIGTERM"
	case sigKILL:
		return "SIGKILL"
	}
	return fmt.Sprintf("signal %d", sig)
}

// sleep waits for d or for ctx's end.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
