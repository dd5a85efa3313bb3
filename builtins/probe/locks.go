package probe

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Lock is one file lock that the kernel holds for somebody.
//
// Source: /proc/locks (proc_locks(5)), lock_get_status in fs/locks.c.
type Lock struct {
	Number int    // the row's
	Kind   string // FLOCK, POSIX, OFDLCK, LEASE, DELEG
	Mode   string // READ, WRITE
	// PID is who took the lock; -1 when it belongs to an open file description
	// rather than to a process (OFDLCK), 0 when that process is of another pid
	// namespace. A FLOCK outlives who took it while a forked child keeps the
	// descriptor: see Holders.
	PID        int
	Dev        string // "fe:00", hexadecimal major:minor
	Inode      uint64
	Start, End string // range of bytes; "0" and "EOF" are all of the file
	Path       string // "" unknown
	// Holders are the descriptors through which the lock is held now, where
	// that was looked for: of locks that somebody waits for.
	Holders []FDRef
	Waiters []LockWaiter
}

// LockWaiter is a process that is blocked until a lock is released.
type LockWaiter struct {
	PID  int
	Mode string
}

// ParseLocks parses /proc/locks:
//
//	1: FLOCK  ADVISORY  WRITE 13120 fe:00:9977971 0 EOF
//	1: -> FLOCK  ADVISORY  WRITE 13122 fe:00:9977971 0 EOF
//
// The rows with an arrow wait for the lock of the same number above them.
func ParseLocks(b []byte) ([]Lock, error) {
	locks := []Lock{}
	for line := range bytes.Lines(b) {
		words := strings.Fields(string(line))
		if len(words) == 0 {
			continue
		}
		waits := len(words) > 1 && words[1] == "->"
		if waits {
			words = append(words[:1], words[2:]...)
		}
		lock, err := parseLock(words)
		if err != nil {
			return nil, fmt.Errorf("locks: line %.160q: %w", bytes.TrimSpace(line), err)
		}
		last := len(locks) - 1
		switch {
		case !waits:
			locks = append(locks, lock)
		case last >= 0 && locks[last].Number == lock.Number:
			locks[last].Waiters = append(locks[last].Waiters, LockWaiter{lock.PID, lock.Mode})
		default:
			return nil, fmt.Errorf("locks: line %.160q waits for a lock that is not there", bytes.TrimSpace(line))
		}
	}
	return locks, nil
}

func parseLock(words []string) (Lock, error) {
	var l Lock
	if len(words) < 8 {
		return l, fmt.Errorf("%d columns instead of 8", len(words))
	}
	number, ok := strings.CutSuffix(words[0], ":")
	if !ok {
		return l, fmt.Errorf("no number")
	}
	var err error
	if l.Number, err = strconv.Atoi(number); err != nil {
		return l, err
	}
	l.Kind, l.Mode = words[1], words[3]
	if l.PID, err = strconv.Atoi(words[4]); err != nil {
		return l, err
	}
	l.Start, l.End = words[6], words[7]
	if words[5] == "<none>:0" {
		return l, nil // the file's inode is on its way out
	}
	cut := strings.LastIndexByte(words[5], ':')
	if cut < 0 {
		return l, fmt.Errorf("%q is not a device and an inode", words[5])
	}
	l.Dev = words[5][:cut]
	l.Inode, err = strconv.ParseUint(words[5][cut+1:], 10, 64)
	return l, err
}

// Locks lists the file locks of the host with who waits for them. Path and
// Holders are filled for locks that somebody waits for: first through the
// descriptors of who took it and of its waiters; when who took it is gone or
// is nobody, through those of all processes that have the file open.
//
// Cost: one file; then about 10 µs a descriptor of the processes concerned.
// Errors: fs.ErrPermission. Who holds a lock is not secret, but rows of
// processes in other pid namespaces may be missing.
func Locks(ctx context.Context, h Host) ([]Lock, error) {
	return LocksOf(ctx, h, nil)
}

// LocksOf is Locks for some processes: those locks that one of pids holds or
// waits for, all of them with Path and Holders. nil pids: all locks.
func LocksOf(ctx context.Context, h Host, pids []int) ([]Lock, error) {
	all, err := readLocks(ctx, h)
	if err != nil {
		return nil, err
	}
	asked := setOf(pids)
	t := &lockTable{host: h, open: map[int][]lockedFD{}}
	mine := map[fileID]bool{} // files that one of pids has locked, whoever took the lock
	for _, pid := range pids {
		for _, fd := range t.of(ctx, pid) {
			for _, l := range fd.locks {
				mine[fileID{l.Dev, l.Inode}] = true
			}
		}
	}
	locks := []Lock{}
	for _, l := range all {
		if pids != nil && !asked[l.PID] && !mine[fileID{l.Dev, l.Inode}] && !anyWaiter(l, asked) {
			continue
		}
		if pids != nil || len(l.Waiters) > 0 {
			t.resolve(ctx, &l, pids)
		}
		locks = append(locks, l)
	}
	return locks, ctx.Err()
}

// locksWaitedFor are the locks for which one of pids waits, with Path and
// Holders: one file where nobody of them does.
func locksWaitedFor(ctx context.Context, h Host, pids []int) ([]Lock, error) {
	all, err := readLocks(ctx, h)
	if err != nil {
		return nil, err
	}
	asked := setOf(pids)
	t := &lockTable{host: h, open: map[int][]lockedFD{}}
	locks := []Lock{}
	for _, l := range all {
		if anyWaiter(l, asked) {
			t.resolve(ctx, &l, nil)
			locks = append(locks, l)
		}
	}
	return locks, ctx.Err()
}

func readLocks(ctx context.Context, h Host) ([]Lock, error) {
	b, err := h.ReadFile(ctx, "locks", nil)
	var all []Lock
	if err == nil {
		all, err = ParseLocks(b)
	}
	Cover(ctx, "locks", 0, err, "")
	return all, err
}

func setOf(pids []int) map[int]bool {
	set := map[int]bool{}
	for _, pid := range pids {
		set[pid] = true
	}
	return set
}

func anyWaiter(l Lock, pids map[int]bool) bool {
	for _, w := range l.Waiters {
		if pids[w.PID] {
			return true
		}
	}
	return false
}

type fileID struct {
	dev   string
	inode uint64
}

// lockTable remembers the descriptors of the processes that were looked at.
type lockTable struct {
	host Host
	open map[int][]lockedFD
}

// lockedFD is an open file, and the locks that are held through it.
type lockedFD struct {
	FDRef
	link  string
	inode uint64 // 0 on kernels before 5.14, which do not say
	locks []Lock
}

// resolve finds what a lock is on and through which descriptors it is held.
func (t *lockTable) resolve(ctx context.Context, l *Lock, pids []int) {
	near := append([]int{l.PID}, pids...)
	for _, w := range l.Waiters {
		near = append(near, w.PID)
	}
	t.holdersAmong(ctx, l, near)
	if len(l.Holders) > 0 || l.Path == "" || len(l.Waiters) == 0 {
		return
	}
	// Whoever took it is gone, or it belongs to nobody: look at all who have
	// the file open.
	found, hidden, err := holders(ctx, t.host, map[string]bool{l.Path: true})
	if err != nil {
		return
	}
	coverHidden(ctx, t.host, "locks", hidden)
	var far []int
	for _, ref := range found[l.Path] {
		far = append(far, ref.PID)
	}
	t.holdersAmong(ctx, l, far)
}

func (t *lockTable) holdersAmong(ctx context.Context, l *Lock, pids []int) {
	seen := map[int]bool{}
	for _, pid := range pids {
		if pid <= 0 || seen[pid] {
			continue
		}
		seen[pid] = true
		for _, fd := range t.of(ctx, pid) {
			holds := false
			for _, held := range fd.locks {
				holds = holds || held.Dev == l.Dev && held.Inode == l.Inode && held.Kind == l.Kind && held.PID == l.PID &&
					held.Start == l.Start && held.End == l.End
			}
			if holds {
				l.Holders = append(l.Holders, fd.FDRef)
			}
			// The waiter's descriptor names the file too: by inode, as the
			// device of a lock is not that of stat(2) everywhere.
			if holds || l.Path == "" && fd.inode == l.Inode && l.Inode != 0 {
				l.Path = fd.link
			}
		}
	}
}

// of lists the open files of a process with the locks on them; none when it
// may not be read.
func (t *lockTable) of(ctx context.Context, pid int) []lockedFD {
	if fds, ok := t.open[pid]; ok {
		return fds
	}
	var fds []lockedFD
	names, err := t.host.ReadDir(ctx, fmt.Sprintf("%d/fd", pid))
	if err != nil && !Gone(err) {
		Cover(ctx, "locks", pid, err, Remedy(ctx, t.host, -1))
	}
	for _, name := range names {
		link, err := t.host.Readlink(ctx, fmt.Sprintf("%d/fd/%s", pid, name))
		if err != nil || !strings.HasPrefix(link, "/") || strings.HasPrefix(link, "/dev/") && !strings.HasPrefix(link, "/dev/shm/") {
			continue // sockets, pipes and terminals
		}
		b, err := t.host.ReadFile(ctx, fmt.Sprintf("%d/fdinfo/%s", pid, name), nil)
		num, bad := strconv.Atoi(name)
		if err != nil || bad != nil {
			continue
		}
		fd := lockedFD{FDRef: FDRef{pid, num}, link: Clean([]byte(link))}
		fd.inode, fd.locks = parseLockInfo(b)
		fds = append(fds, fd)
	}
	t.open[pid] = fds
	return fds
}

// parseLockInfo takes ino: and lock: lines from an fdinfo; what does not parse
// is left out, as fdinfo has lines of many makers.
func parseLockInfo(b []byte) (inode uint64, locks []Lock) {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("ino:")); ok {
			inode, _ = strconv.ParseUint(string(bytes.TrimSpace(rest)), 10, 64)
		}
		if rest, ok := bytes.CutPrefix(line, []byte("lock:")); ok {
			if l, err := parseLock(strings.Fields(string(rest))); err == nil {
				locks = append(locks, l)
			}
		}
	}
	return inode, locks
}
