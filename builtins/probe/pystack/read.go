package pystack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"runbook/builtins/probe"
)

const (
	defaultDeadline = 2 * time.Second
	defaultTries    = 8
)

// Read reads one process: of a live host out of its memory, of a capture from
// what was saved of it.
//
// Errors: fs.ErrPermission (probe.Remedy says what would allow it),
// fs.ErrNotExist for a process that is gone, ErrNotPython, ErrUnsupported with
// the version, ErrLayout, ErrNoMemory for a capture without, probe.ErrTimeout
// when the kernel did not answer within the deadline, ctx's.
func Read(ctx context.Context, h probe.Host, pid int, o Options) (*Process, error) {
	if o.Deadline <= 0 {
		o.Deadline = defaultDeadline
	}
	if o.Tries <= 0 {
		o.Tries = defaultTries
	}
	memory := probe.MemoryOf(h)
	if memory == nil || !h.Clock().Live {
		return replay(ctx, h, pid, o)
	}
	l := &look{host: h, memory: memory, pid: pid, Options: o}
	l.Record = nil
	if o.Record != nil {
		l.Record = &Recording{}
	}
	p, err := inTime(ctx, l, o.Deadline+o.Settle, l.live)
	if err == nil && o.Record != nil {
		*o.Record = *l.Record
	}
	return p, err
}

// inTime looks at a process for so long at most. The kernel takes a lock of the
// process to read its memory, and a thread in D state may hold it for ever: then
// whoever reads is left behind. Errors: those of do, probe.ErrTimeout.
func inTime[T any](ctx context.Context, l *look, most time.Duration, do func(context.Context) (T, error)) (none T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, most, probe.ErrTimeout)
	defer cancel()
	if _, stuck := leftBehind.Load(l.pid); stuck {
		return none, fmt.Errorf("read Python's memory of %d: an earlier reading has not come back: %w", l.pid, probe.ErrTimeout)
	}
	type answer struct {
		it  T
		err error
	}
	done := make(chan answer, 1)
	onTheSide(func() {
		it, err := do(ctx)
		done <- answer{it, err}
	})
	select {
	case a := <-done:
		if a.err != nil {
			if ctx.Err() != nil {
				a.err = context.Cause(ctx)
			}
			return none, fmt.Errorf("read Python's memory of %d: %w", l.pid, a.err)
		}
		return a.it, nil
	case <-ctx.Done():
		l.stop.Store(true)
		leftBehind.Store(l.pid, struct{}{})
		go func() { <-done; leftBehind.Delete(l.pid) }()
		return none, fmt.Errorf("read Python's memory of %d: %w", l.pid, context.Cause(ctx))
	}
}

// onTheSide calls do in another goroutine: one that has done so before if there is
// any, whose stack need not grow again.
func onTheSide(do func()) {
	select {
	case next := <-idle:
		next <- do
		return
	default:
	}
	next := make(chan func())
	go func() {
		for {
			do()
			select {
			case idle <- next:
				do = <-next
			default:
				return
			}
		}
	}()
}

// idle holds where goroutines wait that have nothing to do.
var idle = make(chan chan func(), 8)

// leftBehind holds the pids of which a reading was given up and has not come
// back: each further one would cost a thread.
var leftBehind sync.Map

func replay(ctx context.Context, h probe.Host, pid int, o Options) (*Process, error) {
	b, err := h.ReadFile(ctx, strconv.Itoa(pid)+"/"+FileName, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read Python's memory of %d: %w", pid, ErrNoMemory)
	}
	if err != nil {
		return nil, fmt.Errorf("read Python's memory of %d: %w", pid, err)
	}
	r, err := ParseRecording(b)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return r.Process(o)
}

// Process is what Read gave when the recording was made.
func (r *Recording) Process(o Options) (*Process, error) {
	at := r.head.Place
	if o.version != 0 {
		at.Version = o.version
	}
	w, err := walkThrough(&memory{from: r, pages: map[uint64][]byte{}, stop: new(atomic.Bool)}, at, r.head.TIDs)
	if err == nil && r.head.Proof.Proved {
		err = checkFrames(w.threads, w.tasks)
	}
	if err != nil {
		return nil, fmt.Errorf("read Python's memory of %d: %w", r.head.PID, err)
	}
	for _, t := range w.tasks {
		if n, ok := r.head.Ran[t.obj]; ok {
			t.Ran = n
		}
	}
	return w.tell(r.head.PID, r.head.Proof, nil, o.Locals), nil
}

// look is one Read of a live process.
type look struct {
	host   probe.Host
	memory probe.Memory
	pid    int
	thread int // of it, through which its memory is read
	stop   atomic.Bool
	Options
}

func (l *look) read(at []uint64, size int, buf []byte) (int, error) {
	return l.memory.ReadMemory(l.thread, at, size, buf)
}

func (l *look) fresh() *memory {
	m := &memory{from: l, pages: map[uint64][]byte{}, stop: &l.stop}
	if l.Record != nil {
		m.read8 = map[uint64]*touched{}
	}
	return m
}

func (l *look) live(ctx context.Context) (*Process, error) {
	if err := l.choose(ctx); err != nil {
		return nil, err
	}
	at, _, known := l.knownProgram()
	if known = known && at.minor() < 14; !known { // where newer ones keep the tasks of asyncio, maps alone tells
		var err error
		if at, err = l.locate(ctx); err != nil {
			return nil, err
		}
	}
	if l.version != 0 {
		at.Version = l.version
	}
	theirs, _ := l.host.Readlink(ctx, strconv.Itoa(l.pid)+"/ns/time")
	ours, _ := l.host.Readlink(ctx, "self/ns/time")
	sameTime := theirs == ours // "": kernels before 5.6 have one time
	var w *walk
	var tids kernelThreads
	var proof Proof
	for proof.Tries < l.Tries {
		if proof.Tries++; proof.Tries > 1 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(proof.Tries) * time.Millisecond):
			}
		}
		begun := time.Now()
		before, called, err := readMarks(ctx, l.host, l.pid)
		if err != nil {
			return nil, err
		}
		m := l.fresh()
		if at.Now = 0; sameTime {
			at.Now = monotonic()
		}
		this, walkErr := walkThrough(m, at, called)
		after, _, err := readMarks(ctx, l.host, l.pid)
		if err != nil {
			return nil, err
		}
		ran := before.ran(after)
		if walkErr != nil {
			if errors.Is(walkErr, ErrUnsupported) || final(walkErr) || len(ran) == 0 {
				return nil, walkErr
			}
			continue // what made no sense was read while it ran
		}
		w, tids, proof.Ran, proof.Span = this, called, ran, time.Since(begun)
		if proof.Proved = len(ran) == 0; proof.Proved {
			if err := checkFrames(w.threads, w.tasks); err != nil {
				return nil, err
			}
			break
		}
	}
	if w == nil {
		return nil, errors.New("it runs, and could not be read in one piece")
	}
	if !known {
		l.rememberProgram(w.python)
	}
	var moved []bool
	if !proof.Proved {
		if err := guard(func() { moved = w.python.moved() }); err != nil {
			return nil, err
		}
	}
	if l.Settle > 0 {
		if err := l.settle(ctx, w); err != nil {
			return nil, err
		}
	}
	told := w.tell(l.pid, proof, moved, l.Locals)
	told.through = l.thread
	l.limits(ctx, told, sameTime)
	if l.Record != nil {
		l.Record.head = recordingHead{PID: l.pid, Place: w.python.at, Proof: proof, TIDs: tids}
		l.Record.pages = w.python.looked()
		for _, t := range w.tasks {
			if t.Ran >= 0 {
				if l.Record.head.Ran == nil {
					l.Record.head.Ran = map[uint64]int64{}
				}
				l.Record.head.Ran[t.obj] = t.Ran
			}
		}
	}
	w.python.release()
	return told, nil
}

// choose finds a thread through which the process can be read. Its main one may
// have ended before the others: then nothing leads from the pid to the memory.
func (l *look) choose(ctx context.Context) error {
	l.thread = l.pid
	task := strconv.Itoa(l.pid) + "/task"
	names, err := l.host.ReadDir(ctx, task)
	if err != nil {
		return err
	}
	for _, name := range append([]string{strconv.Itoa(l.pid)}, names...) {
		stat, err := l.host.ReadFile(ctx, task+"/"+name+"/stat", nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if s, err := probe.ParseStat(stat); err == nil && s.State != "Z" && s.State != "X" {
			l.thread, err = strconv.Atoi(name)
			return err
		}
	}
	return nil // it has ended
}

func (l *look) locate(ctx context.Context) (place, error) {
	dir := strconv.Itoa(l.thread)
	b, err := l.host.ReadFile(ctx, dir+"/maps", nil)
	if err != nil {
		return place{}, err
	}
	exe, _ := l.host.Readlink(ctx, dir+"/exe") // only its name may tell the version
	open := func(x mapping) (probe.Image, error) { return l.memory.OpenImage(l.thread, x.path, x.lo, x.hi) }
	var at place
	var notFound error
	m := l.fresh()
	defer m.release()
	if err := guard(func() { at, notFound = locate(parseMaps(b), exe, open, m) }); err != nil {
		return place{}, err
	}
	return at, notFound
}

// settle looks a second time at trio's count of how often each task ran.
func (l *look) settle(ctx context.Context, w *walk) error {
	if _, err := l.host.Sleep(ctx, l.Settle); err != nil {
		return err
	}
	p, err := newPython(l.fresh(), w.python.at)
	if err != nil {
		return err
	}
	for _, t := range w.tasks {
		if t.Schedules < 0 {
			continue
		}
		err := guard(func() {
			if n := p.attr(t.obj, "_schedule_points"); !p.isNone(n) && p.isType(n, "int") {
				t.Ran = max(p.int(n)-t.Schedules, 0)
			}
		})
		if err != nil && final(err) {
			return err
		}
	}
	return nil
}
