package builtins

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine/event"
)

func TestATreeIsFaultedByItsCulpritsOnly(t *testing.T) {
	r := newRun(nil).withTree()
	src := `out = [tree(root, [root, alpha, beta]).faulted(), tree(other, [other]).faulted(), tree(root, [beta]).name, [p.pid for p in tree(root, [beta, alpha]).processes]]`
	if got := r.text(t, src); got != `[False, False, "app.py", [100, 101, 102]]` {
		t.Errorf("nothing was found: %s", got)
	}
	found := faultAbout(aProcess(102, 101, "beta"))
	found.Victims = []event.Subject{newProcess(aProcess(200, 1, "")).Subject()}
	r.findings = []event.Finding{found}
	if got := r.text(t, src); !strings.HasPrefix(got, `[True, False`) {
		t.Errorf("beta is a culprit, other a victim: %s", got)
	}
	found.Verdict = event.Warn
	r.findings = []event.Finding{found}
	if got := r.text(t, src); !strings.HasPrefix(got, `[False, False`) {
		t.Errorf("a warning is no fault: %s", got)
	}
	ring := event.Finding{Verdict: event.Fault, Members: []event.Subject{newProcess(aProcess(101, 100, "alpha")).Subject()}}
	r.findings = []event.Finding{ring}
	if got := r.text(t, src); !strings.HasPrefix(got, `[True, False`) {
		t.Errorf("alpha is a member of a ring: %s", got)
	}
}

func TestATreeIsDrawnFromItsRoot(t *testing.T) {
	orphan := aProcess(103, 1, "orphan") // taken over by init
	zombie := aProcess(104, 101, "dead")
	zombie.State = "Z"
	beta := newProcess(aProcess(102, 101, "beta"))
	members := processList{newProcess(zombie), beta, newProcess(orphan), newProcess(aProcess(101, 100, "alpha"))}
	tr := newTree(newProcess(aProcess(100, 1, "")), members, nil)
	tr.it.what[beta.it.ID] = "stopped consuming"
	if got, want := outline(tr.View()), `
app.py (pid 100) | 12m03s | sleeping | python3 -X dev app.py --now
  alpha (pid 101) | 12m03s | sleeping |
    beta (pid 102) | 12m03s | sleeping | stopped consuming
    dead (pid 104) | 12m03s | zombie | ended, not reaped
orphan (pid 103) | 12m03s | sleeping |
`; got != want[1:] {
		t.Errorf("got\n%swant\n%s", got, want[1:])
	}
}

func outline(v event.View) string {
	depth := map[string]int{}
	var b strings.Builder
	for _, n := range v.Nodes {
		if n.Parent != "" {
			depth[n.ID] = depth[n.Parent] + 1
		}
		line := strings.Repeat("  ", depth[n.ID]) + n.Label + " | " + strings.Join(n.Cells, " | ")
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// TestParentsInACircleAreDrawn: a pid that was handed out again between two
// readings can make it look so.
func TestParentsInACircleAreDrawn(t *testing.T) {
	root := newProcess(aProcess(100, 101, ""))
	tr := newTree(root, processList{root, newProcess(aProcess(101, 100, "a"))}, nil)
	if got := len(tr.View().Nodes); got != 2 {
		t.Errorf("%d of 2 were drawn", got)
	}
}

func TestTreeTakesNotesOnProcessesOnly(t *testing.T) {
	r := newRun(nil).withTree()
	wantError(t, r.fails(t, `tree(root, [beta], what = {"beta": "x"})`), "want a dict of process to string")
	wantError(t, r.fails(t, `tree(root, [beta], doing = {beta: 1})`), `"doing": want a dict of process to string`)
	wantError(t, r.fails(t, `tree(root, [1])`), "element 0 is 1, want process or tree")
}

func TestAGraphTellsUnknownHoldersApart(t *testing.T) {
	beta, alpha := aProcess(102, 101, "beta"), aProcess(101, 100, "alpha")
	s := newSample(&probe.Sample{Pairs: []probe.Pair{{First: probe.Reading{Process: alpha}, Second: probe.Reading{Process: alpha}}, {First: probe.Reading{Process: beta}, Second: probe.Reading{Process: beta}}}})
	r := newRun(nil)
	r.names["edges"] = starlark.NewList([]starlark.Value{
		s.edge(probe.Edge{Waiter: alpha.ID, Kind: "recv", Text: "a"}),
		s.edge(probe.Edge{Waiter: beta.ID, Kind: "recv", Text: "b"}),
		s.edge(probe.Edge{Waiter: beta.ID, HolderText: "10.0.0.1:443", Kind: "send", Text: "c"}),
		s.edge(probe.Edge{Waiter: alpha.ID, HolderText: "10.0.0.1:443", Kind: "send", Text: "d"}),
		s.edge(probe.Edge{Waiter: alpha.ID, HolderText: "/tmp/fifo", Kind: "fifo_open", Text: "e"}),
	})
	got := r.text(t, `
g = graph(edges)
out = [(str(n), [p.name for p in g.victims([n])], [e.text for e in g.edges_of(n)]) for n in g.sinks]`)
	want := `[("place(unknown)", ["alpha"], ["a"]), ("place(unknown)", ["beta"], ["b"]), ("place(10.0.0.1:443)", ["alpha", "beta"], ["c", "d"]), ("place(/tmp/fifo)", ["alpha"], ["e"])]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	view := newGraph([]*edge{s.edge(probe.Edge{Waiter: alpha.ID}).(*edge), s.edge(probe.Edge{Waiter: beta.ID}).(*edge)}).View()
	ids := map[string]bool{}
	for _, n := range view.Nodes {
		ids[n.ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("want four corners, got %v", ids)
	}
	wantError(t, r.fails(t, `graph([1])`), "graph: for parameter \"edges\": element 0 is 1, want edge")
	wantError(t, r.fails(t, `graph(edges).victims("beta")`), `victims: got "beta", want process or place`)
}
