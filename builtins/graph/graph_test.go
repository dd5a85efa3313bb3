package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// waits reads "root>alpha alpha>beta": root waits for alpha, …
func waits(text string) *Graph[string, int] {
	var edges []Edge[string, int]
	for i, word := range strings.Fields(text) {
		from, to, _ := strings.Cut(word, ">")
		edges = append(edges, Edge[string, int]{from, to, i})
	}
	return New(edges)
}

func TestWhoIsToBlame(t *testing.T) {
	tests := []struct {
		name, edges string
		sinks       string // "beta gamma"
		cycles      string // "a,b c,d"
		set         string
		victims     string
		edgesOf     string // labels: the position of the edge
	}{
		{name: "nobody waits"},
		{name: "a chain ends at its leaf", edges: "root>alpha alpha>beta",
			sinks: "beta", set: "beta", victims: "root alpha", edgesOf: "1"},
		{name: "two culprits at once", edges: "root>alpha root>beta",
			sinks: "alpha beta", set: "alpha", victims: "root", edgesOf: "0"},
		{name: "two wait for each other, a third for them", edges: "root>a a>b b>a",
			cycles: "a,b", set: "a b", victims: "root", edgesOf: "1 2 0"},
		{name: "a wait in two ways is two edges and no cycle", edges: "root>a root>a",
			sinks: "a", set: "a", victims: "root", edgesOf: "0 1"},
		{name: "waiting for oneself", edges: "a>a", cycles: "a", set: "a", edgesOf: "0"},
		{name: "two rings that share a node are one", edges: "a>b b>a b>c c>b",
			cycles: "a,b,c", set: "a b c", edgesOf: "0 1 2 3"},
		{name: "a ring that waits for a culprit outside", edges: "a>b b>a b>c",
			sinks: "c", cycles: "a,b", set: "c", victims: "a b", edgesOf: "2"},
		{name: "a stranger has no victims", edges: "a>b", sinks: "b", set: "x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := waits(test.edges)
			set := strings.Fields(test.set)
			var cycles, labels []string
			for _, c := range g.Cycles() {
				cycles = append(cycles, strings.Join(c, ","))
			}
			for _, e := range g.EdgesOf(set) {
				labels = append(labels, fmt.Sprint(e.Label))
			}
			got := []string{strings.Join(g.Sinks(), " "), strings.Join(cycles, " "),
				strings.Join(g.Victims(set), " "), strings.Join(labels, " ")}
			want := []string{test.sinks, test.cycles, test.victims, test.edgesOf}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("sinks, cycles, victims, edges (-want +got):\n%s", d)
			}
		})
	}
}

// TestAgainstBruteForce compares every answer with the one that follows from
// who reaches whom, found by Warshall's cubic closure.
func TestAgainstBruteForce(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		n := 1 + rng.IntN(9)
		edges := make([]Edge[int, int], rng.IntN(2*n+1))
		for i := range edges {
			edges[i] = Edge[int, int]{rng.IntN(n), rng.IntN(n), i}
		}
		g := New(edges)

		named := map[int]bool{}
		in, out := map[int]bool{}, map[int]bool{}
		reach := make([][]bool, n)
		for i := range reach {
			reach[i] = make([]bool, n)
		}
		for _, e := range edges {
			named[e.From], named[e.To] = true, true
			out[e.From], in[e.To] = true, true
			reach[e.From][e.To] = true
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		set := []int{rng.IntN(n), rng.IntN(n)}

		var sinks, victims []int
		rings := map[string]bool{}
		for i := range n {
			if in[i] && !out[i] {
				sinks = append(sinks, i)
			}
			if !slices.Contains(set, i) && (reach[i][set[0]] || reach[i][set[1]]) {
				victims = append(victims, i)
			}
			if reach[i][i] {
				var ring []int
				for j := range n {
					if reach[i][j] && reach[j][i] {
						ring = append(ring, j)
					}
				}
				rings[fmt.Sprint(ring)] = true
			}
		}
		gotRings := map[string]bool{}
		for _, ring := range g.Cycles() {
			gotRings[fmt.Sprint(sorted(ring))] = true
		}
		if d := cmp.Diff([]any{sinks, victims, rings, len(named)},
			[]any{sorted(g.Sinks()), sorted(g.Victims(set)), gotRings, len(g.Nodes())}); d != "" {
			t.Fatalf("seed %d, edges %v, set %v: sinks, victims, rings, nodes (-want +got):\n%s", seed, edges, set, d)
		}
	}
}

func sorted(s []int) []int {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// TestTimeIsLinear holds a chain and a ring of a hundred thousand to a time
// that anything quadratic exceeds a hundred times over.
func TestTimeIsLinear(t *testing.T) {
	const n = 100_000
	edges := make([]Edge[int, int], 0, n)
	for i := range n - 1 {
		edges = append(edges, Edge[int, int]{From: i, To: i + 1})
	}
	start := time.Now()
	chain := New(edges)
	if got := chain.Sinks(); len(got) != 1 || got[0] != n-1 {
		t.Errorf("sinks of a chain: %v", got)
	}
	if got := len(chain.Cycles()); got != 0 {
		t.Errorf("a chain has %d cycles", got)
	}
	if got := len(chain.Victims([]int{n - 1})); got != n-1 {
		t.Errorf("victims of the end of a chain: %d", got)
	}
	ring := New(append(edges, Edge[int, int]{From: n - 1, To: 0}))
	if got := ring.Cycles(); len(got) != 1 || len(got[0]) != n {
		t.Errorf("a ring of %d gave %d cycles", n, len(got))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// BenchmarkBlame is all that a recipe asks, of a tree of 40 and of a machine
// full of waiters.
func BenchmarkBlame(b *testing.B) {
	for _, n := range []int{40, 10_000} {
		var edges []Edge[int, int]
		for i := 1; i < n; i++ {
			edges = append(edges, Edge[int, int]{From: i / 2, To: i}, Edge[int, int]{From: i, To: i / 3})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				g := New(edges)
				g.Cycles()
				g.Victims(g.Sinks())
			}
		})
	}
}
