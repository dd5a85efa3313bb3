package builtins

import (
	"fmt"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/graph"
	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func graphBuiltin() engine.Builtin {
	return engine.Builtin{
		Name: "graph",
		Doc: "The graph of who waits for whom.\n\n" +
			"Follow every wait to its end: `sinks` are the ends, `cycles` the rings that have none, `victims` all who wait for either. " +
			"It counts the edges that it is given, so filter them first. `show` draws it.",
		Params:  []engine.Arg{{Name: "edges", Type: "list of edge", Doc: "Of `waits`."}},
		Returns: "graph",
		Example: `graph([e for e in waits(looks) if e.unchanged]).sinks`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var given starlark.Value
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "edges", &given); err != nil {
				return nil, err
			}
			var edges []*edge
			err := each(given, "edge", func(v starlark.Value) bool {
				e, ok := v.(*edge)
				edges = append(edges, e)
				return ok
			})
			if err != nil {
				return nil, fmt.Errorf("%s: for parameter \"edges\": %w", call.Name, err)
			}
			return newGraph(edges), nil
		},
	}
}

// node is what the graph compares: a process by its id, anything else by what
// it is called. An unknown holder is one node for each waiter, so that two
// unknowns are never taken for one culprit.
type node struct {
	id      probe.ID
	task    *task // of that process; nil: the whole
	place   string
	unknown bool
}

type waitGraph struct{ record[*graphFact] }

type graphFact struct {
	*graph.Graph[node, *edge]
	values map[node]starlark.Value // *process or *place
}

func newGraph(edges []*edge) *waitGraph {
	g := &graphFact{values: map[node]starlark.Value{}}
	pairs := make([]graph.Edge[node, *edge], len(edges))
	for i, e := range edges {
		from := node{id: e.it.Waiter, task: e.it.waiterTask}
		to := node{id: e.it.Holder, task: e.it.holderTask}
		g.values[from] = orTask(e.it.waiter, e.it.waiterTask)
		if e.it.holder != nil {
			g.values[to] = orTask(e.it.holder, e.it.holderTask)
		} else {
			to = node{place: e.it.HolderText}
			if to.place == "" {
				to = node{id: e.it.Waiter, task: e.it.waiterTask, unknown: true}
			}
			if g.values[to] == nil {
				g.values[to] = &place{*newRecord(placeKind, to.place, e.source, e.at)}
			}
		}
		pairs[i] = graph.Edge[node, *edge]{From: from, To: to, Label: e}
	}
	g.Graph = graph.New(pairs)
	return &waitGraph{*newRecord(graphKind, g, "", time.Time{})}
}

func orTask(p *process, t *task) starlark.Value {
	if t != nil {
		return t
	}
	return p
}

// place is a holder that is not a process of the sample.
type place struct{ record[string] }

var placeKind = &kind[string]{
	name: "place",
	doc:  "What is waited for where it is not a process of the sample: an address, a path, a process outside.",
	text: func(s string) string { return orUnknown(s) },
	fields: []field[string]{
		{name: "text", typ: "string or None", doc: "None: unknown", get: func(s string) starlark.Value { return orNone(s) }},
	},
}

// Subject makes a place what a finding can be about.
func (p *place) Subject() event.Subject {
	if strings.HasPrefix(p.it, "/") {
		return event.Subject{Type: "path", Path: p.it}
	}
	return event.Subject{Type: "address", Address: orUnknown(p.it)}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func (g *graphFact) list(nodes []node) *starlark.List {
	return listOf(nodes, func(n node) starlark.Value { return g.values[n] })
}

func (g *graphFact) edgeList(edges []graph.Edge[node, *edge]) *starlark.List {
	return listOf(edges, func(e graph.Edge[node, *edge]) starlark.Value { return e.Label })
}

// nodes reads the argument of victims and edges_of: one node, or several. One
// of which the graph knows nothing waits for nobody and is no error.
func (g *graphFact) nodes(name string, args starlark.Tuple, kwargs []starlark.Tuple) ([]node, error) {
	var given starlark.Value
	if err := starlark.UnpackArgs(name, args, kwargs, "of", &given); err != nil {
		return nil, err
	}
	var set []node
	err := each(given, "process or place", func(v starlark.Value) bool {
		switch v := v.(type) {
		case *process:
			set = append(set, node{id: v.it.ID})
		case *place:
			for _, n := range g.Nodes() {
				if g.values[n] == v || n.place != "" && n.place == v.it {
					set = append(set, n)
				}
			}
		default:
			return false
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return set, nil
}

var graphKind = &kind[*graphFact]{
	name: "graph",
	doc:  "Who waits for whom. Nodes are process values, task values where the edges lead to tasks, and place values for what is not a process of the sample: type(n) tells them apart.",
	text: func(g *graphFact) string {
		return fmt.Sprintf("%d nodes, %d edges", len(g.Nodes()), len(g.Edges()))
	},
	fields: []field[*graphFact]{
		{name: "nodes", typ: "list of process or task or place", doc: "every one that an edge names", get: func(g *graphFact) starlark.Value { return g.list(g.Nodes()) }},
		{name: "edges", typ: "list of edge", doc: "as given", get: func(g *graphFact) starlark.Value { return g.edgeList(g.Edges()) }},
		{name: "sinks", typ: "list of process or task or place", doc: "others wait for these, and these for nobody", get: func(g *graphFact) starlark.Value { return g.list(g.Sinks()) }},
		{name: "cycles", typ: "list of list of process or task or place", doc: "each ring of those that all wait for each other, and each that waits for itself",
			get: func(g *graphFact) starlark.Value {
				return listOf(g.Cycles(), func(ring []node) starlark.Value { return g.list(ring) })
			}},
		{name: "victims", typ: "function(of) → list of process", doc: "all that wait, however indirectly, for a member of the list `of`; never a member", aside: true,
			get: func(g *graphFact) starlark.Value {
				return method("victims", func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
					set, err := g.nodes("victims", args, kwargs)
					if err != nil {
						return nil, err
					}
					return g.list(g.Victims(set)), nil
				})
			}},
		{name: "edges_of", typ: "function(of) → list of edge", doc: "the edges between members of `of`, then those that lead to or from one: the evidence", aside: true,
			get: func(g *graphFact) starlark.Value {
				return method("edges_of", func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
					set, err := g.nodes("edges_of", args, kwargs)
					if err != nil {
						return nil, err
					}
					return g.edgeList(g.EdgesOf(set)), nil
				})
			}},
	},
}

// View draws the graph.
func (g *waitGraph) View() event.View {
	view := event.View{Kind: "graph", Title: "Who waits for whom", Nodes: []event.Node{}}
	name := map[node]string{}
	for i, n := range g.it.Nodes() {
		if t, ok := g.it.values[n].(*task); ok {
			name[n] = fmt.Sprintf("task:%d", i)
			view.Nodes = append(view.Nodes, event.Node{ID: name[n], Label: t.label()})
			continue
		}
		subject := g.it.values[n].(engine.Subjecter).Subject()
		name[n] = subject.Key()
		if n.unknown {
			name[n] = fmt.Sprintf("unknown:%d@%d", n.id.PID, n.id.Start)
		}
		view.Nodes = append(view.Nodes, event.Node{ID: name[n], Label: subject.Label(), Subject: &subject})
	}
	for _, e := range g.it.Edges() {
		view.Edges = append(view.Edges, event.Edge{
			From: name[e.From], To: name[e.To], Kind: e.Label.it.Kind, Label: e.Label.it.Text,
			Certain: e.Label.it.Certain, Unchanged: e.Label.it.Unchanged,
		})
	}
	return view
}

var (
	_ engine.Viewer    = (*waitGraph)(nil)
	_ engine.Subjecter = (*place)(nil)
)
