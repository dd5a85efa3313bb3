package builtins

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) waits() engine.Builtin {
	return engine.Builtin{
		Name: "waits",
		Doc: "Who waits for whom, derived from a sample: unread queues, blocked sends, waitpid, pipes, locks, accept queues.\n\n" +
			"An edge says what is `certain`, and what was `unchanged` between the looks. Both are facts; what they prove is for the recipe to say.",
		Params: []engine.Arg{
			{Name: "sample", Type: "sample", Doc: "What `sample` returned."},
			{Name: "stacks", Type: "dict of process to python", Default: "{}", Doc: "Of `pystacks`: adds the waits of the tasks of these, from a process through its tasks, and who holds what they wait for, to the end of a socket."},
		},
		Returns: "list of edge",
		Example: `[e for e in waits(looks) if e.unchanged and not e.holder_armed]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var v starlark.Value
			stacks := &starlark.Dict{}
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "sample", &v, "stacks?", &stacks); err != nil {
				return nil, err
			}
			s, ok := v.(*sample)
			if !ok {
				return nil, fmt.Errorf("%s: for parameter \"sample\": got %s, want sample", call.Name, v.Type())
			}
			of := listOf(probe.Waits(s.it.Sample), s.edge)
			inside, err := s.taskEdges(stacks)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			for _, e := range inside {
				_ = of.Append(e)
			}
			return of, nil
		},
	}
}

type edge = record[*edgeFact]

type edgeFact struct {
	probe.Edge
	waiter *process
	holder *process // nil: not a process of the sample
	at     time.Time

	waiterTask, holderTask *task // of these; nil: the process as a whole
}

func (s *sample) edge(e probe.Edge) starlark.Value {
	f := &edgeFact{Edge: e, waiter: s.process(e.Waiter), at: s.at}
	if e.Holder != (probe.ID{}) {
		f.holder = s.process(e.Holder)
	}
	return newRecord(edgeKind, f, "sample", s.at)
}

// process is the process of id; one that nothing but its id is known of when
// the sample lacks it, which would be a mistake of probe.Waits.
func (s *sample) process(id probe.ID) *process {
	if p := s.it.byID[id]; p != nil {
		return p.it.process
	}
	return newProcess(probe.Process{ID: id, UID: -1})
}

// holderText names the holder, process or not; "" unknown.
func (e *edgeFact) holderText() string {
	if e.holderTask != nil {
		return e.holderTask.label()
	}
	if e.holder != nil {
		return subjectOf(e.holder.it).Label()
	}
	return e.HolderText
}

var edgeKind = &kind[*edgeFact]{
	name: "edge",
	doc:  "One process waits for another, or for something that is not a process of the sample.",
	text: func(e *edgeFact) string {
		return fmt.Sprintf("%s waits for %s: %s", subjectOf(e.waiter.it).Label(), e.holderText(), e.Text)
	},
	fields: []field[*edgeFact]{
		{name: "waiter", typ: "process", get: func(e *edgeFact) starlark.Value { return e.waiter }},
		{name: "holder", typ: "process or None", doc: "None: not a process of the sample", aside: true, get: func(e *edgeFact) starlark.Value {
			if e.holder == nil {
				return starlark.None
			}
			return e.holder
		}},
		{name: "waiter_task", typ: "task or None", doc: "of the waiter; None: it is the process", aside: true, get: func(e *edgeFact) starlark.Value { return orNoTask(e.waiterTask) }},
		{name: "holder_task", typ: "task or None", doc: "of the holder; None: it is the process", aside: true, get: func(e *edgeFact) starlark.Value { return orNoTask(e.holderTask) }},
		{name: "holder_text", typ: "string or None", doc: "the holder's label; an address or path when it is no process of the sample; None unknown",
			get: func(e *edgeFact) starlark.Value { return orNone(e.holderText()) }},
		{name: "kind", typ: "string", doc: "unread, send, recv, connect, accept, waitpid, pipe_write, pipe_read, lock, vfork, traced, fifo_open, tty; with `stacks` also task, from a process to one of its tasks, and the kinds of task_wait",
			get: func(e *edgeFact) starlark.Value { return text(e.Kind) }},
		{name: "text", typ: "string", doc: `for people: "45,815 bytes unread on fd 8, unchanged over 1.0s"`, get: func(e *edgeFact) starlark.Value { return text(e.Text) }},
		{name: "certain", typ: "bool", doc: "a thread is seen blocked in a call that only the holder can end; bytes that lie unread do not prove that their sender waits",
			get: func(e *edgeFact) starlark.Value { return truth(e.Certain) }},
		{name: "unchanged", typ: "bool", doc: "the same at both looks; of unread bytes: none was read between them", get: func(e *edgeFact) starlark.Value { return truth(e.Unchanged) }},
		{name: "grew", typ: "bool", doc: "more came to the unread bytes between the looks", get: func(e *edgeFact) starlark.Value { return truth(e.Grew) }},
		{name: "holder_armed", typ: "bool", doc: "an event loop of the holder is waiting to read exactly this", get: func(e *edgeFact) starlark.Value { return truth(e.HolderArmed) }},
		{name: "loop", typ: "bool", doc: "False: a thread beside the main one waits", get: func(e *edgeFact) starlark.Value { return truth(e.Loop) }},
		{name: "fd", typ: "int or None", doc: "the holder's for unread and accept, else the waiter's", get: func(e *edgeFact) starlark.Value { return unless(-1, e.FD) }},
		{name: "bytes", typ: "int or None", doc: "unread or unsent", get: func(e *edgeFact) starlark.Value { return unless(-1, e.Bytes) }},
		{name: "evidence", typ: "dict", doc: "the facts that prove it, by name, with their type, source and time", get: edgeEvidence},
	},
}

// edgeEvidence puts first what tells one piece of evidence from another. Of two
// facts with one name the first counts: a blocked thread is what proves the
// wait, the socket in which it blocks says the same descriptor again.
func edgeEvidence(e *edgeFact) starlark.Value {
	facts := starlark.StringDict{"type": text(e.Kind), "source": text("procfs"), "at": moment(e.at)}
	names := []string{"type", "source", "at"}
	seen := map[string]bool{}
	for _, f := range e.Facts {
		if seen[f.Name] {
			continue
		}
		seen[f.Name] = true
		if !facts.Has(f.Name) {
			names = append(names, f.Name)
		}
		facts[f.Name] = said(f.Value)
	}
	d := starlark.NewDict(len(names))
	for _, name := range names {
		_ = d.SetKey(starlark.String(name), facts[name])
	}
	return d
}

// said wraps a probe.Fact's value.
func said(v any) starlark.Value {
	switch v := v.(type) {
	case bool:
		return truth(v)
	case int:
		return integer(v)
	case int64:
		return integer(v)
	case uint64:
		return unsigned(v)
	case string:
		return text(v)
	case time.Duration:
		return span(v)
	case nil:
		return starlark.None
	default:
		return text(fmt.Sprint(v))
	}
}
