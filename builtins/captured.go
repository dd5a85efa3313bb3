package builtins

import (
	"context"
	"slices"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) captured() engine.Builtin {
	return engine.Builtin{
		Name: "captured",
		Doc: "The trees that whoever took this capture had chosen.\n\n" +
			"What a run left behind when it hung, or what `runbook capture --pid` was told: of plain programs nothing else says that they belong together.",
		Returns: "list of tree; [] on a machine that lives, and for a capture that does not say",
		Example: `[t for t in captured() if t.overdue]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(call.Name, args, kwargs); err != nil {
				return nil, err
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				var trees []starlark.Value
				for _, c := range probe.Captured(h) {
					found, _ := probe.PS(ctx, h, probe.PSQuery{PIDs: c.PIDs, Relatives: true}) // an error names who had ended
					found = slices.DeleteFunc(found, func(p probe.Process) bool { return !slices.Contains(c.PIDs, p.PID) })
					if len(found) > 0 {
						trees = append(trees, w.chosen(found, c, call.Findings))
					}
				}
				return starlark.NewList(trees), nil
			})
		},
	}
}

// chosen makes a tree of processes that somebody chose, the first of c's pids
// its root.
func (w *world) chosen(procs []probe.Process, c probe.CapturedTree, findings func() []event.Finding) *tree {
	members := wrapped(procs)
	root := members[max(0, slices.IndexFunc(members, func(p *process) bool { return p.it.PID == c.PIDs[0] }))]
	t := newTree(root, members, findings)
	t.it.overdue = c.Overdue
	for _, p := range t.it.processes {
		if text := c.Doing[p.it.PID]; text != "" {
			t.it.doing[p.it.ID] = text
		}
	}
	w.mu.Lock()
	w.trees = append(w.trees, t)
	w.mu.Unlock()
	return t
}
