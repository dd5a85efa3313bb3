// Package builtins is what a recipe can call: thin wrappers that unpack
// arguments, let package probe look, and wrap what it saw.
//
//	recipe  ──ps(match = …)──▶  builtins  ──PS(ctx, host, …)──▶  probe  ──▶  /proc
//	        ◀──[process, …]───            ◀──[]Process, error──
//
// A builtin returns facts, with their source and time. It judges nothing:
// thresholds and advice stand in the recipe, where a user reads and changes
// them. An empty list means "looked, and found none"; could-not-look is an
// error. None is unknown.
package builtins

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

// Options say on what the builtins work.
type Options struct {
	Host probe.Host // nil: the table serves for documentation and checks only
	// Journals is the directory for notes of what must be put back, see
	// probe.Journal; "" = none.
	Journals string
	Stdin    io.Reader // what "-" stands for where logs are named; nil: nothing
}

// Table is every builtin, in the order of the reference. Make one table a run:
// it remembers what the run could not read and which trees it met.
func Table(o Options) []engine.Builtin {
	w := &world{host: o.Host, journals: o.Journals, seen: map[probe.Coverage]bool{}, pythons: map[probe.ID]*python{}, sheds: map[string]*probe.GitWorktree{}, logFiles: probe.Logs{Stdin: o.Stdin}}
	return append([]engine.Builtin{
		w.ps(),
		w.threads(),
		w.wchan(),
		w.signals(),
		w.fds(),
		w.ss(),
		w.epoll(),
		w.pipes(),
		w.locks(),
		w.listeners(),
		w.udsFiles(),
		w.shm(),
		w.machine(),
		w.pystack(),
		w.pystacks(),
		w.tasks(),
		w.sample(),
		w.waits(),
		graphBuiltin(),
		w.tree(),
		w.captured(),
		w.coverage(),
		w.pkill(),
		w.pytest(),
		w.mainGuard(),
		w.boot(),
		w.bare(),
		tomlDecode(),
		w.freePort(),
		w.loggingChain(),
		w.findings(),
		w.read(),
		w.notThere(),
		readTable(),
		w.junit(),
		w.pysource(),
	}, slices.Concat(w.logsTable(), w.gitTable(), statsTable())...)
}

// world is what the builtins of one run share.
type world struct {
	host     probe.Host
	journals string
	logFiles probe.Logs

	mu       sync.Mutex
	rows     []probe.Coverage // what was read and what could not be, so far, equal rows once
	seen     map[probe.Coverage]bool
	suite    string                        // that pytest ran last
	hangs    int                           // of pytest, so far: names their captures
	sheds    map[string]*probe.GitWorktree // throw-away work trees that are there, by path
	trees    []*tree                       // that the recipe made: pkill asks how many are faulted
	restored []restoration                 // of git.in_place, in order
	pythons  map[probe.ID]*python          // that pystacks read last
	hung     map[probe.ID]string           // suites of pytest, by their process, the first of its tree
}

var errNoHost = errors.New("there is no machine to look at")

// look lets a probe look, puts its coverage into the stream, and makes its
// error one that says "could not look".
func (w *world) look(call *engine.Call, do func(context.Context, probe.Host) (starlark.Value, error)) (starlark.Value, error) {
	if w.host == nil {
		return nil, &blind{probe: call.Name, err: errNoHost}
	}
	var ledger probe.Ledger
	value, err := do(probe.WithLedger(call.Context, &ledger), w.host)
	rows := ledger.Rows()
	for _, r := range rows {
		if call.Cover != nil {
			call.Cover(event.Coverage{Probe: r.Probe, PID: r.PID, Status: r.Status, Detail: r.Detail, Remedy: r.Remedy})
		}
	}
	w.mu.Lock()
	for _, r := range rows {
		if !w.seen[r] {
			w.seen[r] = true
			w.rows = append(w.rows, r)
		}
	}
	w.mu.Unlock()
	if err != nil {
		return nil, couldNotLook(call.Context, w.host, call.Name, err, rows)
	}
	return value, nil
}
