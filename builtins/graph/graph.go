// Package graph answers questions about who waits for whom.
//
//	root ──▶ alpha ──▶ beta        beta is a sink: everybody's wait ends there
//	                    ▲          root, alpha, gamma are its victims
//	         gamma ─────┘
//
// An edge says that From waits for To. Nothing here knows what a node is, or
// touches a machine. All answers come in the order in which nodes and edges
// were first said, so that equal graphs give equal reports, and all take time
// linear in nodes and edges.
package graph

// Edge says that From waits for To; Label is whatever the caller knows of that
// wait.
type Edge[N comparable, L any] struct {
	From, To N
	Label    L
}

// Graph is a set of edges. It never changes.
type Graph[N comparable, L any] struct {
	nodes []N
	index map[N]int
	edges []Edge[N, L]
	out   [][]int // by node: the nodes for which it waits, once an edge
	in    [][]int // by node: the nodes that wait for it
}

// New makes the graph of these edges. Two edges between the same nodes are
// kept apart: a process may wait for another in two ways.
func New[N comparable, L any](edges []Edge[N, L]) *Graph[N, L] {
	g := &Graph[N, L]{index: map[N]int{}, edges: append([]Edge[N, L](nil), edges...)}
	for _, e := range g.edges {
		from, to := g.node(e.From), g.node(e.To)
		g.out[from] = append(g.out[from], to)
		g.in[to] = append(g.in[to], from)
	}
	return g
}

func (g *Graph[N, L]) node(n N) int {
	i, ok := g.index[n]
	if !ok {
		i = len(g.nodes)
		g.index[n] = i
		g.nodes = append(g.nodes, n)
		g.out = append(g.out, nil)
		g.in = append(g.in, nil)
	}
	return i
}

// Nodes returns every node that some edge names.
func (g *Graph[N, L]) Nodes() []N { return append([]N(nil), g.nodes...) }

// Edges returns the edges.
func (g *Graph[N, L]) Edges() []Edge[N, L] { return append([]Edge[N, L](nil), g.edges...) }

// Sinks returns the nodes for which others wait, and which wait for nobody:
// where the waiting ends. A node that waits for itself is a cycle, not a sink.
func (g *Graph[N, L]) Sinks() []N {
	var sinks []N
	for i, n := range g.nodes {
		if len(g.in[i]) > 0 && len(g.out[i]) == 0 {
			sinks = append(sinks, n)
		}
	}
	return sinks
}

// Victims returns the nodes that wait, however indirectly, for a member of
// set; never a member itself, though it may wait for another member.
func (g *Graph[N, L]) Victims(set []N) []N {
	reached := make([]bool, len(g.nodes))
	member := make([]bool, len(g.nodes))
	var queue []int
	for _, n := range set {
		if i, ok := g.index[n]; ok && !member[i] {
			member[i], reached[i] = true, true
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, waiter := range g.in[i] {
			if !reached[waiter] {
				reached[waiter] = true
				queue = append(queue, waiter)
			}
		}
	}
	var victims []N
	for i, n := range g.nodes {
		if reached[i] && !member[i] {
			victims = append(victims, n)
		}
	}
	return victims
}

// EdgesOf returns the edges that touch a member of set: first those between
// members, which make a ring, then those that lead in or out.
func (g *Graph[N, L]) EdgesOf(set []N) []Edge[N, L] {
	member := map[N]bool{}
	for _, n := range set {
		member[n] = true
	}
	var within, across []Edge[N, L]
	for _, e := range g.edges {
		switch from, to := member[e.From], member[e.To]; {
		case from && to:
			within = append(within, e)
		case from || to:
			across = append(across, e)
		}
	}
	return append(within, across...)
}
