package builtins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/lazyregexp"
)

// hangWatch takes the evidence of a run that hangs before that is ended: the
// recipe looks, through a recorder, and what it read becomes a capture beside
// the record.
type hangWatch struct {
	world *world
	call  *engine.Call
	suite string
	over  string            // why it should have ended
	say   starlark.Callable // nil: nobody looks, the capture is taken all the same
	stand func() event.View // what is known of a run that the user ends

	evidence string // the capture's path; "" none
	err      error  // of the recipe's function
}

const (
	// lookApart lies between the two samples of a capture that no recipe took.
	lookApart = time.Second
	// hurry is that for who pressed Ctrl-C.
	hurry = 200 * time.Millisecond
)

// look is called on the step's own goroutine, while its thread waits in pytest.
func (h *hangWatch) look(ctx context.Context, tree []probe.ID, doing map[int]string) {
	interrupted := h.call.Context.Err() != nil
	if interrupted { // said at once: the engine does not wait long for a step that was told to end
		h.call.Show(h.stand())
	}
	said := len(h.call.Findings())
	recorder := probe.NewRecorder(bounded{h.world.host, ctx})
	procs := processesOf(ctx, recorder, tree)
	if len(procs) == 0 {
		return // it ended at this very moment
	}
	hung := probe.CapturedTree{Overdue: h.over, Doing: doing}
	for _, p := range procs {
		hung.PIDs = append(hung.PIDs, p.PID)
	}
	if interrupted {
		hung.Overdue = "" // it may have been well
	}
	if h.say != nil && !interrupted {
		h.ask(ctx, recorder, procs, hung)
	}
	h.save(ctx, recorder, procs, hung, h.call.Findings()[said:], interrupted)
}

// processesOf reads who hangs the way `ps` does, so that a capture answers it.
func processesOf(ctx context.Context, host probe.Host, tree []probe.ID) []probe.Process {
	query := probe.PSQuery{Relatives: true}
	for _, id := range tree {
		query.PIDs = append(query.PIDs, id.PID)
	}
	found, _ := probe.PS(ctx, host, query) // an error names who ended meanwhile
	return slices.DeleteFunc(found, func(p probe.Process) bool { return !slices.Contains(tree, p.ID) })
}

// ask calls the recipe's function, with the recorder in the place of the host.
//
// A thread that is cancelled stays so; that is undone where it was only this
// call that took too long.
func (h *hangWatch) ask(ctx context.Context, recorder *probe.Recorder, procs []probe.Process, hung probe.CapturedTree) {
	w := h.world
	t := w.chosen(procs, hung, h.call.Findings)
	w.mu.Lock()
	if w.hung == nil {
		w.hung = map[probe.ID]string{}
	}
	w.hung[procs[0].ID] = h.suite // what is drawn of it says whose it is
	w.mu.Unlock()
	host := w.host
	w.host = recorder
	defer func() { w.host = host }()

	stop := context.AfterFunc(ctx, func() { h.call.Thread.Cancel("on_hang took too long") })
	_, err := starlark.Call(h.call.Thread, h.say, starlark.Tuple{t}, nil)
	stop()
	late := ctx.Err() != nil
	if late {
		h.call.Thread.Uncancel()
		if ended := context.Cause(h.call.Context); ended != nil {
			h.call.Thread.Cancel(ended.Error())
		}
	}
	var unknown engine.Unknownable
	switch {
	case err == nil:
	case late:
		h.cover("timeout", "it took longer than the run's end may wait", "")
	case errors.As(err, &unknown):
		h.cover("denied", err.Error(), unknown.Remedy())
	default:
		h.err = err
	}
}

func (h *hangWatch) cover(status, detail, remedy string) {
	h.call.Cover(event.Coverage{Probe: "on_hang", Status: status, Detail: detail, Remedy: remedy})
}

// save writes the capture. The recipe may have looked once or never; a capture
// has two samples at least.
func (h *hangWatch) save(ctx context.Context, recorder *probe.Recorder, procs []probe.Process, hung probe.CapturedTree, said []event.Finding, interrupted bool) {
	path, err := h.call.Artefact(h.world.nextHang(h.suite))
	if path == "" {
		if err != nil {
			h.cover("absent", "no capture: "+err.Error(), "")
		}
		return
	}
	meta := probe.SnapshotMeta{Trees: []probe.CapturedTree{hung}}
	if len(recorder.Snapshot(meta, func(int) bool { return true }).Meta.Samples) < 2 {
		over := lookApart
		if interrupted {
			over = hurry
		}
		_, _ = probe.TakeSample(ctx, recorder, procs, over) // what could not be read is missing
	}
	keep := map[int]bool{}
	for _, p := range procs {
		keep[p.PID] = true
	}
	for _, f := range said {
		for _, s := range append(append([]event.Subject{}, f.Victims...), f.Members...) {
			keep[s.PID] = true
		}
		if f.About != nil {
			keep[f.About.PID] = true
		}
	}
	delete(keep, 0)
	if err := writeCapture(path, recorder, meta, func(pid int) bool { return keep[pid] }); err != nil {
		h.cover("absent", "no capture: "+err.Error(), "")
		return
	}
	h.evidence = path
}

// writeCapture writes the file whole or not at all, for nobody but us to read.
func writeCapture(path string, r *probe.Recorder, meta probe.SnapshotMeta, keep func(pid int) bool) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(path)
		}
	}()
	return errors.Join(r.Save(f, meta, keep), f.Close())
}

var notInNames = lazyregexp.New(`[^A-Za-z0-9._-]+`)

// nextHang names a capture: hang-tests_a.py-1.tar.gz.
func (w *world) nextHang(suite string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hangs++
	name := strings.Trim(notInNames().ReplaceAllString(filepath.ToSlash(suite), "_"), "_.")
	if len(name) > 80 {
		name = name[len(name)-80:]
	}
	return fmt.Sprintf("hang-%s-%d.tar.gz", name, w.hangs)
}

func wrapped(procs []probe.Process) processList {
	out := make(processList, len(procs))
	for i, p := range procs {
		out[i] = newProcess(p)
	}
	return out
}

// bounded is a host on which nobody sleeps longer than until ends.
type bounded struct {
	probe.Host
	until context.Context
}

func (b bounded) Sleep(ctx context.Context, d time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(b.until, func() { cancel(b.until.Err()) })()
	return b.Host.Sleep(ctx, d)
}
