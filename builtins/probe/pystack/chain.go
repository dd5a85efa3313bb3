package pystack

// link of an await chain: a coroutine or generator with its frame, or what
// stands at the end of the chain and has none.
type link struct {
	obj   uint64
	kind  string // name of its type
	frame frame
	state coState
}

type coState int

const (
	suspended coState = iota
	created           // not started
	executing
	finished
)

const maxChain = 4096

// further is the kind of the last link of a chain that goes on, and was not read
// to its end.
const further = "further"

// chain follows a coroutine along what it awaits, to the innermost awaitable.
func (p *python) chain(obj uint64) (out []link) {
	for n := 0; !p.isNone(obj); n++ {
		if n == maxChain {
			return append(out, link{kind: further})
		}
		l := link{obj: obj, kind: p.typeOf(obj).name}
		next := uint64(0)
		switch l.kind {
		case "coroutine", "generator", "async_generator":
			l.frame, l.state, next = p.coroutine(obj)
		case "coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable", "_asyncio.FutureIter":
			obj = p.u64(obj + 16) // each holds what it passes on to in its first field
			continue
		default:
			return append(out, l)
		}
		out = append(out, l)
		obj = next
	}
	return out
}

// coroutine reads a generator object: its frame, and what it awaits now (0
// nothing).
func (p *python) coroutine(g uint64) (frame, coState, uint64) {
	if p.minor <= 10 {
		return p.oldCoroutine(g)
	}
	state := p.i8(g + p.o.GenState)
	if state > int8(p.o.StExec) {
		return frame{}, finished, 0
	}
	at := g + p.o.GenFrame
	f := p.frame(at)
	switch {
	case f.code == nil:
		fail(g, "a coroutine with no code")
	case state == int8(p.o.StExec):
		return f, executing, 0
	case state == int8(p.o.StCreated):
		return f, created, 0
	}
	// Is it at an await? From 3.13 on its state says so; before, the next
	// instruction is RESUME with an argument of 2 (yield from) or 3 (await).
	if p.minor >= 13 {
		yieldFrom := int8(p.o.StYieldFrom)
		if state != yieldFrom && (p.minor < 15 || state != yieldFrom+1) { // 3.15: +1 is its locked form
			return f, suspended, 0
		}
	} else {
		const resume, resumeQuick, instrumentedResume = 151, 150, 240
		next := f.code.addr + p.o.CoCode + uint64(f.lasti) + 2
		op, arg := p.u8(next), p.u8(next+1)
		if op != resume && op != resumeQuick && op != instrumentedResume || arg < 2 {
			return f, suspended, 0
		}
	}
	switch {
	case p.minor >= 15: // SEND keeps a null or an index above the receiver
		return f, suspended, p.u64(p.link(at+p.o.FrStack)-16) & tagged
	case p.minor == 14:
		return f, suspended, p.u64(p.link(at+p.o.FrStack)-8) & tagged
	}
	if n := p.i32(at + p.o.FrStack); n > 0 && n < 1<<16 {
		return f, suspended, p.link(at + p.o.FrLocals + uint64(n-1)*8)
	}
	return f, suspended, 0
}

// oldCoroutine is coroutine up to 3.10, when a frame was an object.
func (p *python) oldCoroutine(g uint64) (frame, coState, uint64) {
	at := p.link(g + p.o.GenFrame)
	if at == 0 {
		return frame{}, finished, 0
	}
	f := p.frame(at)
	if f.code == nil {
		fail(g, "a coroutine with no code")
	}
	runs, top := false, uint64(0)
	if p.minor == 10 {
		const suspendedState, executingState = -1, 0 // enum _framestate
		state := p.i8(at + p.o.FrState)
		runs = state == executingState
		if depth := p.i32(at + p.o.FrStack); state == suspendedState && depth > 0 {
			top = p.u64(p.u64(at+p.o.FrValueStack) + uint64(depth-1)*8)
		}
	} else {
		runs = p.u8(at+p.o.FrState) != 0
		if stack := p.link(at + p.o.FrStack); stack > p.u64(at+p.o.FrValueStack) {
			top = p.u64(stack - 8)
		}
	}
	switch {
	case runs:
		return f, executing, 0
	case f.lasti < 0:
		return f, created, 0
	case top == 0:
		return f, suspended, 0
	}
	const yieldFrom = 72 // the next opcode
	if p.u8(p.u64(f.code.addr+p.o.CoCode)+p.o.BytesVal+uint64(f.lasti)+2) != yieldFrom {
		top = 0
	}
	return f, suspended, top
}

// framesOf shows the frames of a chain, outermost first.
func (p *python) framesOf(chain []link, locals bool) (out []Frame) {
	for _, l := range chain {
		if l.frame.code != nil {
			out = append(out, p.show(l.frame, locals))
		}
	}
	return out
}
