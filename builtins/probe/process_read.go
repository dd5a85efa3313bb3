package probe

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

func pidPath(pid int, name string) string { return strconv.Itoa(pid) + "/" + name }

// ReadProcess reads one process. It fails only when stat can't be read, which
// everybody may read: fs.ErrNotExist when the process is gone, ErrTimeout.
//
// Whatever else is denied is left unknown, as said at each field of Process,
// and is noted as coverage of the probe "ps".
func ReadProcess(ctx context.Context, h Host, pid int) (Process, error) {
	p, unknown, err := readProcess(ctx, h, pid)
	if err == nil {
		p.cover(ctx, h, unknown)
	}
	return p, err
}

// cover notes what could not be read of a process.
func (p *Process) cover(ctx context.Context, h Host, unknown error) {
	remedy := ""
	if Denied(unknown) {
		remedy = Remedy(ctx, h, p.UID)
	}
	Cover(ctx, "ps", p.PID, unknown, remedy)
}

// readProcess is ReadProcess without coverage: unknown is why a field was left
// unknown, the first if several.
func readProcess(ctx context.Context, h Host, pid int) (_ Process, unknown, err error) {
	p, kernel, err := readStat(ctx, h, pid)
	if err != nil {
		return Process{}, nil, err
	}
	unknown = p.readRest(ctx, h, kernel)
	if Gone(unknown) {
		if err := StillThere(ctx, h, p.ID); Gone(err) || errors.Is(err, ErrReused) {
			return Process{}, nil, unknown
		}
	}
	p.identify(ctx, h)
	return p, unknown, nil
}

// fresh is how old a reading may be for readAgain to go by it.
const fresh = 100 * time.Millisecond

// readAgain is ReadProcess of one that was read before. What changes only with
// exec, a new title or a move to another cgroup is taken from that reading when
// it is fresh: to read it a second time within milliseconds was a third of what
// a look at a process costs.
func readAgain(ctx context.Context, h Host, was Process) (Process, error) {
	age := h.Now().Sub(was.At)
	if age < 0 || age > fresh || len(was.Args) == 0 || was.Exe == "" || was.NetNS == "" {
		return ReadProcess(ctx, h, was.PID)
	}
	p, _, err := readStat(ctx, h, was.PID)
	if err != nil {
		return Process{}, err
	}
	if p.ID != was.ID || p.Comm != was.Comm || p.Zombie() {
		return ReadProcess(ctx, h, was.PID)
	}
	p.Args, p.Actor, p.Cgroup, p.Exe, p.NetNS = was.Args, was.Actor, was.Cgroup, was.Exe, was.NetNS
	p.cover(ctx, h, p.readStatus(ctx, h))
	return p, nil
}

// readStat begins a Process with what everybody may read; kernel = it is a
// thread of the kernel.
func readStat(ctx context.Context, h Host, pid int) (_ Process, kernel bool, err error) {
	b, err := h.ReadFile(ctx, pidPath(pid, "stat"), nil)
	if err != nil {
		return Process{}, false, err
	}
	st, err := ParseStat(b)
	if err != nil {
		return Process{}, false, fmt.Errorf("process %d: %w", pid, err)
	}
	clock := h.Clock()
	p := Process{
		ID: ID{PID: pid, Start: st.Start}, At: h.Now(),
		PPID: st.PPID, PGID: st.PGID, SID: st.SID, UID: -1,
		State: st.State, Comm: Clean([]byte(st.Comm)), Threads: st.Threads,
		Started: clock.At(st.Start), CPU: clock.Span(st.User + st.System), Exit: st.Exit,
	}
	p.Age = max(0, p.At.Sub(p.Started))
	return p, st.Kernel, nil
}

// readStatus fills UID and Tracer.
func (p *Process) readStatus(ctx context.Context, h Host) error {
	b, err := h.ReadFile(ctx, pidPath(p.PID, "status"), nil)
	if err != nil {
		return err
	}
	st, err := ParseStatus(b)
	if err != nil {
		return err
	}
	p.UID, p.Tracer = st.UID, st.Tracer
	return nil
}

// readRest reads what may be missing. It goes on after an error, and returns
// the first.
func (p *Process) readRest(ctx context.Context, h Host, kernel bool) (first error) {
	note := func(err error) bool {
		if err != nil && first == nil {
			first = err
		}
		return err == nil
	}
	note(p.readStatus(ctx, h))
	b, err := h.ReadFile(ctx, pidPath(p.PID, "cmdline"), nil)
	if note(err) {
		p.Args = ParseCmdline(b)
	}
	// A kernel without cgroups or namespaces has no such file.
	if b, err = h.ReadFile(ctx, pidPath(p.PID, "cgroup"), nil); Gone(err) || note(err) {
		p.Cgroup = ParseCgroup(b)
	}
	if kernel || p.Zombie() {
		return first // these have neither a program nor a network any more
	}
	link, err := h.Readlink(ctx, pidPath(p.PID, "exe"))
	if Gone(err) || note(err) {
		p.Exe = Clean([]byte(link))
	}
	if link, err = h.Readlink(ctx, pidPath(p.PID, "ns/net")); Gone(err) || note(err) {
		p.NetNS = Clean([]byte(link))
	}
	return first
}

// identify fills Actor. What a fork server forked has the argv of the fork
// server: it is an actor when its parent has that argv too.
func (p *Process) identify(ctx context.Context, h Host) {
	p.Actor = ParseIdentity(p.Args, p.Comm)
	if p.Actor.Population != "helper" || !forks(p.Args) {
		return
	}
	b, err := h.ReadFile(ctx, pidPath(p.PPID, "cmdline"), nil)
	if err == nil && forks(ParseCmdline(b)) {
		p.Actor = Identity{Population: "mp"}
	}
}

// StillThere reads whether a process has not ended. Errors: fs.ErrNotExist when it
// has, ErrReused when the pid is another's now, ErrTimeout.
func StillThere(ctx context.Context, h Host, id ID) error {
	b, err := h.ReadFile(ctx, pidPath(id.PID, "stat"), nil)
	if err != nil {
		return err
	}
	st, err := ParseStat(b)
	if err == nil && st.Start != id.Start {
		err = ErrReused
	}
	return err
}

// startsActors reports whether init is itself the program whose child is an
// actor: then its child is an actor or Python, and it is Python.
func startsActors(init, child *Process) bool {
	return init.Actor.Population != "" ||
		child.Actor.Population != "" && init.Python() && child.SID == init.SID
}

// Python reports whether the process runs a Python interpreter, as far as its
// program, command line and name say.
func (p *Process) Python() bool {
	names := []string{p.Exe, p.Comm}
	if len(p.Args) > 0 {
		names = append(names, p.Args[0])
	}
	for _, n := range names {
		if n = path.Base(n); strings.HasPrefix(n, "python") || strings.HasPrefix(n, "pypy") {
			return true
		}
	}
	return false
}
