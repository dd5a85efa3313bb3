package builtins

import (
	"context"
	"fmt"
	"sync"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) sample() engine.Builtin {
	return engine.Builtin{
		Name: "sample",
		Doc: "Two looks at the same processes, some time apart: processes, threads, signals, descriptors, sockets, event loops.\n\n" +
			"A queue or a state that is read once is a snapshot of a moving thing. With `over = \"0s\"` there is one look, both readings are the same, " +
			"and nothing counts as unchanged. A process that ends meanwhile, or that may not be read, does not fail the sample: see `gone` and `has_…`.",
		Params: []engine.Arg{
			{Name: "processes", Type: "list of process", Doc: "Also one process, or a tree."},
			{Name: "over", Type: "duration", Default: `"1s"`, Doc: "The time between the looks."},
		},
		Returns: "sample",
		Errors:  "only on wrong arguments, or when the run ends meanwhile",
		Example: `sample(t.processes, over = "1s")[p].cpu_share`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				of   processList
				over = startime.Duration(time.Second)
			)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "processes", &of, "over??", &over); err != nil {
				return nil, err
			}
			if over < 0 {
				return nil, fmt.Errorf("%s: for parameter \"over\": got %s, want a duration that is not negative", call.Name, over)
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				if over > 0 && call.Progress != nil {
					call.Progress(fmt.Sprintf("looking twice, %s apart", over))
				}
				taken, err := probe.TakeSample(ctx, h, of.probe(), time.Duration(over))
				if err != nil {
					return nil, err
				}
				return newSample(taken), nil
			})
		},
	}
}

// sample is two looks at some processes: sample[p], or sample.of(p), is what
// they gave of p.
type sample struct{ record[*sampleFact] }

type sampleFact struct {
	*probe.Sample
	pairs     []*pair
	byID      map[probe.ID]*pair
	processes processList // as last read
}

type pair = record[*pairFact]

type pairFact struct {
	*probe.Pair
	process       *process
	first, second *record[*readingFact]
}

func newSample(taken *probe.Sample) *sample {
	s := &sampleFact{Sample: taken, byID: map[probe.ID]*pair{}}
	for i := range taken.Pairs {
		s.processes = append(s.processes, newProcess(taken.Pairs[i].Second.Process))
	}
	process := s.processes.byPID()
	for i := range taken.Pairs {
		p := &taken.Pairs[i]
		one := newRecord(pairKind, &pairFact{p, s.processes[i], newReading(&p.First, process), newReading(&p.Second, process)}, "", taken.At)
		s.pairs = append(s.pairs, one)
		s.byID[p.First.Process.ID] = one
	}
	return &sample{*newRecord(sampleKind, s, "", taken.At)}
}

// of is the pair of p, or None.
func (s *sampleFact) of(p *process) starlark.Value {
	if one := s.byID[p.it.ID]; one != nil {
		return one
	}
	return starlark.None
}

// Get makes sample[p] and `p in sample` work.
func (s *sample) Get(key starlark.Value) (starlark.Value, bool, error) {
	p, ok := key.(*process)
	if !ok {
		return nil, false, fmt.Errorf("got %s, want process", key.Type())
	}
	one := s.it.of(p)
	return one, one != starlark.None, nil
}

var _ starlark.Mapping = (*sample)(nil)

var sampleKind = &kind[*sampleFact]{
	name: "sample",
	doc:  "Two looks at some processes. sample[p] is a pair; p in sample says whether there is one.",
	text: func(s *sampleFact) string { return fmt.Sprintf("%d processes over %s", len(s.pairs), s.Over) },
	fields: []field[*sampleFact]{
		{name: "over", typ: "duration", doc: "between the looks; of a snapshot, as it was taken; 0: looked once", get: func(s *sampleFact) starlark.Value { return span(s.Over) }},
		{name: "processes", typ: "list of process", doc: "as last read, in the order in which they were given", aside: true,
			get: func(s *sampleFact) starlark.Value {
				return listOf(s.processes, func(p *process) starlark.Value { return p })
			}},
		{name: "pairs", typ: "list of pair", aside: true, get: func(s *sampleFact) starlark.Value {
			return listOf(s.pairs, func(p *pair) starlark.Value { return p })
		}},
		{name: "of", typ: "function(p) → pair or None", doc: "as sample[p], but None for a process that is not in the sample", aside: true,
			get: func(s *sampleFact) starlark.Value {
				return method("of", func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
					var p oneProcess
					if err := starlark.UnpackArgs("of", args, kwargs, "p", &p); err != nil {
						return nil, err
					}
					return s.of(p.process), nil
				})
			}},
	},
}

var pairKind = &kind[*pairFact]{
	name: "pair",
	doc:  "The two readings of one process, and what changed between them.",
	text: func(p *pairFact) string { return subjectOf(p.process.it).Label() },
	fields: []field[*pairFact]{
		{name: "process", typ: "process", doc: "as last read", get: func(p *pairFact) starlark.Value { return p.process }},
		{name: "gone", typ: "bool", doc: "it ended before the second look was over", get: func(p *pairFact) starlark.Value { return truth(p.Gone()) }},
		{name: "first", typ: "reading", aside: true, get: func(p *pairFact) starlark.Value { return p.first }},
		{name: "second", typ: "reading", aside: true, get: func(p *pairFact) starlark.Value { return p.second }},
		{name: "over", typ: "duration", doc: "between the looks", get: func(p *pairFact) starlark.Value { return span(p.Over) }},
		{name: "cpu", typ: "duration", doc: "processor time used between the looks, in steps of the kernel's tick (10 ms)", get: func(p *pairFact) starlark.Value { return span(p.CPU()) }},
		{name: "cpu_share", typ: "float", doc: "the same as a share: 1.0 is one processor all the time; 0.0 when there was one look", get: func(p *pairFact) starlark.Value { return starlark.Float(p.Share()) }},
		{name: "switches", typ: "int or None", doc: "how often the main thread was put on or off a processor between the looks; None unknown, or one look",
			get: func(p *pairFact) starlark.Value { return unless(-1, p.Switches()) }},
		{name: "still", typ: "bool", doc: "the main thread is proven not to have run between the looks: what it waited for at the first, it waited for throughout",
			get: func(p *pairFact) starlark.Value { return truth(p.Still()) }},
		{name: "unchanged_main", typ: "bool", doc: "the main thread was in the same wait and system call at both looks, and still",
			get: func(p *pairFact) starlark.Value { return truth(unchangedMain(p.Pair)) }},
		{name: "spins", typ: "bool", doc: "the main thread used the processor between the looks and never once slept",
			get: func(p *pairFact) starlark.Value { return truth(spins(p.Pair)) }},
	},
}

func unchangedMain(p *probe.Pair) bool {
	a, b := p.First.Main(), p.Second.Main()
	return p.Still() && a.Family == b.Family && a.Syscall == b.Syscall && a.Wchan == b.Wchan
}

// spins goes by the count of voluntary switches: a thread that sleeps gives the
// processor up, one that is merely pushed aside by others does not.
func spins(p *probe.Pair) bool {
	a, b := p.First.Main(), p.Second.Main()
	return p.Over > 0 && a != nil && b != nil && a.Voluntary == b.Voluntary && b.CPU > a.CPU
}

type readingFact struct {
	*probe.Reading
	process *process
	// A recipe asks for these again and again; wrapping a thousand descriptors
	// once is enough.
	threads, fds, sockets, epoll func() *starlark.List
	main                         func() starlark.Value
}

func newReading(r *probe.Reading, process func(int) starlark.Value) *record[*readingFact] {
	f := &readingFact{
		Reading: r,
		process: newProcess(r.Process),
		threads: sync.OnceValue(func() *starlark.List { return threadList(r.Threads, r.At) }),
		fds:     sync.OnceValue(func() *starlark.List { return fdList(r.FDs, r.At) }),
		sockets: sync.OnceValue(func() *starlark.List { return socketList(r.Sockets, r.At, process) }),
		epoll:   sync.OnceValue(func() *starlark.List { return epollList(r.Epoll, r.At) }),
	}
	f.main = sync.OnceValue(func() starlark.Value {
		if t := r.Main(); t != nil {
			return newRecord(threadKind, t, "procfs", r.At)
		}
		return starlark.None
	})
	return newRecord(readingKind, f, "procfs", r.At)
}

var readingKind = &kind[*readingFact]{
	name: "reading",
	doc:  "What one look at one process gave. A list is empty and its has_… False when it could not be read.",
	text: func(r *readingFact) string { return subjectOf(&r.Process).Label() },
	fields: []field[*readingFact]{
		{name: "process", typ: "process", get: func(r *readingFact) starlark.Value { return r.process }},
		{name: "gone", typ: "bool", doc: "it had ended", get: func(r *readingFact) starlark.Value { return truth(r.Gone) }},
		{name: "main", typ: "thread or None", doc: "the main thread; None when threads could not be read", get: func(r *readingFact) starlark.Value { return r.main() }},
		{name: "threads", typ: "list of thread", aside: true, get: func(r *readingFact) starlark.Value { return r.threads() }},
		{name: "has_threads", typ: "bool", doc: "they could be read", aside: true, get: func(r *readingFact) starlark.Value { return truth(r.HasThreads) }},
		{name: "signals", typ: "signals or None", aside: true, get: func(r *readingFact) starlark.Value {
			if !r.HasSignals {
				return starlark.None
			}
			return newSignals(r.Signals, r.At)
		}},
		{name: "has_signals", typ: "bool", aside: true, get: func(r *readingFact) starlark.Value { return truth(r.HasSignals) }},
		{name: "fds", typ: "list of fd", aside: true, get: func(r *readingFact) starlark.Value { return r.fds() }},
		{name: "has_fds", typ: "bool", aside: true, get: func(r *readingFact) starlark.Value { return truth(r.HasFDs) }},
		{name: "sockets", typ: "list of socket", doc: "joined among the processes of the sample", aside: true, get: func(r *readingFact) starlark.Value { return r.sockets() }},
		{name: "has_sockets", typ: "bool", aside: true, get: func(r *readingFact) starlark.Value { return truth(r.HasSockets) }},
		{name: "epoll", typ: "list of epoll_item", aside: true, get: func(r *readingFact) starlark.Value { return r.epoll() }},
		{name: "has_epoll", typ: "bool", aside: true, get: func(r *readingFact) starlark.Value { return truth(r.HasEpoll) }},
		{name: "pipes", typ: "dict of int to pipe_fill", doc: "by descriptor: pipes in which a thread blocks, and standard input and output beside them", aside: true,
			get: func(r *readingFact) starlark.Value {
				d := starlark.NewDict(len(r.Pipes))
				for _, f := range r.FDs { // in the order of descriptors
					if fill, ok := r.Pipes[f.Num]; ok {
						_ = d.SetKey(starlark.MakeInt(f.Num), newRecord(fillKind, fill, "procfs", r.At))
					}
				}
				return d
			}},
	},
}

var fillKind = &kind[probe.PipeFill]{
	name: "pipe_fill",
	doc:  "How much lies in a pipe.",
	text: func(f probe.PipeFill) string { return fmt.Sprintf("%d of %d bytes", f.Bytes, f.Capacity) },
	fields: []field[probe.PipeFill]{
		{name: "bytes", typ: "int", doc: "unread", get: func(f probe.PipeFill) starlark.Value { return integer(f.Bytes) }},
		{name: "capacity", typ: "int", doc: "bytes", get: func(f probe.PipeFill) starlark.Value { return integer(f.Capacity) }},
		{name: "full", typ: "bool", doc: "less than a page of room is left: a write may block", get: func(f probe.PipeFill) starlark.Value {
			return truth((&probe.Pipe{Fill: &f}).Full())
		}},
	},
}
