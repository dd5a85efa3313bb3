package pystack

import (
	"encoding/binary"
	"fmt"
)

// python reads the objects of one CPython. What it knows of types, code and
// strings it keeps: it is made anew for each try.
type python struct {
	*memory
	o     offsets
	at    place
	minor int

	types map[uint64]*pyType // nil: no type
	codes map[uint64]*code
	strs  map[uint64]string
	keys  map[uint64][]entry
	none  uint64
	hash  *hashing // nil: not known
}

func newPython(m *memory, at place) (*python, error) {
	row := tables[at.Version]
	if row == nil {
		return nil, fmt.Errorf("CPython %v is %w: its layout is not in our table, which goes from 3.8 to 3.15", at, ErrUnsupported)
	}
	p := &python{memory: m, o: *row, at: at, minor: at.minor(), types: map[uint64]*pyType{},
		codes: map[uint64]*code{}, strs: map[uint64]string{}, keys: map[uint64][]entry{}}
	if p.o.RtTstateCurrent != 0 && at.Arch == "arm64" {
		p.o.RtTstateCurrent += 16 // a pthread_mutex_t is longer there, and lies before it
	}
	if p.o.DbgSize == 0 {
		return p, nil
	}
	err := guard(func() {
		own := m.read(at.Runtime, int(p.o.DbgSize))
		for _, t := range told {
			where := t.at(&p.o)
			if where == 0 {
				continue
			}
			v := binary.LittleEndian.Uint64(own[where:])
			if v > 1<<20 {
				fail(at.Runtime+where, "_Py_DebugOffsets holds %d: %w", v, ErrLayout)
			}
			*t.put(&p.o) = v
		}
	})
	return p, err
}

// pyType is a Python type.
type pyType struct {
	addr   uint64
	name   string // tp_name
	basic  uint64 // tp_basicsize
	flags  uint64
	dictAt int64            // tp_dictoffset
	slots  map[string]int64 // where an instance keeps an attribute; -1 in its dict
}

// Flags of a type, Include/object.h.
const (
	inlineValues = 1 << 2 // 3.13+
	managedDict  = 1 << 4 // 3.11+
	heapType     = 1 << 9
	typeSubclass = 1 << 31
)

func (p *python) typeOf(obj uint64) *pyType { return p.typeAt(p.u64(obj + 8)) }

// typeAt reads a type; what is none is a fault: this is where a stray pointer
// ends.
func (p *python) typeAt(t uint64) *pyType {
	if x, ok := p.types[t]; ok {
		if x == nil {
			fail(t, "no type")
		}
		return x
	}
	p.types[t] = nil
	if p.u64(p.u64(t+8)+p.o.TpFlags)&typeSubclass == 0 {
		fail(t, "no type")
	}
	x := &pyType{addr: t, slots: map[string]int64{}, name: p.text(p.u64(t + p.o.TpName)), basic: p.u64(t + p.o.TpBasic),
		flags: p.u64(t + p.o.TpFlags), dictAt: int64(p.u64(t + p.o.TpDictOff))}
	p.types[t] = x
	return x
}

func (p *python) isType(obj uint64, name string) bool {
	return obj != 0 && p.typeOf(obj).name == name
}

func (p *python) isNone(obj uint64) bool {
	if p.none == 0 && p.isType(obj, "NoneType") {
		p.none = obj
	}
	return obj == 0 || obj == p.none
}

// maxText bounds a string: more is cut.
const maxText = 1 << 16

// str reads a string; "" when it is none, or one of the forms before 3.12 that
// nothing has asked for yet.
func (p *python) str(s uint64) string {
	if v, ok := p.strs[s]; ok {
		return v
	}
	if !p.isType(s, "str") {
		return ""
	}
	n := min(p.u64(s+p.o.UniLen), maxText)
	state := p.u32(s + p.o.UniState) // interned, kind, compact, ascii: Include/cpython/unicodeobject.h
	kind, compact, ascii := state>>2&7, state>>5&1 == 1, state>>6&1 == 1
	if !compact || kind == 0 {
		return ""
	}
	at := s + p.o.UniCompact
	if ascii {
		at = s + p.o.UniAscii
	}
	b := p.read(at, int(n)*int(kind))
	out := string(b)
	if !ascii {
		runes := make([]rune, n)
		for i := range runes {
			switch kind {
			case 1:
				runes[i] = rune(b[i])
			case 2:
				runes[i] = rune(binary.LittleEndian.Uint16(b[2*i:]))
			case 4:
				runes[i] = rune(binary.LittleEndian.Uint32(b[4*i:]))
			}
		}
		out = string(runes)
	}
	p.strs[s] = out
	return out
}

// strIs reports whether a string equals want, and mostly reads its length only.
func (p *python) strIs(s uint64, want string) bool {
	if v, ok := p.strs[s]; ok {
		return v == want
	}
	return p.u64(s+p.o.UniLen) == uint64(len(want)) && p.str(s) == want
}

func (p *python) bytesOf(b uint64) []byte {
	n := p.u64(b + 16)
	if n > 1<<22 {
		fail(b, "bytes of %d", n)
	}
	return p.read(b+p.o.BytesVal, int(n))
}

func (p *python) tuple(t uint64) []uint64 {
	n := p.u64(t + 16)
	if n > 1<<16 {
		fail(t, "a tuple of %d", n)
	}
	return p.words(t+p.o.TupItems, int(n))
}

func (p *python) list(l uint64) []uint64 {
	n, at := p.link(l+16), p.u64(l+24)
	if n > 1<<20 {
		fail(l, "a list of %d", n)
	}
	return p.words(at, int(n))
}

// sizeOfSet is how many members a set has.
func (p *python) sizeOfSet(s uint64) uint64 { return p.link(s + 24) }

// set lists the members of a set, in the order of its table.
func (p *python) set(s uint64) []uint64 {
	used, mask, table := p.sizeOfSet(s), p.u64(s+32), p.link(s+40)
	if mask >= 1<<20 || used > mask {
		fail(s, "a set of %d in %d", used, mask)
	}
	out := make([]uint64, 0, used)
	slots := p.words(table, 2*int(mask+1)) // key and hash
	for i := 0; i < len(slots); i += 2 {
		const dummy = ^uint64(0) // hash of what was taken out
		if key := slots[i]; key != 0 && slots[i+1] != dummy {
			out = append(out, key)
		}
	}
	return out
}

// int reads a small integer: what is larger than three digits of 30 bits is cut.
func (p *python) int(o uint64) int64 {
	digits, negative := uint64(0), false
	tag := p.u64(o + 16)
	if p.minor >= 12 {
		digits, negative = tag>>3, tag&3 == 2
	} else {
		n := int64(tag)
		negative = n < 0
		digits = uint64(max(n, -n))
	}
	v := int64(0)
	for i := int64(min(digits, 3)) - 1; i >= 0; i-- {
		v = v<<30 | int64(p.u32(o+24+uint64(i)*4))
	}
	if negative {
		return -v
	}
	return v
}

func (p *python) isTrue(o uint64) bool { return p.isType(o, "bool") && p.int(o) != 0 }
