package pystack

import "strings"

// code is a code object.
type code struct {
	addr       uint64
	file, name string
	first      int // line
	table      []byte
	variables  []uint64 // their names, as objects
}

func (p *python) code(at uint64) *code {
	if x, ok := p.codes[at]; ok {
		return x
	}
	if !p.isType(at, "code") {
		fail(at, "no code object")
	}
	name := p.o.CoName
	if p.o.CoQualname != 0 {
		name = p.o.CoQualname
	}
	p.prefetch([]uint64{p.u64(at + p.o.CoFilename), p.u64(at + name), p.u64(at + p.o.CoLines), p.u64(at + p.o.CoVarnames)})
	x := &code{addr: at, file: p.nameOr(p.u64(at+p.o.CoFilename), "<no file>"), name: p.nameOr(p.u64(at+name), "<no name>"), first: int(p.i32(at + p.o.CoFirst)),
		table: p.bytesOf(p.u64(at + p.o.CoLines))}
	// Before 3.11 what closures share stands in tuples of its own, and behind the
	// others in the frame; a parameter among it is in both, and empty here.
	for _, names := range []uint64{p.o.CoVarnames, p.o.CoCellvars, p.o.CoFreevars} {
		if names == 0 {
			continue
		}
		x.variables = append(x.variables, p.tuple(p.u64(at+names))...)
	}
	p.codes[at] = x
	return x
}

// nameOr is a string, or other where it is a string and empty, which generated
// code may have; "" when it is none.
func (p *python) nameOr(s uint64, other string) string {
	if p.isType(s, "str") && p.u64(s+p.o.UniLen) == 0 {
		return other
	}
	return p.str(s)
}

// of reports whether the code is from a file of a library: "trio/_sync.py".
func (c *code) of(file string) bool {
	return strings.HasSuffix(c.file, "/"+file) || c.file == file
}

// method reports whether the code is of a method with that name.
func (c *code) method(name string) bool {
	return c.name == name || strings.HasSuffix(c.name, "."+name)
}

// frame is a frame of the interpreter, that of a coroutine as well.
type frame struct {
	addr  uint64
	code  *code // nil: a frame of the interpreter's own, of no Python
	lasti int   // byte offset of the last instruction
	line  int
}

// tagged masks the tag of a reference on the stack, 3.14+.
const tagged = ^uint64(3)

func (p *python) frame(f uint64) frame {
	x := frame{addr: f}
	const ownedByInterpreter = 3 // enum _frameowner: FRAME_OWNED_BY_CSTACK and what follows
	if p.minor >= 12 && p.u8(f+p.o.FrOwner) >= ownedByInterpreter {
		return x
	}
	at := p.link(f+p.o.FrCode) & tagged
	if !p.isType(at, "code") {
		return x
	}
	x.code = p.code(at)
	switch {
	case p.minor >= 11:
		x.lasti = int(int64(p.link(f+p.o.FrInstr) - (at + p.o.CoCode)))
	case p.minor == 10:
		x.lasti = int(p.i32(f+p.o.FrInstr)) * 2
	default:
		x.lasti = int(p.i32(f + p.o.FrInstr))
	}
	x.line = lineAt(p.minor, x.code.table, x.code.first, max(x.lasti, 0))
	return x
}

// local is a variable of a frame; 0 it is not there, or not set.
func (p *python) local(f frame, name string) uint64 {
	for i, s := range f.code.variables {
		if p.strIs(s, name) {
			if v := p.variable(f, i); v != 0 {
				return v
			}
		}
	}
	return 0
}

func (p *python) variable(f frame, i int) uint64 {
	v := p.u64(f.addr+p.o.FrLocals+uint64(i)*8) & tagged
	if v != 0 && p.isType(v, "cell") {
		v = p.u64(v + 16)
	}
	return v
}

// slots lists the objects to which a frame that does not run refers: its
// variables, cells as such, and what it has on its stack. What is borrowed there,
// from 3.14 on, is left out, for it is not counted.
func (p *python) slots(f frame) (out []uint64) {
	from := f.addr + p.o.FrLocals
	to := from
	switch {
	case p.minor >= 14:
		to = p.u64(f.addr + p.o.FrStack)
	case p.minor >= 11:
		to += uint64(max(p.i32(f.addr+p.o.FrStack), 0)) * 8
	case p.minor == 10:
		to = p.u64(f.addr+p.o.FrValueStack) + uint64(max(p.i32(f.addr+p.o.FrStack), 0))*8
	default:
		to = p.u64(f.addr + p.o.FrStack)
	}
	if to < from || to-from > 1<<16 {
		fail(f.addr, "a frame of %d bytes", int64(to-from))
	}
	words := p.words(from, int(to-from)/8)
	switch p.minor { // f_locals: a dict that somebody asked for, as trio did before 0.29
	case 8, 9, 10:
		words = append(words, p.u64(f.addr+p.o.FrValueStack-8))
	case 11:
		words = append(words, p.u64(f.addr+p.o.FrCode-8))
	case 12:
		words = append(words, p.u64(f.addr+p.o.FrInstr-16))
	}
	for _, v := range words {
		if v != 0 && v&^tagged == 0 {
			out = append(out, v)
		}
	}
	return out
}

// show is the frame as it is told; locals: with the types of its variables.
func (p *python) show(f frame, locals bool) Frame {
	out := Frame{Func: f.code.name, File: f.code.file, Line: f.line, first: f.code.first}
	if !locals {
		return out
	}
	for i, name := range f.code.variables {
		_ = try(func() {
			if v := p.variable(f, i); v != 0 {
				out.Locals = append(out.Locals, Local{p.str(name), p.typeOf(v).name})
			}
		})
	}
	return out
}
