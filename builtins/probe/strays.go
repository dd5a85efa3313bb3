package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A stray is a process that a killed run has left. Where the guard was killed
// with it, what had detached itself is init's child by then, in a session of its
// own: nothing but its environment tells whose it is.

// guardEnv makes this binary a guard. A variable, not an argument, as for a
// confined process: nobody types it.
const guardEnv = "RUNBOOK_GUARD"

// ownerEnv is a variable in the environment of each program that has a guard,
// and of all that come of it, but for who empties it.
const ownerEnv = "RUNBOOK_OWNER"

// ownerMark is its value: who started the program, and its private directory.
type ownerMark struct {
	Owner
	Private RawPath `json:"private"`
}

func markOf(ctx context.Context, h Host, private string) string {
	text, _ := json.Marshal(ownerMark{thisProcess(ctx, h), RawPath(private)})
	return ownerEnv + "=" + string(text)
}

// LeftProcess is the Kind of a Recovery that is a stray.
const LeftProcess = "process"

// strayPatience is how long one may take to end by SIGKILL. More is an
// uninterruptible wait.
const strayPatience = 2 * time.Second

// environments is what those of all processes that we may read have of ours.
type environments struct {
	mu     sync.Mutex
	marks  map[int]string // values of ownerEnv, by pid
	guards map[int]bool   // what is below one of these is ended by it
}

func readEnvironments(ctx context.Context, h Host) (*environments, error) {
	e := &environments{marks: map[int]string{}, guards: map[int]bool{}}
	names, err := h.ReadDir(ctx, ".")
	if err != nil {
		return e, err
	}
	pids := []int{}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return e, readEach(ctx, h, len(pids), func(i int) string { return pidPath(pids[i], "environ") }, func(i int, b []byte, err error) {
		if err != nil || !bytes.Contains(b, []byte("RUNBOOK_")) {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if mark := variable(b, ownerEnv); mark != "" {
			e.marks[pids[i]] = mark
		}
		e.guards[pids[i]] = variable(b, guardEnv) != ""
	})
}

// variable is the value of one in an environment; "" = it is not there.
func variable(environ []byte, name string) string {
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if value, ok := bytes.CutPrefix(v, []byte(name+"=")); ok {
			return string(value)
		}
	}
	return ""
}

// strays finds those of this user whose private directory would lie where
// leftDirectories looks. We and our ancestors are none.
func strays(ctx context.Context, h Host) ([]*leftover, error) {
	e, err := readEnvironments(ctx, h)
	if err != nil || len(e.marks) == 0 {
		return nil, err
	}
	ours, err := ourselves(ctx, h)
	if err != nil {
		return nil, err
	}
	var query PSQuery
	owners := map[int]Owner{}
	alive := map[string]bool{} // by mark
	for pid, mark := range e.marks {
		var m ownerMark
		if ours[pid] || json.Unmarshal([]byte(mark), &m) != nil || m.PID <= 0 || !isTemporary(string(m.Private)) {
			continue
		}
		if _, known := alive[mark]; !known {
			alive[mark] = m.lives(ctx, h)
		}
		if !alive[mark] && !e.isGuarded(ctx, h, pid) {
			owners[pid] = m.Owner
			query.PIDs = append(query.PIDs, pid)
		}
	}
	if len(query.PIDs) == 0 {
		return nil, nil
	}
	slices.Sort(query.PIDs)
	found, _ := PS(ctx, h, query) // an error names who ended meanwhile
	var out []*leftover
	for _, p := range found {
		owner, named := owners[p.PID]
		// Read again, now that its start time is known: the pid may be another's.
		b, err := h.ReadFile(ctx, pidPath(p.PID, "environ"), nil)
		if !named || err != nil || variable(b, ownerEnv) != e.marks[p.PID] || p.UID != h.Clock().UID || p.Zombie() {
			continue
		}
		p := p
		out = append(out, &leftover{Recovery: Recovery{Kind: LeftProcess, Begun: p.Started, Owner: owner, Process: &p}})
	}
	return out, nil
}

func isTemporary(path string) bool {
	dir, err := filepath.Abs(os.TempDir())
	return err == nil && filepath.Dir(path) == dir
}

// isGuarded reports whether a guard is above a process: it is ending it.
func (e *environments) isGuarded(ctx context.Context, h Host, pid int) bool {
	for range 1000 {
		l, err := readLife(ctx, h, pid)
		if err != nil || l.PPID <= 1 {
			return false
		}
		if pid = l.PPID; e.guards[pid] {
			return true
		}
	}
	return false
}

// finishProcess ends one.
func (l *leftover) finishProcess(ctx context.Context, h Host) error {
	act := h.Act()
	if act == nil {
		return fmt.Errorf("end pid %d: %w", l.Process.PID, ErrUnsupported)
	}
	if err := act.Signal(ctx, l.Process.ID, int(unix.SIGKILL)); err != nil && !Gone(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, strayPatience)
	defer cancel()
	if err := act.Wait(ctx, l.Process.ID); err != nil {
		return fmt.Errorf("end pid %d: SIGKILL did not: %w", l.Process.PID, err)
	}
	return nil
}
