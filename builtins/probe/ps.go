package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
)

// PSQuery says which processes to look for. With neither Match, PIDs nor All,
// it is those that say they are actors.
type PSQuery struct {
	// Match picks by the command line (argv joined with spaces, clean and masked),
	// or by comm where there is none: zombies and kernel threads.
	Match *regexp.Regexp
	// PIDs picks by pid. A thread's id stands for its process.
	PIDs []int
	// Relatives adds all ancestors of what was picked, short of init, and the
	// whole tree: all descendants of the topmost process that is an actor, or
	// that started one, in the same session.
	Relatives bool
	// All adds every process. It costs about 0.1 ms each.
	All bool
}

// PS returns processes, ordered by start time and pid. An empty list means that
// no process matches.
//
// Ourselves are never among them, and our own ancestors are not picked by their
// command line alone: the shell of `sh -c "runbook run … --match x"` contains
// the pattern too.
//
// It reads the command line of every process (about 12 µs each); with PIDs and
// no Match and no All only those of the tree. A pid of PIDs that is not there
// is an error that names it and is fs.ErrNotExist; the processes that were
// found come with it. So is, with Relatives, init or a thread of the kernel:
// their tree is the whole machine.
//
// Source: /proc/PID/{cmdline,stat,status,cgroup,exe,ns/net}, task/TID/children.
func PS(ctx context.Context, h Host, q PSQuery) ([]Process, error) {
	s := search{
		h: h, q: q, own: ownFamily(ctx, h), kin: kin{h: h},
		found: map[int]*Process{}, unknown: map[int]error{}, walked: map[int]bool{}, inits: map[int]*initRead{},
	}
	missing := s.byPID(ctx)
	if q.Match != nil || q.All || len(q.PIDs) == 0 {
		if err := s.byCommandLine(ctx); err != nil {
			return nil, fmt.Errorf("ps: %w", err)
		}
	}
	if q.Relatives {
		s.relatives(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	list := make([]Process, 0, len(s.found))
	for _, p := range s.found {
		_, p.Above = s.own[p.PID]
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	for _, p := range list {
		if p.Matched || s.walked[p.PID] || q.All { // what a shell or sshd above the tree hides, nobody needs
			p.cover(ctx, h, s.unknown[p.PID])
		}
	}
	if missing != nil {
		return list, fmt.Errorf("ps: %w", missing)
	}
	return list, nil
}

// search is one PS under way.
type search struct {
	h       Host
	q       PSQuery
	own     map[int]bool // ours and our ancestors' pids; ours is true
	kin     kin
	found   map[int]*Process
	unknown map[int]error // why something of a found one is unknown
	walked  map[int]bool  // members of a tree
	inits   map[int]*initRead
}

// add reads an ancestor into found; nil when it vanished, was not captured, or
// is ourselves.
func (s *search) add(ctx context.Context, pid int) *Process {
	if s.own[pid] {
		return nil
	}
	if p := s.found[pid]; p != nil {
		return p
	}
	p, err := s.read(ctx, pid)
	if err != nil {
		// A capture keeps a tree and not the shell above it: the climb ends there,
		// as it would at a process that is no actor.
		if !Gone(err) && !errors.Is(err, ErrNotCaptured) {
			Cover(ctx, "ps", pid, err, "")
		}
		return nil
	}
	return p
}

func (s *search) read(ctx context.Context, pid int) (*Process, error) {
	p, unknown, err := readProcess(ctx, s.h, pid)
	if err != nil {
		return nil, err
	}
	s.found[pid], s.unknown[pid] = &p, unknown
	return &p, nil
}

func (s *search) byPID(ctx context.Context) error {
	var errs []error
	for _, pid := range s.q.PIDs {
		if pid <= 0 {
			errs = append(errs, fmt.Errorf("no process %d: %w", pid, fs.ErrNotExist))
			continue
		}
		pid = processOf(ctx, s.h, pid)
		if s.own[pid] {
			errs = append(errs, fmt.Errorf("process %d is runbook itself", pid))
			continue
		}
		p, err := s.read(ctx, pid)
		if err == nil && s.q.Relatives {
			if why := s.noTree(ctx, p); why != "" {
				delete(s.found, pid)
				errs = append(errs, fmt.Errorf("process %d is %s: choose a process of one tree", pid, why))
				continue
			}
		}
		switch {
		case Gone(err):
			errs = append(errs, fmt.Errorf("no process %d: %w", pid, err))
		case err != nil:
			errs = append(errs, fmt.Errorf("process %d: %w", pid, err))
		default:
			p.Matched = true
		}
	}
	return errors.Join(errs...)
}

// noTree says why what hangs below p is no tree that somebody could mean, but
// the whole machine or the kernel; "" when it is one. In a container init may
// be the very program.
func (s *search) noTree(ctx context.Context, p *Process) string {
	if life, err := readLife(ctx, s.h, p.PID); err == nil && life.Kernel {
		return "a thread of the kernel"
	}
	if p.PID == 1 && p.Actor.Population == "" && !p.Python() {
		return "init, above all others"
	}
	return ""
}

// processOf returns the process that a thread id belongs to. /proc answers for
// /proc/TID though it doesn't list it.
func processOf(ctx context.Context, h Host, tid int) int {
	b, err := h.ReadFile(ctx, pidPath(tid, "status"), nil)
	if err != nil {
		return tid
	}
	if s, err := ParseStatus(b); err == nil && s.TGID > 0 {
		return s.TGID
	}
	return tid
}

func (s *search) byCommandLine(ctx context.Context) error {
	picked, err := scan(ctx, s.h, s.q)
	if err != nil {
		return err
	}
	for _, pid := range s.addAll(ctx, picked) {
		p := s.found[pid]
		_, ancestor := s.own[pid]
		// Matched again: between the scan and now it may have called exec, or
		// the pid may have become another process.
		switch {
		case s.q.matches(p) && (!ancestor || p.Actor.Population != ""):
			p.Matched = true
		case !p.Matched && !s.q.All:
			delete(s.found, pid)
		}
	}
	return nil
}

// matches reports whether a process is picked by what it says.
func (q *PSQuery) matches(p *Process) bool {
	switch {
	case q.Match == nil:
		return !q.All && p.Actor.Population != "" && p.Actor.Population != "helper"
	case len(p.Args) > 0:
		return q.Match.MatchString(CommandLine(p.Args))
	}
	return q.Match.MatchString(p.Comm)
}

// relatives adds the ancestors and the whole trees of what was picked.
func (s *search) relatives(ctx context.Context) {
	var picked []*Process
	for _, p := range s.found {
		if p.Matched {
			picked = append(picked, p)
		}
	}
	slices.SortFunc(picked, func(a, b *Process) int { return cmp.Compare(a.PID, b.PID) })
	for _, p := range picked {
		s.descend(ctx, treeRoot(s.ancestors(ctx, p)))
	}
}

// ancestors returns p and the processes above it, nearest first. Init is one
// of them only where it is the program itself, as in a container.
func (s *search) ancestors(ctx context.Context, p *Process) []*Process {
	line := []*Process{p}
	for p.PPID > 0 && len(line) < 1000 {
		if p.PPID <= 2 {
			init, unknown := s.top(ctx, p.PPID)
			if s.found[p.PPID] == nil {
				if init == nil || !startsActors(init, p) {
					return line
				}
				s.found[p.PPID], s.unknown[p.PPID] = init, unknown
			}
			return append(line, init)
		}
		if p = s.add(ctx, p.PPID); p == nil {
			return line
		}
		line = append(line, p)
	}
	return line
}

// top is the process 1 or 2, under which every line ends; nil = it cannot be
// read. It is not found by that: see ancestors.
func (s *search) top(ctx context.Context, pid int) (init *Process, unknown error) {
	if p := s.found[pid]; p != nil {
		return p, s.unknown[pid]
	}
	if s.inits[pid] == nil {
		p, unknown, err := readProcess(ctx, s.h, pid)
		s.inits[pid] = &initRead{p, unknown, err}
	}
	r := s.inits[pid]
	if r.err != nil {
		return nil, nil
	}
	return &r.process, r.unknown
}

// initRead is one reading of init, for all lines that end there.
type initRead struct {
	process      Process
	unknown, err error
}

// treeRoot returns the process whose descendants belong together with line[0]:
// above it in its session, the topmost that is an actor, or the parent of that,
// which is the user's program and says nothing about itself. Actors stay in the
// group of their root, so a shell or a service manager higher up is not taken
// for one. lib/actors.star goes by the same signs: it never climbs higher.
func treeRoot(line []*Process) *Process {
	top := 0
	for i, p := range line {
		if i > 0 && !mayHaveStarted(p, line[i-1]) {
			break
		}
		switch {
		case p.Actor.Population != "":
			top = i
		case i > 0 && line[i-1].Actor.Population != "":
			top = i
		}
	}
	return line[top]
}

func mayHaveStarted(p, child *Process) bool {
	return p.SID == child.SID && (p.PGID == child.PGID || p.Actor.Population != "" || p.Python())
}

// descend adds all descendants, a generation at a time. Ours are left out with
// all below them: our helpers are no part of what we look at.
func (s *search) descend(ctx context.Context, root *Process) {
	for parents := []int{root.PID}; len(parents) > 0 && ctx.Err() == nil; {
		parents = slices.DeleteFunc(parents, func(pid int) bool {
			known := s.walked[pid] || s.own[pid]
			s.walked[pid] = true
			return known
		})
		children := make([][]int, len(parents))
		Abreast(ctx, len(parents), func(ctx context.Context, i int) {
			var err error
			if children[i], err = s.kin.children(ctx, parents[i]); err != nil && !Gone(err) {
				Cover(ctx, "ps", parents[i], err, Remedy(ctx, s.h, -1))
			}
		})
		parents = s.addAll(ctx, slices.Concat(children...))
	}
}

// addAll is add for many; it returns those that are there.
func (s *search) addAll(ctx context.Context, pids []int) []int {
	fresh := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return s.own[pid] || s.found[pid] != nil })
	read := make([]Process, len(fresh))
	unknown, failed := make([]error, len(fresh)), make([]error, len(fresh))
	Abreast(ctx, len(fresh), func(ctx context.Context, i int) {
		read[i], unknown[i], failed[i] = readProcess(ctx, s.h, fresh[i])
	})
	for i, pid := range fresh {
		switch err := failed[i]; {
		case err == nil:
			s.found[pid], s.unknown[pid] = &read[i], unknown[i]
		case !Gone(err):
			Cover(ctx, "ps", pid, err, "") // it is there, and missing from what we return
		}
	}
	return slices.DeleteFunc(pids, func(pid int) bool { return s.found[pid] == nil })
}
