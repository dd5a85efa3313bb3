package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// output is what becomes of the events of one run.
type output struct {
	event.Sink
	job      job
	text     *os.File // where people read the run
	terminal *sink.Terminal
	record   *recording // nil: nothing is recorded
	finish   func()     // closes the sinks and says how to see the run again
}

// output opens the sinks. When stdout carries data, the text for people goes
// to stderr.
func (d *door) output(r *runFlags, j job) *output {
	o := &output{job: j}
	text := d.out
	var sinks []event.Sink
	record := &recording{want: r.record, job: j}
	if !r.noRecord {
		o.record = record
		sinks = append(sinks, record) // first: whatever else breaks, it is on disk
	}
	if r.json || r.jsonl {
		text = os.Stderr
		data := sink.NewJSON(d.out)
		if r.jsonl {
			data = sink.NewJSONL(d.out)
		}
		sinks = append(sinks, data)
	}
	if r.sarifTo != nil {
		sinks = append(sinks, r.sarifTo.sink())
	}
	o.text = text
	o.terminal = sink.NewTerminal(text, r.terminal(text, true))
	sinks = append(sinks, o.terminal)
	if !isTerminal(text) {
		sinks = append(sinks, sink.NewProgress(os.Stderr, sink.Heartbeat))
	}

	o.Sink = event.Tee(func(s event.Sink, err error) {
		switch {
		case s == record && r.record != "":
			d.lose(err) // it was asked for
		case s == record:
			o.terminal.Clear()
			fmt.Fprintf(d.err, "runbook: %v\n", err)
		default:
			d.lose(err)
		}
	}, sinks...)
	still := ticking(o.terminal, isTerminal(text))
	o.finish = func() {
		still()
		_ = o.Close()
		if f, ok := d.err.(*os.File); ok && isTerminal(f) && record.kept() {
			what := j.ID
			if r.record != "" {
				what = r.record
			}
			fmt.Fprintf(f, "recorded: runbook replay %s\n", what)
		}
	}
	return o
}

// ticking moves the progress line on while a run only waits, until the function
// that it returns is called.
func ticking(t *sink.Terminal, live bool) (still func()) {
	if !live {
		return func() {}
	}
	every := time.NewTicker(100 * time.Millisecond)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case now := <-every.C:
				t.Tick(now)
			case <-done:
				return
			}
		}
	}()
	return func() {
		every.Stop()
		close(done)
	}
}

// artefact implements keeper.
func (o *output) artefact(name string) (string, error) {
	if o.record == nil || !o.record.kept() {
		return "", nil
	}
	if name == sink.EventsFile {
		return "", fmt.Errorf("%s is the record itself", name)
	}
	return filepath.Abs(filepath.Join(o.record.dir, name))
}

// recording is the record sink of a run, made when the first event comes: a
// command line that turns out wrong leaves no empty record behind.
type recording struct {
	want string // directory; "" = one in the list of runs
	job  job

	mu     sync.Mutex
	dir    string
	sink   event.Sink
	failed bool
}

func (r *recording) Write(e event.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed {
		return nil
	}
	if r.sink == nil {
		if err := r.open(); err != nil {
			r.failed = true
			return fmt.Errorf("not recorded: %w", err)
		}
	}
	if err := r.sink.Write(e); err != nil {
		r.failed = true
		return fmt.Errorf("recording stopped: %w", err)
	}
	return nil
}

// open begins the record. In the list of runs the oldest make room.
func (r *recording) open() (err error) {
	r.dir = r.want
	if r.dir == "" {
		all, err := runsDir()
		if err != nil {
			return err
		}
		runs := sink.Runs{Dir: all}
		if r.dir, err = runs.Create(r.job.Recipe, r.job.ID, time.Now()); err != nil {
			return err
		}
		_ = runs.Prune(sink.KeepRuns) // next time, then
	}
	r.sink, err = sink.NewRecord(r.dir)
	return err
}

func (r *recording) Close() error {
	if r.sink == nil {
		return nil
	}
	err := r.sink.Close()
	if err != nil && !r.failed {
		r.failed = true
		return fmt.Errorf("recording stopped: %w", err)
	}
	return nil
}

func (r *recording) kept() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sink != nil && !r.failed
}
