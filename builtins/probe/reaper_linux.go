package probe

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reaper makes us the parent of every process that a program of ours leaves
// behind (PR_SET_CHILD_SUBREAPER), for as long as a program runs: so a detached
// grandchild can be found, and ended with its tree.
//
// The attribute is the whole process's, and children of ours that others have
// started must not be touched. Programs here get a session of their own, so a
// child that is in our session, or was there before the first program, is not
// an orphan of theirs. Nobody else may start a child in a new session meanwhile.
//
// wait4(-1) would be simpler and steals the exits that os/exec waits for.
type reaper struct {
	mu     sync.Mutex
	host   Host
	trees  map[int]*tree // by the pid of the program
	before map[ID]bool   // our children before the first program
	was    bool          // a subreaper already
	stop   func()
}

var reaping = reaper{trees: map[int]*tree{}}

// tree is a program and all that came of it.
type tree struct {
	r        *reaper
	pid      int
	guarded  bool         // pid is its guard, which is none of it
	program  int          // with a guard: who comes first
	sessions map[int]bool // that were seen in it
	quiet    int          // passes in a row that found nobody, and nothing that moved
	over     bool         // nobody is left of it
	survives bool         // as Command.Survives
}

// start begins to look after what start starts.
func (r *reaper) start(h Host, survives bool, start func() (pid int, err error)) (*tree, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.trees) == 0 {
		if err := r.begin(h); err != nil {
			return nil, err
		}
	}
	pid, err := start()
	if err != nil {
		if len(r.trees) == 0 {
			r.end()
		}
		return nil, err
	}
	t := &tree{r: r, pid: pid, survives: survives, sessions: map[int]bool{pid: true}}
	r.trees[pid] = t
	return t, nil
}

func (r *reaper) begin(h Host) error {
	r.host, r.before = h, map[ID]bool{}
	children, _, err := r.children(os.Getpid())
	if err != nil {
		return fmt.Errorf("our own children: %w", err)
	}
	for _, c := range children {
		r.before[c.ID] = true
	}
	var was int32
	if was, err = subreaper(); err != nil {
		return err
	}
	r.was = was != 0
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	// An orphan that ends while its program runs must not stay behind as a
	// zombie: whoever waits for its pid to go would wait for ever.
	ended, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-ended:
				r.mu.Lock()
				r.orphans()
				r.mu.Unlock()
			}
		}
	}()
	r.stop = func() {
		signal.Stop(ended)
		close(done)
	}
	return nil
}

func (r *reaper) end() {
	r.stop()
	if !r.was {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
}

// forget ends the looking after; the tree has ended, or can't be ended.
func (t *tree) forget() {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	delete(t.r.trees, t.pid)
	if len(t.r.trees) == 0 {
		t.r.end()
	}
}

// orphans reaps those orphans of our programs that have ended and returns the
// others. quiet says that none ended meanwhile: who ends leaves children to us,
// perhaps after we had listed ours.
func (r *reaper) orphans() (living []life, quiet bool) {
	children, quiet, err := r.children(os.Getpid())
	if err != nil {
		return nil, false
	}
	ours, _ := unix.Getsid(0)
	for _, c := range children {
		switch {
		case c.SID == ours || r.before[c.ID] || r.trees[c.PID] != nil:
		case c.ended():
			reap(c)
			quiet = false
		default:
			living = append(living, c)
			if t := r.owner(c); t != nil {
				t.sessions[c.SID] = true
			}
		}
	}
	return living, quiet
}

// owner says whose tree an orphan comes from: by its session; in a session
// that nobody has seen, the only tree's that is not over. With several programs
// at once such an orphan is ended with the last of them.
func (r *reaper) owner(orphan life) *tree {
	var only *tree
	n := 0
	for _, t := range r.trees {
		switch {
		case t.over:
		case t.sessions[orphan.SID]:
			return t
		default:
			only = t
			n++
		}
	}
	if n > 1 {
		return nil
	}
	return only
}

// reap takes the exit status of an orphan, through a pidfd: a pid alone could
// be another's by now.
func reap(l life) {
	pidfd, err := unix.PidfdOpen(l.PID, 0)
	if err != nil {
		return
	}
	defer unix.Close(pidfd)
	_ = unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|unix.WNOHANG, nil)
}

// children reads the children of a process. quiet says that all that were
// listed were still there.
func (r *reaper) children(pid int) (out []life, quiet bool, err error) {
	pids, err := Children(context.Background(), r.host, pid)
	if err != nil {
		return nil, false, err
	}
	quiet = true
	for _, child := range pids {
		if l, err := readLife(context.Background(), r.host, child); err == nil && l.PPID == pid {
			out = append(out, l)
		} else {
			quiet = false
		}
	}
	return out, quiet, nil
}

// living lists the tree's processes that have not ended, the program first.
//
// An empty list alone does not mean that nobody is left: a process that was
// listed alive may have ended before it was read, and left us a child that was
// not ours yet when ours were listed. Only two passes in a row in which nobody
// was found and nobody ended mean it. Then the tree is over, and orphans that
// nobody claims are left to the trees that are not: both under one lock, or two
// programs that end together would leave them to each other.
func (t *tree) living() []life {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	var todo []life
	if l, err := readLife(context.Background(), t.r.host, t.pid); err == nil {
		todo = append(todo, l)
	}
	quiet := true
	if t.guarded {
		todo, quiet = t.kept(todo)
	}
	orphans, still := t.r.orphans()
	quiet = quiet && still
	for _, orphan := range orphans {
		if t.r.owner(orphan) == t {
			todo = append(todo, orphan)
		}
	}
	var living []life
	for _, l := range t.r.below(todo) {
		t.sessions[l.SID] = true
		if !l.ended() {
			living = append(living, l)
		}
	}
	if len(living) == 0 && quiet {
		t.quiet++
	} else {
		t.quiet = 0
	}
	t.over = t.quiet >= 2
	return living
}

// kept puts what the guard keeps in its place, the program first. quiet is as
// that of orphans, which come to it before they come to us.
func (t *tree) kept(guard []life) (children []life, quiet bool) {
	if len(guard) == 0 || guard[0].ended() {
		return nil, true // killed: they are ours
	}
	children, quiet, err := t.r.children(t.pid)
	firstOf(children, t.program)
	return children, quiet && err == nil && !slices.ContainsFunc(children, life.ended)
}

// below adds to some processes all that came of them.
func (r *reaper) below(todo []life) []life {
	for i := 0; i < len(todo); i++ { // grows while it is walked
		children, _, err := r.children(todo[i].PID)
		if err == nil {
			todo = append(todo, children...)
		}
	}
	return todo
}

// settled waits for the tree to end by itself and returns who did not.
func (t *tree) settled(patience time.Duration) []Process {
	var out []Process
	if t.poll(time.Now().Add(patience), func(life) {}) {
		return nil
	}
	for _, l := range t.living() {
		p, err := ReadProcess(context.Background(), t.r.host, l.PID)
		if err != nil || p.ID != l.ID {
			p = Process{ID: l.ID, Comm: l.Comm, State: l.State, PPID: l.PPID, SID: l.SID, Threads: l.Threads, UID: -1}
		}
		out = append(out, p)
	}
	return out
}

// ids names who lives, the program first.
func (t *tree) ids() []ID {
	ids := []ID{}
	for _, l := range t.living() {
		ids = append(ids, l.ID)
	}
	return ids
}

// end sends all of the tree SIGTERM, SIGKILL after grace, and names who is
// still there then.
func (t *tree) end(grace time.Duration) []string {
	told := map[ID]bool{}
	deadline := time.Now().Add(grace)
	if t.poll(deadline, func(l life) {
		if !told[l.ID] {
			told[l.ID] = true
			t.signal(l, unix.SIGTERM)
			if l.State == "T" {
				t.signal(l, unix.SIGCONT) // it holds the signal until it goes on
			}
		}
	}) {
		return nil
	}
	if t.poll(deadline.Add(lastWait), func(l life) { t.signal(l, unix.SIGKILL) }) {
		return nil
	}
	var left []string
	for _, l := range t.living() {
		left = append(left, fmt.Sprintf("%s (pid %d, state %s)", l.Comm, l.PID, l.State))
	}
	return left
}

// EndAll ends at once, with SIGKILL, whatever we have started that does not
// survive us: for who leaves without waiting for Run. It returns when nobody is
// left, or when SIGKILL has had its time.
func EndAll() {
	reaping.mu.Lock()
	trees := slices.Collect(maps.Values(reaping.trees))
	reaping.mu.Unlock()
	deadline := time.Now().Add(lastWait)
	for _, t := range trees {
		if !t.survives {
			t.poll(deadline, func(l life) { t.signal(l, unix.SIGKILL) })
		}
	}
}

// poll calls each for everyone who lives, again and again, and reports whether
// nobody is left before the deadline. It looks once at least.
func (t *tree) poll(deadline time.Time, each func(life)) bool {
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		living := t.living()
		if t.over {
			return true
		}
		if len(living) == 0 && t.quiet > 0 {
			living = t.living() // at once: nearly always the second pass says the same
			if t.over {
				return true
			}
		}
		for _, l := range living {
			each(l)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		time.Sleep(min(pause, left))
	}
}

// signal goes through a pidfd, opened before the start time is read again.
func (t *tree) signal(l life, sig unix.Signal) {
	pidfd, err := unix.PidfdOpen(l.PID, 0)
	if err != nil {
		return
	}
	defer unix.Close(pidfd)
	if now, err := readLife(context.Background(), t.r.host, l.PID); err == nil && now.ID == l.ID {
		_ = unix.PidfdSendSignal(pidfd, sig, nil, 0)
	}
}

// subreaper reads the attribute that we set.
func subreaper() (int32, error) {
	var set int32
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&set)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("PR_GET_CHILD_SUBREAPER: %w", errno)
	}
	return set, nil
}
