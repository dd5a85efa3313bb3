package graph

import "slices"

// Cycles returns the rings: each largest set of nodes that all wait for each
// other, and each node that waits for itself. Nodes and rings stand in the
// order in which the graph first met them.
//
// A ring here is a strongly connected component, not one walk around it: two
// rings that share a node are one, because nobody in either can go on.
func (g *Graph[N, L]) Cycles() [][]N {
	var rings [][]int
	for _, c := range g.components() {
		if len(c) > 1 || slices.Contains(g.out[c[0]], c[0]) {
			slices.Sort(c)
			rings = append(rings, c)
		}
	}
	slices.SortFunc(rings, func(a, b []int) int { return a[0] - b[0] })

	var cycles [][]N
	for _, ring := range rings {
		names := make([]N, len(ring))
		for k, i := range ring {
			names[k] = g.nodes[i]
		}
		cycles = append(cycles, names)
	}
	return cycles
}

// components is Tarjan's algorithm (Depth-first search and linear graph
// algorithms, 1972), with a stack of its own: a chain of a million waiters must
// not become a million frames.
func (g *Graph[N, L]) components() [][]int {
	type frame struct{ node, next int } // next: how many of out[node] were followed
	var (
		found [][]int
		order = make([]int, len(g.nodes)) // when it was entered, from 1; 0 = not yet
		low   = make([]int, len(g.nodes)) // the earliest open node that it reaches
		open  = make([]bool, len(g.nodes))
		path  []int // open nodes, in order of entry
		calls []frame
		clock int
	)
	enter := func(i int) {
		clock++
		order[i], low[i], open[i] = clock, clock, true
		path = append(path, i)
		calls = append(calls, frame{node: i})
	}
	for root := range g.nodes {
		if order[root] != 0 {
			continue
		}
		enter(root)
		for len(calls) > 0 {
			top := &calls[len(calls)-1]
			i := top.node
			if top.next < len(g.out[i]) {
				j := g.out[i][top.next]
				top.next++
				if order[j] == 0 {
					enter(j)
				} else if open[j] {
					low[i] = min(low[i], order[j])
				}
				continue
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				above := calls[len(calls)-1].node
				low[above] = min(low[above], low[i])
			}
			if low[i] == order[i] {
				at := len(path) - 1 // from the end: a search from the front is quadratic on a chain
				for path[at] != i {
					at--
				}
				component := slices.Clone(path[at:])
				path = path[:at]
				for _, j := range component {
					open[j] = false
				}
				found = append(found, component)
			}
		}
	}
	return found
}
