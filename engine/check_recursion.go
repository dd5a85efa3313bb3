package engine

import (
	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// callSite is a place in a function that calls another of the same file.
type callSite struct {
	at   syntax.Position
	from *syntax.DefStmt
	to   *syntax.DefStmt
}

// callSites are the places where the functions of a file call each other by
// name, in the order of the text. A function within another is one of its own:
// what it says is done when it is called.
func (p *page) callSites() []callSite {
	if p.sites != nil {
		return p.sites
	}
	named := map[*syntax.Ident]*syntax.DefStmt{} // by the first mention of a name that means one function for ever
	for _, n := range p.code {
		if def, ok := n.(*syntax.DefStmt); ok && len(p.origins[firstOf(def.Name)]) == 1 {
			named[firstOf(def.Name)] = def
		}
	}
	p.sites = []callSite{}
	var walk func(n syntax.Node, from *syntax.DefStmt)
	walk = func(root syntax.Node, from *syntax.DefStmt) {
		syntax.Walk(root, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.DefStmt:
				if n == root {
					return true
				}
				walk(n, n)
				return false
			case *syntax.LambdaExpr:
				return false // called by whoever gets it
			case *syntax.CallExpr:
				if to := p.called(n, named); to != nil && from != nil {
					start, _ := n.Span()
					p.sites = append(p.sites, callSite{start, from, to})
				}
			}
			return true
		})
	}
	walk(p.module.syntax, nil)
	return p.sites
}

// called is the function of the file that a call names; nil for any other.
func (p *page) called(call *syntax.CallExpr, named map[*syntax.Ident]*syntax.DefStmt) *syntax.DefStmt {
	id, ok := unparen(call.Fn).(*syntax.Ident)
	if !ok {
		return nil
	}
	if b, ok := id.Binding.(*resolve.Binding); ok && b.Scope == resolve.Global {
		return p.defs[id.Name] // a global name is bound once
	}
	return named[firstOf(id)]
}

// recursion finds functions that come back to themselves, at the call that
// closes the ring: Starlark refuses it, the first time that it is done.
func (k *checking) recursion() {
	below := map[*syntax.DefStmt][]callSite{}
	var order []*syntax.DefStmt
	for _, s := range k.page.callSites() {
		if below[s.from] == nil {
			order = append(order, s.from)
		}
		below[s.from] = append(below[s.from], s)
	}
	done, onTheWay := map[*syntax.DefStmt]bool{}, []*syntax.DefStmt{}
	var visit func(def *syntax.DefStmt)
	visit = func(def *syntax.DefStmt) {
		done[def], onTheWay = true, append(onTheWay, def)
		for _, s := range below[def] {
			ring := ""
			for _, d := range onTheWay {
				if d == s.to || ring != "" {
					ring += d.Name.Name + " → "
				}
			}
			switch {
			case ring != "":
				k.say("recursion", position(s.at), "loop instead: for _ in range(10000), over a list of what is still to be done", "%s%s: Starlark has no recursion", ring, s.to.Name.Name)
			case !done[s.to]:
				visit(s.to)
			}
		}
		onTheWay = onTheWay[:len(onTheWay)-1]
	}
	for _, def := range order {
		if !done[def] {
			visit(def)
		}
	}
}
