package engine

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The Starlark library counts computation steps, and not what the values weigh;
// an allocation that fails ends the process, and a session with all its names.
// So an input is refused before: growth is looked at while it runs, and what
// grows in one step, x * n, is weighed beforehand.

// room is how much memory the values of a session may take; nil: as much as there is.
type room struct {
	most uint64 // bytes on the heap
	max  uint64 // of them those of the session
}

// growth is what an input may use without a question: less is noise.
const growth = 1 << 20

func newRoom(max uint64) *room {
	if max == 0 {
		return nil
	}
	runtime.GC()
	return &room{most: used() + max, max: max}
}

// used are the bytes of all objects on the heap, also of those that nobody needs
// any more and that were not swept yet.
func used() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// exceeded reports whether more than most is needed, and not just more unswept.
func (r *room) exceeded() bool {
	if used() <= r.most {
		return false
	}
	runtime.GC()
	return used() > r.most
}

// errNoRoom is the error of a computation that needed too much.
var errNoRoom = errors.New("no room")

// within calls fn, and ends its thread when that needs too much. Errors: that of
// fn, or errNoRoom.
func (r *room) within(thread *starlark.Thread, fn func() error) error {
	if r == nil {
		return fn()
	}
	before, tooMuch, done, ended := used(), false, make(chan struct{}), make(chan struct{})
	grew := func() bool { return r.exceeded() && used() > before+growth }
	go func() {
		defer close(ended)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for look := r.most; ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if used() <= look {
				continue
			}
			if grew() {
				tooMuch = true
				thread.Cancel("memory")
				return
			}
			look = max(r.most, used()+r.max/8) // what nobody needs: not every look shall sweep
		}
	}()
	err := fn()
	close(done)
	<-ended
	if tooMuch || grew() {
		return errNoRoom
	}
	return err
}

// refusal is the error of an input, at pos, that needed too much.
func (r *room) refusal(pos string) error {
	debug.FreeOSMemory()
	err := &ScriptError{Pos: pos, Msg: fmt.Sprintf("used more than %d MiB of memory", r.max>>20)}
	if used() > r.most {
		err.Hint = "what is at hand still does: set the largest name to None"
	}
	return err
}

// weigh lets the sums and products of a statement say beforehand that they do
// not fit: x * n becomes fits(x, n) * n, where n can be had twice. It returns the
// names that the statement needs for that.
func (r *room) weigh(stmt syntax.Stmt) starlark.StringDict {
	if r == nil {
		return nil
	}
	names := starlark.StringDict{"range": r.numbers()}
	for _, op := range []syntax.Token{syntax.STAR, syntax.PLUS} {
		for at := range 2 {
			names[weighing(op, at)] = r.fits(op, at)
		}
	}
	seen := map[syntax.Node]bool{}
	syntax.Walk(stmt, func(n syntax.Node) bool {
		if n == nil || seen[n] {
			return n != nil && !seen[n]
		}
		seen[n] = true
		switch n := n.(type) {
		case *syntax.BinaryExpr:
			switch {
			case n.Op != syntax.STAR && n.Op != syntax.PLUS:
			case repeatable(n.Y, 3):
				n.X = weighed(n.Op, 0, n.OpPos, n.X, n.Y)
			case repeatable(n.X, 3):
				n.Y = weighed(n.Op, 1, n.OpPos, n.X, n.Y)
			}
		case *syntax.AssignStmt:
			op := map[syntax.Token]syntax.Token{syntax.STAR_EQ: syntax.STAR, syntax.PLUS_EQ: syntax.PLUS}[n.Op]
			if name, ok := n.LHS.(*syntax.Ident); ok && op != 0 {
				n.RHS = weighed(op, 1, n.OpPos, &syntax.Ident{NamePos: name.NamePos, Name: name.Name}, n.RHS)
			}
		}
		return true
	})
	return names
}

// weighing is the name of a fits. No person can type it.
func weighing(op syntax.Token, at int) string { return fmt.Sprintf("%s %d·", op, at) }

func weighed(op syntax.Token, at int, pos syntax.Position, x, y syntax.Expr) syntax.Expr {
	fits := &syntax.Ident{NamePos: pos, Name: weighing(op, at)}
	return &syntax.CallExpr{Fn: fits, Lparen: pos, Args: []syntax.Expr{x, y}, Rparen: pos}
}

// repeatable reports whether an expression may be computed twice: nobody sees it,
// and it costs little.
func repeatable(e syntax.Expr, depth int) bool {
	if depth == 0 {
		return false
	}
	all := func(of ...syntax.Expr) bool {
		for _, e := range of {
			if !repeatable(e, depth-1) {
				return false
			}
		}
		return true
	}
	switch e := e.(type) {
	case *syntax.Ident, *syntax.Literal:
		return true
	case *syntax.ParenExpr:
		return all(e.X)
	case *syntax.UnaryExpr:
		return e.X != nil && all(e.X)
	case *syntax.BinaryExpr:
		return all(e.X, e.Y)
	case *syntax.ListExpr:
		return len(e.List) <= 8 && all(e.List...)
	case *syntax.TupleExpr:
		return len(e.List) <= 8 && all(e.List...)
	}
	return false
}

// fits gives one of its two arguments back, unless what becomes of both needs too
// much memory.
func (r *room) fits(op syntax.Token, give int) *starlark.Builtin {
	return starlark.NewBuiltin(op.String(), func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		if need := result(op, args[0], args[1]); need > growth && float64(used())+need > float64(r.most) && (need > float64(r.max) || r.full(need)) {
			return nil, fmt.Errorf("the result would need %s of memory, and of %s %s are left", mebibytes(need), mebibytes(float64(r.max)), mebibytes(max(0, float64(r.most)-float64(used()))))
		}
		return args[give], nil
	})
}

// full reports whether so many bytes have no place any more.
func (r *room) full(need float64) bool {
	runtime.GC()
	return float64(used())+need > float64(r.most)
}

func mebibytes(n float64) string { return grouped(int64(min(n, 1<<60))>>20) + " MiB" }

// result are the bytes of x + y or x * y, of texts and lists; 0 of all else.
func result(op syntax.Token, x, y starlark.Value) float64 {
	if op == syntax.PLUS {
		return weight(x) + weight(y)
	}
	times, ok := x.(starlark.Int)
	if !ok {
		times, ok = y.(starlark.Int)
		y = x
	}
	if !ok {
		return 0
	}
	return weight(y) * max(0, float64(times.Float()))
}

// weight are the bytes of a text or of the elements of a list; 0 of all else.
func weight(v starlark.Value) float64 {
	switch v := v.(type) {
	case starlark.String:
		return float64(len(v))
	case starlark.Bytes:
		return float64(len(v))
	case *starlark.List:
		return 16 * float64(v.Len())
	case starlark.Tuple:
		return 16 * float64(len(v))
	}
	return 0
}

// numbers is range(…), refused where a list of it would not fit: list(range(n))
// is one step.
func (r *room) numbers() starlark.Value {
	return starlark.NewBuiltin("range", func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		v, err := starlark.Call(thread, starlark.Universe["range"], args, kwargs)
		if err != nil {
			return nil, err
		}
		if n := starlark.Len(v); float64(n)*16 > float64(r.max) {
			return nil, fmt.Errorf("range: a list of %s numbers would need %s of memory; a session has %d MiB", grouped(int64(n)), mebibytes(float64(n)*16), r.max>>20)
		}
		return v, nil
	})
}
